// The report of an experiment, from the results that lutra-experiment left.
#ifndef LUTRA_ANALYSIS_REPORT_EXPERIMENT_H_
#define LUTRA_ANALYSIS_REPORT_EXPERIMENT_H_

#include <filesystem>

#include "analysis/report.h"
#include "core/status.h"

namespace lutra {

// Whether a directory looks like an experiment.
bool IsExperimentDirectory(const std::filesystem::path& directory);

// The first screen: what ran and how much of it is finished, what came out, on which machine, of
// which versions and seeds, and its first picture. Then its tables, its comparisons with published
// figures, its figures, all points, and the programs that ran. An error names file, line or field,
// and what is wrong.
StatusOr<Report> ExperimentReport(const std::filesystem::path& directory);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_REPORT_EXPERIMENT_H_
