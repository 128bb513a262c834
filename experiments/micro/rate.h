// What the benchmarks have in common. All of them run on one thread unless they say otherwise, and
// their rates are per second of CPU time, which other programs on the machine disturb least.
#ifndef LUTRA_EXPERIMENTS_MICRO_RATE_H_
#define LUTRA_EXPERIMENTS_MICRO_RATE_H_

#include <benchmark/benchmark.h>

#include <cstdint>
#include <utility>

#include "core/prg.h"
#include "core/status.h"
#include "core/tensor.h"

namespace lutra::micro {

// A counter: so many a second, where an iteration does so many.
inline benchmark::Counter Rate(double per_iteration) {
  return {per_iteration, benchmark::Counter::kIsIterationInvariantRate};
}

// The counter "of_peak": the share of a rate that was calibrated in this process (calibration.h).
inline void SetShareOfPeak(benchmark::State& state, double per_iteration, double peak) {
  state.counters["of_peak"] = Rate(per_iteration / peak);
}

inline Tensor UniformTensor(Ring ring, Shape shape, uint32_t node) {
  return Prg(KeyFromSeed(1)).ExpandTensor({node, 0}, ring, std::move(shape));
}

// What cannot fail here.
template <class T>
T Must(StatusOr<T> value) {
  LUTRA_CHECK(value.ok());
  return *std::move(value);
}

// Each subject adds its benchmarks.
void RegisterMatrix();
void RegisterPrg();
void RegisterPacking();
void RegisterLookup();
void RegisterMemory();
void RegisterComposites();
void RegisterRecording();

}  // namespace lutra::micro

#endif  // LUTRA_EXPERIMENTS_MICRO_RATE_H_
