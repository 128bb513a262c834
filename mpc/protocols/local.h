// Local operations: linear maps that every role applies to the components it holds, without a
// message, on additive and on replicated values alike. protocols.md, "Two sharings".
#ifndef LUTRA_MPC_PROTOCOLS_LOCAL_H_
#define LUTRA_MPC_PROTOCOLS_LOCAL_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "mpc/builder.h"
#include "mpc/protocol.h"

namespace lutra {

inline constexpr std::string_view kToAdditive = "to_additive";

// x + y and x - y with the usual broadcasting; one ring. Of one additive and one replicated value,
// the replicated one is made additive first.
Value Add(Builder& builder, Value x, Value y);
Value Subtract(Builder& builder, Value x, Value y);
// Adds, or multiplies by, public constants: one for all, or one for each index of the last axis.
Value AddConstants(Builder& builder, Value x, std::vector<int64_t> constants);
Value Scale(Builder& builder, Value x, std::vector<int64_t> constants);
// Z_2^R -> Z_2^(R+j), times 2^j.
Value ShiftUp(Builder& builder, Value x, int j);
// Reduces modulo a smaller power of two.
Value KeepLowBits(Builder& builder, Value x, int bits);
// The sum along an axis, which keeps size 1. Axes may be negative everywhere: -1 is the last.
Value Sum(Builder& builder, Value x, int axis);
// Axis i of the result is axis permutation[i] of x.
Value Transpose(Builder& builder, Value x, std::vector<int64_t> permutation);
Value Slice(Builder& builder, Value x, int axis, int64_t begin, int64_t end);
Value Concatenate(Builder& builder, const std::vector<Value>& values, int axis);
Value BroadcastTo(Builder& builder, Value x, const Shape& shape);
Value Reshape(Builder& builder, Value x, const Shape& shape);
// <x> -> [x]: P1 takes x1, P2 takes x2 + x0. An additive value stays as it is.
Value ToAdditive(Builder& builder, Value x);

// One protocol for each of the above.
std::vector<std::unique_ptr<Protocol>> MakeLocals();

}  // namespace lutra

#endif  // LUTRA_MPC_PROTOCOLS_LOCAL_H_
