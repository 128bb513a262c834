#include "analysis/cost.h"

#include "core/packing.h"
#include "mpc/protocol.h"

namespace lutra {
namespace {

// The first `count` components of a path.
std::string_view FirstComponents(std::string_view path, int count) {
  size_t end = 0;
  for (int i = 0; i < count && end != path.npos; ++i) {
    end = path.find('.', end == 0 ? 0 : end + 1);
  }
  return path.substr(0, end);
}

int64_t LookupsOf(const Node& node) {
  return node.tables.empty() || node.output_types.empty() ? 0
                                                          : node.output_types[0].shape.elements();
}

int64_t& Of(std::array<int64_t, kPhases.size()>& by_phase, Phase phase) {
  return by_phase[Index(phase)];
}

}  // namespace

std::string_view LayerOfPath(std::string_view path) {
  const std::string_view two = FirstComponents(path, 2);
  const size_t dot = two.find('.');
  const std::string_view second = dot == two.npos ? "" : two.substr(dot + 1);
  const bool is_number = !second.empty() && second.find_first_not_of("0123456789") == second.npos;
  return is_number ? two : two.substr(0, dot);
}

bool HasPathPrefix(std::string_view path, std::string_view prefix) {
  if (prefix.empty() || path == prefix) return true;
  return path.starts_with(prefix) && path[prefix.size()] == '.';
}

std::string_view StepOfPath(std::string_view path) {
  const std::string_view layer = LayerOfPath(path);
  const bool is_numbered = layer.find('.') != layer.npos;
  if (is_numbered && path.size() > layer.size()) path.remove_prefix(layer.size() + 1);
  return FirstComponents(path, 2);
}

std::array<PhaseCost, kPhases.size()> PhaseCosts(
    const std::map<Ledger::Link, Ledger::Traffic>& traffic) {
  std::array<PhaseCost, kPhases.size()> phases;
  for (const Phase phase : kPhases) {
    PhaseCost& cost = phases[Index(phase)];
    cost.phase = phase;
    std::set<int> levels;
    std::map<std::pair<Role, Role>, int64_t> links;
    for (const auto& [link, sent] : traffic) {
      if (link.phase != phase) continue;
      cost.bytes += sent.bytes;
      cost.messages += sent.messages;
      levels.insert(link.level);
      links[{link.from, link.to}] += sent.bytes;
    }
    cost.rounds = static_cast<int>(levels.size());
    for (const auto& [link, bytes] : links) {
      if (!cost.largest.has_value() || bytes > cost.largest->bytes) {
        cost.largest = {link.first, link.second, bytes};
      }
    }
  }
  return phases;
}

ProgramCost::ProgramCost(const Program& program) : program_(program) {
  for (const Node& node : program.nodes()) {
    for (const LinkCost& link : node.protocol->ClosedForm(node).links) {
      const bool has_levels = link.phase == Phase::kModel || link.phase == Phase::kOnline;
      const int level = has_levels ? node.level : 0;
      bits_[{node.id, link.phase, level, link.from, link.to}] += link.bits;
      Ledger::Traffic& traffic = traffic_[{link.phase, level, link.from, link.to}];
      traffic.bytes += BitsToBytes(link.bits);
      traffic.messages = 1;
    }
  }
}

int64_t ProgramCost::tape_bytes() const {
  return phases()[static_cast<size_t>(Phase::kDeal)].bytes;
}

int64_t ProgramCost::lookups() const {
  int64_t lookups = 0;
  for (const Node& node : program_.nodes()) lookups += LookupsOf(node);
  return lookups;
}

void ProgramCost::AddNode(NodeId node, GroupCost& group) const {
  ++group.nodes;
  group.lookups += LookupsOf(program_.nodes()[node]);
  for (auto part = bits_.lower_bound({node, kPhases[0], 0, kRoles[0], kRoles[0]});
       part != bits_.end() && part->first.node == node; ++part) {
    Of(group.bits, part->first.phase) += part->second;
    Of(group.bytes, part->first.phase) += BitsToBytes(part->second);
    if (part->first.phase == Phase::kOnline) group.online_levels.insert(part->first.level);
  }
}

GroupCost ProgramCost::OfNode(NodeId node) const {
  GroupCost group;
  group.name = program_.nodes()[node].spec.path;
  AddNode(node, group);
  return group;
}

template <class NameOfNode>
std::vector<GroupCost> ProgramCost::By(const NameOfNode& name_of_node) const {
  std::vector<GroupCost> groups;
  std::map<std::string, size_t, std::less<>> index;
  for (const Node& node : program_.nodes()) {
    const std::string_view name = name_of_node(node);
    auto found = index.find(name);
    if (found == index.end()) {
      found = index.emplace(name, groups.size()).first;
      groups.emplace_back().name = name;
    }
    AddNode(node.id, groups[found->second]);
  }
  return groups;
}

std::vector<GroupCost> ProgramCost::ByProtocol() const {
  return By([](const Node& node) { return std::string_view(node.spec.protocol); });
}

std::vector<GroupCost> ProgramCost::ByLayer() const {
  return By([](const Node& node) { return LayerOfPath(node.spec.path); });
}

std::vector<GroupCost> ProgramCost::ByStep() const {
  return By([](const Node& node) { return StepOfPath(node.spec.path); });
}

std::vector<GroupCost> ProgramCost::ByPath() const {
  return By([](const Node& node) { return std::string_view(node.spec.path); });
}

}  // namespace lutra
