// Whole files, read within a bound and written all or nothing; files that are written or read piece
// by piece; and what keeps them from others.
#ifndef LUTRA_CORE_FILE_H_
#define LUTRA_CORE_FILE_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
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
// regular file is an error. The file gets the permissions `mode`, less the process's mask.
Status WriteFile(const std::filesystem::path& path, std::span<const std::byte> bytes,
                 mode_t mode = 0666);
Status WriteFile(const std::filesystem::path& path, std::string_view text, mode_t mode = 0666);

// The permissions of a secret: for its owner alone.
inline constexpr mode_t kSecretMode = 0600;

// An error unless the file or directory belongs to this process's user and gives nobody else any
// permission. Names the path, the owner or the permissions expected and found.
Status CheckPrivate(const std::filesystem::path& path);
// Makes a directory of mode 0700 where there is none (its parent must exist), so that it survives a
// power failure; checks one that is there as CheckPrivate does.
Status MakePrivateDirectory(const std::filesystem::path& path);
// Makes names that were given or removed in a directory survive a power failure.
Status SyncDirectory(const std::filesystem::path& path);
// Removes a file for good; one that is not there is no error.
Status RemoveFile(const std::filesystem::path& path);

// Whether a name is one that NewFile writes under until it is committed: left over after a crash.
bool IsTemporaryName(const std::filesystem::path& path);

// An open file, closed at the latest when it goes. Errors name the path that it was opened by.
class OpenFile {
 public:
  OpenFile() = default;
  // open(2) with these flags (O_CLOEXEC is added) and, where it creates, this mode.
  static StatusOr<OpenFile> Open(const std::filesystem::path& path, int flags, mode_t mode = 0);
  ~OpenFile();
  OpenFile(OpenFile&& other) noexcept { *this = std::move(other); }
  OpenFile& operator=(OpenFile&& other) noexcept;

  const std::filesystem::path& path() const { return path_; }
  int number() const { return number_; }

  // Of a regular file; anything else is an error.
  StatusOr<int64_t> Size() const;
  // Fills `out` from this offset on; an error where the file ends before.
  Status ReadAt(int64_t offset, std::span<std::byte> out) const;
  // The same for two pieces that follow each other in the file.
  Status ReadAt(int64_t offset, std::span<std::byte> first, std::span<std::byte> second) const;
  // Writes at the end of what was written; what a failure leaves behind is not known.
  Status Write(std::span<const std::byte> bytes);
  Status Write(std::span<const std::byte> first, std::span<const std::byte> second);
  Status Truncate(int64_t size);
  // To the disk.
  Status Sync();
  Status Close();

 private:
  friend class NewFile;
  OpenFile(std::filesystem::path path, int number) : path_(std::move(path)), number_(number) {}

  std::filesystem::path path_;
  int number_ = -1;
};

// A file that is written piece by piece under a temporary name and takes its own at the end, or
// leaves nothing behind.
class NewFile {
 public:
  static StatusOr<NewFile> Create(const std::filesystem::path& path, mode_t mode = 0666);
  ~NewFile();
  NewFile(NewFile&& other) noexcept;

  const std::filesystem::path& path() const { return path_; }
  Status Write(std::span<const std::byte> bytes) { return file_.Write(bytes); }
  Status Write(std::span<const std::byte> first, std::span<const std::byte> second) {
    return file_.Write(first, second);
  }
  // Flushes it to the disk and gives it its name, in place of what has it. That the name survives a
  // power failure is asked for, not required: see SyncDirectory.
  Status Commit();

 private:
  NewFile(std::filesystem::path path, std::filesystem::path temporary, OpenFile file)
      : path_(std::move(path)), temporary_(std::move(temporary)), file_(std::move(file)) {}

  std::filesystem::path path_;
  std::filesystem::path temporary_;  // empty once it is gone
  OpenFile file_;
};

}  // namespace lutra

#endif  // LUTRA_CORE_FILE_H_
