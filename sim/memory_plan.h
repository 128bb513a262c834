// What a run keeps in memory, and how it is cut to fit: examples in a session, and the window of
// the tape that is dealt and used at a time.
#ifndef LUTRA_SIM_MEMORY_PLAN_H_
#define LUTRA_SIM_MEMORY_PLAN_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "core/status.h"
#include "mpc/program.h"

namespace lutra {

// What all roles keep together while they run a program, in bytes, as a bound for planning:
//
//   tape window + c * (bytes of the model's values) + 3 * (bytes of a session's values) + 64 MiB
//
// where values are all wires of the program at 1, 2, 4 or 8 bytes an element, and c is 13 where
// every node is compared with the clear twin, and 11 where it is not.
struct MemoryEstimate {
  int64_t tape_window = 0;  // the largest of TapeLayout::Windows
  int64_t rest = 0;

  int64_t total() const { return tape_window + rest; }
};
MemoryEstimate EstimateMemory(const Program& program, int64_t tape_window_bytes, bool check);

struct MemoryPlan {
  int64_t batch = 1;              // examples of one session
  int64_t tape_window_bytes = 0;  // for SimulationOptions
  int64_t estimate = 0;
};

struct MemoryRequest {
  // The program of a session of so many examples.
  std::function<StatusOr<Program>(int64_t batch)> program_of;
  int64_t examples = 1;
  std::optional<int64_t> batch;  // that is asked for
  std::optional<int64_t> limit;  // in bytes; without one, what the machine has
  bool check = true;
};

// The batch that is asked for, or else as many examples as keep the estimate within the limit and
// 4 GiB and a tape under 1 GiB, spread evenly over the sessions; at least one. The window of the
// tape is the usual one, or a smaller one that fits. An error names what a session takes, what
// there is, and what would fit.
StatusOr<MemoryPlan> PlanMemory(const MemoryRequest& request);

}  // namespace lutra

#endif  // LUTRA_SIM_MEMORY_PLAN_H_
