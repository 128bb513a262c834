// Element-wise arithmetic modulo 2^l on tensors of one ring and shape.
#ifndef LUTRA_CORE_ARITHMETIC_H_
#define LUTRA_CORE_ARITHMETIC_H_

#include "core/tensor.h"

namespace lutra {

Tensor Add(const Tensor& a, const Tensor& b);
Tensor Subtract(const Tensor& a, const Tensor& b);
void AddInto(Tensor& a, const Tensor& b);
void SubtractInto(Tensor& a, const Tensor& b);

}  // namespace lutra

#endif  // LUTRA_CORE_ARITHMETIC_H_
