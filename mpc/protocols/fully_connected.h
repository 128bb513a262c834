// A fully connected layer.
#ifndef LUTRA_MPC_PROTOCOLS_FULLY_CONNECTED_H_
#define LUTRA_MPC_PROTOCOLS_FULLY_CONNECTED_H_

#include "mpc/builder.h"
#include "mpc/protocols/product.h"

namespace lutra {

// [z] = <x> <W>^T + <b>: x [..., K], W [n, K], b broadcast to [..., n], all over one ring. With
// 1-bit weights W holds {-s, +s}, where s folds the layer's requantization scale: the activation is
// then the top bits of z, and s is as secret as W.
Value FullyConnected(Builder& builder, Value x, Value weight, Value bias,
                     LinearForm form = LinearForm::kMasked);

}  // namespace lutra

#endif  // LUTRA_MPC_PROTOCOLS_FULLY_CONNECTED_H_
