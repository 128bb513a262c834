#include "models/requantize.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <map>
#include <random>

#include "models/inputs.h"
#include "models/integer_bert.h"
#include "tests/models/random_model.h"

namespace lutra {
namespace {

using Values = std::vector<int64_t>;

IntegerModel Shipped() {
  StatusOr<IntegerModel> model = LoadIntegerModel(PretrainedFile("sms-spam-tiny.safetensors"));
  REQUIRE(model.ok());
  return *std::move(model);
}

// A small random token model; its saturate table clips, as that of a trained one does.
IntegerModel Small(uint64_t seed, int residual_bits, int extra_bits) {
  std::mt19937_64 generator(seed);
  IntegerModelShape shape = RandomShape(generator, 8, 400'000);
  shape.embedding = Embedding::kToken;
  shape.vocabulary = 9;
  shape.patch_size = 0;
  shape.residual_bits = residual_bits;
  shape.extra_bits = extra_bits;
  Safetensors content = RandomContent(shape, generator);
  if (extra_bits > 0) {
    StoredTensor& table = content.tensors.at("saturate_table");
    for (int64_t i = 0; i < table.elements(); ++i) {
      table.Set(i, std::clamp<int64_t>(i - table.elements() / 2, -8, 7));
    }
  }
  StatusOr<IntegerModel> model = MakeIntegerModel(std::move(content));
  REQUIRE(model.ok());
  return *std::move(model);
}

IntegerModel Changed(const IntegerModel& model, int residual_bits, int extra_bits) {
  StatusOr<IntegerModel> changed =
      Requantize(model, {.residual_bits = residual_bits, .extra_bits = extra_bits});
  INFO(changed.status().message());
  REQUIRE(changed.ok());
  CHECK(changed->shape().residual_bits == residual_bits);
  CHECK(changed->shape().extra_bits == extra_bits);
  return *std::move(changed);
}

std::map<std::string, Values> Tensors(const IntegerModel& model) {
  std::map<std::string, Values> tensors;
  for (const auto& [name, tensor] : model.content().tensors) tensors[name] = tensor.Values();
  return tensors;
}

// The names of the tensors that differ.
std::vector<std::string> Differences(const IntegerModel& left, const IntegerModel& right) {
  std::vector<std::string> names;
  std::map<std::string, Values> others = Tensors(right);
  for (const auto& [name, values] : Tensors(left)) {
    if (others[name] != values) names.push_back(name);
    others.erase(name);
  }
  for (const auto& [name, unused] : others) names.push_back(name);
  return names;
}

bool SameWord(int64_t left, int64_t right) { return ((left - right) & 0xffff) == 0; }

std::map<std::string, Values> TraceOf(const IntegerModel& model, const Examples& examples) {
  ThreadPool pool(2);
  std::map<std::string, Values> trace;
  const auto record = [&trace](std::string_view name, const Shape& /*shape*/,
                               std::span<const int64_t> values) {
    trace[std::string(name)].assign(values.begin(), values.end());
  };
  REQUIRE(IntegerBert(model).Logits(examples.inputs, pool, record).ok());
  return trace;
}

struct Score {
  int right = 0;   // of the 200 messages
  int agrees = 0;  // with the shipped model's prediction
};

Score ScoreOf(const IntegerModel& model) {
  const StatusOr<Examples> cases =
      ReadExamples(PretrainedFile("sms-spam-tiny.cases.safetensors"), model.shape(),
                   [] { return absl::InternalError("not text"); });
  REQUIRE(cases.ok());
  ThreadPool pool(2);
  const StatusOr<Tensor> logits = IntegerBert(model).Logits(cases->inputs, pool);
  REQUIRE(logits.ok());
  const std::vector<int> found = Predictions(*logits);
  const std::vector<int> expected = Predictions(cases->expected_logits);
  REQUIRE(found.size() == 200);
  Score score;
  for (size_t i = 0; i < found.size(); ++i) {
    score.right += found[i] == cases->labels[i];
    score.agrees += found[i] == expected[i];
  }
  return score;
}

TEST_CASE("requantizing to the same bits changes nothing") {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    const int residual_bits = 2 + static_cast<int>(seed % 7),
              extra_bits = static_cast<int>(seed % 5);
    const IntegerModel model = Small(seed, residual_bits, extra_bits);
    CHECK(Differences(model, Changed(model, residual_bits, extra_bits)).empty());
  }
}

TEST_CASE("fewer extra bits double scales, biases and tables modulo 2^16") {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    const int from = 1 + static_cast<int>(seed % 4), to = static_cast<int>(seed % 2) * (from - 1);
    const int64_t factor = int64_t{1} << (from - to);
    const IntegerModel model = Small(seed, 8, from), changed = Changed(model, 8, to);
    std::map<std::string, Values> old = Tensors(model);
    for (const auto& [name, values] : Tensors(changed)) {
      INFO("seed " << seed << " " << name);
      const std::string_view view = name;
      const bool moved = view.starts_with("pooler.") || view.find(".query") != view.npos ||
                         view.find(".key") != view.npos || view.find(".value") != view.npos ||
                         view.find("ffn.in.") != view.npos;
      const bool scaled = moved && !view.ends_with(".weight") && view != "pooler.tanh_table";
      const Values& before = old.at(name);
      if (view.ends_with("relu_table") || view == "saturate_table") {
        const size_t skipped = (before.size() - values.size()) / 2;
        CHECK(std::equal(values.begin(), values.end(),
                         before.begin() + static_cast<int64_t>(skipped)));
        continue;
      }
      REQUIRE(values.size() == before.size());
      for (size_t i = 0; i < values.size(); ++i) {
        if (!SameWord(values[i], scaled ? factor * before[i] : before[i])) FAIL("element " << i);
      }
    }
  }
}

TEST_CASE("an accumulator of fewer extra bits gives the same code, modulo its range") {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    const IntegerModel model = Small(seed, 6, 3), changed = Changed(model, 6, 0);
    const Examples examples = RandomExamples(model.shape(), 1, seed);
    std::map<std::string, Values> before = TraceOf(model, examples);
    std::map<std::string, Values> after = TraceOf(changed, examples);
    CHECK(before.at("embedding.norm.narrow") == after.at("embedding.norm.narrow"));
    const LinearWeights& key = model.layer(0).attention.key;
    const Values& narrow = before.at("embedding.norm.narrow");
    const int64_t hidden = model.shape().hidden;
    for (size_t i = 0; i < narrow.size(); ++i) {
      const int64_t output = static_cast<int64_t>(i) % hidden;
      const size_t row = i - static_cast<size_t>(output);
      int64_t z = key.bias[static_cast<size_t>(output)];
      for (int64_t j = 0; j < hidden; ++j) {
        z += key.scale * key.weight[static_cast<size_t>(output * hidden + j)] *
             narrow[row + static_cast<size_t>(j)];
      }
      const int64_t code = static_cast<int16_t>(z) >> 9;  // 4 + 3 bits
      if (before.at("layers.0.attention.key")[i] != std::clamp<int64_t>(code, -8, 7)) FAIL(i);
      const int64_t wrapped = ((code + 8) & 15) - 8;
      if (after.at("layers.0.attention.key")[i] != wrapped) FAIL("element " << i);
    }
  }
}

TEST_CASE("more extra bits halve what they can and round the rest") {
  const IntegerModel model = Small(3, 8, 0);
  const IntegerModel once = Changed(model, 8, 1), twice = Changed(once, 8, 2);
  const AttentionWeights& before = model.layer(0).attention;
  const AttentionWeights& after = once.layer(0).attention;
  CHECK(after.query.scale == (before.query.scale + 1) >> 1);
  CHECK(after.output.scale == before.output.scale);
  for (size_t i = 0; i < before.query.bias.size(); ++i) {
    CHECK(after.query.bias[i] == before.query.bias[i] >> 1);
  }
  for (size_t i = 0; i < 16; ++i) {
    CHECK(after.value_table[i] == (before.value_table[i] + 1) >> 1);
    CHECK(after.exp_table[i] == before.exp_table[i]);
  }
  // New codes saturate.
  REQUIRE(twice.saturate_table().size() == 64);
  for (int64_t code = -32; code < 32; ++code) {
    CHECK(twice.saturate_table()[static_cast<size_t>(code + 32)] ==
          std::clamp<int64_t>(code, -8, 7));
  }
  const Values& relu = model.layer(0).ffn.relu_table;
  const Values& wide = once.layer(0).ffn.relu_table;
  REQUIRE(wide.size() == 2 * relu.size());
  CHECK(std::equal(relu.begin(), relu.end(), wide.begin() + static_cast<int64_t>(relu.size() / 2)));
  CHECK(wide.front() == relu.front());
  CHECK(wide.back() == relu.back());
}

TEST_CASE("halving after doubling gives the shipped model again") {
  const IntegerModel model = Shipped();
  CHECK(Differences(model, Changed(Changed(model, 8, 0), 8, 1)).empty());
  CHECK_FALSE(Differences(model, Changed(model, 8, 0)).empty());
}

TEST_CASE("a residual of fewer bits holds the nearest codes") {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    Safetensors content = Small(seed, 8, 1).content();
    // Words and positions that six bits hold exactly: the LayerNorm's input is the same.
    for (const char* const name : {"embedding.word", "embedding.position"}) {
      StoredTensor& tensor = content.tensors.at(name);
      for (int64_t i = 0; i < tensor.elements(); ++i) tensor.Set(i, tensor.At(i) / 8 * 4);
    }
    const StatusOr<IntegerModel> model = MakeIntegerModel(std::move(content));
    REQUIRE(model.ok());
    const IntegerModel changed = Changed(*model, 6, 1);
    const Examples examples = RandomExamples(model->shape(), 1, seed);
    std::map<std::string, Values> before = TraceOf(*model, examples);
    std::map<std::string, Values> after = TraceOf(changed, examples);
    CHECK(before.at("embedding.norm.normalized") == after.at("embedding.norm.normalized"));
    const Values& fine = before.at("embedding.norm.output");
    const Values& coarse = after.at("embedding.norm.output");
    for (size_t i = 0; i < fine.size(); ++i) {
      // Modulo 2^8: what rounds up beyond the range wraps.
      const int64_t apart = ((fine[i] - 4 * coarse[i] + 128) & 255) - 128;
      if (std::abs(apart) > 2) FAIL("element " << i << ": " << fine[i] << " " << coarse[i]);
      const int64_t narrow =
          model->embedding_norm().narrow[static_cast<size_t>(4 * coarse[i] + 128)];
      if (after.at("embedding.norm.narrow")[i] != narrow) FAIL("element " << i);
    }
    const Values& residual = model->layer(0).ffn.residual_table;
    for (size_t i = 0; i < 64; ++i) {
      CHECK(changed.layer(0).ffn.residual_table[i] == residual[4 * i]);
    }
    CHECK(changed.layer(0).ffn.out.scale == model->layer(0).ffn.out.scale);
    CHECK(SameWord(changed.layer(0).ffn.out.bias[0], model->layer(0).ffn.out.bias[0] + 512 - 128));
  }
}

TEST_CASE("a residual of more bits lies between the old codes") {
  const IntegerModel model = Small(5, 4, 2), changed = Changed(model, 6, 2);
  const Values& old = model.layer(0).attention.residual_table;
  const Values& table = changed.layer(0).attention.residual_table;
  REQUIRE(table.size() == 64);
  for (size_t i = 0; i < 16; ++i) {
    CHECK(table[4 * i] == old[i]);
    if (i < 15) CHECK(std::abs(2 * table[4 * i + 2] - old[i] - old[i + 1]) <= 1);
  }
  const Values& narrow = model.embedding_norm().narrow;
  for (size_t i = 0; i < 64; ++i) {
    CHECK(changed.embedding_norm().narrow[i] == narrow[std::min<size_t>((i + 2) / 4, 15)]);
  }
  // And back.
  CHECK(Changed(changed, 4, 2).layer(0).attention.residual_table == old);
  CHECK(Tensors(Changed(changed, 4, 2)).at("embedding.norm.beta") ==
        Tensors(model).at("embedding.norm.beta"));
}

TEST_CASE("patches keep their scale; their bias takes the new rounding half") {
  std::mt19937_64 generator(11);
  IntegerModelShape shape = RandomShape(generator, 8, 400'000);
  shape.embedding = Embedding::kPatch;
  shape.vocabulary = 0;
  shape.patch_size = 4;
  shape.residual_bits = 8;
  const StatusOr<IntegerModel> model = MakeIntegerModel(RandomContent(shape, generator));
  REQUIRE(model.ok());
  const IntegerModel changed = Changed(*model, 5, shape.extra_bits);
  CHECK(changed.patch().scale == model->patch().scale);
  for (size_t i = 0; i < changed.patch().bias.size(); ++i) {
    CHECK(SameWord(changed.patch().bias[i], model->patch().bias[i] + 1024 - 128));
  }
}

TEST_CASE("what no model file can hold is refused") {
  const IntegerModel model = Shipped();
  const auto error = [](const IntegerModel& from, int residual_bits, int extra_bits) {
    return std::string(Requantize(from, {.residual_bits = residual_bits, .extra_bits = extra_bits})
                           .status()
                           .message());
  };
  CHECK(error(model, 9, 1) == "residual_bits: expected a number from 2 to 8, found 9");
  CHECK(error(model, 1, 1) == "residual_bits: expected a number from 2 to 8, found 1");
  CHECK(error(model, 8, 5) == "extra_bits: expected a number from 0 to 4, found 5");
  CHECK(error(model, 8, -1) == "extra_bits: expected a number from 0 to 4, found -1");

  Safetensors content = model.content();
  content.tensors.at("saturate_table").Set(16 + 3, 2);
  const StatusOr<IntegerModel> odd = MakeIntegerModel(content);
  REQUIRE(odd.ok());
  CHECK(error(*odd, 8, 0) ==
        "tensor saturate_table: expected 3 for 3, as it is without extra bits, found 2");

  content = model.content();
  content.tensors.at("layers.1.ffn.in.scale").Set(0, 1);
  content.tensors.at("pooler.scale").Set(0, -3);
  const StatusOr<IntegerModel> faint = MakeIntegerModel(content);
  REQUIRE(faint.ok());
  CHECK(error(*faint, 8, 2) == "");  // 1/2 rounds up
  CHECK(error(*faint, 8, 4) ==
        "tensor pooler.scale: expected a scale that 3 more extra bits do not round to 0, found -3");
}

TEST_CASE("the shipped model in other bits keeps most of its accuracy without training") {
  const IntegerModel model = Shipped();
  const Score shipped = ScoreOf(model);
  CHECK(shipped.right == 190);
  CHECK(shipped.agrees == 200);
  struct Case {
    int residual_bits, extra_bits;
    int off;  // how many predictions may differ; about twice what was measured
  };
  for (const Case& one : {Case{8, 2, 1}, Case{8, 0, 5}, Case{7, 1, 5}, Case{6, 1, 3}, Case{6, 0, 5},
                          Case{5, 1, 3}, Case{4, 1, 8}, Case{3, 1, 15}}) {
    INFO("R " << one.residual_bits << ", X " << one.extra_bits);
    const Score score = ScoreOf(Changed(model, one.residual_bits, one.extra_bits));
    CHECK(score.agrees >= 200 - one.off);
    CHECK(score.right >= shipped.right - one.off);
  }
  // Two bits are too few: worse than always saying ham, which is right in 167 cases.
  CHECK(ScoreOf(Changed(model, 2, 1)).right < 167);
}

}  // namespace
}  // namespace lutra
