#include "sim/memory_plan.h"

#include <algorithm>
#include <limits>

#include "analysis/cost_table.h"
#include "analysis/machine.h"
#include "analysis/program_flags.h"
#include "mpc/tape.h"
#include "sim/simulation.h"

namespace lutra {
namespace {

constexpr int64_t kGibibyte = int64_t{1} << 30;
constexpr int64_t kDefaultMemory = 4 * kGibibyte;
constexpr int64_t kDefaultTape = 1 * kGibibyte;

// The program itself, libraries, threads, small things.
constexpr int64_t kAlways = int64_t{64} << 20;
// While a model is shared: six components, two messages, the owner's and the client's copy. Then
// five packed operands take the place of the components. The twin has a copy and a packed one.
constexpr int64_t kCopiesOfModel = 11;
constexpr int64_t kCopiesForTwin = 2;
// Masks that P0, P1 and P2 walk ahead of the data, and what they keep of them. Of all other values
// only those of a few levels are alive at a time.
constexpr int64_t kCopiesOfValues = 3;

int64_t BytesOf(const ValueType& type) {
  return type.shape.elements() * static_cast<int64_t>(type.ring.lane_bytes());
}

class Planner {
 public:
  explicit Planner(const MemoryRequest& request) : request_(request) {
    const int64_t machine = ThisMachine().memory_bytes;
    // What the machine has may be unknown; what is asked for may be more than it has.
    available_ = machine > 0 ? machine : std::numeric_limits<int64_t>::max();
    limited_ = request.limit.has_value() && *request.limit <= available_;
    if (limited_) available_ = *request.limit;
  }

  StatusOr<MemoryPlan> Plan() const {
    MemoryPlan plan;
    LUTRA_ASSIGN_OR_RETURN(plan.batch, ChooseBatch());
    LUTRA_ASSIGN_OR_RETURN(const Program program, request_.program_of(plan.batch));
    const MemoryEstimate least = EstimateMemory(program, 0, request_.check);
    if (least.total() > available_) return Refuse(plan.batch, least.total());
    // The largest window that fits; the smallest one does.
    plan.tape_window_bytes = std::min(SimulationOptions().tape_window_bytes,
                                      std::max(available_ - least.rest, least.tape_window));
    plan.estimate = EstimateMemory(program, plan.tape_window_bytes, request_.check).total();
    return plan;
  }

 private:
  StatusOr<int64_t> ChooseBatch() const {
    const int64_t most = std::min(request_.batch.value_or(kMostBatch), request_.examples);
    if (request_.batch.has_value()) return most;
    LUTRA_ASSIGN_OR_RETURN(const Program one, request_.program_of(1));
    const int64_t tape = std::max<int64_t>(TapeLayout(one).bytes(), 1);
    const int64_t under_tape = std::clamp<int64_t>(kDefaultTape / tape, 1, most);
    LUTRA_ASSIGN_OR_RETURN(const int64_t fits,
                           LargestWithin(std::min(kDefaultMemory, available_), under_tape));
    const int64_t batch = std::max<int64_t>(1, fits);
    const int64_t sessions = (request_.examples + batch - 1) / batch;
    return (request_.examples + sessions - 1) / sessions;
  }

  // The least that a session of so many examples takes.
  StatusOr<int64_t> Least(int64_t batch) const {
    LUTRA_ASSIGN_OR_RETURN(const Program program, request_.program_of(batch));
    return EstimateMemory(program, 0, request_.check).total();
  }

  // The largest batch up to `most` that takes no more than the limit; 0 if there is none.
  StatusOr<int64_t> LargestWithin(int64_t limit, int64_t most) const {
    int64_t fits = 0;
    int64_t beyond = most + 1;
    int64_t next = most;
    while (fits + 1 < beyond) {
      LUTRA_ASSIGN_OR_RETURN(const int64_t needed, Least(next));
      (needed <= limit ? fits : beyond) = next;
      next = fits + (beyond - fits) / 2;
    }
    return fits;
  }

  Status Refuse(int64_t batch, int64_t needed) const {
    LUTRA_ASSIGN_OR_RETURN(const int64_t fits, LargestWithin(available_, batch - 1));
    return Unavailable(
        "memory: a session of ", batch, batch == 1 ? " example" : " examples", " takes about ",
        HumanBytes(needed), " at least, ",
        limited_ ? "--memory-limit allows " : "this machine has ", HumanBytes(available_),
        fits > 0 ? StrCat("; --batch ", fits, " would fit") : "; no batch of this model fits");
  }

  const MemoryRequest& request_;
  int64_t available_;
  bool limited_;
};

}  // namespace

MemoryEstimate EstimateMemory(const Program& program, int64_t tape_window_bytes, bool check) {
  int64_t model = 0;
  int64_t values = 0;
  for (WireId wire = 0; wire < program.wires(); ++wire) {
    const ValueType& type = program.type(wire);
    (type.lifetime == Lifetime::kModel ? model : values) += BytesOf(type);
  }
  MemoryEstimate estimate;
  for (const TapeLayout::Window& window : TapeLayout::Windows(program, tape_window_bytes)) {
    estimate.tape_window = std::max(estimate.tape_window, window.bytes);
  }
  const int64_t copies = kCopiesOfModel + (check ? kCopiesForTwin : 0);
  estimate.rest = copies * model + kCopiesOfValues * values + kAlways;
  return estimate;
}

StatusOr<MemoryPlan> PlanMemory(const MemoryRequest& request) { return Planner(request).Plan(); }

}  // namespace lutra
