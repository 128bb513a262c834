// Files of a few large sections, written all or nothing and checked when they are read: shares of
// models, tables, weights, keys, ledgers.
//
//   magic (8 characters) | version (u32) | sections (u32) | the length of each (u64) | XXH3-128
//   each section | XXH3-128
//
// Numbers are little endian.
#ifndef LUTRA_CLUSTER_SECTION_FILE_H_
#define LUTRA_CLUSTER_SECTION_FILE_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "core/file.h"
#include "core/status.h"

namespace lutra {

struct SectionFormat {
  std::string_view magic;  // 8 characters
  uint32_t version = 1;
  std::string_view kind;  // "tables", for errors
};

Status WriteSections(const std::filesystem::path& path, const SectionFormat& format,
                     std::span<const std::span<const std::byte>> sections,
                     mode_t mode = kSecretMode);

// Whether a file of secrets must be for its owner alone.
enum class Secrecy { kPublic, kSecret };

// The first so many sections, or all; there is at least one. An error names the file, and the field
// or the section with its offset.
StatusOr<std::vector<std::vector<std::byte>>> ReadSections(
    const std::filesystem::path& path, const SectionFormat& format, Secrecy secrecy,
    size_t at_most = std::numeric_limits<size_t>::max());

}  // namespace lutra

#endif  // LUTRA_CLUSTER_SECTION_FILE_H_
