#include "analysis/report_node_sums.h"

#include <algorithm>

#include "core/packing.h"

namespace lutra {
int64_t NodeGroup::all_bytes() const {
  int64_t sum = 0;
  for (const int64_t one : bytes) sum += one;
  return sum;
}

PhaseBytes CountedBytes(const RunTables& tables) {
  PhaseBytes bytes{};
  for (const auto& [link, traffic] : tables.traffic) bytes[Index(link.phase)] += traffic.bytes;
  return bytes;
}

NodeSums::NodeSums(const Program& program, const RunTables& tables, int64_t sessions)
    : program_(program), nodes_(program.nodes().size()) {
  for (const auto& [part, bits] : tables.bits) {
    NodeGroup& group = nodes_[part.node];
    group.bytes[Index(part.phase)] += BytesOf(part.phase, bits, sessions);
    if (part.phase == Phase::kOnline) group.levels.insert(part.level);
  }
  for (const auto& [work, seconds] : tables.seconds) {
    nodes_[work.node].seconds[Index(work.phase)] += seconds;
  }
  for (const Node& node : program.nodes()) {
    NodeGroup& group = nodes_[node.id];
    group.nodes = 1;
    if (!node.tables.empty() && !node.output_types.empty()) {
      group.lookups = node.output_types[0].shape.elements();
    }
  }
}

int64_t NodeSums::BytesOf(Phase phase, int64_t bits, int64_t sessions) {
  const int64_t times = phase == Phase::kModel ? 1 : std::max<int64_t>(1, sessions);
  return bits % times == 0 ? BitsToBytes(bits / times) * times : BitsToBytes(bits);
}

PhaseBytes NodeSums::bytes() const {
  PhaseBytes sum{};
  for (const NodeGroup& node : nodes_) {
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += node.bytes[i];
  }
  return sum;
}

void NodeSums::Add(const NodeGroup& node, NodeGroup& group) {
  group.nodes += node.nodes;
  group.lookups += node.lookups;
  for (size_t i = 0; i < kPhases.size(); ++i) {
    group.bytes[i] += node.bytes[i];
    group.seconds[i] += node.seconds[i];
  }
  group.levels.insert(node.levels.begin(), node.levels.end());
}

}  // namespace lutra
