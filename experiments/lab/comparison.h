// An experiment's results beside published figures: a table and a figure that never mix kinds.
//
//   [[comparisons]]
//   name = "bert-base-128"
//   title = "BERT-base, sequence 128"
//   published = "bert-base-128"        # experiments/published/NAME.toml, or a file
//   rows = ["work"]                    # what our rows are told apart by
//   only = { work = "BERT-base" }
//   columns = ["offline_seconds", "online_seconds", "online_bytes"]
//   ratio = "online_seconds"           # may be left out: how many times ours the others take
//   figure = "online_bytes"            # what the figure shows
//
// Columns are the amounts of published figures (published.h); ours follow from the results. Ours
// stand first, then what was measured, what was extrapolated, what is printed, each under its name
// and with a note of source and conditions. A ratio is given only to what was
// measured, and of the whole work.
#ifndef LUTRA_EXPERIMENTS_LAB_COMPARISON_H_
#define LUTRA_EXPERIMENTS_LAB_COMPARISON_H_

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/status.h"
#include "experiments/lab/experiment.h"
#include "experiments/lab/results.h"
#include "experiments/lab/table.h"

namespace lutra {

// One row: ours, or a system's.
struct ComparisonRow {
  std::string group;  // "Lutra, this experiment", "measured", "extrapolated", "printed"
  std::string system;
  std::map<std::string, Amount, std::less<>> amounts;
  std::string note;
  bool partial = false;  // of a part of the work
};

// All rows, group by group. Of ours, medians of the runs that are there.
std::vector<ComparisonRow> CompareRows(const ComparisonSpec& spec, const Experiment& experiment,
                                       const Results& results);

RenderedTable RenderComparison(const ComparisonSpec& spec, const std::vector<ComparisonRow>& rows);

// Bars of the amount that the figure shows, a colour for each group; a range as a line on its bar.
// Empty where no row has any of it, and where there is no figure.
std::string ComparisonScript(const ComparisonSpec& spec, const std::vector<ComparisonRow>& rows);

// OUT/comparisons/NAME.md, .tex, .gp, .svg and .pdf for each, in place of what was there before. An
// error where gnuplot is not installed or refuses (gnuplot.h).
Status WriteComparisons(const Experiment& experiment, const Results& results,
                        const std::filesystem::path& out);

}  // namespace lutra

#endif  // LUTRA_EXPERIMENTS_LAB_COMPARISON_H_
