// A program: what is computed, as plain data. Nodes are whole-tensor operations of named protocols;
// wires carry their values. A program is described once (mpc/builder.h) and then walked: dealt,
// prepared, run, priced, drawn.
#ifndef LUTRA_MPC_PROGRAM_H_
#define LUTRA_MPC_PROGRAM_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <initializer_list>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/key.h"
#include "core/ring.h"
#include "core/shape.h"
#include "core/status.h"
#include "core/tensor.h"
#include "mpc/correlation.h"
#include "mpc/cost.h"
#include "mpc/role.h"

namespace lutra {

class Protocol;
class Registry;

using WireId = uint32_t;
using NodeId = uint32_t;
using TableId = uint32_t;

// The public parameters of a node. Names and meaning are the protocol's.
class Attributes {
 public:
  Attributes& SetInteger(std::string_view name, int64_t value) { return SetList(name, {value}); }
  Attributes& SetList(std::string_view name, std::vector<int64_t> values);
  Attributes& SetText(std::string_view name, std::string_view value);

  // An error names the attribute that is missing, not of this kind, or outside [low, high].
  StatusOr<int64_t> Integer(std::string_view name, int64_t low, int64_t high) const;
  StatusOr<std::vector<int64_t>> List(std::string_view name) const;
  StatusOr<std::string> Text(std::string_view name) const;
  // One of the choices.
  StatusOr<std::string> Choice(std::string_view name,
                               std::initializer_list<std::string_view> choices) const;
  // An error when there is an attribute beyond these.
  Status CheckOnly(std::initializer_list<std::string_view> names) const;

  // For nodes that have been checked: the value is there.
  int64_t integer(std::string_view name) const;
  const std::vector<int64_t>& list(std::string_view name) const;
  const std::string& text(std::string_view name) const;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(lists_, texts_);
  }

 private:
  std::map<std::string, std::vector<int64_t>, std::less<>> lists_;
  std::map<std::string, std::string, std::less<>> texts_;
};

// A lookup table T : Z_2^k1 x .. x Z_2^km -> Z_2^l, one or one per channel. The row of inputs
// (i1, .., im) is i1 * 2^(k2+..+km) + .. + im: the first input is the most significant.
struct Table {
  static constexpr int kMaxIndexBits = 20;

  std::string name;
  std::vector<int32_t> index_bits;  // k1, .., km
  int64_t channels = 1;
  int32_t bits = 1;                // l
  bool is_private = false;         // known to model owner and dealer only
  std::vector<uint64_t> contents;  // [channels, rows]; empty in the program if private

  Ring ring() const { return Ring(bits); }
  int index_width() const;
  int64_t rows() const { return int64_t{1} << index_width(); }

  template <class Archive>
  void serialize(Archive& archive) {
    archive(name, index_bits, channels, bits, is_private, contents);
  }
};

// The contents of all tables of a program, private ones too: [channels, rows] over the table's
// ring, by TableId. Held by model owner and dealer.
using TableContents = std::vector<Tensor>;

// Values that owners put into a program or get out of it, by name.
using NamedTensors = std::map<std::string, Tensor, std::less<>>;

struct ValueType {
  Ring ring;
  Shape shape;
  Sharing sharing = Sharing::kAdditive;
  // Whether x0 and x1 of a replicated value follow from keys before the data is there.
  bool masks_known = false;
  Lifetime lifetime = Lifetime::kInference;

  // "replicated Z_2^16 [2, 3]".
  std::string ToString() const;
};

// What is stored of a node; the rest follows from its protocol.
struct NodeSpec {
  std::string path;      // where in the model: "layers.0.attention.query"
  std::string protocol;  // its name in the registry
  Attributes attributes;
  std::vector<WireId> inputs;
  std::vector<TableId> tables;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(path, protocol, attributes, inputs, tables);
  }
};

// All that is stored of a program, and what its digest is taken of.
struct ProgramSpec {
  Deployment deployment = Deployment::kFourProcess;
  std::vector<Table> tables;
  std::vector<NodeSpec> nodes;
};

struct Node {
  NodeId id = 0;
  NodeSpec spec;
  const Protocol* protocol = nullptr;
  std::vector<ValueType> input_types;
  std::vector<ValueType> output_types;
  std::vector<const Table*> tables;
  std::vector<WireId> outputs;
  Correlation correlation;
  bool has_round = false;
  // The phase in which it runs: kModel if all it works on is of a model's lifetime, else kOnline.
  Phase phase = Phase::kOnline;
  // Nodes of one phase and level share one round. A local node runs before the round of its level.
  int level = 0;

  Lifetime lifetime() const {
    return phase == Phase::kModel ? Lifetime::kModel : Lifetime::kInference;
  }
  // "node 12 (layers.0.attention.query, lookup)".
  std::string ToString() const;
};

class Program {
 public:
  // Checks every node with its protocol and assigns wires and levels. An error names the node (or
  // table) and what does not fit. The registry must outlive the program.
  static StatusOr<Program> Make(const Registry& registry, ProgramSpec spec);

  Program(Program&&) = default;
  Program& operator=(Program&&) = default;

  Deployment deployment() const { return deployment_; }
  const std::vector<Node>& nodes() const { return nodes_; }
  const std::deque<Table>& tables() const { return tables_; }
  // The type of a wire and the node that yields it.
  const ValueType& type(WireId wire) const { return types_[wire]; }
  NodeId producer(WireId wire) const { return producers_[wire]; }
  size_t wires() const { return types_.size(); }
  // Levels of a phase that have a round: its number of rounds.
  int rounds(Phase phase) const;
  // One more than the highest level of any node of the phase, local ones included; at least 1.
  int levels(Phase phase) const;
  // SHA-256 of the public parts.
  const Digest& digest() const { return digest_; }
  ProgramSpec Spec() const;

  // Sum of the closed forms of all nodes, by phase and link.
  Cost ClosedForm() const;

 private:
  friend class Builder;
  Program() = default;
  Status AppendTable(Table table);
  Status AppendNode(const Registry& registry, NodeSpec spec);
  Status CheckName(const NodeSpec& spec, const std::vector<ValueType>& outputs);
  void Seal();  // takes the digest

  Deployment deployment_ = Deployment::kFourProcess;
  std::deque<Table> tables_;  // nodes point into it
  std::vector<Node> nodes_;
  std::vector<ValueType> types_;
  std::vector<NodeId> producers_;
  std::vector<int> ready_;  // per wire, the first level of its consumer's phase that may use it
  int64_t field_bits_ = 0;  // of all correlations
  std::set<std::string> input_names_;
  std::set<std::string> result_names_;
  Digest digest_{};
};

// The file format: "LUTRAPRG", a version, the length and SHA-256 of what follows, a bounded
// archive.
std::vector<std::byte> WriteProgram(const Program& program);
// An error names `where` and the node that is wrong.
StatusOr<Program> ReadProgram(const Registry& registry, std::span<const std::byte> file,
                              std::string_view where);

}  // namespace lutra

#endif  // LUTRA_MPC_PROGRAM_H_
