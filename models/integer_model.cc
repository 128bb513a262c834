#include "models/integer_model.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "models/quoted.h"

namespace lutra {
namespace {

constexpr std::string_view kFormat = "lutra-integer-bert/1";
constexpr int64_t kMaxVocabulary = 1 << 24;
constexpr int64_t kMaxPatchSize = 1 << 16;
constexpr int64_t kNormCodes = 256;
constexpr int64_t kActivationCodes = 16;

Status CheckRange(std::string_view field, int64_t value, int64_t low, int64_t high) {
  if (value >= low && value <= high) return absl::OkStatus();
  return InvalidArgument(field, ": expected a number from ", low, " to ", high, ", found ", value);
}

Status CheckLabels(const std::vector<std::string>& labels) {
  if (labels.empty()) return InvalidArgument("labels: expected at least one, found none");
  std::set<std::string_view> seen;
  for (const std::string& label : labels) {
    const bool printable = std::none_of(label.begin(), label.end(), [](char c) {
      return static_cast<unsigned char>(c) < 0x20 || c == ',';
    });
    if (label.empty() || !printable) {
      return InvalidArgument("labels: expected names separated by commas, found ", Quoted(label));
    }
    if (!seen.insert(label).second) {
      return InvalidArgument("labels: expected different names, found ", Quoted(label), " twice");
    }
  }
  return absl::OkStatus();
}

// All that the metadata strings hold; vocabulary and patch size come from the tensors.
Status CheckMetadataFields(const IntegerModelShape& shape) {
  using S = IntegerModelShape;
  LUTRA_RETURN_IF_ERROR(CheckRange("hidden", shape.hidden, 1, S::kMaxHidden));
  LUTRA_RETURN_IF_ERROR(CheckRange("layers", shape.layers, 1, S::kMaxLayers));
  LUTRA_RETURN_IF_ERROR(CheckRange("heads", shape.heads, 1, S::kMaxHeads));
  LUTRA_RETURN_IF_ERROR(CheckRange("sequence", shape.sequence, 1, S::kMaxSequence));
  LUTRA_RETURN_IF_ERROR(CheckRange("residual_bits", shape.residual_bits, 2, 8));
  LUTRA_RETURN_IF_ERROR(CheckRange("extra_bits", shape.extra_bits, 0, 4));
  LUTRA_RETURN_IF_ERROR(CheckRange("probability_bits", shape.probability_bits, 1, 8));
  LUTRA_RETURN_IF_ERROR(CheckRange("ffn_bits", shape.ffn_bits, 2, 8));
  LUTRA_RETURN_IF_ERROR(CheckRange("sum_shift", shape.sum_shift, 0, 9));
  if (256 % shape.hidden != 0 && shape.hidden % 64 != 0) {
    return InvalidArgument("hidden: expected a divisor of 256 or a multiple of 64, found ",
                           shape.hidden);
  }
  if (shape.hidden % shape.heads != 0) {
    return InvalidArgument("heads: expected a divisor of ", shape.hidden, ", found ", shape.heads);
  }
  return CheckLabels(shape.labels);
}

StatusOr<std::string> Field(const std::map<std::string, std::string>& metadata,
                            const std::string& name) {
  const auto found = metadata.find(name);
  if (found == metadata.end()) return InvalidArgument(name, ": missing");
  return found->second;
}

// Digits only; the range is checked with the others.
StatusOr<int64_t> NumberField(const std::map<std::string, std::string>& metadata,
                              const std::string& name) {
  LUTRA_ASSIGN_OR_RETURN(const std::string text, Field(metadata, name));
  const bool digits =
      !text.empty() && text.size() < 10 &&
      std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits) return InvalidArgument(name, ": expected a number, found ", Quoted(text));
  int64_t value = 0;
  for (const char c : text) value = 10 * value + (c - '0');
  return value;
}

Status ReadNumber(const std::map<std::string, std::string>& metadata, const std::string& name,
                  int64_t& value) {
  LUTRA_ASSIGN_OR_RETURN(value, NumberField(metadata, name));
  return absl::OkStatus();
}

Status ReadNumber(const std::map<std::string, std::string>& metadata, const std::string& name,
                  int& value) {
  LUTRA_ASSIGN_OR_RETURN(const int64_t number, NumberField(metadata, name));
  value = static_cast<int>(number);  // below 10^9
  return absl::OkStatus();
}

StatusOr<IntegerModelShape> ParseMetadata(const std::map<std::string, std::string>& metadata) {
  LUTRA_ASSIGN_OR_RETURN(const std::string format, Field(metadata, "format"));
  if (format != kFormat) {
    return InvalidArgument("format: expected '", kFormat, "', found ", Quoted(format));
  }
  IntegerModelShape shape;
  LUTRA_ASSIGN_OR_RETURN(shape.task, Field(metadata, "task"));
  LUTRA_ASSIGN_OR_RETURN(const std::string embedding, Field(metadata, "embedding"));
  if (embedding != "token" && embedding != "patch") {
    return InvalidArgument("embedding: expected token or patch, found ", Quoted(embedding));
  }
  shape.embedding = embedding == "token" ? Embedding::kToken : Embedding::kPatch;
  LUTRA_RETURN_IF_ERROR(ReadNumber(metadata, "hidden", shape.hidden));
  LUTRA_RETURN_IF_ERROR(ReadNumber(metadata, "layers", shape.layers));
  LUTRA_RETURN_IF_ERROR(ReadNumber(metadata, "heads", shape.heads));
  LUTRA_RETURN_IF_ERROR(ReadNumber(metadata, "sequence", shape.sequence));
  LUTRA_RETURN_IF_ERROR(ReadNumber(metadata, "residual_bits", shape.residual_bits));
  LUTRA_RETURN_IF_ERROR(ReadNumber(metadata, "extra_bits", shape.extra_bits));
  LUTRA_RETURN_IF_ERROR(ReadNumber(metadata, "probability_bits", shape.probability_bits));
  LUTRA_RETURN_IF_ERROR(ReadNumber(metadata, "ffn_bits", shape.ffn_bits));
  LUTRA_RETURN_IF_ERROR(ReadNumber(metadata, "sum_shift", shape.sum_shift));
  LUTRA_ASSIGN_OR_RETURN(const std::string labels, Field(metadata, "labels"));
  shape.labels = absl::StrSplit(labels, ',');
  LUTRA_RETURN_IF_ERROR(CheckMetadataFields(shape));
  return shape;
}

// The size that only the embedding's tensor tells: V of embedding.word, K of embedding.weight.
Status ReadEmbeddingSize(const std::map<std::string, StoredTensor>& tensors,
                         IntegerModelShape& shape) {
  const bool token = shape.embedding == Embedding::kToken;
  const std::string name = token ? "embedding.word" : "embedding.weight";
  const auto found = tensors.find(name);
  if (found == tensors.end()) return InvalidArgument("tensor ", name, ": missing");
  const Shape& sizes = found->second.shape();
  if (sizes.rank() != 2) {
    return InvalidArgument("tensor ", name, ": shape: expected ",
                           token ? "[vocabulary, hidden]" : "[hidden, pixels]", ", found ",
                           sizes.ToString());
  }
  (token ? shape.vocabulary : shape.patch_size) = sizes.size(token ? 0 : 1);
  return Annotate(CheckShape(shape), StrCat("tensor ", name));
}

// Collects the expected tensors of a model.
class TensorList {
 public:
  explicit TensorList(const IntegerModelShape& shape) : shape_(shape) {
    AddEmbedding();
    AddNorm("embedding.norm");
    for (int64_t layer = 0; layer < shape.layers; ++layer) AddLayer(StrCat("layers.", layer));
    if (shape.extra_bits > 0) {
      Add("saturate_table", ElementType::kI8, {int64_t{1} << shape.saturated_bits()});
    }
    AddLinear("pooler", shape.hidden, shape.hidden);
    Add("pooler.tanh_table", ElementType::kI8, {kActivationCodes});
    Add("classifier.weight", ElementType::kI8, {shape.classes(), shape.hidden});
    Add("classifier.bias", ElementType::kI16, {shape.classes()});
  }

  std::map<std::string, ExpectedTensor> Take() { return std::move(tensors_); }

 private:
  void Add(const std::string& name, ElementType type, Shape sizes) {
    tensors_.emplace(name, ExpectedTensor{type, std::move(sizes)});
  }

  void AddLinear(const std::string& name, int64_t outputs, int64_t inputs) {
    Add(name + ".weight", ElementType::kI8, {outputs, inputs});
    Add(name + ".scale", ElementType::kI16, {1});
    Add(name + ".bias", ElementType::kI16, {outputs});
  }

  void AddNorm(const std::string& name) {
    Add(name + ".square", ElementType::kU16, {kNormCodes});
    Add(name + ".rsqrt", ElementType::kI16, {kNormCodes});
    Add(name + ".gamma", ElementType::kI16, {shape_.hidden});
    Add(name + ".beta", ElementType::kI16, {shape_.hidden});
    Add(name + ".narrow", ElementType::kI8, {ResidualCodes()});
  }

  void AddEmbedding() {
    if (shape_.embedding == Embedding::kToken) {
      Add("embedding.word", ElementType::kI8, {shape_.vocabulary, shape_.hidden});
      Add("embedding.position", ElementType::kI8, {shape_.sequence, shape_.hidden});
      return;
    }
    Add("embedding.weight", ElementType::kI8, {shape_.hidden, shape_.patch_size});
    Add("embedding.scale", ElementType::kI16, {1});
    Add("embedding.position_bias", ElementType::kI16, {shape_.sequence, shape_.hidden});
  }

  void AddLayer(const std::string& layer) {
    const std::string attention = layer + ".attention", ffn = layer + ".ffn";
    for (const char* part : {".query", ".key", ".value", ".output"}) {
      AddLinear(attention + part, shape_.hidden, shape_.hidden);
    }
    Add(attention + ".query_table", ElementType::kI16, {kActivationCodes});
    Add(attention + ".value_table", ElementType::kI16, {kActivationCodes});
    Add(attention + ".exp_table", ElementType::kU8, {kActivationCodes});
    Add(attention + ".sum_table", ElementType::kU8, {kNormCodes});
    Add(attention + ".probability_table", ElementType::kU8, {kActivationCodes, kActivationCodes});
    Add(attention + ".residual_table", ElementType::kI16, {ResidualCodes()});
    AddNorm(attention + ".norm");
    AddLinear(ffn + ".in", shape_.ffn_size(), shape_.hidden);
    AddLinear(ffn + ".out", shape_.hidden, shape_.ffn_size());
    Add(ffn + ".relu_table", ElementType::kI8, {int64_t{1} << shape_.relu_bits()});
    Add(ffn + ".residual_table", ElementType::kI16, {ResidualCodes()});
    AddNorm(ffn + ".norm");
  }

  int64_t ResidualCodes() const { return int64_t{1} << shape_.residual_bits; }

  const IntegerModelShape& shape_;
  std::map<std::string, ExpectedTensor> tensors_;
};

Status CheckSameNames(const std::map<std::string, ExpectedTensor>& expected,
                      const std::map<std::string, StoredTensor>& tensors) {
  for (const auto& [name, unused] : expected) {
    if (!tensors.contains(name)) return InvalidArgument("tensor ", name, ": missing");
  }
  for (const auto& [name, unused] : tensors) {
    if (!expected.contains(name)) return InvalidArgument("tensor ", Quoted(name), ": unexpected");
  }
  return absl::OkStatus();
}

Status CheckOneBit(const std::string& name, const StoredTensor& tensor) {
  const std::span<const int8_t> weights = tensor.Int8();
  const auto bad =
      std::find_if(weights.begin(), weights.end(), [](int8_t w) { return w != 1 && w != -1; });
  if (bad == weights.end()) return absl::OkStatus();
  return InvalidArgument("tensor ", name, ": expected only -1 and +1, found ", int64_t{*bad},
                         " at element ", bad - weights.begin());
}

Status CheckCodes(const std::string& name, const StoredTensor& tensor, int64_t low, int64_t high) {
  const auto [smallest, largest] = tensor.Range();
  if (smallest >= low && largest <= high) return absl::OkStatus();
  return InvalidArgument("tensor ", name, ": expected values from ", low, " to ", high, ", found ",
                         smallest < low ? smallest : largest);
}

Status CheckTensor(const std::string& name, const ExpectedTensor& expected,
                   const StoredTensor& tensor) {
  if (tensor.type() != expected.type || !(tensor.shape() == expected.shape)) {
    return InvalidArgument("tensor ", name, ": expected ", NameOf(expected.type), " ",
                           expected.shape.ToString(), ", found ", NameOf(tensor.type()), " ",
                           tensor.shape().ToString());
  }
  const std::string_view view = name;
  if (view.ends_with(".weight") && view != "classifier.weight") return CheckOneBit(name, tensor);
  // The codes of these two tables index the next table.
  if (view == "saturate_table") return CheckCodes(name, tensor, -8, 7);
  if (view.ends_with(".sum_table")) return CheckCodes(name, tensor, 0, 15);
  return absl::OkStatus();
}

// Reads the parts of a checked model.
class Parts {
 public:
  explicit Parts(const Safetensors& content) : content_(content) {}

  const StoredTensor& Get(const std::string& name) const { return content_.tensors.at(name); }
  std::vector<int64_t> Values(const std::string& name) const { return Get(name).Values(); }
  std::span<const int8_t> Int8(const std::string& name) const { return Get(name).Int8(); }

  LinearWeights Linear(const std::string& name, const std::string& bias = "bias") const {
    const StoredTensor& weight = Get(name + ".weight");
    return {.outputs = weight.shape().size(0),
            .inputs = weight.shape().size(1),
            .weight = weight.Int8(),
            .scale = Get(name + ".scale").At(0),
            .bias = Values(name + "." + bias)};
  }

  NormWeights Norm(const std::string& name) const {
    return {.square = Values(name + ".square"),
            .rsqrt = Values(name + ".rsqrt"),
            .gamma = Values(name + ".gamma"),
            .beta = Values(name + ".beta"),
            .narrow = Values(name + ".narrow")};
  }

  LayerWeights Layer(const std::string& layer) const {
    const std::string attention = layer + ".attention", ffn = layer + ".ffn";
    return {.attention = {.query = Linear(attention + ".query"),
                          .key = Linear(attention + ".key"),
                          .value = Linear(attention + ".value"),
                          .output = Linear(attention + ".output"),
                          .query_table = Values(attention + ".query_table"),
                          .value_table = Values(attention + ".value_table"),
                          .exp_table = Values(attention + ".exp_table"),
                          .sum_table = Values(attention + ".sum_table"),
                          .probability_table = Values(attention + ".probability_table"),
                          .residual_table = Values(attention + ".residual_table"),
                          .norm = Norm(attention + ".norm")},
            .ffn = {.in = Linear(ffn + ".in"),
                    .out = Linear(ffn + ".out"),
                    .relu_table = Values(ffn + ".relu_table"),
                    .residual_table = Values(ffn + ".residual_table"),
                    .norm = Norm(ffn + ".norm")}};
  }

 private:
  const Safetensors& content_;
};

std::vector<int64_t> Identity4() {
  std::vector<int64_t> table;
  for (int64_t code = -8; code <= 7; ++code) table.push_back(code);
  return table;
}

}  // namespace

Shape IntegerModelShape::input_shape() const {
  return embedding == Embedding::kToken ? Shape{sequence} : Shape{sequence - 1, patch_size};
}

std::vector<int64_t> IntegerModelShape::MeanTable() const {
  const int64_t divisor = mean_multiplier() * hidden;  // 256 times the page's t
  std::vector<int64_t> table;
  for (int64_t x = -128; x <= 127; ++x) {
    const int64_t numerator = 512 * x + divisor, denominator = 2 * divisor;
    const int64_t remainder = ((numerator % denominator) + denominator) % denominator;
    table.push_back(std::clamp<int64_t>((numerator - remainder) / denominator, -128, 127));
  }
  return table;
}

Status CheckShape(const IntegerModelShape& shape) {
  LUTRA_RETURN_IF_ERROR(CheckMetadataFields(shape));
  const bool token = shape.embedding == Embedding::kToken;
  LUTRA_RETURN_IF_ERROR(
      CheckRange("vocabulary", shape.vocabulary, token ? 1 : 0, token ? kMaxVocabulary : 0));
  return CheckRange("patch size", shape.patch_size, token ? 0 : 1, token ? 0 : kMaxPatchSize);
}

std::map<std::string, ExpectedTensor> ExpectedTensors(const IntegerModelShape& shape) {
  return TensorList(shape).Take();
}

std::map<std::string, std::string> MetadataOf(const IntegerModelShape& shape) {
  return {{"format", std::string(kFormat)},
          {"task", shape.task},
          {"embedding", shape.embedding == Embedding::kToken ? "token" : "patch"},
          {"hidden", StrCat(shape.hidden)},
          {"layers", StrCat(shape.layers)},
          {"heads", StrCat(shape.heads)},
          {"sequence", StrCat(shape.sequence)},
          {"residual_bits", StrCat(shape.residual_bits)},
          {"extra_bits", StrCat(shape.extra_bits)},
          {"probability_bits", StrCat(shape.probability_bits)},
          {"ffn_bits", StrCat(shape.ffn_bits)},
          {"sum_shift", StrCat(shape.sum_shift)},
          {"labels", absl::StrJoin(shape.labels, ",")}};
}

StatusOr<IntegerModelShape> ShapeOfMetadata(const std::map<std::string, std::string>& metadata,
                                            int64_t vocabulary, int64_t patch_size) {
  LUTRA_ASSIGN_OR_RETURN(IntegerModelShape shape, ParseMetadata(metadata));
  shape.vocabulary = vocabulary;
  shape.patch_size = patch_size;
  LUTRA_RETURN_IF_ERROR(CheckShape(shape));
  return shape;
}

StatusOr<IntegerModel> MakeIntegerModel(Safetensors content) {
  auto weights = std::make_shared<IntegerModel::Weights>();
  StatusOr<IntegerModelShape> shape = ParseMetadata(content.metadata);
  if (!shape.ok()) return Annotate(shape.status(), "metadata");
  LUTRA_RETURN_IF_ERROR(ReadEmbeddingSize(content.tensors, *shape));
  const std::map<std::string, ExpectedTensor> expected = ExpectedTensors(*shape);
  LUTRA_RETURN_IF_ERROR(CheckSameNames(expected, content.tensors));
  for (const auto& [name, tensor] : expected) {
    LUTRA_RETURN_IF_ERROR(CheckTensor(name, tensor, content.tensors.at(name)));
  }
  weights->shape = *std::move(shape);
  weights->content = std::move(content);
  const IntegerModelShape& s = weights->shape;
  const Parts parts(weights->content);
  if (s.embedding == Embedding::kToken) {
    weights->word = parts.Int8("embedding.word");
    weights->position = parts.Int8("embedding.position");
  } else {
    weights->patch = parts.Linear("embedding", "position_bias");
  }
  weights->embedding_norm = parts.Norm("embedding.norm");
  for (int64_t layer = 0; layer < s.layers; ++layer) {
    weights->layers.push_back(parts.Layer(StrCat("layers.", layer)));
  }
  weights->saturate_table = s.extra_bits > 0 ? parts.Values("saturate_table") : Identity4();
  weights->pooler = parts.Linear("pooler");
  weights->tanh_table = parts.Values("pooler.tanh_table");
  weights->classifier_weight = parts.Int8("classifier.weight");
  weights->classifier_bias = parts.Values("classifier.bias");
  return IntegerModel(std::move(weights));
}

StatusOr<IntegerModel> MakeIntegerModel(const IntegerModelShape& shape,
                                        std::map<std::string, StoredTensor> tensors) {
  return MakeIntegerModel(
      Safetensors{.metadata = MetadataOf(shape), .tensors = std::move(tensors)});
}

StatusOr<IntegerModel> LoadIntegerModel(const std::filesystem::path& path) {
  LUTRA_ASSIGN_OR_RETURN(Safetensors content, ReadSafetensors(path));
  StatusOr<IntegerModel> model = MakeIntegerModel(std::move(content));
  if (!model.ok()) return Annotate(model.status(), path.string());
  return model;
}

}  // namespace lutra
