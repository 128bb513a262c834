// Compiled once per instruction set by foreach_target.h: everything between HWY_BEFORE_NAMESPACE
// and HWY_AFTER_NAMESPACE; the rest, under HWY_ONCE, once.
// AVX-512, AVX2, SSE4 and no SIMD are enough.
#define HWY_DISABLED_TARGETS HWY_SSSE3
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/matrix_product.cc"
// foreach_target.h must come before highway.h.
// clang-format off
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include "core/matrix_product.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#ifndef LUTRA_CORE_MATRIX_PRODUCT_ONCE_
#define LUTRA_CORE_MATRIX_PRODUCT_ONCE_

namespace lutra::matrix_product_internal {

// Columns are handled in panels of so many bytes of lanes, whatever the vector size of the target.
constexpr int64_t kPanelBytes = 256;
// Rows of one task, whose sums lie on the stack while the depth is walked in steps.
constexpr int64_t kTaskRows = 96;
// A step of the depth: 32 kB of a panel, which the first cache holds while rows pass by.
constexpr int64_t kDepthStep = 128;

// One block of z: `rows` rows and `columns` columns of one panel. Lanes of x and the panel have
// lane_bytes bytes (2, 4 or 8), those of z z_lane_bytes (also 1). Strides in lanes.
struct Block {
  size_t lane_bytes;
  size_t z_lane_bytes;
  const std::byte* x;
  int64_t x_stride;
  const std::byte* panel;
  int64_t depth;
  int64_t rows;
  int64_t columns;
  std::byte* z;
  int64_t z_stride;
  uint64_t mask;
  bool accumulate;
};

// One panel to be filled from `columns` rows of y, which are y_stride = depth lanes apart.
struct PanelSource {
  size_t lane_bytes;
  const std::byte* y;
  int64_t depth;
  int64_t columns;
  std::byte* panel;
};

}  // namespace lutra::matrix_product_internal

#endif  // LUTRA_CORE_MATRIX_PRODUCT_ONCE_

HWY_BEFORE_NAMESPACE();
namespace lutra::matrix_product_internal {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Vectors in a row of a tile: with so many rows that the sums fill the registers but for a few.
constexpr int kTileVectors = HWY_MAX_BYTES >= 64 ? 4 : 2;
constexpr int kTileSums = 6 * kTileVectors;

// sums[r][c] += sum over k of x[r][k] * panel[k][c], for kRows rows and kVectors vectors of
// columns; = instead of += if `first`. Both loops over registers are
// unrolled, so that the sums stay in registers.
template <class T, int kRows, int kVectors>
void Tile(const T* HWY_RESTRICT x, int64_t x_stride, const T* HWY_RESTRICT panel, int64_t depth,
          bool first, T* HWY_RESTRICT sums, int64_t sums_stride) {
  constexpr int64_t kColumns = kPanelBytes / static_cast<int64_t>(sizeof(T));
  const hn::ScalableTag<T> tag;
  using Vector = hn::Vec<decltype(tag)>;
  constexpr int64_t kLanes = static_cast<int64_t>(hn::MaxLanes(hn::ScalableTag<T>()));

  Vector sum[kRows][kVectors];
  HWY_UNROLL(12)
  for (int r = 0; r < kRows; ++r) {
    HWY_UNROLL(8)
    for (int v = 0; v < kVectors; ++v) {
      sum[r][v] = first ? hn::Zero(tag) : hn::LoadU(tag, sums + r * sums_stride + v * kLanes);
    }
  }
  for (int64_t k = 0; k < depth; ++k) {
    Vector column[kVectors];
    HWY_UNROLL(8)
    for (int v = 0; v < kVectors; ++v) column[v] = hn::Load(tag, panel + v * kLanes);
    HWY_UNROLL(12)
    for (int r = 0; r < kRows; ++r) {
      const Vector factor = hn::Set(tag, x[r * x_stride + k]);
      HWY_UNROLL(8)
      for (int v = 0; v < kVectors; ++v) {
        sum[r][v] = hn::Add(sum[r][v], hn::Mul(factor, column[v]));
      }
    }
    panel += kColumns;
  }
  HWY_UNROLL(12)
  for (int r = 0; r < kRows; ++r) {
    HWY_UNROLL(8)
    for (int v = 0; v < kVectors; ++v)
      hn::StoreU(sum[r][v], tag, sums + r * sums_stride + v * kLanes);
  }
}

// All rows of a block against kVectors vectors of columns and one step of the depth.
template <class T, int kVectors>
void TileRows(const T* x, int64_t x_stride, const T* panel, int64_t depth, int64_t rows, bool first,
              T* sums, int64_t sums_stride) {
  int64_t row = 0;
  const auto tiles = [&]<int kRows>(std::integral_constant<int, kRows>) {
    for (; row + kRows <= rows; row += kRows) {
      Tile<T, kRows, kVectors>(x + row * x_stride, x_stride, panel, depth, first,
                               sums + row * sums_stride, sums_stride);
    }
  };
  tiles(std::integral_constant<int, std::min(12, kTileSums / kVectors)>());
  tiles(std::integral_constant<int, 4>());
  tiles(std::integral_constant<int, 2>());
  tiles(std::integral_constant<int, 1>());
}

// All columns of a block in one step of the depth: in tiles as wide as the registers allow, and
// what is left of them in narrower and taller ones.
template <class T>
void TileColumns(const T* x, int64_t x_stride, const T* panel, int64_t depth, int64_t rows,
                 int64_t columns, bool first, T* sums, int64_t sums_stride) {
  constexpr int64_t kLanes = static_cast<int64_t>(hn::MaxLanes(hn::ScalableTag<T>()));
  int64_t column = 0;
  const auto tiles = [&]<int kVectors>(std::integral_constant<int, kVectors>) {
    for (; column + (kVectors - 1) * kLanes < columns; column += kVectors * kLanes) {
      TileRows<T, kVectors>(x, x_stride, panel + column, depth, rows, first, sums + column,
                            sums_stride);
    }
  };
  tiles(std::integral_constant<int, kTileVectors>());
  tiles(std::integral_constant<int, 2>());
  tiles(std::integral_constant<int, 1>());
}

template <class T, class Z>
void StoreRow(const T* HWY_RESTRICT sums, int64_t columns, uint64_t mask, bool accumulate,
              Z* HWY_RESTRICT z) {
  if (accumulate) {
    for (int64_t c = 0; c < columns; ++c) z[c] = static_cast<Z>((z[c] + sums[c]) & mask);
  } else {
    for (int64_t c = 0; c < columns; ++c) z[c] = static_cast<Z>(sums[c] & mask);
  }
}

template <class T, class Z>
void ComputeLanes(const Block& block) {
  constexpr int64_t kColumns = kPanelBytes / static_cast<int64_t>(sizeof(T));
  constexpr int64_t kLanes = static_cast<int64_t>(hn::MaxLanes(hn::ScalableTag<T>()));
  alignas(64) T buffer[kTaskRows * kColumns];
  Z* z = reinterpret_cast<Z*>(block.z);
  // In one step, sums need no buffer where whole vectors of them are what is wanted.
  bool in_place = false;
  T* sums = buffer;
  if constexpr (std::is_same_v<T, Z>) {
    in_place = block.depth <= kDepthStep && block.columns % kLanes == 0 &&
               static_cast<T>(block.mask) == static_cast<T>(~T{0});
    if (in_place) sums = z;
  }
  const int64_t sums_stride = in_place ? block.z_stride : kColumns;
  const bool adds = in_place && block.accumulate;
  if (block.depth == 0 && !adds) {
    for (int64_t row = 0; row < block.rows; ++row) {
      std::fill_n(sums + row * sums_stride, block.columns, T{0});
    }
  }
  const T* x = reinterpret_cast<const T*>(block.x);
  const T* panel = reinterpret_cast<const T*>(block.panel);
  for (int64_t k = 0; k < block.depth; k += kDepthStep) {
    TileColumns(x + k, block.x_stride, panel + k * kColumns, std::min(kDepthStep, block.depth - k),
                block.rows, block.columns, /*first=*/k == 0 && !adds, sums, sums_stride);
  }
  if (in_place) return;
  for (int64_t row = 0; row < block.rows; ++row) {
    StoreRow(sums + row * kColumns, block.columns, block.mask, block.accumulate,
             z + row * block.z_stride);
  }
}

void ComputeBlock(const Block& block) {
  switch (block.lane_bytes) {
    case 2:
      return block.z_lane_bytes == 1 ? ComputeLanes<uint16_t, uint8_t>(block)
                                     : ComputeLanes<uint16_t, uint16_t>(block);
    case 4:
      return ComputeLanes<uint32_t, uint32_t>(block);
    default:
      return ComputeLanes<uint64_t, uint64_t>(block);
  }
}

// Transposes a square of as many rows as 16 bytes have lanes: rows from_stride apart become
// columns. Each pass interleaves the first half of the vectors with the second.
template <class T>
void TransposeSquare(const T* HWY_RESTRICT from, int64_t from_stride, T* HWY_RESTRICT to,
                     int64_t to_stride) {
  constexpr int kSide = 16 / static_cast<int>(sizeof(T));
#if HWY_TARGET == HWY_SCALAR
  for (int i = 0; i < kSide; ++i) {
    for (int j = 0; j < kSide; ++j) to[j * to_stride + i] = from[i * from_stride + j];
  }
#else
  const hn::FixedTag<T, static_cast<size_t>(kSide)> tag;
  hn::Vec<decltype(tag)> rows[kSide];
  hn::Vec<decltype(tag)> next[kSide];
  HWY_UNROLL(8)
  for (int i = 0; i < kSide; ++i) rows[i] = hn::LoadU(tag, from + i * from_stride);
  HWY_UNROLL(3)
  for (int passed = 1; passed < kSide; passed *= 2) {
    HWY_UNROLL(4)
    for (int i = 0; i < kSide / 2; ++i) {
      next[2 * i] = hn::InterleaveLower(tag, rows[i], rows[i + kSide / 2]);
      next[2 * i + 1] = hn::InterleaveUpper(tag, rows[i], rows[i + kSide / 2]);
    }
    HWY_UNROLL(8)
    for (int i = 0; i < kSide; ++i) rows[i] = next[i];
  }
  HWY_UNROLL(8)
  for (int i = 0; i < kSide; ++i) hn::StoreU(rows[i], tag, to + i * to_stride);
#endif
}

template <class T>
void FillLanes(const PanelSource& source) {
  constexpr int64_t kColumns = kPanelBytes / static_cast<int64_t>(sizeof(T));
  constexpr int64_t kSide = 16 / static_cast<int64_t>(sizeof(T));
  constexpr int64_t kLargest = 64 / static_cast<int64_t>(sizeof(T));  // lanes of a vector
  const int64_t depth = source.depth;
  const T* y = reinterpret_cast<const T*>(source.y);
  T* panel = reinterpret_cast<T*>(source.panel);
  // Vectors that are partly beyond the columns are computed too.
  const int64_t padded = std::min(kColumns, (source.columns + kLargest - 1) / kLargest * kLargest);
  for (int64_t k = 0; k < depth && padded > source.columns; ++k) {
    std::fill(panel + k * kColumns + source.columns, panel + k * kColumns + padded, T{0});
  }
  const int64_t whole_depth = depth / kSide * kSide;
  const int64_t whole_columns = source.columns / kSide * kSide;
  for (int64_t k = 0; k < whole_depth; k += kSide) {
    for (int64_t c = 0; c < whole_columns; c += kSide) {
      TransposeSquare(y + c * depth + k, depth, panel + k * kColumns + c, kColumns);
    }
  }
  for (int64_t c = 0; c < source.columns; ++c) {
    for (int64_t k = c < whole_columns ? whole_depth : 0; k < depth; ++k) {
      panel[k * kColumns + c] = y[c * depth + k];
    }
  }
}

void FillPanel(const PanelSource& source) {
  switch (source.lane_bytes) {
    case 2:
      return FillLanes<uint16_t>(source);
    case 4:
      return FillLanes<uint32_t>(source);
    default:
      return FillLanes<uint64_t>(source);
  }
}

int64_t Target() { return HWY_TARGET; }

}  // namespace HWY_NAMESPACE
}  // namespace lutra::matrix_product_internal
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

namespace lutra {
namespace matrix_product_internal {

HWY_EXPORT(ComputeBlock);
HWY_EXPORT(FillPanel);
HWY_EXPORT(Target);

namespace {

// The ring whose lanes the kernels compute in: there is no vector multiplication of bytes.
Ring ComputeRing(Ring ring) {
  return Ring(8 * static_cast<int>(std::max(ring.lane_bytes(), sizeof(uint16_t))));
}

int64_t PanelColumns(Ring compute) {
  return kPanelBytes / static_cast<int64_t>(compute.lane_bytes());
}

int64_t CeilDivide(int64_t a, int64_t b) { return (a + b - 1) / b; }

// The bytes of a tensor, from element `element` on; one address also where nothing is left.
const std::byte* From(const Tensor& tensor, int64_t element) {
  return tensor.raw().data() + static_cast<size_t>(element) * tensor.ring().lane_bytes();
}
std::byte* From(Tensor& tensor, int64_t element) {
  return tensor.raw().data() + static_cast<size_t>(element) * tensor.ring().lane_bytes();
}

// Bytes as lanes of 16 bits.
Tensor Widen(const Tensor& bytes, ThreadPool& pool) {
  Tensor wide(Ring(16), bytes.shape());
  const std::span<const uint8_t> from = bytes.lanes<uint8_t>();
  const std::span<uint16_t> to = wide.lanes<uint16_t>();
  pool.ParallelFor(bytes.elements(), int64_t{1} << 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      to[static_cast<size_t>(i)] = from[static_cast<size_t>(i)];
    }
  });
  return wide;
}

std::vector<int64_t> Leading(const Shape& shape) {
  LUTRA_CHECK(shape.rank() >= 2);
  return {shape.sizes().begin(), shape.sizes().end() - 2};
}

int64_t Product(const std::vector<int64_t>& sizes) {
  int64_t product = 1;
  for (const int64_t size : sizes) product *= size;
  return product;
}

// The sizes of a product, where leading indices that share y have become rows.
struct Sizes {
  int64_t batch;
  int64_t m;
  int64_t n;
  int64_t depth;
};

Sizes CheckedSizes(const Tensor& x, const PackedMatrix& y, const Tensor& z) {
  LUTRA_CHECK(x.ring() == y.ring() && z.ring() == y.ring());
  const std::vector<int64_t> leading = Leading(x.shape());
  LUTRA_CHECK(leading == Leading(z.shape()));
  LUTRA_CHECK(y.leading().empty() || y.leading() == leading);
  LUTRA_CHECK(x.shape().size(-1) == y.depth());
  LUTRA_CHECK(z.shape().size(-1) == y.n() && z.shape().size(-2) == x.shape().size(-2));
  const int64_t m = x.shape().size(-2);
  if (y.leading().empty()) return {1, Product(leading) * m, y.n(), y.depth()};
  return {y.batch(), m, y.n(), y.depth()};
}

// Rows of a task: few enough that every thread has work.
int64_t TaskRows(const Sizes& sizes, int64_t panels, int threads) {
  int64_t rows = kTaskRows;
  while (rows > 24 && sizes.batch * panels * CeilDivide(sizes.m, rows) < 2 * threads) rows /= 2;
  return rows;
}

// The targets that are both compiled and there. A better one has a lower bit.
std::vector<int64_t> TargetBits() {
  const int64_t used = HWY_DYNAMIC_DISPATCH(Target)();
  std::vector<int64_t> bits;
  int64_t rest = (HWY_SUPPORTED_TARGETS | HWY_STATIC_TARGET) & HWY_TARGETS;
  for (; rest != 0; rest &= rest - 1) bits.push_back(rest & -rest);
  hwy::GetChosenTarget().Update(used);  // asking what there is has chosen the best
  return bits;
}

}  // namespace
}  // namespace matrix_product_internal

namespace internal = matrix_product_internal;

PackedMatrix PackedMatrix::Layout(const Tensor& y) {
  PackedMatrix packed;
  packed.ring_ = y.ring();
  packed.leading_ = internal::Leading(y.shape());
  packed.batch_ = internal::Product(packed.leading_);
  packed.n_ = y.shape().size(-2);
  packed.depth_ = y.shape().size(-1);
  const Ring compute = internal::ComputeRing(packed.ring_);
  const int64_t columns = internal::PanelColumns(compute);
  packed.panels_ = Tensor(compute, Shape{packed.batch_, internal::CeilDivide(packed.n_, columns),
                                         packed.depth_, columns});
  return packed;
}

PackedMatrix PackedMatrix::Pack(const Tensor& y) {
  ThreadPool alone(1);
  return Pack(y, alone);
}

PackedMatrix PackedMatrix::Pack(const Tensor& y, ThreadPool& pool) {
  PackedMatrix packed = Layout(y);
  Tensor wide;
  if (y.ring().lane_bytes() == 1) wide = internal::Widen(y, pool);
  const Tensor& from = y.ring().lane_bytes() == 1 ? wide : y;
  const int64_t panels = packed.panels_.shape().size(1);
  const int64_t columns = packed.panels_.shape().size(3);
  const int64_t n = packed.n_;
  const int64_t depth = packed.depth_;
  pool.ParallelFor(packed.batch_ * panels, 1, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t column = task % panels * columns;
      HWY_DYNAMIC_DISPATCH(internal::FillPanel)
      ({.lane_bytes = from.ring().lane_bytes(),
        .y = internal::From(from, (task / panels * n + column) * depth),
        .depth = depth,
        .columns = std::min(columns, n - column),
        .panel = internal::From(packed.panels_, task * depth * columns)});
    }
  });
  return packed;
}

void MatrixProduct(const Tensor& x, const PackedMatrix& y, Tensor& z, bool accumulate,
                   ThreadPool& pool) {
  const internal::Sizes sizes = internal::CheckedSizes(x, y, z);
  Tensor wide;
  if (x.ring().lane_bytes() == 1) wide = internal::Widen(x, pool);
  const Tensor& from = x.ring().lane_bytes() == 1 ? wide : x;
  const int64_t panels = y.panels().shape().size(1);
  const int64_t panel_columns = y.panels().shape().size(3);
  const int64_t task_rows = internal::TaskRows(sizes, panels, pool.threads());
  const int64_t row_tasks = internal::CeilDivide(sizes.m, task_rows);

  const auto compute = [&](int64_t task) {
    const int64_t row = task % row_tasks * task_rows;
    const int64_t panel = task / row_tasks;  // counted over the batch
    const int64_t batch = panel / panels;
    const int64_t column = panel % panels * panel_columns;
    HWY_DYNAMIC_DISPATCH(internal::ComputeBlock)
    ({.lane_bytes = from.ring().lane_bytes(),
      .z_lane_bytes = z.ring().lane_bytes(),
      .x = internal::From(from, (batch * sizes.m + row) * sizes.depth),
      .x_stride = sizes.depth,
      .panel = internal::From(y.panels(), panel * sizes.depth * panel_columns),
      .depth = sizes.depth,
      .rows = std::min(task_rows, sizes.m - row),
      .columns = std::min(panel_columns, sizes.n - column),
      .z = internal::From(z, (batch * sizes.m + row) * sizes.n + column),
      .z_stride = sizes.n,
      .mask = z.ring().mask(),
      .accumulate = accumulate});
  };
  pool.ParallelFor(sizes.batch * panels * row_tasks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) compute(task);
  });
}

void MatrixProduct(const Tensor& x, const Tensor& y, Tensor& z, bool accumulate, ThreadPool& pool) {
  MatrixProduct(x, PackedMatrix::Pack(y, pool), z, accumulate, pool);
}

void MatrixProductReference(const Tensor& x, const Tensor& y, Tensor& z, bool accumulate) {
  const std::vector<int64_t> leading = internal::Leading(x.shape());
  const bool shared = y.shape().rank() == 2;
  LUTRA_CHECK(shared || internal::Leading(y.shape()) == leading);
  LUTRA_CHECK(x.ring() == y.ring() && z.ring() == y.ring());
  const int64_t m = x.shape().size(-2);
  const int64_t n = y.shape().size(-2);
  const int64_t depth = x.shape().size(-1);
  LUTRA_CHECK(y.shape().size(-1) == depth);
  LUTRA_CHECK(z.shape().size(-2) == m && z.shape().size(-1) == n);
  for (int64_t batch = 0; batch < internal::Product(leading); ++batch) {
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        const int64_t target = (batch * m + i) * n + j;
        uint64_t sum = accumulate ? z.At(target) : 0;
        for (int64_t k = 0; k < depth; ++k) {
          sum +=
              x.At((batch * m + i) * depth + k) * y.At(((shared ? 0 : batch) * n + j) * depth + k);
        }
        z.Set(target, z.ring().Reduce(sum));
      }
    }
  }
}

std::string_view SimdTarget() { return hwy::TargetName(HWY_DYNAMIC_DISPATCH(internal::Target)()); }

std::vector<std::string_view> SimdTargets() {
  std::vector<std::string_view> names;
  for (const int64_t bit : internal::TargetBits()) names.emplace_back(hwy::TargetName(bit));
  return names;
}

Status UseSimdTarget(std::string_view name) {
  for (const int64_t bit : internal::TargetBits()) {
    if (name != hwy::TargetName(bit)) continue;
    hwy::GetChosenTarget().Update(bit);
    return absl::OkStatus();
  }
  return InvalidArgument("SIMD target: expected one that this machine has (",
                         CommaSeparated(SimdTargets()), "), found '", name, "'");
}

}  // namespace lutra

#endif  // HWY_ONCE
