#include "mpc/protocols/reshare.h"

#include <catch2/catch.hpp>

#include "mpc/protocols/local.h"
#include "mpc/protocols/reveal.h"
#include "tests/support/run_program.h"

namespace lutra {
namespace {

TEST_CASE("Resharing keeps the value, over every ring", "[mpc][reshare]") {
  for (int bits = 1; bits <= 64; ++bits) {
    for (const Shape& shape : {Shape{}, Shape{5, 1, 3}}) {
      Case given;
      const Value x = given.Random("x", Role::kDataOwner, Ring(bits), shape, 1);
      const Value y = Reshare(given.builder, ToAdditive(given.builder, x));
      CHECK(given.builder.type(y).masks_known);
      Reveal(given.builder, "y", y);
      const Outcome outcome = RunCase(given, static_cast<uint64_t>(bits), 1 + bits % 2);
      CHECK(outcome.revealed.at("y") == given.data.at("x"));
      CHECK(outcome.rounds == 3);
      const int64_t expected = shape.elements() * bits;
      CHECK(BitsOf(outcome, "reshare", Phase::kOnline, Role::kP1, Role::kP2) == expected);
      CHECK(BitsOf(outcome, "reshare", Phase::kOnline, Role::kP2, Role::kP1) == expected);
    }
  }
}

TEST_CASE("Resharing takes an additive value only", "[mpc][reshare]") {
  Case given;
  const Value x = given.Random("x", Role::kDataOwner, Ring(4), Shape{2}, 1);
  Reshare(given.builder, x);
  const StatusOr<BuiltProgram> built = std::move(given.builder).Build();
  REQUIRE(!built.ok());
  CHECK_THAT(OneLine(built.status()), Catch::Contains("node 1 (, reshare): input 0"));
}

}  // namespace
}  // namespace lutra
