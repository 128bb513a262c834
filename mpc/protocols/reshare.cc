#include "mpc/protocols/reshare.h"

#include "core/arithmetic.h"

namespace lutra {
namespace {

// Additive to replicated.                                   [protocols.md, "Replicated result"]
//
//   F_Reshare:  [v]^l  ->  <v>^l
//
//   online
//   1. P0, P2: x0 = F(k0);  P0, P1: x1 = F(k1)
//   2. P1 sends v1 - x1 to P2, P2 sends v2 - x0 to P1; both set x2 to the sum
//
// Cost: l bits an element each way, 1 round.
// Privacy: what P1 receives is masked by x0, which it does not know; P2 likewise by x1.
class ReshareProtocol final : public Protocol {
 public:
  std::string_view name() const override { return kReshare; }

  StatusOr<Signature> Check(const NodeDescription& node) const override {
    LUTRA_RETURN_IF_ERROR(node.CheckCounts(1, 0));
    LUTRA_RETURN_IF_ERROR(node.CheckSharing(0, Sharing::kAdditive));
    LUTRA_RETURN_IF_ERROR(node.spec.attributes.CheckOnly({}));
    const ValueType& input = node.inputs[0];
    const int64_t elements = input.shape.elements();
    Signature signature;
    signature.outputs = {{input.ring, input.shape, Sharing::kReplicated, /*masks_known=*/true}};
    signature.correlation = {Field::Uniform("x0", KeyName::kK0, input.ring, elements),
                             Field::Uniform("x1", KeyName::kK1, input.ring, elements)};
    signature.has_round = true;
    return signature;
  }

  Cost ClosedForm(const Node& node) const override {
    const ValueType& type = node.input_types[0];
    Cost cost;
    cost.AddExchange(Phase::kOnline, type.shape.elements() * type.ring.bits());
    cost.rounds = 1;
    return cost;
  }

  std::string_view Privacy(const Node&, Phase, Role to) const override {
    return to == Role::kP1 ? "masked by x0 = F(k0), a key that P1 lacks: uniform"
                           : "masked by x1 = F(k1), a key that P2 lacks: uniform";
  }

  std::vector<FigureLine> Figure(const Node&) const override {
    return {{Phase::kPrepare, Role::kP0, "x0 = F(k0), x1 = F(k1)"},
            {Phase::kPrepare, Role::kP1, "x1 = F(k1)"},
            {Phase::kPrepare, Role::kP2, "x0 = F(k0)"},
            {Phase::kOnline, Role::kP1, "w1 = v1 - x1"},
            {Phase::kOnline, Role::kP2, "w2 = v2 - x0"},
            {Phase::kOnline, Role::kP1, "w1", Role::kP2},
            {Phase::kOnline, Role::kP2, "w2", Role::kP1},
            {Phase::kOnline, Role::kP1, "x2 = w1 + w2", std::nullopt, /*after=*/true},
            {Phase::kOnline, Role::kP2, "x2 = w1 + w2", std::nullopt, /*after=*/true}};
  }

  void Ideal(ClearView& view) const override { view.outputs[0] = view.inputs[0]->Clone(); }

  void Prepare(PartyView& view) const override { ExpandMasks(view); }

  void Before(PartyView& view) const override {
    if (!IsParty(view.role)) return;
    ExpandMasks(view);
    if (view.role == Role::kP0) return;
    Tensor masked = Subtract(view.additive(0), Component(*view.outputs[0], view.role, Mask(view)));
    view.outbox.Send(Peer(view.role), masked);
    view.session.tensors.push_back(std::move(masked));
  }

  void After(PartyView& view) const override {
    if (view.role != Role::kP1 && view.role != Role::kP2) return;
    const ValueType& type = view.node.output_types[0];
    Tensor sum = view.inbox.Receive(Peer(view.role), type.ring, type.shape);
    AddInto(sum, view.session.tensors[0]);
    Component(*view.outputs[0], view.role, 2) = std::move(sum);
  }

 private:
  // The component that P1 or P2 masks its share with: its field and its number.
  static size_t Mask(const PartyView& view) { return view.role == Role::kP1 ? 1 : 0; }

  static void ExpandMasks(PartyView& view) {
    for (const size_t component : {size_t{0}, size_t{1}}) {
      if (!Holds(view.role, view.node.correlation[component].key)) continue;
      Component(*view.outputs[0], view.role, component) =
          view.fields.Uniform(component, view.node.output_types[0].shape);
    }
  }
};

}  // namespace

Value Reshare(Builder& builder, Value v) { return builder.AddOne(kReshare, {v}); }

std::unique_ptr<Protocol> MakeReshare() { return std::make_unique<ReshareProtocol>(); }

}  // namespace lutra
