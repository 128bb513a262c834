// environment.json: what the runs of a results directory were made with.
#ifndef LUTRA_EXPERIMENTS_LAB_ENVIRONMENT_H_
#define LUTRA_EXPERIMENTS_LAB_ENVIRONMENT_H_

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/status.h"
#include "experiments/lab/experiment.h"
#include "experiments/lab/plan.h"

namespace lutra {

// The time in UTC: "2026-05-04T03:02:01Z".
std::string TimeNow();

// Where, and in which way, runs were made, and how many.
struct Origin {
  nlohmann::ordered_json machine;  // as FinishedRun has it, but for simd, which may be a setting
  nlohmann::ordered_json made_by;  // as FinishedRun has it
  size_t runs = 0;
};
// Of the runs that are finished (by index of the plan); those that ran nothing have none.
std::vector<Origin> OriginsOf(const std::map<size_t, FinishedRun>& finished);
// How many of them were made elsewhere, by another build, or in another way than runs are now.
StatusOr<size_t> CountOfOtherOrigin(const std::map<size_t, FinishedRun>& finished,
                                    const RunMaker& maker);

// How the program was called that wrote it.
struct CommandCall {
  std::vector<std::string> words;
  std::string started;  // TimeNow
};
std::string EnvironmentJson(const Experiment& experiment, const ExperimentPlan& plan,
                            const std::map<size_t, FinishedRun>& finished, const CommandCall& call);

}  // namespace lutra

#endif  // LUTRA_EXPERIMENTS_LAB_ENVIRONMENT_H_
