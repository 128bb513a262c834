// A protocol of one's own, outside Lutra's tree: a primitive that squares with a dealt pair, and a
// composite on top of it. docs/write-a-protocol.md of Lutra walks through this file.

#include <analysis/analyze.h>
#include <analysis/run_directory.h>
#include <core/arithmetic.h>
#include <mpc/builder.h>
#include <mpc/protocol.h>
#include <mpc/protocols/input.h>
#include <mpc/protocols/local.h>
#include <mpc/protocols/reveal.h>
#include <sim/run_program.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace lutra;

// Element-wise square by a dealt pair.
//
//   F_Square:  [x]^l  ->  [x^2]^l
//
//   offline (dealer)                online (P1, P2)
//   1. Delta <- Z_2^l               1. open delta = x - Delta            one round, l bits each way
//   2. S = Delta^2                  2. [y] = delta^2 + 2 delta [Delta] + [S]       local
//
// Privacy: delta is uniform because Delta is; a correlation serves one square, never two.
class Square final : public Protocol {
 public:
  std::string_view name() const override { return "example.square"; }

  StatusOr<Signature> Check(const NodeDescription& node) const override {
    LUTRA_RETURN_IF_ERROR(node.CheckCounts(/*inputs=*/1, /*tables=*/0));
    LUTRA_RETURN_IF_ERROR(node.CheckSharing(0, Sharing::kAdditive));
    LUTRA_RETURN_IF_ERROR(node.spec.attributes.CheckOnly({}));
    const ValueType& x = node.inputs[0];
    Signature signature;
    signature.outputs = {{x.ring, x.shape, Sharing::kAdditive}};
    signature.correlation = {
        Field::UniformAdditive("Delta", x.ring, x.shape.elements()),
        Field::DerivedAdditive("S", x.ring, x.shape.elements(), /*entries=*/1)};
    signature.has_round = true;
    return signature;
  }

  Cost ClosedForm(const Node& node) const override {
    const int64_t elements = node.input_types[0].shape.elements();
    const int bits = node.input_types[0].ring.bits();
    Cost cost;
    cost.AddHalves(Phase::kDeal, Role::kDealer, elements, bits);
    cost.AddExchange(Phase::kOnline, elements * bits);
    cost.rounds = 1;
    return cost;
  }

  std::string_view Privacy(const Node&, Phase, Role) const override {
    return "delta = x - Delta, where Delta is uniform, unknown to it and used once: uniform";
  }

  std::vector<FigureLine> Figure(const Node&) const override {
    constexpr bool kAfter = true;  // what is done on messages
    return {{Phase::kDeal, Role::kDealer, "Delta = F(d1) + F(d2), S = Delta^2"},
            {Phase::kDeal, Role::kDealer, "S2 = S - F(d1), first half"},
            {Phase::kDeal, Role::kDealer, "S1 = S - F(d2), second half"},
            {Phase::kDeal, Role::kP1, "Delta1 = F(d1); S1 = F(d1), first half"},
            {Phase::kDeal, Role::kP2, "Delta2 = F(d2); S2 = F(d2), second half"},
            {Phase::kDeal, Role::kDealer, "S1, second half", Role::kP1},
            {Phase::kDeal, Role::kDealer, "S2, first half", Role::kP2},
            {Phase::kOnline, Role::kP1, "delta1 = x1 - Delta1"},
            {Phase::kOnline, Role::kP1, "delta1", Role::kP2},
            {Phase::kOnline, Role::kP2, "delta2 = x2 - Delta2"},
            {Phase::kOnline, Role::kP2, "delta2", Role::kP1},
            {Phase::kOnline, Role::kP1, "delta = delta1 + delta2", {}, kAfter},
            {Phase::kOnline, Role::kP1, "y1 = delta^2 + 2 delta.Delta1 + S1", {}, kAfter},
            {Phase::kOnline, Role::kP2, "delta = delta1 + delta2", {}, kAfter},
            {Phase::kOnline, Role::kP2, "y2 = 2 delta.Delta2 + S2", {}, kAfter}};
  }

  void Ideal(ClearView& view) const override {
    view.outputs[0] = Product(*view.inputs[0], *view.inputs[0]);
  }

  void Deal(const DealView& view) const override {
    WithLane(view.node.correlation[kS].ring, [&](auto lane) {
      using Lane = decltype(lane);
      const std::span<Lane> s = view.lanes<Lane>();
      view.fields.Expand<Lane>(kDelta, view.range.begin, s);
      const uint64_t mask = view.node.correlation[kS].ring.mask();
      for (Lane& word : s) word = static_cast<Lane>(uint64_t{word} * word & mask);
    });
  }

  void Before(PartyView& view) const override {
    if (view.role != Role::kP1 && view.role != Role::kP2) return;
    const Tensor& x = view.additive(0);
    Tensor masked = Subtract(x, view.fields.Uniform(kDelta, x.shape()));
    view.outbox.Send(Peer(view.role), masked);
    view.session.tensors.push_back(std::move(masked));
  }

  void After(PartyView& view) const override {
    if (view.role != Role::kP1 && view.role != Role::kP2) return;
    const Tensor& mine = view.session.tensors[0];
    const Tensor delta = Add(mine, view.inbox.Receive(Peer(view.role), mine.ring(), mine.shape()));
    const Tensor mask = view.fields.Uniform(kDelta, mine.shape());
    Tensor y = Add(view.fields.Additive(kS, mine.shape()), Product(delta, Add(mask, mask)));
    if (view.role == Role::kP1) AddInto(y, Product(delta, delta));
    view.outputs[0]->parts[0] = std::move(y);
  }

 private:
  static constexpr size_t kDelta = 0;
  static constexpr size_t kS = 1;

  static Tensor Product(const Tensor& a, const Tensor& b) {
    Tensor product(a.ring(), a.shape());
    for (int64_t i = 0; i < a.elements(); ++i) product.Set(i, a.At(i) * b.At(i));
    return product;
  }
};

// A composite: x^4 + x, summed along each row. Never new cryptography, only primitives.
Value RowSumOfQuartics(Builder& builder, Value x) {
  Builder::Scope scope(builder, "quartic");
  const Value squared = builder.AddOne("example.square", {x});
  const Value fourth = builder.AddOne("example.square", {squared});
  return Sum(builder, Add(builder, fourth, x), -1);
}

Status Main() {
  Registry registry = Registry::WithBuiltins();
  LUTRA_RETURN_IF_ERROR(registry.Register(std::make_unique<Square>()));

  Builder builder(registry);
  const Value x = ToAdditive(builder, Input(builder, "x", Role::kDataOwner, Ring(20), Shape{2, 3}));
  Reveal(builder, "y", RowSumOfQuartics(builder, x));
  LUTRA_ASSIGN_OR_RETURN(const BuiltProgram built, std::move(builder).Build());

  NamedTensors data;
  data.insert_or_assign("x", Tensor::Of(Ring(20), Shape{2, 3}, {1, 2, 3, -4, 5, -6}));
  LUTRA_ASSIGN_OR_RETURN(ProgramRun run, RunProgram(built, /*model=*/{}, data));
  if (!run.agrees()) return InvalidArgument(run.disagreement, run.miscount);

  const Tensor& y = run.revealed.at("y");
  std::printf("rows of x^4 + x sum to %d and %d\n", static_cast<int>(y.SignedAt(0)),
              static_cast<int>(y.SignedAt(1)));
  std::printf(
      "every node agrees with its twin; closed form equals ledger: %d rounds, %d bytes "
      "dealt, %d bytes online\n",
      built.program.rounds(Phase::kOnline), static_cast<int>(run.ledger.bytes(Phase::kDeal)),
      static_cast<int>(run.ledger.bytes(Phase::kOnline)));
  run.summary.model = "x^4 + x";
  LUTRA_RETURN_IF_ERROR(
      WriteRunDirectory("own-run", {run.summary, built.program, run.ledger, run.trace}));
  using Arguments = std::vector<std::string>;
  LUTRA_RETURN_IF_ERROR(
      Analyze(registry, Arguments{"trace", "own-run", "--path", "quartic", "--out", "own-run"})
          .status());
  return Analyze(registry, Arguments{"report", "own-run"}).status();
}

}  // namespace

int main() {
  const Status status = Main();
  if (!status.ok()) std::fprintf(stderr, "own-protocol: %s\n", OneLine(status).c_str());
  return status.ok() ? 0 : 1;
}
