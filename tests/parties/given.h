// A program with its owners' inputs, and what the simulation makes of them.
#ifndef LUTRA_TESTS_PARTIES_GIVEN_H_
#define LUTRA_TESTS_PARTIES_GIVEN_H_

#include <cstdint>
#include <optional>

#include "mpc/protocols/lookup.h"
#include "mpc/protocols/product.h"
#include "mpc/protocols/reveal.h"
#include "tests/support/random_program.h"
#include "tests/support/run_program.h"

namespace lutra {

inline constexpr uint64_t kSeed = 5;  // of what the programs of a test draw

struct Given {
  explicit Given(uint64_t program_seed, int steps = 12) : given(RandomDeployment(program_seed)) {
    AddRandomProgram(given, program_seed, steps);
    outcome = RunCase(given, kSeed);
  }
  // A product of a weight and an input in this form, and a lookup of it in this one: P0 takes part
  // online where something is replicated.
  Given(LinearForm linear, std::optional<LookupForm> lookup,
        Deployment deployment = Deployment::kFourProcess)
      : given(deployment) {
    Builder& b = given.builder;
    const TableId table = b.AddTable("T", {6}, RandomTensor(Ring(20), Shape{1, 64}, 3), true);
    const Value w = given.Random("w", Role::kModelOwner, Ring(6), Shape{40, 30}, 7);
    const Value x = given.Random("x", Role::kDataOwner, Ring(6), Shape{20, 30}, 8);
    const Value y = MatrixProduct(b, x, w, linear);
    const Value z =
        lookup.has_value() ? LookupReplicated(b, {y}, table, *lookup) : Lookup(b, {y}, table);
    Reveal(b, "z", z);
    outcome = RunCase(given, kSeed);
  }
  const Program& program() const { return outcome.program(); }
  const Digest& digest() const { return outcome.program().digest(); }
  const BuiltProgram& built() const { return *outcome.built; }

  Case given;
  Outcome outcome;
};

}  // namespace lutra

#endif  // LUTRA_TESTS_PARTIES_GIVEN_H_
