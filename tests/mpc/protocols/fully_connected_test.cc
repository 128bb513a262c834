// The step of the table in protocols.md: "fully connected, keep top bits, table, replicated".
#include <catch2/catch.hpp>

#include "mpc/protocols/lookup.h"
#include "mpc/protocols/product.h"
#include "mpc/protocols/reveal.h"
#include "mpc/protocols/top_bits.h"
#include "tests/support/run_program.h"

namespace lutra {
namespace {

TEST_CASE("A fully connected step takes the rounds and bits of its table", "[mpc][product]") {
  Case given;
  Builder& builder = given.builder;
  const Value x = given.Random("x", Role::kDataOwner, Ring(16), Shape{6, 40}, 1);
  const Value w = given.Random("w", Role::kModelOwner, Ring(16), Shape{10, 40}, 2);
  const Value z = MatrixProduct(builder, x, w, LinearForm::kMasked);
  const TableId table =
      builder.AddTable("square", {4}, RandomTensor(Ring(16), Shape{1, 16}, 3), true);
  const Value y =
      LookupReplicated(builder, {TopBitsUnbiased(builder, z, 4)}, table, LookupForm::kReshare);
  Reveal(builder, "y", y);
  const Outcome outcome = RunCase(given);
  CHECK(outcome.rounds == 4);  // input, two of the step, reveal
}

}  // namespace
}  // namespace lutra
