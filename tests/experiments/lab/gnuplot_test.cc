#include "experiments/lab/gnuplot.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <string>

#include "core/file.h"
#include "tests/support/folder.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

std::string TextIn(const fs::path& path) {
  StatusOr<std::string> text = ReadTextFile(path, int64_t{1} << 24);
  INFO(OneLine(text.status()));
  REQUIRE(text.ok());
  return *std::move(text);
}

// Another PATH while it lives: a folder with a `gnuplot` of a test's own, or with none.
class OtherPath {
 public:
  explicit OtherPath(const std::string& path) : before_(std::getenv("PATH")) { Set(path); }
  ~OtherPath() { Set(before_); }
  OtherPath(const OtherPath&) = delete;
  OtherPath& operator=(const OtherPath&) = delete;

 private:
  static void Set(const std::string& path) { setenv("PATH", path.c_str(), /*overwrite=*/1); }
  const std::string before_;
};

// Puts a shell script `gnuplot` into a folder. It runs in the folder where it draws.
void PutGnuplot(const Folder& folder, const std::string& script) {
  REQUIRE(WriteFile(folder / "gnuplot", "#!/bin/sh\n" + script, 0777).ok());
}

constexpr std::string_view kDraws = "echo svg > a.svg\necho pdf > a.pdf\n";
const DirectoryFiles kFiles = {{"a.gp", "script"}, {"a.md", "table"}};

TEST_CASE("Texts stand in scripts as they are, on one line", "[gnuplot]") {
  CHECK(GnuplotText("a `b` \"c\" $d @e \\n %f") == "'a `b` \"c\" $d @e \\n %f'");
  CHECK(GnuplotText("it's\na\tb\rc\x7f") == "'it''s a b c '");
  CHECK(GnuplotDataText("it's \"x\"\\n\n`y`") == "\"it's 'x' n `y`\"");
  CHECK(FramedScript("n", "a\nset print 'x'", 100, 100, "plot 1\n")
            .starts_with("# 'a set print ''x'''\n# Made by"));
}

TEST_CASE("What gnuplot says though it draws is kept, and no failure", "[gnuplot]") {
  const Folder programs, place;
  PutGnuplot(programs, StrCat(kDraws, "echo no cache directories >&2\n"));
  const OtherPath path(programs.path().string() + ":/usr/bin:/bin");
  const Status drawn = WriteDrawnFolder(place / "figures", kFiles);
  INFO(OneLine(drawn));
  REQUIRE(drawn.ok());
  CHECK(TextIn(place / "figures/a.svg") == "svg\n");
  CHECK(TextIn(place / "figures/a.md") == "table");
  CHECK(TextIn(place / "figures/gnuplot.log") == "a.gp:\nno cache directories\n");
}

TEST_CASE("Where gnuplot fails, what was drawn before stays", "[gnuplot]") {
  const Folder programs, place;
  const OtherPath path(programs.path().string() + ":/usr/bin:/bin");
  const fs::path folder = place / "figures";
  PutGnuplot(programs, "echo half > a.svg\necho broken >&2\nexit 3\n");
  const Status failed = WriteDrawnFolder(folder, kFiles);
  CHECK(OneLine(failed).find("figures: gnuplot a.gp: status 3: broken") != std::string::npos);
  CHECK(TextIn(folder / "a.gp") == "script");  // there was nothing before
  CHECK(!fs::exists(folder / "a.svg"));

  PutGnuplot(programs, std::string(kDraws));
  REQUIRE(WriteDrawnFolder(folder, kFiles).ok());
  PutGnuplot(programs, "exit 0\n");  // and writes nothing
  const DirectoryFiles others = {{"b.gp", "other"}};
  CHECK(OneLine(WriteDrawnFolder(folder, others)).find("it wrote nothing") != std::string::npos);
  CHECK(TextIn(folder / "a.svg") == "svg\n");
  CHECK(!fs::exists(folder / "b.gp"));
  {
    const Folder empty;
    const OtherPath nowhere(empty.path().string());
    CHECK(OneLine(WriteDrawnFolder(folder, others)).find("gnuplot is not installed") !=
          std::string::npos);
    CHECK(TextIn(folder / "a.svg") == "svg\n");
    CHECK(!WriteDrawnFolder(place / "new", others).ok());
    CHECK(TextIn(place / "new/b.gp") == "other");
  }
  CHECK(Entries(place.path()) == 2);  // nothing is left beside them
  REQUIRE(WriteDrawnFolder(folder, {{"a.md", "t"}}).ok());
  CHECK(Entries(folder) == 1);  // what was there before is gone
  REQUIRE(WriteDrawnFolder(folder, {}).ok());
  CHECK(!fs::exists(folder));
}

}  // namespace
}  // namespace lutra
