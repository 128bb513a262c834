#include "experiments/lab/published.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>

#include "tests/support/paths.h"

namespace lutra {
namespace {

constexpr std::string_view kHead = "format = \"lutra-published/1\"\ntitle = \"work\"\n";
constexpr std::string_view kSystem =
    "[[figures]]\nsystem = \"A\"\ndetail = \"d\"\nkind = \"measured\"\nsource = \"s\"\n"
    "conditions = \"c\"\n";

std::string ErrorOf(const std::string& toml) {
  const StatusOr<PublishedWork> work = ParsePublished(toml, "file.toml");
  return work.ok() ? "" : std::string(work.status().message());
}

std::string With(const std::string& line) { return StrCat(kHead, kSystem, line, "\n"); }

TEST_CASE("published figures: numbers, ranges and formulas") {
  const StatusOr<PublishedWork> work = ParsePublished(
      StrCat(kHead, "elements = 800\nring_bits = [16, 33]\nsecurity_bits = 128\n", kSystem,
             "online_seconds = 2\ntotal_bytes = [1.5e9, 2e9]\n[[figures]]\nsystem = \"B\"\n",
             "detail = \"d\"\nkind = \"printed\"\nsource = \"s\"\nconditions = \"c\"\n",
             "offline_bits = \"l*lambda + 2*l*l - 3\"\nonline_bits = \" 2 * l\"\n",
             "online_rounds = \"log_l + 2\"\n"),
      "file.toml");
  REQUIRE(work.ok());
  CHECK(work->title == "work");
  REQUIRE(work->systems.size() == 3);
  const PublishedFigures& a = work->systems[0];
  CHECK(a.system == "A");
  CHECK(a.kind == FigureKind::kMeasured);
  CHECK(a.ring_bits == 0);
  CHECK(a.amounts.size() == 2);
  CHECK(a.amounts.at("online_seconds") == Amount{2, 2});
  CHECK(a.amounts.at("total_bytes") == Amount{1.5e9, 2e9});
  // One row for each l.
  const PublishedFigures& narrow = work->systems[1];
  CHECK(narrow.kind == FigureKind::kPrinted);
  CHECK(narrow.ring_bits == 16);
  const double bits = 16 * 128 + 2 * 16 * 16 - 3;
  CHECK(narrow.amounts.at("offline_bytes") == Amount{bits * 100, bits * 100});
  CHECK(narrow.amounts.at("online_bytes") == Amount{3200, 3200});
  CHECK(narrow.amounts.at("online_rounds") == Amount{6, 6});
  CHECK(work->systems[2].ring_bits == 33);
  CHECK(work->systems[2].amounts.at("online_rounds") == Amount{8, 8});  // 6 bits for 33
}

TEST_CASE("formulas are sums of products of numbers and symbols") {
  const std::map<std::string, double, std::less<>> symbols = {{"l", 16}, {"lambda", 128}};
  const auto value = [&](std::string_view formula) { return ValueOfFormula(formula, symbols); };
  CHECK(*value("7") == 7);
  CHECK(*value("l*lambda + 7*l + lambda + 1") == 16 * 128 + 7 * 16 + 128 + 1);
  CHECK(*value("20*l - 16") == 304);
  CHECK(*value("1 - l - l") == -31);
  for (const char* const bad : {"", "2*", "k", "l + ", "2l", "l^2", "(l)", "1.5", "- l"}) {
    INFO(bad);
    CHECK_FALSE(value(bad).ok());
  }
  CHECK(value("3*k").status().message() == "'k'");
}

TEST_CASE("bad files of published figures: line, key, expected and found") {
  CHECK(ErrorOf("format = \"lutra-published/2\"") ==
        "file.toml:1: format: expected 'lutra-published/1', found 'lutra-published/2'");
  CHECK(ErrorOf(std::string(kHead)) ==
        "file.toml:1: figures: expected an array of tables, found nothing");
  CHECK(ErrorOf(With("")) ==
        "file.toml:3: figures: expected one of offline_seconds, online_seconds, "
        "total_seconds, offline_bytes, offline_bytes_per_party, online_bytes, total_bytes, "
        "online_rounds, total_rounds, paper_speedup, found none");
  const std::string amount = "expected a number above 0 and up to 1e18, or [lowest, highest]";
  CHECK(ErrorOf(With("online_bytes = 0")) ==
        StrCat("file.toml:9: figures.online_bytes: ", amount, ", found 0"));
  CHECK(ErrorOf(With("online_bytes = -1")) ==
        StrCat("file.toml:9: figures.online_bytes: ", amount, ", found -1"));
  CHECK(ErrorOf(With("online_bytes = nan")) ==
        StrCat("file.toml:9: figures.online_bytes: ", amount, ", found nan"));
  CHECK(ErrorOf(With("online_bytes = [2, 1]")) ==
        StrCat("file.toml:9: figures.online_bytes: ", amount, ", found 2 to 1"));
  CHECK(ErrorOf(With("online_bytes = [1]")) ==
        StrCat("file.toml:9: figures.online_bytes: ", amount, ", found an array of 1"));
  CHECK(ErrorOf(With("online_bytes = [1, \"2\"]")) ==
        StrCat("file.toml:9: figures.online_bytes: ", amount, ", found a string"));
  CHECK(ErrorOf(With("online_byte = 1"))
            .starts_with("file.toml:9: figures.online_byte: expected one of system, detail, kind"));
  CHECK(ErrorOf(StrCat(kHead, "[[figures]]\nsystem = \" \"")) ==
        "file.toml:4: figures.system: expected a text on one line, found an empty one");
  CHECK(ErrorOf(StrCat(kHead, "[[figures]]\nsystem = \"a\\nb\"")) ==
        "file.toml:4: figures.system: expected a text on one line, found control characters");
  CHECK(ErrorOf(StrCat(kHead, "[[figures]]\nsystem = \"a\"\ndetail = \"b\"\nkind = \"guessed\"")) ==
        "file.toml:6: figures.kind: expected 'measured' or 'extrapolated' or 'printed', found "
        "'guessed'");
  // Formulas need what they are evaluated with.
  CHECK(ErrorOf(With("online_bits = \"2*l\"")) ==
        "file.toml:1: elements: expected a value, for the formulas, found nothing");
  const std::string formulas =
      StrCat(kHead, "elements = 1\nring_bits = [16]\nsecurity_bits = 128\n", kSystem);
  CHECK(ErrorOf(formulas + "online_bits = \"2*k\"") ==
        "file.toml:12: figures.online_bits: expected a sum of products of numbers, l, log_l and "
        "lambda, found 'k'");
  CHECK(ErrorOf(formulas + "online_bits = \"1 - l\"") ==
        "file.toml:12: figures.online_bits: expected a value above 0, found -15");
  CHECK(ErrorOf(formulas + "online_bits = \"l\"\nonline_bytes = 3") ==
        "file.toml:12: figures.online_bits: expected this or online_bytes, found both");
  CHECK(ErrorOf(formulas + "online_bits = 3") ==
        "file.toml:12: figures.online_bits: expected a formula, found an integer");
  CHECK(ErrorOf(StrCat(kHead, "ring_bits = [0]\n", kSystem)) ==
        "file.toml:3: ring_bits: expected an array of integers, 1 to 64, found 0");
  CHECK(ErrorOf(StrCat(kHead, "ring_bits = []\n", kSystem)) ==
        "file.toml:3: ring_bits: expected an array of integers, 1 to 64, found an empty one");
}

TEST_CASE("the shipped figures of other systems are read, with their sources") {
  int files = 0, printed = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(SourcePath("experiments/published"))) {
    if (entry.path().extension() != ".toml") continue;
    const StatusOr<PublishedWork> work = ReadPublished(entry.path());
    INFO(work.status().message());
    REQUIRE(work.ok());
    ++files;
    for (const PublishedFigures& figures : work->systems) {
      printed += figures.kind == FigureKind::kPrinted;
      CHECK(figures.source.size() > 20);
    }
  }
  CHECK(files >= 7);
  CHECK(printed >= 3 + 40);
  const StatusOr<PublishedWork> relu =
      ReadPublished(SourcePath("experiments/published/relu-closed-form.toml"));
  REQUIRE(relu.ok());
  const auto orca = std::find_if(relu->systems.begin(), relu->systems.end(),
                                 [](const PublishedFigures& f) { return f.system == "Orca"; });
  REQUIRE(orca != relu->systems.end());
  // (l (lambda + 7) + lambda + 1) and 2 l + 2 bits, l = 16.
  CHECK(orca->amounts.at("offline_bytes").low == 393216.0 / 8 * (16 * 135 + 129));
  CHECK(orca->amounts.at("online_bytes").low == 393216.0 / 8 * 34);
  // 18 l + 4 l log l bits and log l + 5 rounds, l = 32; bits offline are not printed.
  const auto pmpl =
      std::find_if(relu->systems.begin(), relu->systems.end(), [](const PublishedFigures& figures) {
        return figures.system == "pMPL, 3 parties" && figures.ring_bits == 32;
      });
  REQUIRE(pmpl != relu->systems.end());
  CHECK(pmpl->amounts.at("online_bytes").low == 393216.0 / 8 * (18 * 32 + 4 * 32 * 5));
  CHECK(pmpl->amounts.at("online_rounds").low == 10);
  CHECK(!pmpl->amounts.contains("offline_bytes"));
}

}  // namespace
}  // namespace lutra
