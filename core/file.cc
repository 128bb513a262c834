#include "core/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/key.h"

namespace lutra {
namespace {

// The last system call's error: "verb 'path': cause".
Status Failed(std::string_view verb, const std::filesystem::path& path) {
  const int cause = errno;
  return absl::ErrnoToStatus(cause, ToAbsl(StrCat(verb, " '", path.string(), "'")));
}

// An open file, closed at the latest when it goes.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() { Close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  bool open() const { return number_ >= 0; }
  int number() const { return number_; }
  // False on an error, which for a written file may be the first word of a full disk.
  bool Close() {
    const int number = std::exchange(number_, -1);
    return number < 0 || close(number) == 0;
  }

 private:
  int number_;
};

template <class Bytes>
StatusOr<Bytes> Read(const std::filesystem::path& path, int64_t max_bytes) {
  LUTRA_CHECK(max_bytes >= 0);
  // Without O_NONBLOCK, opening a pipe waits for a writer.
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.open()) return Failed("cannot open", path);
  struct stat info;
  if (fstat(file.number(), &info) != 0) return Failed("cannot examine", path);
  if (!S_ISREG(info.st_mode)) {
    return InvalidArgument("'", path.string(), "' is not a regular file");
  }
  const auto too_large = [&](std::string_view size) {
    return InvalidArgument("'", path.string(), "' is too large: at most ", max_bytes,
                           " bytes expected, found ", size);
  };
  if (info.st_size > max_bytes) return too_large(StrCat(info.st_size));

  // One byte more than it said, to see that it ends there.
  Bytes bytes;
  bytes.resize(static_cast<size_t>(info.st_size) + 1);
  size_t size = 0;
  for (;;) {
    const ssize_t count = read(file.number(), bytes.data() + size, bytes.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Failed("cannot read", path);
    if (count == 0) break;
    size += static_cast<size_t>(count);
    if (static_cast<int64_t>(size) > max_bytes) return too_large("more");
    if (size == bytes.size()) bytes.resize(2 * size);
  }
  bytes.resize(size);
  return bytes;
}

bool WriteAll(int file, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = write(file, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(count));
  }
  return true;
}

// A name in the same folder that nobody else uses.
StatusOr<std::filesystem::path> TemporaryName(const std::filesystem::path& path) {
  LUTRA_ASSIGN_OR_RETURN(const Key random, RandomKey());
  const std::string digits = Sha256(std::as_bytes(std::span(random.bytes))).Hex().substr(0, 16);
  return path.parent_path() / StrCat(".", digits, ".tmp");
}

Status WriteTemporary(const std::filesystem::path& temporary, const std::filesystem::path& path,
                      std::span<const std::byte> bytes) {
  Descriptor file(open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!file.open()) return Failed("cannot create", path);
  if (!WriteAll(file.number(), bytes)) return Failed("cannot write", path);
  if (fsync(file.number()) != 0) return Failed("cannot flush", path);
  if (!file.Close()) return Failed("cannot close", path);
  if (rename(temporary.c_str(), path.c_str()) != 0) return Failed("cannot rename to", path);
  return absl::OkStatus();
}

}  // namespace

StatusOr<std::vector<std::byte>> ReadFile(const std::filesystem::path& path, int64_t max_bytes) {
  return Read<std::vector<std::byte>>(path, max_bytes);
}

StatusOr<std::string> ReadTextFile(const std::filesystem::path& path, int64_t max_bytes) {
  return Read<std::string>(path, max_bytes);
}

Status WriteFile(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  struct stat info;
  if (stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    return InvalidArgument("cannot write '", path.string(), "': not a regular file");
  }
  LUTRA_ASSIGN_OR_RETURN(const std::filesystem::path temporary, TemporaryName(path));
  const Status status = WriteTemporary(temporary, path, bytes);
  if (!status.ok()) {
    unlink(temporary.c_str());
    return status;
  }
  // The file is whole by now; that its name survives a power failure is asked for, not required.
  const std::filesystem::path parent = path.parent_path();
  const Descriptor folder(open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_CLOEXEC));
  if (folder.open()) fsync(folder.number());
  return absl::OkStatus();
}

Status WriteFile(const std::filesystem::path& path, std::string_view text) {
  return WriteFile(path, std::as_bytes(std::span(text)));
}

}  // namespace lutra
