#include "models/integer_bert.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <map>
#include <random>

#include "models/inputs.h"
#include "tests/models/random_model.h"
#include "tests/models/scalar_bert.h"

namespace lutra {
namespace {

using Trace = std::map<std::string, std::pair<Shape, std::vector<int64_t>>>;

IntegerTrace Into(Trace& trace) {
  return [&trace](std::string_view name, const Shape& shape, std::span<const int64_t> values) {
    trace[std::string(name)] = {shape, {values.begin(), values.end()}};
  };
}

std::vector<int64_t> Values(const Tensor& tensor) {
  std::vector<int64_t> values;
  for (int64_t i = 0; i < tensor.elements(); ++i) {
    values.push_back(static_cast<int64_t>(tensor.At(i)));
  }
  return values;
}

std::vector<int64_t> SignedValues(const Tensor& tensor) {
  std::vector<int64_t> values;
  for (int64_t i = 0; i < tensor.elements(); ++i) values.push_back(tensor.SignedAt(i));
  return values;
}

// Every value of the trace of one batch against the naive implementation, example by example.
void CompareWithScalar(const IntegerModel& model, const Examples& examples, ThreadPool& pool) {
  Trace trace;
  const StatusOr<Tensor> logits = IntegerBert(model).Logits(examples.inputs, pool, Into(trace));
  REQUIRE(logits.ok());
  std::vector<int64_t> expected_logits;
  std::map<std::string, std::vector<int64_t>> expected;
  for (int64_t i = 0; i < examples.count(); ++i) {
    const ScalarResult one = EvaluateScalar(model, Values(examples.Slice(i, i + 1).inputs));
    expected_logits.insert(expected_logits.end(), one.logits.begin(), one.logits.end());
    for (const auto& [name, values] : one.values) {
      expected[name].insert(expected[name].end(), values.begin(), values.end());
    }
  }
  CHECK(SignedValues(*logits) == expected_logits);
  CHECK(trace.size() == expected.size());
  for (const auto& [name, values] : expected) {
    INFO(name);
    REQUIRE(trace.contains(name));
    const bool equal = trace[name].second == values;  // not expanded: millions of values
    CHECK(equal);
  }
}

// The first python3 that has numpy: the one of the path, or the system's; empty if none.
std::string PythonWithNumpy() {
  for (const std::string& python : {std::string("python3"), std::string("/usr/bin/python3")}) {
    if (std::system((python + " -c 'import numpy' 2>/dev/null").c_str()) == 0) return python;
  }
  return "";
}

TEST_CASE("the exact twin gives the 200 expected logits and the 62 golden tensors") {
  const StatusOr<IntegerModel> model =
      LoadIntegerModel(PretrainedFile("sms-spam-tiny.safetensors"));
  REQUIRE(model.ok());
  const std::string path = PretrainedFile("sms-spam-tiny.cases.safetensors");
  const StatusOr<Examples> cases =
      ReadExamples(path, model->shape(), [] { return absl::InternalError("not text"); });
  REQUIRE(cases.ok());
  REQUIRE(cases->count() == 200);
  ThreadPool pool(2);
  const IntegerBert bert(*model);
  const StatusOr<Tensor> logits = bert.Logits(cases->inputs, pool);
  REQUIRE(logits.ok());
  CHECK(SignedValues(*logits) == SignedValues(cases->expected_logits));

  const std::vector<int> predictions = Predictions(*logits);
  int right = 0;
  for (size_t i = 0; i < predictions.size(); ++i) right += predictions[i] == cases->labels[i];
  CHECK(right == 190);

  Trace trace;
  REQUIRE(bert.Logits(cases->Slice(0, 2).inputs, pool, Into(trace)).ok());
  const StatusOr<Safetensors> content = ReadSafetensors(path);
  REQUIRE(content.ok());
  int golden = 0;
  for (const auto& [name, tensor] : content->tensors) {
    if (!name.starts_with("golden.")) continue;
    ++golden;
    INFO(name);
    const auto found = trace.find(name.substr(7));
    REQUIRE(found != trace.end());
    CHECK(found->second.first == tensor.shape());
    CHECK(found->second.second == tensor.Values());
  }
  CHECK(golden == 62);
  CHECK(trace.size() == 62);
}

TEST_CASE("the exact twin equals the naive implementation on random models") {
  ThreadPool pool(2);
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    std::mt19937_64 generator(seed);
    const IntegerModelShape shape = RandomShape(generator, 24, 6'000'000);
    INFO("seed " << seed << " hidden " << shape.hidden << " sequence " << shape.sequence);
    const StatusOr<IntegerModel> model = MakeIntegerModel(RandomContent(shape, generator));
    REQUIRE(model.ok());
    CompareWithScalar(*model, RandomExamples(shape, 1 + static_cast<int64_t>(seed % 3), seed),
                      pool);
  }
}

TEST_CASE("the exact twin equals the naive implementation at long sequences") {
  ThreadPool pool(2);
  for (const int64_t sequence : {257, 258, 511, 512}) {
    std::mt19937_64 generator(static_cast<uint64_t>(sequence));
    IntegerModelShape shape = RandomShape(generator, 16, 1'000'000);
    shape.hidden = 16;
    shape.heads = 2;
    shape.layers = 1;
    shape.sequence = sequence;
    shape.sum_shift = sequence <= 257 ? 8 : 9;
    const StatusOr<IntegerModel> model = MakeIntegerModel(RandomContent(shape, generator));
    REQUIRE(model.ok());
    CompareWithScalar(*model, RandomExamples(shape, 1, 7), pool);
  }
}

TEST_CASE("the exact twin equals the naive implementation on a single position") {
  ThreadPool pool(1);
  for (const Embedding embedding : {Embedding::kToken, Embedding::kPatch}) {
    std::mt19937_64 generator(17);
    IntegerModelShape shape = RandomShape(generator, 8, 1'000'000);
    shape.embedding = embedding;
    shape.vocabulary = embedding == Embedding::kToken ? 3 : 0;
    shape.patch_size = embedding == Embedding::kToken ? 0 : 3;
    shape.sequence = 1;
    const StatusOr<IntegerModel> model = MakeIntegerModel(RandomContent(shape, generator));
    REQUIRE(model.ok());
    CompareWithScalar(*model, RandomExamples(shape, 2, 1), pool);
  }
}

TEST_CASE("logits do not depend on threads, batches or the trace") {
  std::mt19937_64 generator(5);
  IntegerModelShape shape = RandomShape(generator, 32, 3'000'000);
  const StatusOr<IntegerModel> model = MakeIntegerModel(RandomContent(shape, generator));
  REQUIRE(model.ok());
  const IntegerBert bert(*model);
  const Examples examples = RandomExamples(shape, 7, 1);
  ThreadPool one(1), four(4);
  const StatusOr<Tensor> expected = bert.Logits(examples.inputs, one);
  REQUIRE(expected.ok());
  Trace trace;
  CHECK(*bert.Logits(examples.inputs, four, Into(trace)) == *expected);
  for (int64_t i = 0; i < 7; ++i) {
    const StatusOr<Tensor> single = bert.Logits(examples.Slice(i, i + 1).inputs, four);
    REQUIRE(single.ok());
    for (int64_t c = 0; c < shape.classes(); ++c) {
      CHECK(single->At(c) == expected->At(i * shape.classes() + c));
    }
  }
}

TEST_CASE("the numpy oracle agrees on random models") {
  const std::string oracle = ReferenceFile("integer_bert.py");
  if (!std::filesystem::exists(oracle)) {
    WARN("skipped: no ../shared/reference/integer_bert.py");
    return;
  }
  const std::string python = PythonWithNumpy();
  if (python.empty()) {
    WARN("skipped: no python3 with numpy");
    return;
  }
  const TemporaryFolder folder;
  ThreadPool pool(2);
  std::string command = "true";
  for (uint64_t seed = 101; seed <= 130; ++seed) {
    std::mt19937_64 generator(seed);
    IntegerModelShape shape = RandomShape(generator, 256, 20'000'000);
    // The oracle knows divisors and multiples of 256 only.
    if (256 % shape.hidden != 0 && shape.hidden % 256 != 0) shape.hidden = shape.heads = 64;
    const Safetensors content = RandomContent(shape, generator);
    const StatusOr<IntegerModel> model = MakeIntegerModel(content);
    REQUIRE(model.ok());
    const Examples examples = RandomExamples(shape, 2, seed);
    Trace trace;
    const StatusOr<Tensor> logits = IntegerBert(*model).Logits(examples.inputs, pool, Into(trace));
    REQUIRE(logits.ok());
    Safetensors cases;
    const auto add = [&](const std::string& name, const Shape& sizes,
                         const std::vector<int64_t>& values) {
      cases.tensors.emplace(name, StoredTensor::Of(ElementType::kI32, sizes, values));
    };
    add(shape.inputs_name(), examples.inputs.shape(), Values(examples.inputs));
    add("labels", Shape{2}, {0, 0});
    add("logits", logits->shape(), SignedValues(*logits));
    for (const auto& [name, entry] : trace) add("golden." + name, entry.first, entry.second);
    const std::string model_file = folder.File(StrCat(seed, ".safetensors"));
    const std::string cases_file = folder.File(StrCat(seed, ".cases.safetensors"));
    REQUIRE(WriteSafetensors(model_file, content).ok());
    REQUIRE(WriteSafetensors(cases_file, cases).ok());
    command += StrCat(" && ", python, " -B '", oracle, "' '", model_file, "' '", cases_file, "'");
  }
  const std::string log = folder.File("log");
  const int status = std::system(StrCat("(", command, ") > '", log, "' 2>&1").c_str());
  const StatusOr<std::vector<std::string>> lines = ReadTextLines(log, 1 << 20);
  INFO((lines.ok() ? lines->back() : "no output"));
  CHECK(status == 0);
}

TEST_CASE("inputs of another shape or range are refused") {
  std::mt19937_64 generator(3);
  IntegerModelShape shape = RandomShape(generator, 8, 1'000'000);
  shape.embedding = Embedding::kToken;
  shape.vocabulary = 10;
  shape.patch_size = 0;
  shape.sequence = 5;
  const StatusOr<IntegerModel> model = MakeIntegerModel(RandomContent(shape, generator));
  REQUIRE(model.ok());
  const IntegerBert bert(*model);
  ThreadPool pool(1);
  const auto error = [&](const Tensor& inputs) {
    return std::string(bert.Logits(inputs, pool).status().message());
  };
  CHECK(error(Tensor::Zeros(Ring(32), Shape{2, 4})) ==
        "tokens: expected examples of shape [5], found all of shape [2, 4]");
  CHECK(error(Tensor::Of(Ring(32), Shape{1, 5}, {0, 1, 9, 10, 2})) ==
        "tokens: expected values from 0 to 9, found 10 at element 3");
  CHECK(bert.Logits(Tensor::Zeros(Ring(32), Shape{0, 5}), pool)->elements() == 0);
}

TEST_CASE("the mean's table") {
  IntegerModelShape shape;
  shape.hidden = 128;
  CHECK(shape.mean_table_is_identity());
  CHECK(shape.MeanTable()[0] == -128);
  CHECK(shape.MeanTable()[255] == 127);
  shape.hidden = 768;  // floor(x/3 + 1/2)
  const std::vector<int64_t> table = shape.MeanTable();
  for (int64_t x = -128; x <= 127; ++x) {
    CHECK(table[static_cast<size_t>(x + 128)] == (2 * x + 3 + 600) / 6 - 100);
  }
  shape.hidden = 192;  // three quarters of 256: x * 4/3, within 8 bits
  CHECK(shape.MeanTable()[128 + 3] == 4);
  CHECK(shape.MeanTable()[128 + 100] == 127);
}

}  // namespace
}  // namespace lutra
