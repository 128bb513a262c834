// Validation of programs, levels, and what a digest depends on.
#include "mpc/program.h"

#include <catch2/catch.hpp>

#include "mpc/protocols/local.h"
#include "mpc/protocols/lookup.h"
#include "mpc/protocols/product.h"
#include "mpc/protocols/reshare.h"
#include "mpc/protocols/reveal.h"
#include "mpc/protocols/top_bits.h"
#include "tests/support/run_program.h"

namespace lutra {
namespace {

// A spec to spoil: two inputs, a top_bits, a lookup, a reveal.
ProgramSpec GoodSpec(Deployment deployment = Deployment::kFourProcess) {
  Case given(deployment);
  Builder& builder = given.builder;
  Builder::Scope scope(builder, "layer");
  const Value x = given.Random("x", Role::kDataOwner, Ring(9), Shape{3, 2}, 1);
  const Value y = Add(builder, x, given.Random("w", Role::kModelOwner, Ring(9), Shape{2}, 1));
  const TableId table = builder.AddTable("T", {4}, RandomTensor(Ring(7), Shape{2, 16}, 1), false);
  Reveal(builder, "y", Lookup(builder, {TopBits(builder, y, 4, 3)}, table));
  StatusOr<BuiltProgram> built = std::move(given.builder).Build();
  REQUIRE(built.ok());
  return built->program.Spec();
}

template <class Spoil>
std::string ErrorOf(Spoil spoil) {
  const Registry registry = Registry::WithBuiltins();
  ProgramSpec spec = GoodSpec();
  spoil(spec);
  const StatusOr<Program> program = Program::Make(registry, std::move(spec));
  return program.ok() ? "none" : OneLine(program.status());
}

NodeSpec& NodeOf(ProgramSpec& spec, std::string_view protocol) {
  for (NodeSpec& node : spec.nodes) {
    if (node.protocol == protocol) return node;
  }
  FAIL("no such node");
  return spec.nodes[0];
}

TEST_CASE("Wrong nodes are errors that name them", "[mpc][program]") {
  CHECK(ErrorOf([](ProgramSpec&) {}) == "none");
  CHECK_THAT(ErrorOf([](ProgramSpec& spec) { spec.nodes[2].protocol = std::string("multiply"); }),
             Catch::Contains("node 2 (layer, multiply): protocol: expected a registered one"));
  CHECK_THAT(ErrorOf([](ProgramSpec& spec) { spec.nodes[2].path = std::string(100000, 'x'); }),
             Catch::Contains("node 2: path: expected at most 1000 bytes, found 100000"));
  CHECK_THAT(ErrorOf([](ProgramSpec& spec) {
               spec.nodes[2].inputs = {0, 2};
             }),
             Catch::Contains("node 2 (layer, add): input: expected a wire below 2, found 2"));
  CHECK_THAT(ErrorOf([](ProgramSpec& spec) {
               spec.nodes[2].inputs = {0, 4000000000u};
             }),
             Catch::Contains("node 2"));
  CHECK_THAT(ErrorOf([](ProgramSpec& spec) { NodeOf(spec, "lookup").tables = {1}; }),
             Catch::Contains("(layer, lookup): table: expected one below 1, found 1"));
  CHECK_THAT(ErrorOf([](ProgramSpec& spec) { NodeOf(spec, "add").tables = {0}; }),
             Catch::Contains("(layer, add): tables: expected 0, found 1"));
  for (const std::string protocol : {"add", "to_additive", "top_bits", "lookup", "reveal"}) {
    const auto named = Catch::Contains(", " + protocol + "): ");
    CHECK_THAT(ErrorOf([&](ProgramSpec& spec) { NodeOf(spec, protocol).inputs.clear(); }),
               named && Catch::Contains("inputs: expected"));
    CHECK_THAT(ErrorOf([&](ProgramSpec& spec) { NodeOf(spec, protocol).inputs.push_back(0); }),
               named && Catch::Contains("inputs: expected"));
    CHECK_THAT(ErrorOf([&](ProgramSpec& spec) {
                 NodeOf(spec, protocol).attributes.SetInteger("colour", 1);
               }),
               named && Catch::Contains("attribute colour: unknown"));
    CHECK_THAT(ErrorOf([&](ProgramSpec& spec) {
                 NodeOf(spec, protocol).attributes.SetText("shade", "x");
               }),
               named && Catch::Contains("attribute shade: unknown"));
  }
  for (const std::string protocol : {"top_bits", "lookup", "reveal", "input"}) {
    CHECK_THAT(ErrorOf([&](ProgramSpec& spec) { NodeOf(spec, protocol).attributes = {}; }),
               Catch::Contains(", " + protocol + "): attribute") && Catch::Contains("missing"));
  }
  CHECK_THAT(ErrorOf([](ProgramSpec& spec) {
               NodeOf(spec, "top_bits").attributes.SetList("bits", {4, 4});
             }),
             Catch::Contains("attribute bits: expected a number from 1 to 8, found a list"));
}

TEST_CASE("Local operations refuse what does not fit", "[mpc][program]") {
  const auto error_of = [](const auto& describe) {
    Case given;
    int count = 0;
    describe(given.builder, [&](int bits, const Shape& shape) {
      return given.Random(StrCat("x", count++), Role::kDataOwner, Ring(bits), shape, 1);
    });
    const StatusOr<BuiltProgram> built = std::move(given.builder).Build();
    return built.ok() ? std::string("none") : OneLine(built.status());
  };
  const auto on_matrix = [&](const auto& describe) {
    return error_of([&](Builder& b, const auto& input) { describe(b, input(8, Shape{2, 3})); });
  };
  CHECK_THAT(error_of([](Builder& b, const auto& in) { Add(b, in(8, {2}), in(9, {2})); }),
             Catch::Contains("node 2 (, add): input 1: expected ring Z_2^8"));
  CHECK_THAT(error_of([](Builder& b, const auto& in) { Subtract(b, in(8, {2}), in(8, {3})); }),
             Catch::Contains("node 2 (, subtract): shapes [2] and [3]"));
  CHECK_THAT(error_of([](Builder& b, const auto& in) {
               b.AddOne("add", {in(8, {2}), ToAdditive(b, in(8, {2}))});
             }),
             Catch::Contains("(, add): input 1: expected sharing replicated"));
  CHECK_THAT(on_matrix([](Builder& b, Value x) {
               AddConstants(b, x, {1, 2});
             }),
             Catch::Contains("expected 1 or 3, found 2"));
  CHECK_THAT(on_matrix([](Builder& b, Value x) { Scale(b, x, {}); }), Catch::Contains("found 0"));
  CHECK_THAT(on_matrix([](Builder& b, Value x) { ShiftUp(b, x, 57); }),
             Catch::Contains("from 0 to 56, found 57"));
  CHECK_THAT(on_matrix([](Builder& b, Value x) { ShiftUp(b, x, -1); }), Catch::Contains("bits"));
  CHECK_THAT(on_matrix([](Builder& b, Value x) { KeepLowBits(b, x, 9); }),
             Catch::Contains("from 1 to 8, found 9"));
  CHECK_THAT(on_matrix([](Builder& b, Value x) { Sum(b, x, 2); }), Catch::Contains("axis"));
  CHECK_THAT(on_matrix([](Builder& b, Value x) { Sum(b, x, -3); }), Catch::Contains("axis"));
  CHECK_THAT(on_matrix([](Builder& b, Value x) {
               Transpose(b, x, {0, 0});
             }),
             Catch::Contains("permutation"));
  CHECK_THAT(on_matrix([](Builder& b, Value x) { Transpose(b, x, {0}); }),
             Catch::Contains("permutation"));
  CHECK_THAT(on_matrix([](Builder& b, Value x) { Slice(b, x, 1, 2, 2); }),
             Catch::Contains("attribute end"));
  CHECK_THAT(on_matrix([](Builder& b, Value x) { Slice(b, x, 1, 3, 4); }),
             Catch::Contains("attribute begin"));
  CHECK_THAT(on_matrix([](Builder& b, Value x) { Reshape(b, x, Shape{5}); }),
             Catch::Contains("expected 6 elements"));
  CHECK_THAT(on_matrix([](Builder& b, Value x) {
               BroadcastTo(b, x, Shape{2, 6});
             }),
             Catch::Contains("broadcast"));
  CHECK_THAT(on_matrix([](Builder& b, Value x) { BroadcastTo(b, x, Shape{3}); }),
             Catch::Contains("broadcast"));
  CHECK_THAT(on_matrix([](Builder& b, Value) { Concatenate(b, {}, 0); }),
             Catch::Contains("at least one"));
  CHECK_THAT(error_of([](Builder& b, const auto& in) {
               Concatenate(b, {in(8, {2, 3}), in(8, {2, 2})}, 0);
             }),
             Catch::Contains("differ beyond axis 0"));
  CHECK_THAT(error_of([](Builder& b, const auto& in) {
               Concatenate(b, {in(8, {2, 3}), in(8, {2})}, 0);
             }),
             Catch::Contains("differ beyond"));
  CHECK_THAT(error_of([](Builder& b, const auto& in) {
               Concatenate(b, {in(8, {2}), in(7, {2})}, 0);
             }),
             Catch::Contains("ring"));
}

TEST_CASE("Wrong tables are errors that name them", "[mpc][program]") {
  const auto spoiled = [](const auto& spoil) {
    return ErrorOf([&](ProgramSpec& spec) { spoil(spec.tables[0]); });
  };
  CHECK_THAT(spoiled([](Table& table) { table.index_bits = {}; }),
             Catch::Contains("table 0 (T): index_bits"));
  CHECK_THAT(spoiled([](Table& table) { table.index_bits = {0}; }), Catch::Contains("index_bits"));
  CHECK_THAT(spoiled([](Table& table) { table.index_bits = {-7}; }), Catch::Contains("index_bits"));
  CHECK_THAT(spoiled([](Table& table) {
               table.index_bits = {11, 10};
             }),
             Catch::Contains("at most 20 in all, found 21"));
  CHECK_THAT(spoiled([](Table& table) { table.bits = 65; }), Catch::Contains("bits"));
  CHECK_THAT(spoiled([](Table& table) { table.bits = 0; }), Catch::Contains("bits"));
  CHECK_THAT(spoiled([](Table& table) { table.bits = 2; }), Catch::Contains("values below 2^2"));
  CHECK_THAT(spoiled([](Table& table) { table.channels = 0; }), Catch::Contains("channels"));
  CHECK_THAT(spoiled([](Table& table) { table.channels = int64_t{1} << 60; }),
             Catch::Contains("channels"));
  CHECK_THAT(spoiled([](Table& table) { table.contents.pop_back(); }),
             Catch::Contains("expected 32 entries, found 31"));
  CHECK_THAT(spoiled([](Table& table) { table.is_private = true; }),
             Catch::Contains("expected 0 entries, found 32"));
}

TEST_CASE("What is too large is refused before anything is allocated", "[mpc][program]") {
  const Registry registry = Registry::WithBuiltins();
  Builder one(registry);
  Input(one, "x", Role::kDataOwner, Ring(64), Shape{int64_t{1} << 40});
  CHECK(one.ok());  // huge, but sizes do not overflow
  Builder many(registry);
  for (int i = 0; i < 1000; ++i) {
    Input(many, StrCat("x", i), Role::kDataOwner, Ring(64), Shape{int64_t{1} << 40});
  }
  const StatusOr<BuiltProgram> built = std::move(many).Build();
  REQUIRE(!built.ok());
  CHECK_THAT(OneLine(built.status()), Catch::Contains("too large") && Catch::Contains("node "));
  Builder table(registry);
  const TableId big = table.AddPrivateTable("T", {20}, 1, Ring(64));
  const Value x = Input(table, "x", Role::kDataOwner, Ring(20), Shape{int64_t{1} << 40});
  Lookup(table, {x}, big);
  CHECK_THAT(OneLine(std::move(table).Build().status()),
             Catch::Contains("node 2 (, lookup): correlation: T: too large"));
}

TEST_CASE("The digest depends on every public part and on no private table", "[mpc][program]") {
  const auto digest_of = [](const std::function<void(ProgramSpec&)>& change,
                            Deployment deployment = Deployment::kFourProcess) {
    const Registry registry = Registry::WithBuiltins();
    ProgramSpec spec = GoodSpec(deployment);
    change(spec);
    const StatusOr<Program> program = Program::Make(registry, std::move(spec));
    INFO(OneLine(program.status()));
    REQUIRE(program.ok());
    return program->digest();
  };
  const Digest plain = digest_of([](ProgramSpec&) {});
  CHECK(plain == digest_of([](ProgramSpec&) {}));
  const std::vector<Digest> others = {
      digest_of([](ProgramSpec&) {}, Deployment::kSharedDealer),
      digest_of([](ProgramSpec& spec) { spec.tables[0].contents[5] ^= 1; }),
      digest_of([](ProgramSpec& spec) { spec.tables[0].name = std::string("U"); }),
      digest_of([](ProgramSpec& spec) { spec.tables[0].bits = 8; }),
      digest_of([](ProgramSpec& spec) { spec.nodes[2].path = std::string("other"); }),
      digest_of([](ProgramSpec& spec) { NodeOf(spec, "top_bits").attributes.SetInteger("a", 4); }),
      digest_of([](ProgramSpec& spec) { NodeOf(spec, "reveal").attributes.SetText("name", "z"); }),
      digest_of(
          [](ProgramSpec& spec) { std::swap(spec.nodes[2].inputs[0], spec.nodes[2].inputs[1]); }),
      digest_of([](ProgramSpec& spec) { spec.nodes.pop_back(); }),
      digest_of([](ProgramSpec& spec) {
        spec.nodes[0].attributes.SetList("shape", {5, 2});
      }),
      digest_of([](ProgramSpec& spec) {
        for (const size_t i : {size_t{0}, size_t{1}})
          spec.nodes[i].attributes.SetInteger("bits", 10);
      }),
  };
  for (size_t i = 0; i < others.size(); ++i) {
    CHECK(others[i] != plain);
    for (size_t j = 0; j < i; ++j) CHECK(others[i] != others[j]);
  }

  const auto with_table = [](uint64_t seed, bool is_private) {
    Case given;
    const Value x = given.Random("x", Role::kDataOwner, Ring(3), Shape{2}, 1);
    Lookup(given.builder, {x},
           given.builder.AddTable("T", {3}, RandomTensor(Ring(5), Shape{1, 8}, seed), is_private));
    StatusOr<BuiltProgram> built = std::move(given.builder).Build();
    REQUIRE(built.ok());
    CHECK(built->program.tables()[0].contents.empty() == is_private);
    return built->program.digest();
  };
  CHECK(with_table(1, true) == with_table(2, true));
  CHECK(with_table(1, false) != with_table(2, false));
  CHECK(with_table(1, false) != with_table(1, true));
}

TEST_CASE("Levels are as early as they can be", "[mpc][program]") {
  Case given;
  Builder& b = given.builder;
  const Value x = given.Random("x", Role::kDataOwner, Ring(4), Shape{3}, 1);
  const Value w = given.Random("w", Role::kModelOwner, Ring(4), Shape{3}, 1);
  const Value deep = Reshare(b, ToAdditive(b, Reshare(b, ToAdditive(b, x))));
  const Value shallow = Reshare(b, ToAdditive(b, x));   // described later, as early as the first
  const Value of_model = Reshare(b, ToAdditive(b, w));  // waits for nothing
  const Value doubled = Scale(b, w, {2});
  const Value both = Add(b, deep, shallow);
  const Value late = ElementProduct(b, both, doubled, LinearForm::kReplicated);
  Reveal(b, "late", late);
  Reveal(b, "early", of_model);
  const Outcome outcome = RunCase(given);
  const Program& program = outcome.program();
  const auto level_of = [&](Value value) {
    return program.nodes()[program.producer(value.wire)].level;
  };
  const auto phase_of = [&](Value value) {
    return program.nodes()[program.producer(value.wire)].phase;
  };
  CHECK(level_of(x) == 0);
  CHECK(level_of(deep) == 2);
  CHECK(level_of(shallow) == 1);
  CHECK(level_of(of_model) == 0);
  CHECK(phase_of(of_model) == Phase::kOnline);
  CHECK(phase_of(doubled) == Phase::kModel);
  CHECK(level_of(doubled) == 1);
  CHECK(level_of(both) == 3);
  CHECK(level_of(late) == 3);
  CHECK(program.rounds(Phase::kOnline) == 5);
  CHECK(program.levels(Phase::kModel) == 2);
  CHECK(program.rounds(Phase::kModel) == 1);
}

TEST_CASE("Independent nodes of one level share one round and one message per link",
          "[mpc][program]") {
  Case given;
  Builder& b = given.builder;
  for (int i = 0; i < 5; ++i) {
    const Value x = given.Random(StrCat("x", i), Role::kDataOwner, Ring(3 + i), Shape{3}, 1);
    Reveal(b, StrCat("y", i), Reshare(b, ToAdditive(b, x)));
  }
  const Outcome outcome = RunCase(given);
  CHECK(outcome.rounds == 3);
  std::map<std::tuple<int, Role, Role>, int> messages;
  for (const Transcript::Message& message : outcome.transcript.messages) {
    ++messages[{message.level, message.from, message.to}];
  }
  const std::map<std::tuple<int, Role, Role>, int> expected = {
      {{0, Role::kDataOwner, Role::kP1}, 1}, {{0, Role::kDataOwner, Role::kP2}, 1},
      {{1, Role::kP1, Role::kP2}, 1},        {{1, Role::kP2, Role::kP1}, 1},
      {{2, Role::kP1, Role::kDataOwner}, 1}, {{2, Role::kP2, Role::kDataOwner}, 1}};
  CHECK(messages == expected);
  // Parts of 9, 12, 15, 18, 21 bits, each on a byte of its own.
  for (const Transcript::Message& message : outcome.transcript.messages) {
    CHECK(message.payload.size() == 2 + 2 + 2 + 3 + 3);
  }
}

}  // namespace
}  // namespace lutra
