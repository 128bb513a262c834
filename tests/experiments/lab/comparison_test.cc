#include "experiments/lab/comparison.h"

#include <catch2/catch.hpp>

namespace lutra {
namespace {

// Two works of ours, three runs of the first.
Results OurResults() {
  Results results;
  results.runs.columns = {"work", "online_seconds"};
  for (const double seconds : {3.0, 1.0, 2.0}) {
    DataTable::Row row;
    row["work"] = "a";
    row["offline_seconds"] = 2 * seconds;
    row["online_seconds"] = seconds;
    row["offline_bytes"] = 1000000;
    row["online_bytes"] = 2000;
    row["rounds"] = 5;
    results.runs.rows.push_back(row);
    row["work"] = "b";
    results.runs.rows.push_back(row);
  }
  return results;
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
  const std::vector<ComparisonRow> rows = CompareRows(Spec(), OurResults());
  REQUIRE(rows.size() == 4);
  CHECK(rows[0].group == "Lutra, this experiment");
  CHECK(rows[0].system == "a");
  CHECK(rows[0].amounts.at("online_seconds") == Amount{2, 2});  // the median
  CHECK(rows[0].amounts.at("total_seconds") == Amount{6, 6});
  CHECK(rows[0].amounts.at("online_rounds") == Amount{5, 5});
  CHECK(rows[1].group == "measured");
  CHECK(rows[2].group == "extrapolated");
  CHECK(rows[3].group == "printed");

  const RenderedTable table = RenderComparison(Spec(), OurResults());
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
  CHECK(RenderComparison(part, OurResults())
            .markdown.find("| measured | M | 6.00 to 8.00 | - | 3.00 GB a party | - | - | 2 |") !=
        std::string::npos);
  CHECK(table.latex.find("\\begin{tabular}{llrrrrrl}") != std::string::npos);
  CHECK(table.latex.find("\\textsuperscript{4}") != std::string::npos);
}

TEST_CASE("several works of ours stand first, and the ratio is to the first") {
  ComparisonSpec spec = Spec();
  spec.only.clear();
  const std::vector<ComparisonRow> rows = CompareRows(spec, OurResults());
  REQUIRE(rows.size() == 5);
  CHECK(rows[1].system == "b");
  CHECK(rows[1].group == "Lutra, this experiment");
}

TEST_CASE("without any run of ours the others stand alone, without a ratio") {
  const RenderedTable table = RenderComparison(Spec(), Results());
  CHECK(table.markdown.find("| measured | M | 6.00 to 8.00 | - | 3.00 GB a party | - | - | 1 |") !=
        std::string::npos);
}

}  // namespace
}  // namespace lutra
