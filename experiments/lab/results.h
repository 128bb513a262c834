// The results of an experiment: every run under every network, medians and quartiles, and what
// tables and figures take of them.
#ifndef LUTRA_EXPERIMENTS_LAB_RESULTS_H_
#define LUTRA_EXPERIMENTS_LAB_RESULTS_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/status.h"
#include "experiments/lab/data_table.h"
#include "experiments/lab/experiment.h"
#include "experiments/lab/plan.h"

namespace lutra {

struct Results {
  DataTable runs;       // a row for each run and network
  DataTable breakdown;  // a row for each run and group of nodes; `by` and `group` name it
  DataTable summary;    // a row for each point and network: medians and quartiles
};

// `finished` by index of plan.runs; runs that are not there have no rows. An error names a trace
// that cannot be read or replayed.
StatusOr<Results> CollectResults(const Experiment& experiment, const ExperimentPlan& plan,
                                 const std::map<size_t, FinishedRun>& finished);

// The median of one result over the runs of a cell, with quartiles; nothing where no row has it. A
// result that does not depend on the network counts once for each run, under however many networks
// it stands. A truth is 1 where it holds in all runs, else 0.
struct Median {
  double value = 0;
  double low = 0;   // first quartile
  double high = 0;  // third quartile
  size_t count = 0;
};
std::optional<Median> MedianOf(const std::vector<const DataTable::Row*>& rows,
                               std::string_view column);

// Rows of `table` grouped by the texts of some columns, in the order of their first rows; those
// that the filter does not keep are left out.
struct RowGroup {
  std::vector<std::string> keys;
  std::vector<const DataTable::Row*> rows;
};
std::vector<RowGroup> GroupRows(const DataTable& table, const std::vector<std::string>& keys,
                                const RowFilter& only);

// The rows of one breakdown, with its groups in a column of its name; nothing where `by` is empty.
DataTable BreakdownOf(const Results& results, const std::string& by);

}  // namespace lutra

#endif  // LUTRA_EXPERIMENTS_LAB_RESULTS_H_
