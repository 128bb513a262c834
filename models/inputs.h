// What the data owner brings to a model: texts, labelled texts, or files of cases.
#ifndef LUTRA_MODELS_INPUTS_H_
#define LUTRA_MODELS_INPUTS_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"
#include "core/tensor.h"
#include "models/integer_model.h"
#include "models/tokenizer.h"

namespace lutra {

// N examples, checked against a model: shapes, ids and pixels, labels.
struct Examples {
  // Token ids [N, n] over Z_2^32, or pixels [N, n-1, K] over Z_2^4.
  Tensor inputs;
  std::vector<std::string> texts;  // N, or none
  std::vector<int> labels;         // N, indices into the model's labels, or none
  Tensor expected_logits;          // [N, classes] over Z_2^16, signed, or empty

  int64_t count() const { return inputs.shape().size(0); }
  // The examples [begin, end).
  Examples Slice(int64_t begin, int64_t end) const;
};

// What an example is called: "message" where there are texts, else "example"; the plural with an s.
std::string_view UnitOf(const Examples& examples);
// The inputs of examples begin .. begin + batch, the last one repeated where there are no more.
Tensor BatchOf(const Tensor& inputs, int64_t begin, int64_t batch);
// Which part of the predictions is right: 0 to 1. As many labels as predictions, at least one.
double Accuracy(const std::vector<int>& predictions, const std::vector<int>& labels);

// Where the files that belong to a model file DIR/NAME.safetensors lie.
struct Companions {
  std::filesystem::path vocabulary;  // DIR/NAME.vocab.txt
  std::filesystem::path pieces;      // DIR/wordpiece.txt
  std::filesystem::path texts;       // DIR/NAME.texts.tsv
};
Companions CompanionsOf(const std::filesystem::path& model);

// The tokenizer beside a model file; an error when a file is missing, or when the vocabulary has
// another length than the model's embedding.
StatusOr<Tokenizer> LoadTokenizer(const std::filesystem::path& model_path,
                                  const IntegerModelShape& shape);

// Asked for a tokenizer only when there is text to encode.
using TokenizerSource = std::function<StatusOr<Tokenizer>()>;

// Reads a file of examples. Cases if it is a safetensors file (by name, or by its first bytes):
// tensors `tokens` or `pixels`, optional `labels` and `logits`, of any integer type. Else texts,
// one a line; labelled when every line is LABEL<TAB>TEXT with a label of the model.
StatusOr<Examples> ReadExamples(const std::filesystem::path& path, const IntegerModelShape& shape,
                                const TokenizerSource& tokenizer);

// The same for a model file and the tokenizer beside it: the given input file, or without one the
// texts beside the model.
StatusOr<Examples> LoadExamples(const std::filesystem::path& model_path,
                                const IntegerModelShape& shape,
                                const std::optional<std::filesystem::path>& input);

// Texts or label-text lines in memory; `name` stands for the file in messages. The tokenizer must
// belong to the shape.
StatusOr<Examples> ExamplesOfLines(const std::vector<std::string>& lines, std::string_view name,
                                   const IntegerModelShape& shape, const Tokenizer& tokenizer);

// Uniform inputs from a seed (std::mt19937_64).
Examples RandomExamples(const IntegerModelShape& shape, int64_t count, uint64_t seed);

}  // namespace lutra

#endif  // LUTRA_MODELS_INPUTS_H_
