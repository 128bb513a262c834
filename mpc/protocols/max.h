// The maximum along the last axis, by a tournament of two-input tables.
#ifndef LUTRA_MPC_PROTOCOLS_MAX_H_
#define LUTRA_MPC_PROTOCOLS_MAX_H_

#include "mpc/builder.h"

namespace lutra {

// Whether a code of Z_2^k stands for 0 .. 2^k-1 or for -2^(k-1) .. 2^(k-1)-1.
enum class Codes { kUnsigned, kSigned };

// [max_i x_i]^k of every row of codes [x]^k [..., n], k <= 10: [..., 1]. ceil(log2 n) rounds; n - 1
// lookups a row of 2^(2k) k bits each, 2k bits each way. [protocols.md, "Composite functions"]
Value Maximum(Builder& builder, Value x, Codes codes);

}  // namespace lutra

#endif  // LUTRA_MPC_PROTOCOLS_MAX_H_
