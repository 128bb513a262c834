// Cells and rows of the tables of a report.
#ifndef LUTRA_ANALYSIS_REPORT_CELLS_H_
#define LUTRA_ANALYSIS_REPORT_CELLS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "analysis/report.h"

namespace lutra {

using ReportCells = std::vector<ReportCell>;

constexpr size_t kMostTableRows = 400;  // of a table

ReportCell TextCell(std::string_view text);
// Nothing for 0.
ReportCell NonZero(int64_t number);
ReportCell NonZero(double number);
// Nothing of nothing.
ReportCell ShareOf(int64_t part, int64_t whole);
ReportCell ShareOf(double part, double whole);

// "(no path)" for an empty path.
std::string OrNoPath(std::string_view name);

// Keeps the rows with the largest keys, in their order; returns how many it leaves out.
template <class Row, class Key>
int64_t KeepLargest(std::vector<Row>& rows, size_t most, const Key& key) {
  if (rows.size() <= most) return 0;
  std::vector<size_t> order(rows.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return key(rows[a]) > key(rows[b]); });
  order.resize(most);
  std::sort(order.begin(), order.end());
  std::vector<Row> kept;
  for (const size_t index : order) kept.push_back(std::move(rows[index]));
  const auto left_out = static_cast<int64_t>(rows.size() - most);
  rows = std::move(kept);
  return left_out;
}

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_REPORT_CELLS_H_
