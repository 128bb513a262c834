// What the first touch of memory costs, beside filling memory that was touched. A tape that is
// dealt into fresh memory pays for both.

#include <cstring>

#include "core/buffer.h"
#include "analysis/calibration.h"
#include "experiments/micro/rate.h"

namespace lutra::micro {
namespace {

constexpr size_t kBytes = size_t{256} << 20;

void Fill(Buffer& buffer) {
  std::memset(buffer.bytes().data(), 1, buffer.bytes().size());
  benchmark::ClobberMemory();
}

void FirstTouch(benchmark::State& state) {
  for (auto _ : state) {
    Buffer buffer;
    buffer.Resize(kBytes);
    Fill(buffer);
    state.PauseTiming();
    buffer = Buffer();
    state.ResumeTiming();
  }
  state.counters["bytes/s"] = Rate(kBytes);
}

void Touched(benchmark::State& state) {
  Buffer buffer;
  buffer.Resize(kBytes);
  Fill(buffer);
  for (auto _ : state) Fill(buffer);
  state.counters["bytes/s"] = Rate(kBytes);
}

void Read(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(state.iterations());
  state.counters["bytes/s"] = PeakRead();
}

}  // namespace

void RegisterMemory() {
  benchmark::RegisterBenchmark("peak/read", Read)->Iterations(1);
  benchmark::RegisterBenchmark("memory/first_touch", FirstTouch);
  benchmark::RegisterBenchmark("memory/touched", Touched);
}

}  // namespace lutra::micro
