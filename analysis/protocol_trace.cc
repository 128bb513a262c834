#include "analysis/protocol_trace.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <set>
#include <utility>

#include "analysis/graph.h"
#include "core/packing.h"
#include "mpc/protocol.h"

namespace lutra {
namespace {

// From left to right: owners at the outside, the dealer beside who sends offline.
constexpr std::array kColumns = {Role::kModelOwner, Role::kDealer, Role::kP0,
                                 Role::kP1,         Role::kP2,     Role::kDataOwner};

bool HasRounds(Phase phase) { return phase == Phase::kModel || phase == Phase::kOnline; }

// Who makes the outputs of a node when it runs: masks that are known were made before.
std::set<Role> MakersOf(const Node& node) {
  std::set<Role> makers;
  for (const ValueType& type : node.output_types) {
    if (type.sharing == Sharing::kRevealed) continue;
    makers.insert({Role::kP1, Role::kP2});
    const bool masks_remain = !type.masks_known || node.phase == Phase::kModel;
    if (type.sharing == Sharing::kReplicated && masks_remain) makers.insert(Role::kP0);
  }
  return makers;
}

// The figure of a protocol that has none: who makes its outputs, sends and receives.
std::vector<FigureLine> NamesOnly(const Node& node, const Cost& cost) {
  std::vector<FigureLine> lines;
  std::set<std::pair<Phase, Role>> working;
  for (const Role role : MakersOf(node)) working.insert({node.phase, role});
  for (const LinkCost& link : cost.links) working.insert({link.phase, link.from});
  for (const auto& [phase, role] : working) lines.push_back({phase, role, ""});
  std::set<Role> receiving;
  for (const LinkCost& link : cost.links) {
    const bool is_new =
        !working.contains({link.phase, link.to}) && receiving.insert(link.to).second;
    if (link.phase == node.phase && is_new) {
      lines.push_back({link.phase, link.to, "", std::nullopt, /*after=*/true});
    }
  }
  return lines;
}

class TraceCollector {
 public:
  TraceCollector(const ProgramCost& cost, const TraceSelection& selection)
      : program_(cost.program()), selection_(selection), prefix_(selection.prefix) {}

  StatusOr<ProtocolTrace> Collect() && {
    trace_.prefix = prefix_;
    for (const Node& node : program_.nodes()) {
      if (IsSelected(node)) trace_.nodes.push_back(node.id);
    }
    if (trace_.nodes.empty()) {
      return InvalidArgument("expected a path that nodes have",
                             HasLevels() ? " in these rounds" : "", ", found '", prefix_, "'");
    }
    for (const Phase phase : kPhases) CollectPhase(phase);
    const auto rounds = std::count_if(trace_.rows.begin(), trace_.rows.end(), [](const auto& row) {
      return HasRounds(row.phase) && !row.messages.empty();
    });
    if (rounds > kMostTraceRounds) {
      return absl::OutOfRangeError(
          StrCat("expected at most ", kMostTraceRounds, " rounds in one picture, found ", rounds));
    }
    CollectRoles();
    if (trace_.roles.empty()) {
      return InvalidArgument("expected a path under which a role does something, found '", prefix_,
                             "'");
    }
    return std::move(trace_);
  }

 private:
  bool HasLevels() const {
    return selection_.first_level.has_value() || selection_.last_level.has_value();
  }

  bool IsSelected(const Node& node) const {
    if (!HasPathPrefix(node.spec.path, prefix_)) return false;
    if (!HasLevels()) return true;
    return node.phase == Phase::kOnline && node.level >= selection_.first_level.value_or(0) &&
           node.level <= selection_.last_level.value_or(node.level);
  }

  // The nodes of each level that has any; deal and prepare have no levels.
  std::map<int, std::vector<NodeId>> LevelsOf(Phase phase) const {
    std::map<int, std::vector<NodeId>> levels;
    for (const NodeId id : trace_.nodes) {
      const Node& node = program_.nodes()[id];
      if (!HasRounds(phase)) levels[0].push_back(id);
      if (node.phase == phase) levels[node.level].push_back(id);
    }
    return levels;
  }

  void CollectPhase(Phase phase) {
    TraceRow row;  // what came after the messages of a level is done before those of the next
    row.phase = phase;
    for (const auto& [level, nodes] : LevelsOf(phase)) {
      row.level = level;
      std::map<Role, std::vector<TraceWork>> after;
      for (const NodeId id : nodes) CollectNode(program_.nodes()[id], row, after);
      if (row.messages.empty()) continue;
      trace_.rows.push_back(std::move(row));
      row = {phase, level + 1, std::move(after), {}};
    }
    if (!row.work.empty()) trace_.rows.push_back(std::move(row));
  }

  static void AddWork(const FigureLine& line, NodeId node,
                      std::map<Role, std::vector<TraceWork>>& by_role) {
    std::vector<TraceWork>& work = by_role[line.role];
    if (work.empty() || work.back().node != node || work.back().after != line.after) {
      work.push_back({node, line.after, {}});
    }
    if (!line.text.empty()) work.back().lines.push_back(line.text);
  }

  static void CollectNode(const Node& node, TraceRow& row,
                          std::map<Role, std::vector<TraceWork>>& after) {
    const Cost cost = node.protocol->ClosedForm(node);
    std::vector<FigureLine> figure = node.protocol->Figure(node);
    if (figure.empty()) figure = NamesOnly(node, cost);
    for (const FigureLine& line : figure) {
      if (line.phase != row.phase || line.to.has_value()) continue;
      AddWork(line, node.id, line.after ? after : row.work);
    }
    for (const LinkCost& link : cost.links) {
      if (link.phase == row.phase) AddPart(node, link, figure, row.messages);
    }
  }

  static void AddPart(const Node& node, const LinkCost& link, const std::vector<FigureLine>& figure,
                      std::vector<TraceMessage>& messages) {
    auto message = std::find_if(messages.begin(), messages.end(), [&](const TraceMessage& each) {
      return each.from == link.from && each.to == link.to;
    });
    if (message == messages.end()) {
      messages.push_back({link.from, link.to, 0, 0, {}, {}, {}});
      message = std::prev(messages.end());
    }
    message->bits += link.bits;
    message->bytes += BitsToBytes(link.bits);
    message->nodes.push_back(node.id);
    bool is_said = false;
    for (const FigureLine& line : figure) {
      if (line.phase != link.phase || line.role != link.from || line.to != link.to) continue;
      AddOnce(line.text, message->contents);
      is_said = true;
    }
    if (!is_said) AddOnce(node.spec.protocol, message->named);
  }

  static void AddOnce(const std::string& text, std::vector<std::string>& texts) {
    if (std::find(texts.begin(), texts.end(), text) == texts.end()) texts.push_back(text);
  }

  void CollectRoles() {
    std::set<Role> roles;
    for (const TraceRow& row : trace_.rows) {
      for (const auto& [role, work] : row.work) roles.insert(role);
      for (const TraceMessage& message : row.messages) roles.insert({message.from, message.to});
    }
    for (const Role role : kColumns) {
      if (roles.contains(role)) trace_.roles.push_back(role);
    }
  }

  const Program& program_;
  const TraceSelection& selection_;
  std::string_view prefix_;
  ProtocolTrace trace_;
};

}  // namespace

StatusOr<ProtocolTrace> TraceOfProgram(const ProgramCost& cost, const TraceSelection& selection) {
  return TraceCollector(cost, selection).Collect();
}

std::map<Ledger::Work, double> SecondsPerSession(const Trace& trace) {
  std::map<Ledger::Work, double> seconds;
  const double sessions = std::max(1, trace.sessions());
  for (const auto& [track, events] : trace.tracks) {
    const double share = track.phase == Phase::kModel ? 1 : 1 / sessions;
    for (const TraceEvent& event : events) {
      if (event.kind != TraceEvent::Kind::kWork) continue;
      seconds[{event.node, track.phase, track.role}] += share * event.span.seconds();
    }
  }
  return seconds;
}

}  // namespace lutra
