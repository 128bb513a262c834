#include "experiments/lab/expected.h"

#include <algorithm>
#include <map>
#include <vector>

#include "analysis/csv.h"
#include "analysis/result_column.h"
#include "core/file.h"
#include "experiments/lab/data_table.h"
#include "experiments/lab/results.h"

namespace lutra {
namespace {

constexpr int64_t kMostBytes = int64_t{64} << 20;

// What every point costs: its results without any run.
StatusOr<DataTable> ClosedForms(const Experiment& experiment, const ExperimentPlan& plan) {
  Experiment once = experiment;
  once.replays.clear();
  std::map<size_t, FinishedRun> nothing_ran;
  for (size_t i = 0; i < plan.runs.size(); ++i) {
    if (plan.runs[i].repetition == 0) nothing_ran.emplace(i, FinishedRun{});
  }
  LUTRA_ASSIGN_OR_RETURN(Results results, CollectResults(once, plan, nothing_ran));
  DataTable table;
  for (const Axis& axis : experiment.axes) {
    if (!axis.is_replay) table.columns.push_back(axis.name);
  }
  for (const ResultColumn& column : ResultColumns()) {
    const std::vector<std::string>& there = table.columns;
    const std::string name(column.name);
    const bool is_axis = std::find(there.begin(), there.end(), name) != there.end();
    if (column.source == ResultColumn::Source::kClosedForm && !is_axis) {
      table.columns.push_back(name);
    }
  }
  table.rows = std::move(results.runs.rows);
  return table;
}

bool IsAxis(const Experiment& experiment, const std::string& name) {
  return std::any_of(experiment.axes.begin(), experiment.axes.end(),
                     [&](const Axis& axis) { return axis.name == name && !axis.is_replay; });
}

std::string Labels(const Experiment& experiment, const std::map<std::string, std::string>& cells) {
  std::string text;
  for (const Axis& axis : experiment.axes) {
    const auto cell = cells.find(axis.name);
    if (axis.is_replay || cell == cells.end()) continue;
    text += StrCat(text.empty() ? "" : ", ", axis.name, "=", cell->second);
  }
  return text.empty() ? "the only point" : text;
}

}  // namespace

std::string ExpectedCsv(const Experiment& experiment, const ExperimentPlan& plan) {
  const StatusOr<DataTable> table = ClosedForms(experiment, plan);
  LUTRA_CHECK(table.ok());  // there is no trace that could be wrong
  return CsvOf(*table);
}

StatusOr<int64_t> CheckExpected(const Experiment& experiment, const ExperimentPlan& plan,
                                const std::filesystem::path& file) {
  LUTRA_ASSIGN_OR_RETURN(const DataTable closed_forms, ClosedForms(experiment, plan));
  LUTRA_ASSIGN_OR_RETURN(const std::string content, ReadTextFile(file, kMostBytes));
  LUTRA_ASSIGN_OR_RETURN(const CsvTable expected, ParseCsv(content, file.string()));
  const std::vector<std::string>& known = closed_forms.columns;
  for (const std::string& column : expected.head) {
    if (std::find(known.begin(), known.end(), column) != known.end()) continue;
    return InvalidArgument(file.string(), ":1: expected axes and figures of the closed form (",
                           CommaSeparated(known), "), found '", column, "'");
  }
  for (const Axis& axis : experiment.axes) {
    const auto& columns = expected.head;
    const bool there = std::find(columns.begin(), columns.end(), axis.name) != columns.end();
    if (axis.is_replay || axis.steps.size() == 1 || there) continue;
    return InvalidArgument(file.string(), ":1: expected a column for the axis '", axis.name,
                           "', found none");
  }
  if (expected.rows.empty()) {
    return InvalidArgument(file.string(), ": expected at least one row, found none");
  }
  int64_t compared = 0;
  for (const CsvRow& row : expected.rows) {
    std::map<std::string, std::string> cells;
    RowFilter filter;
    for (size_t i = 0; i < expected.head.size(); ++i) {
      cells[expected.head[i]] = row.cells[i];
      if (IsAxis(experiment, expected.head[i])) filter[expected.head[i]] = {row.cells[i]};
    }
    const std::vector<RowGroup> found = GroupRows(closed_forms, {}, filter);
    if (found.empty()) {
      return InvalidArgument(file.string(), ":", row.line, ": expected a point of the experiment, ",
                             "found ", Labels(experiment, cells));
    }
    for (const auto& [column, text] : cells) {
      if (IsAxis(experiment, column)) continue;
      const std::string now = CellText(DataTable::At(*found[0].rows[0], column));
      ++compared;
      if (now == text) continue;
      return InvalidArgument(file.string(), ":", row.line, ": ", Labels(experiment, cells), ": ",
                             column, ": expected ", text, ", found ", now, " by the closed form");
    }
  }
  return compared;
}

}  // namespace lutra
