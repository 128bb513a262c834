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

// Prices every point, on all cores. Errors name file, line and point.
StatusOr<ExperimentPlan> MakePlan(const Experiment& experiment, std::optional<Peaks> peaks,
                                  bool fits);

// The plan as plan.json in the directory `out`, from which `lutra-experiment point` takes a run:
// the runs of these indices.
std::string PlanJson(const Experiment& experiment, const ExperimentPlan& plan,
                     const std::vector<size_t>& runs, const std::filesystem::path& out);

// What is kept of a run.
struct FinishedRun {
  nlohmann::ordered_json results;
  nlohmann::ordered_json work;
  nlohmann::ordered_json machine;
  std::filesystem::path trace;  // empty where nothing ran
};

// OUT/points/KEY.json.
std::filesystem::path PointFile(const std::filesystem::path& out, const std::string& key);
// A run that was finished before; kNotFound where there is none, another error where its files are
// not what they were written as.
StatusOr<FinishedRun> ReadFinishedRun(const std::filesystem::path& out, const std::string& key);
// All or nothing: the trace first, then the point's file. `run` null of a point that runs nothing.
Status WriteFinishedRun(const std::filesystem::path& out, const std::string& key,
                        const nlohmann::ordered_json& about, const PointRun* run);

// The job of `lutra-experiment point OUT INDEX`: runs one of a plan (OUT/plan.json), unless it is
// there already.
Status RunPlannedPoint(const std::filesystem::path& plan_file, const std::filesystem::path& out,
                       size_t index, const std::filesystem::path& programs);

}  // namespace lutra

#endif  // LUTRA_EXPERIMENTS_LAB_PLAN_H_
