// What the nodes of a program sent and worked in a run, added up by any name that one gives them.
#ifndef LUTRA_ANALYSIS_REPORT_NODE_SUMS_H_
#define LUTRA_ANALYSIS_REPORT_NODE_SUMS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "analysis/run_directory.h"
#include "analysis/run_tables.h"
#include "mpc/program.h"

namespace lutra {

// What some nodes did together, in all sessions.
struct NodeGroup {
  std::string name;
  int64_t nodes = 0;
  int64_t lookups = 0;  // of one session
  PhaseBytes bytes{};
  PhaseSeconds seconds{};  // work of all roles
  std::set<int> levels;    // online, in which they send

  int64_t all_bytes() const;
};

// Payload of each phase, as levels.csv counts it.
PhaseBytes CountedBytes(const RunTables& tables);

class NodeSums {
 public:
  // The program outlives the object.
  NodeSums(const Program& program, const RunTables& tables, int64_t sessions);

  // The bytes of these bits of a node on a link: each node's part of a message begins on a byte, in
  // every session. The model is shared once.
  static int64_t BytesOf(Phase phase, int64_t bits, int64_t sessions);

  // Of all nodes, by phase, as ledger.csv counts them.
  PhaseBytes bytes() const;
  // In the order of their first nodes.
  template <class NameOfNode>
  std::vector<NodeGroup> By(const NameOfNode& name_of_node) const {
    std::vector<NodeGroup> groups;
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
  static void Add(const NodeGroup& node, NodeGroup& group);

  const Program& program_;
  std::vector<NodeGroup> nodes_;
};

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_REPORT_NODE_SUMS_H_
