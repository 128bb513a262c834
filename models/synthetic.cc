#include "models/synthetic.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "models/quoted.h"

namespace lutra {
namespace {

constexpr int64_t kMaxWeights = int64_t{4} << 30;

struct Preset {
  std::string_view name;
  int64_t layers;
  int64_t hidden;  // 0: must be given
  int64_t heads;   // 0: hidden / 64, at least 1
};
constexpr std::array<Preset, 4> kPresets = {{{"bert-tiny", 2, 128, 2},
                                             {"bert-base", 12, 768, 12},
                                             {"bert-large", 24, 1024, 16},
                                             {"synthetic", 1, 0, 0}}};

const Preset* PresetNamed(std::string_view name) {
  const auto found = std::find_if(kPresets.begin(), kPresets.end(),
                                  [&](const Preset& preset) { return preset.name == name; });
  return found == kPresets.end() ? nullptr : found;
}

struct Key {
  std::string_view name;
  uint64_t low;
  uint64_t high;
};
constexpr std::array<Key, 8> kKeys = {{{"hidden", 16, IntegerModelShape::kMaxHidden},
                                       {"layers", 1, IntegerModelShape::kMaxLayers},
                                       {"heads", 1, IntegerModelShape::kMaxHeads},
                                       {"sequence", 3, IntegerModelShape::kMaxSequence},
                                       {"vocabulary", 4, 1000000},
                                       {"residual", 4, 8},
                                       {"extra", 0, 3},
                                       {"seed", 0, ~uint64_t{0}}}};

using Settings = std::map<std::string, uint64_t>;

Status ReadSetting(std::string_view text, Settings& settings) {
  const size_t equals = text.find('=');
  const std::string name(text.substr(0, equals));
  const auto key =
      std::find_if(kKeys.begin(), kKeys.end(), [&](const Key& k) { return k.name == name; });
  if (key == kKeys.end()) {
    return InvalidArgument(
        "expected one of the keys hidden, layers, heads, sequence, vocabulary, "
        "residual, extra, seed, found ",
        Quoted(name));
  }
  const std::string_view digits = equals == text.npos ? "" : text.substr(equals + 1);
  const bool is_number = !digits.empty() && digits.find_first_not_of("0123456789") == digits.npos;
  uint64_t value = 0;
  const bool fits = is_number && absl::SimpleAtoi(ToAbsl(digits), &value);
  if (!fits || value < key->low || value > key->high) {
    return InvalidArgument(name, ": expected a number from ", key->low, " to ", key->high,
                           ", found ", Quoted(digits));
  }
  if (settings.emplace(name, value).second) return absl::OkStatus();
  return InvalidArgument(name, ": expected once, found twice");
}

StatusOr<SyntheticShape> Parse(std::string_view text) {
  const size_t colon = text.find(':');
  const Preset* preset = PresetNamed(text.substr(0, colon));
  if (preset == nullptr) {
    return InvalidArgument("expected bert-tiny, bert-base, bert-large or synthetic, found ",
                           Quoted(text.substr(0, colon)));
  }
  Settings settings;
  if (colon != text.npos) {
    for (const absl::string_view part : absl::StrSplit(ToAbsl(text.substr(colon + 1)), ',')) {
      LUTRA_RETURN_IF_ERROR(ReadSetting({part.data(), part.size()}, settings));
    }
  }
  const auto number = [&](const char* key, int64_t otherwise) {
    const auto found = settings.find(key);
    return found == settings.end() ? otherwise : static_cast<int64_t>(found->second);
  };
  SyntheticShape shape;
  shape.name = std::string(text);
  shape.hidden = number("hidden", preset->hidden);
  if (shape.hidden == 0) return InvalidArgument("hidden: expected (synthetic has no default)");
  shape.layers = number("layers", preset->layers);
  // A given hidden size keeps heads of 64, whatever the preset.
  const int64_t heads = settings.contains("hidden") || preset->heads == 0
                            ? std::max<int64_t>(1, shape.hidden / 64)
                            : preset->heads;
  shape.heads = number("heads", heads);
  shape.sequence = number("sequence", shape.sequence);
  shape.vocabulary = number("vocabulary", shape.vocabulary);
  shape.residual_bits = static_cast<int>(number("residual", shape.residual_bits));
  shape.extra_bits = static_cast<int>(number("extra", shape.extra_bits));
  shape.seed = settings.contains("seed") ? settings["seed"] : shape.seed;
  LUTRA_RETURN_IF_ERROR(CheckShape(ModelShapeOf(shape)));
  return shape;
}

// ------------------------------------------------------------------------------------ calibration
//
// Weights are random signs, so that every accumulator is close to a Gaussian over the channels
// whose deviation follows from the mean square of its inputs. Scales are chosen analytically, layer
// by layer, so that the range is kMargin deviations to either side.
//
// What needs care is attention's sum over positions: the rows of a stream become alike from layer
// to layer, since all positions attend to the same values, and sums of like values grow faster. So
// their correlation is tracked as well.

constexpr double kMargin = 6.5;
constexpr double kHalfRange = 32768;
constexpr double kWidestCode = 2.5;      // deviation of a 4-bit code
constexpr double kNormUnit = 16;         // deviation of the normalized m: 8 bits hold 8 deviations
constexpr double kResidualShare = 0.7;   // of a residual's variance that comes from h
constexpr double kExpSlope = 0.4;        // alpha of the exponentials
constexpr double kProbabilityTop = 3.7;  // largest probability, times n

// E[function(x)] for a Gaussian of this deviation.
template <class Function>
double Expect(double deviation, const Function& function) {
  double total = 0, weight = 0;
  for (int step = -600; step <= 600; ++step) {
    const double x = step / 100.0, density = std::exp(-x * x / 2);
    total += density * function(x * deviation);
    weight += density;
  }
  return total / weight;
}

int64_t Rounded(double value) { return static_cast<int64_t>(std::floor(value + 0.5)); }

int64_t Code4(double value) { return std::clamp<int64_t>(Rounded(value), -8, 7); }

// E[code^2] of a 4-bit code whose value before rounding has this deviation.
double SquareOfCode(double deviation) {
  return Expect(deviation, [](double x) {
    const double code = static_cast<double>(Code4(x));
    return code * code;
  });
}

// E[relu(x) relu(y)] / E[relu(x)^2] of two Gaussians of this correlation [ChoSaul09, order 1].
double ReluCorrelation(double rho) {
  const double pi = std::acos(-1.0), angle = std::acos(std::clamp(rho, -1.0, 1.0));
  return (std::sin(angle) + (pi - angle) * std::cos(angle)) / pi;
}

class Maker {
 public:
  explicit Maker(const SyntheticShape& shape)
      : shape_(ModelShapeOf(shape)),
        generator_(shape.seed),
        code_(std::min(kWidestCode, 8.0 * (1 << shape_.extra_bits) / kMargin)),
        code_square_(SquareOfCode(code_)) {}

  StatusOr<IntegerModel> Make() {
    const double embedding = AddEmbedding();
    AddNorm("embedding.norm", embedding);
    for (int64_t layer = 0; layer < shape_.layers; ++layer) {
      AddAttention(StrCat("layers.", layer, ".attention"));
      AddFeedForward(StrCat("layers.", layer, ".ffn"));
    }
    if (shape_.extra_bits > 0) {
      const int64_t half = int64_t{1} << (shape_.saturated_bits() - 1);
      AddTable("saturate_table", ElementType::kI8, -half, half,
               [](int64_t code) { return std::clamp<int64_t>(code, -8, 7); });
    }
    AddClassifier();
    return MakeIntegerModel(shape_, std::move(tensors_));
  }

 private:
  // Close to a Gaussian of deviation 1, never beyond 4.9; exact, so the same everywhere: the sum
  // of the eight bytes of a word.
  double Gaussian() {
    uint64_t word = generator_();
    int64_t sum = 0;
    for (int byte = 0; byte < 8; ++byte, word >>= 8) sum += static_cast<int64_t>(word & 0xFF);
    constexpr double kMean = 8 * 127.5, kDeviation = 209.02;  // sqrt(8 * (256^2 - 1) / 12)
    return (static_cast<double>(sum) - kMean) / kDeviation;
  }

  double Uniform(double low, double high) {
    return low + (high - low) * std::ldexp(static_cast<double>(generator_() >> 11), -53);
  }

  void Add(const std::string& name, ElementType type, Shape shape,
           const std::vector<int64_t>& values) {
    tensors_.emplace(name, StoredTensor::Of(type, std::move(shape), values));
  }

  // A table of function(code) for the codes low, ..., end - 1.
  template <class Function>
  void AddTable(const std::string& name, ElementType type, int64_t low, int64_t end,
                const Function& function) {
    std::vector<int64_t> values;
    for (int64_t code = low; code < end; ++code) values.push_back(function(code));
    Add(name, type, Shape{end - low}, values);
  }

  void AddSigns(const std::string& name, int64_t rows, int64_t columns) {
    StoredTensor tensor(ElementType::kI8, Shape{rows, columns});
    uint64_t word = 0;
    int left = 0;
    for (int8_t& sign : tensor.MutableInt8()) {
      if (left == 0) word = generator_(), left = 64;
      sign = (word & 1) != 0 ? 1 : -1;
      word >>= 1, --left;
    }
    tensors_.emplace(name, std::move(tensor));
  }

  // A linear map of inputs with this mean square, whose accumulator has this deviation; `bits` are
  // kept of it, and the bias holds their rounding half.
  void AddLinear(const std::string& name, int64_t outputs, int64_t inputs, double square,
                 double deviation, int bits) {
    AddSigns(name + ".weight", outputs, inputs);
    const double scale = deviation / std::sqrt(static_cast<double>(inputs) * square);
    Add(name + ".scale", ElementType::kI16, Shape{1},
        {std::clamp<int64_t>(Rounded(scale), 1, 32767)});
    std::vector<int64_t> bias;
    for (int64_t i = 0; i < outputs; ++i) {
      bias.push_back(Half(bits) + Rounded(Uniform(-kBiasLimit, kBiasLimit) * deviation));
    }
    Add(name + ".bias", ElementType::kI16, Shape{outputs}, bias);
  }

  // The deviation of an accumulator whose top `bits` have this one.
  static double AccumulatorFor(double code, int bits) { return std::ldexp(code, 16 - bits); }
  static int64_t Half(int bits) { return int64_t{1} << (15 - bits); }
  double ResidualUnit() const { return std::ldexp(1.0, 8 - shape_.residual_bits); }
  int64_t ResidualHalf() const { return int64_t{1} << (shape_.residual_bits - 1); }

  // Word and position codes whose sum stays within three quarters of R bits. Returns the deviation
  // of the sum, in units of 8 bits.
  double AddEmbedding() {
    const double half = static_cast<double>(ResidualHalf());
    const double word = AddCodes("embedding.word", shape_.vocabulary, 0.2 * half, 0.55 * half);
    const double position =
        AddCodes("embedding.position", shape_.sequence, 0.08 * half, 0.2 * half);
    return ResidualUnit() * std::sqrt(word + position);
  }

  // Random codes [rows, H], clipped; returns their mean square.
  double AddCodes(const std::string& name, int64_t rows, double deviation, double clip) {
    StoredTensor tensor(ElementType::kI8, Shape{rows, shape_.hidden});
    double total = 0;
    for (int8_t& code : tensor.MutableInt8()) {
      code = static_cast<int8_t>(Rounded(std::clamp(deviation * Gaussian(), -clip, clip)));
      total += code * code;
    }
    const double square = total / static_cast<double>(tensor.elements());
    tensors_.emplace(name, std::move(tensor));
    return square;
  }

  // The LayerNorm of a stream whose deviation over the channels is this, in units of 8 bits.
  void AddNorm(const std::string& name, double deviation) {
    const double channels = static_cast<double>(shape_.hidden);
    // V varies by sqrt(2/H); it must stay below 2^16 and well above 0.
    const double level = std::min(0.4, 0.9 / (1 + 5 * std::sqrt(2 / channels)));
    const double factor = level * 65536 / (channels * deviation * deviation);
    AddTable(name + ".square", ElementType::kU16, -128, 128, [&](int64_t e) {
      return std::min<int64_t>(65535, Rounded(factor * static_cast<double>(e * e)));
    });
    AddTable(name + ".rsqrt", ElementType::kI16, 0, 256, [&](int64_t u) {
      const double variance = (static_cast<double>(u) + 0.5) * 256 / (factor * channels);
      return std::clamp<int64_t>(Rounded(256 * kNormUnit / std::sqrt(variance)), 1, 511);
    });
    AddAffine(name);
    const double step = HiddenDeviation() / kWidestCode;
    AddTable(name + ".narrow", ElementType::kI8, -ResidualHalf(), ResidualHalf(),
             [&](int64_t h) { return Code4(static_cast<double>(h) / step); });
  }

  // The largest gamma with which gamma*m + beta never leaves 16 bits.
  double GammaLimit() const {
    return (kHalfRange - 1 - kBetaLimit - static_cast<double>(Half(shape_.residual_bits))) / 128;
  }

  void AddAffine(const std::string& name) {
    std::vector<int64_t> gamma, beta;
    for (int64_t j = 0; j < shape_.hidden; ++j) {
      gamma.push_back(static_cast<int64_t>(Uniform(kGammaLow, 1) * GammaLimit()));
      beta.push_back(Half(shape_.residual_bits) + Rounded(Uniform(-kBetaLimit, kBetaLimit)));
    }
    const double deviation = (1 + kGammaLow) / 2 * GammaLimit() * kNormUnit;
    correlation_ = WithCommon(correlation_, kBetaLimit * kBetaLimit / 3 / (deviation * deviation));
    Add(name + ".gamma", ElementType::kI16, Shape{shape_.hidden}, gamma);
    Add(name + ".beta", ElementType::kI16, Shape{shape_.hidden}, beta);
  }

  // Of h, in R-bit codes, its rounding included.
  double HiddenDeviation() const {
    const double gamma = (1 + kGammaLow) / 2 * GammaLimit();
    const double exact = std::ldexp(gamma * kNormUnit, shape_.residual_bits - 16);
    return std::sqrt(exact * exact + 1.0 / 12);
  }

  // E[h4^2].
  double NarrowSquare() const { return SquareOfCode(kWidestCode); }

  // A map into the residual stream and the table that adds h. Returns the stream's deviation, in
  // units of 8 bits.
  double AddResidual(const std::string& linear, const std::string& table, int64_t inputs,
                     double square) {
    const double total = kHalfRange / kMargin;
    AddLinear(linear, shape_.hidden, inputs, square, total * std::sqrt(1 - kResidualShare),
              shape_.residual_bits);
    const double gain = total * std::sqrt(kResidualShare) / HiddenDeviation();
    AddTable(table, ElementType::kI16, -ResidualHalf(), ResidualHalf(), [&](int64_t h) {
      const double limit = 0.75 * kHalfRange;
      return Rounded(std::clamp(gain * static_cast<double>(h), -limit, limit));
    });
    const double rounding = ResidualUnit() * ResidualUnit() / 12;
    return std::sqrt(total * total / 65536 + rounding);
  }

  void AddAttention(const std::string& name) {
    for (const char* part : {".query", ".key", ".value"}) {
      AddLinear(name + part, shape_.hidden, shape_.hidden, NarrowSquare(),
                AccumulatorFor(code_, shape_.saturated_bits()), shape_.saturated_bits());
    }
    const double score = AddQueryTable(name);
    const auto [mean, square] = AddSoftmax(name, score);
    const double context = AddValueTable(name, mean, square);
    const double stream = AddResidual(name + ".output", name + ".residual_table", shape_.hidden,
                                      SquareOfCode(context));
    AddNorm(name + ".norm", stream);
  }

  // Returns the deviation of the score's code. The sum of products has heavier tails the fewer
  // there are, so its margin is wider.
  double AddQueryTable(const std::string& name) {
    const double products = static_cast<double>(shape_.head_size());
    const double margin = 8 + 8 / std::sqrt(products);
    const double range = 8.0 * (1 << shape_.extra_bits);
    const double deviation = std::min(kWidestCode, range / margin);
    const double gain =
        AccumulatorFor(deviation, shape_.saturated_bits()) / (code_square_ * std::sqrt(products));
    const double used = std::max(1.0, gain);
    AddTable(name + ".query_table", ElementType::kI16, -8, 8,
             [&](int64_t code) { return Rounded(used * static_cast<double>(code)); });
    return deviation;
  }

  // Returns mean and mean square of the probabilities' codes.
  std::pair<double, double> AddSoftmax(const std::string& name, double score) {
    const auto weight = [](int64_t c) {
      return std::max(1.0, 255 * std::exp(kExpSlope * static_cast<double>(c - 7)));
    };
    AddTable(name + ".exp_table", ElementType::kU8, -8, 8,
             [&](int64_t c) { return Rounded(weight(c)); });
    // 16 codes of the sum, log-spaced over 9 octaves: 0.5 to 256 in units of 2^sh.
    const auto code = [](double u) {
      return std::clamp<int64_t>(static_cast<int64_t>(std::log2((u + 0.5) / 0.5) * 16 / 9), 0, 15);
    };
    AddTable(name + ".sum_table", ElementType::kU8, 0, 256,
             [&](int64_t u) { return code(static_cast<double>(u)); });
    const double n = static_cast<double>(shape_.sequence);
    const double largest = static_cast<double>((1 << shape_.probability_bits) - 1);
    const auto probability = [&](int64_t c, int64_t t) {
      const double sum =
          std::ldexp(0.5 * std::exp2((static_cast<double>(t) + 0.5) * 9 / 16), shape_.sum_shift);
      return Rounded(std::min(largest, largest * n / kProbabilityTop * weight(c) / sum));
    };
    std::vector<int64_t> table;
    for (int64_t c = -8; c < 8; ++c) {
      for (int64_t t = 0; t < 16; ++t) table.push_back(probability(c, t));
    }
    Add(name + ".probability_table", ElementType::kU8, Shape{16, 16}, table);
    const double sum = n * Expect(score, [&](double c) { return weight(Code4(c)); });
    const int64_t t = code(std::floor(std::ldexp(sum, -shape_.sum_shift)));
    const auto moment = [&](int power) {
      return Expect(score, [&](double c) {
        return std::pow(static_cast<double>(probability(Code4(c), t)), power);
      });
    };
    return {moment(1), moment(2)};
  }

  // Given the moments of the probabilities. Returns the deviation of the context's code, and takes
  // the stream's correlation through attention.
  double AddValueTable(const std::string& name, double mean, double square) {
    const double n = static_cast<double>(shape_.sequence);
    const double values = WithCommon(correlation_, kBiasLimit * kBiasLimit / 3);
    const double common = values * mean * mean * n * n;
    const double own = (1 - values) * square * n;
    const double gain =
        AccumulatorFor(code_, shape_.saturated_bits()) / std::sqrt(code_square_ * (common + own));
    AddTable(name + ".value_table", ElementType::kI16, -8, 8, [&](int64_t code) {
      return Rounded(std::clamp(gain * static_cast<double>(code), -kHalfRange, kHalfRange - 1));
    });
    // Two positions weigh the same values, independently.
    const double shared = (1 - values) * mean * mean * n;
    Mix((common + shared) / (common + own));
    return code_;
  }

  // The correlation of rows that gain a common part of this variance, relative to theirs.
  static double WithCommon(double correlation, double part) {
    return (correlation + part) / (1 + part);
  }

  // After a residual with a branch whose rows have this correlation.
  void Mix(double branch) {
    correlation_ = kResidualShare * correlation_ + (1 - kResidualShare) * branch;
  }

  void AddFeedForward(const std::string& name) {
    const double widest = std::ldexp(1.0, shape_.relu_bits() - 1) / kMargin;
    const double inner = std::min(2 * kWidestCode, widest);
    AddLinear(name + ".in", shape_.ffn_size(), shape_.hidden, NarrowSquare(),
              AccumulatorFor(inner, shape_.relu_bits()), shape_.relu_bits());
    const int64_t half = int64_t{1} << (shape_.relu_bits() - 1);
    const auto relu = [](int64_t code) { return std::clamp<int64_t>(code, 0, 15); };
    AddTable(name + ".relu_table", ElementType::kI8, -half, half, relu);
    const double square = Expect(inner, [&](double x) {
      const double code = static_cast<double>(relu(Rounded(x)));
      return code * code;
    });
    const double stream =
        AddResidual(name + ".out", name + ".residual_table", shape_.ffn_size(), square);
    Mix(ReluCorrelation(correlation_));
    AddNorm(name + ".norm", stream);
  }

  // tanh to the 16 odd levels; 5-bit classifier weights, fewer where H is so large that their sum
  // would not fit.
  void AddClassifier() {
    AddLinear("pooler", shape_.hidden, shape_.hidden, NarrowSquare(),
              AccumulatorFor(code_, shape_.saturated_bits()), shape_.saturated_bits());
    const auto level = [&](double code) {
      const double odd = 2 * std::floor(7.5 * std::tanh(code / (1.2 * code_)) + 0.5) + 1;
      return std::clamp<int64_t>(static_cast<int64_t>(odd), -15, 15);
    };
    AddTable("pooler.tanh_table", ElementType::kI8, -8, 8,
             [&](int64_t code) { return level(static_cast<double>(code)); });
    const double square = Expect(code_, [&](double x) {
      const double output = static_cast<double>(level(static_cast<double>(Code4(x))));
      return output * output;
    });
    const double fitting =
        kHalfRange / kMargin / std::sqrt(static_cast<double>(shape_.hidden) * square / 3);
    const double limit = std::clamp(std::floor(fitting), 1.0, 15.0);
    std::vector<int64_t> weight, bias;
    for (int64_t i = 0; i < shape_.classes() * shape_.hidden; ++i) {
      weight.push_back(Rounded(Uniform(-limit, limit)));
    }
    for (int64_t c = 0; c < shape_.classes(); ++c) bias.push_back(Rounded(Uniform(-100, 100)));
    Add("classifier.weight", ElementType::kI8, Shape{shape_.classes(), shape_.hidden}, weight);
    Add("classifier.bias", ElementType::kI16, Shape{shape_.classes()}, bias);
  }

  static constexpr double kBiasLimit = 0.25;  // of a bias, in deviations of its accumulator
  static constexpr double kGammaLow = 0.8;
  static constexpr double kBetaLimit = 512;

  const IntegerModelShape shape_;
  std::mt19937_64 generator_;
  const double code_;         // deviation of the 4-bit codes, before rounding
  const double code_square_;  // mean square of these codes
  double correlation_ = 0;    // between the rows of the stream: words are independent
  std::map<std::string, StoredTensor> tensors_;
};

}  // namespace

bool IsSyntheticName(std::string_view text) {
  return PresetNamed(text.substr(0, text.find(':'))) != nullptr;
}

StatusOr<SyntheticShape> ParseSyntheticShape(std::string_view text) {
  StatusOr<SyntheticShape> shape = Parse(text);
  if (!shape.ok()) return Annotate(shape.status(), StrCat("model ", Quoted(text)));
  return shape;
}

IntegerModelShape ModelShapeOf(const SyntheticShape& shape) {
  IntegerModelShape model;
  model.task = "synthetic";
  model.hidden = shape.hidden;
  model.layers = shape.layers;
  model.heads = shape.heads;
  model.sequence = shape.sequence;
  model.residual_bits = shape.residual_bits;
  model.extra_bits = shape.extra_bits;
  // ceil(log2(n * 255 / 256)): the row's sum never leaves Z_2^(8+sh).
  while (shape.sequence * 255 > (int64_t{256} << model.sum_shift)) ++model.sum_shift;
  model.labels = {"0", "1"};
  model.vocabulary = shape.vocabulary;
  return model;
}

StatusOr<IntegerModel> MakeSyntheticModel(const SyntheticShape& shape) {
  LUTRA_RETURN_IF_ERROR(CheckShape(ModelShapeOf(shape)));
  const int64_t weights =
      shape.hidden * (shape.layers * 12 * shape.hidden + shape.vocabulary + shape.sequence);
  if (weights > kMaxWeights) {
    return InvalidArgument("model ", Quoted(shape.name), ": weights: expected at most ",
                           kMaxWeights, ", found ", weights);
  }
  return Maker(shape).Make();
}

}  // namespace lutra
