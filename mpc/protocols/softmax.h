// Softmax over the last axis, by a multi-input table.
#ifndef LUTRA_MPC_PROTOCOLS_SOFTMAX_H_
#define LUTRA_MPC_PROTOCOLS_SOFTMAX_H_

#include "mpc/builder.h"
#include "mpc/protocols/lookup.h"
#include "mpc/protocols/top_bits.h"

namespace lutra {

// The tables of Pi_Softmax. The row's sum S of exponentials lives in the ring of `exp`, which must
// hold it; its top 8 bits index `sum_code`.
struct SoftmaxTables {
  TableId exp;          // Z_2^k -> Z_2^(8+sh), positive
  TableId score;        // Z_2^k -> Z_2^s: the score as the probability table wants it
  TableId sum_code;     // Z_2^8 -> Z_2^t
  TableId probability;  // Z_2^s x Z_2^t -> Z_2^l
};

// <p>, p_j = probability(score(c_j), sum_code(top_8(sum_i exp(c_i)))) for every row of codes [c]^k.
// The row's sum code is one shared input of all its lookups. [arXiv 2508.01636; protocols.md,
// "Composite functions"]
Value Softmax(Builder& builder, Value codes, const SoftmaxTables& tables,
              LookupForm form = LookupForm::kReshare, Rounding rounding = Rounding::kCentred);

}  // namespace lutra

#endif  // LUTRA_MPC_PROTOCOLS_SOFTMAX_H_
