// The tables of an experiment, for a README and for a paper.
#ifndef LUTRA_EXPERIMENTS_LAB_TABLE_H_
#define LUTRA_EXPERIMENTS_LAB_TABLE_H_

#include <filesystem>
#include <string>
#include <string_view>

#include "analysis/result_column.h"
#include "core/status.h"
#include "experiments/lab/experiment.h"
#include "experiments/lab/results.h"

namespace lutra {

// A figure for readers: "1.23 GB", "0.0123 s" with three digits, "0.945", "1,234"; "-" where it is
// not known.
std::string HumanCell(const ResultColumn& column, const std::optional<Median>& median);

// Three digits, however small or large: "0.000123", "0.123", "12.3", "1230".
std::string ThreeDigits(double value);

// A table as Markdown, and as LaTeX with booktabs (to \input; text is escaped).
struct RenderedTable {
  std::string markdown;
  std::string latex;
};
RenderedTable RenderTable(const TableSpec& spec, const Results& results);

// OUT/tables/NAME.md and NAME.tex for every table, in place of what was there before.
Status WriteTables(const Experiment& experiment, const Results& results,
                   const std::filesystem::path& out);

}  // namespace lutra

#endif  // LUTRA_EXPERIMENTS_LAB_TABLE_H_
