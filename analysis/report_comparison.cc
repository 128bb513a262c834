#include "analysis/report_comparison.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "analysis/report_cells.h"
#include "analysis/report_result_table.h"
#include "core/text.h"

namespace lutra {
namespace {

std::string Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(' ');
  if (begin == text.npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(' ') + 1 - begin));
}

// Text without what keeps Markdown from seeing more in it.
std::string Unescaped(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    plain += text[i];
  }
  return plain;
}

// The cells of "| a | b |"; none where the line is no row.
std::vector<std::string> CellsOf(std::string_view line) {
  std::vector<std::string> cells;
  if (!line.starts_with('|')) return cells;
  size_t begin = 1;
  for (size_t i = 1; i < line.size(); ++i) {
    if (line[i] == '\\') {
      ++i;
    } else if (line[i] == '|') {
      cells.push_back(Trimmed(Unescaped(line.substr(begin, i - begin))));
      begin = i + 1;
    }
  }
  return cells;
}

// "12. text": the text.
std::optional<std::string> NoteOf(std::string_view line) {
  const size_t digits = line.find_first_not_of("0123456789");
  if (digits == 0 || digits == line.npos || !line.substr(digits).starts_with(". ")) {
    return std::nullopt;
  }
  return Unescaped(line.substr(digits + 2));
}

// "1,234", "12.3", "1.23 MB", "24.0 GB a party", "367 to 511": the first number, by its unit.
std::optional<double> ValueOf(std::string_view text) {
  std::string digits;
  size_t i = 0;
  for (;
       i < text.size() && (text[i] == ',' || text[i] == '.' || (text[i] >= '0' && text[i] <= '9'));
       ++i) {
    if (text[i] != ',') digits += text[i];
  }
  std::optional<double> number = NumberOf(digits);
  if (!number.has_value()) return std::nullopt;
  std::string_view unit = text.substr(i);
  if (!unit.starts_with(' ')) return number;
  unit = unit.substr(1, unit.find(' ', 1) - 1);
  static constexpr std::string_view kPrefixes = "kMGTPE";
  const size_t prefix =
      unit.size() == 2 && unit[1] == 'B' ? kPrefixes.find(unit[0]) : kPrefixes.npos;
  for (size_t times = 0; prefix != kPrefixes.npos && times <= prefix; ++times) *number *= 1000;
  return number;
}

ReportCell CellOf(std::string text) {
  if (text.empty() || text == "-") return {};
  const std::optional<double> value = ValueOf(text);
  if (!value.has_value()) return text;
  return QuotedNumber{std::move(text), *value};
}

// How the columns after kind and system are shown: numbers, where all of them are.
void SetFormats(ReportTable& table) {
  for (size_t i = 2; i < table.columns.size(); ++i) {
    const bool numbers = std::none_of(table.rows.begin(), table.rows.end(), [&](const auto& row) {
      return std::holds_alternative<std::string>(row[i]);
    });
    if (!numbers) continue;
    table.columns[i].format = Format::kNumber;
    // The last one has the numbers of notes.
    if (i + 1 < table.columns.size()) table.columns[i].source = Source::kStated;
  }
}

}  // namespace

StatusOr<ReportTable> ComparisonTable(std::string_view markdown, std::string_view where) {
  ReportTable table;
  std::string kind;
  int64_t number = 0, table_lines = 0;
  for (size_t begin = 0; begin < markdown.size();) {
    const size_t end = std::min(markdown.find('\n', begin), markdown.size());
    const std::string_view line = markdown.substr(begin, end - begin);
    begin = end + 1;
    ++number;
    std::vector<std::string> cells = CellsOf(line);
    if (cells.empty()) {
      if (line.empty() || line.starts_with("**")) continue;  // the title
      if (std::optional<std::string> note = NoteOf(line)) {
        table.notes.push_back(*std::move(note));
      } else {
        table.note += StrCat(table.note.empty() ? "" : " ", Unescaped(line));
      }
      continue;
    }
    ++table_lines;
    if (table_lines == 1) {
      for (std::string& name : cells) table.columns.push_back({std::move(name)});
      continue;
    }
    if (cells.size() != table.columns.size()) {
      return InvalidArgument(where, ":", number, ": expected ", table.columns.size(),
                             " cells, found ", cells.size());
    }
    if (table_lines == 2) continue;  // the rule below the head
    if (table.rows.size() == kMostTableRows) {
      ++table.left_out;
      continue;
    }
    if (!cells[0].empty()) kind = cells[0];
    std::vector<ReportCell> row = {kind};
    for (size_t i = 1; i < cells.size(); ++i) {
      row.push_back(i == 1 ? ReportCell(std::move(cells[i])) : CellOf(std::move(cells[i])));
    }
    table.Add(std::move(row));
  }
  constexpr size_t kLeast = 3;  // kind, system, note
  if (table.columns.size() < kLeast) {
    return InvalidArgument(where, ": expected a table, found none");
  }
  SetFormats(table);
  return table;
}

}  // namespace lutra
