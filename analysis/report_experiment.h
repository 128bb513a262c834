// The report of an experiment, from the results that lutra-experiment left.
#ifndef LUTRA_ANALYSIS_REPORT_EXPERIMENT_H_
#define LUTRA_ANALYSIS_REPORT_EXPERIMENT_H_

#include <filesystem>

#include "analysis/report.h"
#include "core/status.h"

namespace lutra {

// Whether a directory looks like the results of an experiment.
bool IsExperimentDirectory(const std::filesystem::path& directory);

// Its title and settings (experiment.toml), its tables (tables/*.md), its figures (figures/*.svg),
// and all points (summary.csv), breakdown.csv where it is there. An error names file, line and what
// is wrong.
StatusOr<Report> ExperimentReport(const std::filesystem::path& directory);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_REPORT_EXPERIMENT_H_
