// What an experiment amounts to: its runs, priced, and where their results lie.
#ifndef LUTRA_EXPERIMENTS_LAB_PLAN_H_
#define LUTRA_EXPERIMENTS_LAB_PLAN_H_

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "analysis/profile.h"
#include "core/status.h"
#include "experiments/lab/experiment.h"
#include "experiments/lab/point.h"

namespace lutra {

// A point, once.
struct PlannedRun {
  size_t point = 0;
  int64_t repetition = 0;
  std::optional<uint64_t> seed;
  std::string key;  // of its settings, program, files, repetition, seed and version
};

struct ExperimentPlan {
  std::vector<PointSpec> specs;    // by point
  std::vector<PointPrice> prices;  // by point
  // Repetitions take turns, so that a machine that is slow for a while is so for all points.
  std::vector<PlannedRun> runs;

  double seconds(const PlannedRun& run) const { return prices[run.point].seconds; }
};

// Prices every point, on all cores. With `fits`, this machine must be able to run those that `only`
// keeps. Errors name file, line and point.
StatusOr<ExperimentPlan> MakePlan(const Experiment& experiment, std::optional<Peaks> peaks,
                                  bool fits, const RowFilter& only = {});

// How runs are made, as is kept with each of them: seconds of runs that were made in other ways are
// no repetitions of each other.
struct RunMaker {
  std::string engine = "local";
  int64_t jobs = 1;  // at a time; 0 where the cluster decides
};

inline constexpr int64_t kMostPlanBytes = int64_t{256} << 20;
// The plan as plan.json in the directory `out`, from which `lutra-experiment point` takes a run:
// the runs of these indices. An error where it would be longer than kMostPlanBytes.
StatusOr<std::string> PlanJson(const Experiment& experiment, const ExperimentPlan& plan,
                               const std::vector<size_t>& runs, const RunMaker& maker,
                               const std::filesystem::path& out);

// What is kept of a run.
struct FinishedRun {
  nlohmann::ordered_json results;
  nlohmann::ordered_json work;
  nlohmann::ordered_json machine;  // processor, cores, memory_bytes, simd
  nlohmann::ordered_json made_by;  // build, engine, jobs
  std::filesystem::path trace;     // empty where nothing ran
};
// The machine and the way in which this process makes runs, as FinishedRun has them.
nlohmann::ordered_json MachineJson();
StatusOr<nlohmann::ordered_json> MadeByJson(const RunMaker& maker);

// OUT/points/KEY.json.
std::filesystem::path PointFile(const std::filesystem::path& out, const std::string& key);
// A run that was finished before; kNotFound where there is none, another error where its files are
// not what they were written as.
StatusOr<FinishedRun> ReadFinishedRun(const std::filesystem::path& out, const std::string& key);
// All or nothing: the trace first, then the point's file.
Status WriteFinishedRun(const std::filesystem::path& out, const std::string& key,
                        const nlohmann::ordered_json& about, const RunMaker& maker,
                        const PointRun& run);

// The job of `lutra-experiment point OUT INDEX`: runs one of a plan (OUT/plan.json), unless it is
// there already. A file that is no longer what it was when the run was planned is an error.
Status RunPlannedPoint(const std::filesystem::path& plan_file, const std::filesystem::path& out,
                       size_t index, const std::filesystem::path& programs);

}  // namespace lutra

#endif  // LUTRA_EXPERIMENTS_LAB_PLAN_H_
