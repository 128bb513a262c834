// What a program costs before it runs: the closed forms of its nodes, added up every way that one
// asks for. Equal to what a ledger counts in one run (the model shared once, one session), exactly.
#ifndef LUTRA_ANALYSIS_COST_H_
#define LUTRA_ANALYSIS_COST_H_

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "mpc/ledger.h"
#include "mpc/program.h"
#include "mpc/role.h"

namespace lutra {

// What one phase sends.
struct PhaseCost {
  struct LargestLink {
    Role from;
    Role to;
    int64_t bytes;
    friend bool operator==(const LargestLink&, const LargestLink&) = default;
  };

  Phase phase = Phase::kModel;
  int64_t bytes = 0;  // payload, each node's part rounded up to a byte
  int64_t messages = 0;
  int rounds = 0;                      // levels in which anything is sent
  std::optional<LargestLink> largest;  // of equals, the first by sender and receiver
};

// By phase, in the order of kPhases, from counted or closed-form traffic.
std::array<PhaseCost, kPhases.size()> PhaseCosts(
    const std::map<Ledger::Link, Ledger::Traffic>& traffic);

// What some nodes of a program cost together.
struct GroupCost {
  std::string name;
  int64_t nodes = 0;
  int64_t lookups = 0;                          // elements that are looked up in tables
  std::array<int64_t, kPhases.size()> bits{};   // by phase, all links together
  std::array<int64_t, kPhases.size()> bytes{};  // each node's part rounded up to a byte
  std::set<int> online_levels;                  // rounds of the online phase in which they send
};

class ProgramCost {
 public:
  // The program outlives the object.
  explicit ProgramCost(const Program& program);

  const Program& program() const { return program_; }
  // The bits of every node, phase and link, as Ledger::bits() has them.
  const std::map<Ledger::Part, int64_t>& bits() const { return bits_; }
  // The messages of every phase, level and link, as Ledger::traffic() has them.
  const std::map<Ledger::Link, Ledger::Traffic>& traffic() const { return traffic_; }
  std::array<PhaseCost, kPhases.size()> phases() const { return PhaseCosts(traffic_); }
  // What the dealer sends for one session: the bytes of the tape.
  int64_t tape_bytes() const;
  // Elements that one session looks up in tables, several tables at one index counted once.
  int64_t lookups() const;

  // Of one node.
  GroupCost OfNode(NodeId node) const;
  // Of all nodes, by protocol, layer, step or whole path; in the order of their first nodes.
  std::vector<GroupCost> ByProtocol() const;
  std::vector<GroupCost> ByLayer() const;
  std::vector<GroupCost> ByStep() const;
  std::vector<GroupCost> ByPath() const;

 private:
  template <class NameOfNode>
  std::vector<GroupCost> By(const NameOfNode& name_of_node) const;
  void AddNode(NodeId node, GroupCost& group) const;

  const Program& program_;
  std::map<Ledger::Part, int64_t> bits_;
  std::map<Ledger::Link, Ledger::Traffic> traffic_;
};

// The part of a path that names a layer: "layers.3" of "layers.3.attention.query", the first
// component where no number follows it ("embedding").
std::string_view LayerOfPath(std::string_view path);
// Whether a path is `prefix` or begins with "prefix."; all begin with the empty one.
bool HasPathPrefix(std::string_view path, std::string_view prefix);
// What the node does, whatever the layer: "attention.query" of "layers.3.attention.query.weight";
// the first two components of other paths. Never empty but for an empty path.
std::string_view StepOfPath(std::string_view path);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_COST_H_
