// Deals tapes ahead, window by window: into a store, or to whoever takes the words.
#ifndef LUTRA_DEALER_STOCK_H_
#define LUTRA_DEALER_STOCK_H_

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <span>

#include "cluster/dealer_store.h"
#include "cluster/tape_file.h"
#include "core/status.h"
#include "core/thread_pool.h"
#include "mpc/keys.h"
#include "mpc/listener.h"
#include "mpc/program.h"
#include "mpc/tape.h"

namespace lutra {

// What makes a tape: who has it can deal it again. Wiped when it goes.
struct TapeSeed {
  Identifier tape;
  uint64_t number = 0;
  LongTermKeys keys;  // at least kDealerKeys, no others are used

  TapeSeed() = default;
  TapeSeed(const TapeSeed&) = default;
  TapeSeed& operator=(const TapeSeed&) = default;
  ~TapeSeed();
};

// Fresh from the operating system, or as the simulation has them for this seed: the first tape
// (number 0) is that of its first session, after the model was shared.
StatusOr<TapeSeed> MakeTapeSeed(uint64_t number, const std::optional<uint64_t>& simulation_seed);

// The header of a role's part.
TapeHeader HeaderFor(Role role, const Program& program, const TapeSeed& seed);

struct DealOptions {
  // Of both streams, in memory: two windows, one of which is dealt while the sink takes the other.
  // A level that takes more than half of it is one window.
  int64_t window_bytes = int64_t{1} << 28;
  Listener* listener = nullptr;
};

// Takes words of a role's stream. P1's words of a window stay where they are until the sink has
// taken P2's. One call at a time, in another thread than the dealing.
using WordSink = std::function<Status(Role role, std::span<const std::byte> words)>;

// Deals a tape: P1's and P2's words of each window, in their order, to the sink. Ends at the first
// error of the sink, once the window that is being dealt is whole.
Status DealWindows(const Program& program, const TableContents& tables, const TapeSeed& seed,
                   const DealOptions& options, ThreadPool& pool, const WordSink& sink);

struct StockOptions {
  int64_t window_bytes = int64_t{1} << 28;  // as in DealOptions
  std::optional<uint64_t> simulation_seed;
  std::mutex* mutex = nullptr;    // of a store that other threads use too: held for moments only
  std::function<bool()> stopped;  // asked between windows: a tape that is stopped leaves nothing
};

// Deals the next tape of a program into a store, with what it came to. Cancelled when stopped.
StatusOr<DealRecord> DealIntoStore(DealerStore& store, const BuiltProgram& built,
                                   const StockOptions& options, ThreadPool& pool);

}  // namespace lutra

#endif  // LUTRA_DEALER_STOCK_H_
