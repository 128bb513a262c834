#include "experiments/lab/results.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "analysis/quantile.h"
#include "analysis/replay.h"
#include "analysis/result_column.h"

namespace lutra {
namespace {

using Cell = DataTable::Cell;
using Row = DataTable::Row;
using Unit = ResultColumn::Unit;
using Source = ResultColumn::Source;

class Collector {
 public:
  Collector(const Experiment& experiment, const ExperimentPlan& plan,
            const std::map<size_t, FinishedRun>& finished)
      : experiment_(experiment), plan_(plan), finished_(finished) {}

  StatusOr<Results> Collect() {
    MakeColumns();
    for (size_t i = 0; i < plan_.runs.size(); ++i) {
      const auto found = finished_.find(i);
      if (found != finished_.end()) LUTRA_RETURN_IF_ERROR(AddRun(plan_.runs[i], found->second));
    }
    Summarize();
    return std::move(results_);
  }

 private:
  bool HasAxis(std::string_view name) const {
    return std::any_of(experiment_.axes.begin(), experiment_.axes.end(),
                       [&](const Axis& axis) { return axis.name == name; });
  }
  bool Offers(const ResultColumn& column) const {
    if (HasAxis(column.name)) return false;  // batch
    if (column.source == Source::kRun) return experiment_.runs();
    return column.source == Source::kClosedForm || !experiment_.replays.empty();
  }

  void MakeColumns() {
    keys_ = {"point"};
    for (const Axis& axis : experiment_.axes) keys_.push_back(axis.name);
    if (!experiment_.network_names.empty()) keys_.push_back("network");
    std::vector<std::string>& runs = results_.runs.columns;
    runs = keys_;
    runs.insert(runs.end(), {"repetition", "seed"});
    std::vector<std::string>& groups = results_.breakdown.columns;
    groups = {"point"};
    for (const Axis& axis : experiment_.axes) {
      if (!axis.is_replay) groups.push_back(axis.name);
    }
    groups.insert(groups.end(), {"repetition", "by", "group"});
    for (const ResultColumn& column : ResultColumns()) {
      if (!Offers(column)) continue;
      runs.emplace_back(column.name);
      if (column.in_breakdown) groups.emplace_back(column.name);
    }
  }

  Row KeysOf(const PlannedRun& run) const {
    Row row;
    row["point"] = run.point;
    row["repetition"] = run.repetition;
    if (run.seed.has_value()) row["seed"] = *run.seed;
    const Point& point = experiment_.points[run.point];
    for (size_t i = 0; i < experiment_.axes.size(); ++i) {
      const Axis& axis = experiment_.axes[i];
      if (!axis.is_replay) PutStep(axis, axis.steps[point.steps[i]], row);
    }
    return row;
  }

  static void PutStep(const Axis& axis, const Axis::Step& step, Row& row) {
    const auto own = step.settings.find(axis.name);
    const bool is_value = own != step.settings.end() &&
                          (step.number.has_value() || std::holds_alternative<bool>(own->second));
    row[axis.name] = is_value ? SettingJson(own->second) : Cell(step.label);
  }

  static void PutBytes(const PhaseBytes& bytes, Row& row) {
    const auto of = [&](Phase phase) { return bytes[Index(phase)]; };
    row["model_bytes"] = of(Phase::kModel);
    row["deal_bytes"] = of(Phase::kDeal);
    row["prepare_bytes"] = of(Phase::kPrepare);
    row["offline_bytes"] = of(Phase::kDeal) + of(Phase::kPrepare);
    row["online_bytes"] = of(Phase::kOnline);
  }

  Status AddRun(const PlannedRun& run, const FinishedRun& finished) {
    const PointPrice& price = plan_.prices[run.point];
    Row row = KeysOf(run);
    row["sessions"] = price.sessions;
    if (!HasAxis("batch")) row["batch"] = price.batch;
    row["nodes"] = price.nodes;
    row["lookups"] = price.lookups;
    row["rounds"] = price.rounds;
    PutBytes(price.bytes, row);
    for (const ResultColumn& column : ResultColumns()) {
      const auto found = finished.results.find(std::string(column.name));
      if (found != finished.results.end()) row[std::string(column.name)] = *found;
    }
    AddBreakdown(run, price, finished);
    if (finished.trace.empty() || experiment_.replays.empty()) {
      results_.runs.rows.push_back(std::move(row));
      return absl::OkStatus();
    }
    LUTRA_ASSIGN_OR_RETURN(const Trace trace, ReadTraceFile(finished.trace));
    for (const ReplayCase& replay : experiment_.replays) {
      StatusOr<Replay> replayed = ReplayTrace(trace, replay.shape);
      if (!replayed.ok()) return Annotate(replayed.status(), finished.trace.string());
      Row one = row;
      for (size_t i = 0; i < experiment_.axes.size(); ++i) {
        const Axis& axis = experiment_.axes[i];
        if (axis.is_replay) PutStep(axis, axis.steps[replay.steps[i]], one);
      }
      if (!replay.network.empty()) one["network"] = replay.network;
      const double offline = replayed->seconds(Stage::kOffline);
      const double online = replayed->seconds(Stage::kOnline);
      one["predicted_offline_seconds"] = offline;
      one["predicted_online_seconds"] = online;
      one["predicted_total_seconds"] = offline + online;
      results_.runs.rows.push_back(std::move(one));
    }
    return absl::OkStatus();
  }

  void AddBreakdown(const PlannedRun& run, const PointPrice& price, const FinishedRun& finished) {
    for (const BreakdownRow& group : price.breakdown) {
      Row row = KeysOf(run);
      row["by"] = group.by;
      row["group"] = group.cost.name;
      row["nodes"] = group.cost.nodes;
      row["lookups"] = group.cost.lookups * price.sessions;
      PhaseBytes bytes = group.cost.bytes;
      for (const Phase phase : kPhases) {
        if (phase != Phase::kModel) bytes[Index(phase)] *= price.sessions;
      }
      PutBytes(bytes, row);
      row["rounds"] = group.cost.online_levels.size();
      PutWork(group, finished.work, row);
      results_.breakdown.rows.push_back(std::move(row));
    }
  }

  // A group that did no work took no time; a point that did not run has none.
  void PutWork(const BreakdownRow& group, const Cell& work, Row& row) const {
    const auto groups = work.find(group.by);
    if (groups == work.end() || !groups->is_object()) return;
    const auto own = groups->find(group.cost.name);
    const auto of = [&](std::string_view phase) {
      if (own == groups->end() || !own->is_object()) return 0.0;
      const auto seconds = own->find(std::string(phase));
      return seconds != own->end() && seconds->is_number() ? seconds->get<double>() : 0.0;
    };
    row["model_seconds"] = of("model");
    row["deal_seconds"] = of("deal");
    row["prepare_seconds"] = of("prepare");
    row["offline_seconds"] = of("deal") + of("prepare");
    row["online_seconds"] = of("online");
  }

  void Summarize() {
    DataTable& summary = results_.summary;
    summary.columns = keys_;
    summary.columns.push_back("runs");
    for (const ResultColumn& column : ResultColumns()) {
      if (!Offers(column)) continue;
      const std::string name(column.name);
      summary.columns.push_back(name);
      if (column.source != Source::kClosedForm && column.unit != Unit::kTruth) {
        summary.columns.push_back(name + "_q1");
        summary.columns.push_back(name + "_q3");
      }
    }
    for (const RowGroup& group : GroupRows(results_.runs, keys_, {})) {
      Row row;
      for (const std::string& key : keys_) row[key] = DataTable::At(*group.rows[0], key);
      row["runs"] = group.rows.size();
      for (const ResultColumn& column : ResultColumns()) {
        if (Offers(column)) PutMedian(column, group.rows, row);
      }
      summary.rows.push_back(std::move(row));
    }
  }

  static void PutMedian(const ResultColumn& column, const std::vector<const Row*>& rows, Row& row) {
    const std::string name(column.name);
    if (column.source == Source::kClosedForm) {
      row[name] = DataTable::At(*rows[0], name);
      return;
    }
    const std::optional<Median> median = MedianOf(rows, name);
    if (!median.has_value()) return;
    if (column.unit == Unit::kTruth) {
      row[name] = median->value >= 1;
      return;
    }
    row[name] = median->value;
    row[name + "_q1"] = median->low;
    row[name + "_q3"] = median->high;
  }

  const Experiment& experiment_;
  const ExperimentPlan& plan_;
  const std::map<size_t, FinishedRun>& finished_;
  std::vector<std::string> keys_;
  Results results_;
};

}  // namespace

StatusOr<Results> CollectResults(const Experiment& experiment, const ExperimentPlan& plan,
                                 const std::map<size_t, FinishedRun>& finished) {
  return Collector(experiment, plan, finished).Collect();
}

std::optional<Median> MedianOf(const std::vector<const Row*>& rows, std::string_view column) {
  const ResultColumn* result = FindResultColumn(column);
  const bool by_network = result != nullptr && result->source == Source::kReplay;
  std::vector<double> values;
  std::set<std::array<std::string, 3>> seen;
  for (const Row* row : rows) {
    const auto text = [&](std::string_view key) { return CellText(DataTable::At(*row, key)); };
    const bool is_new =
        by_network || seen.insert({text("point"), text("repetition"), text("group")}).second;
    const Cell& cell = DataTable::At(*row, column);
    if (is_new && cell.is_number()) values.push_back(cell.get<double>());
    if (is_new && cell.is_boolean()) values.push_back(cell.get<bool>() ? 1 : 0);
  }
  if (values.empty()) return std::nullopt;
  if (result != nullptr && result->unit == Unit::kTruth) {
    const double least = *std::min_element(values.begin(), values.end());
    return Median{least, least, least, values.size()};
  }
  return Median{Quantile(values, 0.5), Quantile(values, 0.25), Quantile(values, 0.75),
                values.size()};
}

std::vector<RowGroup> GroupRows(const DataTable& table, const std::vector<std::string>& keys,
                                const RowFilter& only) {
  const auto kept = [&](const Row& row) {
    return std::all_of(only.begin(), only.end(), [&](const auto& filter) {
      const Cell& cell = DataTable::At(row, filter.first);
      return std::any_of(filter.second.begin(), filter.second.end(), [&](const std::string& label) {
        // Of an axis "true", in a file of results TRUE.
        return label == CellText(cell) || (cell.is_boolean() && label == cell.dump());
      });
    });
  };
  std::vector<RowGroup> groups;
  std::map<std::vector<std::string>, size_t> index;
  for (const Row& row : table.rows) {
    if (!kept(row)) continue;
    std::vector<std::string> values;
    for (const std::string& key : keys) values.push_back(CellText(DataTable::At(row, key)));
    const auto [found, is_new] = index.emplace(values, groups.size());
    if (is_new) groups.push_back({std::move(values), {}});
    groups[found->second].rows.push_back(&row);
  }
  return groups;
}

DataTable BreakdownOf(const Results& results, const std::string& by) {
  DataTable table;
  if (by.empty()) return table;
  for (const std::string& column : results.breakdown.columns) {
    if (column != "by") table.columns.push_back(column == "group" ? by : column);
  }
  for (const Row& row : results.breakdown.rows) {
    if (CellText(DataTable::At(row, "by")) != by) continue;
    Row one = row;
    one[by] = DataTable::At(row, "group");
    table.rows.push_back(std::move(one));
  }
  return table;
}

}  // namespace lutra
