#include "analysis/cost.h"

#include <catch2/catch.hpp>

#include "models/bert_program.h"
#include "models/synthetic.h"
#include "mpc/tape.h"
#include "tests/analysis/programs.h"

namespace lutra {
namespace {

// Runs the case and holds every figure of the closed form against the ledger.
void CheckAgainstRun(const BuiltProgram& built, const NamedTensors& model,
                     const NamedTensors& data) {
  ThreadPool pool(2);
  Ledger ledger;
  SimulationOptions options;
  options.seed = 1;
  options.check = false;
  options.listener = &ledger;
  auto simulation = Simulation::Make(built, pool, options);
  REQUIRE(simulation.ok());
  REQUIRE((*simulation)->ShareModel(model).ok());
  const StatusOr<SessionResult> result = (*simulation)->Run(data);
  INFO(OneLine(result.status()));
  REQUIRE(result.ok());

  const ProgramCost cost(built.program);
  CHECK(cost.bits() == ledger.bits());
  CHECK(cost.traffic() == ledger.traffic());
  CHECK(cost.tape_bytes() == TapeLayout(built.program).bytes());
  for (const PhaseCost& phase : cost.phases()) {
    CHECK(phase.bytes == ledger.bytes(phase.phase));
    CHECK(phase.rounds == ledger.rounds(phase.phase));
  }
}

BuiltProgram Built(Case& given) {
  StatusOr<BuiltProgram> built = std::move(given.builder).Build();
  INFO(OneLine(built.status()));
  REQUIRE(built.ok());
  return *std::move(built);
}

TEST_CASE("The closed form of a program is what a run's ledger counts", "[analysis][cost]") {
  for (const LinearForm linear : {LinearForm::kMasked, LinearForm::kReplicated}) {
    for (const LookupForm lookup : {LookupForm::kReshare, LookupForm::kDirect}) {
      Case given;
      AddLayers(given, 2, linear, lookup);
      const BuiltProgram built = Built(given);
      CheckAgainstRun(built, given.model, given.data);
    }
  }
}

TEST_CASE("The closed form of synthetic models is what a run's ledger counts",
          "[analysis][cost][bert]") {
  const Registry registry = Registry::WithBuiltins();
  for (const char* name : {"synthetic:hidden=16,layers=2,heads=2,sequence=5,vocabulary=11",
                           "synthetic:hidden=32,layers=1,heads=1,sequence=3,vocabulary=7,extra=0,"
                           "residual=5"}) {
    INFO(name);
    const auto shape = ParseSyntheticShape(name);
    REQUIRE(shape.ok());
    const auto model = MakeSyntheticModel(*shape);
    REQUIRE(model.ok());
    BertProgramOptions options;
    options.batch = 3;
    for (const bool cheap : {false, true}) {
      if (cheap) {
        options.linear = LinearForm::kReplicated;
        options.lookup = LookupForm::kDirect;
        options.embedding = EmbeddingForm::kClient;
      }
      const auto built = BuildBertProgram(registry, *model, options);
      REQUIRE(built.ok());
      const Tensor tokens = Tensor::Zeros(Ring(16), Shape{options.batch, shape->sequence});
      CheckAgainstRun(*built, BertModelInputs(*model, options),
                      BertDataInputs(*model, options, tokens));
      // The shape alone costs the same.
      const auto from_shape = BuildBertShape(registry, ModelShapeOf(*shape), options);
      REQUIRE(from_shape.ok());
      CHECK(ProgramCost(*from_shape).bits() == ProgramCost(built->program).bits());
    }
  }
}

TEST_CASE("Parts of a message are rounded up to bytes one by one", "[analysis][cost]") {
  Case given;
  const Ring bit(1);
  const Value x = given.Random("x", Role::kDataOwner, bit, Shape{3}, 1);
  const Value y = given.Random("y", Role::kDataOwner, bit, Shape{9}, 2);
  Reveal(given.builder, "a", x);
  Reveal(given.builder, "b", y);
  const BuiltProgram built = Built(given);
  const ProgramCost cost(built.program);
  const auto& sent = cost.traffic().at({Phase::kOnline, 1, Role::kP1, Role::kDataOwner});
  CHECK(sent.bytes == 1 + 2);
  CHECK(sent.messages == 1);
  const auto online = cost.phases()[3];
  CHECK(online.phase == Phase::kOnline);
  CHECK(online.rounds == 2);
  CHECK(online.bytes == 4 * 3);
  CHECK(online.messages == 4);
  CHECK(online.largest == PhaseCost::LargestLink{Role::kP1, Role::kDataOwner, 3});
  CHECK(!cost.phases()[0].largest.has_value());
}

TEST_CASE("Every grouping adds up to the whole", "[analysis][cost]") {
  Case given;
  AddLayers(given, 3, LinearForm::kMasked, LookupForm::kReshare);
  const BuiltProgram built = Built(given);
  const ProgramCost cost(built.program);
  const auto phases = cost.phases();
  for (const auto& groups : {cost.ByProtocol(), cost.ByLayer(), cost.ByStep(), cost.ByPath()}) {
    CHECK(groups.size() > 1);
    std::array<int64_t, kPhases.size()> bytes{};
    int64_t nodes = 0, lookups = 0;
    std::set<int> levels;
    for (const GroupCost& group : groups) {
      for (size_t i = 0; i < kPhases.size(); ++i) bytes[i] += group.bytes[i];
      nodes += group.nodes;
      lookups += group.lookups;
      levels.insert(group.online_levels.begin(), group.online_levels.end());
    }
    for (size_t i = 0; i < kPhases.size(); ++i) CHECK(bytes[i] == phases[i].bytes);
    CHECK(nodes == static_cast<int64_t>(built.program.nodes().size()));
    CHECK(lookups == 3 * 15);
    CHECK(static_cast<int>(levels.size()) == built.program.rounds(Phase::kOnline));
  }
  CHECK(cost.lookups() == 3 * 15);
}

TEST_CASE("A step through a table costs what the protocol says", "[analysis][cost]") {
  Case given;
  AddLayers(given, 1, LinearForm::kMasked, LookupForm::kReshare);
  const BuiltProgram built = Built(given);
  const ProgramCost cost(built.program);
  for (const GroupCost& group : cost.ByProtocol()) {
    const auto bits = [&](Phase phase) { return group.bits[static_cast<size_t>(phase)]; };
    if (group.name == "lookup") {
      CHECK(group.nodes == 1);
      CHECK(group.lookups == 15);
      CHECK(bits(Phase::kDeal) == 15 * 8 * 16);
      CHECK(bits(Phase::kOnline) == 2 * 15 * 3);
    } else if (group.name == "reshare") {
      CHECK(bits(Phase::kOnline) == 2 * 15 * 16);
    }
  }
}

TEST_CASE("Layers and steps are read off the path", "[analysis][cost]") {
  CHECK(LayerOfPath("layers.3.attention.query.weight") == "layers.3");
  CHECK(LayerOfPath("layers.12") == "layers.12");
  CHECK(LayerOfPath("layers.x3.attention") == "layers");
  CHECK(LayerOfPath("layers.") == "layers");
  CHECK(LayerOfPath("embedding.norm") == "embedding");
  CHECK(LayerOfPath("pooler") == "pooler");
  CHECK(LayerOfPath("") == "");
  CHECK(StepOfPath("layers.3.attention.query.weight") == "attention.query");
  CHECK(StepOfPath("layers.3.attention") == "attention");
  CHECK(StepOfPath("layers.3") == "layers.3");
  CHECK(StepOfPath("embedding.norm.output") == "embedding.norm");
  CHECK(StepOfPath("pooler") == "pooler");
  CHECK(StepOfPath("") == "");
}

}  // namespace
}  // namespace lutra
