// Who holds which key, and that no two tapes, models or nodes ever share a stream.
#include "mpc/keys.h"

#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "mpc/correlation.h"
#include "tests/support/run_program.h"

namespace lutra {
namespace {

KeyName KeyAt(size_t key) { return static_cast<KeyName>(key); }

TEST_CASE("Roles hold their keys and no others", "[mpc][keys]") {
  const std::map<KeyName, std::set<Role>> holders = {
      {KeyName::kK0, {Role::kP0, Role::kP2}},
      {KeyName::kK1, {Role::kP0, Role::kP1}},
      {KeyName::kK2, {Role::kP1, Role::kP2}},
      {KeyName::kD1, {Role::kDealer, Role::kP1}},
      {KeyName::kD2, {Role::kDealer, Role::kP2}},
      {KeyName::kG0, {Role::kDealer, Role::kP0, Role::kP2}},
      {KeyName::kG1, {Role::kDealer, Role::kP0, Role::kP1}},
      {KeyName::kModel0, {Role::kModelOwner, Role::kP0, Role::kP2}},
      {KeyName::kModel1, {Role::kModelOwner, Role::kP0, Role::kP1}},
      {KeyName::kData0, {Role::kDataOwner, Role::kP0, Role::kP2}},
      {KeyName::kData1, {Role::kDataOwner, Role::kP0, Role::kP1}},
  };
  REQUIRE(holders.size() == kKeyCount);
  const LongTermKeys all = LongTermKeysFromSeed(1);
  std::set<std::string_view> names;
  for (size_t key = 0; key < kKeyCount; ++key) {
    names.insert(Name(KeyAt(key)));
    for (const Role role : kRoles) {
      const bool holds = holders.at(KeyAt(key)).count(role) > 0;
      CHECK(Holds(role, KeyAt(key)) == holds);
      CHECK(all.For(role).keys[key].has_value() == holds);
    }
  }
  CHECK(names.size() == kKeyCount);
}

TEST_CASE("Rings of a tape and of a model hold what they are for", "[mpc][keys]") {
  const LongTermKeys keys = LongTermKeysFromSeed(1).For(Role::kP1);
  const KeyRing tape = KeyRing::ForTape(keys, Digest{}, Identifier{});
  const KeyRing model = KeyRing::ForModel(keys, Identifier{});
  CHECK(tape.has(KeyName::kK1));
  CHECK(tape.has(KeyName::kD1));
  CHECK(tape.has(KeyName::kData1));
  CHECK(!tape.has(KeyName::kK0));
  CHECK(!tape.has(KeyName::kD2));
  CHECK(!tape.has(KeyName::kModel1));
  CHECK(model.has(KeyName::kModel1));
  CHECK(!model.has(KeyName::kModel0));
  CHECK(!model.has(KeyName::kK1));
}

TEST_CASE("Streams differ by key, program, tape, node and field", "[mpc][keys]") {
  const LongTermKeys keys = LongTermKeysFromSeed(1);
  std::set<std::vector<uint64_t>> seen;
  size_t streams = 0;
  const auto take = [&](const Prg& prg, Stream stream) {
    std::vector<uint64_t> words(2);
    prg.Expand<uint64_t>(stream, Ring(64), 0, words);
    seen.insert(words);
    ++streams;
  };
  for (const uint8_t program : {uint8_t{0}, uint8_t{1}}) {
    for (const uint8_t tape : {uint8_t{0}, uint8_t{1}}) {
      Digest digest;
      digest.bytes[31] = program;
      Identifier id;
      id.bytes[15] = tape;
      const KeyRing ring = KeyRing::ForTape(keys, digest, id);
      for (size_t key = 0; key < kKeyCount; ++key) {
        if (!ring.has(KeyAt(key))) continue;
        for (const Stream stream : {Stream{0, 0}, Stream{0, 1}, Stream{1, 0}}) {
          take(ring.prg(KeyAt(key)), stream);
        }
      }
    }
  }
  for (const uint8_t model : {uint8_t{0}, uint8_t{1}}) {
    Identifier id;
    id.bytes[0] = model;
    take(KeyRing::ForModel(keys, id).prg(KeyName::kModel0), {});
    take(KeyRing::ForModel(keys, id).prg(KeyName::kModel1), {});
  }
  CHECK(streams == 4 * 9 * 3 + 4);
  CHECK(seen.size() == streams);
}

TEST_CASE("Keys and identifiers of the system are fresh, those of a seed are not", "[mpc][keys]") {
  const StatusOr<LongTermKeys> a = RandomLongTermKeys();
  const StatusOr<LongTermKeys> b = RandomLongTermKeys();
  REQUIRE(a.ok());
  REQUIRE(b.ok());
  std::set<Key> keys;
  for (size_t key = 0; key < kKeyCount; ++key) {
    keys.insert(*a->keys[key]);
    keys.insert(*b->keys[key]);
    keys.insert(*LongTermKeysFromSeed(7).keys[key]);
    CHECK(*LongTermKeysFromSeed(7).keys[key] == *LongTermKeysFromSeed(7).keys[key]);
    CHECK(*LongTermKeysFromSeed(7).keys[key] != *LongTermKeysFromSeed(8).keys[key]);
  }
  CHECK(keys.size() == 3 * kKeyCount);
  const StatusOr<Identifier> id = RandomIdentifier();
  REQUIRE(id.ok());
  CHECK(id->Hex().size() == 32);
  CHECK(*id != *RandomIdentifier());
}

TEST_CASE("Halves cover every element once", "[mpc][keys]") {
  for (const int64_t elements : {0, 1, 2, 3, 10, 11}) {
    const ElementRange p2 = HalfOf(Role::kP2, elements);
    const ElementRange p1 = HalfOf(Role::kP1, elements);
    CHECK(p2.begin == 0);
    CHECK(p2.end == p1.begin);
    CHECK(p1.end == elements);
    CHECK(p2.size() - p1.size() == elements % 2);
    CHECK(HalfOf(Role::kP0, elements).size() == 0);
  }
}

TEST_CASE("A cost adds up by phase and link", "[mpc][cost]") {
  Cost cost;
  cost.AddExchange(Phase::kOnline, 5);
  cost.Add(Phase::kOnline, Role::kP1, Role::kP2, 7);
  cost.Add(Phase::kDeal, Role::kDealer, Role::kP1, 0);
  cost.AddHalves(Phase::kDeal, Role::kDealer, 1, 9);
  REQUIRE(cost.links.size() == 3);
  CHECK(cost.links[0].bits == 12);
  CHECK(cost.links[1].bits == 5);
  CHECK(cost.links[2].bits == 9);
  CHECK(cost.links[2].to == Role::kP2);
}

TEST_CASE("Identifiers of a seed are told apart by seed, purpose and number", "[mpc][keys]") {
  const Identifier first = IdentifierFromSeed(1, "tape id", 0);
  CHECK(IdentifierFromSeed(1, "tape id", 0) == first);
  CHECK(IdentifierFromSeed(2, "tape id", 0) != first);
  CHECK(IdentifierFromSeed(1, "model id", 0) != first);
  CHECK(IdentifierFromSeed(1, "tape id", 1) != first);
}

}  // namespace
}  // namespace lutra
