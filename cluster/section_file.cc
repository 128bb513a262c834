#include "cluster/section_file.h"

#include <fcntl.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace lutra {
namespace {

constexpr size_t kMagicBytes = 8;
constexpr size_t kFixedBytes = kMagicBytes + 4 + 4;  // magic, version, sections
constexpr uint32_t kMaxSections = 1 << 24;

using Checksum = std::array<std::byte, 16>;

// Seeded with the position, so that sections do not change places.
Checksum ChecksumOf(std::span<const std::byte> bytes, uint64_t position) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_withSeed(bytes.data(), bytes.size(), position));
  Checksum checksum;
  std::memcpy(checksum.data(), canonical.digest, checksum.size());
  return checksum;
}

std::vector<std::byte> HeaderOf(const SectionFormat& format,
                                std::span<const std::span<const std::byte>> sections) {
  LUTRA_CHECK(format.magic.size() == kMagicBytes);
  LUTRA_CHECK(!sections.empty() && sections.size() <= kMaxSections);
  std::vector<std::byte> header(kFixedBytes + 8 * sections.size());
  const auto count = static_cast<uint32_t>(sections.size());
  std::memcpy(header.data(), format.magic.data(), kMagicBytes);
  std::memcpy(header.data() + kMagicBytes, &format.version, 4);
  std::memcpy(header.data() + kMagicBytes + 4, &count, 4);
  for (size_t i = 0; i < sections.size(); ++i) {
    const uint64_t size = sections[i].size();
    std::memcpy(header.data() + kFixedBytes + 8 * i, &size, 8);
  }
  return header;
}

// Reads a file from its begin to its end.
class SectionReader {
 public:
  SectionReader(const OpenFile& file, int64_t size) : file_(file), left_(size) {}

  // The next piece with its checksum.
  StatusOr<std::vector<std::byte>> Next(size_t bytes, uint64_t position, std::string_view name) {
    std::vector<std::byte> piece(bytes);
    Checksum checksum;
    LUTRA_RETURN_IF_ERROR(file_.ReadAt(offset_, piece, checksum));
    if (ChecksumOf(piece, position) != checksum) {
      return absl::DataLossError(
          StrCat(name, " at offset ", offset_, ": damaged: its checksum is another"));
    }
    offset_ += static_cast<int64_t>(bytes + checksum.size());
    left_ -= static_cast<int64_t>(bytes + checksum.size());
    return piece;
  }
  int64_t left() const { return left_; }

 private:
  const OpenFile& file_;
  int64_t offset_ = 0;
  int64_t left_;
};

Status CheckFixed(const SectionFormat& format, std::span<const std::byte> fixed) {
  if (std::memcmp(fixed.data(), format.magic.data(), kMagicBytes) != 0) {
    return InvalidArgument("magic: expected a file of ", format.kind, " (", format.magic, ")");
  }
  uint32_t version;
  std::memcpy(&version, fixed.data() + kMagicBytes, 4);
  if (version == format.version) return absl::OkStatus();
  return InvalidArgument("version: expected ", format.version, ", found ", version);
}

// The sizes of the sections, which with their checksums are all that follows the header.
StatusOr<std::vector<size_t>> SizesIn(std::span<const std::byte> header, int64_t left) {
  std::vector<size_t> sizes((header.size() - kFixedBytes) / 8);
  auto rest = static_cast<uint64_t>(left);
  for (size_t i = 0; i < sizes.size(); ++i) {
    uint64_t size;
    std::memcpy(&size, header.data() + kFixedBytes + 8 * i, 8);
    if (rest < sizeof(Checksum) || size > rest - sizeof(Checksum)) {
      return InvalidArgument("truncated: section ", i, ": expected ", size, " bytes, found ", rest);
    }
    rest -= size + sizeof(Checksum);
    sizes[i] = static_cast<size_t>(size);
  }
  if (rest > 0) return InvalidArgument("too long: ", rest, " bytes after the last section");
  return sizes;
}

StatusOr<std::vector<std::vector<std::byte>>> Read(const OpenFile& file,
                                                   const SectionFormat& format, size_t at_most) {
  LUTRA_ASSIGN_OR_RETURN(const int64_t size, file.Size());
  std::array<std::byte, kFixedBytes> fixed;
  if (size < static_cast<int64_t>(fixed.size())) {
    return InvalidArgument("magic: expected a file of ", format.kind, " (", format.magic,
                           "), found ", size, " bytes");
  }
  LUTRA_RETURN_IF_ERROR(file.ReadAt(0, fixed));
  LUTRA_RETURN_IF_ERROR(CheckFixed(format, fixed));
  uint32_t count;
  std::memcpy(&count, fixed.data() + kMagicBytes + 4, 4);
  const int64_t header_bytes = static_cast<int64_t>(kFixedBytes) + 8 * int64_t{count};
  if (count < 1 || count > kMaxSections ||
      size < header_bytes + static_cast<int64_t>(sizeof(Checksum))) {
    return InvalidArgument("truncated or damaged: ", count, " sections, ", size, " bytes");
  }
  SectionReader reader(file, size);
  LUTRA_ASSIGN_OR_RETURN(const std::vector<std::byte> header,
                         reader.Next(static_cast<size_t>(header_bytes), 0, "header"));
  LUTRA_ASSIGN_OR_RETURN(const std::vector<size_t> sizes, SizesIn(header, reader.left()));
  std::vector<std::vector<std::byte>> sections;
  for (size_t i = 0; i < std::min(sizes.size(), at_most); ++i) {
    LUTRA_ASSIGN_OR_RETURN(std::vector<std::byte> section,
                           reader.Next(sizes[i], i + 1, StrCat("section ", i)));
    sections.push_back(std::move(section));
  }
  return sections;
}

}  // namespace

Status WriteSections(const std::filesystem::path& path, const SectionFormat& format,
                     std::span<const std::span<const std::byte>> sections, mode_t mode) {
  LUTRA_ASSIGN_OR_RETURN(NewFile file, NewFile::Create(path, mode));
  const std::vector<std::byte> header = HeaderOf(format, sections);
  LUTRA_RETURN_IF_ERROR(file.Write(header, ChecksumOf(header, 0)));
  for (size_t i = 0; i < sections.size(); ++i) {
    LUTRA_RETURN_IF_ERROR(file.Write(sections[i], ChecksumOf(sections[i], i + 1)));
  }
  LUTRA_RETURN_IF_ERROR(file.Commit());
  return SyncDirectory(path.has_parent_path() ? path.parent_path() : ".");
}

StatusOr<std::vector<std::vector<std::byte>>> ReadSections(const std::filesystem::path& path,
                                                           const SectionFormat& format,
                                                           Secrecy secrecy, size_t at_most) {
  if (secrecy == Secrecy::kSecret) LUTRA_RETURN_IF_ERROR(CheckPrivate(path));
  LUTRA_ASSIGN_OR_RETURN(const OpenFile file, OpenFile::Open(path, O_RDONLY | O_NONBLOCK));
  auto sections = Read(file, format, at_most);
  if (!sections.ok()) return Annotate(sections.status(), StrCat("'", path.string(), "'"));
  return sections;
}

}  // namespace lutra
