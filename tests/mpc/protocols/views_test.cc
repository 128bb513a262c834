// What each single role sees of every protocol is uniform, whatever the input: what it receives in
// all phases, the words of its tape, and the masks that it expands itself, alone and in pairs. The
// threshold is that of tests/support/statistics.h. In the shared-dealer deployment D and P0
// together receive no online message.
#include "tests/support/views.h"

#include <catch2/catch.hpp>

#include "mpc/protocols/local.h"
#include "mpc/protocols/lookup.h"
#include "mpc/protocols/product.h"
#include "mpc/protocols/reshare.h"
#include "mpc/protocols/reveal.h"
#include "mpc/protocols/top_bits.h"
#include "tests/support/run_program.h"
#include "tests/support/statistics.h"

namespace lutra {
namespace {

constexpr int64_t kSamples = 3000;

// What differs between two runs: every element of an input is this.
using Describe = std::function<void(Case& given, int64_t constant)>;

Value Constant(Case& given, std::string_view name, Role owner, int bits, std::vector<int64_t> rest,
               int64_t constant) {
  rest.insert(rest.begin(), kSamples);
  const Shape shape(rest);
  const std::vector<int64_t> values(static_cast<size_t>(shape.elements()), constant);
  return given.Given(name, owner, Tensor::Of(Ring(bits), shape, values));
}

// The masks of inputs and reshared values that a role expands from its keys. P1 holds x1, P2 x0, P0
// both.
void AddOwnMasks(const Program& program, const Simulation& simulation, Role role, int level,
                 View& view) {
  for (const Node& node : program.nodes()) {
    const std::string& protocol = node.spec.protocol;
    if (protocol != "input" && protocol != "reshare") continue;
    const bool now = node.phase == Phase::kModel ? level == 0 : node.level == level;
    const ValueType& type = node.output_types[0];
    for (const size_t component : {size_t{0}, size_t{1}}) {
      const bool holds = role == Role::kP0 || (role == Role::kP1) == (component == 1);
      if (!now || !holds) continue;
      const Tensor& mask = Component(simulation.value(role, node.outputs[0]), role, component);
      if (mask.empty()) continue;  // P0 walks only as far as it sends
      std::vector<uint64_t> values;
      for (int64_t i = 0; i < mask.elements(); ++i) values.push_back(mask.At(i));
      AddSymbols(view, StrCat(node.ToString(), " mask ", component), type.ring.bits(), kSamples,
                 mask.elements(), 0, values);
    }
  }
}

void CheckViews(const Describe& describe, Deployment deployment = Deployment::kFourProcess) {
  for (const int64_t constant : {int64_t{0}, int64_t{-3}}) {
    Case given(deployment);
    describe(given, constant);
    std::array<View, kRoles.size()> masks;
    const OnLevel look = [&](const Simulation& simulation, const Program& program, int level) {
      for (const Role role : kParties) {
        AddOwnMasks(program, simulation, role, level, masks[Index(role)]);
      }
    };
    const Outcome outcome = RunCase(given, 77, 1, look);
    for (const Role role : kRoles) {
      View view = ReceivedView(outcome.program(), outcome.transcript, role, kSamples);
      for (Symbols& symbols : masks[Index(role)]) view.push_back(std::move(symbols));
      if (role == Role::kDealer || role == Role::kModelOwner) {
        CHECK(view.empty());
        continue;
      }
      if (role == Role::kDataOwner && view.empty()) continue;
      // The data owner's two summands are its result: each for itself is uniform.
      const Deviation deviation = LargestDeviation(view, role != Role::kDataOwner);
      INFO(Name(role) << ", input " << constant << ": " << deviation.where);
      CHECK(deviation.largest < kLargestDeviation);
      if (IsParty(role) && role != Role::kP0) CHECK(view.size() >= 2);
    }
    if (deployment == Deployment::kSharedDealer) {
      for (const Transcript::Message& message : outcome.transcript.messages) {
        if (message.phase != Phase::kOnline) continue;
        CHECK(message.to != Role::kP0);
        CHECK(message.to != Role::kDealer);
      }
    }
  }
}

TEST_CASE("Views: input, reshare and reveal", "[mpc][views]") {
  CheckViews([](Case& given, int64_t constant) {
    const Value x = Constant(given, "x", Role::kDataOwner, 4, {}, constant);
    const Value w = Constant(given, "w", Role::kModelOwner, 3, {2}, constant);
    const Value y = Reshare(given.builder, ToAdditive(given.builder, x));
    Reveal(given.builder, "y", Reshare(given.builder, ToAdditive(given.builder, y)));
    Reveal(given.builder, "w", w);
  });
}

TEST_CASE("Views: an additive lookup, multi-output", "[mpc][views]") {
  CheckViews([](Case& given, int64_t constant) {
    const Value x = Constant(given, "x", Role::kDataOwner, 2, {}, constant);
    const TableId zeros =
        given.builder.AddTable("zeros", {2}, Tensor::Zeros(Ring(4), {1, 4}), true);
    const TableId wave =
        given.builder.AddTable("wave", {2}, Tensor::Of(Ring(3), {1, 4}, {0, 7, 0, 7}), false);
    const std::vector<Value> y = LookupAll(given.builder, {x}, {zeros, wave});
    Reveal(given.builder, "y", y[0]);
    Reveal(given.builder, "z", Reshare(given.builder, y[1]));
  });
}

TEST_CASE("Views: a multi-input lookup with a shared input", "[mpc][views]") {
  CheckViews([](Case& given, int64_t constant) {
    const Value x = Constant(given, "x", Role::kDataOwner, 2, {2}, constant);
    const Value sum = Constant(given, "sum", Role::kDataOwner, 1, {1}, constant);
    const TableId table = given.builder.AddTable(
        "T", {2, 1}, Tensor::Of(Ring(3), {1, 8}, {0, 1, 2, 3, 4, 5, 6, 7}), true);
    Reveal(given.builder, "y", Reshare(given.builder, Lookup(given.builder, {x, sum}, table)));
  });
}

TEST_CASE("Views: a direct lookup, P0's too", "[mpc][views]") {
  CheckViews([](Case& given, int64_t constant) {
    const Value x = Constant(given, "x", Role::kDataOwner, 2, {}, constant);
    const TableId table =
        given.builder.AddTable("T", {2}, Tensor::Of(Ring(4), {1, 4}, {0, 0, 0, 9}), true);
    Reveal(given.builder, "y", LookupReplicated(given.builder, {x}, table, LookupForm::kDirect));
  });
}

TEST_CASE("Views: products in both forms, in both deployments", "[mpc][views]") {
  for (const LinearForm form : {LinearForm::kMasked, LinearForm::kReplicated}) {
    for (const Deployment deployment : {Deployment::kFourProcess, Deployment::kSharedDealer}) {
      CheckViews(
          [form](Case& given, int64_t constant) {
            Builder& builder = given.builder;
            const Value x = Constant(given, "x", Role::kDataOwner, 3, {2, 2}, constant);
            const Value w = Constant(given, "w", Role::kModelOwner, 3, {1, 2}, constant);
            const Value z = MatrixProduct(builder, x, w, form);
            Reveal(builder, "z", ElementProduct(builder, Reshare(builder, z), w, form));
            Reveal(builder, "s", SumOfSquares(builder, x, form));
          },
          deployment);
    }
  }
}

TEST_CASE("Views: a whole step, top bits and all", "[mpc][views]") {
  for (const Deployment deployment : {Deployment::kFourProcess, Deployment::kSharedDealer}) {
    CheckViews(
        [](Case& given, int64_t constant) {
          Builder& builder = given.builder;
          const Value x = Constant(given, "x", Role::kDataOwner, 4, {}, constant);
          const Value w = Constant(given, "w", Role::kModelOwner, 4, {}, constant);
          const Value z = ElementProduct(builder, x, w);
          const TableId table =
              builder.AddTable("T", {2}, Tensor::Of(Ring(4), {1, 4}, {0, 1, 2, 3}), true);
          const Value y = LookupReplicated(builder, {TopBitsUnbiased(builder, z, 2)}, table,
                                           LookupForm::kReshare);
          Reveal(builder, "y", y);
        },
        deployment);
  }
}

TEST_CASE("The test of views sees what is not uniform", "[mpc][views]") {
  View view;
  std::vector<uint64_t> uniform, skewed;
  const Tensor random = RandomTensor(Ring(3), Shape{kSamples}, 1);
  for (int64_t i = 0; i < kSamples; ++i) {
    uniform.push_back(random.At(i));
    skewed.push_back(i % 8 == 0 ? 0 : random.At(i));
  }
  AddSymbols(view, "uniform", 3, kSamples, kSamples, 0, uniform);
  CHECK(LargestDeviation(view, true).largest < kLargestDeviation);
  // A mask used twice: each time uniform, but together they are not.
  std::vector<uint64_t> again = uniform;
  for (uint64_t& value : again) value = (value + 3) % 8;
  AddSymbols(view, "again", 3, kSamples, kSamples, 0, again);
  CHECK(LargestDeviation(view, false).largest < kLargestDeviation);
  CHECK(LargestDeviation(view, true).largest > kLargestDeviation);
  View other;
  AddSymbols(other, "skewed", 3, kSamples, kSamples, 0, skewed);
  CHECK(LargestDeviation(other, false).largest > kLargestDeviation);
}

}  // namespace
}  // namespace lutra
