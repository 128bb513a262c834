// Microbenchmarks of the kernels, on one thread. Counters are rates: MAC/s are multiplications and
// additions of ring elements. Run `micro --benchmark_format=json` for a machine-readable report.

#include <benchmark/benchmark.h>

#include <numeric>
#include <string>
#include <vector>

#include "core/key.h"
#include "core/matrix_product.h"
#include "core/packing.h"
#include "core/prg.h"
#include "core/thread_pool.h"
#include "experiments/micro/peak.h"

namespace lutra::micro {
namespace {

benchmark::Counter Rate(int64_t per_iteration) {
  return {static_cast<double>(per_iteration), benchmark::Counter::kIsIterationInvariantRate};
}

void BenchmarkPeak(benchmark::State& state, Peak (*run)(int64_t)) {
  constexpr int64_t kIterations = 10000;
  int64_t products = 0;
  for (auto _ : state) {
    const Peak peak = run(kIterations);
    products = peak.products;
    benchmark::DoNotOptimize(peak.value);
  }
  state.counters["MAC/s"] = Rate(products);
}
BENCHMARK_CAPTURE(BenchmarkPeak, lanes16, RunPeak16);
BENCHMARK_CAPTURE(BenchmarkPeak, lanes32, RunPeak32);

Tensor Uniform(Ring ring, Shape shape, uint32_t node) {
  return Prg(KeyFromSeed(1)).ExpandTensor({node, 0}, ring, std::move(shape));
}

// Arguments: bits, m, n, K. The second matrix is packed before, as a layer's weights are.
void BenchmarkLinear(benchmark::State& state) {
  const Ring ring(static_cast<int>(state.range(0)));
  const int64_t m = state.range(1), n = state.range(2), depth = state.range(3);
  ThreadPool pool(1);
  const Tensor x = Uniform(ring, Shape{m, depth}, 1);
  const PackedMatrix y = PackedMatrix::Pack(Uniform(ring, Shape{n, depth}, 2));
  Tensor z = Tensor::Zeros(ring, Shape{m, n});
  for (auto _ : state) {
    MatrixProduct(x, y, z, /*accumulate=*/false, pool);
    benchmark::ClobberMemory();
  }
  state.counters["MAC/s"] = Rate(m * n * depth);
}
BENCHMARK(BenchmarkLinear)
    ->ArgNames({"bits", "m", "n", "K"})
    ->ArgsProduct({{8, 16, 20, 32, 64}, {128}, {768}, {768}})
    ->Args({16, 128, 3072, 768})
    ->Args({16, 128, 768, 3072})
    ->Args({16, 1, 768, 768});

// Arguments: bits, batch, m, n, K. Both factors are new each time, as in attention.
void BenchmarkBatched(benchmark::State& state) {
  const Ring ring(static_cast<int>(state.range(0)));
  const int64_t batch = state.range(1), m = state.range(2), n = state.range(3),
                depth = state.range(4);
  ThreadPool pool(1);
  const Tensor x = Uniform(ring, Shape{batch, m, depth}, 1);
  const Tensor y = Uniform(ring, Shape{batch, n, depth}, 2);
  Tensor z = Tensor::Zeros(ring, Shape{batch, m, n});
  for (auto _ : state) {
    MatrixProduct(x, y, z, /*accumulate=*/false, pool);
    benchmark::ClobberMemory();
  }
  state.counters["MAC/s"] = Rate(batch * m * n * depth);
}
BENCHMARK(BenchmarkBatched)
    ->ArgNames({"bits", "batch", "m", "n", "K"})
    ->Args({16, 12, 128, 128, 64})
    ->Args({16, 12, 128, 64, 128})
    ->Args({32, 12, 128, 128, 64});

// Argument: bits. A range of a stream, four megabytes of it.
void BenchmarkExpand(benchmark::State& state) {
  const Ring ring(static_cast<int>(state.range(0)));
  const Prg prg(KeyFromSeed(1));
  std::vector<uint16_t> out(size_t{1} << 21);
  for (auto _ : state) {
    prg.Expand<uint16_t>({1, 2}, ring, 0, out);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(out.size() * sizeof(out[0])));
}
BENCHMARK(BenchmarkExpand)->ArgName("bits")->Arg(12)->Arg(16);

// Every 256th element, as a party opens one entry of each table.
void BenchmarkGather(benchmark::State& state) {
  const Prg prg(KeyFromSeed(1));
  std::vector<uint64_t> elements(size_t{1} << 16);
  for (size_t i = 0; i < elements.size(); ++i) elements[i] = 256 * i + i % 251;
  std::vector<uint16_t> out(elements.size());
  for (auto _ : state) {
    prg.Gather<uint16_t>({1, 2}, Ring(16), elements, out);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(out.size()));
}
BENCHMARK(BenchmarkGather);

// Arguments: bits per element, first bit. Items are elements.
template <class Lane>
void BenchmarkPack(benchmark::State& state) {
  const int bits = static_cast<int>(state.range(0));
  const int64_t first_bit = state.range(1);
  const std::vector<Lane> elements(size_t{1} << 16, Lane{1});
  std::vector<std::byte> bytes(
      static_cast<size_t>(BitsToBytes(first_bit + bits * int64_t{1 << 16})));
  for (auto _ : state) {
    Pack<Lane>(elements, bits, bytes, first_bit);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(elements.size()));
}
template <class Lane>
void BenchmarkUnpack(benchmark::State& state) {
  const int bits = static_cast<int>(state.range(0));
  const int64_t first_bit = state.range(1);
  std::vector<Lane> elements(size_t{1} << 16);
  const std::vector<std::byte> bytes(
      static_cast<size_t>(BitsToBytes(first_bit + bits * int64_t{1 << 16})));
  for (auto _ : state) {
    Unpack<Lane>(bytes, first_bit, bits, elements);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(elements.size()));
}

void Widths8(benchmark::internal::Benchmark* benchmark) {
  for (const int64_t bits : {1, 2, 4, 5, 8}) benchmark->Args({bits, 0});
}
void Widths16(benchmark::internal::Benchmark* benchmark) {
  for (const int64_t bits : {9, 12, 16}) benchmark->Args({bits, 0});
  benchmark->Args({16, 3});
}
BENCHMARK_TEMPLATE(BenchmarkPack, uint8_t)->Apply(Widths8);
BENCHMARK_TEMPLATE(BenchmarkPack, uint16_t)->Apply(Widths16);
BENCHMARK_TEMPLATE(BenchmarkUnpack, uint8_t)->Apply(Widths8);
BENCHMARK_TEMPLATE(BenchmarkUnpack, uint16_t)->Apply(Widths16);

}  // namespace
}  // namespace lutra::micro

int main(int argc, char** argv) {
  benchmark::AddCustomContext("simd", std::string(lutra::SimdTarget()));
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
