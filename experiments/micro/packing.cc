// Ring elements to bits without gaps and back, in the second cache. The peak is memcpy's rate on
// the same number of bytes of lanes.

#include "core/packing.h"

#include <vector>

#include "analysis/calibration.h"
#include "experiments/micro/rate.h"

namespace lutra::micro {
namespace {

constexpr int64_t kElements = int64_t{1} << 16;

// Arguments: bits of an element, first bit.
struct Arguments {
  explicit Arguments(const benchmark::State& state)
      : bits(static_cast<int>(state.range(0))), first_bit(state.range(1)) {}
  size_t bytes() const { return static_cast<size_t>(BitsToBytes(first_bit + bits * kElements)); }
  int bits;
  int64_t first_bit;
};

template <class Lane>
void Report(benchmark::State& state, double peak) {
  constexpr auto kBytes = static_cast<double>(kElements * sizeof(Lane));
  state.counters["elements/s"] = Rate(static_cast<double>(kElements));
  state.counters["bytes/s"] = Rate(kBytes);
  SetShareOfPeak(state, kBytes, peak);
}

template <class Lane>
void RunPack(benchmark::State& state) {
  const Arguments arguments(state);
  const double peak = PeakCopy(kElements * sizeof(Lane));
  const std::vector<Lane> elements(kElements, Lane{1});
  std::vector<std::byte> bytes(arguments.bytes());
  for (auto _ : state) {
    Pack<Lane>(elements, arguments.bits, bytes, arguments.first_bit);
    benchmark::ClobberMemory();
  }
  Report<Lane>(state, peak);
}

template <class Lane>
void RunUnpack(benchmark::State& state) {
  const Arguments arguments(state);
  const double peak = PeakCopy(kElements * sizeof(Lane));
  const std::vector<std::byte> bytes(arguments.bytes(), std::byte{0x5a});
  std::vector<Lane> elements(kElements);
  for (auto _ : state) {
    Unpack<Lane>(bytes, arguments.first_bit, arguments.bits, elements);
    benchmark::ClobberMemory();
  }
  Report<Lane>(state, peak);
}

void Register(const char* name, void (*run)(benchmark::State&), std::initializer_list<int> widths) {
  auto* benchmark = benchmark::RegisterBenchmark(name, run)->ArgNames({"bits", "first"});
  for (const int bits : widths) benchmark->Args({bits, 0});
  benchmark->Args({*(widths.end() - 1), 3});
}

template <class Lane>
void RegisterLane(std::string_view lane, std::initializer_list<int> widths) {
  Register(StrCat("packing/pack/", lane).c_str(), RunPack<Lane>, widths);
  Register(StrCat("packing/unpack/", lane).c_str(), RunUnpack<Lane>, widths);
}

}  // namespace

void RegisterPacking() {
  RegisterLane<uint8_t>("lane8", {1, 2, 3, 4, 5, 6, 7, 8});
  RegisterLane<uint16_t>("lane16", {9, 10, 11, 12, 13, 14, 15, 16});
  RegisterLane<uint32_t>("lane32", {17, 20, 32});
  RegisterLane<uint64_t>("lane64", {33, 64});
}

}  // namespace lutra::micro
