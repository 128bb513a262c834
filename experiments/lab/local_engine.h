// Runs the points of a plan on this machine, each in a process of its own, so that its memory is
// its own and a crash is one point's.
#ifndef LUTRA_EXPERIMENTS_LAB_LOCAL_ENGINE_H_
#define LUTRA_EXPERIMENTS_LAB_LOCAL_ENGINE_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/status.h"

namespace lutra {

// One run, as plan.json has it.
struct LocalJob {
  size_t index = 0;  // in plan.json
  std::string label;
  int64_t memory_bytes = 0;  // estimated
};

struct LocalOutcome {
  bool interrupted = false;
  std::vector<std::string> failures;  // a line each: label and what the point said
};

// Blocks SIGINT and SIGTERM for this process: whoever runs points takes them one by one.
void BlockInterrupts();

// What may run at a time: so many, as long as their estimates stay within the memory; one may
// always. 0 bytes: whatever they take.
struct LocalLimits {
  size_t parallel = 1;
  int64_t memory_bytes = 0;
};

// Runs `program point OUT INDEX` for every job, in their order. After SIGINT or SIGTERM
// (blocked, see above) what runs is ended and nothing more started. `on_change` is called when a
// job starts or ends, and a few times a second: how many are done, and which run now.
LocalOutcome RunLocally(const std::filesystem::path& program, const std::filesystem::path& out,
                        const std::vector<LocalJob>& jobs, const LocalLimits& limits,
                        const std::function<void(const std::vector<size_t>& done,
                                                 const std::vector<size_t>& running)>& on_change);

// In a point's process: ends with whoever started it.
void EndWithParent();

}  // namespace lutra

#endif  // LUTRA_EXPERIMENTS_LAB_LOCAL_ENGINE_H_
