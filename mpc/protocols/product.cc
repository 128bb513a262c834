#include "mpc/protocols/product.h"

#include <utility>

#include "core/arithmetic.h"
#include "core/matrix_product.h"

namespace lutra {
namespace {

constexpr std::string_view kMatrixProduct = "matrix_product";
constexpr std::string_view kElementProduct = "element_product";
constexpr std::string_view kSumOfSquares = "sum_of_squares";
constexpr std::string_view kMaskedForm = "masked";
constexpr std::string_view kReplicatedForm = "replicated";

bool IsMasked(const Node& node) { return node.spec.attributes.text("form") == kMaskedForm; }

// The second operand: the first one again where there is only one.
size_t SecondOf(const Node& node) { return node.spec.inputs.size() - 1; }

// A product whose second operand belongs to the model: all that can be done with it is done before.
bool HasModelOperand(const Node& node) {
  return node.input_types[SecondOf(node)].lifetime == Lifetime::kModel;
}

// Any bilinear map z = x . y of replicated values.          [protocols.md, "Linear layers"]
//
//   F_Product:  <x>^l, <y>^l  ->  [x . y]^l
//
//   zero-sharing: alpha_i = F(k_i) - F(k_(i+1)), added before anything is sent
//
//   form = masked, where x0, x1, y0, y1 are known offline
//     offline                                                 online (local)
//     1. P0 sends (x0+x1).(y0+y1) + alpha_0, in halves        3. P1: + x2.y1 [+ x1.y2]
//     2. y of the model: P1 computes x1.y2, P2 x0.y2             P2: + x2.(y2+y0) [+ x0.y2]
//     Cost: l bits an element from P0, offline; nothing online. [..] where step 2 could not be.
//
//   form = replicated                                         [the paper's]
//     1. P_i: z_i = x_i.y_i + x_i.y_(i+1) + x_(i+1).y_i + alpha_i
//     2. P0 sends z_0, in halves
//     Cost: l bits an element from P0, 1 round; 6 products in all.
//
// Privacy: what P0 sends is masked by alpha_0, which neither receiver knows. P0 receives nothing.
class ProductProtocol : public Protocol {
 public:
  explicit ProductProtocol(std::string_view name) : name_(name) {}
  std::string_view name() const final { return name_; }

  StatusOr<Signature> Check(const NodeDescription& node) const final {
    LUTRA_RETURN_IF_ERROR(node.CheckCounts(operands(), 0));
    LUTRA_RETURN_IF_ERROR(node.spec.attributes.CheckOnly({"form"}));
    LUTRA_ASSIGN_OR_RETURN(const std::string form,
                           node.spec.attributes.Choice("form", {kMaskedForm, kReplicatedForm}));
    const Ring ring = node.inputs[0].ring;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      LUTRA_RETURN_IF_ERROR(node.CheckSharing(i, Sharing::kReplicated));
      if (node.inputs[i].ring != ring) {
        return InvalidArgument("input ", i, ": expected ring Z_2^", ring.bits(), ", found ",
                               node.inputs[i].ToString());
      }
      if (form == kMaskedForm && !node.inputs[i].masks_known) {
        return InvalidArgument("input ", i,
                               ": expected a value whose masks are known offline, found ",
                               node.inputs[i].ToString());
      }
    }
    LUTRA_ASSIGN_OR_RETURN(const Shape shape,
                           ResultShape(node.inputs.front().shape, node.inputs.back().shape));
    const int64_t elements = shape.elements();
    Signature signature;
    signature.outputs = {{ring, shape, Sharing::kAdditive}};
    signature.correlation = {Field::Uniform("zero0", KeyName::kK0, ring, elements),
                             Field::Uniform("zero1", KeyName::kK1, ring, elements),
                             Field::Uniform("zero2", KeyName::kK2, ring, elements)};
    signature.has_round = form == kReplicatedForm;
    return signature;
  }

  Cost ClosedForm(const Node& node) const final {
    const ValueType& type = node.output_types[0];
    Cost cost;
    cost.AddHalves(IsMasked(node) ? Phase::kPrepare : Phase::kOnline, Role::kP0,
                   type.shape.elements(), type.ring.bits());
    cost.rounds = IsMasked(node) ? 0 : 1;
    return cost;
  }

  // In the masked form P0 multiplies the masks, offline, and P1 and P2 what meets x2 or y2; an
  // operand of the model saves them one product online, which they have done offline.
  int64_t Multiplications(const Node& node, Role role, Phase phase) const final {
    if (!IsParty(role)) return 0;
    const int64_t once = node.output_types[0].shape.elements() * Depth(node.input_types[0].shape);
    if (!IsMasked(node)) return phase == Phase::kOnline ? 2 * once : 0;
    const bool with_model = HasModelOperand(node);
    if (phase == Phase::kPrepare) return role == Role::kP0 || with_model ? once : 0;
    if (phase != Phase::kOnline || role == Role::kP0) return 0;
    return with_model ? once : 2 * once;
  }

  std::string_view Privacy(const Node&, Phase, Role to) const final {
    return to == Role::kP1 ? "masked by alpha_0 = F(k0) - F(k1), of which P1 lacks k0: uniform"
                           : "masked by alpha_0 = F(k0) - F(k1), of which P2 lacks k1: uniform";
  }

  std::vector<FigureLine> Figure(const Node& node) const final {
    const Phase phase = IsMasked(node) ? Phase::kPrepare : Phase::kOnline;
    const std::string y = SecondOf(node) == 0 ? "x" : "y";
    const auto sum = [&](int i, int j) { return StrCat("(", y, i, " + ", y, j, ")"); };
    std::vector<FigureLine> lines = {{phase, Role::kP0, "alpha0 = F(k0) - F(k1)"},
                                     {phase, Role::kP1, "alpha1 = F(k1) - F(k2)"},
                                     {phase, Role::kP2, "alpha2 = F(k2) - F(k0)"}};
    const auto add = [&](Phase when, Role role, std::string text) {
      lines.push_back({when, role, std::move(text)});
    };
    if (!IsMasked(node)) {
      add(phase, Role::kP0, StrCat("z0 = x0.", y, "0 + x0.", y, "1 + x1.", y, "0 + alpha0"));
      add(phase, Role::kP1, StrCat("z1 = x1.", y, "1 + x1.", y, "2 + x2.", y, "1 + alpha1"));
      add(phase, Role::kP2, StrCat("z2 = x2.", y, "2 + x2.", y, "0 + x0.", y, "2 + alpha2"));
    } else {
      const bool with_model = HasModelOperand(node);
      add(phase, Role::kP0, StrCat("z0 = (x0 + x1).", sum(0, 1), " + alpha0"));
      const std::string low = StrCat("x1.", y, "2"), high = StrCat("x0.", y, "2");
      add(phase, Role::kP1, with_model ? StrCat("z1 = ", low, " + alpha1") : "z1 = alpha1");
      add(phase, Role::kP2, with_model ? StrCat("z2 = ", high, " + alpha2") : "z2 = alpha2");
      add(Phase::kOnline, Role::kP1,
          StrCat("z1 = z1 + x2.", y, "1", with_model ? "" : " + " + low));
      add(Phase::kOnline, Role::kP2,
          StrCat("z2 = z2 + x2.", sum(2, 0), with_model ? "" : " + " + high));
    }
    const int64_t elements = node.output_types[0].shape.elements();
    for (const Role party : {Role::kP1, Role::kP2}) {
      if (HalfOf(party, elements).size() == 0) continue;
      const std::string own = party == Role::kP1 ? "z1" : "z2";
      const std::string half = party == Role::kP1 ? ", second half" : ", first half";
      const std::string sent = StrCat("z0", elements == 1 ? "" : half);
      lines.push_back({phase, Role::kP0, sent, party});
      lines.push_back(
          {phase, party, StrCat(own, " = ", own, " + ", sent), std::nullopt, /*after=*/true});
    }
    return lines;
  }

  void Ideal(ClearView& view) const final {
    const ValueType& type = view.node.output_types[0];
    view.outputs[0] = Tensor::Zeros(type.ring, type.shape);
    Accumulate(*view.inputs.front(), *view.inputs.back(), view.outputs[0], view.pool);
  }

  void PrepareModel(PartyView& view) const final {
    if (!IsMasked(view.node) || !HasModelOperand(view.node) || !IsParty(view.role)) return;
    const size_t y = SecondOf(view.node);
    const Tensor& low = view.inputs[y]->parts[0];
    const Tensor& high = view.inputs[y]->parts[1];
    const Tensor sum = lutra::Add(low, high);
    switch (view.role) {
      case Role::kP0:
        Keep(view, sum);
        break;
      case Role::kP1:  // y1 for online, y2 for offline
        Keep(view, low);
        Keep(view, high);
        break;
      default:  // y2 + y0, y2
        Keep(view, sum);
        Keep(view, low);
    }
  }

  // The second operand is kept in a form of its own.
  bool ReadsModelInput(const Node& node, size_t input) const final {
    return !IsMasked(node) || input == 0 || !HasModelOperand(node);
  }

  void Prepare(PartyView& view) const final {
    if (!IsMasked(view.node) || !IsParty(view.role)) return;
    Tensor z = ZeroShare(view);
    const size_t y = SecondOf(view.node);
    if (view.role == Role::kP0) {
      const Tensor x_masks = lutra::Add(view.inputs[0]->parts[0], view.inputs[0]->parts[1]);
      if (HasModelOperand(view.node)) {
        AccumulateKept(view, x_masks, 0, z);
      } else if (y == 0) {
        Accumulate(x_masks, x_masks, z, view.pool);
      } else {
        const Tensor y_masks = lutra::Add(view.inputs[y]->parts[0], view.inputs[y]->parts[1]);
        Accumulate(x_masks, y_masks, z, view.pool);
      }
      for (const Role party : {Role::kP1, Role::kP2}) {
        view.outbox.Send(party, z, HalfOf(party, z.elements()));
      }
      return;
    }
    if (HasModelOperand(view.node)) AccumulateKept(view, KnownMask(view, 0), 1, z);
    view.session.tensors.push_back(std::move(z));
  }

  void FinishPrepare(PartyView& view) const final {
    if (!IsMasked(view.node)) return;
    if (view.role == Role::kP1 || view.role == Role::kP2) ReceiveHalf(view);
  }

  void Before(PartyView& view) const final {
    if (!IsParty(view.role)) return;
    if (!IsMasked(view.node)) {
      ReplicatedBefore(view);
      return;
    }
    if (view.role == Role::kP0) return;
    Tensor z = std::move(view.session.tensors[0]);
    const size_t y = SecondOf(view.node);
    const Tensor& x2 = view.input(0, 2);
    if (HasModelOperand(view.node)) {
      AccumulateKept(view, x2, 0, z);
    } else if (view.role == Role::kP1) {
      Accumulate(x2, view.input(y, 1), z, view.pool);
      Accumulate(view.input(0, 1), view.input(y, 2), z, view.pool);
    } else {
      Accumulate(x2, lutra::Add(view.input(y, 2), view.input(y, 0)), z, view.pool);
      Accumulate(view.input(0, 0), view.input(y, 2), z, view.pool);
    }
    view.outputs[0]->parts[0] = std::move(z);
  }

  void After(PartyView& view) const final {
    if (view.role != Role::kP1 && view.role != Role::kP2) return;
    ReceiveHalf(view);
    view.outputs[0]->parts[0] = std::move(view.session.tensors[0]);
  }

 protected:
  virtual size_t operands() const { return 2; }
  virtual StatusOr<Shape> ResultShape(const Shape& x, const Shape& y) const = 0;
  // How many products an element of the result adds up.
  virtual int64_t Depth(const Shape& x) const { return x.size(-1); }
  // z += x . y.
  virtual void Accumulate(const Tensor& x, const Tensor& y, Tensor& z, ThreadPool& pool) const = 0;
  // Keeps an operand of the model, in the form that AccumulateKept likes best.
  virtual void Keep(PartyView& view, const Tensor& y) const {
    view.model.tensors.push_back(y.Clone());
  }
  // z += x . y with the operand that was kept as number `kept`.
  virtual void AccumulateKept(PartyView& view, const Tensor& x, size_t kept, Tensor& z) const {
    Accumulate(x, view.model.tensors[kept], z, view.pool);
  }

 private:
  // x1 of P1, x0 of P2.
  static const Tensor& KnownMask(const PartyView& view, size_t input) {
    return view.input(input, view.role == Role::kP1 ? 1 : 0);
  }

  // alpha_i = F(k_i) - F(k_(i+1)).
  static Tensor ZeroShare(const PartyView& view) {
    const Shape& shape = view.node.output_types[0].shape;
    const size_t i = FirstComponent(view.role);
    return lutra::Subtract(view.fields.Uniform(i, shape), view.fields.Uniform((i + 1) % 3, shape));
  }

  static void ReceiveHalf(PartyView& view) {
    Tensor& z = view.session.tensors[0];
    view.inbox.ReceiveAndAdd(Role::kP0, z, HalfOf(view.role, z.elements()));
  }

  void ReplicatedBefore(PartyView& view) const {
    const size_t y = SecondOf(view.node);
    const Share& x_share = *view.inputs[0];
    const Share& y_share = *view.inputs[y];
    Tensor z = ZeroShare(view);
    Accumulate(x_share.parts[0], lutra::Add(y_share.parts[0], y_share.parts[1]), z, view.pool);
    Accumulate(x_share.parts[1], y_share.parts[0], z, view.pool);
    if (view.role != Role::kP0) {
      view.session.tensors.push_back(std::move(z));
      return;
    }
    for (const Role party : {Role::kP1, Role::kP2}) {
      view.outbox.Send(party, z, HalfOf(party, z.elements()));
    }
  }

  std::string_view name_;
};

class MatrixProductProtocol final : public ProductProtocol {
 public:
  MatrixProductProtocol() : ProductProtocol(kMatrixProduct) {}

 private:
  StatusOr<Shape> ResultShape(const Shape& x, const Shape& y) const override {
    const bool ranks = x.rank() >= 2 && (y.rank() == 2 || y.rank() == x.rank());
    bool fits = ranks && x.size(-1) == y.size(-1);
    for (size_t i = 0; fits && y.rank() > 2 && i + 2 < x.rank(); ++i) {
      fits = x.sizes()[i] == y.sizes()[i];
    }
    if (!fits) {
      return InvalidArgument("shapes: expected [..., m, K] and [n, K] or [..., n, K], found ",
                             x.ToString(), " and ", y.ToString());
    }
    std::vector<int64_t> sizes = x.sizes();
    sizes.back() = y.size(-2);
    return Shape::Make(std::move(sizes));
  }

  void Accumulate(const Tensor& x, const Tensor& y, Tensor& z, ThreadPool& pool) const override {
    lutra::MatrixProduct(x, y, z, /*accumulate=*/true, pool);
  }
  void Keep(PartyView& view, const Tensor& y) const override {
    view.model.matrices.push_back(PackedMatrix::Pack(y, view.pool));
  }
  void AccumulateKept(PartyView& view, const Tensor& x, size_t kept, Tensor& z) const override {
    lutra::MatrixProduct(x, view.model.matrices[kept], z, /*accumulate=*/true, view.pool);
  }
};

class ElementProductProtocol final : public ProductProtocol {
 public:
  ElementProductProtocol() : ProductProtocol(kElementProduct) {}

 private:
  StatusOr<Shape> ResultShape(const Shape& x, const Shape& y) const override {
    return Broadcast(x, y);
  }

  int64_t Depth(const Shape&) const override { return 1; }

  void Accumulate(const Tensor& x, const Tensor& y, Tensor& z, ThreadPool& pool) const override {
    const BroadcastIndex x_index(x.shape(), z.shape());
    const BroadcastIndex y_index(y.shape(), z.shape());
    constexpr int64_t kRun = 512;
    pool.ParallelFor(z.elements(), int64_t{1} << 15, [&](int64_t begin, int64_t end) {
      WithLane(z.ring(), [&](auto lane) {
        using Lane = decltype(lane);
        const uint64_t mask = z.ring().mask();
        const Lane* x_lanes = x.lanes<Lane>().data();
        const Lane* y_lanes = y.lanes<Lane>().data();
        std::array<int64_t, kRun> x_sources;
        std::array<int64_t, kRun> y_sources;
        for (int64_t first = begin; first < end; first += kRun) {
          const auto size = static_cast<size_t>(std::min(kRun, end - first));
          x_index.Fill(first, std::span(x_sources).first(size));
          y_index.Fill(first, std::span(y_sources).first(size));
          Lane* out = z.lanes<Lane>().data() + first;
          for (size_t i = 0; i < size; ++i) {
            const uint64_t product = uint64_t{x_lanes[x_sources[i]]} * y_lanes[y_sources[i]];
            out[i] = static_cast<Lane>((out[i] + product) & mask);
          }
        }
      });
    });
  }
};

class SumOfSquaresProtocol final : public ProductProtocol {
 public:
  SumOfSquaresProtocol() : ProductProtocol(kSumOfSquares) {}

 private:
  size_t operands() const override { return 1; }

  StatusOr<Shape> ResultShape(const Shape& x, const Shape&) const override {
    if (x.rank() == 0) return InvalidArgument("shape: expected at least one axis, found none");
    std::vector<int64_t> sizes = x.sizes();
    sizes.back() = 1;
    return Shape::Make(std::move(sizes));
  }

  // The inner product along the last axis; x and y have one shape.
  void Accumulate(const Tensor& x, const Tensor& y, Tensor& z, ThreadPool& pool) const override {
    const int64_t length = x.shape().size(-1);
    pool.ParallelFor(z.elements(), 256, [&](int64_t begin, int64_t end) {
      WithLane(z.ring(), [&](auto lane) {
        using Lane = decltype(lane);
        for (int64_t row = begin; row < end; ++row) {
          const Lane* x_row = x.lanes<Lane>().data() + row * length;
          const Lane* y_row = y.lanes<Lane>().data() + row * length;
          uint64_t sum = z.lanes<Lane>()[static_cast<size_t>(row)];
          for (int64_t i = 0; i < length; ++i) sum += uint64_t{x_row[i]} * y_row[i];
          z.lanes<Lane>()[static_cast<size_t>(row)] = static_cast<Lane>(z.ring().Reduce(sum));
        }
      });
    });
  }
};

Value AddProduct(Builder& builder, std::string_view protocol, std::initializer_list<Value> operands,
                 LinearForm form) {
  for (const Value operand : operands) {
    if (!builder.type(operand).masks_known) form = LinearForm::kReplicated;
  }
  return builder.AddOne(
      protocol, operands,
      Attributes().SetText("form", form == LinearForm::kMasked ? kMaskedForm : kReplicatedForm));
}

}  // namespace

Value MatrixProduct(Builder& builder, Value x, Value y, LinearForm form) {
  return AddProduct(builder, kMatrixProduct, {x, y}, form);
}

Value ElementProduct(Builder& builder, Value x, Value y, LinearForm form) {
  return AddProduct(builder, kElementProduct, {x, y}, form);
}

Value SumOfSquares(Builder& builder, Value x, LinearForm form) {
  return AddProduct(builder, kSumOfSquares, {x}, form);
}

std::vector<std::unique_ptr<Protocol>> MakeProducts() {
  std::vector<std::unique_ptr<Protocol>> protocols;
  protocols.push_back(std::make_unique<MatrixProductProtocol>());
  protocols.push_back(std::make_unique<ElementProductProtocol>());
  protocols.push_back(std::make_unique<SumOfSquaresProtocol>());
  return protocols;
}

}  // namespace lutra
