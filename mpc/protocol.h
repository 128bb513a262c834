// The protocol concept. A primitive protocol is at most one round: local Before, one message per
// link, local After. What needs more rounds is a composite: a function on the builder that adds
// primitives. Protocols have no state: all they know is the node and what the view of a face gives.
#ifndef LUTRA_MPC_PROTOCOL_H_
#define LUTRA_MPC_PROTOCOL_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/matrix_product.h"
#include "core/status.h"
#include "core/tensor.h"
#include "core/thread_pool.h"
#include "mpc/cost.h"
#include "mpc/fields.h"
#include "mpc/message.h"
#include "mpc/program.h"
#include "mpc/share.h"

namespace lutra {

// A node as it is being checked.
struct NodeDescription {
  const NodeSpec& spec;
  std::vector<ValueType> inputs;
  std::vector<const Table*> tables;
  Deployment deployment;

  // Errors when the number of inputs or tables is another.
  Status CheckCounts(size_t inputs_expected, size_t tables_expected) const;
  // An error when input i is shared otherwise.
  Status CheckSharing(size_t input, Sharing sharing) const;
};

// What a node yields, needs and waits for.
struct Signature {
  std::vector<ValueType> outputs;  // their lifetime is set by the engine but for source nodes
  Correlation correlation;
  bool has_round = false;
};

// What a role keeps of a node: from the model for all sessions, and from one face to the next.
struct Kept {
  std::vector<Tensor> tensors;
  std::vector<PackedMatrix> matrices;
};

// A face of a node at one role.
struct PartyView {
  const Node& node;
  Role role;
  ThreadPool& pool;
  const Fields& fields;
  // What the role holds of each input. In PrepareModel, values of a model's lifetime; in Prepare,
  // these and known masks; the rest is not there.
  std::vector<const Share*> inputs;
  std::vector<Share*> outputs;
  // Of this node: made by PrepareModel; handed from Prepare to FinishPrepare, Before, After.
  Kept& model;
  Kept& session;
  Outbox& outbox;
  Inbox& inbox;
  // Of an owner: its value at a node that it puts into the program; null for everybody else.
  const Tensor* owned = nullptr;

  const Tensor& input(size_t i, size_t component) const {
    return Component(*inputs[i], role, component);
  }
  const Tensor& additive(size_t i) const { return inputs[i]->parts[0]; }
};

// The functionality of a node, on clear values.
struct ClearView {
  const Node& node;
  ThreadPool& pool;
  const TableContents& tables;
  std::vector<const Tensor*> inputs;
  std::vector<Tensor>& outputs;   // as many as the node has; made by Ideal
  const Tensor* owned = nullptr;  // at a node by which an owner puts a value into the program
  const Tensor* coins = nullptr;  // of a secure run; null: the exact form

  const Tensor& table(size_t i) const { return tables[node.spec.tables[i]]; }
};

// A range of elements of one derived field, to be computed in clear.
struct DealView {
  const Node& node;
  const DealerFields& fields;
  const TableContents& tables;
  size_t field;
  ElementRange range;
  // range.size() * entries lanes of the field's ring; reduced values go here.
  std::span<std::byte> out;

  template <class Lane>
  std::span<Lane> lanes() const {
    return {reinterpret_cast<Lane*>(out.data()), out.size() / sizeof(Lane)};
  }
  const Tensor& table(size_t i) const { return tables[node.spec.tables[i]]; }
};

// One line of a protocol's box as a paper prints it: what a role computes or sends in a phase.
// Notation: x1 is the share or component 1 of x, x' another value, F(k) a stream, Z_2^l a ring;
// Delta, delta and alpha stand for the letters, <- for a choice at random, * for a product.
struct FigureLine {
  Phase phase = Phase::kOnline;
  Role role = Role::kP1;
  std::string text;
  std::optional<Role> to = std::nullopt;  // of a message; none: local work
  bool after = false;                     // local work on what came in this round
};

class Protocol {
 public:
  virtual ~Protocol() = default;

  // Under which programs and the registry know it.
  virtual std::string_view name() const = 0;

  // What a node of this kind is. An error says what is wrong with it; the engine names the node.
  virtual StatusOr<Signature> Check(const NodeDescription& node) const = 0;

  // As a paper would state it; tests hold it equal to the wire.
  virtual Cost ClosedForm(const Node& node) const = 0;

  // How many ring elements a role multiplies in a phase: what a profile measures time against.
  virtual int64_t Multiplications(const Node& node, Role role, Phase phase) const;

  // Why what a role receives of a node in a phase tells it nothing that is not its own, in one line
  // without a full stop; empty where no argument is stated. Of what the dealer sends, only fields
  // that it sends in clear need one: those that it shares are masked by the engine.
  virtual std::string_view Privacy(const Node& node, Phase phase, Role to) const;

  // The functionality.
  virtual void Ideal(ClearView& view) const = 0;

  // Of a node whose result depends on how its input happens to be shared: the coins of a run, read
  // off the shares that P1 and P2 hold of input 0. Without elements where there is no coin.
  virtual Tensor ReadCoins(const Node& node, const Share& p1, const Share& p2) const;

  // The box of the protocol, for figures: lines in the order in which they happen, with a message
  // for each link of the closed form. Without any, figures name the protocol.
  virtual std::vector<FigureLine> Figure(const Node& node) const;

  // Offline, the dealer: a derived field as a function of uniform ones, by ranges of elements.
  virtual void Deal(const DealView& view) const;

  // Once per model, each party: what it can do with values of the model alone.
  virtual void PrepareModel(PartyView& view) const;
  // Whether any face after PrepareModel still reads input i, a value of the model.
  virtual bool ReadsModelInput(const Node& node, size_t input) const;
  // Offline, each party: work on masks that it knows, and at most one message per link. Sets the
  // masks of outputs whose masks are known. Uniform fields are there, derived ones from Before on.
  virtual void Prepare(PartyView& view) const;
  // Offline, each party: takes what the others sent in Prepare.
  virtual void FinishPrepare(PartyView& view) const;

  // Online: local work and at most one message per link; a local node makes its outputs here.
  virtual void Before(PartyView& view) const;
  // Online: takes the messages and makes the outputs. Not called for local nodes.
  virtual void After(PartyView& view) const;
};

// Protocols by name: an open set. Filled explicitly, then only read.
class Registry {
 public:
  // The protocols of mpc/protocols.
  static Registry WithBuiltins();

  // An error if the name is taken.
  Status Register(std::unique_ptr<Protocol> protocol);
  // Null if there is none.
  const Protocol* Find(std::string_view name) const;
  std::vector<std::string_view> names() const;

 private:
  std::map<std::string, std::unique_ptr<Protocol>, std::less<>> protocols_;
};

}  // namespace lutra

#endif  // LUTRA_MPC_PROTOCOL_H_
