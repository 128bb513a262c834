#include "analysis/cost_table.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include "core/status.h"

namespace lutra {
namespace {

// Three digits: "1.23", "12.3", "123".
std::string ThreeDigits(double value) {
  return Fixed(value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0);
}

std::string Human(int64_t count, std::string_view what) {
  static constexpr std::array<std::string_view, 6> kPrefixes = {"k", "M", "G", "T", "P", "E"};
  if (count < 1000) return StrCat(count, " ", what);
  double value = static_cast<double>(count) / 1000;
  size_t prefix = 0;
  // What would be printed as 1000 belongs to the next unit.
  for (; value >= 999.5 && prefix + 1 < kPrefixes.size(); ++prefix) value /= 1000;
  return StrCat(ThreeDigits(value), " ", kPrefixes[prefix], what);
}

}  // namespace

std::string Fixed(double value, int digits) {
  std::array<char, 400> buffer;
  const std::to_chars_result result = std::to_chars(buffer.data(), buffer.data() + buffer.size(),
                                                    value, std::chars_format::fixed, digits);
  LUTRA_CHECK(result.ec == std::errc());
  return std::string(buffer.data(), result.ptr);
}

std::string HumanBytes(int64_t bytes) { return Human(bytes, "B"); }

std::string HumanBits(int64_t bits) { return Human(bits, "bit"); }

std::string HumanSeconds(double seconds) {
  if (seconds == 0) return "0 s";
  if (seconds < 0.9995e-6) return StrCat(ThreeDigits(seconds * 1e9), " ns");
  if (seconds < 0.9995e-3) return StrCat(ThreeDigits(seconds * 1e6), " µs");
  if (seconds < 0.9995) return StrCat(ThreeDigits(seconds * 1e3), " ms");
  return StrCat(ThreeDigits(seconds), " s");
}

std::string Grouped(int64_t number) {
  const std::string digits = StrCat(number);
  std::string grouped;
  for (size_t i = 0; i < digits.size(); ++i) {
    const bool starts_group = i > 0 && digits[i - 1] != '-' && (digits.size() - i) % 3 == 0;
    if (starts_group) grouped += ',';
    grouped += digits[i];
  }
  return grouped;
}

TextTable::TextTable(std::vector<std::string> head, std::vector<size_t> left)
    : left_(head.size(), false) {
  left_.at(0) = true;
  for (const size_t column : left) left_.at(column) = true;
  rows_.push_back(std::move(head));
}

void TextTable::AddRow(std::vector<std::string> cells) {
  LUTRA_CHECK(cells.size() == left_.size());
  rows_.push_back(std::move(cells));
}

std::string TextTable::ToString() const {
  std::vector<size_t> widths(left_.size());
  for (const std::vector<std::string>& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const std::vector<std::string>& row : rows_) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - row[i].size(), ' ');
      if (i > 0) line += "  ";
      line += left_[i] ? row[i] + padding : padding + row[i];
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string CostTable(const std::array<PhaseCost, kPhases.size()>& phases,
                      const std::optional<std::array<double, kPhases.size()>>& seconds) {
  std::vector<std::string> head = {"phase", "bytes", "rounds"};
  if (seconds.has_value()) head.emplace_back("seconds");
  const size_t link_column = head.size();
  head.insert(head.end(), {"largest link", ""});
  TextTable table(std::move(head), {link_column});
  for (size_t i = 0; i < phases.size(); ++i) {
    const PhaseCost& phase = phases[i];
    std::vector<std::string> row = {std::string(Name(phase.phase)), HumanBytes(phase.bytes),
                                    StrCat(phase.rounds)};
    if (seconds.has_value()) row.push_back(Fixed((*seconds)[i], 3));
    if (phase.largest.has_value()) {
      row.push_back(StrCat(Name(phase.largest->from), " -> ", Name(phase.largest->to)));
      row.push_back(HumanBytes(phase.largest->bytes));
    } else {
      row.insert(row.end(), {"none", ""});
    }
    table.AddRow(std::move(row));
  }
  return table.ToString();
}

}  // namespace lutra
