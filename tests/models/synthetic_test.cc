#include "models/synthetic.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <set>

#include "models/inputs.h"
#include "tests/models/scalar_bert.h"

namespace lutra {
namespace {

IntegerModel Make(const std::string& name) {
  const StatusOr<SyntheticShape> shape = ParseSyntheticShape(name);
  REQUIRE(shape.ok());
  StatusOr<IntegerModel> model = MakeSyntheticModel(*shape);
  INFO(model.status().message());
  REQUIRE(model.ok());
  return *std::move(model);
}

TEST_CASE("names of synthetic shapes") {
  CHECK(IsSyntheticName("bert-base"));
  CHECK(IsSyntheticName("synthetic:hidden=64"));
  CHECK(IsSyntheticName("synthetic:nonsense"));
  CHECK_FALSE(IsSyntheticName("bert-base.safetensors"));
  CHECK_FALSE(IsSyntheticName("models/bert-base"));
  CHECK_FALSE(IsSyntheticName(""));

  const StatusOr<SyntheticShape> base = ParseSyntheticShape("bert-base");
  REQUIRE(base.ok());
  CHECK(base->layers == 12);
  CHECK(base->hidden == 768);
  CHECK(base->heads == 12);
  CHECK(base->sequence == 128);
  CHECK(base->vocabulary == 1000);
  const StatusOr<SyntheticShape> large =
      ParseSyntheticShape("bert-large:sequence=512,residual=6,extra=3,seed=18446744073709551615");
  REQUIRE(large.ok());
  CHECK(large->layers == 24);
  CHECK(large->heads == 16);
  CHECK(large->residual_bits == 6);
  CHECK(large->extra_bits == 3);
  CHECK(large->seed == ~uint64_t{0});
  CHECK(ModelShapeOf(*large).sum_shift == 9);
  CHECK(ModelShapeOf(*base).sum_shift == 7);
  const StatusOr<SyntheticShape> own = ParseSyntheticShape("synthetic:hidden=192,layers=3");
  REQUIRE(own.ok());
  CHECK(own->heads == 3);
  CHECK(own->layers == 3);
}

TEST_CASE("bad names are errors that name key, expected and found") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"bert", "expected bert-tiny, bert-base, bert-large or synthetic, found 'bert'"},
      {"synthetic", "hidden: expected (synthetic has no default)"},
      {"bert-tiny:",
       "expected one of the keys hidden, layers, heads, sequence, vocabulary, residual, extra, "
       "seed, found ''"},
      {"bert-tiny:width=3",
       "expected one of the keys hidden, layers, heads, sequence, vocabulary, residual, extra, "
       "seed, found 'width'"},
      {"bert-tiny:layers=1,",
       "expected one of the keys hidden, layers, heads, sequence, vocabulary, residual, extra, "
       "seed, found ''"},
      {"bert-tiny:layers", "layers: expected a number from 1 to 1024, found ''"},
      {"bert-tiny:layers=", "layers: expected a number from 1 to 1024, found ''"},
      {"bert-tiny:layers=two", "layers: expected a number from 1 to 1024, found 'two'"},
      {"bert-tiny:layers=2.0", "layers: expected a number from 1 to 1024, found '2.0'"},
      {"bert-tiny:layers=-2", "layers: expected a number from 1 to 1024, found '-2'"},
      {"bert-tiny:layers= 2", "layers: expected a number from 1 to 1024, found ' 2'"},
      {"bert-tiny:layers=0", "layers: expected a number from 1 to 1024, found '0'"},
      {"bert-tiny:layers=99999999999999999999",
       "layers: expected a number from 1 to 1024, found '99999999999999999999'"},
      {"bert-tiny:layers=2,layers=2", "layers: expected once, found twice"},
      {"bert-tiny:residual=3", "residual: expected a number from 4 to 8, found '3'"},
      {"bert-tiny:extra=4", "extra: expected a number from 0 to 3, found '4'"},
      {"bert-tiny:sequence=513", "sequence: expected a number from 3 to 512, found '513'"},
      {"bert-tiny:hidden=100", "hidden: expected a divisor of 256 or a multiple of 64, found 100"},
      {"bert-tiny:heads=3", "heads: expected a divisor of 128, found 3"},
  };
  for (const auto& [name, message] : cases) {
    const StatusOr<SyntheticShape> shape = ParseSyntheticShape(name);
    REQUIRE_FALSE(shape.ok());
    CHECK(shape.status().message() == "model '" + name + "': " + message);
  }
  const StatusOr<SyntheticShape> huge = ParseSyntheticShape("synthetic:hidden=16384,layers=1024");
  REQUIRE(huge.ok());
  CHECK_FALSE(MakeSyntheticModel(*huge).ok());
}

TEST_CASE("a seed gives one model") {
  const std::string name = "synthetic:hidden=64,sequence=8,seed=";
  const std::string one = SerializeSafetensors(Make(name + "1").content());
  CHECK(SerializeSafetensors(Make(name + "1").content()) == one);
  CHECK(SerializeSafetensors(Make(name + "2").content()) != one);
}

// What a step's codes must at least be, so that nothing is degenerate: different values, deviation.
struct Spread {
  std::string_view suffix;
  size_t different;
  double deviation;
};

// No accumulator leaves its range, and the codes of every step are spread.
void CheckCalibration(const std::string& name, int64_t examples, std::vector<Spread> spreads) {
  const IntegerModel model = Make(name);
  const Examples inputs = RandomExamples(model.shape(), examples, 99);
  // From the second on, extra bits are room that no code needs.
  const double least = 0.2 / (1 << std::max(0, model.shape().extra_bits - 1));
  for (int64_t i = 0; i < examples; ++i) {
    std::vector<int64_t> ids;
    for (int64_t p = 0; p < model.shape().sequence; ++p) {
      ids.push_back(static_cast<int64_t>(inputs.inputs.At(i * model.shape().sequence + p)));
    }
    const ScalarResult result = EvaluateScalar(model, ids);
    for (const auto& [step, part] : result.used) {
      INFO(name << ": " << step << " uses " << part);
      CHECK(part < 1);
      // Sums over what may be alone, or happen to cancel, may use little.
      const bool may_be_small =
          step.ends_with(".mean") || step.ends_with(".sum") || step == "classifier";
      if (!may_be_small) CHECK(part > least);
      if (step.ends_with(".variance")) CHECK(part < 0.95);
    }
    for (const auto& [step, values] : result.values) {
      double sum = 0, squares = 0;
      for (const int64_t value : values) sum += static_cast<double>(value);
      const double mean = sum / static_cast<double>(values.size());
      for (const int64_t value : values) {
        squares += (static_cast<double>(value) - mean) * (static_cast<double>(value) - mean);
      }
      const double deviation = std::sqrt(squares / static_cast<double>(values.size()));
      const size_t different = std::set<int64_t>(values.begin(), values.end()).size();
      for (const Spread& spread : spreads) {
        if (!step.ends_with(spread.suffix)) continue;
        INFO(name << ": " << step << " deviation " << deviation << " different " << different);
        CHECK(different >= spread.different);
        CHECK(deviation >= spread.deviation);
      }
    }
  }
}

TEST_CASE("synthetic models are calibrated") {
  const std::vector<Spread> spreads = {
      {".narrow", 14, 2},   {".query", 14, 2},     {".key", 14, 2},         {".value", 14, 2},
      {".score", 8, 0.8},   {".exp", 8, 3},        {".probability", 6, 1},  {".context", 10, 1.2},
      {".hidden", 14, 2},   {".residual", 60, 10}, {".normalized", 60, 12}, {"norm.output", 50, 10},
      {".variance", 4, 10}, {".inverse", 3, 1},    {"pooler", 8, 1.5},
  };
  CheckCalibration("bert-tiny:sequence=64", 1, spreads);
  CheckCalibration("bert-tiny:sequence=16,seed=5", 2, spreads);
  CheckCalibration("synthetic:hidden=768,sequence=8", 1, spreads);
}

TEST_CASE("synthetic models of other widths are calibrated") {
  // With fewer bits codes are coarser, without an extra bit their range is half.
  const std::vector<Spread> narrow = {{".narrow", 5, 1.5},
                                      {".query", 8, 1},
                                      {".value", 8, 1},
                                      {".residual", 7, 0.7},
                                      {".hidden", 8, 1.2}};
  CheckCalibration("synthetic:hidden=64,sequence=24,residual=4", 1, narrow);
  CheckCalibration("synthetic:hidden=128,heads=2,sequence=24,extra=0", 1, narrow);
  CheckCalibration("synthetic:hidden=64,sequence=24,extra=3,layers=4", 1, narrow);
  CheckCalibration("synthetic:hidden=192,sequence=12,residual=6", 1, narrow);
}

// Rows become alike from layer to layer; the sums over positions must be scaled for it.
TEST_CASE("synthetic models are calibrated at every depth") {
  CheckCalibration("synthetic:hidden=64,heads=2,layers=12,sequence=48", 1,
                   {{".context", 10, 1.5}, {".value", 12, 1.5}, {".narrow", 14, 2}});
  CheckCalibration("synthetic:hidden=64,layers=2,sequence=200", 1, {{".context", 10, 1.5}});
}

}  // namespace
}  // namespace lutra
