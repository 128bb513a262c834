// A user's own protocols are dealt, run, priced and checked like those of the tree.
#include <catch2/catch.hpp>

#include "mpc/protocols/local.h"
#include "mpc/protocols/product.h"
#include "mpc/protocols/reshare.h"
#include "mpc/protocols/reveal.h"
#include "tests/support/beaver.h"
#include "tests/support/dealt.h"
#include "tests/support/run_program.h"

namespace lutra {
namespace {

TEST_CASE("An own multiplication runs, and costs what it says", "[mpc][own]") {
  for (const int bits : {1, 5, 8, 13, 16, 27, 32, 50, 64}) {
    for (const Shape& shape : {Shape{}, Shape{3, 3}, Shape{1001}}) {
      Case given;
      REQUIRE(given.registry.Register(std::make_unique<Beaver>()).ok());
      Builder& b = given.builder;
      const Value x = given.Random("x", Role::kDataOwner, Ring(bits), shape, 1);
      const Value w = given.Random("w", Role::kModelOwner, Ring(bits), shape, 2);
      const Value z = b.AddOne("beaver", {ToAdditive(b, x), ToAdditive(b, w)});
      Reveal(b, "z", z);
      const Outcome outcome = RunCase(given, 3, 1 + bits % 3);
      CheckElements(outcome.revealed.at("z"), Ring(bits), shape, [&](int64_t i) {
        return given.data.at("x").At(i) * given.model.at("w").At(i);
      });
      CHECK(outcome.rounds == 3);
      CHECK(BitsOf(outcome, "beaver", Phase::kOnline, Role::kP1, Role::kP2) ==
            2 * bits * shape.elements());
    }
  }
}

TEST_CASE("What is dealt for it is the product of the masks", "[mpc][own]") {
  for (const int bits : {3, 8, 21, 64}) {
    Case given;
    REQUIRE(given.registry.Register(std::make_unique<Beaver>()).ok());
    const Value x =
        ToAdditive(given.builder, given.Random("x", Role::kDataOwner, Ring(bits), Shape{77}, 1));
    given.builder.AddOne("beaver", {x, x});
    const StatusOr<BuiltProgram> built = std::move(given.builder).Build();
    REQUIRE(built.ok());
    ThreadPool pool(1);
    const Dealt dealt(*built, pool, 5);
    const Node& node = built->program.nodes().back();
    const auto mask = [&](size_t field, int64_t i) {
      return dealt.fields(node, Role::kP1).Uniform(field, Shape{77}).At(i) +
             dealt.fields(node, Role::kP2).Uniform(field, Shape{77}).At(i);
    };
    const std::vector<uint64_t> c = dealt.Additive(node, 2, 0);
    int64_t wrong = 0;
    for (int64_t i = 0; i < 77; ++i) {
      wrong += c[static_cast<size_t>(i)] == Ring(bits).Reduce(mask(0, i) * mask(1, i)) ? 0 : 1;
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("An own conversion with a dealt replicated mask, used by what follows", "[mpc][own]") {
  for (const int bits : {1, 7, 16, 33, 64}) {
    Case given;
    REQUIRE(given.registry.Register(std::make_unique<Convert>()).ok());
    Builder& b = given.builder;
    const Value x = given.Random("x", Role::kDataOwner, Ring(bits), Shape{9}, 1);
    const Value y = b.AddOne("convert", {ToAdditive(b, x)});
    CHECK(!b.type(y).masks_known);
    // P0 has to walk it: the product needs its components.
    const Value z = ElementProduct(b, AddConstants(b, y, {3}), x);
    Reveal(b, "z", z);
    const Outcome outcome = RunCase(given);
    CheckElements(outcome.revealed.at("z"), Ring(bits), Shape{9}, [&](int64_t i) {
      return (given.data.at("x").At(i) + 3) * given.data.at("x").At(i);
    });
  }
}

// Sends what it must not: to the dealer, or to P0 online.
class Chatty final : public Protocol {
 public:
  explicit Chatty(Role to) : to_(to) {}
  std::string_view name() const override { return "chatty"; }
  StatusOr<Signature> Check(const NodeDescription& node) const override {
    Signature signature;
    signature.outputs = {node.inputs[0]};
    signature.has_round = true;
    return signature;
  }
  Cost ClosedForm(const Node&) const override {
    Cost cost;
    cost.Add(Phase::kOnline, Role::kP1, to_, 8);
    cost.rounds = 1;
    return cost;
  }
  void Ideal(ClearView& view) const override { view.outputs[0] = view.inputs[0]->Clone(); }

 private:
  Role to_;
};

TEST_CASE("No node may send to the dealer, nor to P0 where it is the dealer's neighbour",
          "[mpc][own]") {
  const auto error_of = [](Role to, Deployment deployment) {
    Case given(deployment);
    REQUIRE(given.registry.Register(std::make_unique<Chatty>(to)).ok());
    given.builder.AddOne("chatty", {given.Random("x", Role::kDataOwner, Ring(8), Shape{1}, 1)});
    const StatusOr<BuiltProgram> built = std::move(given.builder).Build();
    return built.ok() ? std::string("none") : OneLine(built.status());
  };
  CHECK(error_of(Role::kP0, Deployment::kFourProcess) == "none");
  CHECK_THAT(
      error_of(Role::kP0, Deployment::kSharedDealer),
      Catch::Contains("node 1 (, chatty): deployment shared-dealer: expected no message to p0"));
  CHECK_THAT(error_of(Role::kDealer, Deployment::kFourProcess),
             Catch::Contains("node 1 (, chatty)") && Catch::Contains("to dealer"));
}

}  // namespace
}  // namespace lutra
