// The first screen: offline and online.
#include "analysis/cost_table.h"
#include "analysis/report_cells.h"
#include "analysis/report_figures.h"
#include "analysis/report_sections.h"

namespace lutra {
namespace {

PhaseBytes AllBytes(const RunFacts& facts) {
  PhaseBytes bytes{};
  for (const Phase phase : kPhases) bytes[static_cast<size_t>(phase)] = facts.bytes(phase);
  return bytes;
}
PhaseSeconds AllSeconds(const RunFacts& facts) {
  PhaseSeconds seconds{};
  for (const Phase phase : kPhases) seconds[static_cast<size_t>(phase)] = facts.seconds(phase);
  return seconds;
}

}  // namespace

ReportSection OverviewSection(const RunToReport& run) {
  ReportSection section{"split", "Offline and online", "Overview", {}};
  section.items.emplace_back(ReportFigure{
      "split",
      "Payload of all links and wall time, all sessions together. The model is shared once; "
      "dealing and preparing need no data.",
      SplitPicture(AllBytes(run.facts), AllSeconds(run.facts), kWide),
      SplitPicture(AllBytes(run.facts), AllSeconds(run.facts), kNarrow)});
  if (run.replays.empty()) return section;
  ReportTable table;
  table.id = "predicted";
  table.title = "Predicted time per network";
  table.columns = {{"network"},
                   {"offline", Format::kSeconds, Source::kReplayed},
                   {"online", Format::kSeconds, Source::kReplayed, true},
                   {"online, a session", Format::kSeconds, Source::kReplayed},
                   {"what it is"}};
  for (const NetworkReplay& one : run.replays) {
    const double online = one.replay.seconds(Stage::kOnline);
    table.Add({one.network.name, one.replay.seconds(Stage::kOffline), online,
               ShareOf(online, static_cast<double>(run.sessions())), one.network.description});
  }
  section.items.emplace_back(std::move(table));
  return section;
}

}  // namespace lutra
