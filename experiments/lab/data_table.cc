#include "experiments/lab/data_table.h"

#include "core/status.h"
#include "core/text.h"
#include "experiments/lab/setting.h"

namespace lutra {
namespace {

std::string Quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == text.npos) return text;
  std::string quoted = "\"";
  for (const char character : text) {
    if (character == '"') quoted += '"';
    quoted += character;
  }
  return quoted + "\"";
}

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

}  // namespace lutra
