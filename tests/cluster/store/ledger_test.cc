// Ledgers as bytes, and several as one.
#include "mpc/ledger.h"

#include <random>

#include "mpc/protocols/local.h"
#include "mpc/protocols/lookup.h"
#include "mpc/protocols/reveal.h"
#include "tests/support/folder.h"
#include "tests/support/run_program.h"

namespace lutra {
namespace {

Ledger SomeLedger() {
  Case given;
  Builder& b = given.builder;
  const Value x = given.Random("x", Role::kDataOwner, Ring(3), Shape{20}, 1);
  const Value w = given.Random("w", Role::kModelOwner, Ring(3), Shape{20}, 2);
  const TableId table = b.AddTable("T", {3}, RandomTensor(Ring(3), Shape{1, 8}, 3), true);
  Reveal(b, "y", Lookup(b, {Add(b, x, w)}, table));
  return RunCase(given).ledger;
}

bool Same(const Ledger& a, const Ledger& b) {
  return a.bits() == b.bits() && a.traffic() == b.traffic() && a.seconds() == b.seconds();
}

TEST_CASE("A ledger comes back from its bytes", "[store][ledger]") {
  const Ledger ledger = SomeLedger();
  REQUIRE(ledger.bits().size() > 3);
  const StatusOr<Ledger> read = ReadLedger(WriteLedger(ledger), "here");
  INFO(OneLine(read.status()));
  REQUIRE(read.ok());
  CHECK(Same(*read, ledger));
  CHECK(Same(*ReadLedger(WriteLedger(Ledger()), "here"), Ledger()));
}

TEST_CASE("The parts that roles counted make the whole ledger", "[store][ledger]") {
  Case given;
  Builder& b = given.builder;
  const Value x = given.Random("x", Role::kDataOwner, Ring(3), Shape{20}, 1);
  const TableId table = b.AddTable("T", {3}, RandomTensor(Ring(3), Shape{1, 8}, 3), true);
  Reveal(b, "y", Lookup(b, {x}, table));
  const Outcome outcome = RunCase(given);
  // As each role counts it: what it sends.
  std::map<Role, Ledger> parts;
  for (const Transcript::Part& part : outcome.transcript.parts) {
    parts[part.from].OnPart(*part.node, part.phase, part.level, part.from, part.to, part.bits);
  }
  for (const Transcript::Message& sent : outcome.transcript.messages) {
    parts[sent.from].OnMessage(sent.phase, sent.level, sent.from, sent.to, sent.payload, false);
  }
  REQUIRE(parts.size() > 3);
  Ledger whole;
  for (const auto& [role, part] : parts) whole.Add(part);
  CHECK(whole.bits() == outcome.ledger.bits());
  CHECK(whole.traffic() == outcome.ledger.traffic());
  whole.Add(outcome.ledger);
  CHECK(whole.bytes(Phase::kOnline) == 2 * outcome.ledger.bytes(Phase::kOnline));
  CHECK(whole.seconds() == outcome.ledger.seconds());
}

TEST_CASE("Bytes of a ledger that lie are an error or a ledger", "[store][ledger]") {
  const std::vector<std::byte> bytes = WriteLedger(SomeLedger());
  for (size_t size = 0; size < bytes.size(); ++size) {
    if (ReadLedger(std::span(bytes).first(size), "here").ok()) FAIL("accepted at length " << size);
  }
  std::mt19937_64 random(1);
  int refused = 0;
  for (int round = 0; round < 3000; ++round) {
    std::vector<std::byte> bad = bytes;
    const size_t at = static_cast<size_t>(random()) % bad.size();
    for (size_t i = at; i < std::min(bad.size(), at + 4); ++i) bad[i] = std::byte{0xff};
    const StatusOr<Ledger> read = ReadLedger(bad, "here");
    refused += read.ok() ? 0 : 1;
    if (!read.ok()) {
      CHECK(Mentions(read.status(), "here"));
      continue;
    }
    for (const auto& [part, bits] : read->bits()) {
      CHECK(bits >= 0);
      CHECK(Index(part.from) < kRoles.size());
      CHECK(Index(part.to) < kRoles.size());
      CHECK(static_cast<size_t>(part.phase) < kPhases.size());
    }
  }
  CHECK(refused > 1000);
}

}  // namespace
}  // namespace lutra
