// The clear twin: exact and replayed, and how long it keeps its values.
#include "sim/twin.h"

#include <catch2/catch.hpp>

#include "mpc/protocols/local.h"
#include "mpc/protocols/lookup.h"
#include "mpc/protocols/product.h"
#include "mpc/protocols/reshare.h"
#include "mpc/protocols/reveal.h"
#include "mpc/protocols/top_bits.h"
#include "tests/support/run_program.h"

namespace lutra {
namespace {

TEST_CASE("The exact twin computes the program in clear", "[sim][twin]") {
  Case given;
  Builder& b = given.builder;
  const Value x = given.Given("x", Role::kDataOwner, Tensor::Of(Ring(8), Shape{3}, {10, 200, 255}));
  const Value w = given.Given("w", Role::kModelOwner, Tensor::Of(Ring(8), Shape{3}, {3, 1, 2}));
  Reveal(b, "product", ElementProduct(b, x, w));
  Reveal(b, "top", TopBitsUnbiased(b, x, 4));
  const TableId table =
      b.AddTable("T", {2}, Tensor::Of(Ring(5), Shape{1, 4}, {7, 11, 13, 17}), true);
  Reveal(b, "lookup", Lookup(b, {KeepLowBits(b, x, 2)}, table));
  const Outcome outcome = RunCase(given);
  CHECK(outcome.exact.at("product") == Tensor::Of(Ring(8), Shape{3}, {30, 200, 254}));
  CHECK(outcome.exact.at("top") == Tensor::Of(Ring(4), Shape{3}, {0, 12, 15}));
  CHECK(outcome.exact.at("lookup") == Tensor::Of(Ring(5), Shape{3}, {13, 7, 17}));
  CHECK(outcome.revealed.at("product") == outcome.exact.at("product"));
  CHECK(outcome.revealed.at("lookup") == outcome.exact.at("lookup"));
}

TEST_CASE("A replayed coin takes one away", "[sim][twin]") {
  Case given;
  const Value x = given.Given("x", Role::kDataOwner, Tensor::Of(Ring(8), Shape{3}, {16, 17, 0}));
  TopBits(given.builder, x, 4, 15);
  const StatusOr<BuiltProgram> built = std::move(given.builder).Build();
  REQUIRE(built.ok());
  ThreadPool pool(1);
  Twin twin(built->program, built->tables, pool);
  const Tensor coins = Tensor::Of(Ring(1), Shape{3}, {0, 1, 1});
  for (const Node& node : built->program.nodes()) {
    twin.Run(node, given.data, node.spec.protocol == "top_bits" ? &coins : nullptr);
  }
  // floor((z + 15) / 16) - c; the last wraps.
  CHECK(twin.value(built->program.nodes().back().outputs[0]) ==
        Tensor::Of(Ring(4), Shape{3}, {1, 1, 15}));
}

TEST_CASE("A value lives until its last level, whatever the order of nodes", "[sim][twin]") {
  Case given;
  Builder& b = given.builder;
  const Value x = given.Random("x", Role::kDataOwner, Ring(8), Shape{3}, 1);
  const Value once = Reshare(b, ToAdditive(b, x));
  Value deep = once;
  for (int i = 0; i < 3; ++i) deep = Reshare(b, ToAdditive(b, deep));
  // Uses `once` at level 5, and is described before a node that uses it at level 2.
  Reveal(b, "late", Add(b, deep, once));
  Reveal(b, "early", Scale(b, once, {3}));
  const Outcome outcome = RunCase(given);
  CheckElements(outcome.revealed.at("late"), Ring(8), Shape{3},
                [&](int64_t i) { return 2 * given.data.at("x").At(i); });
  ThreadPool pool(1);
  Twin twin(outcome.program(), outcome.built->tables, pool);
  for (const Node& node : outcome.program().nodes()) twin.Run(node, given.data, nullptr);
  twin.Release(2);
  CHECK(!twin.value(once.wire).empty());
  CHECK(twin.value(x.wire).empty());
  twin.Release(5);
  CHECK(twin.value(once.wire).empty());
}

}  // namespace
}  // namespace lutra
