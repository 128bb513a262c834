// The expected results of a shipped experiment: figures of the closed form, compared exactly.
#ifndef LUTRA_EXPERIMENTS_LAB_EXPECTED_H_
#define LUTRA_EXPERIMENTS_LAB_EXPECTED_H_

#include <filesystem>
#include <string>

#include "core/status.h"
#include "experiments/lab/experiment.h"
#include "experiments/lab/plan.h"

namespace lutra {

// The axes, and what the closed form says of every point.
std::string ExpectedCsv(const Experiment& experiment, const ExperimentPlan& plan);

// Compares the rows of a file, each found by its axes, with the closed form; how many figures were
// compared. An error names file, line, point, column, expected and found.
StatusOr<int64_t> CheckExpected(const Experiment& experiment, const ExperimentPlan& plan,
                                const std::filesystem::path& file);

}  // namespace lutra

#endif  // LUTRA_EXPERIMENTS_LAB_EXPECTED_H_
