// Keep the top bits of a value: what replaces truncation.
#ifndef LUTRA_MPC_PROTOCOLS_TOP_BITS_H_
#define LUTRA_MPC_PROTOCOLS_TOP_BITS_H_

#include <cstdint>
#include <memory>
#include <string_view>

#include "mpc/builder.h"
#include "mpc/protocol.h"

namespace lutra {

inline constexpr std::string_view kTopBits = "top_bits";

// [z]^l -> [floor((z + a) / 2^(l-t)) - c]^t with a rounding coin c in {0, 1}; 1 <= t < l and
// 0 <= a < 2^(l-t). The exact form, floor(z / 2^(l-t)), ignores a. Replicated values are made
// additive first.
Value TopBits(Builder& builder, Value z, int bits, int64_t a);
// With a = 2^(l-t) - 1: exactly unbiased.
Value TopBitsUnbiased(Builder& builder, Value z, int bits);
// With a = 2^(l-t-1) - 1: centred where z holds the rounding half 2^(l-t-1) already.
Value TopBitsCentred(Builder& builder, Value z, int bits);

// What is added before the shares are cut: the half step less one, or nothing, which is half a step
// too low on average.
enum class Rounding { kCentred, kPlain };
Value TopBits(Builder& builder, Value z, int bits, Rounding rounding);

std::unique_ptr<Protocol> MakeTopBits();

}  // namespace lutra

#endif  // LUTRA_MPC_PROTOCOLS_TOP_BITS_H_
