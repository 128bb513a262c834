// Lookups in every form against their tables, the algebra of what is dealt, and the numbers of
// protocols.md.
#include "mpc/protocols/lookup.h"

#include <catch2/catch.hpp>

#include "mpc/protocols/local.h"
#include "mpc/protocols/reveal.h"
#include "tests/support/dealt.h"
#include "tests/support/run_program.h"

namespace lutra {
namespace {

Tensor RandomTable(int bits, int64_t channels, int width, uint64_t seed) {
  return RandomTensor(Ring(bits), Shape{channels, int64_t{1} << width}, seed);
}

TEST_CASE("A lookup gives the table's entry, for every index width and ring", "[mpc][lookup]") {
  const std::vector<Shape> shapes = {Shape{}, Shape{1}, Shape{5}, Shape{3, 7}, Shape{2, 1, 3, 1}};
  const int rings[] = {1, 4, 7, 8, 12, 16, 31, 32, 45, 64};
  size_t number = 0;
  for (const int k : {1, 2, 3, 4, 5, 6, 7, 8}) {
    for (const int l : rings) {
      for (const LookupForm form : {LookupForm::kReshare, LookupForm::kDirect}) {
        const Shape& shape = shapes[++number % shapes.size()];
        Case given;
        const Value x = given.Random("x", Role::kDataOwner, Ring(k), shape, 1);
        const Tensor contents = RandomTable(l, 1, k, number);
        const TableId table = given.builder.AddTable("T", {k}, contents.Clone(), number % 2 == 0);
        const Value y = LookupReplicated(given.builder, {x}, table, form);
        CHECK(given.builder.type(y).sharing == Sharing::kReplicated);
        CHECK(given.builder.type(y).masks_known == (form == LookupForm::kReshare));
        Reveal(given.builder, "y", y);
        const Outcome outcome = RunCase(given, number, 1 + static_cast<int>(number % 3));
        const Tensor& in = given.data.at("x");
        CheckElements(outcome.revealed.at("y"), Ring(l), shape,
                      [&](int64_t i) { return contents.At(static_cast<int64_t>(in.At(i))); });
      }
    }
  }
}

TEST_CASE("A lookup with rows longer than what is copied at a time", "[mpc][lookup]") {
  Case given;
  const Value x = given.Random("x", Role::kDataOwner, Ring(13), Shape{3}, 1);
  const Tensor contents = RandomTable(9, 1, 13, 2);
  Reveal(given.builder, "y",
         Lookup(given.builder, {x}, given.builder.AddTable("T", {13}, contents.Clone(), true)));
  const Outcome outcome = RunCase(given, 1, 2);
  CheckElements(outcome.revealed.at("y"), Ring(9), Shape{3}, [&](int64_t i) {
    return contents.At(static_cast<int64_t>(given.data.at("x").At(i)));
  });
}

TEST_CASE("Multi-output: one opening, rows of several widths", "[mpc][lookup]") {
  for (const bool is_private : {true, false}) {
    Case given;
    const Value x = given.Random("x", Role::kDataOwner, Ring(3), Shape{7}, 1);
    std::vector<TableId> tables;
    std::vector<Tensor> contents;
    for (const int l : {1, 16, 5, 64, 9}) {
      contents.push_back(RandomTable(l, l == 5 ? 7 : 1, 3, static_cast<uint64_t>(l)));
      tables.push_back(given.builder.AddTable("T", {3}, contents.back().Clone(), is_private));
    }
    const std::vector<Value> y = LookupAll(given.builder, {x}, tables);
    REQUIRE(y.size() == 5);
    for (size_t i = 0; i < y.size(); ++i) Reveal(given.builder, StrCat("y", i), y[i]);
    const Outcome outcome = RunCase(given);
    for (size_t t = 0; t < y.size(); ++t) {
      const Tensor& table = contents[t];
      CheckElements(outcome.revealed.at(StrCat("y", t)), table.ring(), Shape{7}, [&](int64_t i) {
        const int64_t channel = table.shape().size(0) == 1 ? 0 : i;
        return table.At(channel * 8 + static_cast<int64_t>(given.data.at("x").At(i)));
      });
    }
    // 2^k (l1 + .. + l5) bits an element from D, in halves of 4 and 3 elements.
    CHECK(BitsOf(outcome, "lookup", Phase::kDeal, Role::kDealer, Role::kP2) == 4 * 8 * 95);
    CHECK(BitsOf(outcome, "lookup", Phase::kDeal, Role::kDealer, Role::kP1) == 3 * 8 * 95);
    CHECK(BitsOf(outcome, "lookup", Phase::kOnline, Role::kP1, Role::kP2) == 7 * 3);
    CHECK(outcome.rounds == 3);
  }
}

TEST_CASE("Multi-input, with every pattern of shared inputs", "[mpc][lookup]") {
  const std::vector<std::vector<Shape>> patterns = {
      {Shape{4, 3}, Shape{4, 3}},     {Shape{4, 3}, Shape{4, 1}},
      {Shape{4, 1}, Shape{4, 3}},     {Shape{4, 3}, Shape{3}},
      {Shape{4, 1}, Shape{1, 3}},     {Shape{}, Shape{2, 2}},
      {Shape{1}, Shape{1}},           {Shape{2, 1, 3}, Shape{5, 1}},
      {Shape{5}, Shape{1}, Shape{5}}, {Shape{2, 1, 1}, Shape{3, 1}, Shape{5}},
  };
  for (size_t number = 0; number < patterns.size(); ++number) {
    for (const bool direct : {false, true}) {
      const std::vector<Shape>& pattern = patterns[number];
      const std::vector<int32_t> bits =
          pattern.size() == 3 ? std::vector<int32_t>{2, 1, 3} : std::vector<int32_t>{2, 3};
      const int width = pattern.size() == 3 ? 6 : 5;
      Case given;
      std::vector<Value> indices;
      Shape shape;
      int64_t opened = 0;
      for (size_t i = 0; i < pattern.size(); ++i) {
        indices.push_back(given.Random(StrCat("x", i), Role::kDataOwner, Ring(bits[i]), pattern[i],
                                       10 * number + i));
        shape = *Broadcast(shape, pattern[i]);
        opened += pattern[i].elements() * bits[i];
      }
      const Tensor contents = RandomTable(11, 1, width, number);
      const TableId table = given.builder.AddTable("T", bits, contents.Clone(), false);
      Reveal(given.builder, "y",
             direct ? LookupReplicated(given.builder, indices, table, LookupForm::kDirect)
                    : Lookup(given.builder, indices, table));
      const Outcome outcome = RunCase(given, number + 1);
      CheckElements(outcome.revealed.at("y"), Ring(11), shape, [&](int64_t element) {
        uint64_t row = 0;
        for (size_t i = 0; i < pattern.size(); ++i) {
          const Tensor& index = given.data.at(StrCat("x", i));
          row = (row << bits[i]) | index.At(BroadcastIndex(pattern[i], shape).At(element));
        }
        return contents.At(static_cast<int64_t>(row));
      });
      // A shared input is opened once.
      CHECK(BitsOf(outcome, "lookup", Phase::kOnline, Role::kP1, Role::kP2) == opened);
      CHECK(BitsOf(outcome, "lookup", Phase::kOnline, Role::kP2, Role::kP0) ==
            (direct ? opened : 0));
    }
  }
}

TEST_CASE("Per-channel tables follow the last axis", "[mpc][lookup]") {
  for (const bool is_private : {true, false}) {
    for (const bool direct : {false, true}) {
      Case given;
      const Value x = given.Random("x", Role::kDataOwner, Ring(4), Shape{6, 3}, 1);
      const Tensor contents = RandomTable(10, 3, 4, 5);
      const TableId table = given.builder.AddTable("T", {4}, contents.Clone(), is_private);
      Reveal(given.builder, "y",
             direct ? LookupReplicated(given.builder, {x}, table, LookupForm::kDirect)
                    : Lookup(given.builder, {x}, table));
      const Outcome outcome = RunCase(given, 2, 2);
      CheckElements(outcome.revealed.at("y"), Ring(10), Shape{6, 3}, [&](int64_t i) {
        return contents.At(i % 3 * 16 + static_cast<int64_t>(given.data.at("x").At(i)));
      });
    }
  }
}

TEST_CASE("Many elements, in chunks and on several threads", "[mpc][lookup]") {
  for (const int l : {7, 8, 16}) {
    std::vector<Transcript::Message> first;
    for (const int threads : {1, 2, 3}) {
      Case given;
      const Value x = given.Random("x", Role::kDataOwner, Ring(4), Shape{9001}, 1);
      const TableId table = given.builder.AddTable("T", {4}, RandomTable(l, 1, 4, 5), true);
      Reveal(given.builder, "y", Lookup(given.builder, {x}, table));
      Outcome outcome = RunCase(given, 2, threads);
      if (threads == 1) first = std::move(outcome.transcript.messages);
      if (threads > 1) CHECK(outcome.transcript.messages == first);
    }
  }
}

TEST_CASE("What is dealt is the table turned by the masks", "[mpc][lookup]") {
  for (const bool direct : {false, true}) {
    Case given;
    const Value x = given.Random("x", Role::kDataOwner, Ring(2), Shape{5, 1}, 1);
    const Value y = given.Random("y", Role::kDataOwner, Ring(3), Shape{5, 3}, 1);
    const Tensor contents = RandomTable(13, 3, 5, 5);
    const TableId table = given.builder.AddTable("T", {2, 3}, contents.Clone(), true);
    if (direct) {
      LookupReplicated(given.builder, {x, y}, table, LookupForm::kDirect);
    } else {
      Lookup(given.builder, {x, y}, table);
    }
    const StatusOr<BuiltProgram> built = std::move(given.builder).Build();
    REQUIRE(built.ok());
    ThreadPool pool(2);
    const Dealt dealt(*built, pool, 3);
    const Node& node = built->program.nodes().back();
    std::vector<uint8_t> first_masks(5);
    std::vector<uint8_t> second_masks(15);
    dealt.dealer(node).Expand<uint8_t>(0, 0, first_masks);
    dealt.dealer(node).Expand<uint8_t>(1, 0, second_masks);
    // The masks are what P1 and P2 hold together.
    const Tensor p1 = dealt.fields(node, Role::kP1).Uniform(0, Shape{5});
    const Tensor p2 = dealt.fields(node, Role::kP2).Uniform(0, Shape{5});
    for (int64_t i = 0; i < 5; ++i) {
      CHECK((p1.At(i) + p2.At(i)) % 4 == first_masks[static_cast<size_t>(i)]);
    }
    for (uint32_t row = 0; row < 32; ++row) {
      const std::vector<uint64_t> found =
          direct ? dealt.Replicated(node, 2, row) : dealt.Additive(node, 2, row);
      for (size_t i = 0; i < 15; ++i) {
        const uint32_t turned =
            ((row / 8 + first_masks[i / 3]) % 4) * 8 + (row % 8 + second_masks[i]) % 8;
        CHECK(found[i] == contents.At(static_cast<int64_t>(i % 3 * 32 + turned)));
      }
    }
  }
}

TEST_CASE("Lookups refuse what does not fit, naming the node", "[mpc][lookup]") {
  struct Description {
    Deployment deployment = Deployment::kFourProcess;
    std::vector<int> rings = {4};
    Shape shape = Shape{2, 3};
    std::vector<std::vector<int32_t>> index_bits = {{4}};
    int64_t channels = 1;
    std::string result = "additive";
  };
  const auto error_of = [](const Description& description) {
    Case given(description.deployment);
    Builder::Scope scope(given.builder, "layer");
    std::vector<Value> inputs;
    for (const int bits : description.rings) {
      inputs.push_back(
          ToAdditive(given.builder, given.Random(StrCat("x", inputs.size()), Role::kDataOwner,
                                                 Ring(bits), description.shape, 1)));
    }
    std::vector<TableId> tables;
    for (const std::vector<int32_t>& bits : description.index_bits) {
      int width = 0;
      for (const int32_t each : bits) width += each;
      tables.push_back(
          given.builder.AddTable("T", bits, RandomTable(8, description.channels, width, 1), false));
    }
    const size_t outputs = std::max<size_t>(1, tables.size());
    given.builder.Add("lookup", inputs, Attributes().SetText("result", description.result), tables,
                      outputs);
    const StatusOr<BuiltProgram> built = std::move(given.builder).Build();
    return built.ok() ? std::string("none") : OneLine(built.status());
  };
  CHECK(error_of({}) == "none");
  CHECK(error_of({.channels = 3}) == "none");
  CHECK_THAT(error_of({.rings = {5}}), Catch::Contains("node 2 (layer, lookup): input 0") &&
                                           Catch::Contains("expected ring Z_2^4"));
  CHECK_THAT(error_of({.rings = {4, 4}}), Catch::Contains("inputs: expected 1"));
  CHECK_THAT(error_of({.rings = {}}), Catch::Contains("inputs: expected 1"));
  CHECK_THAT(error_of({.index_bits = {}}), Catch::Contains("tables: expected at least 1"));
  CHECK_THAT(error_of({.index_bits = {{4}, {2, 2}}}), Catch::Contains("index bits"));
  CHECK_THAT(error_of({.channels = 2}), Catch::Contains("expected 1 or 3 channels"));
  CHECK_THAT(error_of({.result = "revealed"}), Catch::Contains("attribute result"));
  CHECK(error_of({.deployment = Deployment::kSharedDealer}) == "none");
  CHECK_THAT(error_of({.deployment = Deployment::kSharedDealer, .result = "replicated"}),
             Catch::Contains("node 2 (layer, lookup)") && Catch::Contains("P0"));
}

}  // namespace
}  // namespace lutra
