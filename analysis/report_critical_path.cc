// The critical path of each stage, per network.
#include <algorithm>
#include <array>
#include <map>
#include <tuple>
#include <utility>

#include "analysis/cost.h"
#include "analysis/cost_table.h"
#include "analysis/palette.h"
#include "analysis/report_cells.h"
#include "analysis/report_figures.h"
#include "analysis/report_sections.h"
#include "core/text.h"

namespace lutra {
namespace {

constexpr size_t kMostWaits = 4;  // of the critical path of a network and stage

// Between the grounds of light and dark pages; no role has it.
constexpr std::string_view kGrey = "#808080";

std::string LinkName(Role from, Role to) { return StrCat(Name(from), " → ", Name(to)); }

// What the end of a stage waited for, by whom: work of each role, then what messages take.
constexpr size_t kTransmission = kRoles.size(), kLatency = kTransmission + 1,
                 kOverhead = kTransmission + 2, kWaits = kTransmission + 3;
using Waits = std::array<double, kWaits>;

Waits WaitsOf(const Replay& replay, Stage stage) {
  Waits waits{};
  for (const auto& stages : replay.sessions) {
    for (const CriticalStep& step : stages[static_cast<size_t>(stage)].critical) {
      const double seconds = step.end - step.begin;
      switch (step.kind) {
        case CriticalStep::Kind::kWork:
          waits[Index(step.role)] += seconds;
          break;
        case CriticalStep::Kind::kTransmission:
          waits[kTransmission] += seconds;
          break;
        case CriticalStep::Kind::kLatency:
          waits[kLatency] += seconds;
          break;
        case CriticalStep::Kind::kOverhead:
          waits[kOverhead] += seconds;
      }
    }
  }
  return waits;
}

// Series that nobody waits for say nothing.
void DropUnused(StackedData& data) {
  for (size_t i = data.series.size(); i-- > 0;) {
    const bool used = std::any_of(data.rows.begin(), data.rows.end(),
                                  [i](const auto& row) { return row.parts[i] > 0; });
    if (used) continue;
    const auto offset = static_cast<std::ptrdiff_t>(i);
    data.series.erase(data.series.begin() + offset);
    for (auto& row : data.rows) row.parts.erase(row.parts.begin() + offset);
  }
}

// What a piece of the critical path is, at whom, and where.
std::tuple<std::string, std::string, std::string> NameOf(const Program& program,
                                                         const CriticalStep& step) {
  switch (step.kind) {
    case CriticalStep::Kind::kWork: {
      const NodeSpec& spec = program.nodes()[step.node].spec;
      return {"work", std::string(Name(step.role)),
              StrCat(OrNoPath(StepOfPath(spec.path)), ", ", spec.protocol)};
    }
    case CriticalStep::Kind::kTransmission:
      return {"transmission", LinkName(step.role, step.peer), std::string(Name(step.phase))};
    case CriticalStep::Kind::kLatency:
      return {"latency", LinkName(step.role, step.peer), std::string(Name(step.phase))};
    default:
      return {"overhead", std::string(Name(step.role)), std::string(Name(step.phase))};
  }
}

// The longest pieces of the critical path, added up by operation or link.
ReportTable WaitTable(const RunToReport& run) {
  ReportTable table;
  table.id = "waits";
  table.title = "Longest parts of the critical path";
  table.columns = {{"network"},
                   {"stage"},
                   {"what"},
                   {"who"},
                   {"where"},
                   {"seconds", Format::kSeconds, Source::kReplayed},
                   {"share", Format::kShare, Source::kReplayed, true}};
  for (const NetworkReplay& one : run.replays) {
    for (const Stage stage : {Stage::kOffline, Stage::kOnline}) {
      std::map<std::tuple<std::string, std::string, std::string>, double> waits;
      for (const auto& stages : one.replay.sessions) {
        for (const CriticalStep& step : stages[static_cast<size_t>(stage)].critical) {
          waits[NameOf(run.program(), step)] += step.end - step.begin;
        }
      }
      std::vector<std::pair<double, std::tuple<std::string, std::string, std::string>>> order;
      for (const auto& [name, seconds] : waits) order.emplace_back(seconds, name);
      std::stable_sort(order.begin(), order.end(),
                       [](const auto& a, const auto& b) { return a.first > b.first; });
      if (order.size() > kMostWaits) order.resize(kMostWaits);
      for (const auto& [seconds, name] : order) {
        table.Add({one.network.name, TextCell(Name(stage)), std::get<0>(name), std::get<1>(name),
                   std::get<2>(name), seconds, ShareOf(seconds, one.replay.seconds(stage))});
      }
    }
  }
  table.note = StrCat("The ", kMostWaits, " longest of each network and stage.");
  return table;
}

// What the end of each stage waits for, as it is drawn: work in the colour of the role that does
// it, what messages take in grey, told apart by height.
StackedData PathData(const RunToReport& run) {
  StackedData data;
  for (const Role role : kRoles) {
    data.series.push_back({StrCat("work of ", Name(role)), std::string(Color(role))});
  }
  data.series.push_back({"transmission", std::string(kGrey)});
  data.series.push_back({"latency", std::string(kGrey), 0.6});
  data.series.push_back({"overhead", std::string(kGrey), 0.25});
  for (const NetworkReplay& one : run.replays) {
    for (const Stage stage : {Stage::kOffline, Stage::kOnline}) {
      const Waits waits = WaitsOf(one.replay, stage);
      data.rows.push_back({StrCat(one.network.name, ", ", Name(stage)),
                           HumanSeconds(one.replay.seconds(stage)),
                           {waits.begin(), waits.end()}});
    }
  }
  DropUnused(data);
  return data;
}

// The same in numbers, a row for each of its rows.
ReportTable PathTable(const RunToReport& run, const StackedData& data) {
  ReportTable table;
  table.id = "critical-path";
  table.title = "What the end waits for";
  table.columns = {{"network"}, {"stage"}, {"seconds", Format::kSeconds, Source::kReplayed}};
  for (const StackedData::Series& series : data.series) {
    table.columns.push_back({series.name, Format::kShare, Source::kReplayed});
  }
  size_t index = 0;
  for (const NetworkReplay& one : run.replays) {
    for (const Stage stage : {Stage::kOffline, Stage::kOnline}) {
      const double seconds = one.replay.seconds(stage);
      ReportCells cells = {one.network.name, TextCell(Name(stage)), seconds};
      for (const double wait : data.rows[index].parts) {
        cells.push_back(wait > 0 ? ShareOf(wait, seconds) : ReportCell());
      }
      table.Add(std::move(cells));
      ++index;
    }
  }
  return table;
}

}  // namespace

OptionalSection CriticalPathSection(const RunToReport& run) {
  if (run.replays.empty()) return std::nullopt;
  ReportSection section{"critical", "Critical path per network", "Critical path", {}};
  section.items.emplace_back(
      "The chain of events that the end of a stage waits for, all sessions one after the other: "
      "work of a role, then a message, then work of whoever waited for it.");
  const StackedData data = PathData(run);
  section.items.emplace_back(
      ReportFigure{"critical", "Shares of the critical path of each network and stage (replayed).",
                   StackedPicture("Critical path per network", data, kWide),
                   StackedPicture("Critical path per network", data, kNarrow)});
  section.items.emplace_back(PathTable(run, data));
  section.items.emplace_back(WaitTable(run));
  return section;
}

}  // namespace lutra
