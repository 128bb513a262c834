#include "mpc/ledger.h"

#include <set>

namespace lutra {

void Ledger::OnPart(const Node& node, Phase phase, int level, Role from, Role to, int64_t bits) {
  bits_[{node.id, phase, level, from, to}] += bits;
}

void Ledger::OnMessage(Phase phase, int level, Role from, Role to,
                       std::span<const std::byte> payload, bool continues) {
  Traffic& traffic = traffic_[{phase, level, from, to}];
  traffic.bytes += static_cast<int64_t>(payload.size());
  if (!continues) ++traffic.messages;
}

void Ledger::OnWork(const Node& node, Phase phase, Role role, double seconds) {
  seconds_[{node.id, phase, role}] += seconds;
}

int64_t Ledger::bytes(Phase phase) const {
  int64_t total = 0;
  for (const auto& [link, traffic] : traffic_) total += link.phase == phase ? traffic.bytes : 0;
  return total;
}

std::map<std::tuple<Phase, Role, Role>, Ledger::Traffic> Ledger::links() const {
  std::map<std::tuple<Phase, Role, Role>, Traffic> links;
  for (const auto& [link, traffic] : traffic_) {
    Traffic& sum = links[{link.phase, link.from, link.to}];
    sum.bytes += traffic.bytes;
    sum.messages += traffic.messages;
  }
  return links;
}

int Ledger::rounds(Phase phase) const {
  std::set<int> levels;
  for (const auto& [link, traffic] : traffic_) {
    if (link.phase == phase) levels.insert(link.level);
  }
  return static_cast<int>(levels.size());
}

}  // namespace lutra
