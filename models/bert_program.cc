#include "models/bert_program.h"

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mpc/protocols/fully_connected.h"
#include "mpc/protocols/input.h"
#include "mpc/protocols/layer_norm.h"
#include "mpc/protocols/local.h"
#include "mpc/protocols/reshare.h"
#include "mpc/protocols/reveal.h"
#include "mpc/protocols/softmax.h"
#include "mpc/protocols/top_bits.h"

namespace lutra {
namespace {

const Ring kAccumulator(IntegerModelShape::kAccumulatorBits);
constexpr int kActivationBits = IntegerModelShape::kActivationBits;
constexpr int kNormBits = IntegerModelShape::kNormBits;
constexpr int kSumCodeBits = IntegerModelShape::kSumCodeBits;
constexpr int kExpBits = 8;

using Entries = std::vector<int64_t>;
using TableFunction = std::function<int64_t(int64_t code)>;

// A table that begins at the most negative code, at a signed code.
int64_t At(const Entries& table, int64_t code) {
  return table[static_cast<size_t>(code + static_cast<int64_t>(table.size()) / 2)];
}

// The code of an arithmetic shift to the top bits of a signed accumulator, modulo 2^16.
int64_t TopOfAccumulator(int64_t accumulator, int bits) {
  const int64_t word = kAccumulator.Signed(kAccumulator.Reduce(static_cast<uint64_t>(accumulator)));
  return word >> (IntegerModelShape::kAccumulatorBits - bits);
}

// The residual that enters an accumulator beside a LayerNorm's output; none after the last layer.
const Entries* ResidualTable(const IntegerModel& model, int64_t layer, bool into_attention) {
  if (layer >= model.shape().layers) return nullptr;
  const LayerWeights& weights = model.layer(layer);
  return into_attention ? &weights.attention.residual_table : &weights.ffn.residual_table;
}

class BertBuilder {
 public:
  // Without a model, tables have names, shapes and rings only.
  BertBuilder(const Registry& registry, const IntegerModelShape& shape, const IntegerModel* model,
              const BertProgramOptions& options)
      : shape_(shape), model_(model), options_(options), builder_(registry, options.deployment) {}

  StatusOr<BuiltProgram> Build() && {
    if (options_.batch < 1) {
      return InvalidArgument("batch: expected at least 1, found ", options_.batch);
    }
    AddCommonTables();
    Stream stream = Embedding();
    for (int64_t layer = 0; layer < shape_.layers; ++layer) {
      Builder::Scope scope(builder_, StrCat("layers.", layer));
      stream = Attention(layer, stream);
      stream = FeedForward(layer, stream);
    }
    Classify(stream.narrow);
    return std::move(builder_).Build();
  }

 private:
  // What a LayerNorm hands on: h4 [B, n, H] as replicated 16-bit words for linear layers, and the
  // residual as an additive accumulator.
  struct Stream {
    Value narrow;
    Value residual;
  };

  // ---- tables ----

  TableId AddTable(std::string_view name, std::vector<int32_t> index_bits, int64_t channels,
                   Ring ring, const std::function<int64_t(int64_t channel, int64_t row)>& entry) {
    if (model_ == nullptr) {
      return builder_.AddPrivateTable(name, std::move(index_bits), channels, ring);
    }
    int width = 0;
    for (const int32_t bits : index_bits) width += bits;
    const int64_t rows = int64_t{1} << width;
    Tensor contents(ring, Shape{channels, rows});
    for (int64_t channel = 0; channel < channels; ++channel) {
      for (int64_t row = 0; row < rows; ++row) {
        contents.Set(channel * rows + row, static_cast<uint64_t>(entry(channel, row)));
      }
    }
    return builder_.AddTable(name, std::move(index_bits), std::move(contents),
                             options_.private_tables);
  }

  // Indexed by a signed code of `bits` bits.
  TableId SignedTable(std::string_view name, int bits, Ring ring, const TableFunction& function) {
    const Ring index(bits);
    return AddTable(name, {bits}, 1, ring, [&](int64_t, int64_t row) {
      return function(index.Signed(static_cast<uint64_t>(row)));
    });
  }

  TableId UnsignedTable(std::string_view name, int bits, Ring ring, const Entries& entries) {
    return AddTable(name, {bits}, 1, ring,
                    [&](int64_t, int64_t row) { return entries[static_cast<size_t>(row)]; });
  }

  void AddCommonTables() {
    saturate_ = SignedTable("saturate", shape_.saturated_bits(), kAccumulator,
                            [this](int64_t code) { return Saturate(code); });
    const int widening = kNormBits - shape_.residual_bits;
    extend_residual_ =
        SignedTable("extend_residual", shape_.residual_bits, kAccumulator,
                    [widening](int64_t code) { return code * (int64_t{1} << widening); });
    extend_centred_ =
        SignedTable("extend_centred", kNormBits, kAccumulator, [](int64_t code) { return code; });
    if (!shape_.mean_table_is_identity()) {
      const Entries mean = shape_.MeanTable();
      mean_ = SignedTable("mean", kNormBits, Ring(kNormBits),
                          [&mean](int64_t code) { return At(mean, code); });
    }
  }

  int64_t Saturate(int64_t code) const { return At(model_->saturate_table(), code); }

  // ---- inputs ----

  // Its path is the name of the tensor in the model's file: "layers.0.attention.query.weight".
  Value ModelInput(std::string_view name, Ring ring, const Shape& shape) {
    return Input(builder_, name, Role::kModelOwner, ring, shape);
  }

  // s*(W x) + b modulo 2^16, additive; W and b named by the scope.
  Value Linear(Value x, int64_t outputs, int64_t inputs) {
    const Value weight = ModelInput("weight", kAccumulator, Shape{outputs, inputs});
    const Value bias = ModelInput("bias", kAccumulator, Shape{outputs});
    return FullyConnected(builder_, x, weight, bias, options_.linear);
  }

  // ---- steps ----

  Stream Embedding() {
    Value residual;
    {
      Builder::Scope scope(builder_, "embedding");
      residual = shape_.embedding == Embedding::kPatch          ? PatchEmbedding()
                 : options_.embedding == EmbeddingForm::kClient ? ClientEmbedding()
                                                                : TokenEmbedding();
    }
    Builder::Scope scope(builder_, "embedding.norm");
    return Norm("embedding.norm", model_ == nullptr ? nullptr : &model_->embedding_norm(), residual,
                shape_.layers > 0, /*layer=*/0, /*into_attention=*/true);
  }

  Value ClientEmbedding() {
    return ToAdditive(builder_,
                      Input(builder_, "embedded", Role::kDataOwner, Ring(shape_.residual_bits),
                            Shape{options_.batch, shape_.sequence, shape_.hidden}));
  }

  Value TokenEmbedding() {
    const Ring ring(shape_.residual_bits);
    const Value tokens = Input(builder_, "tokens", Role::kDataOwner, ring,
                               Shape{options_.batch, shape_.sequence, shape_.vocabulary});
    const Value word = ModelInput("word", ring, Shape{shape_.hidden, shape_.vocabulary});
    const Value position = ModelInput("position", ring, Shape{shape_.sequence, shape_.hidden});
    return Add(builder_, MatrixProduct(builder_, tokens, word, options_.linear), position);
  }

  Value PatchEmbedding() {
    const Value pixels = Input(builder_, "pixels", Role::kDataOwner, kAccumulator,
                               Shape{options_.batch, shape_.sequence - 1, shape_.patch_size});
    const Value weight =
        ModelInput("weight", kAccumulator, Shape{shape_.hidden, shape_.patch_size});
    const Value bias =
        ModelInput("position_bias", kAccumulator, Shape{shape_.sequence, shape_.hidden});
    const Value patches = MatrixProduct(builder_, pixels, weight, options_.linear);
    // Row 0 is the class token: nothing but its bias.
    const Value nothing = Scale(builder_, Slice(builder_, patches, 1, 0, 1), {0});
    const Value rows = Concatenate(builder_, {nothing, patches}, 1);
    return Extract(Add(builder_, rows, bias), shape_.residual_bits);
  }

  // A LayerNorm with the affine map, the narrowing and the residual of what follows in one
  // per-channel table each.
  Stream Norm(std::string_view name, const NormWeights* weights, Value residual, bool has_residual,
              int64_t layer, bool into_attention) {
    const Entries* residual_table =
        model_ == nullptr ? nullptr : ResidualTable(*model_, layer, into_attention);
    const auto affine = [&](int64_t channel, int64_t row) {
      const auto index = static_cast<size_t>(channel);
      const int64_t m = Ring(kNormBits).Signed(static_cast<uint64_t>(row));
      return TopOfAccumulator(weights->gamma[index] * m + weights->beta[index],
                              shape_.residual_bits);
    };
    LayerNormTables tables;
    tables.extend = extend_residual_;
    tables.mean = mean_;
    tables.centred = extend_centred_;
    tables.square = SignedTable(StrCat(name, ".square"), kNormBits, kAccumulator,
                                [&](int64_t code) { return At(weights->square, code); });
    tables.rsqrt =
        AddTable(StrCat(name, ".rsqrt"), {kNormBits}, 1, kAccumulator,
                 [&](int64_t, int64_t row) { return weights->rsqrt[static_cast<size_t>(row)]; });
    const TableId narrow = AddTable(
        StrCat(name, ".narrow"), {kNormBits}, shape_.hidden, kAccumulator,
        [&](int64_t channel, int64_t row) { return At(weights->narrow, affine(channel, row)); });
    std::vector<TableId> outputs = {narrow};
    if (has_residual) {
      outputs.push_back(AddTable(
          StrCat(name, ".residual"), {kNormBits}, shape_.hidden, kAccumulator,
          [&](int64_t channel, int64_t row) { return At(*residual_table, affine(channel, row)); }));
    }
    const Value normalized = LayerNorm(builder_, residual, shape_.mean_multiplier(), tables,
                                       options_.lookup, options_.linear, options_.rounding);
    Builder::Scope scope(builder_, "output");
    if (options_.lookup == LookupForm::kReshare) {  // one opening serves both tables
      const std::vector<Value> values = LookupAll(builder_, {normalized}, outputs);
      return {Reshare(builder_, values[0]), has_residual ? values[1] : Value{}};
    }
    return {LookupReplicated(builder_, {normalized}, narrow, options_.lookup),
            has_residual ? Lookup(builder_, {normalized}, outputs[1]) : Value{}};
  }

  // top_bits(accumulator).
  Value Extract(Value accumulator, int bits) {
    return TopBits(builder_, accumulator, bits, options_.rounding);
  }

  // [B, n, H] to [B, A, n, d], or transposed to [B, A, d, n].
  Value SplitHeads(Value x, bool transposed) {
    const Value split = Reshape(
        builder_, x, Shape{options_.batch, shape_.sequence, shape_.heads, shape_.head_size()});
    return transposed ? Transpose(builder_, split, {0, 2, 3, 1})
                      : Transpose(builder_, split, {0, 2, 1, 3});
  }

  // One of query, key and value: the table of its saturated code, replicated.
  Value Projection(std::string_view name, Value x, TableId table) {
    Builder::Scope scope(builder_, name);
    const Value accumulator = Linear(x, shape_.hidden, shape_.hidden);
    return LookupReplicated(builder_, {Extract(accumulator, shape_.saturated_bits())}, table,
                            options_.lookup);
  }

  // The rounding half that no bias holds.
  Value SaturatedCode(Value accumulator) {
    const int64_t half = int64_t{1} << (kAccumulator.bits() - 1 - shape_.saturated_bits());
    return Extract(AddConstants(builder_, accumulator, {half}), shape_.saturated_bits());
  }

  SoftmaxTables AddSoftmaxTables(const std::string& prefix, const AttentionWeights* weights) {
    SoftmaxTables tables;
    tables.exp =
        SignedTable(prefix + ".exp", shape_.saturated_bits(), Ring(kExpBits + shape_.sum_shift),
                    [&](int64_t code) { return At(weights->exp_table, Saturate(code)); });
    tables.score = SignedTable(prefix + ".score", shape_.saturated_bits(), Ring(kActivationBits),
                               [&](int64_t code) { return Saturate(code); });
    tables.sum_code = AddTable(
        prefix + ".sum", {kSumCodeBits}, 1, Ring(kActivationBits),
        [&](int64_t, int64_t row) { return weights->sum_table[static_cast<size_t>(row)]; });
    const Ring score(kActivationBits);
    tables.probability = AddTable(
        prefix + ".probability", {kActivationBits, kActivationBits}, 1, kAccumulator,
        [&](int64_t, int64_t row) {
          const int64_t code = score.Signed(static_cast<uint64_t>(row >> kActivationBits));
          const int64_t sum_code = row & 15;
          return weights->probability_table[static_cast<size_t>((code + 8) * 16 + sum_code)];
        });
    return tables;
  }

  Stream Attention(int64_t layer, const Stream& stream) {
    Builder::Scope scope(builder_, "attention");
    const AttentionWeights* weights = model_ == nullptr ? nullptr : &model_->layer(layer).attention;
    const std::string prefix = StrCat("layers.", layer, ".attention");
    const int bits = shape_.saturated_bits();
    const TableId query_table =
        SignedTable(prefix + ".query", bits, kAccumulator,
                    [&](int64_t code) { return At(weights->query_table, Saturate(code)); });
    const TableId value_table =
        SignedTable(prefix + ".value", bits, kAccumulator,
                    [&](int64_t code) { return At(weights->value_table, Saturate(code)); });
    const Value query = Projection("query", stream.narrow, query_table);
    const Value key = Projection("key", stream.narrow, saturate_);
    const Value value = Projection("value", stream.narrow, value_table);

    Value codes;
    {
      Builder::Scope inner(builder_, "score");
      codes = SaturatedCode(MatrixProduct(builder_, SplitHeads(query, false),
                                          SplitHeads(key, false), options_.linear));
    }
    Value probability;
    {
      Builder::Scope inner(builder_, "softmax");
      probability = Softmax(builder_, codes, AddSoftmaxTables(prefix, weights), options_.lookup,
                            options_.rounding);
    }
    Value context;
    {
      Builder::Scope inner(builder_, "context");
      const Value accumulator =
          MatrixProduct(builder_, probability, SplitHeads(value, true), options_.linear);
      const Value heads =
          LookupReplicated(builder_, {SaturatedCode(accumulator)}, saturate_, options_.lookup);
      context = Reshape(builder_, Transpose(builder_, heads, {0, 2, 1, 3}),
                        Shape{options_.batch, shape_.sequence, shape_.hidden});
    }
    const Value residual =
        IntoResidual("output", context, shape_.hidden, shape_.hidden, stream.residual);
    Builder::Scope inner(builder_, "norm");
    return Norm(prefix + ".norm", weights == nullptr ? nullptr : &weights->norm, residual,
                /*has_residual=*/true, layer, /*into_attention=*/false);
  }

  // A linear map into the residual stream, which enters before the extraction.
  Value IntoResidual(std::string_view name, Value x, int64_t outputs, int64_t inputs,
                     Value residual) {
    Builder::Scope scope(builder_, name);
    const Value accumulator = Add(builder_, Linear(x, outputs, inputs), residual);
    return Extract(accumulator, shape_.residual_bits);
  }

  Stream FeedForward(int64_t layer, const Stream& stream) {
    Builder::Scope scope(builder_, "ffn");
    const FeedForwardWeights* weights = model_ == nullptr ? nullptr : &model_->layer(layer).ffn;
    const std::string prefix = StrCat("layers.", layer, ".ffn");
    Value inner_value;
    {
      Builder::Scope inner(builder_, "in");
      const TableId relu = SignedTable(prefix + ".relu", shape_.relu_bits(), kAccumulator,
                                       [&](int64_t code) { return At(weights->relu_table, code); });
      const Value accumulator = Linear(stream.narrow, shape_.ffn_size(), shape_.hidden);
      inner_value = LookupReplicated(builder_, {Extract(accumulator, shape_.relu_bits())}, relu,
                                     options_.lookup);
    }
    const Value residual =
        IntoResidual("out", inner_value, shape_.hidden, shape_.ffn_size(), stream.residual);
    Builder::Scope inner(builder_, "norm");
    const bool last = layer + 1 == shape_.layers;
    return Norm(prefix + ".norm", weights == nullptr ? nullptr : &weights->norm, residual,
                /*has_residual=*/!last, layer + 1, /*into_attention=*/true);
  }

  void Classify(Value narrow) {
    Value pooled;
    {
      Builder::Scope scope(builder_, "pooler");
      const Value first =
          Reshape(builder_, Slice(builder_, narrow, 1, 0, 1), Shape{options_.batch, shape_.hidden});
      const TableId tanh =
          SignedTable("pooler.tanh", shape_.saturated_bits(), kAccumulator,
                      [this](int64_t code) { return At(model_->tanh_table(), Saturate(code)); });
      const Value accumulator = Linear(first, shape_.hidden, shape_.hidden);
      pooled = LookupReplicated(builder_, {Extract(accumulator, shape_.saturated_bits())}, tanh,
                                options_.lookup);
    }
    Builder::Scope scope(builder_, "classifier");
    Reveal(builder_, "logits", Linear(pooled, shape_.classes(), shape_.hidden));
  }

  const IntegerModelShape& shape_;
  const IntegerModel* model_;
  const BertProgramOptions& options_;
  Builder builder_;
  TableId saturate_ = 0;
  TableId extend_residual_ = 0;
  TableId extend_centred_ = 0;
  std::optional<TableId> mean_;
};

// factor * values modulo the ring.
Tensor Scaled(Ring ring, const Shape& shape, std::span<const int8_t> values, int64_t factor) {
  Tensor tensor(ring, shape);
  LUTRA_CHECK(static_cast<size_t>(shape.elements()) == values.size());
  WithLane(ring, [&](auto lane) {
    using Lane = decltype(lane);
    Lane* out = tensor.lanes<Lane>().data();
    for (size_t i = 0; i < values.size(); ++i) {
      out[i] = static_cast<Lane>(ring.Reduce(static_cast<uint64_t>(values[i] * factor)));
    }
  });
  return tensor;
}

void AddLinear(NamedTensors& inputs, const std::string& name, const LinearWeights& weights) {
  inputs.insert_or_assign(
      name + ".weight",
      Scaled(kAccumulator, Shape{weights.outputs, weights.inputs}, weights.weight, weights.scale));
  inputs.insert_or_assign(name + ".bias",
                          Tensor::Of(kAccumulator, Shape{weights.outputs}, weights.bias));
}

void AddTokenEmbedding(NamedTensors& inputs, const IntegerModel& model) {
  const IntegerModelShape& shape = model.shape();
  const Ring ring(shape.residual_bits);
  Tensor word(ring, Shape{shape.hidden, shape.vocabulary});  // transposed: a product's operand
  for (int64_t token = 0; token < shape.vocabulary; ++token) {
    for (int64_t channel = 0; channel < shape.hidden; ++channel) {
      const int8_t value = model.word()[static_cast<size_t>(token * shape.hidden + channel)];
      word.Set(channel * shape.vocabulary + token, static_cast<uint64_t>(int64_t{value}));
    }
  }
  inputs.insert_or_assign("embedding.word", std::move(word));
  inputs.insert_or_assign("embedding.position", Scaled(ring, Shape{shape.sequence, shape.hidden},
                                                       model.position(), /*factor=*/1));
}

void AddPatchEmbedding(NamedTensors& inputs, const IntegerModel& model) {
  const IntegerModelShape& shape = model.shape();
  const LinearWeights& patch = model.patch();
  inputs.insert_or_assign(
      "embedding.weight",
      Scaled(kAccumulator, Shape{shape.hidden, shape.patch_size}, patch.weight, patch.scale));
  inputs.insert_or_assign(
      "embedding.position_bias",
      Tensor::Of(kAccumulator, Shape{shape.sequence, shape.hidden}, patch.bias));
}

// One-hot rows of token ids.
Tensor OneHot(Ring ring, const Tensor& tokens, int64_t vocabulary) {
  std::vector<int64_t> sizes = tokens.shape().sizes();
  sizes.push_back(vocabulary);
  Tensor rows = Tensor::Zeros(ring, Shape(std::move(sizes)));
  for (int64_t i = 0; i < tokens.elements(); ++i) {
    rows.Set(i * vocabulary + static_cast<int64_t>(tokens.At(i)), 1);
  }
  return rows;
}

// word[token] + position, by the data owner itself.
Tensor Embedded(const IntegerModelShape& shape, const TokenEmbedding& embedding,
                const Tensor& tokens) {
  Tensor embedded(Ring(shape.residual_bits),
                  Shape{tokens.shape().size(0), shape.sequence, shape.hidden});
  for (int64_t i = 0; i < tokens.elements(); ++i) {
    const auto token = static_cast<int64_t>(tokens.At(i));
    for (int64_t channel = 0; channel < shape.hidden; ++channel) {
      const int64_t word = embedding.word[static_cast<size_t>(token * shape.hidden + channel)];
      const int64_t position =
          embedding.position[static_cast<size_t>(i % shape.sequence * shape.hidden + channel)];
      embedded.Set(i * shape.hidden + channel, static_cast<uint64_t>(word + position));
    }
  }
  return embedded;
}

}  // namespace

StatusOr<BuiltProgram> BuildBertProgram(const Registry& registry, const IntegerModel& model,
                                        const BertProgramOptions& options) {
  return BertBuilder(registry, model.shape(), &model, options).Build();
}

StatusOr<Program> BuildBertShape(const Registry& registry, const IntegerModelShape& shape,
                                 const BertProgramOptions& options) {
  LUTRA_ASSIGN_OR_RETURN(BuiltProgram built,
                         BertBuilder(registry, shape, nullptr, options).Build());
  return std::move(built.program);
}

NamedTensors BertModelInputs(const IntegerModel& model, const BertProgramOptions& options) {
  NamedTensors inputs;
  if (model.shape().embedding == Embedding::kPatch) {
    AddPatchEmbedding(inputs, model);
  } else if (options.embedding == EmbeddingForm::kSecure) {
    AddTokenEmbedding(inputs, model);
  }
  for (int64_t layer = 0; layer < model.shape().layers; ++layer) {
    const LayerWeights& weights = model.layer(layer);
    const std::string prefix = StrCat("layers.", layer);
    AddLinear(inputs, prefix + ".attention.query", weights.attention.query);
    AddLinear(inputs, prefix + ".attention.key", weights.attention.key);
    AddLinear(inputs, prefix + ".attention.value", weights.attention.value);
    AddLinear(inputs, prefix + ".attention.output", weights.attention.output);
    AddLinear(inputs, prefix + ".ffn.in", weights.ffn.in);
    AddLinear(inputs, prefix + ".ffn.out", weights.ffn.out);
  }
  AddLinear(inputs, "pooler", model.pooler());
  const IntegerModelShape& shape = model.shape();
  inputs.insert_or_assign("classifier.weight",
                          Scaled(kAccumulator, Shape{shape.classes(), shape.hidden},
                                 model.classifier_weight(), /*factor=*/1));
  inputs.insert_or_assign(
      "classifier.bias", Tensor::Of(kAccumulator, Shape{shape.classes()}, model.classifier_bias()));
  return inputs;
}

NamedTensors BertDataInputs(const IntegerModel& model, const BertProgramOptions& options,
                            const Tensor& examples) {
  return BertDataInputs(model.shape(), {model.word(), model.position()}, options, examples);
}

NamedTensors BertDataInputs(const IntegerModelShape& shape, const TokenEmbedding& embedding,
                            const BertProgramOptions& options, const Tensor& examples) {
  NamedTensors inputs;
  if (shape.embedding == Embedding::kPatch) {
    Tensor pixels(kAccumulator, examples.shape());
    for (int64_t i = 0; i < examples.elements(); ++i) pixels.Set(i, examples.At(i));
    inputs.insert_or_assign("embedding.pixels", std::move(pixels));
  } else if (options.embedding == EmbeddingForm::kClient) {
    inputs.insert_or_assign("embedding.embedded", Embedded(shape, embedding, examples));
  } else {
    inputs.insert_or_assign("embedding.tokens",
                            OneHot(Ring(shape.residual_bits), examples, shape.vocabulary));
  }
  return inputs;
}

}  // namespace lutra
