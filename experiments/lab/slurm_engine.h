// Runs the points of a plan as a Slurm job array, and waits for them.
#ifndef LUTRA_EXPERIMENTS_LAB_SLURM_ENGINE_H_
#define LUTRA_EXPERIMENTS_LAB_SLURM_ENGINE_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/status.h"
#include "experiments/lab/local_engine.h"

namespace lutra {

struct SlurmRequest {
  std::string name;          // of the experiment
  int threads = 1;           // of the run that takes the most
  int64_t memory_bytes = 0;  // likewise, estimated
  // Tasks at a time, which may share nodes. Without it each has a node to itself.
  std::optional<size_t> parallel;
};

// The batch script of one array: `count` tasks, of which task i runs job `first` + i of the plan.
// All paths are absolute, in quotes.
std::string SlurmScript(const std::filesystem::path& program, const std::filesystem::path& out,
                        const std::filesystem::path& plan, const SlurmRequest& request,
                        size_t first, size_t count);

class SlurmEngine {
 public:
  // `out` is a directory that the nodes of the cluster see under the same path, as they see
  // `program`.
  SlurmEngine(std::filesystem::path program, std::filesystem::path out);

  // An error unless sbatch, squeue and scancel are installed and answer.
  Status Check() const;
  // Waits for the arrays of an earlier call in this directory that are still in the queue; whether
  // it was interrupted (they then stay in the queue).
  StatusOr<bool> WaitForEarlier(const std::function<void()>& on_tick);
  // Submits the jobs (indices of `plan`, a file that stays as it is) and waits until none is in the
  // queue. `is_done` says whether a job has left its result. After SIGINT or SIGTERM (blocked, see
  // local_engine.h) what is in the queue is cancelled.
  StatusOr<LocalOutcome> Run(const std::filesystem::path& plan, const std::vector<LocalJob>& jobs,
                             const SlurmRequest& request,
                             const std::function<bool(size_t job)>& is_done,
                             const std::function<void(const std::vector<size_t>& done)>& on_tick);

 private:
  StatusOr<std::string> Submit(const std::filesystem::path& script) const;
  // Whether any task of the arrays is pending or running.
  StatusOr<bool> InQueue(const std::vector<std::string>& arrays) const;
  // The same; where Slurm does not answer for a while, they are taken to be there still.
  StatusOr<bool> StillInQueue(const std::vector<std::string>& arrays);
  std::filesystem::path ArraysFile() const { return out_ / "slurm" / "arrays.txt"; }

  const std::filesystem::path program_;
  const std::filesystem::path out_;
  int silent_polls_ = 0;  // in a row
};

}  // namespace lutra

#endif  // LUTRA_EXPERIMENTS_LAB_SLURM_ENGINE_H_
