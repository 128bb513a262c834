#include "experiments/lab/data_table.h"

#include <algorithm>
#include <cmath>

#include "core/file.h"
#include "core/text.h"
#include "experiments/lab/setting.h"

namespace lutra {
namespace {

constexpr int64_t kMostCsvBytes = int64_t{64} << 20;

std::string Quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == text.npos) return text;
  std::string quoted = "\"";
  for (const char character : text) {
    if (character == '"') quoted += '"';
    quoted += character;
  }
  return quoted + "\"";
}

// Cuts a file into lines of cells.
class CsvParser {
 public:
  CsvParser(const std::string& text, const std::string& where) : text_(text), where_(where) {}

  StatusOr<std::vector<CsvRow>> Parse() {
    std::vector<CsvRow> rows;
    while (position_ < text_.size()) {
      CsvRow row;
      row.line = line_;
      LUTRA_RETURN_IF_ERROR(ParseRow(row));
      const bool is_empty = row.cells.size() == 1 && row.cells[0].empty();
      if (!is_empty) rows.push_back(std::move(row));
    }
    return rows;
  }

 private:
  Status ParseRow(CsvRow& row) {
    while (true) {
      std::string cell;
      LUTRA_RETURN_IF_ERROR(ParseCell(cell));
      row.cells.push_back(std::move(cell));
      if (position_ == text_.size()) return absl::OkStatus();
      if (text_[position_] == ',') {
        ++position_;
        continue;
      }
      if (text_[position_] == '\r') ++position_;
      if (position_ < text_.size() && text_[position_] == '\n') ++position_;
      ++line_;
      return absl::OkStatus();
    }
  }

  Status ParseCell(std::string& cell) {
    if (position_ == text_.size() || text_[position_] != '"') {
      const size_t end = std::min(text_.find_first_of(",\r\n", position_), text_.size());
      cell = text_.substr(position_, end - position_);
      position_ = end;
      return absl::OkStatus();
    }
    const int begin = line_;
    for (++position_; position_ < text_.size(); ++position_) {
      const char character = text_[position_];
      if (character == '"') {
        ++position_;
        if (position_ == text_.size() || text_[position_] != '"') return AfterQuote();
      }
      if (character == '\n') ++line_;
      cell += character;
    }
    return InvalidArgument(where_, ":", begin, ": expected a closing '\"', found the end");
  }

  Status AfterQuote() const {
    if (position_ == text_.size() ||
        std::string_view(",\r\n").find(text_[position_]) != std::string_view::npos) {
      return absl::OkStatus();
    }
    return InvalidArgument(where_, ":", line_, ": expected ',' or the end of the line after a ",
                           "quoted cell, found '", text_.substr(position_, 1), "'");
  }

  const std::string& text_;
  const std::string& where_;
  size_t position_ = 0;
  int line_ = 1;
};

}  // namespace

const DataTable::Cell& DataTable::At(const Row& row, std::string_view column) {
  static const Cell kNothing;
  const auto found = row.find(column);
  return found == row.end() ? kNothing : found->second;
}

std::string CellText(const DataTable::Cell& cell) {
  if (cell.is_null()) return "NA";
  if (cell.is_boolean()) return cell.get<bool>() ? "TRUE" : "FALSE";
  if (cell.is_number_unsigned()) return StrCat(cell.get<uint64_t>());
  if (cell.is_number_integer()) return StrCat(cell.get<int64_t>());
  if (cell.is_number()) return NumberText(cell.get<double>());
  return cell.is_string() ? cell.get<std::string>() : cell.dump();
}

std::string CsvOf(const DataTable& table) {
  std::string text;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    text += StrCat(i == 0 ? "" : ",", Quoted(table.columns[i]));
  }
  text += "\n";
  for (const DataTable::Row& row : table.rows) {
    for (size_t i = 0; i < table.columns.size(); ++i) {
      text += StrCat(i == 0 ? "" : ",", Quoted(CellText(DataTable::At(row, table.columns[i]))));
    }
    text += "\n";
  }
  return text;
}

std::string JsonLinesOf(const DataTable& table) {
  std::string text;
  for (const DataTable::Row& row : table.rows) {
    DataTable::Cell line = DataTable::Cell::object();
    for (const std::string& column : table.columns) line[column] = DataTable::At(row, column);
    text += line.dump(-1, ' ', false, DataTable::Cell::error_handler_t::replace) + "\n";
  }
  return text;
}

StatusOr<CsvFile> ReadCsv(const std::filesystem::path& path) {
  LUTRA_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(path, kMostCsvBytes));
  const std::string where = path.string();
  LUTRA_ASSIGN_OR_RETURN(std::vector<CsvRow> rows, CsvParser(text, where).Parse());
  if (rows.empty()) return InvalidArgument(where, ":1: expected a line of names, found nothing");
  CsvFile file;
  file.columns = std::move(rows[0].cells);
  rows.erase(rows.begin());
  for (const CsvRow& row : rows) {
    if (row.cells.size() == file.columns.size()) continue;
    return InvalidArgument(where, ":", row.line, ": expected ", file.columns.size(),
                           " cells, found ", row.cells.size());
  }
  file.rows = std::move(rows);
  return file;
}

double Quantile(std::vector<double> values, double q) {
  LUTRA_CHECK(!values.empty());
  std::sort(values.begin(), values.end());
  const double position = q * static_cast<double>(values.size() - 1);
  const auto below = static_cast<size_t>(std::floor(position));
  const size_t above = std::min(below + 1, values.size() - 1);
  const double part = position - static_cast<double>(below);
  return values[below] + part * (values[above] - values[below]);
}

}  // namespace lutra
