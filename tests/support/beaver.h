// Protocols of a user's own, outside the tree: multiplication by a dealt triple, and a conversion
// by a dealt replicated mask. With a fault built in on request.
#ifndef LUTRA_TESTS_SUPPORT_BEAVER_H_
#define LUTRA_TESTS_SUPPORT_BEAVER_H_

#include <memory>
#include <utility>
#include <vector>

#include "core/arithmetic.h"
#include "mpc/builder.h"
#include "mpc/protocol.h"

namespace lutra {

enum class Fault { kNone, kForgetsTerm, kCorruptsElement, kDealsWrong, kSendsLess, kSendsMore };

inline Tensor Times(const Tensor& a, const Tensor& b) {
  Tensor product(a.ring(), a.shape());
  for (int64_t i = 0; i < a.elements(); ++i) product.Set(i, a.At(i) * b.At(i));
  return product;
}

// Multiplication by a triple.                                [Beaver 91]
//
//   F_Beaver:  [x]^l, [y]^l  ->  [x * y]^l
//
//   offline (dealer)                online (P1, P2)
//   1. a, b <- Z_2^l                1. open d = x - a, e = y - b     one round, 2 l bits each way
//   2. c = a * b                    2. [z] = [c] + d [b] + e [a] + d e
class Beaver final : public Protocol {
 public:
  explicit Beaver(Fault fault = Fault::kNone) : fault_(fault) {}
  std::string_view name() const override { return "beaver"; }

  StatusOr<Signature> Check(const NodeDescription& node) const override {
    LUTRA_RETURN_IF_ERROR(node.CheckCounts(2, 0));
    LUTRA_RETURN_IF_ERROR(node.spec.attributes.CheckOnly({}));
    for (const size_t i : {size_t{0}, size_t{1}}) {
      LUTRA_RETURN_IF_ERROR(node.CheckSharing(i, Sharing::kAdditive));
      if (node.inputs[i].ring != node.inputs[0].ring ||
          !(node.inputs[i].shape == node.inputs[0].shape)) {
        return InvalidArgument("input ", i, ": expected ", node.inputs[0].ToString());
      }
    }
    const ValueType& x = node.inputs[0];
    const int64_t elements = x.shape.elements();
    Signature signature;
    signature.outputs = {{x.ring, x.shape, Sharing::kAdditive}};
    signature.correlation = {Field::UniformAdditive("a", x.ring, elements),
                             Field::UniformAdditive("b", x.ring, elements),
                             Field::DerivedAdditive("c", x.ring, elements, 1)};
    signature.has_round = true;
    return signature;
  }

  Cost ClosedForm(const Node& node) const override {
    const ValueType& x = node.input_types[0];
    Cost cost;
    cost.AddHalves(Phase::kDeal, Role::kDealer, x.shape.elements(), x.ring.bits());
    cost.AddExchange(Phase::kOnline, 2 * x.shape.elements() * x.ring.bits());
    cost.rounds = 1;
    return cost;
  }

  void Ideal(ClearView& view) const override {
    view.outputs[0] = Times(*view.inputs[0], *view.inputs[1]);
  }

  void Deal(const DealView& view) const override {
    const Ring ring = view.node.correlation[view.field].ring;
    WithLane(ring, [&](auto lane) {
      using Lane = decltype(lane);
      const std::span<Lane> out = view.lanes<Lane>();
      std::vector<Lane> a(out.size()), b(out.size());
      view.fields.Expand<Lane>(0, view.range.begin, a);
      view.fields.Expand<Lane>(1, view.range.begin, b);
      for (size_t i = 0; i < out.size(); ++i) {
        const uint64_t wrong = fault_ == Fault::kDealsWrong ? 1 : 0;
        out[i] = static_cast<Lane>(ring.Reduce(uint64_t{a[i]} * b[i] + wrong));
      }
    });
  }

  void Before(PartyView& view) const override {
    if (view.role != Role::kP1 && view.role != Role::kP2) return;
    const Shape& shape = view.node.input_types[0].shape;
    for (const size_t i : {size_t{0}, size_t{1}}) {
      Tensor masked = Subtract(view.additive(i), view.fields.Uniform(i, shape));
      int64_t count = masked.elements();
      if (fault_ == Fault::kSendsLess && i == 1) count = 0;
      view.outbox.Send(Peer(view.role), masked, {0, count});
      if (fault_ == Fault::kSendsMore) view.outbox.Send(Peer(view.role), masked);
      view.session.tensors.push_back(std::move(masked));
    }
  }

  void After(PartyView& view) const override {
    if (view.role != Role::kP1 && view.role != Role::kP2) return;
    const ValueType& type = view.node.input_types[0];
    std::vector<Tensor> opened;
    for (const size_t i : {size_t{0}, size_t{1}}) {
      opened.push_back(view.inbox.Receive(Peer(view.role), type.ring, type.shape));
      AddInto(opened[i], view.session.tensors[i]);
    }
    Tensor z = view.fields.Additive(2, type.shape);
    AddInto(z, Times(opened[0], view.fields.Uniform(1, type.shape)));
    AddInto(z, Times(opened[1], view.fields.Uniform(0, type.shape)));
    if (view.role == Role::kP1 && fault_ != Fault::kForgetsTerm) {
      AddInto(z, Times(opened[0], opened[1]));
    }
    if (view.role == Role::kP2 && fault_ == Fault::kCorruptsElement) {
      z.Set(z.elements() - 1, z.At(z.elements() - 1) + 1);
    }
    view.outputs[0]->parts[0] = std::move(z);
  }

 private:
  Fault fault_;
};

// Additive to replicated by a dealt mask; no key of the parties among themselves is used.
//
//   F_Convert:  [x]^l  ->  <x>^l, masks unknown
//
//   offline (dealer)                 online (P1, P2)
//   1. r <- Z_2^l, additive          1. open d = x - r               one round, l bits each way
//   2. the same r, replicated        2. <x> = <r> + d, d into x2
class Convert final : public Protocol {
 public:
  std::string_view name() const override { return "convert"; }

  StatusOr<Signature> Check(const NodeDescription& node) const override {
    LUTRA_RETURN_IF_ERROR(node.CheckCounts(1, 0));
    LUTRA_RETURN_IF_ERROR(node.CheckSharing(0, Sharing::kAdditive));
    const ValueType& x = node.inputs[0];
    Signature signature;
    signature.outputs = {{x.ring, x.shape, Sharing::kReplicated}};
    signature.correlation = {Field::UniformAdditive("r", x.ring, x.shape.elements()),
                             Field::DerivedReplicated("r", x.ring, x.shape.elements(), 1)};
    signature.has_round = true;
    return signature;
  }
  Cost ClosedForm(const Node& node) const override {
    const int64_t bits = node.input_types[0].shape.elements() * node.input_types[0].ring.bits();
    Cost cost;
    for (const Role party : {Role::kP1, Role::kP2}) {
      cost.Add(Phase::kDeal, Role::kDealer, party, bits);
    }
    cost.AddExchange(Phase::kOnline, bits);
    cost.rounds = 1;
    return cost;
  }
  void Ideal(ClearView& view) const override { view.outputs[0] = view.inputs[0]->Clone(); }

  void Deal(const DealView& view) const override {
    WithLane(view.node.correlation[0].ring, [&](auto lane) {
      using Lane = decltype(lane);
      view.fields.Expand<Lane>(0, view.range.begin, view.lanes<Lane>());
    });
  }
  void Before(PartyView& view) const override {
    if (!IsParty(view.role)) return;
    const ValueType& type = view.node.input_types[0];
    const std::vector<uint32_t> rows(static_cast<size_t>(type.shape.elements()), 0);
    for (const size_t part : {size_t{0}, size_t{1}}) {
      Tensor& component = view.outputs[0]->parts[part];
      component = Tensor(type.ring, type.shape);
      WithLane(type.ring, [&](auto lane) {
        using Lane = decltype(lane);
        view.fields.PickReplicated<Lane>(1, (FirstComponent(view.role) + part) % 3, 0, rows,
                                         component.lanes<Lane>());
      });
    }
    if (view.role == Role::kP0) return;
    Tensor masked = Subtract(view.additive(0), view.fields.Uniform(0, type.shape));
    view.outbox.Send(Peer(view.role), masked);
    view.session.tensors.push_back(std::move(masked));
  }
  void After(PartyView& view) const override {
    if (view.role != Role::kP1 && view.role != Role::kP2) return;
    const ValueType& type = view.node.input_types[0];
    Tensor opened = view.inbox.Receive(Peer(view.role), type.ring, type.shape);
    AddInto(opened, view.session.tensors[0]);
    AddInto(Component(*view.outputs[0], view.role, 2), opened);
  }
};

}  // namespace lutra

#endif  // LUTRA_TESTS_SUPPORT_BEAVER_H_
