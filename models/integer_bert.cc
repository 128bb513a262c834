#include "models/integer_bert.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "core/matrix_product.h"

namespace lutra {
namespace {

// Everything is a 16-bit word; codes are sign-extended into it.
using Word = uint16_t;
constexpr int kWordBits = IntegerModelShape::kAccumulatorBits;
constexpr int64_t kNormHalf = int64_t{1} << (kWordBits - IntegerModelShape::kNormBits - 1);
const Ring kWords(kWordBits);

Word ToWord(int64_t value) { return static_cast<Word>(value); }
int64_t SignedWord(Word word) { return static_cast<int16_t>(word); }

// top_bits(word): signed, rounding down.
int64_t Top(int64_t accumulator, int bits) {
  return SignedWord(ToWord(accumulator)) >> (kWordBits - bits);
}

// The representative modulo 2^bits in [-2^(bits-1), 2^(bits-1)).
int64_t Wrap(int64_t value, int bits) {
  return Ring(bits).Signed(Ring(bits).Reduce(static_cast<uint64_t>(value)));
}

// A table whose first entry belongs to the most negative code.
int64_t SignedLookup(const std::vector<int64_t>& table, int64_t code) {
  return table[static_cast<size_t>(code) + table.size() / 2];
}

int64_t Product(const Shape& shape, size_t axes) {
  int64_t product = 1;
  for (size_t axis = 0; axis < axes; ++axis) product *= shape.sizes()[axis];
  return product;
}

// Calls body(row) for the rows 0, 1, ... from several threads.
template <class Body>
void ForRows(ThreadPool& pool, int64_t rows, int64_t row_elements, const Body& body) {
  constexpr int64_t kElementsAtOnce = 1 << 14;
  const int64_t grain = std::max<int64_t>(1, kElementsAtOnce / std::max<int64_t>(1, row_elements));
  pool.ParallelFor(rows, grain, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) body(row);
  });
}

// One batch's way through the model. B examples, n positions, H hidden, A heads of size d, F = 4H.
class Evaluation {
 public:
  Evaluation(const IntegerModel& model, ThreadPool& pool, const IntegerTrace& trace)
      : model_(model), shape_(model.shape()), pool_(pool), trace_(trace) {}

  // Logits [B, classes] of checked inputs, given as words.
  Tensor Run(const Tensor& inputs) {
    State state = LayerNorm("embedding.norm", model_.embedding_norm(), Embed(inputs));
    for (int64_t i = 0; i < shape_.layers; ++i) {
      const std::string layer = StrCat("layers.", i);
      const LayerWeights& weights = model_.layer(i);
      state = Attention(layer + ".attention", weights.attention, state);
      state = FeedForward(layer + ".ffn", weights.ffn, state);
    }
    return Classify(state.narrow);
  }

 private:
  // The output of a LayerNorm, [B, n, H] each.
  struct State {
    Tensor hidden;  // h, R bits
    Tensor narrow;  // h4
  };

  void Record(std::string_view name, const Tensor& values, bool is_signed = true) const {
    if (!trace_) return;
    std::vector<int64_t> wide;
    for (const Word word : values.lanes<Word>())
      wide.push_back(is_signed ? SignedWord(word) : word);
    trace_(name, values.shape(), wide);
  }

  // In place: every word w becomes function(w as signed).
  template <class Function>
  void Map(Tensor& tensor, const Function& function) const {
    const std::span<Word> words = tensor.lanes<Word>();
    pool_.ParallelFor(tensor.elements(), 1 << 14, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        Word& word = words[static_cast<size_t>(i)];
        word = ToWord(function(SignedWord(word)));
      }
    });
  }

  // In place: adds bias[column] to every row of the last axis, or bias as a whole matrix to every
  // block of its size.
  void AddBias(Tensor& tensor, const std::vector<int64_t>& bias) const {
    const std::span<Word> words = tensor.lanes<Word>();
    const int64_t columns = static_cast<int64_t>(bias.size());
    ForRows(pool_, tensor.elements() / columns, columns, [&](int64_t row) {
      for (int64_t column = 0; column < columns; ++column) {
        Word& word = words[static_cast<size_t>(row * columns + column)];
        word = ToWord(word + bias[static_cast<size_t>(column)]);
      }
    });
  }

  // x W^T for x [..., K] and weights [outputs, K]: [..., outputs].
  Tensor Multiply(const Tensor& x, std::span<const int8_t> weight, int64_t outputs) const {
    const int64_t depth = x.shape().size(-1);
    const int64_t rows = Product(x.shape(), x.shape().rank() - 1);
    Tensor words(kWords, Shape{outputs, depth});
    std::copy(weight.begin(), weight.end(), words.lanes<Word>().begin());
    std::vector<int64_t> sizes = x.shape().sizes();
    sizes.back() = outputs;
    Tensor z(kWords, Shape{rows, outputs});
    MatrixProduct(x.Clone().Reshaped(Shape{rows, depth}), words, z, false, pool_);
    return std::move(z).Reshaped(Shape(std::move(sizes)));
  }

  // s*(W x) without the bias.
  Tensor Scaled(const LinearWeights& linear, const Tensor& x) const {
    Tensor z = Multiply(x, linear.weight, linear.outputs);
    Map(z, [&](int64_t word) { return linear.scale * word; });
    return z;
  }

  // The accumulator s*(W x) + b.
  Tensor Linear(const LinearWeights& linear, const Tensor& x) const {
    Tensor z = Scaled(linear, x);
    AddBias(z, linear.bias);
    return z;
  }

  // saturate[top_(4+X)(accumulator)].
  int64_t Saturated(int64_t accumulator) const {
    return SignedLookup(model_.saturate_table(), Top(accumulator, shape_.saturated_bits()));
  }

  // 2^(15-b) for b = 4 + X, where no bias holds it.
  int64_t RoundingHalf() const { return int64_t{1} << (kWordBits - 1 - shape_.saturated_bits()); }

  // A linear map whose output is a saturated 4-bit code.
  Tensor Activation(const std::string& name, const LinearWeights& linear, const Tensor& x) const {
    Tensor z = Linear(linear, x);
    Map(z, [&](int64_t word) { return Saturated(word); });
    Record(name, z);
    return z;
  }

  // The residual stream [B, n, H], R bits.
  Tensor Embed(const Tensor& inputs) const {
    Tensor residual =
        shape_.embedding == Embedding::kToken ? EmbedTokens(inputs) : EmbedPatches(inputs);
    Record("embedding.residual", residual);
    return residual;
  }

  Tensor EmbedTokens(const Tensor& tokens) const {
    const int64_t rows = tokens.elements(), hidden = shape_.hidden;
    Tensor residual(kWords, Shape{rows / shape_.sequence, shape_.sequence, hidden});
    const std::span<Word> words = residual.lanes<Word>();
    ForRows(pool_, rows, hidden, [&](int64_t row) {
      const int64_t token = static_cast<int64_t>(tokens.At(row));
      const int8_t* word = model_.word().data() + token * hidden;
      const int8_t* position = model_.position().data() + row % shape_.sequence * hidden;
      for (int64_t j = 0; j < hidden; ++j) {
        words[static_cast<size_t>(row * hidden + j)] =
            ToWord(Wrap(word[j] + position[j], shape_.residual_bits));
      }
    });
    return residual;
  }

  // Row 0 of every example is the class token, all of which is in the bias.
  Tensor EmbedPatches(const Tensor& pixels) const {
    const int64_t batch = pixels.shape().size(0), patches = shape_.sequence - 1;
    const int64_t hidden = shape_.hidden;
    Tensor accumulator = Tensor::Zeros(kWords, Shape{batch, shape_.sequence, hidden});
    if (patches > 0) {
      const Tensor products = Scaled(model_.patch(), pixels);
      for (int64_t example = 0; example < batch; ++example) {
        const auto from = products.lanes<Word>().begin() + example * patches * hidden;
        std::copy(from, from + patches * hidden,
                  accumulator.lanes<Word>().begin() + (example * shape_.sequence + 1) * hidden);
      }
    }
    AddBias(accumulator, model_.patch().bias);
    Map(accumulator, [&](int64_t word) { return Top(word, shape_.residual_bits); });
    return accumulator;
  }

  State LayerNorm(const std::string& name, const NormWeights& weights, const Tensor& residual) {
    const int64_t hidden = shape_.hidden, rows = residual.elements() / hidden;
    const Shape row_shape{residual.shape().size(0), shape_.sequence};
    Tensor mean(kWords, row_shape), variance(kWords, row_shape), inverse(kWords, row_shape);
    Tensor centred(kWords, residual.shape()), normalized(kWords, residual.shape());
    State state{Tensor(kWords, residual.shape()), Tensor(kWords, residual.shape())};
    const std::vector<int64_t> mean_table = shape_.MeanTable();
    ForRows(pool_, rows, hidden, [&](int64_t row) {
      const size_t begin = static_cast<size_t>(row * hidden), size = static_cast<size_t>(hidden);
      const auto part = [&](Tensor& tensor) { return tensor.lanes<Word>().subspan(begin, size); };
      const std::span<const Word> r = residual.lanes<Word>().subspan(begin, size);
      const size_t at = static_cast<size_t>(row);
      const int64_t mu = Mean(r, mean_table);
      mean.lanes<Word>()[at] = ToWord(mu);
      const Word v = Centre(r, mu, weights, part(centred));
      variance.lanes<Word>()[at] = v;
      const int64_t inv = weights.rsqrt[v >> (kWordBits - IntegerModelShape::kNormBits)];
      inverse.lanes<Word>()[at] = ToWord(inv);
      Normalize(part(centred), inv, weights, part(normalized), part(state.hidden),
                part(state.narrow));
    });
    Record(name + ".mean", mean);
    Record(name + ".centred", centred);
    Record(name + ".variance", variance, /*is_signed=*/false);
    Record(name + ".inverse", inverse);
    Record(name + ".normalized", normalized);
    Record(name + ".output", state.hidden);
    Record(name + ".narrow", state.narrow);
    return state;
  }

  int64_t Widened(Word residual) const {
    return SignedWord(residual) *
           (int64_t{1} << (IntegerModelShape::kNormBits - shape_.residual_bits));
  }

  // mu of one row.
  int64_t Mean(std::span<const Word> residual, const std::vector<int64_t>& table) const {
    int64_t sum = 0;
    for (const Word r : residual) sum += Widened(r);
    const int64_t code =
        Top(shape_.mean_multiplier() * sum + kNormHalf, IntegerModelShape::kNormBits);
    return SignedLookup(table, code);
  }

  // Writes e of one row; returns V.
  Word Centre(std::span<const Word> residual, int64_t mean, const NormWeights& weights,
              std::span<Word> centred) const {
    int64_t sum = 0;
    for (size_t j = 0; j < residual.size(); ++j) {
      const int64_t e = Wrap(Widened(residual[j]) - mean, IntegerModelShape::kNormBits);
      centred[j] = ToWord(e);
      sum += SignedLookup(weights.square, e);
    }
    return ToWord(sum);
  }

  // Writes m, h and h4 of one row.
  void Normalize(std::span<const Word> centred, int64_t inverse, const NormWeights& weights,
                 std::span<Word> normalized, std::span<Word> hidden, std::span<Word> narrow) const {
    for (size_t j = 0; j < centred.size(); ++j) {
      const int64_t m =
          Top(SignedWord(centred[j]) * inverse + kNormHalf, IntegerModelShape::kNormBits);
      const int64_t h = Top(weights.gamma[j] * m + weights.beta[j], shape_.residual_bits);
      normalized[j] = ToWord(m);
      hidden[j] = ToWord(h);
      narrow[j] = ToWord(SignedLookup(weights.narrow, h));
    }
  }

  State Attention(const std::string& name, const AttentionWeights& weights, const State& state) {
    Tensor query = SplitHeads(Activation(name + ".query", weights.query, state.narrow));
    const Tensor key = SplitHeads(Activation(name + ".key", weights.key, state.narrow));
    Tensor value = SplitHeads(Activation(name + ".value", weights.value, state.narrow));
    Map(query, [&](int64_t code) { return SignedLookup(weights.query_table, code); });
    Map(value, [&](int64_t code) { return SignedLookup(weights.value_table, code); });
    const int64_t batch = query.shape().size(0), n = shape_.sequence;
    Tensor score(kWords, Shape{batch, shape_.heads, n, n});
    MatrixProduct(query, key, score, false, pool_);
    Map(score, [&](int64_t word) { return Saturated(word + RoundingHalf()); });
    Record(name + ".score", score);
    const Tensor probability = Softmax(name, weights, score);
    Tensor context(kWords, value.shape());
    MatrixProduct(probability, SwapLastAxes(value), context, false, pool_);
    Map(context, [&](int64_t word) { return Saturated(word + RoundingHalf()); });
    const Tensor merged = MergeHeads(context);
    Record(name + ".context", merged);
    const Tensor residual =
        Residual(name, weights.output, merged, weights.residual_table, state.hidden);
    return LayerNorm(name + ".norm", weights.norm, residual);
  }

  // Probabilities [B, A, n, n] of the scores' codes.
  Tensor Softmax(const std::string& name, const AttentionWeights& weights, const Tensor& score) {
    const size_t n = static_cast<size_t>(shape_.sequence);
    const Shape row_shape{score.shape().size(0), shape_.heads, shape_.sequence};
    std::vector<int64_t> sums(static_cast<size_t>(row_shape.elements()));
    Tensor exponential(kWords, score.shape()), probability(kWords, score.shape());
    Tensor sum_code(kWords, row_shape);
    ForRows(pool_, row_shape.elements(), shape_.sequence, [&](int64_t row) {
      const size_t begin = static_cast<size_t>(row) * n, at = static_cast<size_t>(row);
      const std::span<const Word> c = score.lanes<Word>().subspan(begin, n);
      const std::span<Word> e = exponential.lanes<Word>().subspan(begin, n);
      const std::span<Word> p = probability.lanes<Word>().subspan(begin, n);
      for (size_t j = 0; j < n; ++j) {
        e[j] = ToWord(SignedLookup(weights.exp_table, SignedWord(c[j])));
        sums[at] += e[j];
      }
      // The top 8 bits of the sum in Z_2^(8+sh).
      const uint64_t in_ring = Ring(shape_.sum_bits()).Reduce(static_cast<uint64_t>(sums[at]));
      const int64_t t = weights.sum_table[in_ring >> shape_.sum_shift];
      sum_code.lanes<Word>()[at] = ToWord(t);
      for (size_t j = 0; j < n; ++j) {
        const int64_t entry = 16 * (SignedWord(c[j]) + 8) + t;
        p[j] = ToWord(weights.probability_table[static_cast<size_t>(entry)]);
      }
    });
    Record(name + ".exp", exponential);
    if (trace_) trace_(name + ".sum", row_shape, sums);
    Record(name + ".sum_code", sum_code);
    Record(name + ".probability", probability);
    return probability;
  }

  State FeedForward(const std::string& name, const FeedForwardWeights& weights,
                    const State& state) {
    Tensor inner = Linear(weights.in, state.narrow);
    Map(inner, [&](int64_t word) {
      return SignedLookup(weights.relu_table, Top(word, shape_.relu_bits()));
    });
    Record(name + ".hidden", inner);
    const Tensor residual =
        Residual(name, weights.out, inner, weights.residual_table, state.hidden);
    return LayerNorm(name + ".norm", weights.norm, residual);
  }

  // top_R(s*(W x) + b + table[h]).
  Tensor Residual(const std::string& name, const LinearWeights& linear, const Tensor& x,
                  const std::vector<int64_t>& table, const Tensor& hidden) const {
    Tensor z = Linear(linear, x);
    const std::span<Word> words = z.lanes<Word>();
    const std::span<const Word> h = hidden.lanes<Word>();
    pool_.ParallelFor(z.elements(), 1 << 14, [&](int64_t begin, int64_t end) {
      for (size_t i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
        const int64_t total = words[i] + SignedLookup(table, SignedWord(h[i]));
        words[i] = ToWord(Top(total, shape_.residual_bits));
      }
    });
    Record(name + ".residual", z);
    return z;
  }

  Tensor Classify(const Tensor& narrow) const {
    const int64_t batch = narrow.shape().size(0), hidden = shape_.hidden;
    Tensor first(kWords, Shape{batch, hidden});
    for (int64_t example = 0; example < batch; ++example) {
      const auto row = narrow.lanes<Word>().begin() + example * shape_.sequence * hidden;
      std::copy(row, row + hidden, first.lanes<Word>().begin() + example * hidden);
    }
    Tensor pooled = Activation("pooler", model_.pooler(), first);
    Map(pooled, [&](int64_t code) { return SignedLookup(model_.tanh_table(), code); });
    Record("pooler.output", pooled);
    Tensor logits = Multiply(pooled, model_.classifier_weight(), shape_.classes());
    AddBias(logits, model_.classifier_bias());
    return logits;
  }

  // Copies [A0, A1, A2, A3] with the axes in the order `axes`.
  Tensor Permuted(const Tensor& x, const Shape& from, std::array<int, 4> axes) const {
    std::array<int64_t, 4> strides{}, sizes{};
    for (size_t i = 0; i < 4; ++i) {
      sizes[i] = from.size(axes[i]);
      strides[i] = 1;
      for (int axis = axes[i] + 1; axis < 4; ++axis) strides[i] *= from.size(axis);
    }
    Tensor z(kWords, Shape{sizes[0], sizes[1], sizes[2], sizes[3]});
    const std::span<const Word> source = x.lanes<Word>();
    const std::span<Word> words = z.lanes<Word>();
    ForRows(pool_, sizes[0] * sizes[1] * sizes[2], sizes[3], [&](int64_t row) {
      const int64_t k = row % sizes[2], j = row / sizes[2] % sizes[1];
      const int64_t i = row / sizes[2] / sizes[1];
      const int64_t begin = i * strides[0] + j * strides[1] + k * strides[2];
      for (int64_t l = 0; l < sizes[3]; ++l) {
        words[static_cast<size_t>(row * sizes[3] + l)] =
            source[static_cast<size_t>(begin + l * strides[3])];
      }
    });
    return z;
  }

  // [B, n, H] to [B, A, n, d].
  Tensor SplitHeads(const Tensor& x) const {
    const Shape heads{x.shape().size(0), shape_.sequence, shape_.heads, shape_.head_size()};
    return Permuted(x, heads, {0, 2, 1, 3});
  }

  // [B, A, n, d] to [B, n, H].
  Tensor MergeHeads(const Tensor& x) const {
    const Shape merged{x.shape().size(0), shape_.sequence, shape_.hidden};
    return Permuted(x, x.shape(), {0, 2, 1, 3}).Reshaped(merged);
  }

  Tensor SwapLastAxes(const Tensor& x) const { return Permuted(x, x.shape(), {0, 1, 3, 2}); }

  const IntegerModel& model_;
  const IntegerModelShape& shape_;
  ThreadPool& pool_;
  const IntegerTrace& trace_;
};

Status CheckInputs(const Tensor& inputs, const IntegerModelShape& shape) {
  std::vector<int64_t> sizes = inputs.shape().sizes();
  const bool batched = !sizes.empty();
  if (batched) sizes.erase(sizes.begin());
  if (!batched || !(Shape(sizes) == shape.input_shape())) {
    return InvalidArgument(shape.inputs_name(), ": expected examples of shape ",
                           shape.input_shape().ToString(), ", found all of shape ",
                           inputs.shape().ToString());
  }
  const uint64_t limit = static_cast<uint64_t>(shape.input_limit());
  for (int64_t i = 0; i < inputs.elements(); ++i) {
    if (inputs.At(i) < limit) continue;
    return InvalidArgument(shape.inputs_name(), ": expected values from 0 to ", limit - 1,
                           ", found ", inputs.At(i), " at element ", i);
  }
  return absl::OkStatus();
}

// The examples that are evaluated at once, so that the largest tensors stay at a few dozen MB.
int64_t ExamplesAtOnce(const IntegerModelShape& shape) {
  constexpr int64_t kElementsAtOnce = 1 << 22;
  const int64_t per_example = shape.sequence * (shape.heads * shape.sequence + shape.ffn_size());
  return std::max<int64_t>(1, kElementsAtOnce / per_example);
}

// The examples [begin, end), element by element in the form that the evaluation reads: token ids
// as they are, pixels as words.
Tensor Part(const Tensor& inputs, const IntegerModelShape& shape, int64_t begin, int64_t end) {
  const int64_t size = shape.input_shape().elements();
  std::vector<int64_t> sizes = inputs.shape().sizes();
  sizes.front() = end - begin;
  Tensor part(shape.embedding == Embedding::kToken ? Ring(32) : kWords, Shape(std::move(sizes)));
  for (int64_t i = 0; i < part.elements(); ++i) part.Set(i, inputs.At(begin * size + i));
  return part;
}

}  // namespace

StatusOr<Tensor> IntegerBert::Logits(const Tensor& inputs, ThreadPool& pool,
                                     const IntegerTrace& trace) const {
  const IntegerModelShape& shape = model_.shape();
  LUTRA_RETURN_IF_ERROR(CheckInputs(inputs, shape));
  const int64_t batch = inputs.shape().size(0);
  Tensor logits(kWords, Shape{batch, shape.classes()});
  const int64_t step = trace ? std::max<int64_t>(1, batch) : ExamplesAtOnce(shape);
  for (int64_t begin = 0; begin < batch; begin += step) {
    const int64_t end = std::min(batch, begin + step);
    const Tensor part = Evaluation(model_, pool, trace).Run(Part(inputs, shape, begin, end));
    std::copy(part.lanes<Word>().begin(), part.lanes<Word>().end(),
              logits.lanes<Word>().begin() + begin * shape.classes());
  }
  return logits;
}

std::vector<int> Predictions(const Tensor& logits) {
  std::vector<int> predictions;
  const int64_t classes = logits.shape().size(1);
  for (int64_t row = 0; row < logits.shape().size(0); ++row) {
    int64_t best = 0;
    for (int64_t c = 1; c < classes; ++c) {
      if (logits.SignedAt(row * classes + c) > logits.SignedAt(row * classes + best)) best = c;
    }
    predictions.push_back(static_cast<int>(best));
  }
  return predictions;
}

}  // namespace lutra
