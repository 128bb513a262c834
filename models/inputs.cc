#include "models/inputs.h"

#include <algorithm>
#include <cstring>
#include <random>
#include <string_view>
#include <utility>

#include "absl/strings/str_join.h"
#include "core/file.h"
#include "models/quoted.h"
#include "models/safetensors.h"

namespace lutra {
namespace {

constexpr std::string_view kCasesFormat = "lutra-integer-bert-cases/1";
constexpr int64_t kMaxTextBytes = int64_t{16} << 20;
constexpr uint64_t kMaxCasesBytes = uint64_t{128} << 20;
constexpr int64_t kMaxTokens = int64_t{1} << 26;

Ring InputRing(const IntegerModelShape& shape) {
  return shape.embedding == Embedding::kToken ? Ring(32) : Ring(4);
}

Shape BatchShape(int64_t count, const IntegerModelShape& shape) {
  std::vector<int64_t> sizes = shape.input_shape().sizes();
  sizes.insert(sizes.begin(), count);
  return Shape(std::move(sizes));
}

// The rows [begin, end) of the first axis.
Tensor Rows(const Tensor& tensor, int64_t begin, int64_t end) {
  std::vector<int64_t> sizes = tensor.shape().sizes();
  const size_t rows = static_cast<size_t>(sizes.front());
  const size_t row_bytes = rows == 0 ? 0 : tensor.bytes() / rows;
  sizes.front() = end - begin;
  Tensor part(tensor.ring(), Shape(std::move(sizes)));
  const auto source = tensor.raw().subspan(static_cast<size_t>(begin) * row_bytes, part.bytes());
  std::copy(source.begin(), source.end(), part.raw().begin());
  return part;
}

template <class T>
std::vector<T> Rows(const std::vector<T>& values, int64_t begin, int64_t end) {
  if (values.empty()) return {};
  return {values.begin() + begin, values.begin() + end};
}

Status CheckValues(std::string_view name, const StoredTensor& tensor, int64_t low, int64_t high) {
  for (int64_t i = 0; i < tensor.elements(); ++i) {
    const int64_t value = tensor.At(i);
    if (value >= low && value <= high) continue;
    return InvalidArgument("tensor ", name, ": expected values from ", low, " to ", high,
                           ", found ", value, " at element ", i);
  }
  return absl::OkStatus();
}

Status CheckSizes(std::string_view name, const StoredTensor& tensor, const Shape& expected) {
  if (tensor.shape() == expected) return absl::OkStatus();
  return InvalidArgument("tensor ", name, ": shape: expected ", expected.ToString(), ", found ",
                         tensor.shape().ToString());
}

Tensor Words(Ring ring, const StoredTensor& tensor) {
  Tensor words(ring, tensor.shape());
  for (int64_t i = 0; i < tensor.elements(); ++i) {
    words.Set(i, ring.Reduce(static_cast<uint64_t>(tensor.At(i))));
  }
  return words;
}

// The inputs of N >= 1 examples; N is what the file has.
StatusOr<Tensor> ReadInputs(const Safetensors& cases, const IntegerModelShape& shape) {
  const std::string name = shape.inputs_name();
  const auto found = cases.tensors.find(name);
  if (found == cases.tensors.end()) return InvalidArgument("tensor ", name, ": missing");
  const StoredTensor& tensor = found->second;
  const int64_t count = tensor.shape().rank() == 0 ? 0 : tensor.shape().size(0);
  LUTRA_RETURN_IF_ERROR(CheckSizes(name, tensor, BatchShape(std::max<int64_t>(1, count), shape)));
  LUTRA_RETURN_IF_ERROR(CheckValues(name, tensor, 0, shape.input_limit() - 1));
  return Words(InputRing(shape), tensor);
}

StatusOr<Examples> ExamplesOfCases(const Safetensors& cases, const IntegerModelShape& shape) {
  const auto format = cases.metadata.find("format");
  if (format != cases.metadata.end() && format->second != kCasesFormat) {
    return InvalidArgument("metadata: format: expected '", kCasesFormat, "', found ",
                           Quoted(format->second));
  }
  Examples examples;
  LUTRA_ASSIGN_OR_RETURN(examples.inputs, ReadInputs(cases, shape));
  const auto labels = cases.tensors.find("labels");
  if (labels != cases.tensors.end()) {
    LUTRA_RETURN_IF_ERROR(CheckSizes("labels", labels->second, Shape{examples.count()}));
    LUTRA_RETURN_IF_ERROR(CheckValues("labels", labels->second, 0, shape.classes() - 1));
    for (const int64_t label : labels->second.Values()) {
      examples.labels.push_back(static_cast<int>(label));
    }
  }
  const auto logits = cases.tensors.find("logits");
  if (logits != cases.tensors.end()) {
    const Shape expected{examples.count(), shape.classes()};
    LUTRA_RETURN_IF_ERROR(CheckSizes("logits", logits->second, expected));
    LUTRA_RETURN_IF_ERROR(CheckValues("logits", logits->second, -32768, 32767));
    examples.expected_logits = Words(Ring(16), logits->second);
  }
  return examples;
}

// Whether the bytes begin as a safetensors file does, which no text can: the high bytes of the
// header's length are NUL.
bool LooksLikeSafetensors(std::string_view content) {
  constexpr size_t kLengthBytes = 8;
  if (content.size() <= kLengthBytes || content[kLengthBytes] != '{') return false;
  uint64_t length = 0;
  std::memcpy(&length, content.data(), kLengthBytes);
  return length <= content.size() - kLengthBytes;
}

std::optional<int> LabelNamed(std::string_view name, const IntegerModelShape& shape) {
  const auto found = std::find(shape.labels.begin(), shape.labels.end(), name);
  if (found == shape.labels.end()) return std::nullopt;
  return static_cast<int>(found - shape.labels.begin());
}

// The label of every line LABEL<TAB>TEXT; none if the lines are plain texts. Lines that all have a
// tab, some after a known label and some not, are a labelled file with a mistake in it.
StatusOr<std::vector<int>> LabelsOfLines(const std::vector<std::string>& lines,
                                         std::string_view name, const IntegerModelShape& shape) {
  std::vector<int> labels;
  std::optional<size_t> unknown;
  for (size_t i = 0; i < lines.size(); ++i) {
    const size_t tab = lines[i].find('\t');
    if (tab == std::string::npos) return std::vector<int>();
    const std::optional<int> label = LabelNamed(std::string_view(lines[i]).substr(0, tab), shape);
    if (label) labels.push_back(*label);
    if (!label && !unknown) unknown = i;
  }
  if (!unknown) return labels;
  if (labels.empty()) return labels;
  return InvalidArgument(name, ": line ", *unknown + 1, ": label: expected one of ",
                         absl::StrJoin(shape.labels, ", "), ", found ",
                         Quoted(lines[*unknown].substr(0, lines[*unknown].find('\t'))));
}

}  // namespace

Examples Examples::Slice(int64_t begin, int64_t end) const {
  LUTRA_CHECK(begin >= 0 && begin <= end && end <= count());
  return {
      .inputs = Rows(inputs, begin, end),
      .texts = Rows(texts, begin, end),
      .labels = Rows(labels, begin, end),
      .expected_logits = expected_logits.empty() ? Tensor() : Rows(expected_logits, begin, end)};
}

std::string_view UnitOf(const Examples& examples) {
  return examples.texts.empty() ? "example" : "message";
}

Tensor BatchOf(const Tensor& inputs, int64_t begin, int64_t batch) {
  std::vector<int64_t> sizes = inputs.shape().sizes();
  const int64_t count = sizes[0];
  sizes[0] = batch;
  Tensor result(inputs.ring(), Shape(std::move(sizes)));
  const size_t bytes = inputs.bytes() / static_cast<size_t>(count);
  for (int64_t i = 0; i < batch; ++i) {
    const auto source = static_cast<size_t>(std::min(begin + i, count - 1));
    std::memcpy(result.raw().data() + static_cast<size_t>(i) * bytes,
                inputs.raw().data() + source * bytes, bytes);
  }
  return result;
}

double Accuracy(const std::vector<int>& predictions, const std::vector<int>& labels) {
  LUTRA_CHECK(!labels.empty() && predictions.size() == labels.size());
  int64_t right = 0;
  for (size_t i = 0; i < labels.size(); ++i) right += predictions[i] == labels[i] ? 1 : 0;
  return static_cast<double>(right) / static_cast<double>(labels.size());
}

Companions CompanionsOf(const std::filesystem::path& model) {
  const std::filesystem::path folder = model.parent_path();
  const std::string stem = model.stem().string();
  return {.vocabulary = folder / (stem + ".vocab.txt"),
          .pieces = folder / "wordpiece.txt",
          .texts = folder / (stem + ".texts.tsv")};
}

StatusOr<Tokenizer> LoadTokenizer(const std::filesystem::path& model_path,
                                  const IntegerModelShape& shape) {
  if (shape.embedding != Embedding::kToken) {
    return InvalidArgument(model_path.string(),
                           ": embedding: expected token for text inputs, found patch");
  }
  if (shape.sequence < Tokenizer::kMinLength) {
    return InvalidArgument(model_path.string(), ": sequence: expected at least ",
                           Tokenizer::kMinLength, " for text inputs, found ", shape.sequence);
  }
  const Companions companions = CompanionsOf(model_path);
  LUTRA_ASSIGN_OR_RETURN(Tokenizer tokenizer,
                         Tokenizer::Load(companions.vocabulary, companions.pieces));
  if (tokenizer.vocabulary_size() == shape.vocabulary) return tokenizer;
  return InvalidArgument(companions.vocabulary.string(), ": lines: expected ", shape.vocabulary,
                         " as the model's embedding has rows, found ", tokenizer.vocabulary_size());
}

StatusOr<Examples> ExamplesOfLines(const std::vector<std::string>& lines, std::string_view name,
                                   const IntegerModelShape& shape, const Tokenizer& tokenizer) {
  if (lines.empty()) return InvalidArgument(name, ": expected at least one text, found none");
  LUTRA_CHECK(shape.embedding == Embedding::kToken);
  LUTRA_CHECK(shape.sequence >= Tokenizer::kMinLength);
  LUTRA_CHECK(tokenizer.vocabulary_size() <= shape.vocabulary);
  Examples examples;
  LUTRA_ASSIGN_OR_RETURN(examples.labels, LabelsOfLines(lines, name, shape));
  const int64_t count = static_cast<int64_t>(lines.size());
  if (count > kMaxTokens / shape.sequence) {
    return InvalidArgument(name, ": lines: expected at most ", kMaxTokens / shape.sequence,
                           ", found ", count);
  }
  examples.inputs = Tensor(InputRing(shape), BatchShape(count, shape));
  for (int64_t row = 0; row < count; ++row) {
    const std::string& line = lines[static_cast<size_t>(row)];
    examples.texts.push_back(examples.labels.empty() ? line : line.substr(line.find('\t') + 1));
    StatusOr<std::vector<int64_t>> ids = tokenizer.Encode(examples.texts.back(), shape.sequence);
    if (!ids.ok()) return Annotate(ids.status(), StrCat(name, ": line ", row + 1));
    for (int64_t i = 0; i < shape.sequence; ++i) {
      examples.inputs.Set(row * shape.sequence + i,
                          static_cast<uint64_t>((*ids)[static_cast<size_t>(i)]));
    }
  }
  return examples;
}

StatusOr<Examples> ReadExamples(const std::filesystem::path& path, const IntegerModelShape& shape,
                                const TokenizerSource& tokenizer) {
  const std::string name = path.string();
  if (path.extension() == ".safetensors") {
    LUTRA_ASSIGN_OR_RETURN(const Safetensors cases, ReadSafetensors(path, kMaxCasesBytes));
    StatusOr<Examples> examples = ExamplesOfCases(cases, shape);
    if (!examples.ok()) return Annotate(examples.status(), name);
    return examples;
  }
  LUTRA_ASSIGN_OR_RETURN(const std::string content, ReadTextFile(path, kMaxTextBytes));
  if (LooksLikeSafetensors(content)) {
    LUTRA_ASSIGN_OR_RETURN(const Safetensors cases,
                           ParseSafetensors(std::as_bytes(std::span(content)), name));
    StatusOr<Examples> examples = ExamplesOfCases(cases, shape);
    if (!examples.ok()) return Annotate(examples.status(), name);
    return examples;
  }
  LUTRA_ASSIGN_OR_RETURN(const std::vector<std::string> lines, SplitLines(content, name));
  LUTRA_ASSIGN_OR_RETURN(const Tokenizer loaded, tokenizer());
  return ExamplesOfLines(lines, name, shape, loaded);
}

StatusOr<Examples> LoadExamples(const std::filesystem::path& model_path,
                                const IntegerModelShape& shape,
                                const std::optional<std::filesystem::path>& input) {
  return ReadExamples(input.value_or(CompanionsOf(model_path).texts), shape,
                      [&] { return LoadTokenizer(model_path, shape); });
}

Examples RandomExamples(const IntegerModelShape& shape, int64_t count, uint64_t seed) {
  std::mt19937_64 generator(seed);
  Examples examples;
  examples.inputs = Tensor(InputRing(shape), BatchShape(count, shape));
  const uint64_t limit = static_cast<uint64_t>(shape.input_limit());
  for (int64_t i = 0; i < examples.inputs.elements(); ++i) {
    // 2^64 is so much larger than the limit that the remainder is as good as uniform.
    examples.inputs.Set(i, generator() % limit);
  }
  return examples;
}

}  // namespace lutra
