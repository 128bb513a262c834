#include "analysis/report_run.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "analysis/cost.h"
#include "analysis/cost_table.h"
#include "analysis/palette.h"
#include "analysis/report_figures.h"
#include "core/packing.h"
#include "core/text.h"
#include "mpc/correlation.h"
#include "mpc/protocol.h"

namespace lutra {
namespace {

using Json = nlohmann::ordered_json;
using Cells = std::vector<ReportCell>;

constexpr size_t kMostRows = 400;          // of a table
constexpr size_t kMostBars = 12;           // of a figure
constexpr size_t kMostNodesDrawn = 20000;  // one by one in the picture that one can zoom
constexpr size_t kMostGroupsDrawn = 20000;
constexpr size_t kMostWaits = 8;  // of the critical path of a network and stage

constexpr std::array kOffline = {Phase::kDeal, Phase::kPrepare};

constexpr size_t At(Phase phase) { return static_cast<size_t>(phase); }

ReportCell Text(std::string_view text) { return std::string(text); }
ReportCell NonZero(int64_t number) { return number == 0 ? ReportCell() : ReportCell(number); }
ReportCell NonZero(double number) { return number == 0 ? ReportCell() : ReportCell(number); }

ReportCell ShareOf(double part, double whole) {
  return whole > 0 ? ReportCell(part / whole) : ReportCell();
}
ReportCell ShareOf(int64_t part, int64_t whole) {
  return ShareOf(static_cast<double>(part), static_cast<double>(whole));
}

std::string OrNoPath(std::string_view name) {
  return name.empty() ? "(no path)" : std::string(name);
}

std::string Link(Role from, Role to) { return StrCat(Name(from), " → ", Name(to)); }

// The last part of a path.
std::string_view FileName(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// Keeps the rows with the largest keys, in their order.
template <class Row, class Key>
int64_t KeepLargest(std::vector<Row>& rows, size_t most, const Key& key) {
  if (rows.size() <= most) return 0;
  std::vector<size_t> order(rows.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return key(rows[a]) > key(rows[b]); });
  order.resize(most);
  std::sort(order.begin(), order.end());
  std::vector<Row> kept;
  for (const size_t index : order) kept.push_back(std::move(rows[index]));
  const auto left_out = static_cast<int64_t>(rows.size() - most);
  rows = std::move(kept);
  return left_out;
}

// What some nodes did together.
struct Group {
  std::string name;
  int64_t nodes = 0;
  int64_t lookups = 0;
  PhaseBytes bytes{};
  PhaseSeconds seconds{};  // work of all roles
  std::set<int> levels;    // online, in which they send

  int64_t all_bytes() const {
    int64_t sum = 0;
    for (const int64_t one : bytes) sum += one;
    return sum;
  }
};

// What each node did, from the tables of the run.
class NodeSums {
 public:
  NodeSums(const Program& program, const RunTables& tables, int64_t sessions)
      : program_(program), nodes_(program.nodes().size()) {
    for (const auto& [part, bits] : tables.bits) {
      Group& group = nodes_[part.node];
      group.bytes[At(part.phase)] += BytesOf(part.phase, bits, sessions);
      if (part.phase == Phase::kOnline) group.levels.insert(part.level);
    }
    for (const auto& [work, seconds] : tables.seconds) {
      nodes_[work.node].seconds[At(work.phase)] += seconds;
    }
    for (const Node& node : program.nodes()) {
      Group& group = nodes_[node.id];
      group.nodes = 1;
      if (!node.tables.empty() && !node.output_types.empty()) {
        group.lookups = node.output_types[0].shape.elements();
      }
    }
  }

  // Each node's part of a message begins on a byte, in every session. The model is shared once.
  static int64_t BytesOf(Phase phase, int64_t bits, int64_t sessions) {
    const int64_t times = phase == Phase::kModel ? 1 : std::max<int64_t>(1, sessions);
    return bits % times == 0 ? BitsToBytes(bits / times) * times : BitsToBytes(bits);
  }

  const Group& of(NodeId node) const { return nodes_[node]; }

  template <class NameOfNode>
  std::vector<Group> By(const NameOfNode& name_of_node) const {
    std::vector<Group> groups;
    std::map<std::string, size_t, std::less<>> index;
    for (const Node& node : program_.nodes()) {
      const std::string name(name_of_node(node));
      const auto [found, added] = index.emplace(name, groups.size());
      if (added) groups.emplace_back().name = name;
      Add(nodes_[node.id], groups[found->second]);
    }
    return groups;
  }

 private:
  static void Add(const Group& node, Group& group) {
    group.nodes += node.nodes;
    group.lookups += node.lookups;
    for (size_t i = 0; i < kPhases.size(); ++i) {
      group.bytes[i] += node.bytes[i];
      group.seconds[i] += node.seconds[i];
    }
    group.levels.insert(node.levels.begin(), node.levels.end());
  }

  const Program& program_;
  std::vector<Group> nodes_;
};

// Builds the sections one after the other.
class RunReporter {
 public:
  explicit RunReporter(const RunToReport& run)
      : facts_(run.facts),
        program_(run.program),
        tables_(run.tables),
        replays_(run.replays),
        drawings_(run.drawings),
        sessions_(static_cast<int64_t>(run.facts.sessions.size())),
        cost_(run.program),
        sums_(run.program, run.tables, sessions_) {}

  Report Make() && {
    report_.kind = "Run";
    report_.title = FileName(facts_.model);
    AddLead();
    AddFacts();
    AddResults();
    AddFirstScreen();
    AddSplits();
    AddIcicle();
    AddRounds();
    AddCritical();
    AddTape();
    AddProfile();
    AddSecurity();
    AddDrawings();
    AddOutputs();
    return std::move(report_);
  }

 private:
  std::string ProgramName() const {
    return std::string(FileName(facts_.command.empty() ? "" : facts_.command[0]));
  }

  ReportSection& NewSection(std::string_view id, std::string_view title,
                            std::string_view short_title) {
    ReportSection& section = report_.sections.emplace_back();
    section.id = id;
    section.title = title;
    section.short_title = short_title;
    return section;
  }

  // --------------------------------------------------------------------------------- first screen

  void AddLead() {
    const bool processes = ProgramName().find("launch") != std::string::npos;
    report_.lead =
        StrCat("Secure inference of ", Grouped(facts_.examples()),
               facts_.examples() == 1 ? " example in " : " examples in ", Grouped(sessions_),
               sessions_ == 1 ? " session" : " sessions", " of at most ", Grouped(facts_.batch),
               ", by ", ProgramName().empty() ? "an unnamed program" : ProgramName(),
               processes ? ": every role a process." : ".");
  }

  void AddFacts() {
    const auto add = [&](std::string_view name, std::string value) {
      report_.facts.emplace_back(name, std::move(value));
    };
    std::string command;
    for (const std::string& argument : facts_.command) {
      command += StrCat(command.empty() ? "" : " ", argument);
    }
    add("model", facts_.model);
    add("program", StrCat(Grouped(static_cast<int64_t>(program_.nodes().size())), " nodes, ",
                          program_.rounds(Phase::kOnline), " rounds online, digest ",
                          facts_.digest.substr(0, 12)));
    add("settings", StrCat("deployment ", facts_.deployment, ", tables ", facts_.tables, ", plan ",
                           facts_.plan));
    add("keys", facts_.seed == "operating-system" ? "from the operating system"
                                                  : StrCat("follow from seed ", facts_.seed));
    add("machine", StrCat(facts_.processor, ", ", facts_.cores, " cores, ",
                          HumanBytes(facts_.machine_memory_bytes), "; ", facts_.threads,
                          facts_.threads == 1 ? " thread, " : " threads, ", facts_.simd));
    if (facts_.peak_memory_bytes.has_value()) {
      add("peak memory", HumanBytes(*facts_.peak_memory_bytes));
    }
    add("command", command);
    add("version", StrCat("Lutra ", facts_.version));
  }

  void AddResults() {
    if (facts_.accuracy.has_value()) {
      std::string detail = "of the predictions are right";
      if (facts_.accuracy_ideal.has_value()) {
        detail = StrCat("in the clear, exactly: ", Fixed(100 * *facts_.accuracy_ideal, 1), " %");
      }
      report_.results.push_back(
          {"Accuracy", StrCat(Fixed(100 * *facts_.accuracy, 1), " %"), detail, Source::kRecorded});
    }
    AddAgreement();
    if (!facts_.outputs.empty()) {
      report_.results.push_back(
          {"Predictions", Predictions(), "of the secure inference, by class", Source::kRecorded});
    }
    AddSplitResult("Offline", kOffline, "dealt and prepared before the data is there");
    AddSplitResult("Online", std::array{Phase::kOnline},
                   StrCat(program_.rounds(Phase::kOnline), " rounds a session"));
  }

  void AddAgreement() {
    if (!facts_.agrees_with_ideal.has_value()) {
      report_.results.push_back({"Agreement", "not checked",
                                 "nodes were not compared with the clear twin", Source::kRecorded});
      return;
    }
    const bool agrees = *facts_.agrees_with_ideal;
    report_.results.push_back({"Agreement", agrees ? "every node" : "no",
                               agrees ? "of every session equals its clear twin"
                                      : "secure inference and its clear twin disagree",
                               Source::kRecorded, !agrees});
  }

  std::string ClassName(int64_t number) const {
    const auto index = static_cast<size_t>(number);
    return number >= 0 && index < facts_.labels.size() ? facts_.labels[index]
                                                       : StrCat("class ", number);
  }

  std::string Predictions() const {
    std::map<int64_t, int64_t> counts;
    for (const OutputSummary& output : facts_.outputs) ++counts[output.prediction];
    std::string text;
    size_t shown = 0;
    for (const auto& [number, count] : counts) {
      if (shown++ == 4) return StrCat(text, ", … ", counts.size(), " classes");
      text += StrCat(text.empty() ? "" : ", ", ClassName(number), " ", Grouped(count));
    }
    return text;
  }

  template <class Phases>
  void AddSplitResult(std::string_view label, const Phases& phases, std::string_view what) {
    int64_t bytes = 0;
    double seconds = 0;
    for (const Phase phase : phases) {
      bytes += facts_.bytes(phase);
      seconds += facts_.seconds(phase);
    }
    std::string detail = StrCat(HumanSeconds(seconds), "; ", what);
    if (facts_.examples() > 0) {
      detail += StrCat("; ", HumanBytes(bytes / facts_.examples()), " an example");
    }
    report_.results.push_back(
        {std::string(label), HumanBytes(bytes), std::move(detail), Source::kCounted});
  }

  PhaseBytes AllBytes() const {
    PhaseBytes bytes{};
    for (const Phase phase : kPhases) bytes[At(phase)] = facts_.bytes(phase);
    return bytes;
  }
  PhaseSeconds AllSeconds() const {
    PhaseSeconds seconds{};
    for (const Phase phase : kPhases) seconds[At(phase)] = facts_.seconds(phase);
    return seconds;
  }

  void AddFirstScreen() {
    ReportSection& section = NewSection("split", "Offline and online", "Overview");
    section.items.emplace_back(ReportFigure{
        "split",
        "Payload of all links and wall time, all sessions together. The model is shared once; "
        "dealing and preparing need no data.",
        SplitPicture(AllBytes(), AllSeconds(), kWide),
        SplitPicture(AllBytes(), AllSeconds(), kNarrow)});
    if (replays_.empty()) return;
    ReportTable table;
    table.id = "predicted";
    table.title = "Predicted time per network";
    table.columns = {{"network"},
                     {"offline", Format::kSeconds, Source::kReplayed},
                     {"online", Format::kSeconds, Source::kReplayed, true},
                     {"online, a session", Format::kSeconds, Source::kReplayed},
                     {"what it is"}};
    for (const NetworkReplay& one : replays_) {
      const double online = one.replay.seconds(Stage::kOnline);
      table.Add({one.network.name, one.replay.seconds(Stage::kOffline), online,
                 ShareOf(online, static_cast<double>(sessions_)), one.network.description});
    }
    section.items.emplace_back(std::move(table));
  }

  // --------------------------------------------------------------------------------------- splits

  void AddSplits() {
    ReportSection& section = NewSection("splits", "Where bytes and seconds go", "Splits");
    section.items.emplace_back(Consistency());
    section.items.emplace_back(PhaseTable());
    section.items.emplace_back(SessionTable());
    section.items.emplace_back(RoleTable());
    section.items.emplace_back(LinkTable());
    section.items.emplace_back(GroupTable("layer", "By layer", sums_.By([](const Node& node) {
      return OrNoPath(LayerOfPath(node.spec.path));
    })));
    section.items.emplace_back(GroupTable("step", "By operation", sums_.By([](const Node& node) {
      return OrNoPath(StepOfPath(node.spec.path));
    })));
    section.items.emplace_back(GroupTable("protocol", "By protocol", sums_.By([](const Node& node) {
      return std::string_view(node.spec.protocol);
    })));
  }

  // Whether what was counted is what the protocols say.
  std::string Consistency() const {
    std::string differing;
    for (const Phase phase : kPhases) {
      const int64_t times = phase == Phase::kModel ? 1 : sessions_;
      const int64_t expected = cost_.phases()[At(phase)].bytes;
      int64_t counted = 0;
      for (const auto& [link, traffic] : tables_.traffic) {
        if (link.phase == phase) counted += traffic.bytes;
      }
      // Divided, so that nothing overflows.
      const bool equal =
          times == 0 ? counted == 0 : counted % times == 0 && counted / times == expected;
      if (equal) continue;
      differing += StrCat(differing.empty() ? "" : "; ", Name(phase), ": counted ",
                          Grouped(counted), " bytes, in closed form ", Grouped(expected),
                          " in each of ", times, times == 1 ? " session" : " sessions");
    }
    if (!differing.empty()) {
      return StrCat("What was counted is not what the closed forms say: ", differing, ".");
    }
    return "In every phase, the bytes that were counted are those of the closed forms, exactly.";
  }

  ReportTable PhaseTable() const {
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
    const auto counted = PhaseCosts(tables_.traffic);
    int64_t all_bytes = 0;
    double all_seconds = 0;
    for (const PhaseCost& phase : counted) all_bytes += phase.bytes;
    for (const double seconds : AllSeconds()) all_seconds += seconds;
    const int64_t examples = facts_.examples();
    for (const PhaseCost& phase : counted) {
      const bool once = phase.phase == Phase::kModel;
      const double seconds = facts_.seconds(phase.phase);
      table.Add({Text(Name(phase.phase)), phase.bytes, phase.bytes, ShareOf(phase.bytes, all_bytes),
                 once || examples == 0 ? ReportCell() : ReportCell(phase.bytes / examples),
                 phase.messages, int64_t{phase.rounds}, seconds, ShareOf(seconds, all_seconds),
                 once || examples == 0 ? ReportCell()
                                       : ReportCell(seconds / static_cast<double>(examples))});
    }
    table.note = "A tape counts as one message to each party, a round as one message per link.";
    return table;
  }

  ReportTable SessionTable() const {
    ReportTable table;
    table.id = "sessions";
    table.title = "Seconds of a session";
    table.columns = {{"phase"},
                     {"least", Format::kSeconds, Source::kMeasured},
                     {"median", Format::kSeconds, Source::kMeasured},
                     {"most", Format::kSeconds, Source::kMeasured},
                     {"bytes a session", Format::kBytes, Source::kCounted}};
    for (const Phase phase : {Phase::kDeal, Phase::kPrepare, Phase::kOnline}) {
      std::vector<double> seconds;
      for (const SessionSummary& session : facts_.sessions) {
        seconds.push_back(session.seconds[At(phase)]);
      }
      std::sort(seconds.begin(), seconds.end());
      if (seconds.empty()) break;
      const size_t half = seconds.size() / 2;
      const double median =
          seconds.size() % 2 == 1 ? seconds[half] : (seconds[half - 1] + seconds[half]) / 2;
      table.Add({Text(Name(phase)), seconds.front(), median, seconds.back(),
                 facts_.bytes(phase) / sessions_});
    }
    return table;
  }

  ReportTable RoleTable() const {
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
    for (const auto& [link, traffic] : tables_.traffic) {
      const auto stage = static_cast<size_t>(StageOf(link.phase));
      sent[Index(link.from)][stage] += traffic.bytes;
      received[Index(link.to)][stage] += traffic.bytes;
    }
    for (const auto& [work, seconds] : tables_.seconds) {
      worked[Index(work.role)][static_cast<size_t>(StageOf(work.phase))] += seconds;
    }
    for (const Role role : kRoles) {
      Cells cells = {Text(Name(role))};
      for (const int64_t bytes : sent[Index(role)]) cells.push_back(NonZero(bytes));
      for (const int64_t bytes : received[Index(role)]) cells.push_back(NonZero(bytes));
      for (const double seconds : worked[Index(role)]) cells.push_back(NonZero(seconds));
      table.Add(std::move(cells));
    }
    return table;
  }

  ReportTable LinkTable() const {
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
    for (const auto& [link, traffic] : tables_.traffic) {
      Ledger::Traffic& sum = links[{link.phase, link.from, link.to}];
      sum.bytes += traffic.bytes;
      sum.messages += traffic.messages;
      phases[At(link.phase)] += traffic.bytes;
    }
    for (const auto& [link, traffic] : links) {
      const auto& [phase, from, to] = link;
      table.Add({Text(Name(phase)), Text(Name(from)), Text(Name(to)), traffic.bytes, traffic.bytes,
                 ShareOf(traffic.bytes, phases[At(phase)]), traffic.messages});
    }
    return table;
  }

  static ReportTable GroupTable(std::string_view id, std::string_view title,
                                std::vector<Group> groups) {
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
                     {"deal, seconds", Format::kSeconds, Source::kMeasured},
                     {"prepare, seconds", Format::kSeconds, Source::kMeasured},
                     {"online, seconds", Format::kSeconds, Source::kMeasured, true}};
    table.note =
        "Lookups of one session. Rounds in which something is sent; others may share them. Seconds "
        "are the work of all roles added up.";
    table.left_out =
        KeepLargest(groups, kMostRows, [](const Group& group) { return group.all_bytes(); });
    for (const Group& group : groups) {
      Cells cells = {group.name, group.nodes, NonZero(group.lookups)};
      for (const int64_t bytes : group.bytes) cells.push_back(NonZero(bytes));
      cells.push_back(NonZero(static_cast<int64_t>(group.levels.size())));
      for (const Phase phase : {Phase::kDeal, Phase::kPrepare, Phase::kOnline}) {
        cells.push_back(NonZero(group.seconds[At(phase)]));
      }
      table.Add(std::move(cells));
    }
    return table;
  }

  // --------------------------------------------------------------------------------------- icicle

  void AddIcicle() {
    ReportSection& section = NewSection("zoom", "From the whole to a node", "Zoom");
    section.items.emplace_back(
        "Layers, in them operations, in them nodes, as wide as their share. Choose a block to go "
        "into it, the path above to go back.");
    section.items.emplace_back(ReportIcicle{});
    const bool every_node = program_.nodes().size() <= kMostNodesDrawn;
    std::vector<Group> groups = sums_.By([&](const Node& node) {
      const std::string& path = node.spec.path;
      const std::string step =
          StrCat(OrNoPath(LayerOfPath(path)), "\n", OrNoPath(StepOfPath(path)));
      return every_node ? StrCat(step, "\n", node.spec.protocol, " ", node.id)
                        : StrCat(step, "\n", node.spec.protocol);
    });
    const int64_t left_out =
        KeepLargest(groups, kMostGroupsDrawn, [](const Group& group) { return group.all_bytes(); });
    if (!every_node) {
      section.items.emplace_back(
          "The program is long: nodes of one operation and protocol are one block.");
    }
    if (left_out > 0) {
      section.items.emplace_back(StrCat(Grouped(left_out), " small blocks are left out."));
    }
    report_.data["icicle"] = IcicleJson(groups);
  }

  // Names once, then for each block: layer, operation, name, bytes and seconds by phase.
  static Json IcicleJson(const std::vector<Group>& groups) {
    std::map<std::string, size_t> index;
    Json names = Json::array(), blocks = Json::array();
    const auto number_of = [&](std::string name) {
      const auto [found, added] = index.emplace(name, index.size());
      if (added) names.push_back(CleanText(name));
      return found->second;
    };
    for (const Group& group : groups) {
      const size_t first = group.name.find('\n'), second = group.name.find('\n', first + 1);
      Json block = {number_of(group.name.substr(0, first)),
                    number_of(group.name.substr(first + 1, second - first - 1)),
                    number_of(group.name.substr(second + 1))};
      for (const int64_t bytes : group.bytes) block.push_back(bytes);
      // Microseconds are enough, and short.
      for (const double seconds : group.seconds) {
        block.push_back(static_cast<int64_t>(seconds * 1e6 + 0.5));
      }
      blocks.push_back(std::move(block));
    }
    return {{"names", std::move(names)}, {"blocks", std::move(blocks)}};
  }

  // --------------------------------------------------------------------------------------- rounds

  void AddRounds() {
    RoundsData data = Rounds();
    if (data.rounds.empty()) return;
    ReportSection& section = NewSection("rounds", "Rounds along the program", "Rounds");
    section.items.emplace_back(ReportFigure{
        "rounds",
        "Bytes of one session in each round of the online phase, all links together, by protocol; "
        "below, the layer that sends most of them.",
        RoundsPicture(data, kWide), RoundsPicture(data, kNarrow)});
    section.items.emplace_back(RoundTable(std::move(data)));
  }

  RoundsData Rounds() const {
    std::map<std::string, int64_t> protocols;
    std::map<int, std::map<std::string, int64_t>> bytes, layers, steps;
    for (const auto& [part, bits] : tables_.bits) {
      if (part.phase != Phase::kOnline) continue;
      const NodeSpec& spec = program_.nodes()[part.node].spec;
      const int64_t sent =
          NodeSums::BytesOf(part.phase, bits, sessions_) / std::max<int64_t>(1, sessions_);
      protocols[spec.protocol] += sent;
      bytes[part.level][spec.protocol] += sent;
      layers[part.level][OrNoPath(LayerOfPath(spec.path))] += sent;
      steps[part.level][OrNoPath(StepOfPath(spec.path))] += sent;
    }
    const auto largest = [](const std::map<std::string, int64_t>& amounts) {
      return std::max_element(amounts.begin(), amounts.end(),
                              [](const auto& a, const auto& b) { return a.second < b.second; })
          ->first;
    };
    RoundsData data;
    for (const auto& [name, sum] : protocols) data.series.push_back(name);
    std::stable_sort(data.series.begin(), data.series.end(),
                     [&](const auto& a, const auto& b) { return protocols[a] > protocols[b]; });
    for (auto& [level, sent] : bytes) {
      RoundsData::Round round{level, largest(layers[level]), largest(steps[level]), {}};
      for (const std::string& series : data.series) round.bytes.push_back(sent[series]);
      data.rounds.push_back(std::move(round));
    }
    return data;
  }

  static ReportTable RoundTable(RoundsData data) {
    ReportTable table;
    table.id = "rounds-table";
    table.title = "Round by round";
    table.columns = {{"round", Format::kCount},
                     {"layer"},
                     {"operation"},
                     {"bytes a session", Format::kBytes, Source::kCounted, true}};
    for (const std::string& series : data.series) {
      if (table.columns.size() == 9) break;
      table.columns.push_back({series, Format::kBytes, Source::kCounted});
    }
    const auto sum = [](const RoundsData::Round& round) {
      int64_t bytes = 0;
      for (const int64_t one : round.bytes) bytes += one;
      return bytes;
    };
    table.left_out = KeepLargest(data.rounds, kMostRows, sum);
    for (const RoundsData::Round& round : data.rounds) {
      Cells cells = {int64_t{round.level} + 1, round.layer, round.what, sum(round)};
      for (size_t i = 0; cells.size() < table.columns.size(); ++i) {
        cells.push_back(NonZero(round.bytes[i]));
      }
      table.Add(std::move(cells));
    }
    return table;
  }

  // -------------------------------------------------------------------------------- critical path

  // What the end of a stage waited for, by whom: work of each role, then what messages take.
  static constexpr size_t kTransmission = kRoles.size(), kLatency = kTransmission + 1,
                          kOverhead = kTransmission + 2, kWaits = kTransmission + 3;
  using Waits = std::array<double, kWaits>;

  static Waits WaitsOf(const Replay& replay, Stage stage) {
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

  void AddCritical() {
    if (replays_.empty()) return;
    ReportSection& section = NewSection("critical", "Critical path per network", "Critical path");
    section.items.emplace_back(
        "The chain of events that the end of a stage waits for, all sessions one after the other: "
        "work of a role, then a message, then work of whoever waited for it.");
    StackedData data;
    for (const Role role : kRoles) {
      data.series.push_back({StrCat("work of ", Name(role)), std::string(Color(role))});
    }
    data.series.push_back({"transmission", "#6B6B6B"});
    data.series.push_back({"latency", "#A8A8A8"});
    data.series.push_back({"overhead", "#404040"});
    ReportTable table;
    table.id = "critical-path";
    table.title = "What the end waits for";
    table.columns = {{"network"}, {"stage"}, {"seconds", Format::kSeconds, Source::kReplayed}};
    for (const StackedData::Series& series : data.series) {
      table.columns.push_back({series.name, Format::kShare, Source::kReplayed});
    }
    for (const NetworkReplay& one : replays_) {
      for (const Stage stage : {Stage::kOffline, Stage::kOnline}) {
        const Waits waits = WaitsOf(one.replay, stage);
        const double seconds = one.replay.seconds(stage);
        Cells cells = {one.network.name, Text(Name(stage)), seconds};
        for (const double wait : waits) {
          cells.push_back(wait > 0 ? ShareOf(wait, seconds) : ReportCell());
        }
        table.Add(std::move(cells));
        data.rows.push_back({StrCat(one.network.name, ", ", Name(stage)),
                             HumanSeconds(seconds),
                             {waits.begin(), waits.end()}});
      }
    }
    DropUnused(data, table);
    section.items.emplace_back(
        ReportFigure{"critical", "Shares of the critical path of each network and stage.",
                     StackedPicture("Critical path per network", data, kWide),
                     StackedPicture("Critical path per network", data, kNarrow)});
    section.items.emplace_back(std::move(table));
    section.items.emplace_back(WaitTable());
  }

  // Series that nobody waits for say nothing.
  static void DropUnused(StackedData& data, ReportTable& table) {
    for (size_t i = data.series.size(); i-- > 0;) {
      const bool used = std::any_of(data.rows.begin(), data.rows.end(),
                                    [i](const auto& row) { return row.parts[i] > 0; });
      if (used) continue;
      const auto offset = static_cast<std::ptrdiff_t>(i);
      data.series.erase(data.series.begin() + offset);
      table.columns.erase(table.columns.begin() + 3 + offset);
      for (auto& row : data.rows) row.parts.erase(row.parts.begin() + offset);
      for (auto& row : table.rows) row.erase(row.begin() + 3 + offset);
    }
  }

  // The longest pieces of the critical path, added up by operation or link.
  ReportTable WaitTable() const {
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
    for (const NetworkReplay& one : replays_) {
      for (const Stage stage : {Stage::kOffline, Stage::kOnline}) {
        std::map<std::tuple<std::string, std::string, std::string>, double> waits;
        for (const auto& stages : one.replay.sessions) {
          for (const CriticalStep& step : stages[static_cast<size_t>(stage)].critical) {
            waits[NameOf(step)] += step.end - step.begin;
          }
        }
        std::vector<std::pair<double, std::tuple<std::string, std::string, std::string>>> order;
        for (const auto& [name, seconds] : waits) order.emplace_back(seconds, name);
        std::stable_sort(order.begin(), order.end(),
                         [](const auto& a, const auto& b) { return a.first > b.first; });
        if (order.size() > kMostWaits) order.resize(kMostWaits);
        for (const auto& [seconds, name] : order) {
          table.Add({one.network.name, Text(Name(stage)), std::get<0>(name), std::get<1>(name),
                     std::get<2>(name), seconds, ShareOf(seconds, one.replay.seconds(stage))});
        }
      }
    }
    table.note = StrCat("The ", kMostWaits, " longest of each network and stage.");
    return table;
  }

  std::tuple<std::string, std::string, std::string> NameOf(const CriticalStep& step) const {
    switch (step.kind) {
      case CriticalStep::Kind::kWork: {
        const NodeSpec& spec = program_.nodes()[step.node].spec;
        return {"work", std::string(Name(step.role)),
                StrCat(OrNoPath(StepOfPath(spec.path)), ", ", spec.protocol)};
      }
      case CriticalStep::Kind::kTransmission:
        return {"transmission", Link(step.role, step.peer), std::string(Name(step.phase))};
      case CriticalStep::Kind::kLatency:
        return {"latency", Link(step.role, step.peer), std::string(Name(step.phase))};
      default:
        return {"overhead", std::string(Name(step.role)), std::string(Name(step.phase))};
    }
  }

  // ----------------------------------------------------------------------------------------- tape

  struct TapePart {
    std::string step, field, rows;
    int64_t elements = 0;  // of one session
    int64_t bits = 0;      // likewise
  };

  static int64_t DealtBits(const Field& field) {
    if (!field.derived()) return 0;
    const int64_t bits = field.elements * field.entries * field.ring.bits();
    return field.kind == Field::Kind::kDerivedReplicated ? 2 * bits : bits;
  }

  // "4+4 to 16 bits" of a table; "16 bits" of anything else.
  static std::string RowsOf(const Node& node, const Field& field) {
    for (const Table* table : node.tables) {
      if (table->name != field.name) continue;
      std::string inputs;
      for (const int32_t bits : table->index_bits)
        inputs += StrCat(inputs.empty() ? "" : "+", bits);
      return StrCat(inputs, " to ", table->bits, " bits");
    }
    return StrCat(field.entries, " of ", field.ring.bits(), " bits");
  }

  // The name of a table without its layer, so that layers add up.
  static std::string FieldName(std::string_view name) {
    const std::string_view layer = LayerOfPath(name);
    const bool numbered = layer.find('.') != layer.npos && name.size() > layer.size();
    return std::string(numbered ? name.substr(layer.size() + 1) : name);
  }

  void AddTape() {
    std::vector<TapePart> parts;
    std::map<std::tuple<std::string, std::string, std::string>, size_t> index;
    int64_t all = 0;
    for (const Node& node : program_.nodes()) {
      for (const Field& field : node.correlation) {
        const int64_t bits = DealtBits(field);
        if (bits == 0) continue;
        const TapePart part{OrNoPath(StepOfPath(node.spec.path)), FieldName(field.name),
                            RowsOf(node, field), 0, 0};
        const auto [found, added] =
            index.emplace(std::tuple(part.step, part.field, part.rows), parts.size());
        if (added) parts.push_back(part);
        parts[found->second].elements += field.elements;
        parts[found->second].bits += bits;
        all += bits;
      }
    }
    if (parts.empty()) return;
    std::stable_sort(parts.begin(), parts.end(),
                     [](const TapePart& a, const TapePart& b) { return a.bits > b.bits; });
    ReportSection& section = NewSection("tape", "What the tape is made of", "Tape");
    section.items.emplace_back(TapeFigure(parts, all));
    section.items.emplace_back(TapeTable(std::move(parts), all));
  }

  ReportFigure TapeFigure(const std::vector<TapePart>& parts, int64_t all) const {
    std::vector<NamedAmount> rows;
    int64_t others = all;
    for (size_t i = 0; i < std::min(kMostBars, parts.size()); ++i) {
      rows.push_back(TapeBar(BarName(parts[i]), parts[i].bits, all));
      others -= parts[i].bits;
    }
    if (others > 0) rows.push_back(TapeBar("all others", others, all));
    const std::string title = "The largest parts of a tape";
    return {"tape",
            StrCat("The largest parts of the tape of one session, ", HumanBytes(cost_.tape_bytes()),
                   " in all."),
            BarsPicture(title, rows, Color(Phase::kDeal), kWide),
            BarsPicture(title, rows, Color(Phase::kDeal), kNarrow)};
  }

  // "attention.norm.square", "attention.norm: extend_centred".
  static std::string BarName(const TapePart& part) {
    return part.field.starts_with(part.step) ? part.field : StrCat(part.step, ": ", part.field);
  }

  static NamedAmount TapeBar(std::string name, int64_t bits, int64_t all) {
    const double share = static_cast<double>(bits) / static_cast<double>(all);
    return {std::move(name), static_cast<double>(bits),
            StrCat(HumanBytes(BitsToBytes(bits)), "  ", Shown(share, Format::kShare))};
  }

  static ReportTable TapeTable(std::vector<TapePart> parts, int64_t all) {
    ReportTable table;
    table.id = "tape-parts";
    table.title = "Parts of a tape";
    table.note =
        "Of one session, to P1 and P2 together. An element is one lookup, where the field "
        "is a table; each has a table of its own, turned by its mask.";
    table.columns = {{"operation"},
                     {"field"},
                     {"rows"},
                     {"elements", Format::kCount, Source::kClosedForm},
                     {"bits", Format::kBits, Source::kClosedForm},
                     {"bytes", Format::kBytes, Source::kClosedForm},
                     {"share", Format::kShare, Source::kClosedForm, true}};
    table.left_out = KeepLargest(parts, kMostRows, [](const TapePart& part) { return part.bits; });
    for (const TapePart& part : parts) {
      table.Add({part.step, part.field, part.rows, part.elements, part.bits, BitsToBytes(part.bits),
                 ShareOf(part.bits, all)});
    }
    return table;
  }

  // -------------------------------------------------------------------------------------- profile

  void AddProfile() {
    if (tables_.profile.empty()) return;
    ReportSection& section = NewSection("profile", "Profile", "Profile");
    if (facts_.peaks.has_value()) {
      const auto billions = [](double value) { return Fixed(value / 1e9, 1); };
      const auto& products = facts_.peaks->products;
      section.items.emplace_back(
          StrCat("Peaks of the machine, measured in the same run with ", facts_.threads,
                 facts_.threads == 1 ? " thread: " : " threads: ", billions(products[0]), ", ",
                 billions(products[1]), " and ", billions(products[2]),
                 " billion products a second in lanes of 16, 32 and 64 bits; ",
                 billions(facts_.peaks->cipher), " GB/s of AES; ", billions(facts_.peaks->memory),
                 " GB/s of memory."));
    }
    ReportTable table;
    table.id = "profile-rows";
    table.title = "Operations beside the machine's peak";
    table.note =
        "The least is what the work takes at the peak that bounds it; the share is least "
        "over measured, above 100 % where a peak was measured too low.";
    table.columns = {{"phase"},
                     {"operation"},
                     {"role"},
                     {"seconds", Format::kSeconds, Source::kMeasured, true},
                     {"least", Format::kSeconds, Source::kMeasured},
                     {"share of peak", Format::kShare, Source::kMeasured, true},
                     {"bound by"}};
    std::vector<ProfileRow> rows = tables_.profile;
    table.left_out =
        KeepLargest(rows, kMostRows, [](const ProfileRow& row) { return row.seconds; });
    for (const ProfileRow& row : rows) {
      table.Add({Text(Name(row.phase)), row.operation, Text(Name(row.role)), row.seconds,
                 row.least_seconds, row.seconds > 0 ? ReportCell(row.share()) : ReportCell(),
                 Text(Name(row.bound))});
    }
    section.items.emplace_back(std::move(table));
  }

  // ------------------------------------------------------------------------------------- security

  // Why what the dealer sends of a node tells its receiver nothing.
  static std::string DealtArgument(const Node& node, Role to) {
    std::string argument;
    const auto add = [&](std::string_view more) {
      if (argument.find(more) == argument.npos)
        argument += StrCat(argument.empty() ? "" : "; ", more);
    };
    for (const Field& field : node.correlation) {
      if (field.kind == Field::Kind::kDerivedAdditive) {
        add(to == Role::kP1 ? "a share masked by F(d2), a key that P1 lacks: uniform"
                            : "a share masked by F(d1), a key that P2 lacks: uniform");
      } else if (field.kind == Field::Kind::kDerivedReplicated) {
        add(to == Role::kP1 ? "masked by F(g0), a key that P1 lacks: uniform"
                            : "masked by F(g1), a key that P2 lacks: uniform");
      } else if (field.kind == Field::Kind::kDerivedFor && field.holder == to) {
        add(OrUnstated(node.protocol->Privacy(node, Phase::kDeal, to)));
      }
    }
    return argument.empty() ? OrUnstated("") : argument;
  }

  static std::string OrUnstated(std::string_view argument) {
    return argument.empty() ? "no argument is stated" : std::string(argument);
  }

  void AddSecurity() {
    ReportSection& section = NewSection("security", "Which role saw what", "Security");
    section.items.emplace_back(
        "What each role received in this run, and why it tells it nothing else: against one of P0, "
        "P1, P2 that follows the protocol, with the dealer colluding with nobody. The arguments "
        "are "
        "those of the protocols, not proofs of this program.");
    using Key = std::tuple<Role, Phase, Role, std::string, std::string>;
    std::map<Key, int64_t> seen;
    for (const auto& [part, bits] : tables_.bits) {
      const Node& node = program_.nodes()[part.node];
      const std::string argument =
          part.phase == Phase::kDeal
              ? DealtArgument(node, part.to)
              : OrUnstated(node.protocol->Privacy(node, part.phase, part.to));
      seen[{part.to, part.phase, part.from, node.spec.protocol, argument}] += bits;
    }
    ReportTable table;
    table.id = "seen";
    table.title = "What was received";
    table.columns = {
        {"role"},    {"phase"}, {"from"}, {"protocol"}, {"bits", Format::kBits, Source::kCounted},
        {"argument"}};
    std::set<Role> receivers;
    for (const auto& [key, bits] : seen) {
      const auto& [to, phase, from, protocol, argument] = key;
      receivers.insert(to);
      table.Add({Text(Name(to)), Text(Name(phase)), Text(Name(from)), protocol, bits, argument});
    }
    section.items.emplace_back(std::move(table));
    section.items.emplace_back(RolesNote(receivers));
    AddKeyTable(section);
    AddRemarks(section);
  }

  std::string RolesNote(const std::set<Role>& receivers) const {
    std::string silent;
    for (const Role role : kRoles) {
      if (!receivers.contains(role)) silent += StrCat(silent.empty() ? "" : ", ", Name(role));
    }
    bool p0_online = false;
    for (const auto& [link, traffic] : tables_.traffic) {
      p0_online = p0_online || (link.phase == Phase::kOnline && link.to == Role::kP0);
    }
    return StrCat(silent.empty() ? "Every role received something."
                                 : StrCat("Received nothing at all: ", silent, "."),
                  p0_online ? " P0 was sent something online."
                            : " Nothing was sent to the dealer or to P0 online.");
  }

  void AddKeyTable(ReportSection& section) const {
    ReportTable table;
    table.id = "keys-held";
    table.title = "Keys that roles have in common";
    table.columns = {{"role"}, {"holds"}};
    table.note = "What a stream of a key masks is uniform to whoever lacks the key.";
    for (const Role role : kRoles) {
      std::string keys;
      for (size_t i = 0; i < kKeyCount; ++i) {
        const auto key = static_cast<KeyName>(i);
        if (Holds(role, key)) keys += StrCat(keys.empty() ? "" : ", ", Name(key));
      }
      table.Add({Text(Name(role)), keys});
    }
    section.items.emplace_back(std::move(table));
  }

  void AddRemarks(ReportSection& section) const {
    const bool has_coins =
        std::any_of(program_.nodes().begin(), program_.nodes().end(),
                    [](const Node& node) { return node.spec.protocol == "top_bits"; });
    if (has_coins) {
      section.items.emplace_back(
          "Rounding coins follow from the shares of P1 and P2: a party and an owner that put "
          "together what they know could learn more than the result.");
    }
    if (ProgramName().find("sim") != std::string::npos) {
      section.items.emplace_back(
          "This was a simulation: all roles in one process, so nothing was hidden from whoever ran "
          "it.");
    }
    if (facts_.seed != "operating-system") {
      section.items.emplace_back(
          "Keys follow from a number that anybody can guess: this run kept no secret.");
    }
  }

  // ---------------------------------------------------------------------------------------
  // drawings

  void AddDrawings() {
    if (drawings_.empty()) return;
    ReportSection& section = NewSection("program", "The program in pictures", "Pictures");
    section.items.emplace_back("A layer with a link opens the picture of its nodes.");
    for (const ReportDrawing& drawing : drawings_) section.items.emplace_back(drawing);
  }

  // ---------------------------------------------------------------------------------- predictions

  void AddOutputs() {
    if (facts_.outputs.empty()) return;
    ReportSection& section = NewSection("outputs", "Predictions", "Predictions");
    const bool labelled = std::any_of(facts_.outputs.begin(), facts_.outputs.end(),
                                      [](const auto& output) { return output.label.has_value(); });
    if (labelled) section.items.emplace_back(ConfusionTable());
    ReportTable table;
    table.id = "predictions";
    table.title = "Example by example";
    table.columns = {{"example", Format::kCount}, {"prediction", Format::kText, Source::kRecorded}};
    if (labelled) {
      table.columns.push_back({"label", Format::kText, Source::kRecorded});
      table.columns.push_back({"right", Format::kText, Source::kRecorded});
    }
    table.columns.push_back({"logits", Format::kText, Source::kRecorded});
    const size_t shown = std::min(kMostRows, facts_.outputs.size());
    for (size_t i = 0; i < shown; ++i) {
      const OutputSummary& output = facts_.outputs[i];
      Cells cells = {static_cast<int64_t>(i) + 1, ClassName(output.prediction)};
      if (labelled) {
        const bool known = output.label.has_value();
        cells.push_back(known ? ReportCell(ClassName(*output.label)) : ReportCell());
        cells.push_back(known ? Text(*output.label == output.prediction ? "yes" : "no")
                              : ReportCell());
      }
      std::string logits;
      for (size_t j = 0; j < std::min<size_t>(16, output.logits.size()); ++j) {
        logits += StrCat(logits.empty() ? "" : ", ", output.logits[j]);
      }
      if (output.logits.size() > 16) logits += ", …";
      cells.emplace_back(logits);
      table.Add(std::move(cells));
    }
    table.left_out = static_cast<int64_t>(facts_.outputs.size() - shown);
    section.items.emplace_back(std::move(table));
  }

  ReportTable ConfusionTable() const {
    std::map<std::pair<int64_t, int64_t>, int64_t> counts;
    std::set<int64_t> classes;
    for (const OutputSummary& output : facts_.outputs) {
      if (!output.label.has_value()) continue;
      ++counts[{*output.label, output.prediction}];
      classes.insert({*output.label, output.prediction});
    }
    ReportTable table;
    table.id = "confusion";
    table.title = "Predictions by label";
    table.columns = {
        {"label"}, {"predicted"}, {"examples", Format::kCount, Source::kRecorded, true}};
    for (const auto& [pair, count] : counts) {
      table.Add({ClassName(pair.first), ClassName(pair.second), count});
    }
    return table;
  }

  const RunFacts& facts_;
  const Program& program_;
  const RunTables& tables_;
  const std::vector<NetworkReplay>& replays_;
  const std::vector<ReportDrawing>& drawings_;
  int64_t sessions_;
  ProgramCost cost_;
  NodeSums sums_;
  Report report_;
};

}  // namespace

Report RunReport(const RunToReport& run) { return RunReporter(run).Make(); }

}  // namespace lutra
