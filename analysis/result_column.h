// What an experiment can tell of a run, column by column of its results.
#ifndef LUTRA_ANALYSIS_RESULT_COLUMN_H_
#define LUTRA_ANALYSIS_RESULT_COLUMN_H_

#include <span>
#include <string_view>

namespace lutra {

struct ResultColumn {
  enum class Unit { kCount, kBytes, kSeconds, kShare, kTruth };
  // Where it comes from: the closed form, a run, a replay of its trace under a network.
  enum class Source { kClosedForm, kRun, kReplay };

  std::string_view name;   // "deal_bytes"
  std::string_view title;  // "dealt", for legends
  Unit unit;
  Source source;
  bool in_breakdown;  // whether it is known of a layer, a step, a protocol
};

// All, in the order in which they stand in results.csv.
std::span<const ResultColumn> ResultColumns();
// Null where there is none.
const ResultColumn* FindResultColumn(std::string_view name);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_RESULT_COLUMN_H_
