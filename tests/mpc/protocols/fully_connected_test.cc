// The step of the table in protocols.md: "fully connected, keep top bits, table, replicated", by
// hand-written numbers, in all forms.
#include <catch2/catch.hpp>

#include "mpc/protocols/lookup.h"
#include "mpc/protocols/product.h"
#include "mpc/protocols/reveal.h"
#include "mpc/protocols/top_bits.h"
#include "tests/support/run_program.h"

namespace lutra {
namespace {

struct Expected {
  LinearForm linear;
  LookupForm lookup;
  // Bits of an output element, both ways together.
  int64_t dealer;
  int64_t p0_offline;
  int64_t online;
  int rounds;
};

// k = 4, l = 16.
//  Direct lookups open the halves to P0 too: of the 16 bits of its opening, 8 go there.
constexpr Expected kTable[] = {
    {LinearForm::kReplicated, LookupForm::kReshare, 256, 0, 16 + 8 + 32, 3},
    {LinearForm::kReplicated, LookupForm::kDirect, 512, 0, 16 + 16, 2},
    {LinearForm::kMasked, LookupForm::kReshare, 256, 16, 8 + 32, 2},
    {LinearForm::kMasked, LookupForm::kDirect, 512, 16, 16, 1},
};

TEST_CASE("A fully connected step takes the rounds and bits of its table", "[mpc][product]") {
  constexpr int64_t kOutputs = 6 * 10;
  for (const Expected& expected : kTable) {
    for (const bool is_private : {true, false}) {
      Case given;
      Builder& builder = given.builder;
      const Value x = given.Random("x", Role::kDataOwner, Ring(16), Shape{6, 40}, 1);
      const Value w = given.Random("w", Role::kModelOwner, Ring(16), Shape{10, 40}, 2);
      const Value z = MatrixProduct(builder, x, w, expected.linear);
      const TableId table =
          builder.AddTable("square", {4}, RandomTensor(Ring(16), Shape{1, 16}, 3), is_private);
      const Value y =
          LookupReplicated(builder, {TopBitsUnbiased(builder, z, 4)}, table, expected.lookup);
      Reveal(builder, "y", y);
      const Outcome outcome = RunCase(given);
      CHECK(outcome.rounds == 1 + expected.rounds + 1);  // with input and reveal
      int64_t dealer = 0, p0_offline = 0, online = 0;
      for (const Transcript::Part& part : outcome.transcript.parts) {
        if (part.node->spec.protocol == "input" || part.node->spec.protocol == "reveal") continue;
        dealer += part.phase == Phase::kDeal ? part.bits : 0;
        p0_offline += part.phase == Phase::kPrepare ? part.bits : 0;
        online += part.phase == Phase::kOnline ? part.bits : 0;
      }
      CHECK(dealer == expected.dealer * kOutputs);
      CHECK(p0_offline == expected.p0_offline * kOutputs);
      CHECK(online == expected.online * kOutputs);
      const Cost cost = outcome.program().ClosedForm();
      CHECK(cost.rounds == outcome.rounds);
    }
  }
}

TEST_CASE("Halves: P1 and P2 receive the same, up to an element", "[mpc][product]") {
  for (const int64_t outputs : {1, 2, 7}) {
    Case given;
    Builder& builder = given.builder;
    const Value x = given.Random("x", Role::kDataOwner, Ring(16), Shape{1, 3}, 1);
    const Value w = given.Random("w", Role::kModelOwner, Ring(16), Shape{outputs, 3}, 2);
    const Value z = MatrixProduct(builder, x, w, LinearForm::kMasked);
    const TableId table = builder.AddTable("T", {4}, RandomTensor(Ring(16), Shape{1, 16}, 3), true);
    Reveal(builder, "y", Lookup(builder, {TopBitsUnbiased(builder, z, 4)}, table));
    const Outcome outcome = RunCase(given);
    const int64_t p2 = (outputs + 1) / 2;
    const int64_t p1 = outputs - p2;
    CHECK(BitsOf(outcome, "lookup", Phase::kDeal, Role::kDealer, Role::kP1) == 256 * p1);
    CHECK(BitsOf(outcome, "lookup", Phase::kDeal, Role::kDealer, Role::kP2) == 256 * p2);
    CHECK(BitsOf(outcome, "matrix_product", Phase::kPrepare, Role::kP0, Role::kP1) == 16 * p1);
    CHECK(BitsOf(outcome, "matrix_product", Phase::kPrepare, Role::kP0, Role::kP2) == 16 * p2);
  }
}

}  // namespace
}  // namespace lutra
