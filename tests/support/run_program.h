// Runs a program in the simulation the way most tests want it.
#ifndef LUTRA_TESTS_SUPPORT_RUN_PROGRAM_H_
#define LUTRA_TESTS_SUPPORT_RUN_PROGRAM_H_

#include <catch2/catch.hpp>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <utility>

#include "mpc/builder.h"
#include "mpc/ledger.h"
#include "mpc/protocols/input.h"
#include "sim/simulation.h"

namespace lutra {

inline Tensor RandomTensor(Ring ring, const Shape& shape, uint64_t seed) {
  std::mt19937_64 random(seed);
  Tensor tensor(ring, shape);
  for (int64_t i = 0; i < tensor.elements(); ++i) tensor.Set(i, random());
  return tensor;
}

// What a test hands to the simulation: the program and what its owners put in.
struct Case {
  explicit Case(Deployment deployment = Deployment::kFourProcess)
      : registry(Registry::WithBuiltins()), builder(registry, deployment) {}

  // A random value of an owner.
  Value Random(std::string_view name, Role owner, Ring ring, const Shape& shape, uint64_t seed) {
    return Given(name, owner, RandomTensor(ring, shape, seed));
  }
  Value Given(std::string_view name, Role owner, Tensor tensor) {
    const Value value = Input(builder, name, owner, tensor.ring(), tensor.shape());
    owned(owner).insert_or_assign(std::string(name), std::move(tensor));
    return value;
  }
  NamedTensors& owned(Role owner) { return owner == Role::kModelOwner ? model : data; }

  Registry registry;
  Builder builder;
  NamedTensors model;
  NamedTensors data;
};

// The bits of every node, phase and link: counted, and in closed form.
using Bits = std::map<std::tuple<NodeId, Phase, Role, Role>, int64_t>;
inline Bits CountedBits(const Ledger& ledger) {
  Bits bits;
  for (const auto& [part, count] : ledger.bits()) {
    bits[{part.node, part.phase, part.from, part.to}] += count;
  }
  return bits;
}
inline Bits ClosedFormBits(const Program& program) {
  Bits bits;
  for (const Node& node : program.nodes()) {
    for (const LinkCost& link : node.protocol->ClosedForm(node).links) {
      bits[{node.id, link.phase, link.from, link.to}] += link.bits;
    }
  }
  return bits;
}

struct Outcome {
  NamedTensors revealed;
  NamedTensors exact;  // of the exact twin
  Ledger ledger;
  int rounds = 0;
};

// Builds and runs the case; checks that the run agrees with its twin, and the closed form with the
// ledger, for every node, phase and link.
inline Outcome RunCase(Case& given, uint64_t seed = 1, int threads = 1) {
  StatusOr<BuiltProgram> built = std::move(given.builder).Build();
  INFO(OneLine(built.status()));
  REQUIRE(built.ok());
  ThreadPool pool(threads);
  Outcome outcome;
  SimulationOptions options;
  options.seed = seed;
  options.listener = &outcome.ledger;
  auto simulation = Simulation::Make(*built, pool, options);
  REQUIRE(simulation.ok());
  const StatusOr<SessionResult> model = (*simulation)->ShareModel(given.model);
  INFO(OneLine(model.status()));
  REQUIRE(model.ok());
  CHECK(model->disagreement == "");
  StatusOr<SessionResult> session = (*simulation)->Run(given.data);
  INFO(OneLine(session.status()));
  REQUIRE(session.ok());
  CHECK(session->disagreement == "");
  CHECK(session->agrees);
  CHECK(CountedBits(outcome.ledger) == ClosedFormBits(built->program));
  CHECK(outcome.ledger.rounds(Phase::kOnline) == built->program.rounds(Phase::kOnline));
  outcome.revealed = std::move(session->revealed);
  outcome.rounds = built->program.rounds(Phase::kOnline);
  NamedTensors all;
  for (const auto& [name, tensor] : given.model) all.insert_or_assign(name, tensor.Clone());
  for (const auto& [name, tensor] : given.data) all.insert_or_assign(name, tensor.Clone());
  outcome.exact = Twin(built->program, built->tables, pool).RunExact(all);
  return outcome;
}

}  // namespace lutra

#endif  // LUTRA_TESTS_SUPPORT_RUN_PROGRAM_H_
