#include "models/integer_model.h"

#include <catch2/catch.hpp>
#include <functional>
#include <random>

#include "models/inputs.h"
#include "models/integer_bert.h"
#include "tests/models/random_model.h"

namespace lutra {
namespace {

IntegerModelShape TinyShape() {
  IntegerModelShape shape;
  shape.task = "test";
  shape.hidden = 16;
  shape.layers = 1;
  shape.heads = 2;
  shape.sequence = 3;
  shape.residual_bits = 4;
  shape.sum_shift = 2;
  shape.labels = {"no", "yes"};
  shape.vocabulary = 5;
  return shape;
}

Safetensors TinyContent() {
  std::mt19937_64 generator(1);
  return RandomContent(TinyShape(), generator);
}

TEST_CASE("a model's parts are those of its file") {
  const Safetensors content = TinyContent();
  const StatusOr<IntegerModel> model = MakeIntegerModel(content);
  REQUIRE(model.ok());
  const IntegerModelShape& shape = model->shape();
  CHECK(shape.vocabulary == 5);
  CHECK(shape.head_size() == 8);
  CHECK(shape.sum_bits() == 10);
  CHECK(shape.saturated_bits() == 5);
  CHECK(shape.relu_bits() == 6);
  CHECK(shape.input_shape() == Shape{3});
  CHECK(MetadataOf(shape) == content.metadata);
  const FeedForwardWeights& ffn = model->layer(0).ffn;
  CHECK(ffn.in.outputs == 64);
  CHECK(ffn.out.inputs == 64);
  CHECK(ffn.in.scale == content.tensors.at("layers.0.ffn.in.scale").At(0));
  CHECK(ffn.relu_table == content.tensors.at("layers.0.ffn.relu_table").Values());
  CHECK(model->layer(0).attention.probability_table.size() == 256);
  CHECK(model->classifier_weight().size() == 32);
  // Copies share the weights, and outlive the original.
  const IntegerModel copy = *model;
  CHECK(copy.word().data() == model->word().data());
}

TEST_CASE("without extra bits saturation is the identity") {
  IntegerModelShape shape = TinyShape();
  shape.extra_bits = 0;
  std::mt19937_64 generator(1);
  const StatusOr<IntegerModel> model = MakeIntegerModel(RandomContent(shape, generator));
  REQUIRE(model.ok());
  CHECK(model->saturate_table() ==
        std::vector<int64_t>{-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7});
}

TEST_CASE("bad models are errors that name field, expected and found") {
  using Change = std::function<void(Safetensors&)>;
  const auto metadata = [](const std::string& key, const std::string& value) {
    return [key, value](Safetensors& c) { c.metadata[key] = value; };
  };
  const auto without = [](const std::string& key) {
    return [key](Safetensors& c) { c.metadata.erase(key); };
  };
  const auto set = [](const std::string& name, int64_t element, int64_t value) {
    return [=](Safetensors& c) { c.tensors.at(name).Set(element, value); };
  };
  const auto replace = [](const std::string& name, ElementType type, const Shape& shape) {
    return [=](Safetensors& c) {
      c.tensors.erase(name);
      c.tensors.emplace(name, StoredTensor(type, shape));
    };
  };
  struct Case {
    Change change;
    std::string message;
  };
  const std::vector<Case> cases = {
      {without("format"), "metadata: format: missing"},
      {metadata("format", "lutra-integer-bert/2"),
       "metadata: format: expected 'lutra-integer-bert/1', found 'lutra-integer-bert/2'"},
      {without("task"), "metadata: task: missing"},
      {metadata("embedding", "image"),
       "metadata: embedding: expected token or patch, found 'image'"},
      {without("hidden"), "metadata: hidden: missing"},
      {metadata("hidden", ""), "metadata: hidden: expected a number, found ''"},
      {metadata("hidden", "16.0"), "metadata: hidden: expected a number, found '16.0'"},
      {metadata("hidden", "-16"), "metadata: hidden: expected a number, found '-16'"},
      {metadata("hidden", "0x10"), "metadata: hidden: expected a number, found '0x10'"},
      {metadata("hidden", "16000000000000"),
       "metadata: hidden: expected a number, found '16000000000000'"},
      {metadata("hidden", "0"), "metadata: hidden: expected a number from 1 to 16384, found 0"},
      {metadata("hidden", "48"),
       "metadata: hidden: expected a divisor of 256 or a multiple of 64, found 48"},
      {metadata("heads", "3"), "metadata: heads: expected a divisor of 16, found 3"},
      {metadata("layers", "1025"),
       "metadata: layers: expected a number from 1 to 1024, found 1025"},
      {metadata("sequence", "513"),
       "metadata: sequence: expected a number from 1 to 512, found 513"},
      {metadata("residual_bits", "9"),
       "metadata: residual_bits: expected a number from 2 to 8, found 9"},
      {metadata("extra_bits", "5"), "metadata: extra_bits: expected a number from 0 to 4, found 5"},
      {metadata("probability_bits", "0"),
       "metadata: probability_bits: expected a number from 1 to 8, found 0"},
      {metadata("ffn_bits", "1"), "metadata: ffn_bits: expected a number from 2 to 8, found 1"},
      {metadata("sum_shift", "10"), "metadata: sum_shift: expected a number from 0 to 9, found 10"},
      {metadata("labels", ""), "metadata: labels: expected names separated by commas, found ''"},
      {metadata("labels", "a,,b"),
       "metadata: labels: expected names separated by commas, found ''"},
      {metadata("labels", "a,a"), "metadata: labels: expected different names, found 'a' twice"},
      {metadata("labels", "a,b,c"), "tensor classifier.bias: expected I16 [3], found I16 [2]"},
      {metadata("layers", "2"), "tensor layers.1.attention.exp_table: missing"},
      {metadata("embedding", "patch"), "tensor embedding.weight: missing"},
      {replace("embedding.word", ElementType::kI8, Shape{80}),
       "tensor embedding.word: shape: expected [vocabulary, hidden], found [80]"},
      {replace("embedding.word", ElementType::kI8, Shape{0, 16}),
       "tensor embedding.word: vocabulary: expected a number from 1 to 16777216, found 0"},
      {replace("embedding.word", ElementType::kI8, Shape{5, 17}),
       "tensor embedding.word: expected I8 [5, 16], found I8 [5, 17]"},
      {replace("embedding.position", ElementType::kU8, Shape{3, 16}),
       "tensor embedding.position: expected I8 [3, 16], found U8 [3, 16]"},
      {replace("more", ElementType::kU8, Shape{1}), "tensor 'more': unexpected"},
      {[](Safetensors& c) { c.tensors.erase("saturate_table"); }, "tensor saturate_table: missing"},
      {metadata("extra_bits", "0"), "tensor 'saturate_table': unexpected"},
      {set("pooler.weight", 17, 0),
       "tensor pooler.weight: expected only -1 and +1, found 0 at element 17"},
      {set("layers.0.ffn.in.weight", 1, -128),
       "tensor layers.0.ffn.in.weight: expected only -1 and +1, found -128 at element 1"},
      {set("saturate_table", 0, -9),
       "tensor saturate_table: expected values from -8 to 7, found -9"},
      {set("saturate_table", 0, 8), "tensor saturate_table: expected values from -8 to 7, found 8"},
      {set("layers.0.attention.sum_table", 255, 16),
       "tensor layers.0.attention.sum_table: expected values from 0 to 15, found 16"},
  };
  for (const Case& c : cases) {
    INFO(c.message);
    Safetensors content = TinyContent();
    c.change(content);
    const StatusOr<IntegerModel> model = MakeIntegerModel(std::move(content));
    REQUIRE_FALSE(model.ok());
    CHECK(model.status().message() == c.message);
  }
}

TEST_CASE("the error of a file names it") {
  const TemporaryFolder folder;
  Safetensors content = TinyContent();
  content.metadata["hidden"] = "17";
  const std::string path = folder.File("bad.safetensors");
  REQUIRE(WriteSafetensors(path, content).ok());
  CHECK(LoadIntegerModel(path).status().message() ==
        path + ": metadata: hidden: expected a divisor of 256 or a multiple of 64, found 17");
}

// A mutated file is refused, or it is a model that can be evaluated.
TEST_CASE("mutated files never do harm") {
  const std::string file = SerializeSafetensors(TinyContent());
  std::mt19937_64 generator(11);
  ThreadPool pool(1);
  int valid = 0, refused = 0;
  for (int round = 0; round < 6000; ++round) {
    std::string mutated = file;
    // Two of three hit the header, where the structure is.
    const size_t region = round % 3 == 0 ? file.size() : 5000;
    const size_t at = generator() % region;
    const uint64_t kind = generator() % 8;
    if (kind == 0) {
      mutated.resize(at);
    } else if (kind == 1) {
      mutated.insert(at, 1, static_cast<char>(generator()));
    } else if (kind == 2) {
      mutated[at] = static_cast<char>('0' + generator() % 10);
    } else {
      mutated[at] = static_cast<char>(mutated[at] ^ (1 << (generator() % 8)));
    }
    StatusOr<Safetensors> content = ParseSafetensors(std::as_bytes(std::span(mutated)), "f");
    if (!content.ok()) {
      ++refused;
      continue;
    }
    const StatusOr<IntegerModel> model = MakeIntegerModel(*std::move(content));
    if (!model.ok()) {
      ++refused;
      continue;
    }
    ++valid;
    if (valid % 20 != 0) continue;
    const Examples examples = RandomExamples(model->shape(), 1, 1);
    REQUIRE(IntegerBert(*model).Logits(examples.inputs, pool).ok());
  }
  CHECK(valid > 100);
  CHECK(refused > 1000);
}

}  // namespace
}  // namespace lutra
