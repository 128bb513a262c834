// The first screen: offline and online.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "analysis/report_cells.h"
#include "analysis/report_figures.h"
#include "analysis/report_sections.h"
#include "core/text.h"

namespace lutra {
namespace {

ReportFigure SplitFigure(const RunToReport& run) {
  const PhaseBytes bytes = CountedBytes(run.tables);
  PhaseSeconds seconds{};
  for (const Phase phase : kPhases) {
    seconds[Index(phase)] = run.facts.seconds(phase);
  }
  std::string caption =
      "Payload of all links (counted) and seconds (measured), all sessions together. The model is "
      "shared once; dealing and preparing need no data.";
  if (!run.in_processes()) {
    caption +=
        " In a simulation roles take turns, so these are the seconds of all roles one after the "
        "other; the predicted times give each role a machine of its own.";
  }
  return {"split", std::move(caption), SplitPicture(bytes, seconds, kWide),
          SplitPicture(bytes, seconds, kNarrow)};
}

// Where the network's threads have no effect.
std::string IgnoredThreads(const NetworkReplay& one) {
  std::vector<std::string_view> roles;
  for (const Role role : one.replay.threads_ignored) roles.push_back(Name(role));
  if (roles.empty()) return "";
  return StrCat(" Threads of ", one.network.name, " have no effect at ", CommaSeparated(roles),
                ", which worked with one thread when it was traced.");
}

ReportTable PredictedTable(const RunToReport& run) {
  ReportTable table;
  table.id = "predicted";
  table.title = "Predicted time per network";
  table.columns = {{"network"},
                   {"offline", Format::kSeconds, Source::kReplayed},
                   {"online", Format::kSeconds, Source::kReplayed, true},
                   {"online, a session", Format::kSeconds, Source::kReplayed},
                   {"what it is"}};
  table.note =
      "Of all sessions one after the other, each role on a machine of its own. Sharing the model, "
      "once, is not in it.";
  for (const NetworkReplay& one : run.replays) {
    const double online = one.replay.seconds(Stage::kOnline);
    table.Add({one.network.name, one.replay.seconds(Stage::kOffline), online,
               ShareOf(online, static_cast<double>(run.sessions())), one.network.description});
    table.note += IgnoredThreads(one);
  }
  return table;
}

}  // namespace

ReportSection OverviewSection(const RunToReport& run) {
  ReportSection section{"split", "Offline and online", "Overview", {}};
  section.items.emplace_back(SplitFigure(run));
  if (!run.replays.empty()) section.items.emplace_back(PredictedTable(run));
  return section;
}

}  // namespace lutra
