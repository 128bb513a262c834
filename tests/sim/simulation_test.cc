// The simulation: determinism, fresh randomness, and that what is wrong does not go unnoticed.
#include "sim/simulation.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <tuple>

#include "mpc/protocols/local.h"
#include "mpc/protocols/lookup.h"
#include "mpc/protocols/product.h"
#include "mpc/protocols/reveal.h"
#include "mpc/protocols/top_bits.h"
#include "tests/support/beaver.h"
#include "tests/support/run_program.h"

namespace lutra {
namespace {

// Enough elements for several threads, and a coin.
void Describe(Case& given, int64_t elements = 70000) {
  Builder& b = given.builder;
  const Value x = given.Random("x", Role::kDataOwner, Ring(12), Shape{elements}, 1);
  const Value w = given.Random("w", Role::kModelOwner, Ring(12), Shape{elements}, 2);
  const TableId table = b.AddTable("T", {4}, RandomTensor(Ring(7), Shape{1, 16}, 3), true);
  const Value z = TopBitsUnbiased(b, ElementProduct(b, x, w), 4);
  Reveal(b, "z", LookupReplicated(b, {z}, table, LookupForm::kReshare));
  Reveal(b, "sum", Add(b, x, w));
}

TEST_CASE("The same seed gives the same transcript for any number of threads", "[sim]") {
  std::vector<Outcome> outcomes;
  for (const int threads : {1, 2, 3, 1}) {
    Case given;
    Describe(given);
    outcomes.push_back(RunCase(given, 5, threads));
  }
  for (const Outcome& outcome : outcomes) {
    CHECK(outcome.transcript.messages == outcomes[0].transcript.messages);
    CHECK(outcome.revealed.at("z") == outcomes[0].revealed.at("z"));
  }
}

TEST_CASE("Another seed gives another transcript, and the same values up to coins", "[sim]") {
  Case a, b;
  Describe(a, 5000);
  Describe(b, 5000);
  const Outcome first = RunCase(a, 5);
  const Outcome second = RunCase(b, 6);
  REQUIRE(first.transcript.messages.size() == second.transcript.messages.size());
  for (size_t i = 0; i < first.transcript.messages.size(); ++i) {
    CHECK(first.transcript.messages[i].payload != second.transcript.messages[i].payload);
  }
  CHECK(first.revealed.at("sum") == second.revealed.at("sum"));
  CHECK(!(first.revealed.at("z") == second.revealed.at("z")));  // some coins differ
}

TEST_CASE("Two sessions on the same inputs share no mask", "[sim]") {
  for (const bool seeded : {true, false}) {
    Case given;
    Describe(given, 4000);
    const StatusOr<BuiltProgram> built = std::move(given.builder).Build();
    REQUIRE(built.ok());
    ThreadPool pool(1);
    Transcript transcript;
    SimulationOptions options;
    if (seeded) options.seed = 9;
    options.listener = &transcript;
    auto simulation = Simulation::Make(*built, pool, options);
    REQUIRE(simulation.ok());
    REQUIRE((*simulation)->ShareModel(given.model).ok());
    transcript.messages.clear();
    const StatusOr<SessionResult> first = (*simulation)->Run(given.data);
    REQUIRE(first.ok());
    const std::vector<Transcript::Message> once = std::move(transcript.messages);
    transcript.messages.clear();
    const StatusOr<SessionResult> second = (*simulation)->Run(given.data);
    REQUIRE(second.ok());
    CHECK(first->agrees);
    CHECK(second->agrees);
    CHECK(first->revealed.at("sum") == second->revealed.at("sum"));
    REQUIRE(once.size() == transcript.messages.size());
    for (size_t i = 0; i < once.size(); ++i) {
      // With fresh masks two bytes agree one time in 256; eight standard deviations are allowed.
      const std::vector<std::byte>& a = once[i].payload;
      const std::vector<std::byte>& b = transcript.messages[i].payload;
      REQUIRE(a.size() == b.size());
      int64_t equal = 0;
      for (size_t byte = 0; byte < a.size(); ++byte) equal += a[byte] == b[byte] ? 1 : 0;
      INFO(Name(once[i].phase) << " " << Name(once[i].from) << " to " << Name(once[i].to));
      const double expected = static_cast<double>(a.size()) / 256;
      CHECK(static_cast<double>(equal) < expected + 8 * std::sqrt(expected) + 1);
    }
  }
}

TEST_CASE("Neither the check nor a listener changes a result", "[sim]") {
  std::vector<Tensor> results;
  for (const bool watched : {true, false}) {
    Case given;
    Describe(given, 100);
    const StatusOr<BuiltProgram> built = std::move(given.builder).Build();
    REQUIRE(built.ok());
    ThreadPool pool(1);
    Transcript transcript;
    SimulationOptions options;
    options.seed = 3;
    options.check = watched;
    options.listener = watched ? &transcript : nullptr;
    auto simulation = Simulation::Make(*built, pool, options);
    REQUIRE(simulation.ok());
    REQUIRE((*simulation)->ShareModel(given.model).ok());
    StatusOr<SessionResult> session = (*simulation)->Run(given.data);
    REQUIRE(session.ok());
    for (const double seconds : session->seconds) CHECK(seconds >= 0);
    results.push_back(std::move(session->revealed.at("z")));
  }
  CHECK(results[0] == results[1]);
}

TEST_CASE("Missing and wrong inputs are errors", "[sim]") {
  Case given;
  Describe(given, 3);
  const StatusOr<BuiltProgram> built = std::move(given.builder).Build();
  REQUIRE(built.ok());
  ThreadPool pool(1);
  auto simulation = Simulation::Make(*built, pool, {});
  REQUIRE(simulation.ok());
  CHECK_THAT(OneLine((*simulation)->ShareModel({}).status()), Catch::Contains("input w: missing"));
  REQUIRE((*simulation)->ShareModel(given.model).ok());
  CHECK_THAT(OneLine((*simulation)->Run({}).status()), Catch::Contains("input x: missing"));
  NamedTensors wrong;
  wrong.emplace("x", RandomTensor(Ring(12), Shape{4}, 1));
  CHECK_THAT(OneLine((*simulation)->Run(wrong).status()), Catch::Contains("found Z_2^12 [4]"));
  REQUIRE((*simulation)->Run(given.data).ok());
}

// What a run with a fault says: "agrees", the disagreement, or the error.
struct Report {
  std::string text;
  bool costs_agree = false;
};
Report RunWith(Fault fault) {
  Case given;
  REQUIRE(given.registry.Register(std::make_unique<Beaver>(fault)).ok());
  Builder& b = given.builder;
  const Value x = given.Random("x", Role::kDataOwner, Ring(13), Shape{9}, 1);
  const Value y = given.Random("y", Role::kDataOwner, Ring(13), Shape{9}, 2);
  Builder::Scope scope(b, "layer");
  const Value z = b.AddOne("beaver", {ToAdditive(b, x), ToAdditive(b, y)});
  Reveal(b, "z", Scale(b, z, {2}));
  const StatusOr<BuiltProgram> built = std::move(given.builder).Build();
  REQUIRE(built.ok());
  ThreadPool pool(1);
  Ledger ledger;
  SimulationOptions options;
  options.seed = 1;
  options.listener = &ledger;
  auto simulation = Simulation::Make(*built, pool, options);
  REQUIRE(simulation.ok());
  REQUIRE((*simulation)->ShareModel({}).ok());
  const StatusOr<SessionResult> session = (*simulation)->Run(given.data);
  Report report;
  report.costs_agree = CountedBits(ledger) == ClosedFormBits(built->program);
  if (!session.ok()) {
    report.text = OneLine(session.status());
  } else {
    CHECK(session->agrees == session->disagreement.empty());
    report.text = session->agrees ? "agrees" : session->disagreement;
  }
  return report;
}

TEST_CASE("A wrong protocol is found out, by name", "[sim]") {
  const Report right = RunWith(Fault::kNone);
  CHECK(right.text == "agrees");
  CHECK(right.costs_agree);
  const auto named = Catch::StartsWith("node 4 (layer, beaver): ");
  CHECK_THAT(RunWith(Fault::kForgetsTerm).text, named);
  CHECK_THAT(RunWith(Fault::kCorruptsElement).text, named && Catch::Contains("element 8 of [9]"));
  CHECK_THAT(RunWith(Fault::kDealsWrong).text, named && Catch::Contains("element 0 of [9]"));
  const Report less = RunWith(Fault::kSendsLess);
  CHECK_THAT(less.text,
             Catch::StartsWith("p1: online level 1: node 4 (layer, beaver): message from p2"));
  CHECK(!less.costs_agree);
  const Report more = RunWith(Fault::kSendsMore);
  CHECK(more.text != "agrees");
  CHECK(!more.costs_agree);
}

// Breaks what every role holds of a replicated value.
class Unequal final : public Protocol {
 public:
  enum class Way { kUnequal, kNothing, kOtherRing };
  explicit Unequal(Way way) : way_(way) {}
  std::string_view name() const override { return "unequal"; }
  StatusOr<Signature> Check(const NodeDescription& node) const override {
    Signature signature;
    signature.outputs = {node.inputs[0]};
    signature.outputs[0].masks_known = false;
    return signature;
  }
  Cost ClosedForm(const Node&) const override { return {}; }
  void Ideal(ClearView& view) const override { view.outputs[0] = view.inputs[0]->Clone(); }
  void Before(PartyView& view) const override {
    if (!IsParty(view.role) || way_ == Way::kNothing) return;
    for (const size_t part : {size_t{0}, size_t{1}}) {
      Tensor& out = view.outputs[0]->parts[part];
      out = view.inputs[0]->parts[part].Clone();
      if (way_ == Way::kOtherRing) out = Tensor::Zeros(Ring(3), out.shape());
    }
    if (view.role == Role::kP1) {
      Tensor& out = Component(*view.outputs[0], view.role, 2);
      out.Set(0, out.At(0) + 1);
    }
  }

 private:
  Way way_;
};

TEST_CASE("Shares that do not fit together are found out", "[sim]") {
  for (const auto& [way, text] : std::vector<std::pair<Unequal::Way, std::string>>{
           {Unequal::Way::kUnequal, "different words of component 2"},
           {Unequal::Way::kNothing, "p1 holds Z_2^1 [0] of replicated Z_2^8 [4]"},
           {Unequal::Way::kOtherRing,
            "output 0: expected replicated Z_2^8 [4], found Z_2^3 [4]"}}) {
    Case given;
    REQUIRE(given.registry.Register(std::make_unique<Unequal>(way)).ok());
    const Value x = given.Random("x", Role::kDataOwner, Ring(8), Shape{4}, 1);
    given.builder.AddOne("unequal", {x});
    const StatusOr<BuiltProgram> built = std::move(given.builder).Build();
    REQUIRE(built.ok());
    ThreadPool pool(1);
    auto simulation = Simulation::Make(*built, pool, {});
    REQUIRE(simulation.ok());
    REQUIRE((*simulation)->ShareModel({}).ok());
    const StatusOr<SessionResult> session = (*simulation)->Run(given.data);
    const std::string found = session.ok() ? session->disagreement : OneLine(session.status());
    CHECK_THAT(found, Catch::Contains("node 1 (, unequal): ") && Catch::Contains(text));
  }
}

TEST_CASE("A tape dealt in windows is the whole tape", "[sim]") {
  const auto run = [](int64_t window_bytes) {
    Case given;
    const Value x = given.Random("x", Role::kDataOwner, Ring(4), Shape{9}, 1);
    Value y = ToAdditive(given.builder, x);
    for (int i = 0; i < 3; ++i) {
      const Tensor contents = RandomTensor(Ring(4), Shape{1, 16}, static_cast<uint64_t>(i));
      y = Lookup(given.builder, {y},
                 given.builder.AddTable(StrCat("T", i), {4}, contents.Clone(), true));
    }
    Reveal(given.builder, "y", y);
    const StatusOr<BuiltProgram> built = std::move(given.builder).Build();
    REQUIRE(built.ok());
    ThreadPool pool(1);
    Watch watch;
    SimulationOptions options;
    options.seed = 1;
    options.listener = &watch.listeners;
    options.tape_window_bytes = window_bytes;
    auto simulation = Simulation::Make(*built, pool, options);
    REQUIRE(simulation.ok());
    for (int session = 0; session < 2; ++session) {
      const StatusOr<SessionResult> result = (*simulation)->Run(given.data);
      REQUIRE(result.ok());
      CHECK(result->disagreement == "");
    }
    // Online messages and tapes of a window take turns, so they are compared by link.
    std::stable_sort(watch.transcript.messages.begin(), watch.transcript.messages.end(),
                     [](const auto& a, const auto& b) {
                       return std::tie(a.phase, a.from, a.to) < std::tie(b.phase, b.from, b.to);
                     });
    return std::make_pair(watch.transcript.messages, watch.ledger.traffic());
  };
  const auto whole = run(int64_t{1} << 30);
  const auto windows = run(1);
  CHECK(whole.first == windows.first);
  CHECK(whole.second == windows.second);
}

TEST_CASE("A program that cannot run says so before it starts", "[sim]") {
  Case given;
  const Value w = given.Random("w", Role::kModelOwner, Ring(4), Shape{2}, 1);
  Reveal(given.builder, "w", w);
  StatusOr<BuiltProgram> built = std::move(given.builder).Build();
  REQUIRE(built.ok());
  ThreadPool pool(1);
  const auto simulation = Simulation::Make(*built, pool, {});
  REQUIRE(simulation.ok());
  CHECK_THAT(OneLine((*simulation)->Run({}).status()),
             Catch::Contains("expected a model that is shared"));

  Case other;
  const TableId table = other.builder.AddPrivateTable("T", {4}, 1, Ring(4));
  Reveal(other.builder, "y",
         Lookup(other.builder, {other.Random("x", Role::kDataOwner, Ring(4), Shape{2}, 1)}, table));
  built = std::move(other.builder).Build();
  REQUIRE(built.ok());
  CHECK_THAT(OneLine(Simulation::Make(*built, pool, {}).status()),
             Catch::Contains("table 0 (T): expected its contents"));
}

}  // namespace
}  // namespace lutra
