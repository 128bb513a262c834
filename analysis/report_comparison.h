// Tables of a report that put the results of an experiment beside published figures.
#ifndef LUTRA_ANALYSIS_REPORT_COMPARISON_H_
#define LUTRA_ANALYSIS_REPORT_COMPARISON_H_

#include <string_view>

#include "analysis/report.h"
#include "core/status.h"

namespace lutra {

// comparisons/NAME.md as lutra-experiment writes it: a table whose first column is the kind, empty
// where it is that of the row above, then notes "1. ..." to which its last column refers, then
// remarks. Every row gets its kind. An error names `where`, the line, expected and found.
StatusOr<ReportTable> ComparisonTable(std::string_view markdown, std::string_view where);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_REPORT_COMPARISON_H_
