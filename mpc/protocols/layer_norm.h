// LayerNorm over the last axis, by tables.
#ifndef LUTRA_MPC_PROTOCOLS_LAYER_NORM_H_
#define LUTRA_MPC_PROTOCOLS_LAYER_NORM_H_

#include <cstdint>
#include <optional>

#include "mpc/builder.h"
#include "mpc/protocols/lookup.h"
#include "mpc/protocols/product.h"
#include "mpc/protocols/top_bits.h"

namespace lutra {

// The tables of the integer LayerNorm (docs/quantized-bert.md); l is the ring of accumulators.
struct LayerNormTables {
  TableId extend;               // Z_2^R -> Z_2^l: r' = r << (8-R), its sign extended
  std::optional<TableId> mean;  // Z_2^8 -> Z_2^8: where the mean is more than a shift
  TableId square;               // Z_2^8 -> Z_2^l
  TableId centred;              // Z_2^8 -> Z_2^l: e with its sign extended
  TableId rsqrt;                // Z_2^8 -> Z_2^l
};

// The normalized [m]^8 of a residual stream [r]^R [..., H], before any affine map:
// mu = mean(top_8(multiplier * sum r' + 128)), e = r' - mu, u = top_8(sum square(e)),
// m = top_8(e * rsqrt(u) + 128).
Value LayerNorm(Builder& builder, Value residual, int64_t mean_multiplier,
                const LayerNormTables& tables, LookupForm lookup = LookupForm::kReshare,
                LinearForm linear = LinearForm::kMasked, Rounding rounding = Rounding::kCentred);

}  // namespace lutra

#endif  // LUTRA_MPC_PROTOCOLS_LAYER_NORM_H_
