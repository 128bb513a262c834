// Input and reveal: over every ring, in odd shapes, of both owners.
#include "mpc/protocols/input.h"

#include <catch2/catch.hpp>

#include "mpc/protocols/local.h"
#include "mpc/protocols/reveal.h"
#include "tests/support/run_program.h"

namespace lutra {
namespace {

TEST_CASE("What goes in comes out, over every ring", "[mpc][input][reveal]") {
  const std::vector<Shape> shapes = {Shape{}, Shape{1}, Shape{7}, Shape{3, 5}, Shape{2, 1, 3, 1}};
  for (int bits = 1; bits <= 64; ++bits) {
    const Shape& shape = shapes[static_cast<size_t>(bits) % shapes.size()];
    Case given;
    const Value x = given.Random("x", Role::kDataOwner, Ring(bits), shape, 1);
    const Value w = given.Random("w", Role::kModelOwner, Ring(bits), shape, 2);
    Reveal(given.builder, "x", x);
    Reveal(given.builder, "w", ToAdditive(given.builder, w));
    const Outcome outcome = RunCase(given, 1, 1 + bits % 3);
    CHECK(outcome.revealed.at("x") == given.data.at("x"));
    CHECK(outcome.revealed.at("w") == given.model.at("w"));
    CHECK(outcome.exact.at("x") == given.data.at("x"));
    CHECK(outcome.rounds == 2);
  }
}

TEST_CASE("Input and reveal cost l bits an element on each of two links", "[mpc][input][reveal]") {
  Case given;
  Reveal(given.builder, "x", given.Random("x", Role::kDataOwner, Ring(5), Shape{3, 3}, 1));
  Reveal(given.builder, "w", given.Random("w", Role::kModelOwner, Ring(7), Shape{9}, 1));
  const Outcome outcome = RunCase(given);
  for (const Role party : {Role::kP1, Role::kP2}) {
    CHECK(BitsOf(outcome, "input", Phase::kOnline, Role::kDataOwner, party) == 45);
    CHECK(BitsOf(outcome, "input", Phase::kModel, Role::kModelOwner, party) == 63);
    CHECK(BitsOf(outcome, "reveal", Phase::kOnline, party, Role::kDataOwner) == 45 + 63);
  }
  const auto links = outcome.ledger.links();
  CHECK(links.size() == 6);
  CHECK(links.at({Phase::kOnline, Role::kDataOwner, Role::kP1}) == Ledger::Traffic{6, 1});
  // Each node's part starts on a byte. The value of the model is revealed in the first round.
  CHECK(links.at({Phase::kOnline, Role::kP2, Role::kDataOwner}) == Ledger::Traffic{6 + 8, 2});
}

TEST_CASE("The components of an input are its masks and the rest", "[mpc][input]") {
  Case given;
  const Value x = given.Random("x", Role::kDataOwner, Ring(12), Shape{33}, 1);
  Reveal(given.builder, "x", x);
  int seen = 0;
  const Outcome outcome =
      RunCase(given, 5, 1, [&](const Simulation& simulation, const Program&, int level) {
        if (level > 0) return;
        ++seen;
        const Share& p1 = simulation.value(Role::kP1, x.wire);
        const Share& p2 = simulation.value(Role::kP2, x.wire);
        CHECK(Component(p1, Role::kP1, 2) == Component(p2, Role::kP2, 2));
        CHECK(!(Component(p1, Role::kP1, 1) == Component(p2, Role::kP2, 0)));
        const StatusOr<Tensor> sum = simulation.Reconstruct(x.wire);
        REQUIRE(sum.ok());
        CHECK(*sum == given.data.at("x"));
      });
  CHECK(seen == 1);
}

TEST_CASE("Input and reveal refuse what is not one", "[mpc][input][reveal]") {
  const auto error_of = [](const auto& describe) {
    Case given;
    describe(given.builder);
    const StatusOr<BuiltProgram> built = std::move(given.builder).Build();
    return built.ok() ? std::string("none") : OneLine(built.status());
  };
  const auto input = [](std::string_view owner, int64_t bits, std::vector<int64_t> shape) {
    return Attributes()
        .SetText("name", "x")
        .SetText("owner", owner)
        .SetInteger("bits", bits)
        .SetList("shape", std::move(shape));
  };
  const auto add_input = [&](Attributes attributes) {
    return error_of([&](Builder& builder) { builder.AddOne("input", {}, attributes); });
  };
  CHECK(add_input(input("data-owner", 3, {2})) == "none");
  CHECK_THAT(add_input(input("p1", 3, {2})), Catch::Contains("node 0 (, input): attribute owner"));
  CHECK_THAT(add_input(input("data-owner", 0, {2})), Catch::Contains("attribute bits"));
  CHECK_THAT(add_input(input("data-owner", 65, {2})), Catch::Contains("attribute bits"));
  CHECK_THAT(add_input(input("data-owner", 3, {-1})), Catch::Contains("shape"));
  CHECK_THAT(add_input(input("data-owner", 3, {4, 0})), Catch::Contains("at least one element"));
  CHECK_THAT(add_input(input("data-owner", 3, {int64_t{1} << 50})), Catch::Contains("shape"));
  CHECK_THAT(add_input(input("data-owner", 3, {2}).SetInteger("more", 1)),
             Catch::Contains("attribute more: unknown"));
  CHECK_THAT(add_input(Attributes().SetText("name", "x")), Catch::Contains("owner: missing"));
  CHECK_THAT(error_of([&](Builder& builder) {
               const Value x = Input(builder, "x", Role::kDataOwner, Ring(3), Shape{2});
               builder.AddOne("reveal", {x}, Attributes().SetText("name", "y"));
             }),
             Catch::Contains("expected sharing additive, found replicated Z_2^3 [2]"));
  CHECK_THAT(error_of([&](Builder& builder) {
               const Value x = Input(builder, "x", Role::kDataOwner, Ring(3), Shape{2});
               const Value y = builder.AddOne("reveal", {ToAdditive(builder, x)},
                                              Attributes().SetText("name", "y"));
               Add(builder, y, y);
             }),
             Catch::Contains("found revealed"));
}

}  // namespace
}  // namespace lutra
