// Where bytes and seconds go.
#include <array>
#include <map>
#include <tuple>
#include <utility>

#include "analysis/cost.h"
#include "analysis/cost_table.h"
#include "analysis/quantile.h"
#include "analysis/report_cells.h"
#include "analysis/report_sections.h"
#include "core/text.h"

namespace lutra {
namespace {

// Whether all that tells of the bytes of a phase tells the same.
std::string ConsistencyNote(const RunToReport& run, const NodeSums& sums) {
  const PhaseBytes counted = CountedBytes(run.tables), of_nodes = sums.bytes();
  const auto closed_forms = run.cost.phases();
  std::string differing;
  for (const Phase phase : kPhases) {
    const int64_t recorded = run.facts.bytes(phase);
    const int64_t messages = counted[Index(phase)], nodes = of_nodes[Index(phase)];
    const int64_t expected = closed_forms[Index(phase)].bytes;
    const int64_t times = phase == Phase::kModel ? 1 : run.sessions();
    // Divided, so that nothing overflows.
    const bool as_expected =
        times == 0 ? messages == 0 : messages % times == 0 && messages / times == expected;
    if (as_expected && recorded == messages && nodes == messages) continue;
    differing += StrCat(differing.empty() ? "" : "; ", Name(phase), ": run.json ",
                        Grouped(recorded), " bytes, levels.csv ", Grouped(messages),
                        ", ledger.csv ", Grouped(nodes), ", in closed form ", Grouped(expected),
                        " in each of ", times, times == 1 ? " session" : " sessions");
  }
  if (!differing.empty()) {
    return StrCat("What was counted and what the closed forms say is not the same: ", differing,
                  ".");
  }
  return "In every phase, the bytes of run.json, of levels.csv, of ledger.csv and of the closed "
         "forms are all the same, exactly.";
}

// What stands below the table of phases: how to read it, and what is not in it.
std::string PhaseNote(const RunToReport& run) {
  std::string note =
      "A tape counts as one message to each party, a round as one message per link. Sharing the "
      "model, dealing and preparing have no rounds.";
  if (run.in_processes()) {
    note +=
        " The dealer's seconds are its work on nodes added up: while it streams, it waits for the "
        "parties.";
  }
  int64_t framing = 0;
  for (const SessionSummary& session : run.facts.sessions) framing += session.framing_bytes;
  if (framing > 0) {
    note += StrCat(" Beside the payload, the online phase sent ", Grouped(framing),
                   " bytes of framing: headers, encryption, control (recorded).");
  }
  return note;
}

ReportTable PhaseTable(const RunToReport& run) {
  ReportTable table;
  table.id = "phases";
  table.title = "By phase";
  table.columns = {{"phase"},
                   {"payload", Format::kBytes, Source::kCounted},
                   {"bytes", Format::kCount, Source::kCounted},
                   {"share", Format::kShare, Source::kCounted, true},
                   {"an example", Format::kBytes, Source::kCounted},
                   {"messages", Format::kCount, Source::kCounted},
                   {"rounds a session", Format::kCount, Source::kCounted},
                   {"seconds", Format::kSeconds, Source::kMeasured},
                   {"share of seconds", Format::kShare, Source::kMeasured, true},
                   {"seconds an example", Format::kSeconds, Source::kMeasured}};
  table.note = PhaseNote(run);
  const auto counted = PhaseCosts(run.tables.traffic);
  int64_t all_bytes = 0;
  double all_seconds = 0;
  for (const PhaseCost& phase : counted) {
    all_bytes += phase.bytes;
    all_seconds += run.facts.seconds(phase.phase);
  }
  const int64_t examples = run.facts.examples();
  for (const PhaseCost& phase : counted) {
    const bool has_rounds = phase.phase == Phase::kOnline;
    const bool by_example = phase.phase != Phase::kModel && examples > 0;
    const double seconds = run.facts.seconds(phase.phase);
    table.Add({TextCell(Name(phase.phase)), phase.bytes, phase.bytes,
               ShareOf(phase.bytes, all_bytes),
               by_example ? ReportCell(phase.bytes / examples) : ReportCell(), phase.messages,
               has_rounds ? ReportCell(int64_t{phase.rounds}) : ReportCell(), seconds,
               ShareOf(seconds, all_seconds),
               by_example ? ReportCell(seconds / static_cast<double>(examples)) : ReportCell()});
  }
  return table;
}

ReportTable SessionTable(const RunToReport& run) {
  ReportTable table;
  table.id = "sessions";
  table.title = "A session";
  table.columns = {{"phase"},
                   {"least seconds", Format::kSeconds, Source::kMeasured},
                   {"median seconds", Format::kSeconds, Source::kMeasured},
                   {"most seconds", Format::kSeconds, Source::kMeasured},
                   {"bytes a session", Format::kBytes, Source::kCounted}};
  const PhaseBytes bytes = CountedBytes(run.tables);
  for (const Phase phase : {Phase::kDeal, Phase::kPrepare, Phase::kOnline}) {
    std::vector<double> seconds;
    for (const SessionSummary& session : run.facts.sessions) {
      seconds.push_back(session.seconds[Index(phase)]);
    }
    if (seconds.empty()) break;
    table.Add({TextCell(Name(phase)), Quantile(seconds, 0), Quantile(seconds, 0.5),
               Quantile(seconds, 1), bytes[Index(phase)] / run.sessions()});
  }
  return table;
}

ReportTable RoleTable(const RunToReport& run) {
  ReportTable table;
  table.id = "roles";
  table.title = "By role";
  table.columns = {{"role"},
                   {"sends, model", Format::kBytes, Source::kCounted},
                   {"sends, offline", Format::kBytes, Source::kCounted},
                   {"sends, online", Format::kBytes, Source::kCounted, true},
                   {"receives, model", Format::kBytes, Source::kCounted},
                   {"receives, offline", Format::kBytes, Source::kCounted},
                   {"receives, online", Format::kBytes, Source::kCounted, true},
                   {"works, model", Format::kSeconds, Source::kMeasured},
                   {"works, offline", Format::kSeconds, Source::kMeasured},
                   {"works, online", Format::kSeconds, Source::kMeasured, true}};
  table.note = "Work is that on nodes of the program: no waiting, no sending.";
  using ByStage = std::array<int64_t, kStages.size()>;
  std::array<ByStage, kRoles.size()> sent{}, received{};
  std::array<std::array<double, kStages.size()>, kRoles.size()> worked{};
  for (const auto& [link, traffic] : run.tables.traffic) {
    const auto stage = static_cast<size_t>(StageOf(link.phase));
    sent[Index(link.from)][stage] += traffic.bytes;
    received[Index(link.to)][stage] += traffic.bytes;
  }
  for (const auto& [work, seconds] : run.tables.seconds) {
    worked[Index(work.role)][static_cast<size_t>(StageOf(work.phase))] += seconds;
  }
  for (const Role role : kRoles) {
    ReportCells cells = {TextCell(Name(role))};
    for (const int64_t bytes : sent[Index(role)]) cells.push_back(NonZero(bytes));
    for (const int64_t bytes : received[Index(role)]) cells.push_back(NonZero(bytes));
    for (const double seconds : worked[Index(role)]) cells.push_back(NonZero(seconds));
    table.Add(std::move(cells));
  }
  return table;
}

ReportTable LinkTable(const RunToReport& run) {
  ReportTable table;
  table.id = "links";
  table.title = "By link";
  table.columns = {{"phase"},
                   {"from"},
                   {"to"},
                   {"payload", Format::kBytes, Source::kCounted},
                   {"bytes", Format::kCount, Source::kCounted},
                   {"share of phase", Format::kShare, Source::kCounted, true},
                   {"messages", Format::kCount, Source::kCounted}};
  std::map<std::tuple<Phase, Role, Role>, Ledger::Traffic> links;
  PhaseBytes phases{};
  for (const auto& [link, traffic] : run.tables.traffic) {
    Ledger::Traffic& sum = links[{link.phase, link.from, link.to}];
    sum.bytes += traffic.bytes;
    sum.messages += traffic.messages;
    phases[Index(link.phase)] += traffic.bytes;
  }
  for (const auto& [link, traffic] : links) {
    const auto& [phase, from, to] = link;
    table.Add({TextCell(Name(phase)), TextCell(Name(from)), TextCell(Name(to)), traffic.bytes,
               traffic.bytes, ShareOf(traffic.bytes, phases[Index(phase)]), traffic.messages});
  }
  return table;
}

ReportTable GroupTable(std::string_view id, std::string_view title, std::vector<NodeGroup> groups) {
  ReportTable table;
  table.id = StrCat("by-", id);
  table.title = title;
  table.columns = {{id == "step" ? "operation" : std::string(id)},
                   {"nodes", Format::kCount, Source::kClosedForm},
                   {"lookups", Format::kCount, Source::kClosedForm},
                   {"model", Format::kBytes, Source::kCounted, true},
                   {"deal", Format::kBytes, Source::kCounted, true},
                   {"prepare", Format::kBytes, Source::kCounted, true},
                   {"online", Format::kBytes, Source::kCounted, true},
                   {"rounds", Format::kCount, Source::kCounted},
                   {"model, seconds", Format::kSeconds, Source::kMeasured},
                   {"deal, seconds", Format::kSeconds, Source::kMeasured},
                   {"prepare, seconds", Format::kSeconds, Source::kMeasured},
                   {"online, seconds", Format::kSeconds, Source::kMeasured, true}};
  table.note =
      "Lookups of one session. Rounds of the online phase in which something is sent; others may "
      "share them. Seconds are the work of all roles added up.";
  table.left_out =
      KeepLargest(groups, kMostTableRows, [](const NodeGroup& group) { return group.all_bytes(); });
  for (const NodeGroup& group : groups) {
    ReportCells cells = {group.name, group.nodes, NonZero(group.lookups)};
    for (const int64_t bytes : group.bytes) cells.push_back(NonZero(bytes));
    cells.push_back(NonZero(static_cast<int64_t>(group.levels.size())));
    for (const double seconds : group.seconds) cells.push_back(NonZero(seconds));
    table.Add(std::move(cells));
  }
  return table;
}

}  // namespace

ReportSection SplitsSection(const RunToReport& run, const NodeSums& sums) {
  ReportSection section{"splits", "Where bytes and seconds go", "Splits", {}};
  section.items.emplace_back(ConsistencyNote(run, sums));
  section.items.emplace_back(PhaseTable(run));
  section.items.emplace_back(SessionTable(run));
  section.items.emplace_back(RoleTable(run));
  section.items.emplace_back(LinkTable(run));
  section.items.emplace_back(GroupTable("layer", "By layer", sums.By([](const Node& node) {
    return OrNoPath(LayerOfPath(node.spec.path));
  })));
  section.items.emplace_back(GroupTable("step", "By operation", sums.By([](const Node& node) {
    return OrNoPath(StepOfPath(node.spec.path));
  })));
  section.items.emplace_back(GroupTable("protocol", "By protocol", sums.By([](const Node& node) {
    return std::string_view(node.spec.protocol);
  })));
  return section;
}

}  // namespace lutra
