#include "cluster/tape_file.h"

#include <fcntl.h>
#include <xxhash.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace lutra {
namespace {

constexpr std::string_view kMagic = "LUTRATAP";
constexpr uint32_t kVersion = 1;
constexpr std::string_view kExtension = ".tape";
constexpr size_t kNumberDigits = 8;
constexpr size_t kIdentifierDigits = 32;
constexpr int64_t kMaxWords = int64_t{1} << 56;

// Where a chunk's checksum is that of its place in this part.
TapeChecksum ChecksumOf(std::span<const std::byte> record, uint64_t seed) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_withSeed(record.data(), record.size(), seed));
  TapeChecksum checksum;
  std::memcpy(checksum.data(), canonical.digest, checksum.size());
  return checksum;
}

// Of chunk 0; the next ones count up.
uint64_t SeedOf(const TapeChecksum& header) {
  uint64_t seed;
  std::memcpy(&seed, header.data(), sizeof(seed));
  return seed;
}

// Writes or reads the fields of a header one after the other.
class HeaderWriter {
 public:
  template <class T>
  void Put(const T& value) {
    const auto* bytes = reinterpret_cast<const std::byte*>(&value);
    out_.insert(out_.end(), bytes, bytes + sizeof(value));
  }
  std::vector<std::byte> Take() { return std::move(out_); }

 private:
  std::vector<std::byte> out_;
};

class HeaderReader {
 public:
  explicit HeaderReader(std::span<const std::byte> bytes) : rest_(bytes) {}
  template <class T>
  T Get() {
    T value;
    std::memcpy(&value, rest_.data(), sizeof(value));
    rest_ = rest_.subspan(sizeof(value));
    return value;
  }

 private:
  std::span<const std::byte> rest_;
};

uint32_t KeyMask(Role role) {
  uint32_t mask = 0;
  for (size_t i = 0; i < kDealerKeys.size(); ++i) {
    if (Holds(role, kDealerKeys[i])) mask |= uint32_t{1} << i;
  }
  return mask;
}

std::vector<std::byte> SerializeHeader(const TapeHeader& header) {
  HeaderWriter out;
  out.Put(std::array<char, 8>{'L', 'U', 'T', 'R', 'A', 'T', 'A', 'P'});
  out.Put(kVersion);
  out.Put(static_cast<uint32_t>(header.role));
  out.Put(header.program.bytes);
  out.Put(header.tape.bytes);
  out.Put(header.number);
  out.Put(static_cast<uint64_t>(header.words));
  out.Put(static_cast<uint64_t>(header.chunk));
  out.Put(KeyMask(header.role));
  out.Put(uint32_t{0});
  for (const KeyName name : kDealerKeys) {
    const std::optional<Key>& key = header.keys.keys[static_cast<size_t>(name)];
    LUTRA_CHECK(key.has_value() == Holds(header.role, name));
    out.Put(key.value_or(Key{}).bytes);
  }
  std::vector<std::byte> bytes = out.Take();
  LUTRA_CHECK(bytes.size() == kTapeHeaderBytes);
  return bytes;
}

// Of a header whose checksum is right: still nothing that would make a reader fall.
Status CheckFields(uint32_t role, uint64_t words, uint64_t chunk, uint32_t mask, uint32_t zero) {
  if (role >= kRoles.size() || !IsParty(static_cast<Role>(role))) {
    return InvalidArgument("role: expected p0, p1 or p2, found number ", role);
  }
  if (words > static_cast<uint64_t>(role == Index(Role::kP0) ? 0 : kMaxWords)) {
    return InvalidArgument("words: expected at most ", role == Index(Role::kP0) ? 0 : kMaxWords,
                           " bytes, found ", words);
  }
  if (chunk < 1 || chunk > static_cast<uint64_t>(TapeHeader::kMaxChunkBytes)) {
    return InvalidArgument("chunk: expected 1 to ", TapeHeader::kMaxChunkBytes, " bytes, found ",
                           chunk);
  }
  if (mask != KeyMask(static_cast<Role>(role))) {
    return InvalidArgument("keys: expected those of ", Name(static_cast<Role>(role)),
                           ", found others");
  }
  if (zero != 0) return InvalidArgument("unused field: expected 0, found ", zero);
  return absl::OkStatus();
}

// The fields between version and end.
StatusOr<TapeHeader> ParseHeader(std::span<const std::byte> bytes) {
  HeaderReader in(bytes.subspan(kMagic.size() + sizeof(kVersion)));
  TapeHeader header;
  const auto role = in.Get<uint32_t>();
  header.program.bytes = in.Get<decltype(header.program.bytes)>();
  header.tape.bytes = in.Get<decltype(header.tape.bytes)>();
  header.number = in.Get<uint64_t>();
  const auto words = in.Get<uint64_t>();
  const auto chunk = in.Get<uint64_t>();
  const auto mask = in.Get<uint32_t>();
  const auto zero = in.Get<uint32_t>();
  LUTRA_RETURN_IF_ERROR(CheckFields(role, words, chunk, mask, zero));
  header.role = static_cast<Role>(role);
  header.words = static_cast<int64_t>(words);
  header.chunk = static_cast<int64_t>(chunk);
  for (const KeyName name : kDealerKeys) {
    const auto key = in.Get<decltype(Key::bytes)>();
    if (Holds(header.role, name)) header.keys.keys[static_cast<size_t>(name)] = Key{key};
  }
  return header;
}

Status CheckMagic(std::span<const std::byte> record) {
  if (record.size() != kTapeHeaderBytes ||
      std::memcmp(record.data(), kMagic.data(), kMagic.size()) != 0) {
    return InvalidArgument("magic: expected a part of a tape (", kMagic, ")");
  }
  uint32_t version;
  std::memcpy(&version, record.data() + kMagic.size(), sizeof(version));
  if (version == kVersion) return absl::OkStatus();
  return InvalidArgument("version: expected ", kVersion, ", found ", version);
}

std::string Quote(const std::filesystem::path& path) { return StrCat("'", path.string(), "'"); }

}  // namespace

TapeHeader::~TapeHeader() {
  for (std::optional<Key>& key : keys.keys) {
    if (key.has_value()) Wipe(std::as_writable_bytes(std::span(key->bytes)));
  }
}

int64_t TapeHeader::file_bytes() const {
  const auto checksum = static_cast<int64_t>(sizeof(TapeChecksum));
  return static_cast<int64_t>(kTapeHeaderBytes) + checksum + words + chunks() * checksum;
}

std::string TapeHeader::FileName() const {
  std::string digits = StrCat(number);
  if (digits.size() < kNumberDigits) digits.insert(0, kNumberDigits - digits.size(), '0');
  return StrCat(digits, "-", tape.Hex(), kExtension);
}

StatusOr<TapeEntry> ParseTapeName(std::string_view name) {
  const Status wrong = InvalidArgument("name: expected NUMBER-ID", kExtension,
                                       ", with an id of 32 hexadecimal digits");
  const size_t dash = name.find('-');
  if (dash == std::string_view::npos || !name.ends_with(kExtension)) return wrong;
  TapeHeader header;
  const char* end = name.data() + dash;
  const auto number = std::from_chars(name.data(), end, header.number);
  if (number.ec != std::errc() || number.ptr != end) return wrong;
  const std::string_view hex = name.substr(dash + 1, name.size() - kExtension.size() - dash - 1);
  if (hex.size() != kIdentifierDigits) return wrong;
  for (size_t i = 0; i < header.tape.bytes.size(); ++i) {
    const char* digits = hex.data() + 2 * i;
    const auto byte = std::from_chars(digits, digits + 2, header.tape.bytes[i], 16);
    if (byte.ec != std::errc() || byte.ptr != digits + 2) return wrong;
  }
  if (header.FileName() != name) return wrong;
  return TapeEntry{header.tape, header.number, 0};
}

TapeEncoder::TapeEncoder(TapeHeader header, TapeSink sink)
    : header_(std::move(header)), sink_(std::move(sink)) {
  LUTRA_CHECK(header_.words >= 0 && header_.words <= kMaxWords);
  LUTRA_CHECK(header_.chunk >= 1 && header_.chunk <= TapeHeader::kMaxChunkBytes);
}

Status TapeEncoder::Begin() {
  if (std::exchange(begun_, true)) return absl::OkStatus();
  std::vector<std::byte> record = SerializeHeader(header_);
  const TapeChecksum checksum = ChecksumOf(record, 0);
  seed_ = SeedOf(checksum);
  const Status status = sink_(record, checksum);
  Wipe(record);
  return status;
}

Status TapeEncoder::Emit(std::span<const std::byte> chunk) {
  return sink_(chunk, ChecksumOf(chunk, seed_ + static_cast<uint64_t>(next_++)));
}

Status TapeEncoder::Append(std::span<const std::byte> words) {
  LUTRA_RETURN_IF_ERROR(Begin());
  LUTRA_CHECK(static_cast<int64_t>(words.size()) <= header_.words - position_);
  position_ += static_cast<int64_t>(words.size());
  const auto chunk = static_cast<size_t>(header_.chunk);
  const auto take = [&](size_t size) {
    const std::span<const std::byte> piece = words.first(size);
    words = words.subspan(size);
    return piece;
  };
  if (!rest_.empty()) {
    const auto piece = take(std::min(words.size(), chunk - rest_.size()));
    rest_.insert(rest_.end(), piece.begin(), piece.end());
    if (rest_.size() == chunk) {
      LUTRA_RETURN_IF_ERROR(Emit(rest_));
      rest_.clear();
    }
  }
  while (words.size() >= chunk) LUTRA_RETURN_IF_ERROR(Emit(take(chunk)));
  rest_.insert(rest_.end(), words.begin(), words.end());
  if (position_ < header_.words || rest_.empty()) return absl::OkStatus();
  LUTRA_RETURN_IF_ERROR(Emit(rest_));
  rest_.clear();
  return absl::OkStatus();
}

Status TapeEncoder::Finish() {
  LUTRA_RETURN_IF_ERROR(Begin());
  LUTRA_CHECK(position_ == header_.words);
  return absl::OkStatus();
}

Status TapeDecoder::Add(std::span<const std::byte> record) {
  TapeChecksum checksum;
  if (record.size() < checksum.size()) {
    return InvalidArgument(where_, ": offset ", offset(), ": expected a record, found ",
                           record.size(), " bytes");
  }
  const size_t size = record.size() - checksum.size();
  std::memcpy(checksum.data(), record.data() + size, checksum.size());
  return Add(record.first(size), checksum);
}

Status TapeDecoder::Add(std::span<const std::byte> record, const TapeChecksum& checksum) {
  if (!has_header_) return Annotate(AddHeader(record, checksum), where_);
  if (finished() || static_cast<int64_t>(record.size()) != next_bytes()) {
    return InvalidArgument(where_, ": offset ", offset(), ": expected ", next_bytes(),
                           " bytes of words, found ", record.size());
  }
  if (ChecksumOf(record, seed_ + static_cast<uint64_t>(next_)) != checksum) {
    return absl::DataLossError(StrCat(where_, ": offset ", offset(), ": damaged: the checksum of ",
                                      record.size(), " bytes of words is another"));
  }
  ++next_;
  return absl::OkStatus();
}

Status TapeDecoder::AddHeader(std::span<const std::byte> record, const TapeChecksum& checksum) {
  LUTRA_RETURN_IF_ERROR(CheckMagic(record));
  if (ChecksumOf(record, 0) != checksum) {
    return absl::DataLossError("offset 0: damaged: the checksum of the header is another");
  }
  LUTRA_ASSIGN_OR_RETURN(header_, ParseHeader(record));
  seed_ = SeedOf(checksum);
  has_header_ = true;
  return absl::OkStatus();
}

int64_t TapeDecoder::next_bytes() const {
  if (!has_header_) return static_cast<int64_t>(kTapeHeaderBytes);
  return std::min(header_.chunk, header_.words - next_ * header_.chunk);
}

int64_t TapeDecoder::offset() const {
  if (!has_header_) return 0;
  const auto checksum = static_cast<int64_t>(sizeof(TapeChecksum));
  return static_cast<int64_t>(kTapeHeaderBytes) + checksum + next_ * (header_.chunk + checksum);
}

StatusOr<std::unique_ptr<TapeWriter>> TapeWriter::Create(const std::filesystem::path& folder,
                                                         const TapeHeader& header) {
  LUTRA_ASSIGN_OR_RETURN(NewFile file, NewFile::Create(folder / header.FileName(), kSecretMode));
  return std::unique_ptr<TapeWriter>(new TapeWriter(std::move(file), header));
}

TapeWriter::TapeWriter(NewFile file, const TapeHeader& header)
    : file_(std::move(file)),
      encoder_(header, [this](std::span<const std::byte> record, const TapeChecksum& checksum) {
        return file_.Write(record, checksum);
      }) {}

Status TapeWriter::Finish() {
  LUTRA_RETURN_IF_ERROR(encoder_.Finish());
  LUTRA_RETURN_IF_ERROR(file_.Commit());
  return SyncDirectory(file_.path().parent_path());
}

StatusOr<TapeReader> TapeReader::Open(const std::filesystem::path& path) {
  LUTRA_RETURN_IF_ERROR(CheckPrivate(path.has_parent_path() ? path.parent_path() : "."));
  LUTRA_RETURN_IF_ERROR(CheckPrivate(path));
  // Without O_NONBLOCK, opening a pipe waits for a writer.
  LUTRA_ASSIGN_OR_RETURN(OpenFile file, OpenFile::Open(path, O_RDONLY | O_NONBLOCK));
  LUTRA_ASSIGN_OR_RETURN(const int64_t size, file.Size());
  TapeReader reader(std::move(file), Quote(path));
  std::array<std::byte, kTapeHeaderBytes> record;
  TapeChecksum checksum;
  const auto smallest = static_cast<int64_t>(record.size() + checksum.size());
  if (size < smallest) {
    return InvalidArgument(Quote(path), ": truncated: expected at least ", smallest,
                           " bytes, found ", size);
  }
  LUTRA_RETURN_IF_ERROR(reader.file_.ReadAt(0, record, checksum));
  const Status status = reader.decoder_.Add(record, checksum);
  Wipe(record);
  LUTRA_RETURN_IF_ERROR(status);
  const int64_t expected = reader.header().file_bytes();
  if (size != expected) {
    return InvalidArgument(Quote(path), ": ", size < expected ? "truncated" : "too long",
                           ": expected ", expected, " bytes, found ", size);
  }
  posix_fadvise(reader.file_.number(), 0, 0, POSIX_FADV_SEQUENTIAL);
  return reader;
}

Status TapeReader::Expect(const Digest& program, Role role) const {
  if (header().program != program) {
    return InvalidArgument(Quote(path()), ": program: expected ", program.Hex(), ", found ",
                           header().program.Hex());
  }
  if (header().role != role) {
    return InvalidArgument(Quote(path()), ": role: expected ", Name(role), ", found ",
                           Name(header().role));
  }
  return absl::OkStatus();
}

Status TapeReader::Expect(const Digest& program, Role role, const Identifier& tape) const {
  LUTRA_RETURN_IF_ERROR(Expect(program, role));
  if (header().tape == tape) return absl::OkStatus();
  return InvalidArgument(Quote(path()), ": tape: expected ", tape.Hex(), ", found ",
                         header().tape.Hex());
}

Status TapeReader::ReadChunk(std::span<std::byte> chunk) {
  TapeChecksum checksum;
  LUTRA_RETURN_IF_ERROR(file_.ReadAt(decoder_.offset(), chunk, checksum));
  return decoder_.Add(chunk, checksum);
}

Status TapeReader::Read(std::span<std::byte> words) {
  if (static_cast<int64_t>(words.size()) > words_left()) {
    return InvalidArgument(Quote(path()), ": expected ", words.size(),
                           " more bytes of words, found ", words_left());
  }
  while (!words.empty()) {
    if (used_ < chunk_.size()) {
      const size_t size = std::min(words.size(), chunk_.size() - used_);
      std::memcpy(words.data(), chunk_.data() + used_, size);
      words = words.subspan(size);
      used_ += size;
      position_ += static_cast<int64_t>(size);
      continue;
    }
    const auto size = static_cast<size_t>(decoder_.next_bytes());
    if (words.size() < size) {
      chunk_.resize(size);
      used_ = size;  // nothing of it counts before it was checked
      LUTRA_RETURN_IF_ERROR(ReadChunk(chunk_));
      used_ = 0;
      continue;
    }
    LUTRA_RETURN_IF_ERROR(ReadChunk(words.first(size)));
    words = words.subspan(size);
    position_ += static_cast<int64_t>(size);
  }
  return absl::OkStatus();
}

Status TapeReader::Read(int64_t bytes, Buffer& words) {
  LUTRA_CHECK(bytes >= 0);
  if (bytes > words_left()) {
    return InvalidArgument(Quote(path()), ": expected ", bytes, " more bytes of words, found ",
                           words_left());
  }
  words.Resize(static_cast<size_t>(bytes));
  return Read(words.bytes());
}

StatusOr<std::vector<std::byte>> TapeReader::NextRecord() {
  const size_t checksum = sizeof(TapeChecksum);
  std::vector<std::byte> record;
  if (!header_sent_) {
    record.resize(kTapeHeaderBytes + checksum);
    LUTRA_RETURN_IF_ERROR(file_.ReadAt(0, record));
    TapeDecoder again(Quote(path()));
    LUTRA_RETURN_IF_ERROR(again.Add(record));
    header_sent_ = true;
    return record;
  }
  if (decoder_.finished()) return record;
  record.resize(static_cast<size_t>(decoder_.next_bytes()) + checksum);
  LUTRA_RETURN_IF_ERROR(file_.ReadAt(decoder_.offset(), record));
  LUTRA_RETURN_IF_ERROR(decoder_.Add(record));
  return record;
}

}  // namespace lutra
