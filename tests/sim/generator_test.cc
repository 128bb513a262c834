// The dealer's walk: what it reports, and that the tape depends on keys alone.
#include "dealer/generator.h"

#include <catch2/catch.hpp>
#include <cstring>

#include "mpc/protocols/local.h"
#include "mpc/protocols/lookup.h"
#include "mpc/protocols/reveal.h"
#include "tests/support/run_program.h"

namespace lutra {
namespace {

struct Built {
  explicit Built(int64_t elements, Ring ring = Ring(3)) {
    Builder& b = given.builder;
    const Value x = given.Random("x", Role::kDataOwner, Ring(3), Shape{elements}, 1);
    const TableId table = b.AddTable("T", {3}, RandomTensor(ring, Shape{1, 8}, 3), true);
    for (int i = 0; i < 3; ++i) Lookup(b, {x}, table);
    LookupReplicated(b, {x}, table, LookupForm::kDirect);
    StatusOr<BuiltProgram> made = std::move(given.builder).Build();
    REQUIRE(made.ok());
    built.emplace(*std::move(made));
  }
  KeyRing keys() const {
    return KeyRing::ForTape(LongTermKeysFromSeed(1).For(Role::kDealer), built->program.digest(),
                            Identifier{});
  }
  Case given;
  std::optional<BuiltProgram> built;
};

TEST_CASE("What the dealer reports is what it wrote", "[sim][generator]") {
  for (const int64_t elements : {1, 2, 7}) {
    const Built built(elements);
    const TapeLayout layout(built.built->program);
    ThreadPool pool(1);
    Tape tape;
    Transcript transcript;
    Deal(built.built->program, layout, built.built->tables, built.keys(), tape, pool, &transcript);
    int64_t p1 = 0, p2 = 0;
    for (const Transcript::Part& part : transcript.parts) {
      CHECK(part.from == Role::kDealer);
      CHECK(part.phase == Phase::kDeal);
      CHECK(part.bits == layout.bits(part.to, part.node->id));
      (part.to == Role::kP1 ? p1 : p2) += (part.bits + 7) / 8;
    }
    CHECK(p1 == layout.bytes(Role::kP1));
    CHECK(p2 == layout.bytes(Role::kP2));
    REQUIRE(transcript.messages.size() == 2);
    for (const Transcript::Message& message : transcript.messages) {
      const auto stream = tape.to(message.to).bytes();
      CHECK(
          std::equal(stream.begin(), stream.end(), message.payload.begin(), message.payload.end()));
    }
  }
}

TEST_CASE("A tape is the same to the byte, in whatever memory and by however many threads",
          "[sim][generator]") {
  const Built large(70001, Ring(7));
  const Built small(7);
  ThreadPool one(1), three(3);
  const auto deal = [](const Built& built, Tape& tape, ThreadPool& pool) {
    const TapeLayout layout(built.built->program);
    Deal(built.built->program, layout, built.built->tables, built.keys(), tape, pool, nullptr);
  };
  Tape fresh, used, threaded;
  deal(small, fresh, one);
  deal(large, used, one);
  deal(large, threaded, three);
  for (const Role party : {Role::kP1, Role::kP2}) {
    const auto a = used.to(party).bytes();
    const auto b = threaded.to(party).bytes();
    CHECK(std::equal(a.begin(), a.end(), b.begin(), b.end()));
    // Bits between the parts are zero even where something else was.
    std::memset(used.to(party).bytes().data(), 0xff, used.to(party).bytes().size());
  }
  deal(small, used, three);
  for (const Role party : {Role::kP1, Role::kP2}) {
    const auto a = fresh.to(party).bytes();
    const auto b = used.to(party).bytes();
    CHECK(std::equal(a.begin(), a.end(), b.begin(), b.end()));
  }
}

}  // namespace
}  // namespace lutra
