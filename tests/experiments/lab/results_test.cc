#include "experiments/lab/results.h"

#include <catch2/catch.hpp>

#include "analysis/csv.h"
#include "analysis/quantile.h"
#include "analysis/result_column.h"
#include "core/file.h"
#include "experiments/lab/data_table.h"
#include "experiments/lab/figure.h"
#include "experiments/lab/table.h"
#include "tests/support/folder.h"

namespace lutra {
namespace {

TEST_CASE("Quantiles are those of R and NumPy", "[results]") {
  CHECK(Quantile({3}, 0.25) == 3);
  CHECK(Quantile({4, 1, 3, 2}, 0.5) == 2.5);
  CHECK(Quantile({4, 1, 3, 2}, 0.25) == 1.75);
  CHECK(Quantile({4, 1, 3, 2}, 0.75) == 3.25);
  CHECK(Quantile({5, 1, 2}, 0.5) == 2);
  CHECK(Quantile({5, 1, 2}, 0) == 1);
  CHECK(Quantile({5, 1, 2}, 1) == 5);
}

TEST_CASE("Tables are written as pandas and R read them, and read back", "[results]") {
  DataTable table;
  table.columns = {"form", "n", "seconds", "agrees", "nothing"};
  table.rows.push_back({{"form", "masked, \"x\""}, {"n", 12}, {"seconds", 0.1}, {"agrees", true}});
  table.rows.push_back({{"form", "b"}, {"n", -1}, {"seconds", 1e-9}, {"agrees", false}});
  const std::string csv = CsvOf(table);
  CHECK(csv ==
        "form,n,seconds,agrees,nothing\n"
        "\"masked, \"\"x\"\"\",12,0.1,TRUE,NA\n"
        "b,-1,1e-09,FALSE,NA\n");
  CHECK(JsonLinesOf(table) ==
        "{\"form\":\"masked, \\\"x\\\"\",\"n\":12,\"seconds\":0.1,\"agrees\":true,\"nothing\":null}"
        "\n{\"form\":\"b\",\"n\":-1,\"seconds\":1e-09,\"agrees\":false,\"nothing\":null}\n");
  const StatusOr<CsvTable> read = ParseCsv(csv, "t.csv");
  REQUIRE(read.ok());
  CHECK(read->head == table.columns);
  REQUIRE(read->rows.size() == 2);
  CHECK(read->rows[0].cells[0] == "masked, \"x\"");
  CHECK(read->rows[1].cells[4] == "NA");
}

// Two points, three repetitions: results made up by hand.
TEST_CASE("Medians and quartiles are those worked out by hand", "[results]") {
  const Folder folder;
  REQUIRE(WriteFile(folder / "e.toml", R"(
format = "lutra-experiment/1"
title = "T"
model = "bert-tiny:sequence=8"
measure = "simulation"
repetitions = 3
[[axes]]
name = "threads"
values = [1, 2]
)")
              .ok());
  const StatusOr<Experiment> experiment = ReadExperiment(folder / "e.toml");
  REQUIRE(experiment.ok());
  const StatusOr<ExperimentPlan> plan = MakePlan(*experiment, std::nullopt, false);
  REQUIRE(plan.ok());
  std::map<size_t, FinishedRun> finished;
  const std::vector<double> seconds = {4, 10, 1, 20, 2, 60};  // by repetition, then point
  for (size_t i = 0; i < 6; ++i) {
    finished[i].results = {{"online_seconds", seconds[i]}, {"agrees", i != 5}};
    finished[i].work = nlohmann::ordered_json::object();
  }
  const StatusOr<Results> results = CollectResults(*experiment, *plan, finished);
  REQUIRE(results.ok());
  REQUIRE(results->runs.rows.size() == 6);
  REQUIRE(results->summary.rows.size() == 2);
  const auto cell = [&](size_t row, std::string_view column) {
    return CellText(DataTable::At(results->summary.rows[row], column));
  };
  CHECK(cell(0, "threads") == "1");
  CHECK(cell(0, "runs") == "3");
  CHECK(cell(0, "online_seconds") == "2");
  CHECK(cell(0, "online_seconds_q1") == "1.5");
  CHECK(cell(0, "online_seconds_q3") == "3");
  CHECK(cell(0, "agrees") == "TRUE");
  CHECK(cell(1, "online_seconds") == "20");
  CHECK(cell(1, "online_seconds_q1") == "15");
  CHECK(cell(1, "online_seconds_q3") == "40");
  CHECK(cell(1, "agrees") == "FALSE");
  CHECK(cell(1, "deal_seconds") == "NA");
  CHECK(cell(1, "deal_bytes") == cell(0, "deal_bytes"));

  finished.erase(5);  // a run that is missing leaves the others
  const StatusOr<Results> fewer = CollectResults(*experiment, *plan, finished);
  REQUIRE(fewer.ok());
  CHECK(CellText(DataTable::At(fewer->summary.rows[1], "online_seconds")) == "15");
}

// Runs of one point, each under several networks.
DataTable RunsUnderNetworks(const std::vector<double>& seconds, int networks) {
  DataTable table;
  for (size_t i = 0; i < seconds.size(); ++i) {
    for (int network = 0; network < networks; ++network) {
      DataTable::Row row;
      row["point"] = 0;
      row["repetition"] = i;
      row["network"] = network;
      row["online_seconds"] = seconds[i];
      row["predicted_online_seconds"] = 10 * seconds[i] + network;
      row["agrees"] = i != 1;
      table.rows.push_back(std::move(row));
    }
  }
  return table;
}

std::vector<const DataTable::Row*> All(const DataTable& table) {
  std::vector<const DataTable::Row*> rows;
  for (const DataTable::Row& row : table.rows) rows.push_back(&row);
  return rows;
}

TEST_CASE("A run counts once, under however many networks it stands", "[results]") {
  const DataTable table = RunsUnderNetworks({3, 1, 2}, 2);
  const std::optional<Median> own = MedianOf(All(table), "online_seconds");
  REQUIRE(own.has_value());
  CHECK(own->count == 3);
  CHECK(own->value == 2);
  CHECK(own->low == 1.5);
  CHECK(own->high == 2.5);
  const std::optional<Median> predicted = MedianOf(All(table), "predicted_online_seconds");
  REQUIRE(predicted.has_value());
  CHECK(predicted->count == 6);  // 10, 11, 20, 21, 30, 31
  CHECK(predicted->value == 20.5);
}

TEST_CASE("A truth holds where it holds in all runs", "[results]") {
  const DataTable table = RunsUnderNetworks({1, 1, 1, 1, 1}, 1);
  const std::optional<Median> agrees = MedianOf(All(table), "agrees");
  REQUIRE(agrees.has_value());
  CHECK(HumanCell(*FindResultColumn("agrees"), agrees) == "no");
  CHECK(ShortFigure("agrees", agrees->value) == "no");
  const DataTable one = RunsUnderNetworks({1}, 3);
  CHECK(HumanCell(*FindResultColumn("agrees"), MedianOf(All(one), "agrees")) == "yes");
}

TEST_CASE("Three digits, rounded once", "[results]") {
  CHECK(ThreeDigits(0) == "0");
  CHECK(ThreeDigits(9.996) == "10.0");
  CHECK(ThreeDigits(9.994) == "9.99");
  CHECK(ThreeDigits(99.96) == "100");
  CHECK(ThreeDigits(0.0001234) == "0.000123");
  CHECK(ThreeDigits(0.9996) == "1.00");
  CHECK(ThreeDigits(12345) == "12345");
  CHECK(ThreeDigits(-2.5) == "-2.50");
}

}  // namespace
}  // namespace lutra
