// Microbenchmarks of the kernels, beside what the machine could do at best, measured by calibration
// kernels in the same run (calibration.h). Google Benchmark's flags apply: --benchmark_filter,
// --benchmark_format=json, --benchmark_repetitions.

#include <benchmark/benchmark.h>

#include <string>

#include "core/matrix_product.h"
#include "core/memory.h"
#include "experiments/micro/rate.h"

int main(int argc, char** argv) {
  lutra::KeepFreedMemory();  // as the programs do that are measured
  benchmark::AddCustomContext("simd", std::string(lutra::SimdTarget()));
  lutra::micro::RegisterMatrix();
  lutra::micro::RegisterPrg();
  lutra::micro::RegisterPacking();
  lutra::micro::RegisterLookup();
  lutra::micro::RegisterMemory();
  lutra::micro::RegisterComposites();
  lutra::micro::RegisterRecording();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
