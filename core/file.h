// Whole files, read within a bound and written all or nothing.
#ifndef LUTRA_CORE_FILE_H_
#define LUTRA_CORE_FILE_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"

namespace lutra {

// The bytes of a regular file of at most max_bytes. Every error names the file: missing, not
// readable, not a regular file, or larger than max_bytes (nothing is read then).
StatusOr<std::vector<std::byte>> ReadFile(const std::filesystem::path& path, int64_t max_bytes);
StatusOr<std::string> ReadTextFile(const std::filesystem::path& path, int64_t max_bytes);

// Writes the file under a temporary name in the same folder, flushes it to the disk and renames it,
// so that a reader sees the old file or the new one. On any failure the old file stays, the
// temporary is removed, and the error names file and cause. Something at `path` that is not a
// regular file is an error. The file gets the process's default permissions.
Status WriteFile(const std::filesystem::path& path, std::span<const std::byte> bytes);
Status WriteFile(const std::filesystem::path& path, std::string_view text);

}  // namespace lutra

#endif  // LUTRA_CORE_FILE_H_
