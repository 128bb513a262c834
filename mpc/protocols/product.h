// Bilinear products of replicated values.
#ifndef LUTRA_MPC_PROTOCOLS_PRODUCT_H_
#define LUTRA_MPC_PROTOCOLS_PRODUCT_H_

#include <memory>
#include <string_view>
#include <vector>

#include "mpc/builder.h"
#include "mpc/protocol.h"

namespace lutra {

// How the three cross terms come about: with P0's term computed offline on masks, or online.
enum class LinearForm { kMasked, kReplicated };

// All take <x>, <y> over one ring and give [z] over it. The masked form is taken only where the
// masks of both operands are known; elsewhere the replicated one is.

// z = x y^T: x [..., m, K]; y [n, K] or, with the leading sizes of x, [..., n, K]; z [..., m, n].
Value MatrixProduct(Builder& builder, Value x, Value y, LinearForm form = LinearForm::kMasked);
// z = x * y, element by element, with the usual broadcasting.
Value ElementProduct(Builder& builder, Value x, Value y, LinearForm form = LinearForm::kMasked);
// z = sum of x^2 along the last axis, which keeps size 1.
Value SumOfSquares(Builder& builder, Value x, LinearForm form = LinearForm::kMasked);

// One protocol for each of the above.
std::vector<std::unique_ptr<Protocol>> MakeProducts();

}  // namespace lutra

#endif  // LUTRA_MPC_PROTOCOLS_PRODUCT_H_
