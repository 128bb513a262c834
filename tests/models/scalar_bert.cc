#include "tests/models/scalar_bert.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace lutra {
namespace {

using Row = std::vector<int64_t>;
using Matrix = std::vector<Row>;  // [n][channels]

int64_t FloorDivide(int64_t a, int64_t b) {
  int64_t q = a / b;
  if (a % b != 0 && (a < 0) != (b < 0)) --q;
  return q;
}

int64_t Modulo(int64_t a, int64_t b) { return a - b * FloorDivide(a, b); }

int64_t AsSigned(int64_t value, int bits) {
  const int64_t size = int64_t{1} << bits;
  const int64_t reduced = Modulo(value, size);
  return reduced < size / 2 ? reduced : reduced - size;
}

class Scalar {
 public:
  Scalar(const IntegerModel& model, ScalarResult& result)
      : tensors_(model.content().tensors),
        hidden_(Number(model, "hidden")),
        layers_(Number(model, "layers")),
        heads_(Number(model, "heads")),
        n_(Number(model, "sequence")),
        r_(static_cast<int>(Number(model, "residual_bits"))),
        x_(static_cast<int>(Number(model, "extra_bits"))),
        fb_(static_cast<int>(Number(model, "ffn_bits"))),
        sh_(static_cast<int>(Number(model, "sum_shift"))),
        result_(result) {}

  void Run(const Row& inputs) {
    Matrix h = Matrix(Size(n_), Row(Size(hidden_)));
    if (tensors_.count("embedding.word") > 0) {
      for (int64_t i = 0; i < n_; ++i) {
        for (int64_t j = 0; j < hidden_; ++j) {
          const int64_t word = T("embedding.word", inputs[Size(i)] * hidden_ + j);
          const int64_t sum = word + T("embedding.position", i * hidden_ + j);
          h[Size(i)][Size(j)] = AsSigned(sum, r_);
          Use("embedding.residual", static_cast<double>(std::abs(sum)) / (1 << (r_ - 1)));
        }
      }
    } else {
      const int64_t pixels = tensors_.at("embedding.weight").shape().size(1);
      for (int64_t i = 0; i < n_; ++i) {
        for (int64_t j = 0; j < hidden_; ++j) {
          int64_t acc = T("embedding.position_bias", i * hidden_ + j);
          for (int64_t k = 0; i > 0 && k < pixels; ++k) {
            acc += T("embedding.scale", 0) * T("embedding.weight", j * pixels + k) *
                   inputs[Size((i - 1) * pixels + k)];
          }
          h[Size(i)][Size(j)] = Top("embedding.residual", acc, r_);
        }
      }
    }
    Put("embedding.residual", h);
    Matrix h4;
    Norm("embedding.norm", h, h4);
    for (int64_t layer = 0; layer < layers_; ++layer) {
      const std::string l = "layers." + std::to_string(layer);
      Attention(l + ".attention", h, h4);
      Ffn(l + ".ffn", h, h4);
    }
    Row pooled;
    for (int64_t j = 0; j < hidden_; ++j) {
      const int64_t code = Saturate("pooler", Accumulate("pooler", h4[0], j));
      result_.values["pooler"].push_back(code);
      pooled.push_back(T("pooler.tanh_table", code + 8));
    }
    result_.values["pooler.output"] = pooled;
    for (int64_t c = 0; c < tensors_.at("classifier.bias").elements(); ++c) {
      int64_t logit = T("classifier.bias", c);
      for (int64_t j = 0; j < hidden_; ++j) {
        logit += pooled[Size(j)] * T("classifier.weight", c * hidden_ + j);
      }
      Use("classifier", static_cast<double>(std::abs(logit)) / 32768);
      result_.logits.push_back(AsSigned(logit, 16));
    }
  }

 private:
  static size_t Size(int64_t i) { return static_cast<size_t>(i); }
  static int64_t Number(const IntegerModel& model, const char* name) {
    return std::stoll(model.content().metadata.at(name));
  }

  int64_t T(const std::string& name, int64_t element) const {
    return tensors_.at(name).At(element);
  }

  void Put(const std::string& name, const Matrix& matrix) {
    for (const Row& row : matrix) Put(name, row);
  }
  void Put(const std::string& name, const Row& row) {
    Row& values = result_.values[name];
    values.insert(values.end(), row.begin(), row.end());
  }
  void Put(const std::string& name, int64_t value) { result_.values[name].push_back(value); }
  void Use(const std::string& name, double part) {
    result_.used[name] = std::max(result_.used[name], part);
  }

  // The top bits of the accumulator modulo 2^16.
  int64_t Top(const std::string& name, int64_t acc, int bits) {
    Use(name, static_cast<double>(acc < 0 ? -acc : acc + 1) / 32768);
    return FloorDivide(AsSigned(acc, 16), int64_t{1} << (16 - bits));
  }

  int64_t Saturate(const std::string& name, int64_t acc) {
    const int64_t code = Top(name, acc, 4 + x_);
    return x_ == 0 ? code : T("saturate_table", code + (int64_t{8} << x_));
  }

  // s*(W x) + b of one output.
  int64_t Accumulate(const std::string& name, const Row& x, int64_t output) const {
    const StoredTensor& weight = tensors_.at(name + ".weight");
    const int64_t depth = weight.shape().size(1);
    int64_t sum = 0;
    for (int64_t k = 0; k < depth; ++k) sum += weight.At(output * depth + k) * x[Size(k)];
    return T(name + ".scale", 0) * sum + T(name + ".bias", output);
  }

  // Turns the residual stream r into h and h4.
  void Norm(const std::string& name, Matrix& r, Matrix& h4) {
    const int64_t widen = int64_t{1} << (8 - r_);
    h4 = r;
    for (int64_t i = 0; i < n_; ++i) {
      int64_t sum = 0;
      for (const int64_t value : r[Size(i)]) sum += value * widen;
      const int64_t k = hidden_ >= 256 ? 1 : 256 / hidden_;
      const int64_t top = Top(name + ".mean", k * sum + 128, 8);
      // floor(top / t + 1/2) for t = k*H/256, within 8 bits.
      const int64_t mean = std::max<int64_t>(
          -128, std::min<int64_t>(127, FloorDivide(512 * top + k * hidden_, 2 * k * hidden_)));
      Row e;
      int64_t v = 0;
      for (const int64_t value : r[Size(i)]) {
        Use(name + ".centred", static_cast<double>(std::abs(value * widen - mean)) / 128);
        e.push_back(AsSigned(value * widen - mean, 8));
        v += T(name + ".square", e.back() + 128);
      }
      Use(name + ".variance", static_cast<double>(v) / 65536);
      const int64_t u = FloorDivide(Modulo(v, 65536), 256);
      const int64_t inv = T(name + ".rsqrt", u);
      Put(name + ".mean", mean);
      Put(name + ".centred", e);
      Put(name + ".variance", Modulo(v, 65536));
      Put(name + ".inverse", inv);
      for (int64_t j = 0; j < hidden_; ++j) {
        const int64_t m = Top(name + ".normalized", e[Size(j)] * inv + 128, 8);
        const int64_t h =
            Top(name + ".output", T(name + ".gamma", j) * m + T(name + ".beta", j), r_);
        Put(name + ".normalized", m);
        r[Size(i)][Size(j)] = h;
        h4[Size(i)][Size(j)] = T(name + ".narrow", h + (int64_t{1} << (r_ - 1)));
      }
    }
    Put(name + ".output", r);
    Put(name + ".narrow", h4);
  }

  void Attention(const std::string& name, Matrix& h, Matrix& h4) {
    Matrix q(Size(n_)), k(Size(n_)), v(Size(n_));
    for (int64_t i = 0; i < n_; ++i) {
      for (int64_t j = 0; j < hidden_; ++j) {
        const auto code = [&](const std::string& part) {
          return Saturate(part, Accumulate(part, h4[Size(i)], j));
        };
        q[Size(i)].push_back(code(name + ".query"));
        k[Size(i)].push_back(code(name + ".key"));
        v[Size(i)].push_back(code(name + ".value"));
      }
    }
    Put(name + ".query", q);
    Put(name + ".key", k);
    Put(name + ".value", v);
    const int64_t d = hidden_ / heads_;
    const int64_t half = int64_t{1} << (11 - x_);
    Matrix context(Size(n_), Row(Size(hidden_)));
    for (int64_t head = 0; head < heads_; ++head) {
      for (int64_t i = 0; i < n_; ++i) {
        Row score, exponential, probability;
        int64_t sum = 0;
        for (int64_t l = 0; l < n_; ++l) {
          int64_t acc = half;
          for (int64_t j = head * d; j < (head + 1) * d; ++j) {
            acc += T(name + ".query_table", q[Size(i)][Size(j)] + 8) * k[Size(l)][Size(j)];
          }
          score.push_back(Saturate(name + ".score", acc));
          exponential.push_back(T(name + ".exp_table", score.back() + 8));
          sum += exponential.back();
        }
        // S in Z_2^(8+sh); its top 8 bits.
        Use(name + ".sum", static_cast<double>(sum) / std::pow(2.0, 8 + sh_));
        const int64_t top = FloorDivide(Modulo(sum, int64_t{1} << (8 + sh_)), int64_t{1} << sh_);
        const int64_t t = T(name + ".sum_table", top);
        for (const int64_t c : score) {
          probability.push_back(T(name + ".probability_table", (c + 8) * 16 + t));
        }
        for (int64_t j = head * d; j < (head + 1) * d; ++j) {
          int64_t acc = half;
          for (int64_t l = 0; l < n_; ++l) {
            acc += probability[Size(l)] * T(name + ".value_table", v[Size(l)][Size(j)] + 8);
          }
          context[Size(i)][Size(j)] = Saturate(name + ".context", acc);
        }
        Put(name + ".score", score);
        Put(name + ".exp", exponential);
        Put(name + ".sum", sum);
        Put(name + ".sum_code", t);
        Put(name + ".probability", probability);
      }
    }
    Put(name + ".context", context);
    Residual(name, name + ".output", context, h);
    Norm(name + ".norm", h, h4);
  }

  void Ffn(const std::string& name, Matrix& h, Matrix& h4) {
    Matrix f(Size(n_));
    for (int64_t i = 0; i < n_; ++i) {
      for (int64_t j = 0; j < 4 * hidden_; ++j) {
        const int64_t code = Top(name + ".in", Accumulate(name + ".in", h4[Size(i)], j), fb_ + x_);
        f[Size(i)].push_back(T(name + ".relu_table", code + (int64_t{1} << (fb_ + x_ - 1))));
      }
    }
    Put(name + ".hidden", f);
    Residual(name, name + ".out", f, h);
    Norm(name + ".norm", h, h4);
  }

  // h becomes top_R(s*(W x) + b + residual_table[h]).
  void Residual(const std::string& name, const std::string& linear, const Matrix& x, Matrix& h) {
    for (int64_t i = 0; i < n_; ++i) {
      for (int64_t j = 0; j < hidden_; ++j) {
        int64_t& value = h[Size(i)][Size(j)];
        const int64_t skip = T(name + ".residual_table", value + (int64_t{1} << (r_ - 1)));
        value = Top(name + ".residual", Accumulate(linear, x[Size(i)], j) + skip, r_);
      }
    }
    Put(name + ".residual", h);
  }

  const std::map<std::string, StoredTensor>& tensors_;
  const int64_t hidden_, layers_, heads_, n_;
  const int r_, x_, fb_, sh_;
  ScalarResult& result_;
};

}  // namespace

ScalarResult EvaluateScalar(const IntegerModel& model, const std::vector<int64_t>& inputs) {
  ScalarResult result;
  Scalar(model, result).Run(inputs);
  return result;
}

}  // namespace lutra
