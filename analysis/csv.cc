#include "analysis/csv.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "core/file.h"

namespace lutra {
namespace {

constexpr int64_t kMostCsvBytes = int64_t{512} << 20;
constexpr int64_t kMostCells = int64_t{1} << 24;  // each takes 32 bytes and more of memory

// Cell by cell.
class CsvParser {
 public:
  explicit CsvParser(std::string_view text) : text_(text) {}

  bool done() const { return position_ >= text_.size(); }
  int64_t line() const { return line_; }

  // Whether there are more cells than a table may have.
  bool too_long() const { return cells_ > kMostCells; }

  // One row; false where a quote does not end, or the table is too long.
  bool Row(std::vector<std::string>& cells) {
    while (true) {
      ++cells_;
      if (too_long()) return false;
      cells.emplace_back();
      const bool quoted = !done() && text_[position_] == '"';
      if (quoted ? !Quoted(cells.back()) : !Plain(cells.back())) return false;
      if (done()) return true;
      const char end = text_[position_++];
      if (end == ',') continue;
      if (end == '\r' && !done() && text_[position_] == '\n') ++position_;
      ++line_;
      return true;
    }
  }

 private:
  bool Plain(std::string& cell) {
    const size_t end = std::min(text_.find_first_of(",\r\n", position_), text_.size());
    cell = text_.substr(position_, end - position_);
    position_ = end;
    return true;
  }

  // Two quotes stand for one; what follows the last one must end the cell.
  bool Quoted(std::string& cell) {
    ++position_;
    while (!done()) {
      const char character = text_[position_++];
      if (character == '\n') ++line_;
      if (character == '"') {
        if (done() || text_[position_] != '"') {
          return done() ||
                 std::string_view(",\r\n").find(text_[position_]) != std::string_view::npos;
        }
        ++position_;
      }
      cell += character;
    }
    return false;
  }

  std::string_view text_;
  size_t position_ = 0;
  int64_t line_ = 1;
  int64_t cells_ = 0;
};

template <class Number>
bool ReadWhole(const std::string& text, Number& number) {
  const char* const end = text.data() + text.size();
  const std::from_chars_result read = std::from_chars(text.data(), end, number);
  return read.ec == std::errc() && read.ptr == end;
}

}  // namespace

StatusOr<CsvTable> ParseCsv(std::string_view text, std::string_view where) {
  CsvTable table;
  table.where = where;
  CsvParser parser(text);
  while (!parser.done()) {
    CsvRow row;
    row.line = parser.line();
    if (!parser.Row(row.cells)) {
      if (parser.too_long()) {
        return InvalidArgument(where, ":", row.line, ": expected at most ", kMostCells,
                               " cells, found more");
      }
      return InvalidArgument(where, ":", row.line, ": expected the end of a cell in quotes");
    }
    if (table.head.empty()) {
      table.head = std::move(row.cells);
      continue;
    }
    if (row.cells.size() != table.head.size()) {
      return InvalidArgument(where, ":", row.line, ": expected ", table.head.size(),
                             " cells, found ", row.cells.size());
    }
    table.rows.push_back(std::move(row));
  }
  if (table.head.empty()) return InvalidArgument(where, ": expected a head of columns, found none");
  return table;
}

StatusOr<CsvTable> ReadCsv(const std::filesystem::path& path,
                           std::span<const std::string_view> columns) {
  LUTRA_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(path, kMostCsvBytes));
  LUTRA_ASSIGN_OR_RETURN(CsvTable table, ParseCsv(text, StrCat("'", path.string(), "'")));
  if (!std::equal(table.head.begin(), table.head.end(), columns.begin(), columns.end())) {
    return InvalidArgument(table.where, ":1: expected the columns ", CommaSeparated(columns),
                           ", found ", CommaSeparated(table.head).substr(0, 200));
  }
  return table;
}

StatusOr<int64_t> CsvInteger(const CsvTable& table, const CsvRow& row, size_t column) {
  int64_t number = 0;
  if (ReadWhole(row.cells[column], number) && number >= 0) return number;
  return CsvError(table, row, column, "a whole number of at least 0");
}

StatusOr<double> CsvNumber(const CsvTable& table, const CsvRow& row, size_t column) {
  double number = 0;
  if (ReadWhole(row.cells[column], number) && std::isfinite(number) && number >= 0) return number;
  return CsvError(table, row, column, "a number of at least 0");
}

Status CsvError(const CsvTable& table, const CsvRow& row, size_t column,
                std::string_view expected) {
  return InvalidArgument(table.where, ":", row.line, ": ", table.head[column], ": expected ",
                         expected, ", found '", row.cells[column].substr(0, 60), "'");
}

}  // namespace lutra
