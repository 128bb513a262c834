// Matrix products at the shapes of BERT-base and sequence 128, for each instruction set.
//
// MAC/s are multiplications and additions of ring elements. The peak is that of the lanes which the
// ring is computed in: 16 bits for rings of up to 16.

#include <algorithm>
#include <string_view>

#include "analysis/calibration.h"
#include "core/matrix_product.h"
#include "core/thread_pool.h"
#include "experiments/micro/rate.h"

namespace lutra::micro {
namespace {

struct Product {
  std::string_view name;
  int64_t batch, m, n, depth;
};

// y is packed once, as a layer's weights are.
constexpr Product kLinear[] = {{"projection", 1, 128, 768, 768},
                               {"ffn_in", 1, 128, 3072, 768},
                               {"ffn_out", 1, 128, 768, 3072},
                               {"pooler", 1, 1, 768, 768},
                               {"embedding", 1, 128, 768, 1000}};
// Both factors are new each time, so y is packed each time too.
constexpr Product kBatched[] = {{"scores", 12, 128, 128, 64}, {"context", 12, 128, 64, 128}};

// Restricts the kernels to an instruction set while it lives.
class Restricted {
 public:
  explicit Restricted(std::string_view target) { LUTRA_CHECK(UseSimdTarget(target).ok()); }
  ~Restricted() { LUTRA_CHECK(UseSimdTarget(SimdTargets().front()).ok()); }
  Restricted(const Restricted&) = delete;
  Restricted& operator=(const Restricted&) = delete;
};

void Run(benchmark::State& state, std::string_view target, const Product& product, int bits,
         bool packed_before) {
  const Restricted restricted(target);
  const Ring ring(bits);
  const double peak = PeakProducts(std::max<size_t>(ring.lane_bytes(), 2));
  ThreadPool pool(1);
  const Tensor x = UniformTensor(ring, Shape{product.batch, product.m, product.depth}, 1);
  const Tensor y = UniformTensor(ring, Shape{product.batch, product.n, product.depth}, 2);
  Tensor z = Tensor::Zeros(ring, Shape{product.batch, product.m, product.n});
  const PackedMatrix packed = PackedMatrix::Pack(y);
  for (auto _ : state) {
    if (packed_before) {
      MatrixProduct(x, packed, z, /*accumulate=*/false, pool);
    } else {
      MatrixProduct(x, y, z, /*accumulate=*/false, pool);
    }
    benchmark::ClobberMemory();
  }
  const auto products = static_cast<double>(product.batch * product.m * product.n * product.depth);
  state.counters["MAC/s"] = Rate(products);
  SetShareOfPeak(state, products, peak);
}

void Register(std::string_view target, const Product& product, int bits, bool packed_before) {
  benchmark::RegisterBenchmark(
      StrCat("matrix/", target, "/Z_2^", bits, "/", product.name, "/", product.batch, "x",
             product.m, "x", product.n, "x", product.depth)
          .c_str(),
      [=](benchmark::State& state) { Run(state, target, product, bits, packed_before); });
}

void Peak(benchmark::State& state, std::string_view target, size_t lane_bytes) {
  const Restricted restricted(target);
  for (auto _ : state) benchmark::DoNotOptimize(target);
  state.counters["MAC/s"] = PeakProducts(lane_bytes);
}

}  // namespace

void RegisterMatrix() {
  for (const std::string_view target : SimdTargets()) {
    for (const size_t lane_bytes : {size_t{2}, size_t{4}, size_t{8}}) {
      benchmark::RegisterBenchmark(
          StrCat("peak/", target, "/lanes", 8 * lane_bytes).c_str(),
          [=](benchmark::State& state) { Peak(state, target, lane_bytes); })
          ->Iterations(1);
    }
    for (const Product& product : kLinear) Register(target, product, 16, true);
    for (const Product& product : kBatched) Register(target, product, 16, false);
    for (const int bits : {8, 32, 64}) Register(target, kLinear[0], bits, true);
  }
  const std::string_view best = SimdTargets().front();
  for (const int bits : {1, 2, 3, 4, 5, 6, 7, 20}) Register(best, kLinear[0], bits, true);
  Register(best, kLinear[4], 8, true);
  for (const Product& product : kBatched) Register(best, product, 32, false);
}

}  // namespace lutra::micro
