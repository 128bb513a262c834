#include "mpc/protocols/reveal.h"

#include "core/arithmetic.h"
#include "mpc/protocols/local.h"

namespace lutra {
namespace {

constexpr size_t kMask = 0;

// A shared value is opened to its owner alone.              [protocols.md, "Input and reveal"]
//
//   F_Reveal:  [v]^l  ->  data owner: v
//
//   online
//   1. P1 sends v1 + F(k2), P2 sends v2 - F(k2) to the data owner, who adds them
//
// Cost: l bits an element from each of P1 and P2, 1 round.
// Privacy: the owner sees two uniform summands of v, whatever v1 and v2 were; P0 takes no part.
class RevealProtocol final : public Protocol {
 public:
  std::string_view name() const override { return kReveal; }

  StatusOr<Signature> Check(const NodeDescription& node) const override {
    LUTRA_RETURN_IF_ERROR(node.CheckCounts(1, 0));
    LUTRA_RETURN_IF_ERROR(node.CheckSharing(0, Sharing::kAdditive));
    LUTRA_RETURN_IF_ERROR(node.spec.attributes.CheckOnly({"name"}));
    LUTRA_RETURN_IF_ERROR(node.spec.attributes.Text("name").status());
    const ValueType& input = node.inputs[0];
    Signature signature;
    signature.outputs = {{input.ring, input.shape, Sharing::kRevealed}};
    signature.correlation = {
        Field::Uniform("mask", KeyName::kK2, input.ring, input.shape.elements())};
    signature.has_round = true;
    return signature;
  }

  Cost ClosedForm(const Node& node) const override {
    const ValueType& type = node.input_types[0];
    Cost cost;
    cost.Add(Phase::kOnline, Role::kP1, Role::kDataOwner, type.shape.elements() * type.ring.bits());
    cost.Add(Phase::kOnline, Role::kP2, Role::kDataOwner, type.shape.elements() * type.ring.bits());
    cost.rounds = 1;
    return cost;
  }

  std::string_view Privacy(const Node&, Phase, Role) const override {
    return "two summands masked by F(k2), a key that it lacks: uniform but for their sum, its "
           "result";
  }

  std::vector<FigureLine> Figure(const Node&) const override {
    return {{Phase::kOnline, Role::kP1, "w1 = v1 + F(k2)"},
            {Phase::kOnline, Role::kP2, "w2 = v2 - F(k2)"},
            {Phase::kOnline, Role::kP1, "w1", Role::kDataOwner},
            {Phase::kOnline, Role::kP2, "w2", Role::kDataOwner},
            {Phase::kOnline, Role::kDataOwner, "v = w1 + w2", std::nullopt, /*after=*/true}};
  }

  void Ideal(ClearView& view) const override { view.outputs[0] = view.inputs[0]->Clone(); }

  void Before(PartyView& view) const override {
    if (view.role != Role::kP1 && view.role != Role::kP2) return;
    const Tensor mask = view.fields.Uniform(kMask, view.node.input_types[0].shape);
    view.outbox.Send(Role::kDataOwner, view.role == Role::kP1 ? Add(view.additive(0), mask)
                                                              : Subtract(view.additive(0), mask));
  }

  void After(PartyView& view) const override {
    if (view.role != Role::kDataOwner) return;
    const ValueType& type = view.node.output_types[0];
    Tensor value = view.inbox.Receive(Role::kP1, type.ring, type.shape);
    AddInto(value, view.inbox.Receive(Role::kP2, type.ring, type.shape));
    view.outputs[0]->parts[0] = std::move(value);
  }
};

}  // namespace

void Reveal(Builder& builder, std::string_view name, Value x) {
  Builder::Scope scope(builder, name);
  builder.AddOne(kReveal, {ToAdditive(builder, x)}, Attributes().SetText("name", name));
}

bool IsReveal(const Node& node) { return node.spec.protocol == kReveal; }

std::unique_ptr<Protocol> MakeReveal() { return std::make_unique<RevealProtocol>(); }

}  // namespace lutra
