// The PRG against OpenSSL's own counter mode.

#include "core/prg.h"

#include <vector>

#include "analysis/calibration.h"
#include "experiments/micro/rate.h"

namespace lutra::micro {
namespace {

constexpr size_t kBytes = size_t{4} << 20;

// The peak's own rate.
void Cipher(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(state.iterations());
  state.counters["bytes/s"] = PeakCipher();
}

// A range of a stream. Bytes are those of lanes. Argument: bits.
template <class Lane>
void Expand(benchmark::State& state) {
  const double peak = PeakCipher();
  const Ring ring(static_cast<int>(state.range(0)));
  const Prg prg(KeyFromSeed(1));
  std::vector<Lane> out(kBytes / sizeof(Lane));
  for (auto _ : state) {
    prg.Expand<Lane>({1, 2}, ring, 0, out);
    benchmark::ClobberMemory();
  }
  state.counters["bytes/s"] = Rate(kBytes);
  SetShareOfPeak(state, kBytes, peak);
}

// One element of each row of that many, as a party opens one entry of a table: a block of AES each.
// Argument: elements of a row.
void Gather(benchmark::State& state) {
  const double peak = PeakCipher() / 16;
  const auto row = static_cast<uint64_t>(state.range(0));
  const Prg prg(KeyFromSeed(1));
  std::vector<uint64_t> elements(size_t{1} << 16);
  for (size_t i = 0; i < elements.size(); ++i) elements[i] = row * i + i % row;
  std::vector<uint16_t> out(elements.size());
  for (auto _ : state) {
    prg.Gather<uint16_t>({1, 2}, Ring(16), elements, out);
    benchmark::ClobberMemory();
  }
  const auto blocks = static_cast<double>(out.size());
  state.counters["elements/s"] = Rate(blocks);
  SetShareOfPeak(state, blocks, peak);
}

}  // namespace

void RegisterPrg() {
  benchmark::RegisterBenchmark("peak/aes_128_ctr", Cipher)->Iterations(1);
  benchmark::RegisterBenchmark("prg/expand/lane8", Expand<uint8_t>)
      ->ArgName("bits")
      ->Arg(4)
      ->Arg(8);
  benchmark::RegisterBenchmark("prg/expand/lane16", Expand<uint16_t>)
      ->ArgName("bits")
      ->Arg(12)
      ->Arg(16);
  benchmark::RegisterBenchmark("prg/expand/lane32", Expand<uint32_t>)->ArgName("bits")->Arg(20);
  benchmark::RegisterBenchmark("prg/expand/lane64", Expand<uint64_t>)->ArgName("bits")->Arg(64);
  benchmark::RegisterBenchmark("prg/gather", Gather)->ArgName("row")->Arg(16)->Arg(256);
}

}  // namespace lutra::micro
