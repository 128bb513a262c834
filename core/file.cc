#include "core/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "core/key.h"

namespace lutra {
namespace {

// The last system call's error: "verb 'path': cause".
Status Failed(std::string_view verb, const std::filesystem::path& path) {
  const int cause = errno;
  return absl::ErrnoToStatus(cause, ToAbsl(StrCat(verb, " '", path.string(), "'")));
}

template <class Bytes>
StatusOr<Bytes> Read(const std::filesystem::path& path, int64_t max_bytes) {
  LUTRA_CHECK(max_bytes >= 0);
  // Without O_NONBLOCK, opening a pipe waits for a writer.
  LUTRA_ASSIGN_OR_RETURN(const OpenFile file, OpenFile::Open(path, O_RDONLY | O_NONBLOCK));
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

constexpr std::string_view kTemporaryEnd = ".tmp";

// Calls move(vectors, count) until all of two pieces went through, as readv and writev do it.
// Returns how many bytes did; fewer than all when a call moved none or failed.
template <class Byte, class Move>
size_t MoveAll(std::span<Byte> first, std::span<Byte> second, Move move) {
  size_t done = 0;
  const size_t size = first.size() + second.size();
  while (done < size) {
    const std::span<Byte> head = done < first.size() ? first.subspan(done) : std::span<Byte>();
    const std::span<Byte> tail = second.subspan(done < first.size() ? 0 : done - first.size());
    // The system takes both kinds through the same type.
    const auto vector = [](std::span<Byte> bytes) {
      return iovec{const_cast<std::byte*>(bytes.data()), bytes.size()};
    };
    const std::array<iovec, 2> vectors = {vector(head), vector(tail)};
    const ssize_t count = move(vectors.data(), 2, done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return done;
    done += static_cast<size_t>(count);
  }
  return done;
}

// Permissions as `ls` and `chmod` have them: "0640".
std::string Octal(mode_t mode) {
  std::string text = "0000";
  for (size_t i = 0; i < 4; ++i) {
    text[i] = static_cast<char>('0' + ((mode >> (9 - 3 * i)) & 7));
  }
  return text;
}

// A name in the same folder that nobody else uses.
StatusOr<std::filesystem::path> TemporaryName(const std::filesystem::path& path) {
  LUTRA_ASSIGN_OR_RETURN(const Key random, RandomKey());
  const std::string digits = Sha256(std::as_bytes(std::span(random.bytes))).Hex().substr(0, 16);
  return path.parent_path() / StrCat(".", digits, kTemporaryEnd);
}

}  // namespace

StatusOr<std::vector<std::byte>> ReadFile(const std::filesystem::path& path, int64_t max_bytes) {
  return Read<std::vector<std::byte>>(path, max_bytes);
}

StatusOr<std::string> ReadTextFile(const std::filesystem::path& path, int64_t max_bytes) {
  return Read<std::string>(path, max_bytes);
}

Status WriteFile(const std::filesystem::path& path, std::span<const std::byte> bytes, mode_t mode) {
  LUTRA_ASSIGN_OR_RETURN(NewFile file, NewFile::Create(path, mode));
  LUTRA_RETURN_IF_ERROR(file.Write(bytes));
  return file.Commit();
}

Status WriteFile(const std::filesystem::path& path, std::string_view text, mode_t mode) {
  return WriteFile(path, std::as_bytes(std::span(text)), mode);
}

Status CheckPrivate(const std::filesystem::path& path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return Failed("cannot examine", path);
  if (info.st_uid != geteuid()) {
    return absl::PermissionDeniedError(
        StrCat("'", path.string(), "': owner: expected user ", geteuid(), ", found ", info.st_uid));
  }
  if ((info.st_mode & 077) == 0) return absl::OkStatus();
  return absl::PermissionDeniedError(StrCat(
      "'", path.string(), "': permissions: expected ", S_ISDIR(info.st_mode) ? "0700" : "0600",
      " (for its owner alone), found ", Octal(info.st_mode & 07777)));
}

Status MakePrivateDirectory(const std::filesystem::path& path) {
  if (mkdir(path.c_str(), 0700) != 0) {
    if (errno != EEXIST) return Failed("cannot create", path);
    struct stat info;
    if (stat(path.c_str(), &info) != 0) return Failed("cannot examine", path);
    if (!S_ISDIR(info.st_mode)) {
      return InvalidArgument("'", path.string(), "' exists and is not a directory");
    }
    return CheckPrivate(path);
  }
  const std::filesystem::path parent = path.parent_path();
  return SyncDirectory(parent.empty() ? "." : parent);
}

Status SyncDirectory(const std::filesystem::path& path) {
  LUTRA_ASSIGN_OR_RETURN(OpenFile directory, OpenFile::Open(path, O_RDONLY | O_DIRECTORY));
  return directory.Sync();
}

Status RemoveFile(const std::filesystem::path& path) {
  if (unlink(path.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return Failed("cannot remove", path);
}

bool IsTemporaryName(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  return name.starts_with('.') && name.ends_with(kTemporaryEnd);
}

StatusOr<OpenFile> OpenFile::Open(const std::filesystem::path& path, int flags, mode_t mode) {
  OpenFile file;
  file.path_ = path;
  file.number_ = open(path.c_str(), flags | O_CLOEXEC, mode);
  if (file.number_ < 0) {
    return Failed((flags & O_CREAT) != 0 ? "cannot create" : "cannot open", path);
  }
  return file;
}

OpenFile::~OpenFile() {
  if (number_ >= 0) close(number_);
}

OpenFile& OpenFile::operator=(OpenFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(number_, other.number_);
  return *this;
}

StatusOr<int64_t> OpenFile::Size() const {
  struct stat info;
  if (fstat(number_, &info) != 0) return Failed("cannot examine", path_);
  if (!S_ISREG(info.st_mode)) {
    return InvalidArgument("'", path_.string(), "' is not a regular file");
  }
  return int64_t{info.st_size};
}

Status OpenFile::ReadAt(int64_t offset, std::span<std::byte> out) const {
  return ReadAt(offset, out, {});
}

Status OpenFile::ReadAt(int64_t offset, std::span<std::byte> first,
                        std::span<std::byte> second) const {
  errno = 0;
  const size_t done = MoveAll(first, second, [&](const iovec* vectors, int count, size_t at) {
    return preadv(number_, vectors, count, offset + static_cast<off_t>(at));
  });
  if (done == first.size() + second.size()) return absl::OkStatus();
  if (errno != 0) return Failed("cannot read", path_);
  return InvalidArgument("'", path_.string(), "': ends early: expected ",
                         first.size() + second.size(), " bytes at offset ", offset, ", found ",
                         done);
}

Status OpenFile::Write(std::span<const std::byte> bytes) { return Write(bytes, {}); }

Status OpenFile::Write(std::span<const std::byte> first, std::span<const std::byte> second) {
  const size_t done = MoveAll(first, second, [&](const iovec* vectors, int count, size_t) {
    return writev(number_, vectors, count);
  });
  if (done == first.size() + second.size()) return absl::OkStatus();
  return Failed("cannot write", path_);
}

Status OpenFile::Truncate(int64_t size) {
  if (ftruncate(number_, size) != 0) return Failed("cannot truncate", path_);
  if (lseek(number_, size, SEEK_SET) < 0) return Failed("cannot seek in", path_);
  return absl::OkStatus();
}

Status OpenFile::Sync() {
  if (fsync(number_) != 0) return Failed("cannot flush", path_);
  return absl::OkStatus();
}

Status OpenFile::Close() {
  // An error of a file that was written may be the first word of a full disk.
  const int number = std::exchange(number_, -1);
  if (number >= 0 && close(number) != 0) return Failed("cannot close", path_);
  return absl::OkStatus();
}

StatusOr<NewFile> NewFile::Create(const std::filesystem::path& path, mode_t mode) {
  struct stat info;
  if (stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    return InvalidArgument("cannot write '", path.string(), "': not a regular file");
  }
  LUTRA_ASSIGN_OR_RETURN(const std::filesystem::path temporary, TemporaryName(path));
  const int number = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (number < 0) return Failed("cannot create", path);
  return NewFile(path, temporary, OpenFile(path, number));
}

NewFile::NewFile(NewFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      file_(std::move(other.file_)) {}

NewFile::~NewFile() {
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

Status NewFile::Commit() {
  LUTRA_RETURN_IF_ERROR(file_.Sync());
  LUTRA_RETURN_IF_ERROR(file_.Close());
  if (rename(temporary_.c_str(), path_.c_str()) != 0) return Failed("cannot rename to", path_);
  temporary_.clear();
  // The file is whole by now; that its name survives a power failure is asked for, not required.
  const std::filesystem::path parent = path_.parent_path();
  SyncDirectory(parent.empty() ? "." : parent).IgnoreError();
  return absl::OkStatus();
}

}  // namespace lutra
