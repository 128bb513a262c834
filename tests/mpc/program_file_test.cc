// The program file: round trip, and whatever is wrong with it is an error, never a crash.
#include <catch2/catch.hpp>
#include <cstring>
#include <random>

#include "mpc/protocols/local.h"
#include "mpc/protocols/lookup.h"
#include "mpc/protocols/product.h"
#include "mpc/protocols/reveal.h"
#include "mpc/protocols/top_bits.h"
#include "tests/support/run_program.h"

namespace lutra {
namespace {

constexpr size_t kHeader = 8 + 4 + 32;

BuiltProgram SomeProgram(Deployment deployment = Deployment::kFourProcess) {
  Case given(deployment);
  Builder& b = given.builder;
  Builder::Scope scope(b, "layer");
  const Value x = given.Random("x", Role::kDataOwner, Ring(16), Shape{2, 3}, 1);
  const Value w = given.Random("w", Role::kModelOwner, Ring(16), Shape{4, 3}, 1);
  const TableId open = b.AddTable("open", {4}, RandomTensor(Ring(7), Shape{1, 16}, 1), false);
  const TableId secret = b.AddTable("secret", {4}, RandomTensor(Ring(9), Shape{4, 16}, 1), true);
  const std::vector<Value> y =
      LookupAll(b, {TopBitsUnbiased(b, MatrixProduct(b, x, w), 4)}, {open, secret});
  Reveal(b, "y", Sum(b, y[0], -1));
  StatusOr<BuiltProgram> built = std::move(given.builder).Build();
  REQUIRE(built.ok());
  return *std::move(built);
}

TEST_CASE("A program file holds the program", "[mpc][program]") {
  const Registry registry = Registry::WithBuiltins();
  for (const Deployment deployment : {Deployment::kFourProcess, Deployment::kSharedDealer}) {
    const BuiltProgram built = SomeProgram(deployment);
    const std::vector<std::byte> file = WriteProgram(built.program);
    const StatusOr<Program> read = ReadProgram(registry, file, "p");
    INFO(OneLine(read.status()));
    REQUIRE(read.ok());
    CHECK(read->digest() == built.program.digest());
    CHECK(read->deployment() == deployment);
    CHECK(WriteProgram(*read) == file);
    REQUIRE(read->nodes().size() == built.program.nodes().size());
    for (size_t i = 0; i < read->nodes().size(); ++i) {
      const Node& a = read->nodes()[i];
      const Node& b = built.program.nodes()[i];
      CHECK(a.ToString() == b.ToString());
      CHECK(a.level == b.level);
      CHECK(a.correlation.size() == b.correlation.size());
      for (size_t o = 0; o < a.output_types.size(); ++o) {
        CHECK(a.output_types[o].ToString() == b.output_types[o].ToString());
      }
    }
    CHECK(read->tables()[0].contents == built.program.tables()[0].contents);
    CHECK(read->tables()[1].contents.empty());
  }
}

TEST_CASE("A file cut short anywhere is an error", "[mpc][program]") {
  const Registry registry = Registry::WithBuiltins();
  const std::vector<std::byte> file = WriteProgram(SomeProgram().program);
  for (size_t size = 0; size < file.size(); ++size) {
    const StatusOr<Program> read = ReadProgram(registry, std::span(file).first(size), "p.lutra");
    if (read.ok()) FAIL("accepted at length " << size);
    if (size % 97 == 0) CHECK_THAT(OneLine(read.status()), Catch::StartsWith("p.lutra: "));
  }
  std::vector<std::byte> longer = file;
  longer.push_back(std::byte{0});
  CHECK(!ReadProgram(registry, longer, "p").ok());
}

TEST_CASE("A file with any byte changed is an error", "[mpc][program]") {
  const Registry registry = Registry::WithBuiltins();
  std::vector<std::byte> file = WriteProgram(SomeProgram().program);
  for (size_t i = 0; i < file.size(); ++i) {
    const auto flip = static_cast<std::byte>(1 << (i % 8));
    file[i] ^= flip;
    if (ReadProgram(registry, file, "p").ok()) FAIL("accepted with byte " << i << " changed");
    file[i] ^= flip;
  }
}

TEST_CASE("Magic and version are named", "[mpc][program]") {
  const Registry registry = Registry::WithBuiltins();
  std::vector<std::byte> file = WriteProgram(SomeProgram().program);
  std::vector<std::byte> other = file;
  other[0] = std::byte{'X'};
  CHECK_THAT(OneLine(ReadProgram(registry, other, "p").status()), Catch::Contains("p: magic"));
  other = file;
  other[8] = std::byte{9};
  CHECK_THAT(OneLine(ReadProgram(registry, other, "p").status()),
             Catch::Contains("p: version: expected 1, found 9"));
  CHECK(!ReadProgram(registry, {}, "p").ok());
}

// Whoever writes a file also writes its digest: what is behind it is not to be trusted either.
TEST_CASE("A spoiled body under a right digest is an error or a program", "[mpc][program]") {
  const Registry registry = Registry::WithBuiltins();
  const std::vector<std::byte> file = WriteProgram(SomeProgram().program);
  std::mt19937_64 random(1);
  int programs = 0;
  for (int round = 0; round < 6000; ++round) {
    std::vector<std::byte> spoiled = file;
    const size_t at = kHeader + static_cast<size_t>(random()) % (file.size() - kHeader);
    switch (round % 3) {
      case 0:
        spoiled[at] ^= static_cast<std::byte>(1 << (random() % 8));
        break;
      case 1:  // numbers of 64 bits become small, large or negative
        for (size_t i = at; i < std::min(at + 8, spoiled.size()); ++i) {
          spoiled[i] = static_cast<std::byte>(round % 2 == 0 ? 0xff : 0);
        }
        break;
      default:
        spoiled.erase(spoiled.begin() + static_cast<std::ptrdiff_t>(at));
    }
    const Digest digest = Sha256(std::span(spoiled).subspan(kHeader));
    std::memcpy(spoiled.data() + 12, digest.bytes.data(), 32);
    const StatusOr<Program> read = ReadProgram(registry, spoiled, "p");
    programs += read.ok() ? 1 : 0;
    // What is accepted can be priced and laid out.
    if (read.ok()) {
      CHECK(TapeLayout(*read).bytes() >= 0);
      for (const LinkCost& link : read->ClosedForm().links) CHECK(link.bits > 0);
    }
  }
  CHECK(programs > 0);
  CHECK(programs < 3000);
}

}  // namespace
}  // namespace lutra
