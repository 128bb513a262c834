// Models without training, for measuring cost at any shape: random weights from a seed, tables and
// scales calibrated so that no accumulator leaves its range and codes are spread at every layer.
#ifndef LUTRA_MODELS_SYNTHETIC_H_
#define LUTRA_MODELS_SYNTHETIC_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "core/status.h"
#include "models/integer_model.h"

namespace lutra {

// NAME or NAME:key=value,... with
//
//   NAME        layers  hidden  heads
//   bert-tiny   2       128     2
//   bert-base   12      768     12
//   bert-large  24      1024    16
//   synthetic   1       (must be given)  hidden/64, or 1
//
// and keys hidden (a divisor of 256 or a multiple of 64, 16 to 16384), layers (1 to 1024),
// heads (a divisor of hidden), sequence (3 to 512, 128), vocabulary (4 to 1000000; 1000, where
// BERT's own is 30522), residual (4 to 8, 8), extra (0 to 3, 1), seed (0 to 2^64-1, 0).
struct SyntheticShape {
  std::string name;  // as it was given
  int64_t hidden = 0;
  int64_t layers = 1;
  int64_t heads = 1;
  int64_t sequence = 128;
  int64_t vocabulary = 1000;
  int residual_bits = 8;
  int extra_bits = 1;
  uint64_t seed = 0;
};

// Whether the text before ':' is one of the names above (and so not a model file).
bool IsSyntheticName(std::string_view text);

StatusOr<SyntheticShape> ParseSyntheticShape(std::string_view text);

// The shape of the model that MakeSyntheticModel builds; enough for costs, without any weight.
IntegerModelShape ModelShapeOf(const SyntheticShape& shape);

// Weights come from std::mt19937_64(seed): the same model on every machine.
StatusOr<IntegerModel> MakeSyntheticModel(const SyntheticShape& shape);

}  // namespace lutra

#endif  // LUTRA_MODELS_SYNTHETIC_H_
