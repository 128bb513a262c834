#include "analysis/report_experiment.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "analysis/report_comparison.h"
#include "analysis/report_result_table.h"
#include "tests/support/folder.h"

namespace lutra {
namespace {

CsvTable Csv(std::string_view text) {
  StatusOr<CsvTable> table = ParseCsv(text, "results.csv");
  REQUIRE(table.ok());
  return *std::move(table);
}

ExperimentTable Spec(std::vector<std::string> rows, std::vector<std::string> columns) {
  ExperimentTable spec;
  spec.name = "t";
  spec.title = "T";
  spec.rows = std::move(rows);
  spec.columns = std::move(columns);
  return spec;
}

std::vector<std::string> ShownRow(const ReportTable& table, size_t row) {
  std::vector<std::string> cells;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    cells.push_back(Shown(table.rows[row][i], table.columns[i].format));
  }
  return cells;
}

using Texts = std::vector<std::string>;

TEST_CASE("Medians of results, each with where it comes from", "[report][experiment]") {
  const CsvTable csv =
      Csv("point,sequence,form,network,repetition,seed,deal_bytes,framing_bytes,peak_memory_bytes,"
          "estimated_memory_bytes,online_seconds,agrees,accuracy,predicted_online_seconds\n"
          "0,8,\"a, b\",lan,0,1,1000,NA,2000,3000,1,TRUE,NA,10\n"
          "0,8,\"a, b\",wan,0,1,1000,NA,2000,3000,1,TRUE,NA,20\n"
          "0,8,\"a, b\",lan,1,2,1000,NA,2000,3000,3,FALSE,NA,30\n"
          "0,8,\"a, b\",wan,1,2,1000,NA,2000,3000,3,FALSE,NA,40\n"
          "1,32,c,lan,0,1,5000,NA,6000,7000,8,TRUE,0.5,50\n"
          "1,32,c,wan,0,1,5000,NA,6000,7000,8,TRUE,0.5,60\n");
  const auto spec = Spec({"sequence", "form"},
                         {"deal_bytes", "framing_bytes", "peak_memory_bytes",
                          "estimated_memory_bytes", "online_seconds", "agrees", "accuracy"});
  const auto table = ResultTable(csv, spec, Statistic::kMedian);
  REQUIRE(table.ok());
  Texts names;
  std::vector<Source> sources;
  for (const ReportColumn& column : table->columns) {
    names.push_back(column.name);
    sources.push_back(column.source);
  }
  // Nothing is known of framing.
  CHECK(names == Texts{"sequence", "form", "deal bytes", "peak memory bytes",
                       "estimated memory bytes", "online seconds", "agrees", "accuracy"});
  CHECK(sources == std::vector{Source::kRecorded, Source::kNone, Source::kClosedForm,
                               Source::kMeasured, Source::kClosedForm, Source::kMeasured,
                               Source::kRecorded, Source::kRecorded});
  REQUIRE(table->rows.size() == 2);
  CHECK(ShownRow(*table, 0) ==
        Texts{"8", "a, b", "1.00 kB", "2.00 kB", "3.00 kB", "2.00 s", "no", "–"});
  CHECK(ShownRow(*table, 1) ==
        Texts{"32", "c", "5.00 kB", "6.00 kB", "7.00 kB", "8.00 s", "yes", "50.0 %"});

  // A run counts once, however many networks it is replayed under; a prediction counts each time.
  const auto quartiles =
      ResultTable(csv, Spec({"sequence"}, {"deal_bytes", "online_seconds"}), Statistic::kQuartiles);
  REQUIRE(quartiles.ok());
  CHECK(ShownRow(*quartiles, 0) == Texts{"8", "1.50 to 2.50 s"});
  auto predicted = Spec({"network"}, {"predicted_online_seconds"});
  predicted.only["sequence"] = {"8.0"};
  const auto by_network = ResultTable(csv, predicted, Statistic::kMedian);
  REQUIRE(by_network.ok());
  CHECK(by_network->columns[1].source == Source::kReplayed);
  CHECK(ShownRow(*by_network, 0) == Texts{"lan", "20.0 s"});
  CHECK(ShownRow(*by_network, 1) == Texts{"wan", "30.0 s"});

  CHECK(Mentions(ResultTable(csv, Spec({"layer"}, {}), Statistic::kMedian).status(),
                 "results.csv:1: expected a column layer, by which experiment.toml tells rows"));
  CHECK(Mentions(ResultTable(Csv("point,deal_bytes\n0,many\n"), Spec({"point"}, {"deal_bytes"}),
                             Statistic::kMedian)
                     .status(),
                 "results.csv:2: deal_bytes: expected a number or NA, found 'many'"));
}

TEST_CASE("Rows of a breakdown", "[report][experiment]") {
  const CsvTable csv =
      Csv("point,repetition,by,group,online_bytes\n"
          "0,0,layer,layers.0,10\n0,0,layer,layers.1,20\n0,0,protocol,lookup,30\n"
          "0,1,layer,layers.0,10\n0,1,layer,layers.1,20\n0,1,protocol,lookup,30\n");
  auto spec = Spec({"layer"}, {"online_bytes"});
  spec.by = "layer";
  const auto table = ResultTable(csv, spec, Statistic::kMedian);
  REQUIRE(table.ok());
  REQUIRE(table->rows.size() == 2);
  CHECK(table->columns[0].name == "layer");
  CHECK(ShownRow(*table, 1) == Texts{"layers.1", "20 B"});
}

TEST_CASE("Published figures keep their kinds and notes", "[report][experiment]") {
  const auto table = ComparisonTable(
      "**A \\*title\\***\n\n"
      "| kind | system | online, s | offline, bytes | note |\n|---|---|---:|---:|---|\n"
      "| Lutra | a\\|b | 0.913 | 8.57 GB | 1 |\n| measured | X | 57.5 to 60 | 24.0 MB a party | 2 "
      "|\n"
      "|  | Y | - | 1,234 kB | 2 |\n\n1. exact \\_.\n2. theirs.\n\nTimes ours.\n",
      "c.md");
  REQUIRE(table.ok());
  REQUIRE(table->rows.size() == 3);
  CHECK(ShownRow(*table, 0) == Texts{"Lutra", "a|b", "0.913", "8.57 GB", "1"});
  CHECK(ShownRow(*table, 2) == Texts{"measured", "Y", "–", "1,234 kB", "2"});
  CHECK(std::get<QuotedNumber>(table->rows[0][3]).value == Approx(8.57e9));
  CHECK(std::get<QuotedNumber>(table->rows[1][3]).value == Approx(24e6));
  CHECK(std::get<QuotedNumber>(table->rows[2][3]).value == Approx(1234e3));
  CHECK(std::get<QuotedNumber>(table->rows[1][2]).value == 57.5);
  CHECK(table->columns[3].source == Source::kStated);
  CHECK(table->columns[4].source == Source::kNone);
  CHECK(table->notes == Texts{"exact _.", "theirs."});
  CHECK(table->note == "Times ours.");

  CHECK(Mentions(ComparisonTable("| a | b |\n|---|---|\n| 1 |\n", "c.md").status(),
                 "c.md:3: expected 2 cells, found 1"));
  CHECK(Mentions(ComparisonTable("**abc\\**\n", "c.md").status(), "c.md: expected a table"));
  for (const char* odd : {"|\\", "|", "||\n|", "| a\\|\n", "1.", "**"}) {
    CHECK(!ComparisonTable(odd, "c.md").ok());
  }
}

// A directory of results, whose files a test may change.
void PutResults(const Folder& folder) {
  REQUIRE(WriteFile(folder / "experiment.toml",
                    "format = \"lutra-experiment/1\"\ntitle = \"T <1>\"\nmeasure = \"simulation\"\n"
                    "model = \"bert-tiny\"\nrepetitions = 2\n[flags]\nthreads = 2\n"
                    "[[axes]]\nname = \"sequence\"\nvalues = [8]\n"
                    "[[tables]]\nname = \"by_sequence\"\ntitle = \"B\"\nrows = [\"sequence\"]\n"
                    "columns = [\"online_seconds\"]\n"
                    "[[figures]]\nname = \"a_b\"\ntitle = \"F\"\n")
              .ok());
  REQUIRE(WriteFile(folder / "environment.json", R"({
    "format": "lutra-experiment-environment/2", "command": ["lutra-experiment"],
    "started": "then", "written": "later", "versions": {"Lutra": "9.9.9", "gnuplot": "6.0"},
    "machine": {"processor": "P", "cores": 4, "memory_bytes": 8000000000, "simd": "AVX2"},
    "runs": {"planned": 2, "finished": 1}, "seeds": [7, 8],
    "origins": [{"runs": 1, "machine": {"processor": "Q", "cores": 1, "memory_bytes": 1000},
                 "made_by": {"build": "ab12", "jobs": 3}}],
    "points": [{"settings": {"sequence": 8, "model": "m"}, "program": "abcdef0123456789abcdef"}]})")
              .ok());
  REQUIRE(WriteFile(folder / "results.csv",
                    "point,sequence,repetition,seed,offline_bytes,online_bytes,rounds,"
                    "online_seconds,agrees\n0,8,0,7,4000,5000,6,0.25,TRUE\n")
              .ok());
  std::filesystem::create_directory(folder / "figures");
  REQUIRE(WriteFile(folder / "figures/a_b.svg", "<svg/>").ok());
  REQUIRE(WriteFile(folder / "figures/a_b.pdf", "%PDF-").ok());
}

TEST_CASE("The first screen of an experiment", "[report][experiment]") {
  const Folder folder;
  PutResults(folder);
  CHECK(IsExperimentDirectory(folder.path()));
  const auto report = ExperimentReport(folder.path());
  INFO(OneLine(report.status()));
  REQUIRE(report.ok());
  CHECK(report->title == "T <1>");
  std::string facts, results;
  for (const auto& [name, value] : report->facts) facts += StrCat(name, ": ", value, "\n");
  for (const ReportResult& result : report->results) {
    results += StrCat(result.label, ": ", result.value, result.alarming ? "!" : "", "\n");
  }
  CHECK(facts ==
        "settings: measure simulation, model bert-tiny, threads 2\nswept: sequence: 8\n"
        "seeds: by repetition: 7, 8\nprograms: digest abcdef0123456789\n"
        "machine: P, 4 cores, 8.00 GB, AVX2\nruns by: 1 run on Q, 1 core, 1.00 kB; build ab12, "
        "jobs 3\n"
        "versions: Lutra 9.9.9, gnuplot 6.0\ncommand: lutra-experiment\nstarted: then\n"
        "written: later\n");
  CHECK(results ==
        "Runs finished: 1 of 2!\nAgreement: yes\nOffline: 4.00 kB\nOnline: 5.00 kB\n"
        "Online time: 250 ms\n");
  REQUIRE(!report->sections.empty());
  REQUIRE(report->sections[0].items.size() == 1);
  CHECK(std::get<ReportImage>(report->sections[0].items[0]).file == "figures/a_b");
  const auto files = WriteReport(*report);
  REQUIRE(files.ok());
  CHECK(files->at("figures/a_b.pdf") == "%PDF-");
  CHECK(files->at("report.md").find("](figures/a_b.svg)") != std::string::npos);
  CHECK(files->at("report.html").find("id=\"table-by_sequence\"") != std::string::npos);
}

TEST_CASE("The first screen sums up all points, more than a table has rows",
          "[report][experiment]") {
  const Folder folder;
  PutResults(folder);
  std::string csv = "point,sequence,repetition,seed,online_bytes,online_seconds,agrees\n";
  for (int point = 0; point <= 400; ++point) {
    csv += StrCat(point, ",8,0,7,", 1000 + point, ",0.5,", point == 400 ? "FALSE\n" : "TRUE\n");
  }
  REQUIRE(WriteFile(folder / "results.csv", csv).ok());
  const auto report = ExperimentReport(folder.path());
  INFO(OneLine(report.status()));
  REQUIRE(report.ok());
  std::string results;
  for (const ReportResult& result : report->results) {
    results += StrCat(result.label, ": ", result.value, ", ", result.detail, "\n");
  }
  CHECK_THAT(results, Catch::Contains("Agreement: no, 400 of 401 points checked"));
  CHECK_THAT(results, Catch::Contains("Online: 1.00 kB to 1.40 kB, bytes, from point to point"));
}

TEST_CASE("What is wrong with a directory of results is said", "[report][experiment]") {
  const Folder folder;
  const auto error = [&](const char* file, std::string_view from, std::string_view to) {
    PutResults(folder);
    StatusOr<std::string> text = ReadTextFile(folder / file, 1 << 20);
    REQUIRE(text.ok());
    const size_t at = text->find(from);
    REQUIRE(at != text->npos);
    text->replace(at, from.size(), to);
    REQUIRE(WriteFile(folder / file, *text).ok());
    return OneLine(ExperimentReport(folder.path()).status());
  };
  const auto has = [](const std::string& text, std::string_view part) {
    INFO(text);
    CHECK(text.find(part) != text.npos);
  };
  has(error("experiment.toml", "experiment/1", "experiment/2"), "experiment.toml:1: format");
  has(error("experiment.toml", "a_b", "../../a"), ": figures.name: expected a name of letters");
  has(error("experiment.toml", "rows = [\"sequence\"]", "rows = [\"width\"]"),
      "results.csv':1: expected a column width");
  has(error("environment.json", "\"planned\": 2", "\"planned\": -2"),
      "environment.json': runs.planned: expected a whole number of at least 0, found -2");
  has(error("environment.json", "\"points\": [", "\"points\": [7, "),
      "points: expected a list of objects");
  has(error("environment.json", "environment/2", "environment/7"),
      "format: expected lutra-experiment-environment/2");
  has(error("environment.json", "{", "{{"), "environment.json': expected JSON");
  has(error("results.csv", ",0.25,", ",fast,"),
      "results.csv':2: online_seconds: expected a number or NA, found 'fast'");
  has(error("results.csv", "0,8,0", "8,0"), "results.csv':2: expected 9 cells, found 8");
  std::filesystem::remove(folder / "results.csv");
  has(OneLine(ExperimentReport(folder.path()).status()),
      "expected results.csv beside experiment.toml, found none");
}

}  // namespace
}  // namespace lutra
