// A folder of a test's own, for its owner alone, gone at the end.
#ifndef LUTRA_TESTS_SUPPORT_FOLDER_H_
#define LUTRA_TESTS_SUPPORT_FOLDER_H_

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "core/file.h"

namespace lutra {

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "lutra-test-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline int64_t Entries(const std::filesystem::path& folder) {
  return std::distance(std::filesystem::directory_iterator(folder),
                       std::filesystem::directory_iterator());
}

// Files may not grow beyond this while it lives: what a full disk does, without one.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    REQUIRE(getrlimit(RLIMIT_FSIZE, &before_) == 0);
    rlimit small = before_;
    small.rlim_cur = bytes;
    REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int);
};

inline bool Mentions(const Status& status, std::string_view text) {
  return std::string_view(status.message().data(), status.message().size()).find(text) !=
         std::string_view::npos;
}

inline std::vector<std::byte> Content(const std::filesystem::path& path) {
  StatusOr<std::vector<std::byte>> bytes = ReadFile(path, int64_t{1} << 30);
  REQUIRE(bytes.ok());
  return *std::move(bytes);
}

// In place, as damage does it, and not flushed: with the permissions of a secret.
inline void Put(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  StatusOr<OpenFile> file = OpenFile::Open(path, O_WRONLY | O_CREAT, kSecretMode);
  REQUIRE(file.ok());
  REQUIRE(file->Write(bytes).ok());
  REQUIRE(file->Truncate(static_cast<int64_t>(bytes.size())).ok());
}

}  // namespace lutra

#endif  // LUTRA_TESTS_SUPPORT_FOLDER_H_
