// Keep top bits: its ideal forms, its rounding coin by enumeration, and rings up to 64 bits.
#include "mpc/protocols/top_bits.h"

#include <catch2/catch.hpp>

#include "mpc/protocols/local.h"
#include "mpc/protocols/reveal.h"
#include "tests/support/run_program.h"

namespace lutra {
namespace {

constexpr int kFrom[] = {2, 3, 7, 8, 9, 16, 17, 31, 32, 33, 63, 64};

TEST_CASE("The top bits are off by a coin and never by more", "[mpc][top_bits]") {
  for (const int from : kFrom) {
    for (const int to : {1, from / 2, from - 1}) {
      if (to < 1) continue;
      const uint64_t q = uint64_t{1} << (from - to);
      for (const uint64_t a : {uint64_t{0}, q / 2, q - 1}) {
        Case given;
        const Value z = given.Random("z", Role::kDataOwner, Ring(from), Shape{3, 11}, 1);
        const Value y = TopBits(given.builder, z, to, static_cast<int64_t>(a));
        CHECK(given.builder.ring(y) == Ring(to));
        Reveal(given.builder, "y", y);
        const Outcome outcome = RunCase(given, a + 1);
        const Tensor& in = given.data.at("z");
        const Tensor& out = outcome.revealed.at("y");
        CHECK(outcome.rounds == 2);
        int64_t wrong = 0;
        for (int64_t i = 0; i < in.elements(); ++i) {
          // Modulo 2^from, as the accumulator wraps.
          const uint64_t floor = Ring(from).Reduce(in.At(i) + a) / q;
          const uint64_t coin = Ring(to).Reduce(floor - out.At(i));
          wrong += coin <= 1 ? 0 : 1;
        }
        CHECK(wrong == 0);
        CheckElements(outcome.exact.at("y"), Ring(to), in.shape(),
                      [&](int64_t i) { return in.At(i) / q; });
      }
    }
  }
}

// Top bits of one element shared as (z - z2, z2), by the protocol's own face.
struct OneElement {
  OneElement(int from, int to, int64_t a) : pool(1) {
    Case given;
    const Value z = given.Random("z", Role::kDataOwner, Ring(from), Shape{}, 1);
    TopBits(given.builder, z, to, a);
    StatusOr<BuiltProgram> made = std::move(given.builder).Build();
    REQUIRE(made.ok());
    built.emplace(*std::move(made));
    registry = std::make_unique<Registry>(std::move(given.registry));
  }

  const Node& node() const { return built->program.nodes().back(); }

  Tensor Share(Role role, const Tensor& z) {
    lutra::Share input;
    input.parts[0] = z.Clone();
    lutra::Share output;
    const KeyRing keys;
    const Fields fields(node(), role, keys, nullptr, {}, pool);
    Kept model, session;
    Outbox outbox(pool);
    Inbox inbox(pool);
    PartyView view{node(), role, pool, fields, {&input}, {&output}, model, session, outbox, inbox};
    node().protocol->Before(view);
    return std::move(output.parts[0]);
  }

  uint64_t Coin(const Tensor& z1, const Tensor& z2) {
    lutra::Share p1, p2;
    p1.parts[0] = z1.Clone();
    p2.parts[0] = z2.Clone();
    return node().protocol->ReadCoins(node(), p1, p2).At(0);
  }

  ThreadPool pool;
  std::optional<BuiltProgram> built;
  std::unique_ptr<Registry> registry;
};

TEST_CASE("The coin's probability is exact, by enumeration of all shares", "[mpc][top_bits]") {
  for (const auto& [from, to] : std::vector<std::pair<int, int>>{{4, 2}, {5, 1}, {6, 5}, {2, 1}}) {
    const uint64_t q = uint64_t{1} << (from - to);
    const uint64_t modulus = uint64_t{1} << from;
    for (const uint64_t a : {uint64_t{0}, q / 2 - 1, q - 1}) {
      if (a >= q) continue;
      OneElement one(from, to, static_cast<int64_t>(a));
      int64_t error_sum = 0;  // of the rounded values, in units of 1 / q, over all z and shares
      for (uint64_t z = 0; z < modulus; ++z) {
        uint64_t zeros = 0;
        for (uint64_t z2 = 0; z2 < modulus; ++z2) {
          const Tensor first = Tensor::Of(Ring(from), Shape{}, {static_cast<int64_t>(z - z2)});
          const Tensor second = Tensor::Of(Ring(from), Shape{}, {static_cast<int64_t>(z2)});
          const uint64_t coin = one.Coin(first, second);
          zeros += coin == 0 ? 1 : 0;
          const uint64_t sum =
              one.Share(Role::kP1, first).At(0) + one.Share(Role::kP2, second).At(0);
          const uint64_t expected = Ring(from).Reduce(z + a) / q - coin;
          if (Ring(to).Reduce(sum) != Ring(to).Reduce(expected)) FAIL("share of a wrong value");
          error_sum += static_cast<int64_t>((z + a) / q - coin) * static_cast<int64_t>(q) -
                       static_cast<int64_t>(z);
        }
        // Pr[c = 0] = (((z + a) mod q) + 1) / q.
        CHECK(zeros * q == (((z + a) % q) + 1) * modulus);
      }
      if (a == q - 1) CHECK(error_sum == 0);
    }
  }
}

TEST_CASE("Rounding with a = q - 1 is unbiased for every value", "[mpc][top_bits]") {
  OneElement one(6, 3, 7);
  for (int64_t z = 0; z < 64; ++z) {
    int64_t total = 0;
    for (int64_t z2 = 0; z2 < 64; ++z2) {
      const uint64_t coin =
          one.Coin(Tensor::Of(Ring(6), Shape{}, {z - z2}), Tensor::Of(Ring(6), Shape{}, {z2}));
      total += (z + 7) / 8 - static_cast<int64_t>(coin);
    }
    CHECK(total * 8 == z * 64);
  }
}

TEST_CASE("The two usual roundings", "[mpc][top_bits]") {
  for (const int from : {2, 9, 64}) {
    Case given;
    const Value z = given.Random("z", Role::kDataOwner, Ring(from), Shape{2}, 1);
    TopBitsUnbiased(given.builder, z, 1);
    TopBitsCentred(given.builder, z, 1);
    const StatusOr<BuiltProgram> built = std::move(given.builder).Build();
    REQUIRE(built.ok());
    const uint64_t q = uint64_t{1} << (from - 1);
    const std::vector<Node>& nodes = built->program.nodes();
    const auto a_of = [](const Node& node) {
      return static_cast<uint64_t>(node.spec.attributes.integer("a"));
    };
    CHECK(a_of(nodes.at(2)) == q - 1);
    CHECK(a_of(nodes.at(4)) == q / 2 - 1);
  }
}

TEST_CASE("Top bits of a value of the model are taken once", "[mpc][top_bits]") {
  Case given;
  const Value w = given.Random("w", Role::kModelOwner, Ring(16), Shape{9}, 1);
  const Value y = TopBitsUnbiased(given.builder, w, 5);
  CHECK(given.builder.type(y).lifetime == Lifetime::kModel);
  Reveal(given.builder, "y", y);
  RunCase(given);
}

TEST_CASE("Top bits refuse what is not there", "[mpc][top_bits]") {
  const auto error_of = [](int from, int to, int64_t a) {
    Case given;
    const Value z = given.Random("z", Role::kDataOwner, Ring(from), Shape{2}, 1);
    TopBits(given.builder, z, to, a);
    const StatusOr<BuiltProgram> built = std::move(given.builder).Build();
    return built.ok() ? std::string("none") : OneLine(built.status());
  };
  CHECK(error_of(8, 4, 15) == "none");
  CHECK_THAT(error_of(8, 4, 16), Catch::Contains("node 2 (, top_bits): attribute a"));
  CHECK_THAT(error_of(8, 4, -1), Catch::Contains("attribute a"));
  CHECK_THAT(error_of(8, 8, 0), Catch::Contains("attribute bits"));
  CHECK_THAT(error_of(8, 0, 0), Catch::Contains("attribute bits"));
  CHECK_THAT(error_of(1, 1, 0), Catch::Contains("attribute bits"));
}

}  // namespace
}  // namespace lutra
