#include "core/file.h"

#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <string>

namespace lutra {
namespace {

namespace fs = std::filesystem;

// A folder of this test's own, gone at the end.
class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "lutra-file-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  fs::path operator/(std::string_view name) const { return path_ / name; }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

int64_t Entries(const fs::path& folder) {
  return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
}

bool Mentions(const Status& status, std::string_view text) {
  return std::string_view(status.message().data(), status.message().size()).find(text) !=
         std::string_view::npos;
}

TEST_CASE("Files come back as they were written", "[core][file]") {
  const Folder folder;
  for (const size_t size : std::initializer_list<size_t>{0, 1, 100000}) {
    std::string text(size, 'x');
    if (size > 0) text[size / 2] = '\0';
    REQUIRE(WriteFile(folder / "file", text).ok());
    CHECK(*ReadTextFile(folder / "file", static_cast<int64_t>(size)) == text);
    CHECK(ReadFile(folder / "file", 1 << 20)->size() == size);
  }
  CHECK(Entries(folder.path()) == 1);
}

TEST_CASE("A file without a folder in its name lies in the current one", "[core][file]") {
  const Folder folder;
  const fs::path before = fs::current_path();
  fs::current_path(folder.path());
  const Status status = WriteFile("here", std::string_view("x"));
  fs::current_path(before);
  CHECK(status.ok());
  CHECK(fs::exists(folder / "here"));
}

TEST_CASE("Reading refuses what is missing, no file, or too large", "[core][file]") {
  const Folder folder;
  const Status missing = ReadFile(folder / "missing", 10).status();
  CHECK(absl::IsNotFound(missing));
  CHECK(Mentions(missing, (folder / "missing").string()));
  CHECK(Mentions(ReadFile(folder.path(), 10).status(), "not a regular file"));
  REQUIRE(mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK(Mentions(ReadTextFile(folder / "pipe", 10).status(), "not a regular file"));
  CHECK(Mentions(ReadFile("/dev/null", 10).status(), "not a regular file"));

  REQUIRE(WriteFile(folder / "eleven", std::string_view("0123456789a")).ok());
  CHECK(ReadFile(folder / "eleven", 11).ok());
  CHECK(Mentions(ReadFile(folder / "eleven", 10).status(), "at most 10 bytes expected, found 11"));
}

TEST_CASE("Files that do not know their size are read within the bound", "[core][file]") {
  const fs::path path = "/proc/self/maps";
  if (!fs::exists(path)) return;
  CHECK(ReadTextFile(path, 1 << 20)->size() > 100);
  CHECK(Mentions(ReadTextFile(path, 100).status(), "at most 100 bytes"));
}

TEST_CASE("Writing refuses missing folders and what is no file", "[core][file]") {
  const Folder folder;
  const fs::path nowhere = folder / "missing" / "file";
  const Status missing = WriteFile(nowhere, std::string_view("x"));
  CHECK(absl::IsNotFound(missing));
  CHECK(Mentions(missing, nowhere.string()));
  CHECK(Mentions(WriteFile(folder.path(), std::string_view("x")), "not a regular file"));
  CHECK(Mentions(WriteFile("/dev/full", std::string_view("x")), "not a regular file"));
  CHECK(fs::is_character_file("/dev/full"));
}

TEST_CASE("A folder that may not be written is an error", "[core][file]") {
  if (geteuid() == 0) return;  // root may
  const Folder folder;
  fs::permissions(folder.path(), fs::perms::owner_read | fs::perms::owner_exec);
  const Status status = WriteFile(folder / "file", std::string_view("x"));
  fs::permissions(folder.path(), fs::perms::owner_all);
  CHECK(absl::IsPermissionDenied(status));
  CHECK(Entries(folder.path()) == 0);
}

TEST_CASE("A write that fails half-way leaves the old file and nothing else", "[core][file]") {
  const Folder folder;
  REQUIRE(WriteFile(folder / "file", std::string_view("old")).ok());
  rlimit before;
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  rlimit small = before;
  small.rlim_cur = 5000;
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
  const Status status = WriteFile(folder / "file", std::string(10000, 'x'));
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK(Mentions(status, "cannot write"));
  CHECK(Mentions(status, "File too large"));
  CHECK(*ReadTextFile(folder / "file", 100) == "old");
  CHECK(Entries(folder.path()) == 1);
}

TEST_CASE("A full disk leaves the old file and nothing else", "[core][file]") {
  const Folder folder;
  if (mount("none", folder.path().c_str(), "tmpfs", 0, "size=64k") != 0) return;  // not permitted
  CHECK(WriteFile(folder / "file", std::string_view("old")).ok());
  const Status status = WriteFile(folder / "file", std::string(100000, 'x'));
  CHECK(Mentions(status, "No space left on device"));
  CHECK(Entries(folder.path()) == 1);
  CHECK(*ReadTextFile(folder / "file", 100) == "old");
  CHECK(mount("none", folder.path().c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, "size=64k") == 0);
  CHECK(Mentions(WriteFile(folder / "file", std::string_view("new")), "Read-only file system"));
  CHECK(umount(folder.path().c_str()) == 0);
}

}  // namespace
}  // namespace lutra
