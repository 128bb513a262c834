#include "mpc/protocols/top_bits.h"

#include <bit>

#include "mpc/protocols/local.h"

namespace lutra {
namespace {

// Keep top bits.                                            [protocols.md, "Two sharings"]
//
//   F_TopBits(t, a):  [z]^l  ->  [floor((z + a) / q) - c]^t       with q = 2^(l-t), c in {0, 1}
//
//   online (local)
//   1. P1: y1 = floor((z1 + a mod 2^l) / q);  P2: y2 = floor(z2 / q)
//
// For uniform shares Pr[c = 0] = (((z + a) mod q) + 1) / q: with a = q - 1 exactly unbiased.
// Cost: none. The low parts of the shares wrap exactly when c = 1.
class TopBitsProtocol final : public Protocol {
 public:
  std::string_view name() const override { return kTopBits; }

  StatusOr<Signature> Check(const NodeDescription& node) const override {
    LUTRA_RETURN_IF_ERROR(node.CheckCounts(1, 0));
    LUTRA_RETURN_IF_ERROR(node.CheckSharing(0, Sharing::kAdditive));
    LUTRA_RETURN_IF_ERROR(node.spec.attributes.CheckOnly({"bits", "a"}));
    const ValueType& input = node.inputs[0];
    const int from = input.ring.bits();
    LUTRA_ASSIGN_OR_RETURN(const int64_t bits, node.spec.attributes.Integer("bits", 1, from - 1));
    const auto last = static_cast<int64_t>((uint64_t{1} << (from - bits)) - 1);
    LUTRA_RETURN_IF_ERROR(node.spec.attributes.Integer("a", 0, last).status());
    Signature signature;
    signature.outputs = {{Ring(static_cast<int>(bits)), input.shape, Sharing::kAdditive}};
    return signature;
  }

  Cost ClosedForm(const Node&) const override { return {}; }

  std::vector<FigureLine> Figure(const Node& node) const override {
    const int from = node.input_types[0].ring.bits();
    const int shift = from - node.output_types[0].ring.bits();
    const std::string sum =
        Addend(node) == 0 ? "z1" : StrCat("((z1 + ", AddendText(node), ") mod 2^", from, ")");
    return {{node.phase, Role::kP1, StrCat("y1 = floor(", sum, " / 2^", shift, ")")},
            {node.phase, Role::kP2, StrCat("y2 = floor(z2 / 2^", shift, ")")}};
  }

  void Ideal(ClearView& view) const override {
    const Ring from = view.node.input_types[0].ring;
    const uint64_t a = view.coins == nullptr ? 0 : Addend(view.node);
    Tensor result = ShiftDown(view.node, *view.inputs[0], a);
    if (view.coins != nullptr) {
      const Ring to = result.ring();
      LUTRA_CHECK(view.coins->shape() == result.shape() && from.bits() > to.bits());
      WithLane(to, [&](auto lane) {
        using Lane = decltype(lane);
        Lane* out = result.lanes<Lane>().data();
        const uint8_t* coin = view.coins->lanes<uint8_t>().data();
        for (int64_t i = 0; i < result.elements(); ++i) {
          out[i] = static_cast<Lane>((out[i] - coin[i]) & to.mask());
        }
      });
    }
    view.outputs[0] = std::move(result);
  }

  Tensor ReadCoins(const Node& node, const Share& p1, const Share& p2) const override {
    const Ring from = node.input_types[0].ring;
    const uint64_t q_mask = Quotient(node) - 1;
    const uint64_t a = Addend(node);
    Tensor coins(Ring(1), node.input_types[0].shape);
    WithLane(from, [&](auto lane) {
      using Lane = decltype(lane);
      const Lane* z1 = p1.parts[0].lanes<Lane>().data();
      const Lane* z2 = p2.parts[0].lanes<Lane>().data();
      uint8_t* out = coins.lanes<uint8_t>().data();
      for (int64_t i = 0; i < coins.elements(); ++i) {
        const uint64_t low1 = (z1[i] + a) & q_mask;
        const uint64_t low2 = z2[i] & q_mask;
        out[i] = low1 + low2 > q_mask ? 1 : 0;
      }
    });
    return coins;
  }

  void Before(PartyView& view) const override {
    if (view.role != Role::kP1 && view.role != Role::kP2) return;
    const uint64_t a = view.role == Role::kP1 ? Addend(view.node) : 0;
    view.outputs[0]->parts[0] = ShiftDown(view.node, view.additive(0), a);
  }

 private:
  static uint64_t Addend(const Node& node) {
    return static_cast<uint64_t>(node.spec.attributes.integer("a"));
  }
  // "7"; "2^63 - 1" of what has many digits.
  static std::string AddendText(const Node& node) {
    const uint64_t a = Addend(node);
    const auto bits = static_cast<int>(std::bit_width(a));
    const bool is_power = std::has_single_bit(a + 1) && bits > 13;
    return is_power ? StrCat("2^", bits, " - 1") : StrCat(a);
  }
  static uint64_t Quotient(const Node& node) {
    return uint64_t{1} << (node.input_types[0].ring.bits() - node.output_types[0].ring.bits());
  }

  static Tensor ShiftDown(const Node& node, const Tensor& z, uint64_t a) {
    const Ring from = node.input_types[0].ring;
    const Ring to = node.output_types[0].ring;
    const int shift = from.bits() - to.bits();
    Tensor result(to, z.shape());
    WithLane(from, [&](auto lane) {
      using Lane = decltype(lane);
      const Lane* in = z.lanes<Lane>().data();
      const Lane mask = static_cast<Lane>(from.mask());
      const Lane addend = static_cast<Lane>(a);
      const int64_t elements = z.elements();  // asked for once: bytes written might be anything
      WithLane(to, [&](auto lane_to) {
        using LaneTo = decltype(lane_to);
        LaneTo* out = result.lanes<LaneTo>().data();
        for (int64_t i = 0; i < elements; ++i) {
          out[i] = static_cast<LaneTo>(static_cast<Lane>((in[i] + addend) & mask) >> shift);
        }
      });
    });
    return result;
  }
};

// 2^bits - 1; 0 for a number of bits that no node accepts.
int64_t LowMask(int bits) {
  return bits > 0 && bits < 64 ? static_cast<int64_t>((uint64_t{1} << bits) - 1) : 0;
}

}  // namespace

Value TopBits(Builder& builder, Value z, int bits, int64_t a) {
  return builder.AddOne(kTopBits, {ToAdditive(builder, z)},
                        Attributes().SetInteger("bits", bits).SetInteger("a", a));
}

Value TopBitsUnbiased(Builder& builder, Value z, int bits) {
  return TopBits(builder, z, bits, LowMask(builder.ring(z).bits() - bits));
}

Value TopBitsCentred(Builder& builder, Value z, int bits) {
  return TopBits(builder, z, bits, LowMask(builder.ring(z).bits() - bits - 1));
}

Value TopBits(Builder& builder, Value z, int bits, Rounding rounding) {
  return rounding == Rounding::kCentred ? TopBitsCentred(builder, z, bits)
                                        : TopBits(builder, z, bits, int64_t{0});
}

std::unique_ptr<Protocol> MakeTopBits() { return std::make_unique<TopBitsProtocol>(); }

}  // namespace lutra
