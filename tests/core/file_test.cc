#include "core/file.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <string>

#include "tests/support/folder.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

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
  Status status;
  {
    const FileSizeLimit limit(5000);
    status = WriteFile(folder / "file", std::string(10000, 'x'));
  }
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

TEST_CASE("What is private is the owner's alone", "[core][file]") {
  const Folder folder;
  const fs::path file = folder / "secret";
  REQUIRE(WriteFile(file, std::string_view("x"), kSecretMode).ok());
  CHECK(CheckPrivate(file).ok());
  CHECK(CheckPrivate(folder.path()).ok());
  for (const mode_t mode : {0640U, 0604U, 0610U, 0602U}) {
    REQUIRE(chmod(file.c_str(), mode) == 0);
    const Status status = CheckPrivate(file);
    CHECK(absl::IsPermissionDenied(status));
    CHECK(Mentions(status, "expected 0600"));
  }
  CHECK(Mentions(CheckPrivate(file), "found 0602"));
  CHECK(absl::IsNotFound(CheckPrivate(folder / "missing")));
  if (geteuid() == 0) {
    REQUIRE(chmod(file.c_str(), 0600) == 0);
    REQUIRE(chown(file.c_str(), 12345, 12345) == 0);
    CHECK(Mentions(CheckPrivate(file), "owner: expected user 0, found 12345"));
  } else {
    WARN("files of other users: only root can make one");
  }
}

TEST_CASE("Private directories are made once and checked after", "[core][file]") {
  const Folder folder;
  CHECK(MakePrivateDirectory(folder / "new").ok());
  CHECK((fs::status(folder / "new").permissions() & fs::perms::mask) == fs::perms::owner_all);
  CHECK(MakePrivateDirectory(folder / "new").ok());
  REQUIRE(chmod((folder / "new").c_str(), 0755) == 0);
  CHECK(Mentions(MakePrivateDirectory(folder / "new"), "expected 0700"));
  CHECK(absl::IsNotFound(MakePrivateDirectory(folder / "no" / "parent")));
  REQUIRE(WriteFile(folder / "file", std::string_view("x")).ok());
  CHECK(Mentions(MakePrivateDirectory(folder / "file"), "is not a directory"));
}

TEST_CASE("A new file has its name only when it is whole", "[core][file]") {
  const Folder folder;
  const std::string text = "0123456789";
  const auto bytes = std::as_bytes(std::span(text));
  {
    StatusOr<NewFile> file = NewFile::Create(folder / "file", kSecretMode);
    REQUIRE(file.ok());
    CHECK(file->Write(bytes.first(3), bytes.subspan(3)).ok());
    CHECK(!fs::exists(folder / "file"));
    CHECK(Entries(folder.path()) == 1);
    for (const fs::directory_entry& entry : fs::directory_iterator(folder.path())) {
      CHECK(IsTemporaryName(entry.path()));
    }
  }
  CHECK(Entries(folder.path()) == 0);
  StatusOr<NewFile> file = NewFile::Create(folder / "file", kSecretMode);
  REQUIRE(file.ok());
  CHECK(file->Write(bytes.first(3), bytes.subspan(3)).ok());
  CHECK(file->Write(bytes).ok());
  CHECK(file->Commit().ok());
  CHECK(*ReadTextFile(folder / "file", 100) == text + text);
  CHECK(CheckPrivate(folder / "file").ok());
  CHECK(!IsTemporaryName(folder / "file"));
}

TEST_CASE("Reading at an offset gives all or an error", "[core][file]") {
  const Folder folder;
  REQUIRE(WriteFile(folder / "file", std::string_view("0123456789")).ok());
  const StatusOr<OpenFile> file = OpenFile::Open(folder / "file", O_RDONLY);
  REQUIRE(file.ok());
  CHECK(*file->Size() == 10);
  std::array<std::byte, 3> first;
  std::array<std::byte, 2> second;
  REQUIRE(file->ReadAt(4, first, second).ok());
  CHECK(first[0] == std::byte{'4'});
  CHECK(second[1] == std::byte{'8'});
  CHECK(file->ReadAt(10, std::span<std::byte>()).ok());
  const Status status = file->ReadAt(8, first);
  CHECK(Mentions(status, "ends early: expected 3 bytes at offset 8, found 2"));
  CHECK(Mentions(status, (folder / "file").string()));
  CHECK(!OpenFile::Open(folder / "missing", O_RDONLY).ok());
  CHECK(Mentions(OpenFile::Open("/dev/null", O_RDONLY)->Size().status(), "not a regular file"));
}

TEST_CASE("A device that is full is an error of the write", "[core][file]") {
  StatusOr<OpenFile> full = OpenFile::Open("/dev/full", O_WRONLY);
  REQUIRE(full.ok());
  CHECK(Mentions(full->Write(std::as_bytes(std::span("x"))), "No space left on device"));
}

}  // namespace
}  // namespace lutra
