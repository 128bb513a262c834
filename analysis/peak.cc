// AVX-512, AVX2, SSE4 and no SIMD are enough.
#define HWY_DISABLED_TARGETS HWY_SSSE3
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "analysis/peak.cc"
// foreach_target.h must come before highway.h.
// clang-format off
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include "analysis/peak.h"

#include <array>
#include <atomic>

HWY_BEFORE_NAMESPACE();
namespace lutra {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

constexpr int kRows = 6;
constexpr int kVectors = HWY_MAX_BYTES >= 64 ? 4 : 2;

// `columns` has kVectors vectors (256 bytes at most). They never change, but the compiler is told
// that they may, or it would take the products out of the loop.
template <class T>
int64_t Run(int64_t iterations, const T* columns, T* sums) {
  const hn::ScalableTag<T> tag;
  using Vector = hn::Vec<decltype(tag)>;
  const size_t lanes = hn::Lanes(tag);
  Vector sum[kRows][kVectors];
  Vector factor[kRows];
  HWY_UNROLL(8)
  for (int r = 0; r < kRows; ++r) {
    factor[r] = hn::Set(tag, static_cast<T>(iterations + r));
    HWY_UNROLL(8)
    for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::Zero(tag);
  }
  for (int64_t iteration = 0; iteration < iterations; ++iteration) {
    std::atomic_signal_fence(std::memory_order_seq_cst);
    HWY_UNROLL(8)
    for (int v = 0; v < kVectors; ++v) {
      const Vector column = hn::Load(tag, columns + static_cast<size_t>(v) * lanes);
      HWY_UNROLL(8)
      for (int r = 0; r < kRows; ++r) {
        sum[r][v] = hn::Add(sum[r][v], hn::Mul(factor[r], column));
      }
    }
  }
  HWY_UNROLL(8)
  for (int r = 0; r < kRows; ++r) {
    HWY_UNROLL(8)
    for (int v = 0; v < kVectors; ++v) {
      hn::Store(sum[r][v], tag, sums + static_cast<size_t>(r * kVectors + v) * lanes);
    }
  }
  return iterations * kRows * kVectors * static_cast<int64_t>(lanes);
}

// `columns` and `sums` have room for all targets.
int64_t RunLanes(size_t lane_bytes, int64_t iterations, const uint64_t* columns, uint64_t* sums) {
  switch (lane_bytes) {
    case 2:
      return Run(iterations, reinterpret_cast<const uint16_t*>(columns),
                 reinterpret_cast<uint16_t*>(sums));
    case 4:
      return Run(iterations, reinterpret_cast<const uint32_t*>(columns),
                 reinterpret_cast<uint32_t*>(sums));
    default:
      return Run(iterations, columns, sums);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace lutra
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

namespace lutra {

HWY_EXPORT(RunLanes);

Peak RunPeak(size_t lane_bytes, int64_t iterations) {
  alignas(64) const std::array<uint64_t, 32> columns = {1, 2, 3};
  alignas(64) std::array<uint64_t, 6 * 32> sums = {};
  const int64_t products =
      HWY_DYNAMIC_DISPATCH(RunLanes)(lane_bytes, iterations, columns.data(), sums.data());
  return {products, sums[0]};
}

}  // namespace lutra

#endif  // HWY_ONCE
