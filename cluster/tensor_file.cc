#include "cluster/tensor_file.h"

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "cluster/section_file.h"
#include "core/archive.h"
#include "mpc/protocols/input.h"

namespace lutra {
namespace {

constexpr SectionFormat kTables{"LUTRATAB", 1, "tables"};
constexpr SectionFormat kWeights{"LUTRAWTS", 1, "weights"};

// What is said of a tensor before its elements, which are a section of their own.
struct StoredType {
  std::string name;
  int32_t bits = 0;
  std::vector<int64_t> sizes;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(name, bits, sizes);
  }
};
struct StoredTypes {
  std::vector<uint8_t> program;
  std::vector<StoredType> types;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(program, types);
  }
};

struct Named {
  std::string_view name;
  const Tensor* tensor;
};

Status WriteTensors(const std::filesystem::path& path, const SectionFormat& format,
                    const Digest& program, std::span<const Named> tensors) {
  StoredTypes types;
  types.program.assign(program.bytes.begin(), program.bytes.end());
  std::vector<std::span<const std::byte>> sections(1);
  for (const auto& [name, tensor] : tensors) {
    types.types.push_back({std::string(name), tensor->ring().bits(), tensor->shape().sizes()});
    sections.push_back(tensor->raw());
  }
  const std::vector<std::byte> header = WriteArchive(types);
  sections[0] = header;
  return WriteSections(path, format, sections);
}

// A tensor from elements that may be too many, too few, too large.
StatusOr<Tensor> MakeTensor(Ring ring, Shape shape, std::span<const std::byte> bytes) {
  if (bytes.size() != static_cast<size_t>(shape.elements()) * ring.lane_bytes()) {
    return InvalidArgument("expected ", shape.elements(), " elements of ", ring.lane_bytes(),
                           " bytes, found ", bytes.size(), " bytes");
  }
  Tensor tensor(ring, std::move(shape));
  if (!bytes.empty()) std::memcpy(tensor.raw().data(), bytes.data(), bytes.size());
  const bool reduced = WithLane(ring, [&](auto lane) {
    using Lane = decltype(lane);
    Lane all = 0;
    for (const Lane element : std::as_const(tensor).lanes<Lane>()) all |= element;
    return (uint64_t{all} & ~ring.mask()) == 0;
  });
  if (!reduced) return InvalidArgument("expected elements below 2^", ring.bits());
  return tensor;
}

// The same where the type may be wrong too.
StatusOr<Tensor> MakeTensor(const StoredType& type, std::span<const std::byte> bytes) {
  if (!Ring::Valid(type.bits)) {
    return InvalidArgument("ring: expected 1 to 64 bits, found ", type.bits);
  }
  LUTRA_ASSIGN_OR_RETURN(Shape shape, Shape::Make(type.sizes));
  return MakeTensor(Ring(type.bits), std::move(shape), bytes);
}

struct NamedTensor {
  std::string name;
  Tensor tensor;
};

StatusOr<std::vector<NamedTensor>> ReadTensors(const std::filesystem::path& path,
                                               const SectionFormat& format, const Digest& program) {
  LUTRA_ASSIGN_OR_RETURN(auto sections, ReadSections(path, format, Secrecy::kSecret));
  const std::string where = StrCat("'", path.string(), "'");
  LUTRA_ASSIGN_OR_RETURN(const StoredTypes types, ReadArchive<StoredTypes>(sections[0], where));
  Digest found;
  if (types.program.size() != found.bytes.size()) {
    return InvalidArgument(where, ": program: expected a digest of ", found.bytes.size(), " bytes");
  }
  std::copy(types.program.begin(), types.program.end(), found.bytes.begin());
  if (found != program) {
    return InvalidArgument(where, ": program: expected ", program.Hex(), ", found ", found.Hex());
  }
  if (types.types.size() + 1 != sections.size()) {
    return InvalidArgument(where, ": expected ", types.types.size(), " tensors, found ",
                           sections.size() - 1);
  }
  std::vector<NamedTensor> tensors;
  for (size_t i = 0; i < types.types.size(); ++i) {
    StatusOr<Tensor> tensor = MakeTensor(types.types[i], sections[i + 1]);
    if (!tensor.ok()) return Annotate(tensor.status(), StrCat(where, ": tensor ", i));
    tensors.push_back({types.types[i].name, *std::move(tensor)});
    sections[i + 1] = {};  // the most of the file is not held twice
  }
  return tensors;
}

Status CheckType(const Tensor& tensor, Ring ring, const Shape& shape) {
  if (tensor.ring() == ring && tensor.shape() == shape) return absl::OkStatus();
  return InvalidArgument("expected Z_2^", ring.bits(), " ", shape.ToString(), ", found Z_2^",
                         tensor.ring().bits(), " ", tensor.shape().ToString());
}

Shape ShapeOf(const Table& table) { return Shape{table.channels, table.rows()}; }

size_t BytesOf(const Table& table) {
  return static_cast<size_t>(ShapeOf(table).elements()) * table.ring().lane_bytes();
}

Status CheckTable(const Table& table, const Tensor& contents) {
  LUTRA_RETURN_IF_ERROR(CheckType(contents, table.ring(), ShapeOf(table)));
  if (table.is_private) return absl::OkStatus();
  for (size_t i = 0; i < table.contents.size(); ++i) {
    if (contents.At(static_cast<int64_t>(i)) == table.contents[i]) continue;
    return InvalidArgument("entry ", i, " is not the program's");
  }
  return absl::OkStatus();
}

// The inputs of the model owner, by name.
std::map<std::string_view, const ValueType*> ModelInputsOf(const Program& program) {
  std::map<std::string_view, const ValueType*> inputs;
  for (const Node& node : program.nodes()) {
    if (IsInput(node) && OwnerOf(node) == Role::kModelOwner) {
      inputs.emplace(NameOf(node), &node.output_types[0]);
    }
  }
  return inputs;
}

// `weights` has exactly the inputs of the program, each of its type.
Status CheckWeights(const Program& program, const NamedTensors& weights) {
  const auto inputs = ModelInputsOf(program);
  for (const auto& [name, type] : inputs) {
    const auto found = weights.find(name);
    if (found == weights.end()) return InvalidArgument("input ", name, ": missing");
    LUTRA_RETURN_IF_ERROR(
        Annotate(CheckType(found->second, type->ring, type->shape), StrCat("input ", name)));
  }
  if (weights.size() == inputs.size()) return absl::OkStatus();
  return InvalidArgument("expected ", inputs.size(), " inputs of the program, found ",
                         weights.size());
}

}  // namespace

StatusOr<Program> ReadProgramFile(const Registry& registry, const std::filesystem::path& path) {
  constexpr int64_t kMaxProgramBytes = int64_t{1} << 30;
  LUTRA_ASSIGN_OR_RETURN(const std::vector<std::byte> bytes, ReadFile(path, kMaxProgramBytes));
  return ReadProgram(registry, bytes, StrCat("'", path.string(), "'"));
}

Status WriteTables(const std::filesystem::path& path, const Program& program,
                   const TableContents& tables) {
  LUTRA_CHECK(tables.size() == program.tables().size());
  std::vector<Named> named;
  for (size_t i = 0; i < tables.size(); ++i) {
    const Table& table = program.tables()[i];
    LUTRA_RETURN_IF_ERROR(Annotate(CheckTable(table, tables[i]), StrCat("table ", table.name)));
    named.push_back({table.name, &tables[i]});
  }
  return WriteTensors(path, kTables, program.digest(), named);
}

StatusOr<TableContents> ReadTables(const std::filesystem::path& path, const Program& program) {
  LUTRA_ASSIGN_OR_RETURN(std::vector<NamedTensor> tensors,
                         ReadTensors(path, kTables, program.digest()));
  const std::string where = StrCat("'", path.string(), "'");
  if (tensors.size() != program.tables().size()) {
    return InvalidArgument(where, ": expected ", program.tables().size(), " tables, found ",
                           tensors.size());
  }
  TableContents tables;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const Table& table = program.tables()[i];
    if (tensors[i].name != table.name) {
      return InvalidArgument(where, ": table ", i, ": expected the name ", table.name,
                             ", found another");
    }
    LUTRA_RETURN_IF_ERROR(Annotate(CheckTable(table, tensors[i].tensor),
                                   StrCat(where, ": table ", i, " (", table.name, ")")));
    tables.push_back(std::move(tensors[i].tensor));
  }
  return tables;
}

int64_t PackedTablesBytes(const Program& program) {
  int64_t bytes = 0;
  for (const Table& table : program.tables()) bytes += static_cast<int64_t>(BytesOf(table));
  return bytes;
}

Bytes PackTables(const Program& program, const TableContents& tables) {
  LUTRA_CHECK(tables.size() == program.tables().size());
  Bytes bytes;
  bytes.reserve(static_cast<size_t>(PackedTablesBytes(program)));
  for (const Tensor& table : tables) {
    bytes.insert(bytes.end(), table.raw().begin(), table.raw().end());
  }
  return bytes;
}

StatusOr<TableContents> UnpackTables(const Program& program, std::span<const std::byte> bytes) {
  const int64_t expected = PackedTablesBytes(program);
  if (static_cast<int64_t>(bytes.size()) != expected) {
    return InvalidArgument("tables: expected ", expected, " bytes, found ", bytes.size());
  }
  TableContents tables;
  for (const Table& table : program.tables()) {
    StatusOr<Tensor> contents =
        MakeTensor(table.ring(), ShapeOf(table), bytes.first(BytesOf(table)));
    const Status status = contents.ok() ? CheckTable(table, *contents) : contents.status();
    LUTRA_RETURN_IF_ERROR(Annotate(status, StrCat("table ", tables.size(), " (", table.name, ")")));
    tables.push_back(*std::move(contents));
    bytes = bytes.subspan(BytesOf(table));
  }
  return tables;
}

Status WriteWeights(const std::filesystem::path& path, const Program& program,
                    const NamedTensors& weights) {
  LUTRA_RETURN_IF_ERROR(CheckWeights(program, weights));
  std::vector<Named> named;
  for (const auto& [name, tensor] : weights) named.push_back({name, &tensor});
  return WriteTensors(path, kWeights, program.digest(), named);
}

StatusOr<NamedTensors> ReadWeights(const std::filesystem::path& path, const Program& program) {
  LUTRA_ASSIGN_OR_RETURN(std::vector<NamedTensor> tensors,
                         ReadTensors(path, kWeights, program.digest()));
  NamedTensors weights;
  for (NamedTensor& named : tensors) {
    weights.insert_or_assign(std::move(named.name), std::move(named.tensor));
  }
  LUTRA_RETURN_IF_ERROR(Annotate(CheckWeights(program, weights), StrCat("'", path.string(), "'")));
  return weights;
}

}  // namespace lutra
