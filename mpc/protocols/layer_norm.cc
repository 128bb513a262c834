#include "mpc/protocols/layer_norm.h"

#include <vector>

#include "mpc/protocols/local.h"
#include "mpc/protocols/reshare.h"

namespace lutra {
namespace {

constexpr int kBits = 8;  // mean, centred residual, variance code, normalized value

// 2^(l-9): half of what top_8 drops.
int64_t RoundingHalf(const Builder& builder, Value accumulator) {
  const int dropped = builder.ring(accumulator).bits() - kBits;
  return dropped > 0 ? int64_t{1} << (dropped - 1) : 0;
}

Value RoundedTop(Builder& builder, Value accumulator, Rounding rounding) {
  return TopBits(builder, AddConstants(builder, accumulator, {RoundingHalf(builder, accumulator)}),
                 kBits, rounding);
}

}  // namespace

Value LayerNorm(Builder& builder, Value residual, int64_t mean_multiplier,
                const LayerNormTables& tables, LookupForm lookup, LinearForm linear,
                Rounding rounding) {
  Value mean;
  {
    Builder::Scope scope(builder, "mean");
    const Value extended = Lookup(builder, {residual}, tables.extend);
    const Value sum = Scale(builder, Sum(builder, extended, -1), {mean_multiplier});
    mean = RoundedTop(builder, sum, rounding);
    if (tables.mean.has_value()) mean = Lookup(builder, {mean}, *tables.mean);
  }
  Value centred;
  Value inverse;
  {
    Builder::Scope scope(builder, "variance");
    const Value wide = ShiftUp(builder, residual, kBits - builder.ring(residual).bits());
    const Value e = Subtract(builder, wide, mean);
    Value square;
    if (lookup == LookupForm::kReshare) {  // one opening serves both tables
      const std::vector<Value> both = LookupAll(builder, {e}, {tables.square, tables.centred});
      square = both[0];
      centred = Reshare(builder, both[1]);
    } else {
      square = Lookup(builder, {e}, tables.square);
      centred = LookupReplicated(builder, {e}, tables.centred, lookup);
    }
    const Value code = TopBits(builder, Sum(builder, square, -1), kBits, rounding);
    inverse = LookupReplicated(builder, {code}, tables.rsqrt, lookup);
  }
  Builder::Scope scope(builder, "normalized");
  return RoundedTop(builder, ElementProduct(builder, centred, inverse, linear), rounding);
}

}  // namespace lutra
