// What a run or a program costs, as a table for a terminal.
#ifndef LUTRA_ANALYSIS_COST_TABLE_H_
#define LUTRA_ANALYSIS_COST_TABLE_H_

#include <array>
#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/cost.h"
#include "core/text.h"

namespace lutra {

// "0 B", "999 B", "1.23 kB", "12.3 MB", "123 GB": powers of 1000, three digits, rounded.
std::string HumanBytes(int64_t bytes);
// The same for bits: "999 bit", "1.23 kbit".
std::string HumanBits(int64_t bits);
// "0 s", "1.23 µs", "45.6 ms", "789 s", three digits, rounded.
std::string HumanSeconds(double seconds);
// "1,771,520".
std::string Grouped(int64_t number);
// "1 message", "1,234 messages".
template <std::integral Number>
std::string Counted(Number count, std::string_view one) {
  return StrCat(Grouped(static_cast<int64_t>(count)), " ", one, count == 1 ? "" : "s");
}
// A number with this many digits after the point, the same in every locale.
std::string Fixed(double value, int digits);

// Rows of cells under a head, columns two spaces apart; the first column and those named in `left`
// are flush left, the others flush right. Every line ends with a line end, none with spaces.
class TextTable {
 public:
  explicit TextTable(std::vector<std::string> head, std::vector<size_t> left = {});
  // As many cells as the head has.
  void AddRow(std::vector<std::string> cells);
  std::string ToString() const;

 private:
  std::vector<std::vector<std::string>> rows_;
  std::vector<bool> left_;
};

// Columns phase, bytes, rounds, seconds (where given, by phase) and largest link; a row for each
// phase.
std::string CostTable(const std::array<PhaseCost, kPhases.size()>& phases,
                      const std::optional<std::array<double, kPhases.size()>>& seconds);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_COST_TABLE_H_
