#include "mpc/protocols/input.h"

#include "core/arithmetic.h"

namespace lutra {
namespace {

constexpr size_t kMask0 = 0;
constexpr size_t kMask1 = 1;

// An owner's value becomes a replicated one.                [protocols.md, "Input and reveal"]
//
//   F_Input:  owner: x  ->  <x>^l
//
//   offline                               online (or once per model)
//   1. owner gives e0 to P0 and P2,       2. owner sends x2 = x - F(e0) - F(e1) to P1 and P2
//      e1 to P0 and P1                    3. x0 = F(e0), x1 = F(e1)
//
// Cost: l bits an element to each of P1 and P2, 1 round. The keys of step 1 are set-up.
// Privacy: P1 lacks e0 and P2 lacks e1, so x2 is uniform to each; P0 receives nothing.
class InputProtocol final : public Protocol {
 public:
  std::string_view name() const override { return kInput; }

  StatusOr<Signature> Check(const NodeDescription& node) const override {
    LUTRA_RETURN_IF_ERROR(node.CheckCounts(0, 0));
    const Attributes& attributes = node.spec.attributes;
    LUTRA_RETURN_IF_ERROR(attributes.CheckOnly({"name", "owner", "bits", "shape"}));
    LUTRA_RETURN_IF_ERROR(attributes.Text("name").status());
    LUTRA_ASSIGN_OR_RETURN(
        const std::string owner,
        attributes.Choice("owner", {Name(Role::kModelOwner), Name(Role::kDataOwner)}));
    LUTRA_ASSIGN_OR_RETURN(const int64_t bits, attributes.Integer("bits", 1, Ring::kMaxBits));
    LUTRA_ASSIGN_OR_RETURN(const std::vector<int64_t> sizes, attributes.List("shape"));
    LUTRA_ASSIGN_OR_RETURN(const Shape shape, Shape::Make(sizes));
    const bool of_model = owner == Name(Role::kModelOwner);
    const Ring ring(static_cast<int>(bits));
    Signature signature;
    signature.outputs = {{ring, shape, Sharing::kReplicated, /*masks_known=*/true,
                          of_model ? Lifetime::kModel : Lifetime::kInference}};
    const int64_t elements = shape.elements();
    signature.correlation = {
        Field::Uniform("mask0", of_model ? KeyName::kModel0 : KeyName::kData0, ring, elements),
        Field::Uniform("mask1", of_model ? KeyName::kModel1 : KeyName::kData1, ring, elements)};
    signature.has_round = true;
    return signature;
  }

  Cost ClosedForm(const Node& node) const override {
    const ValueType& type = node.output_types[0];
    const int64_t bits = type.shape.elements() * type.ring.bits();
    Cost cost;
    cost.Add(node.phase, OwnerOf(node), Role::kP1, bits);
    cost.Add(node.phase, OwnerOf(node), Role::kP2, bits);
    cost.rounds = 1;
    return cost;
  }

  std::string_view Privacy(const Node&, Phase, Role to) const override {
    return to == Role::kP1 ? "masked by x0 = F(e0), a key of the owner that P1 lacks: uniform"
                           : "masked by x1 = F(e1), a key of the owner that P2 lacks: uniform";
  }

  std::vector<FigureLine> Figure(const Node& node) const override {
    const Role owner = OwnerOf(node);
    const Phase masks = node.phase == Phase::kModel ? Phase::kModel : Phase::kPrepare;
    return {{masks, Role::kP0, "x0 = F(e0), x1 = F(e1)"},
            {masks, Role::kP1, "x1 = F(e1)"},
            {masks, Role::kP2, "x0 = F(e0)"},
            {node.phase, owner, "x2 = x - F(e0) - F(e1)"},
            {node.phase, owner, "x2", Role::kP1},
            {node.phase, owner, "x2", Role::kP2}};
  }

  void Ideal(ClearView& view) const override { view.outputs[0] = view.owned->Clone(); }

  void Prepare(PartyView& view) const override { ExpandMasks(view); }

  void Before(PartyView& view) const override {
    if (view.owned == nullptr) return;
    const Shape& shape = view.node.output_types[0].shape;
    Tensor masked = Subtract(*view.owned, view.fields.Uniform(kMask0, shape));
    SubtractInto(masked, view.fields.Uniform(kMask1, shape));
    view.outbox.Send(Role::kP1, masked);
    view.outbox.Send(Role::kP2, masked);
  }

  void After(PartyView& view) const override {
    if (!IsParty(view.role)) return;
    ExpandMasks(view);
    if (view.role == Role::kP0) return;
    const ValueType& type = view.node.output_types[0];
    Component(*view.outputs[0], view.role, 2) =
        view.inbox.Receive(OwnerOf(view.node), type.ring, type.shape);
  }

 private:
  static void ExpandMasks(PartyView& view) {
    const Shape& shape = view.node.output_types[0].shape;
    for (const size_t mask : {kMask0, kMask1}) {
      if (!Holds(view.role, view.node.correlation[mask].key)) continue;
      Component(*view.outputs[0], view.role, mask) = view.fields.Uniform(mask, shape);
    }
  }
};

}  // namespace

Value Input(Builder& builder, std::string_view name, Role owner, Ring ring, const Shape& shape) {
  Builder::Scope scope(builder, name);
  return builder.AddOne(kInput, {},
                        Attributes()
                            .SetText("name", builder.path())
                            .SetText("owner", Name(owner))
                            .SetInteger("bits", ring.bits())
                            .SetList("shape", shape.sizes()));
}

bool IsInput(const Node& node) { return node.spec.protocol == kInput; }

Role OwnerOf(const Node& node) {
  return node.spec.attributes.text("owner") == Name(Role::kModelOwner) ? Role::kModelOwner
                                                                       : Role::kDataOwner;
}

std::string_view NameOf(const Node& node) { return node.spec.attributes.text("name"); }

std::unique_ptr<Protocol> MakeInput() { return std::make_unique<InputProtocol>(); }

}  // namespace lutra
