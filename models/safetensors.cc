#include "models/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "core/file.h"
#include "models/quoted.h"

namespace lutra {
namespace {

static_assert(std::endian::native == std::endian::little, "the file's byte order is used in place");

constexpr size_t kLengthBytes = 8;
constexpr std::string_view kMetadataName = "__metadata__";

struct TypeRow {
  ElementType type;
  std::string_view name;
  size_t bytes;
};
constexpr std::array<TypeRow, 6> kTypes = {{{ElementType::kI8, "I8", 1},
                                            {ElementType::kU8, "U8", 1},
                                            {ElementType::kI16, "I16", 2},
                                            {ElementType::kU16, "U16", 2},
                                            {ElementType::kI32, "I32", 4},
                                            {ElementType::kI64, "I64", 8}}};

// Calls function(T{}) with the C++ type of the elements.
template <class Function>
decltype(auto) WithElement(ElementType type, Function&& function) {
  switch (type) {
    case ElementType::kI8:
      return function(int8_t{});
    case ElementType::kU8:
      return function(uint8_t{});
    case ElementType::kI16:
      return function(int16_t{});
    case ElementType::kU16:
      return function(uint16_t{});
    case ElementType::kI32:
      return function(int32_t{});
    case ElementType::kI64:
      break;
  }
  return function(int64_t{});
}

// One entry of the header, as far as it is a well-formed entry at all.
struct Entry {
  std::string name;
  std::optional<ElementType> type;
  std::optional<std::vector<int64_t>> shape;
  std::optional<std::vector<int64_t>> offsets;
};

// Takes the header apart as it is parsed, so that what the format does not have (other nesting,
// other types, a name twice) is refused at its first byte and nothing is built from it.
class HeaderReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::map<std::string, std::string>& metadata() { return metadata_; }
  std::vector<Entry>& entries() { return entries_; }
  const std::string& error() const { return error_; }

  bool null() override { return Value("null"); }
  bool boolean(bool value) override { return Value(value ? "true" : "false"); }
  bool binary(binary_t& /*value*/) override { return Value("binary data"); }
  bool number_float(double /*value*/, const string_t& text) override { return Value(text); }
  bool number_integer(int64_t value) override {
    return value < 0 ? Value(StrCat(value)) : Size(static_cast<uint64_t>(value));
  }
  bool number_unsigned(uint64_t value) override { return Size(value); }

  bool string(string_t& value) override {
    if (place_ == Place::kMetadata) {
      metadata_[key_] = value;
      return true;
    }
    if (place_ != Place::kTensor || key_ != "dtype") return Value(Quoted(value));
    entries_.back().type = ElementTypeNamed(value);
    if (entries_.back().type) return true;
    return Fail(": expected one of I8, U8, I16, U16, I32, I64, found ", Quoted(value));
  }

  bool start_object(size_t /*size*/) override {
    switch (place_) {
      case Place::kStart:
        place_ = Place::kHeader;
        return true;
      case Place::kHeader:
        place_ = name_ == kMetadataName ? Place::kMetadata : Place::kTensor;
        if (place_ == Place::kTensor) entries_.emplace_back().name = name_;
        return true;
      default:
        return Value("an object");
    }
  }

  bool key(string_t& value) override {
    if (place_ == Place::kHeader) {
      name_ = value;
      key_.clear();
      return names_.insert(value).second || Fail(": expected once, found twice");
    }
    key_ = value;
    if (place_ == Place::kMetadata) {
      return !metadata_.contains(value) || Fail(": expected once, found twice");
    }
    const Entry& entry = entries_.back();
    if (value != "dtype" && value != "shape" && value != "data_offsets") {
      return Fail(": expected only dtype, shape and data_offsets");
    }
    const bool twice = (value == "dtype" && entry.type) || (value == "shape" && entry.shape) ||
                       (value == "data_offsets" && entry.offsets);
    return !twice || Fail(": expected once, found twice");
  }

  bool end_object() override {
    const Place left = place_;
    place_ = Place::kHeader;
    if (left != Place::kTensor) return true;
    const Entry& entry = entries_.back();
    key_ = !entry.type ? "dtype" : !entry.shape ? "shape" : !entry.offsets ? "data_offsets" : "";
    return key_.empty() || Fail(": missing");
  }

  bool start_array(size_t /*size*/) override {
    if (place_ != Place::kTensor || key_ == "dtype") return Value("an array");
    place_ = Place::kSizes;
    Sizes().emplace();
    return true;
  }

  bool end_array() override {
    place_ = Place::kTensor;
    if (key_ != "data_offsets" || Sizes()->size() == 2) return true;
    return Fail(": expected 2 offsets, found ", Sizes()->size());
  }

  bool parse_error(size_t position, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*exception*/) override {
    error_ = StrCat("header: expected JSON in UTF-8, found something else at byte ",
                    kLengthBytes + position - std::min<size_t>(position, 1));
    return false;
  }

 private:
  enum class Place { kStart, kHeader, kMetadata, kTensor, kSizes };

  std::optional<std::vector<int64_t>>& Sizes() {
    return key_ == "shape" ? entries_.back().shape : entries_.back().offsets;
  }

  bool Size(uint64_t value) {
    if (place_ != Place::kSizes || value > uint64_t{std::numeric_limits<int64_t>::max()}) {
      return Value(StrCat(value));
    }
    if (Sizes()->size() >= Shape::kMaxRank) {
      return Fail(": expected at most ", Shape::kMaxRank, " sizes, found more");
    }
    Sizes()->push_back(static_cast<int64_t>(value));
    return true;
  }

  // A value where another kind is expected.
  bool Value(std::string_view found) {
    switch (place_) {
      case Place::kStart:
        error_ = StrCat("header: expected an object, found ", found);
        return false;
      case Place::kHeader:
        return Fail(": expected an object, found ", found);
      case Place::kMetadata:
        return Fail(": expected a string, found ", found);
      case Place::kSizes:
        return Fail(": expected integers from 0 to 2^63-1, found ", found);
      case Place::kTensor:
        break;
    }
    return Fail(
        key_ == "dtype" ? ": expected a string, found " : ": expected an array of integers, found ",
        found);
  }

  template <class... T>
  bool Fail(const T&... message) {
    const std::string where =
        name_ == kMetadataName ? std::string(kMetadataName) : StrCat("tensor ", Quoted(name_));
    const bool field = key_ == "dtype" || key_ == "shape" || key_ == "data_offsets";
    const std::string what =
        key_.empty() ? "" : StrCat(": ", place_ != Place::kMetadata && field ? key_ : Quoted(key_));
    error_ = StrCat(where, what, message...);
    return false;
  }

  Place place_ = Place::kStart;
  std::string name_;  // of the entry
  std::string key_;   // within the entry
  std::set<std::string> names_;
  std::map<std::string, std::string> metadata_;
  std::vector<Entry> entries_;
  std::string error_;
};

// The header's bytes, after checking their number.
StatusOr<std::string_view> HeaderText(std::span<const std::byte> content) {
  if (content.size() < kLengthBytes) {
    return InvalidArgument("header length: expected 8 bytes, found ", content.size());
  }
  uint64_t length = 0;
  std::memcpy(&length, content.data(), kLengthBytes);
  const uint64_t limit =
      std::min<uint64_t>(content.size() - kLengthBytes, kMaxSafetensorsHeaderBytes);
  if (length > limit) {
    return InvalidArgument("header length: expected at most ", limit, ", found ", length);
  }
  const std::string_view text(reinterpret_cast<const char*>(content.data()) + kLengthBytes,
                              static_cast<size_t>(length));
  // The JSON parser would skip a byte order mark and stop at a NUL.
  if (text.empty() || text.front() != '{') {
    return InvalidArgument("header: expected a JSON object from byte 8 on, found ",
                           Quoted(text.substr(0, 8)));
  }
  const size_t nul = text.find('\0');
  if (nul != std::string_view::npos) {
    return InvalidArgument("header: expected JSON, found a NUL at byte ", kLengthBytes + nul);
  }
  return text;
}

// Checks an entry against the data's size; returns its shape.
StatusOr<Shape> CheckedShape(const Entry& entry, size_t data_bytes) {
  StatusOr<Shape> shape = Shape::Make(*entry.shape);
  if (!shape.ok()) return Annotate(shape.status(), "shape");
  const int64_t begin = entry.offsets->front(), end = entry.offsets->back();
  const int64_t bytes = shape->elements() * static_cast<int64_t>(BytesOf(*entry.type));
  if (begin > end || static_cast<uint64_t>(end) > data_bytes || end - begin != bytes) {
    return InvalidArgument("data_offsets: expected ", bytes, " of ", data_bytes, " bytes for ",
                           NameOf(*entry.type), " ", shape->ToString(), ", found [", begin, ", ",
                           end, ")");
  }
  return shape;
}

// Tensors must cover the data without gap or overlap.
Status CheckCoverage(const std::vector<Entry>& entries, size_t data_bytes) {
  std::vector<const Entry*> order;
  for (const Entry& entry : entries) order.push_back(&entry);
  std::sort(order.begin(), order.end(),
            [](const Entry* a, const Entry* b) { return *a->offsets < *b->offsets; });
  int64_t position = 0;
  for (const Entry* entry : order) {
    const int64_t begin = entry->offsets->front();
    if (begin != position) {
      return InvalidArgument("tensor ", Quoted(entry->name), ": data_offsets: expected a begin of ",
                             position, ", found ", begin,
                             begin < position ? " (overlap)" : " (gap)");
    }
    position = entry->offsets->back();
  }
  if (static_cast<uint64_t>(position) != data_bytes) {
    return InvalidArgument("data: expected ", position, " bytes after the header, found ",
                           data_bytes);
  }
  return absl::OkStatus();
}

StatusOr<Safetensors> Parse(std::span<const std::byte> content) {
  LUTRA_ASSIGN_OR_RETURN(const std::string_view text, HeaderText(content));
  HeaderReader header;
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &header)) {
    return InvalidArgument(header.error());
  }
  const std::span<const std::byte> data = content.subspan(kLengthBytes + text.size());
  std::vector<Shape> shapes;
  for (const Entry& entry : header.entries()) {
    StatusOr<Shape> shape = CheckedShape(entry, data.size());
    if (!shape.ok()) return Annotate(shape.status(), StrCat("tensor ", Quoted(entry.name)));
    shapes.push_back(*std::move(shape));
  }
  LUTRA_RETURN_IF_ERROR(CheckCoverage(header.entries(), data.size()));
  // Only now is memory taken, as much as the file has shown to hold.
  Safetensors result;
  result.metadata = std::move(header.metadata());
  for (size_t i = 0; i < shapes.size(); ++i) {
    const Entry& entry = header.entries()[i];
    const auto begin = data.begin() + entry.offsets->front();
    const auto end = data.begin() + entry.offsets->back();
    result.tensors.emplace(entry.name, StoredTensor(*entry.type, std::move(shapes[i]),
                                                    std::vector<std::byte>(begin, end)));
  }
  return result;
}

std::string SerializedHeader(const Safetensors& content, const std::vector<std::string>& order) {
  nlohmann::json header = nlohmann::json::object();
  if (!content.metadata.empty()) header[std::string(kMetadataName)] = content.metadata;
  size_t position = 0;
  for (const std::string& name : order) {
    const StoredTensor& tensor = content.tensors.at(name);
    const size_t end = position + tensor.bytes().size();
    header[name] = {{"dtype", std::string(NameOf(tensor.type()))},
                    {"shape", tensor.shape().sizes()},
                    {"data_offsets", {position, end}}};
    position = end;
  }
  // Invalid UTF-8 in a name is replaced, so this cannot throw.
  std::string text = header.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  text.resize((text.size() + kLengthBytes - 1) / kLengthBytes * kLengthBytes, ' ');
  return text;
}

}  // namespace

std::string_view NameOf(ElementType type) {
  for (const TypeRow& row : kTypes) {
    if (row.type == type) return row.name;
  }
  return "?";
}

std::optional<ElementType> ElementTypeNamed(std::string_view name) {
  for (const TypeRow& row : kTypes) {
    if (row.name == name) return row.type;
  }
  return std::nullopt;
}

size_t BytesOf(ElementType type) {
  return WithElement(type, [](auto element) { return sizeof(element); });
}

StoredTensor::StoredTensor(ElementType type, Shape shape)
    : type_(type),
      shape_(std::move(shape)),
      bytes_(static_cast<size_t>(shape_.elements()) * BytesOf(type)) {}

StoredTensor::StoredTensor(ElementType type, Shape shape, std::vector<std::byte> bytes)
    : type_(type), shape_(std::move(shape)), bytes_(std::move(bytes)) {
  LUTRA_CHECK(bytes_.size() == static_cast<size_t>(shape_.elements()) * BytesOf(type));
}

StoredTensor StoredTensor::Of(ElementType type, Shape shape, std::span<const int64_t> values) {
  StoredTensor tensor(type, std::move(shape));
  LUTRA_CHECK(static_cast<size_t>(tensor.elements()) == values.size());
  for (size_t i = 0; i < values.size(); ++i) tensor.Set(static_cast<int64_t>(i), values[i]);
  return tensor;
}

int64_t StoredTensor::At(int64_t element) const {
  LUTRA_CHECK(element >= 0 && element < elements());
  return WithElement(type_, [&](auto value) -> int64_t {
    std::memcpy(&value, bytes_.data() + static_cast<size_t>(element) * sizeof(value),
                sizeof(value));
    return value;
  });
}

void StoredTensor::Set(int64_t element, int64_t value) {
  LUTRA_CHECK(element >= 0 && element < elements());
  WithElement(type_, [&](auto zero) {
    const auto stored = static_cast<decltype(zero)>(value);
    LUTRA_CHECK(int64_t{stored} == value);
    std::memcpy(bytes_.data() + static_cast<size_t>(element) * sizeof(stored), &stored,
                sizeof(stored));
  });
}

std::vector<int64_t> StoredTensor::Values() const {
  std::vector<int64_t> values(static_cast<size_t>(elements()));
  WithElement(type_, [&](auto value) {
    for (size_t i = 0; i < values.size(); ++i) {
      std::memcpy(&value, bytes_.data() + i * sizeof(value), sizeof(value));
      values[i] = value;
    }
  });
  return values;
}

std::pair<int64_t, int64_t> StoredTensor::Range() const {
  LUTRA_CHECK(elements() > 0);
  int64_t low = At(0), high = At(0);
  for (int64_t i = 1; i < elements(); ++i) {
    const int64_t value = At(i);
    low = std::min(low, value);
    high = std::max(high, value);
  }
  return {low, high};
}

std::span<const int8_t> StoredTensor::Int8() const {
  LUTRA_CHECK(type_ == ElementType::kI8);
  return {reinterpret_cast<const int8_t*>(bytes_.data()), bytes_.size()};
}

std::span<int8_t> StoredTensor::MutableInt8() {
  LUTRA_CHECK(type_ == ElementType::kI8);
  return {reinterpret_cast<int8_t*>(bytes_.data()), bytes_.size()};
}

StatusOr<Safetensors> ReadSafetensors(const std::filesystem::path& path, uint64_t max_bytes) {
  LUTRA_ASSIGN_OR_RETURN(const std::vector<std::byte> content,
                         ReadFile(path, static_cast<int64_t>(max_bytes)));
  return ParseSafetensors(content, path.string());
}

StatusOr<Safetensors> ParseSafetensors(std::span<const std::byte> content, std::string_view name) {
  StatusOr<Safetensors> result = Parse(content);
  if (!result.ok()) return Annotate(result.status(), name);
  return result;
}

Status WriteSafetensors(const std::filesystem::path& path, const Safetensors& content) {
  return WriteFile(path, SerializeSafetensors(content));
}

std::string SerializeSafetensors(const Safetensors& content) {
  std::vector<std::string> order;
  for (const auto& [name, tensor] : content.tensors) order.push_back(name);
  std::stable_sort(order.begin(), order.end(), [&](const std::string& a, const std::string& b) {
    return BytesOf(content.tensors.at(a).type()) > BytesOf(content.tensors.at(b).type());
  });
  const std::string header = SerializedHeader(content, order);
  std::string result(kLengthBytes, '\0');
  const uint64_t length = header.size();
  std::memcpy(result.data(), &length, kLengthBytes);
  result += header;
  for (const std::string& name : order) {
    const std::span<const std::byte> bytes = content.tensors.at(name).bytes();
    result.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  return result;
}

}  // namespace lutra
