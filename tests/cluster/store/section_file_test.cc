// Files of sections: all or nothing, and any damage is an error.
#include "cluster/section_file.h"

#include <sys/stat.h>

#include "tests/support/folder.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

constexpr SectionFormat kFormat{"LUTRATST", 3, "tests"};

std::vector<std::byte> BytesOf(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

fs::path WriteSome(const Folder& folder) {
  const fs::path path = folder / "file";
  const std::vector<std::byte> a = BytesOf("first"), b = BytesOf(""), c(1000, std::byte{7});
  const std::vector<std::span<const std::byte>> sections = {a, b, c};
  REQUIRE(WriteSections(path, kFormat, sections).ok());
  return path;
}

TEST_CASE("Sections come back, all or the first ones", "[store][sections]") {
  const Folder folder;
  const fs::path path = WriteSome(folder);
  const auto read = ReadSections(path, kFormat, Secrecy::kSecret);
  INFO(OneLine(read.status()));
  REQUIRE(read.ok());
  REQUIRE(read->size() == 3);
  CHECK((*read)[0] == BytesOf("first"));
  CHECK((*read)[1].empty());
  CHECK((*read)[2] == std::vector<std::byte>(1000, std::byte{7}));
  CHECK(ReadSections(path, kFormat, Secrecy::kSecret, 1)->size() == 1);
  CHECK(Entries(folder.path()) == 1);
}

TEST_CASE("Any flipped byte and any other length is an error", "[store][sections]") {
  const Folder folder;
  const fs::path path = WriteSome(folder);
  const std::vector<std::byte> whole = Content(path);
  for (size_t at = 0; at < whole.size(); ++at) {
    std::vector<std::byte> bad = whole;
    bad[at] ^= static_cast<std::byte>(1 << (at % 8));
    Put(path, bad);
    const Status status = ReadSections(path, kFormat, Secrecy::kSecret).status();
    if (status.ok()) FAIL("byte " << at << " flipped and nobody saw it");
    if (at % 31 == 0) CHECK(Mentions(status, path.string()));
    Put(path, std::span(whole).first(at));
    if (ReadSections(path, kFormat, Secrecy::kSecret, 1).ok()) FAIL("accepted at length " << at);
  }
  std::vector<std::byte> longer = whole;
  longer.push_back(std::byte{0});
  Put(path, longer);
  CHECK(Mentions(ReadSections(path, kFormat, Secrecy::kSecret).status(),
                 "too long: 1 bytes after the last section"));
}

TEST_CASE("Magic, version and permissions are named", "[store][sections]") {
  const Folder folder;
  const fs::path path = WriteSome(folder);
  CHECK(Mentions(ReadSections(path, {"LUTRAOTH", 3, "other things"}, Secrecy::kSecret).status(),
                 "expected a file of other things (LUTRAOTH)"));
  CHECK(Mentions(ReadSections(path, {"LUTRATST", 4, "tests"}, Secrecy::kSecret).status(),
                 "version: expected 4, found 3"));
  REQUIRE(chmod(path.c_str(), 0644) == 0);
  CHECK(Mentions(ReadSections(path, kFormat, Secrecy::kSecret).status(), "expected 0600"));
  CHECK(ReadSections(path, kFormat, Secrecy::kPublic).ok());
}

TEST_CASE("A file that the disk has no room for leaves the old one", "[store][sections]") {
  const Folder folder;
  const fs::path path = WriteSome(folder);
  const std::vector<std::byte> before = Content(path);
  const std::vector<std::byte> large(100000);
  const std::vector<std::span<const std::byte>> sections = {large};
  {
    const FileSizeLimit limit(5000);
    CHECK(Mentions(WriteSections(path, kFormat, sections), "File too large"));
  }
  CHECK(Content(path) == before);
  CHECK(Entries(folder.path()) == 1);
}

}  // namespace
}  // namespace lutra
