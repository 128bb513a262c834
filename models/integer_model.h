// A quantized BERT classifier in integers: 1-bit weights, 4-bit activations, a residual stream of R
// bits, every linear map accumulated modulo 2^16. docs/quantized-bert.md gives formulas and file
// format (lutra-integer-bert/1); the names here are those of that page.
#ifndef LUTRA_MODELS_INTEGER_MODEL_H_
#define LUTRA_MODELS_INTEGER_MODEL_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/status.h"
#include "models/safetensors.h"

namespace lutra {

enum class Embedding { kToken, kPatch };

// B examples, n positions, H hidden, A heads of size d, F = 4H, R residual and X extra bits.
struct IntegerModelShape {
  static constexpr int kAccumulatorBits = 16;
  static constexpr int kActivationBits = 4;
  static constexpr int kNormBits = 8;     // mean, centred residual, variance code, normalized
  static constexpr int kSumCodeBits = 8;  // of a row's sum of exponentials
  static constexpr int64_t kMaxHidden = 1 << 14;
  static constexpr int64_t kMaxLayers = 1 << 10;
  static constexpr int64_t kMaxHeads = 1 << 10;
  static constexpr int64_t kMaxSequence = 512;

  std::string task;
  Embedding embedding = Embedding::kToken;
  int64_t hidden = 0;  // a divisor of 256 or a multiple of 64
  int64_t layers = 0;
  int64_t heads = 0;         // a divisor of hidden
  int64_t sequence = 0;      // n
  int residual_bits = 8;     // R, 2..8
  int extra_bits = 1;        // X, 0..4
  int probability_bits = 4;  // 1..8
  int ffn_bits = 5;          // 2..8; the feed-forward extraction keeps ffn_bits + X
  int sum_shift = 0;         // sh, 0..9: exp and its sum live in Z_2^(8+sh)
  std::vector<std::string> labels;
  int64_t vocabulary = 0;  // V: rows of embedding.word (token); 0 for patches
  int64_t patch_size = 0;  // K: pixels of a patch (patch); 0 for tokens

  int64_t head_size() const { return hidden / heads; }
  int64_t ffn_size() const { return 4 * hidden; }
  int64_t classes() const { return static_cast<int64_t>(labels.size()); }
  int saturated_bits() const { return kActivationBits + extra_bits; }  // 4+X
  int relu_bits() const { return ffn_bits + extra_bits; }              // FB+X
  int sum_bits() const { return kSumCodeBits + sum_shift; }            // 8+sh
  // "tokens" or "pixels": the name of the inputs in a file of cases.
  std::string inputs_name() const { return embedding == Embedding::kToken ? "tokens" : "pixels"; }
  // Of one example: [n] token ids below V, or [n-1, K] pixels below 16.
  Shape input_shape() const;
  int64_t input_limit() const { return embedding == Embedding::kToken ? vocabulary : 16; }

  // The LayerNorm's mean is MeanTable[top_8(mean_multiplier * sum(r') + 128)].
  int64_t mean_multiplier() const { return hidden < 256 ? 256 / hidden : 1; }
  // floor(x * 256 / (multiplier * H) + 1/2), clamped to 8 bits, for x = -128..127. For H = 256t it
  // is the page's floor(x/t + 1/2).
  std::vector<int64_t> MeanTable() const;
  // Whether MeanTable()[x] = x, that is H divides 256 or is 256.
  bool mean_table_is_identity() const { return mean_multiplier() * hidden == 256; }
};

// Checks every range above; an error names the field. `vocabulary` and `patch_size` included.
Status CheckShape(const IntegerModelShape& shape);

// s*(W x) + b modulo 2^16. W is +-1 [outputs, inputs] row-major; s in [-2^15, 2^15).
struct LinearWeights {
  int64_t outputs = 0;
  int64_t inputs = 0;
  std::span<const int8_t> weight;
  int64_t scale = 0;
  std::vector<int64_t> bias;  // [outputs]; of the patch embedding position_bias [n, H]
};

// Tables begin at the most negative code (signed index) or at 0 (unsigned index).
struct NormWeights {
  std::vector<int64_t> square;  // [256], by e signed; 0..65535
  std::vector<int64_t> rsqrt;   // [256], by u unsigned; signed 16-bit
  std::vector<int64_t> gamma;   // [H], signed 16-bit
  std::vector<int64_t> beta;    // [H], signed 16-bit
  std::vector<int64_t> narrow;  // [2^R], by h signed; signed 8-bit
};

struct AttentionWeights {
  LinearWeights query, key, value, output;  // [H, H]
  std::vector<int64_t> query_table;         // [16], by q signed; signed 16-bit
  std::vector<int64_t> value_table;         // [16], by v signed; signed 16-bit
  std::vector<int64_t> exp_table;           // [16], by c signed; 0..255
  std::vector<int64_t> sum_table;           // [256], by the top 8 bits of S; 0..15
  std::vector<int64_t> probability_table;   // [16 * 16], by c signed, then t; 0..255
  std::vector<int64_t> residual_table;      // [2^R], by h signed; signed 16-bit
  NormWeights norm;
};

struct FeedForwardWeights {
  LinearWeights in, out;                // [F, H], [H, F]
  std::vector<int64_t> relu_table;      // [2^(FB+X)], by the signed code; signed 8-bit
  std::vector<int64_t> residual_table;  // [2^R], by h signed; signed 16-bit
  NormWeights norm;
};

struct LayerWeights {
  AttentionWeights attention;
  FeedForwardWeights ffn;
};

// A validated model: exactly the tensors of its shape, weights +-1, and every code that indexes a
// table within that table. Immutable; copies share the weights.
class IntegerModel {
 public:
  const IntegerModelShape& shape() const { return weights_->shape; }
  // Token embedding: [V, H] and [n, H], signed 8-bit.
  std::span<const int8_t> word() const { return weights_->word; }
  std::span<const int8_t> position() const { return weights_->position; }
  // Patch embedding: [H, K]; its bias is [n, H], row 0 the class token.
  const LinearWeights& patch() const { return weights_->patch; }
  const NormWeights& embedding_norm() const { return weights_->embedding_norm; }
  const LayerWeights& layer(int64_t index) const {
    return weights_->layers[static_cast<size_t>(index)];
  }
  // [2^(4+X)], by the signed code, values -8..7; without extra bits the identity.
  const std::vector<int64_t>& saturate_table() const { return weights_->saturate_table; }
  const LinearWeights& pooler() const { return weights_->pooler; }
  const std::vector<int64_t>& tanh_table() const { return weights_->tanh_table; }  // [16]
  // [C, H], any signed 8-bit value, and [C], signed 16-bit.
  std::span<const int8_t> classifier_weight() const { return weights_->classifier_weight; }
  const std::vector<int64_t>& classifier_bias() const { return weights_->classifier_bias; }

  // The file that the model was made from: for writing it.
  const Safetensors& content() const { return weights_->content; }

 private:
  friend StatusOr<IntegerModel> MakeIntegerModel(Safetensors content);
  struct Weights {
    Safetensors content;  // the spans point into it
    IntegerModelShape shape;
    std::span<const int8_t> word;
    std::span<const int8_t> position;
    LinearWeights patch;
    NormWeights embedding_norm;
    std::vector<LayerWeights> layers;
    std::vector<int64_t> saturate_table;
    LinearWeights pooler;
    std::vector<int64_t> tanh_table;
    std::span<const int8_t> classifier_weight;
    std::vector<int64_t> classifier_bias;
  };
  explicit IntegerModel(std::shared_ptr<const Weights> weights) : weights_(std::move(weights)) {}

  std::shared_ptr<const Weights> weights_;
};

// Errors name the file, the metadata field or tensor, the expected and the found.
StatusOr<IntegerModel> LoadIntegerModel(const std::filesystem::path& path);
// From metadata and tensors in memory.
StatusOr<IntegerModel> MakeIntegerModel(Safetensors content);
// The same from a shape, which gives the metadata.
StatusOr<IntegerModel> MakeIntegerModel(const IntegerModelShape& shape,
                                        std::map<std::string, StoredTensor> tensors);

// Name, type and shape of every tensor of a model of this (checked) shape.
struct ExpectedTensor {
  ElementType type;
  Shape shape;
};
std::map<std::string, ExpectedTensor> ExpectedTensors(const IntegerModelShape& shape);
// The metadata strings of a model file.
std::map<std::string, std::string> MetadataOf(const IntegerModelShape& shape);
// The shape that they and the size of the embedding tell; an error names the field.
StatusOr<IntegerModelShape> ShapeOfMetadata(const std::map<std::string, std::string>& metadata,
                                            int64_t vocabulary, int64_t patch_size);

}  // namespace lutra

#endif  // LUTRA_MODELS_INTEGER_MODEL_H_
