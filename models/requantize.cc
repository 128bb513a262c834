#include "models/requantize.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/ring.h"

namespace lutra {
namespace {

constexpr int kWordBits = IntegerModelShape::kAccumulatorBits;

// The signed word that is congruent modulo 2^16.
int64_t SignedWord(int64_t value) {
  const Ring words(kWordBits);
  return words.Signed(words.Reduce(static_cast<uint64_t>(value)));
}

int64_t PowerOfTwo(int exponent) { return int64_t{1} << exponent; }

// value / 2^shift to the nearest, halves up; a negative shift multiplies.
int64_t RoundedShift(int64_t value, int shift) {
  if (shift <= 0) return value * PowerOfTwo(-shift);
  return (value + PowerOfTwo(shift - 1)) >> shift;
}

// The same, downwards.
int64_t FlooredShift(int64_t value, int shift) {
  return shift <= 0 ? value * PowerOfTwo(-shift) : value >> shift;
}

// A table of 2^bits entries from that of other signed codes: the same entry for the same code, the
// outermost ones beyond.
std::vector<int64_t> Recoded(const std::vector<int64_t>& table, int bits) {
  const int64_t half = static_cast<int64_t>(table.size()) / 2;
  std::vector<int64_t> recoded;
  for (int64_t code = -PowerOfTwo(bits - 1); code < PowerOfTwo(bits - 1); ++code) {
    recoded.push_back(table[static_cast<size_t>(std::clamp(code, -half, half - 1) + half)]);
  }
  return recoded;
}

// table at code / 2^finer, between two entries by the line through them, beyond the last by the
// line through the last two.
int64_t Interpolated(const std::vector<int64_t>& table, int64_t code, int finer) {
  const int64_t half = static_cast<int64_t>(table.size()) / 2;
  const int64_t left = std::min((code >> finer) + half, 2 * half - 2);
  const int64_t steps = code - (left - half) * PowerOfTwo(finer);  // of 1 / 2^finer
  const int64_t low = table[static_cast<size_t>(left)], high = table[static_cast<size_t>(left) + 1];
  const int64_t value = low + RoundedShift((high - low) * steps, finer);
  return std::clamp(value, -PowerOfTwo(kWordBits - 1), PowerOfTwo(kWordBits - 1) - 1);
}

// Rewrites the tensors of one model.
class Requantizer {
 public:
  Requantizer(const IntegerModel& model, const ModelBits& bits)
      : from_(model.shape()), to_(model.shape()), tensors_(model.content().tensors) {
    to_.residual_bits = bits.residual_bits;
    to_.extra_bits = bits.extra_bits;
  }

  StatusOr<IntegerModel> Run() && {
    LUTRA_RETURN_IF_ERROR(CheckShape(to_));
    if (to_.extra_bits != from_.extra_bits) LUTRA_RETURN_IF_ERROR(ChangeExtraBits());
    if (to_.residual_bits != from_.residual_bits) ChangeResidualBits();
    return MakeIntegerModel(to_, std::move(tensors_));
  }

 private:
  // How many bits the accumulators move down.
  int extra() const { return to_.extra_bits - from_.extra_bits; }
  // How many bits the residual codes move down.
  int coarser() const { return from_.residual_bits - to_.residual_bits; }

  template <class Function>
  void Map(const std::string& name, const Function& function) {
    StoredTensor& tensor = tensors_.at(name);
    for (int64_t i = 0; i < tensor.elements(); ++i) tensor.Set(i, function(tensor.At(i)));
  }

  void Replace(const std::string& name, const std::vector<int64_t>& values) {
    const StoredTensor& old = tensors_.at(name);
    const Shape shape{static_cast<int64_t>(values.size())};
    tensors_.insert_or_assign(name, StoredTensor::Of(old.type(), shape, values));
  }

  Status ChangeExtraBits() {
    LUTRA_RETURN_IF_ERROR(ChangeSaturateTable());
    LUTRA_RETURN_IF_ERROR(ScaleLinear("pooler"));
    for (int64_t i = 0; i < from_.layers; ++i) {
      const std::string attention = StrCat("layers.", i, ".attention.");
      const std::string ffn = StrCat("layers.", i, ".ffn.");
      for (const char* const part : {"query", "key", "value"}) {
        LUTRA_RETURN_IF_ERROR(ScaleLinear(attention + part));
      }
      for (const char* const table : {"query_table", "value_table"}) {
        Map(attention + table,
            [this](int64_t entry) { return SignedWord(RoundedShift(entry, extra())); });
      }
      LUTRA_RETURN_IF_ERROR(ScaleLinear(ffn + "in"));
      const std::string relu = ffn + "relu_table";
      Replace(relu, Recoded(tensors_.at(relu).Values(), to_.relu_bits()));
    }
    return absl::OkStatus();
  }

  Status ScaleLinear(const std::string& name) {
    const int64_t scale = tensors_.at(name + ".scale").At(0);
    const int64_t scaled = RoundedShift(scale, extra());
    if (scale != 0 && scaled == 0) {
      return InvalidArgument("tensor ", name, ".scale: expected a scale that ", extra(),
                             " more extra bits do not round to 0, found ", scale);
    }
    tensors_.at(name + ".scale").Set(0, SignedWord(scaled));
    Map(name + ".bias", [this](int64_t bias) { return SignedWord(FlooredShift(bias, extra())); });
    return absl::OkStatus();
  }

  Status ChangeSaturateTable() {
    const std::string name = "saturate_table";
    std::vector<int64_t> table;
    if (from_.extra_bits > 0) {
      table = tensors_.at(name).Values();
    } else {
      for (int64_t code = -8; code < 8; ++code) table.push_back(code);
    }
    const std::vector<int64_t> recoded = Recoded(table, to_.saturated_bits());
    tensors_.erase(name);
    if (to_.extra_bits > 0) {
      const Shape shape{static_cast<int64_t>(recoded.size())};
      tensors_.emplace(name, StoredTensor::Of(ElementType::kI8, shape, recoded));
      return absl::OkStatus();
    }
    for (int64_t code = -8; code < 8; ++code) {
      const int64_t entry = recoded[static_cast<size_t>(code + 8)];
      if (entry == code) continue;
      return InvalidArgument("tensor ", name, ": expected ", code, " for ", code,
                             ", as it is without extra bits, found ", entry);
    }
    return absl::OkStatus();
  }

  void ChangeResidualBits() {
    if (from_.embedding == Embedding::kToken) {
      for (const char* const part : {"embedding.word", "embedding.position"}) {
        Map(part, [this](int64_t code) { return RoundedCode(code); });
      }
    } else {
      MoveHalf("embedding.position_bias");
    }
    ChangeNorm("embedding.norm");
    for (int64_t i = 0; i < from_.layers; ++i) {
      const std::string attention = StrCat("layers.", i, ".attention");
      const std::string ffn = StrCat("layers.", i, ".ffn");
      ChangeResidual(attention, ".output");
      ChangeResidual(ffn, ".out");
    }
  }

  // A residual code in the other width, within its range.
  int64_t RoundedCode(int64_t code) const {
    // A code of the file counts modulo 2^R.
    const Ring ring(from_.residual_bits);
    const int64_t wrapped = ring.Signed(ring.Reduce(static_cast<uint64_t>(code)));
    return std::min(RoundedShift(wrapped, coarser()), PowerOfTwo(to_.residual_bits - 1) - 1);
  }

  // Takes the old rounding half out of a bias and puts the new one in.
  void MoveHalf(const std::string& name) {
    const int64_t difference = PowerOfTwo(kWordBits - 1 - to_.residual_bits) -
                               PowerOfTwo(kWordBits - 1 - from_.residual_bits);
    Map(name, [difference](int64_t bias) { return SignedWord(bias + difference); });
  }

  void ChangeNorm(const std::string& name) {
    MoveHalf(name + ".beta");
    const std::vector<int64_t> narrow = tensors_.at(name + ".narrow").Values();
    const int64_t half = static_cast<int64_t>(narrow.size()) / 2;
    Replace(name + ".narrow", ByResidual([&](int64_t code) {
              const int64_t old = std::min(RoundedShift(code, -coarser()), half - 1);
              return narrow[static_cast<size_t>(old + half)];
            }));
  }

  void ChangeResidual(const std::string& block, const std::string& linear) {
    MoveHalf(block + linear + ".bias");
    const std::vector<int64_t> table = tensors_.at(block + ".residual_table").Values();
    const int64_t half = static_cast<int64_t>(table.size()) / 2;
    Replace(block + ".residual_table", ByResidual([&](int64_t code) {
              if (coarser() < 0) return Interpolated(table, code, -coarser());
              return table[static_cast<size_t>(code * PowerOfTwo(coarser()) + half)];
            }));
    ChangeNorm(block + ".norm");
  }

  // A table by residual codes of the new width.
  template <class Entry>
  std::vector<int64_t> ByResidual(const Entry& entry) const {
    const int64_t half = PowerOfTwo(to_.residual_bits - 1);
    std::vector<int64_t> table;
    for (int64_t code = -half; code < half; ++code) table.push_back(entry(code));
    return table;
  }

  const IntegerModelShape from_;
  IntegerModelShape to_;
  std::map<std::string, StoredTensor> tensors_;
};

}  // namespace

StatusOr<IntegerModel> Requantize(const IntegerModel& model, const ModelBits& bits) {
  return Requantizer(model, bits).Run();
}

}  // namespace lutra
