// Quantized BERT as a secure program: the integer formulation with consecutive tables composed.
#ifndef LUTRA_MODELS_BERT_PROGRAM_H_
#define LUTRA_MODELS_BERT_PROGRAM_H_

#include <cstdint>
#include <span>

#include "core/status.h"
#include "core/tensor.h"
#include "models/integer_model.h"
#include "mpc/builder.h"
#include "mpc/program.h"
#include "mpc/protocols/lookup.h"
#include "mpc/protocols/product.h"
#include "mpc/protocols/top_bits.h"

namespace lutra {

// How tokens become vectors: by a product with one-hot rows that the data owner shares, so that the
// embedding stays secret; or by the data owner, whom the model owner gave the embedding.
enum class EmbeddingForm { kSecure, kClient };

struct BertProgramOptions {
  int64_t batch = 1;           // inferences of one session
  bool private_tables = true;  // known to model owner and dealer only
  LinearForm linear = LinearForm::kMasked;
  LookupForm lookup = LookupForm::kReshare;
  EmbeddingForm embedding = EmbeddingForm::kSecure;
  Deployment deployment = Deployment::kFourProcess;
  Rounding rounding = Rounding::kCentred;
};

// The program, whose only result is "logits": [batch, classes] over Z_2^16, to the data owner.
StatusOr<BuiltProgram> BuildBertProgram(const Registry& registry, const IntegerModel& model,
                                        const BertProgramOptions& options);
// The same program from the shape of a model alone, with all tables private: for costs.
StatusOr<Program> BuildBertShape(const Registry& registry, const IntegerModelShape& shape,
                                 const BertProgramOptions& options);

// What the model owner puts into the program.
NamedTensors BertModelInputs(const IntegerModel& model, const BertProgramOptions& options);
// What the data owner puts into it for a batch of examples: token ids [batch, n] or pixels
// [batch, n-1, K], checked against the model before.
NamedTensors BertDataInputs(const IntegerModel& model, const BertProgramOptions& options,
                            const Tensor& examples);

// The embedding of a token model: [V, H] and [n, H].
struct TokenEmbedding {
  std::span<const int8_t> word;
  std::span<const int8_t> position;
};
// The same for a data owner, who has no model: the embedding only where the owner computes it.
NamedTensors BertDataInputs(const IntegerModelShape& shape, const TokenEmbedding& embedding,
                            const BertProgramOptions& options, const Tensor& examples);

}  // namespace lutra

#endif  // LUTRA_MODELS_BERT_PROGRAM_H_
