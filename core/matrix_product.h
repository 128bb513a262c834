// z = x * y^T modulo 2^l. All tensors over one ring, any l from 1 to 64:
//
//   x  [..., m, K]
//   y  [n, K], shared by every leading index of x, or [..., n, K] with x's leading sizes
//   z  [..., m, n]
//
// Vectorized for what the machine has (Highway, chosen at run time, see SimdTargets); results are
// exact, so they do not depend on threads or target. Sizes may be 0; a product over K = 0 is zero.
#ifndef LUTRA_CORE_MATRIX_PRODUCT_H_
#define LUTRA_CORE_MATRIX_PRODUCT_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/ring.h"
#include "core/shape.h"
#include "core/status.h"
#include "core/tensor.h"
#include "core/thread_pool.h"

namespace lutra {

// y laid out for the kernel: worth building once where y is used often, such as a layer's weights.
// Takes about the room of y with n rounded up to a multiple of 256 bytes of lanes (and twice that
// for rings of up to 8 bits, which are computed in lanes of 16).
class PackedMatrix {
 public:
  PackedMatrix() = default;
  // y of rank 2 or more: [n, K] or [..., n, K].
  static PackedMatrix Pack(const Tensor& y);
  static PackedMatrix Pack(const Tensor& y, ThreadPool& pool);

  Ring ring() const { return ring_; }
  // The sizes of y before n and K; empty for a matrix.
  const std::vector<int64_t>& leading() const { return leading_; }
  int64_t batch() const { return batch_; }  // product of leading()
  int64_t n() const { return n_; }
  int64_t depth() const { return depth_; }  // K

  // For the kernels: panels of 256 bytes' worth of columns, [batch][panel][k][column].
  const Tensor& panels() const { return panels_; }

 private:
  static PackedMatrix Layout(const Tensor& y);

  Ring ring_;
  std::vector<int64_t> leading_;
  int64_t batch_ = 0;
  int64_t n_ = 0;
  int64_t depth_ = 0;
  Tensor panels_;
};

// z = x * y^T, or z += x * y^T with `accumulate`. z has its ring and shape already, and no memory
// in common with x and y. Shapes or rings that do not fit are bugs.
void MatrixProduct(const Tensor& x, const PackedMatrix& y, Tensor& z, bool accumulate,
                   ThreadPool& pool);
// Packs y on the way, in parallel.
void MatrixProduct(const Tensor& x, const Tensor& y, Tensor& z, bool accumulate, ThreadPool& pool);
// The same by three nested loops: what tests compare with.
void MatrixProductReference(const Tensor& x, const Tensor& y, Tensor& z, bool accumulate);

// Instruction sets have Highway's names: "AVX3" (AVX-512), "AVX2", "SSE4", "SCALAR" (none), ...
// The one that the kernels use: at first the best that this machine has.
std::string_view SimdTarget();
// All that this machine has and the kernels are compiled for, best first; at least one.
std::vector<std::string_view> SimdTargets();
// From now on the kernels of the whole process use this one of SimdTargets(): to measure and to
// test. Not while a product runs. Error: another name; nothing changes then.
Status UseSimdTarget(std::string_view name);

}  // namespace lutra

#endif  // LUTRA_CORE_MATRIX_PRODUCT_H_
