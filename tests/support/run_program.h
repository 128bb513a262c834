// Runs a program in the simulation the way most tests want it.
#ifndef LUTRA_TESTS_SUPPORT_RUN_PROGRAM_H_
#define LUTRA_TESTS_SUPPORT_RUN_PROGRAM_H_

#include <catch2/catch.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "mpc/builder.h"
#include "mpc/ledger.h"
#include "mpc/protocols/input.h"
#include "mpc/trace.h"
#include "sim/simulation.h"
#include "tests/support/transcript.h"

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
    const std::string& scope = builder.path();
    owned(owner).insert_or_assign(scope.empty() ? std::string(name) : StrCat(scope, ".", name),
                                  std::move(tensor));
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

// Counts and records.
struct Watch {
  Ledger ledger;
  Transcript transcript;
  TraceRecorder trace;
  Listeners listeners{&ledger, &transcript, &trace};
};

struct Outcome {
  std::unique_ptr<BuiltProgram> built;
  NamedTensors revealed;
  NamedTensors exact;  // of the exact twin
  Ledger ledger;
  Transcript transcript;
  Trace trace;
  int rounds = 0;

  const Program& program() const { return built->program; }
};

// Called in every online level of a run.
using OnLevel =
    std::function<void(const Simulation& simulation, const Program& program, int level)>;

// Builds and runs the case; checks that the run agrees with its twin, and the closed form with the
// ledger, for every node, phase and link.
inline Outcome RunCase(Case& given, uint64_t seed = 1, int threads = 1, OnLevel on_level = {}) {
  StatusOr<BuiltProgram> built = std::move(given.builder).Build();
  INFO(OneLine(built.status()));
  REQUIRE(built.ok());
  ThreadPool pool(threads);
  Outcome outcome;
  outcome.built = std::make_unique<BuiltProgram>(*std::move(built));
  Watch watch;
  std::unique_ptr<Simulation> simulation;
  SimulationOptions options;
  options.seed = seed;
  options.listener = &watch.listeners;
  if (on_level)
    options.on_level = [&](int level) { on_level(*simulation, outcome.program(), level); };
  auto made = Simulation::Make(*outcome.built, pool, options);
  REQUIRE(made.ok());
  simulation = *std::move(made);
  const StatusOr<SessionResult> model = simulation->ShareModel(given.model);
  INFO(OneLine(model.status()));
  REQUIRE(model.ok());
  CHECK(model->disagreement == "");
  StatusOr<SessionResult> session = simulation->Run(given.data);
  INFO(OneLine(session.status()));
  REQUIRE(session.ok());
  CHECK(session->disagreement == "");
  CHECK(session->agrees);
  CHECK(CountedBits(watch.ledger) == ClosedFormBits(outcome.program()));
  CHECK(watch.ledger.rounds(Phase::kOnline) == outcome.program().rounds(Phase::kOnline));
  outcome.revealed = std::move(session->revealed);
  outcome.rounds = outcome.program().rounds(Phase::kOnline);
  outcome.ledger = std::move(watch.ledger);
  outcome.trace = std::move(watch.trace.trace());
  outcome.transcript = std::move(watch.transcript);
  NamedTensors all;
  for (const auto& [name, tensor] : given.model) all.insert_or_assign(name, tensor.Clone());
  for (const auto& [name, tensor] : given.data) all.insert_or_assign(name, tensor.Clone());
  outcome.exact = Twin(outcome.program(), outcome.built->tables, pool).RunExact(all);
  return outcome;
}

// The bits that one node sends over a link, as counted.
inline int64_t BitsOf(const Outcome& outcome, std::string_view protocol, Phase phase, Role from,
                      Role to) {
  int64_t bits = 0;
  for (const Transcript::Part& part : outcome.transcript.parts) {
    const bool counts = part.node->spec.protocol == protocol && part.phase == phase &&
                        part.from == from && part.to == to;
    bits += counts ? part.bits : 0;
  }
  return bits;
}

// Compares a tensor with expected(flat element), modulo its ring.
template <class Expected>
void CheckElements(const Tensor& tensor, Ring ring, const Shape& shape, Expected expected) {
  CHECK(tensor.ring() == ring);
  REQUIRE(tensor.shape() == shape);
  int64_t wrong = 0;
  for (int64_t i = 0; i < tensor.elements(); ++i) {
    wrong += tensor.At(i) == ring.Reduce(expected(i)) ? 0 : 1;
  }
  CHECK(wrong == 0);
}

}  // namespace lutra

#endif  // LUTRA_TESTS_SUPPORT_RUN_PROGRAM_H_
