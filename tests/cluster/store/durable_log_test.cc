// Logs: a crash at any byte loses at most the entry that was being appended; damage is an error.
#include "cluster/durable_log.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "tests/support/folder.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

const DurableLog::Format kFormat{"eaten", "0123456789abcdef", 4};

std::vector<std::string> Some(int count) {
  std::vector<std::string> texts;
  for (int i = 0; i < count; ++i) texts.push_back(StrCat(1000 + i));
  return texts;
}

fs::path MakeLog(const Folder& folder, int entries) {
  const fs::path path = folder / "log";
  REQUIRE(DurableLog::Create(path, kFormat).ok());
  StatusOr<DurableLog> log = DurableLog::Open(path, kFormat);
  REQUIRE(log.ok());
  for (const std::string& text : Some(entries)) REQUIRE(log->Append(text).ok());
  return path;
}

TEST_CASE("Entries come back in their order", "[store][log]") {
  const Folder folder;
  const fs::path path = MakeLog(folder, 3);
  StatusOr<DurableLog> log = DurableLog::Open(path, kFormat);
  REQUIRE(log.ok());
  CHECK(log->entries() == Some(3));
  CHECK(log->torn_bytes() == 0);
  CHECK(log->Append(std::vector<std::string>{"1003", "1004"}).ok());
  CHECK(log->Append(std::vector<std::string>{}).ok());
  CHECK(log->entries() == Some(5));
  CHECK(DurableLog::Open(path, kFormat)->entries() == Some(5));
  CHECK(CheckPrivate(path).ok());
}

TEST_CASE("A log that a crash cut at any byte keeps every whole entry", "[store][log]") {
  const Folder folder;
  const fs::path path = MakeLog(folder, 4);
  const std::vector<std::byte> whole = Content(path);
  const size_t line = 4 + 1 + 16 + 1;
  const size_t header = whole.size() - 4 * line;
  for (size_t size = 0; size <= whole.size(); ++size) {
    for (const size_t zeros : {size_t{0}, size_t{4000}}) {
      std::vector<std::byte> cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      cut.resize(size + zeros);
      Put(path, cut);
      StatusOr<DurableLog> log = DurableLog::Open(path, kFormat);
      INFO("cut at " << size << " and " << zeros << " zeros: " << OneLine(log.status()));
      if (size < header) {
        // The header is written whole or not at all: this is damage, not a crash.
        CHECK(!log.ok());
        CHECK(Content(path) == cut);
        continue;
      }
      REQUIRE(log.ok());
      const int expected = static_cast<int>((size - header) / line);
      REQUIRE(log->entries() == Some(expected));
      CHECK((log->torn_bytes() > 0) == (cut.size() > header + line * log->entries().size()));
      REQUIRE(log->Append(std::string("next")).ok());
      StatusOr<DurableLog> again = DurableLog::Open(path, kFormat);
      REQUIRE(again.ok());
      CHECK(again->torn_bytes() == 0);
      REQUIRE(again->entries().size() == static_cast<size_t>(expected) + 1);
      CHECK(again->entries().back() == "next");
    }
  }
}

TEST_CASE("Any flipped bit of a log is an error, and nothing is repaired", "[store][log]") {
  const Folder folder;
  const fs::path path = MakeLog(folder, 3);
  const std::vector<std::byte> whole = Content(path);
  for (size_t bit = 0; bit < 8 * whole.size(); ++bit) {
    std::vector<std::byte> bad = whole;
    bad[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
    Put(path, bad);
    const Status status = DurableLog::Open(path, kFormat).status();
    if (status.ok()) FAIL("bit " << bit << " flipped and nobody saw it");
    if (bit % 41 == 0) {
      CHECK(Mentions(status, StrCat("'", path.string(), "': line ")));
      CHECK(Content(path) == bad);
    }
  }
}

TEST_CASE("Lines that are taken out, doubled or change places are errors", "[store][log]") {
  const Folder folder;
  const fs::path path = MakeLog(folder, 4);
  const std::string whole = *ReadTextFile(path, 1000);
  const size_t line = 22, header = whole.size() - 4 * line;
  const auto part = [&](size_t i) { return whole.substr(header + i * line, line); };
  const std::string head = whole.substr(0, header);
  for (const std::string& bad :
       {head + part(1) + part(2) + part(3), head + part(0) + part(2) + part(3),
        head + part(0) + part(0) + part(1), head + part(1) + part(0) + part(2),
        head + part(0) + part(1).substr(1) + part(2), part(0) + part(1), std::string("\n"),
        head + part(0) + "\n" + part(1)}) {
    REQUIRE(WriteFile(path, bad, kSecretMode).ok());
    CHECK(!DurableLog::Open(path, kFormat).ok());
  }
  REQUIRE(WriteFile(path, head + part(0) + part(2) + part(3), kSecretMode).ok());
  CHECK(Mentions(DurableLog::Open(path, kFormat).status(), "line 3: damaged"));
}

TEST_CASE("A log of another store, kind or version is refused", "[store][log]") {
  const Folder folder;
  const fs::path path = MakeLog(folder, 1);
  DurableLog::Format other = kFormat;
  other.store = "fedcba9876543210";
  const Status store = DurableLog::Open(path, other).status();
  CHECK(Mentions(store, "expected 'lutra-log/1 eaten fedcba9876543210'"));
  CHECK(Mentions(store, "found 'lutra-log/1 eaten 0123456789abcdef'"));
  other = kFormat;
  other.name = "bound";
  CHECK(!DurableLog::Open(path, other).ok());
  std::string text = *ReadTextFile(path, 1000);
  text[10] = '2';
  REQUIRE(WriteFile(path, text, kSecretMode).ok());
  CHECK(Mentions(DurableLog::Open(path, kFormat).status(), "found 'lutra-log/2 eaten"));
}

TEST_CASE("A log that is missing or open to others is refused", "[store][log]") {
  const Folder folder;
  CHECK(absl::IsNotFound(DurableLog::Open(folder / "none", kFormat).status()));
  const fs::path path = MakeLog(folder, 1);
  REQUIRE(chmod(path.c_str(), 0644) == 0);
  CHECK(absl::IsPermissionDenied(DurableLog::Open(path, kFormat).status()));
}

TEST_CASE("An append that the disk has no room for does not count", "[store][log]") {
  const Folder folder;
  const fs::path path = MakeLog(folder, 2);
  const std::vector<std::byte> before = Content(path);
  StatusOr<DurableLog> log = DurableLog::Open(path, kFormat);
  REQUIRE(log.ok());
  for (const size_t room : {0u, 1u, 21u, 22u, 30u}) {
    INFO(room);
    {
      const FileSizeLimit limit(before.size() + room);
      const Status status = log->Append(std::vector<std::string>{"1002", "1003"});
      CHECK(Mentions(status, "cannot write"));
    }
    CHECK(log->entries() == Some(2));
    CHECK(Content(path) == before);
  }
  CHECK(log->Append(std::vector<std::string>{"1002", "1003"}).ok());
  CHECK(DurableLog::Open(path, kFormat)->entries() == Some(4));
}

TEST_CASE("What a process appended stays when it dies", "[store][log]") {
  const Folder folder;
  const fs::path path = MakeLog(folder, 1);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    StatusOr<DurableLog> log = DurableLog::Open(path, kFormat);
    const bool ok = log.ok() && log->Append(std::string("1001")).ok();
    if (ok) kill(getpid(), SIGKILL);
    _exit(1);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  CHECK(DurableLog::Open(path, kFormat)->entries() == Some(2));
}

}  // namespace
}  // namespace lutra
