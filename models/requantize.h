// The same model with another number of residual bits R or extra bits X, by moving what is in the
// file to the other widths: no training, no calibration. docs/quantized-bert.md names the tensors.
//
// Extra bits. With X bits a step of an extracted code is 2^(12-X) of the accumulator (2^(16-FB-X)
// before relu). So the scales and biases of query, key, value, pooler and ffn.in, query_table and
// value_table are multiplied by 2^(X-X'), modulo 2^16. Fewer bits: exact, every accumulator is that
// multiple of the old one, and a code is the old one modulo 2^(4+X'). More bits: scales and tables
// are rounded to nearest, biases down, which is exact where the scale divides. saturate_table and
// relu_table keep the entries of codes that are left, and continue with their outermost ones.
//
// Residual bits. The accumulator stays; the rounding half 2^(15-R) in the biases of
// attention.output and ffn.out, in beta and position_bias becomes 2^(15-R'). With fewer bits,
// residual_table and narrow are read at the code that the new one stands for, and words and
// positions are rounded to nearest. With more bits, words and positions are multiplied, narrow is
// read at the nearest old code, and residual_table is interpolated. r' = r << (8-R), and so
// LayerNorm's tables, stay.
#ifndef LUTRA_MODELS_REQUANTIZE_H_
#define LUTRA_MODELS_REQUANTIZE_H_

#include "core/status.h"
#include "models/integer_model.h"

namespace lutra {

struct ModelBits {
  int residual_bits = 8;  // R', 2..8
  int extra_bits = 1;     // X', 0..4
};

// Equal bits give the same model. Errors: bits outside their range; a scale that more extra bits
// round to 0; a saturate_table that X' = 0, which has none, would change.
StatusOr<IntegerModel> Requantize(const IntegerModel& model, const ModelBits& bits);

}  // namespace lutra

#endif  // LUTRA_MODELS_REQUANTIZE_H_
