// Tables of a report from the results of an experiment.
#ifndef LUTRA_ANALYSIS_REPORT_RESULT_TABLE_H_
#define LUTRA_ANALYSIS_REPORT_RESULT_TABLE_H_

#include <optional>
#include <string_view>

#include "analysis/csv.h"
#include "analysis/experiment_results.h"
#include "analysis/report.h"
#include "analysis/report_cells.h"
#include "core/status.h"

namespace lutra {

// A cell as a number; nothing where it is none, or none that a report can show.
std::optional<double> NumberOf(std::string_view cell);

enum class Statistic { kMedian, kQuartiles };

// A row for all rows of `csv` (results.csv, breakdown.csv) that are alike in spec.rows, of those
// that spec.only keeps; in it the median of each of spec.columns over the runs, or the quartiles
// (linear between the nearest). Columns that nothing is known of are left out; of quartiles, also
// those of which no two runs differ. Of more rows than `most_rows` the first. An error names the
// file and the column or cell.
StatusOr<ReportTable> ResultTable(const CsvTable& csv, const ExperimentTable& spec,
                                  Statistic statistic, size_t most_rows = kMostTableRows);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_REPORT_RESULT_TABLE_H_
