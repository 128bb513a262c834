#include "experiments/lab/comparison.h"

#include <catch2/catch.hpp>
#include <filesystem>

#include "core/file.h"
#include "tests/support/drawn.h"
#include "tests/support/folder.h"

namespace lutra {
namespace {

// Two works of ours, three runs of the first, each under two networks.
Results OurResults() {
  Results results;
  results.runs.columns = {"work", "online_seconds"};
  int repetition = 0;
  for (const double seconds : {3.0, 1.0, 2.0}) {
    DataTable::Row row;
    row["point"] = 0;
    row["repetition"] = repetition++;
    row["work"] = "a";
    row["offline_seconds"] = 2 * seconds;
    row["online_seconds"] = seconds;
    row["offline_bytes"] = 1000000;
    row["online_bytes"] = 2000;
    row["rounds"] = 5;
    results.runs.rows.push_back(row);
    results.runs.rows.push_back(row);
    row["point"] = 1;
    row["work"] = "b";
    results.runs.rows.push_back(row);
  }
  return results;
}

Experiment Ours(const Settings& settings = {{"measure", std::string("simulation")},
                                            {"threads", int64_t{2}}}) {
  Experiment experiment;
  experiment.points.resize(2);
  for (Point& point : experiment.points) point.settings = settings;
  return experiment;
}

std::vector<ComparisonRow> Rows(const ComparisonSpec& spec, const Results& results = OurResults()) {
  return CompareRows(spec, Ours(), results);
}

RenderedTable Render(const ComparisonSpec& spec, const Results& results = OurResults()) {
  return RenderComparison(spec, Rows(spec, results));
}

PublishedFigures Figures(const std::string& system, FigureKind kind,
                         std::map<std::string, Amount, std::less<>> amounts) {
  PublishedFigures figures;
  figures.system = system;
  figures.detail = "detail of " + system;
  figures.kind = kind;
  figures.source = "source";
  figures.conditions = "conditions";
  figures.amounts = std::move(amounts);
  return figures;
}

ComparisonSpec Spec() {
  ComparisonSpec spec;
  spec.name = "name";
  spec.title = "title";
  spec.rows = {"work"};
  spec.only["work"] = {"a"};
  spec.columns = {"online_seconds", "total_seconds", "offline_bytes"};
  spec.ratio = "online_seconds";
  spec.published.systems = {
      Figures("P", FigureKind::kPrinted, {{"online_seconds", {8, 8}}, {"paper_speedup", {9, 9}}}),
      Figures("E", FigureKind::kExtrapolated, {{"online_seconds", {40, 40}}}),
      Figures("M", FigureKind::kMeasured,
              {{"online_seconds", {6, 8}}, {"offline_bytes_per_party", {3e9, 3e9}}})};
  return spec;
}

TEST_CASE("a comparison keeps kinds apart and gives ratios of what was measured only") {
  const std::vector<ComparisonRow> rows = Rows(Spec());
  REQUIRE(rows.size() == 4);
  CHECK(rows[0].group == "Lutra, this experiment");
  CHECK(rows[0].system == "a");
  CHECK(rows[0].amounts.at("online_seconds") == Amount{2, 2});  // the median
  CHECK(rows[0].amounts.at("total_seconds") == Amount{6, 6});
  CHECK(rows[0].amounts.at("online_rounds") == Amount{5, 5});
  CHECK(rows[1].group == "measured");
  CHECK(rows[2].group == "extrapolated");
  CHECK(rows[3].group == "printed");

  const RenderedTable table = Render(Spec());
  const auto has = [&](std::string_view text) {
    INFO(table.markdown);
    CHECK(table.markdown.find(text) != std::string::npos);
  };
  has("| Lutra, this experiment | a | 2.00 | 6.00 | 1.00 MB | - | 1 | 1 |");
  has("| measured | M | 6.00 to 8.00 | - | 3.00 GB a party | - | 3.00 to 4.00 | 2 |");
  has("| extrapolated | E | 40.0 | - | - | - | - | 3 |");
  has("| printed | P | 8.00 | - | - | 9 | - | 4 |");
  has("4. detail of P. source. conditions.");
  has("medians of 3 runs");
  has("of what was measured; other kinds, and parts of the work, have no ratio");
  ComparisonSpec part = Spec();
  part.published.systems[2].partial = true;
  CHECK(Render(part).markdown.find(
            "| measured | M | 6.00 to 8.00 | - | 3.00 GB a party | - | - | 2 |") !=
        std::string::npos);
  CHECK(table.latex.find("\\begin{tabular}{llrrrrrl}") != std::string::npos);
  CHECK(table.latex.find("\\textsuperscript{4}") != std::string::npos);
}

TEST_CASE("several works of ours stand first, and the ratio is to the first") {
  ComparisonSpec spec = Spec();
  spec.only.clear();
  const std::vector<ComparisonRow> rows = Rows(spec);
  REQUIRE(rows.size() == 5);
  CHECK(rows[1].system == "b");
  CHECK(rows[1].group == "Lutra, this experiment");
}

TEST_CASE("without any run of ours the others stand alone, without a ratio") {
  const RenderedTable table = Render(Spec(), Results());
  CHECK(table.markdown.find("| measured | M | 6.00 to 8.00 | - | 3.00 GB a party | - | - | 1 |") !=
        std::string::npos);
}

TEST_CASE("the note of our row says what it was") {
  const auto note = [](const Settings& settings, const Results& results) {
    return CompareRows(Spec(), Ours(settings), results)[0].note;
  };
  const Results runs = OurResults();
  CHECK(note({{"measure", std::string("simulation")}, {"threads", int64_t{1}}}, runs) ==
        "bytes and rounds exact; seconds medians of 3 runs on the machine of this experiment, all "
        "roles in one process and in turn, without links, 1 thread; offline is dealing and "
        "preparing, without sharing the model");
  CHECK(
      note({{"measure", std::string("processes")}, {"transport", std::string("plain")}}, runs)
          .find("each role a process, over plain links of that machine, a thread for each core") !=
      std::string::npos);
  CHECK(note({{"measure", std::string("processes")}}, runs).find("over encrypted links") !=
        std::string::npos);
  CHECK(note({{"measure", std::string("simulation")}, {"protocol", std::string("lookup")}}, runs)
            .ends_with("and every figure is of the protocol alone, without its inputs"));
  Results priced = OurResults();
  for (DataTable::Row& row : priced.runs.rows) {
    row.erase("offline_seconds");
    row.erase("online_seconds");
  }
  const std::string exact = note({{"measure", std::string("cost")}}, priced);
  CHECK(exact.find("nothing was run, so there are no seconds") != std::string::npos);
  CHECK(exact.find("median") == std::string::npos);
}

TEST_CASE("a comparison is drawn where any row has the amount") {
  ComparisonSpec spec = Spec();
  spec.figure = "online_seconds";
  const std::string script = ComparisonScript(spec, Rows(spec));
  CHECK(script.find("title 'extrapolated'") != std::string::npos);
  CHECK(script.find("1 7 6 8\n") != std::string::npos);  // a range, after ours and before E
  spec.figure = "total_bytes";
  CHECK(ComparisonScript(spec, Rows(spec, Results())).empty());
  spec.figure = "";
  CHECK(ComparisonScript(spec, Rows(spec)).empty());
  // What is 0 has no place on the axis.
  Results nothing = OurResults();
  for (DataTable::Row& row : nothing.runs.rows) row["online_bytes"] = 0;
  spec.figure = "online_bytes";
  CHECK(ComparisonScript(spec, Rows(spec, nothing)).empty());
  // Asked for or not, it is one column.
  spec.columns.emplace_back("paper_speedup");
  const std::string table = Render(spec).markdown;
  const std::string title = "the paper's own system is faster by, times";
  CHECK(table.find(title) != std::string::npos);
  CHECK(table.find(title) == table.rfind(title));
}

TEST_CASE("gnuplot runs nothing that stands in a text") {
  ComparisonSpec spec = Spec();
  spec.figure = "online_seconds";
  spec.title = "a `touch made` title\nset print 'made'\nprint 1 # \"%s\" \\";
  spec.published.systems[0].system = "`touch made` it's \"P\"\nset print 'made'\nprint 2 \\";
  spec.published.systems[2].system = "$x @y {z} #1";
  Experiment experiment = Ours();
  experiment.comparisons = {spec};
  const Folder folder;
  if (!Drawn(WriteComparisons(experiment, OurResults(), folder.path()))) return;
  CHECK(!std::filesystem::exists(folder / "comparisons/made"));
  const StatusOr<std::string> svg = ReadTextFile(folder / "comparisons/name.svg", 1 << 20);
  REQUIRE(svg.ok());
  CHECK(svg->find("a `touch made` title set print 'made'") != std::string::npos);
  CHECK(svg->find("`touch made` it's") != std::string::npos);
  CHECK(svg->find("$x @y {z} #1") != std::string::npos);
}

}  // namespace
}  // namespace lutra
