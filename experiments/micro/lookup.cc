// Lookups by width: what the dealer does, and what one party does online, all on one thread and
// with a tape that no cache holds and that was touched before (memory.cc has the first touch).

#include "mpc/protocols/lookup.h"

#include <algorithm>

#include "core/packing.h"
#include "analysis/calibration.h"
#include "experiments/micro/one_party.h"
#include "experiments/micro/rate.h"
#include "mpc/protocols/reshare.h"

namespace lutra::micro {
namespace {

// Of a node: a projection of BERT-base at sequence 128, or less where tables are large.
constexpr int64_t kElements = 128 * 768;
constexpr int64_t kTapeBytes = int64_t{64} << 20;

// Index bits, bits of an entry, and how many lookups and nodes make the tape long enough.
struct Lookups {
  explicit Lookups(const benchmark::State& state)
      : index_bits(static_cast<int>(state.range(0))), bits(static_cast<int>(state.range(1))) {
    table_bytes = (int64_t{bits} << index_bits) / 8;
    table_bytes = std::max<int64_t>(table_bytes, 1);
    elements = std::clamp<int64_t>(kTapeBytes / table_bytes, 1, kElements);
    nodes = std::max<int64_t>(1, kTapeBytes / (elements * table_bytes));
    // Small tables: a session's many nodes, but no more than are needed to leave the second cache.
    nodes = std::min<int64_t>(nodes, 64);
  }
  OneParty Make() const {
    return LookupParty(index_bits, bits, Shape{elements}, static_cast<int>(nodes));
  }
  int index_bits;
  int bits;
  int64_t table_bytes;
  int64_t elements;
  int64_t nodes;
};

// The peak is that of the cipher, which makes one mask of a table's size in lanes.
void Deal(benchmark::State& state) {
  const Lookups lookups(state);
  OneParty parties = lookups.Make();
  const double peak = PeakCipher();
  for (auto _ : state) parties.Deal();
  const auto tables = static_cast<double>(lookups.elements * lookups.nodes);
  state.counters["tables/s"] = Rate(tables);
  state.counters["bytes/s"] = Rate(static_cast<double>(parties.tape_bytes()));
  const Ring ring(lookups.bits);
  const double mask_bytes = static_cast<double>((int64_t{1} << lookups.index_bits)) *
                            static_cast<double>(ring.lane_bytes());
  SetShareOfPeak(state, tables * mask_bytes, peak);
}

// P1: subtracts masks, packs, receives, unpacks, opens, picks rows. Of half of the tables it reads
// an entry of its tape, a cache line of memory; of the other half it computes an entry, a block of
// the cipher: these two are the peak.
void Online(benchmark::State& state) {
  const Lookups lookups(state);
  OneParty party = lookups.Make();
  const double peak = 2 / (64 / PeakRead() + 16 / PeakCipher());
  size_t node = 0;
  for (auto _ : state) {
    party.Online(node);
    node = (node + 1) % party.nodes();
  }
  const auto elements = static_cast<double>(lookups.elements);
  state.counters["lookups/s"] = Rate(elements);
  state.counters["ns/lookup"] = benchmark::Counter(
      elements * 1e-9, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  SetShareOfPeak(state, elements, peak);
}

// P1 in one reshare of 16-bit words: expands a mask, packs, sends, receives, adds.
void ReshareOnline(benchmark::State& state) {
  const double peak = PeakCipher();
  OneParty party(kReshare, Ring(16), Shape{kElements}, /*copies=*/1,
                 [](Builder& builder, Value input) { Reshare(builder, input); });
  for (auto _ : state) party.Online(0);
  constexpr double kBytes = 2 * kElements;
  state.counters["elements/s"] = Rate(kElements);
  state.counters["bytes/s"] = Rate(kBytes);
  SetShareOfPeak(state, kBytes, peak);
}

}  // namespace

void RegisterLookup() {
  auto* deal = benchmark::RegisterBenchmark("lookup/deal", Deal)->ArgNames({"k", "l"});
  for (const int k : {2, 4, 6, 8, 10}) {
    for (const int l : {1, 4, 8, 16, 32}) deal->Args({k, l});
  }
  for (const int k : {3, 5, 7, 9}) deal->Args({k, 16});
  auto* online = benchmark::RegisterBenchmark("lookup/online_one_party", Online);
  online->ArgNames({"k", "l"});
  for (const int k : {4, 5, 6, 7, 8}) online->Args({k, 16});
  for (const int k : {4, 8}) online->Args({k, 4});
  benchmark::RegisterBenchmark("reshare/online_one_party", ReshareOnline);
}

}  // namespace lutra::micro
