// Tables of results, as files that pandas and R read, and what one takes of them.
#ifndef LUTRA_EXPERIMENTS_LAB_DATA_TABLE_H_
#define LUTRA_EXPERIMENTS_LAB_DATA_TABLE_H_

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace lutra {

// A cell is a number, a text, a boolean, or null for what is not known or does not apply.
struct DataTable {
  using Cell = nlohmann::ordered_json;
  using Row = std::map<std::string, Cell, std::less<>>;

  std::vector<std::string> columns;
  std::vector<Row> rows;  // a column that a row lacks is null there

  // Null where there is none.
  static const Cell& At(const Row& row, std::string_view column);
};

// As text: "NA" of null, TRUE and FALSE, numbers shortest.
std::string CellText(const DataTable::Cell& cell);
// One line of names, then a line a row; cells in quotes where they have to be (RFC 4180, but lines
// end with a line feed).
std::string CsvOf(const DataTable& table);
// A JSON object a line, all columns in all of them.
std::string JsonLinesOf(const DataTable& table);

}  // namespace lutra

#endif  // LUTRA_EXPERIMENTS_LAB_DATA_TABLE_H_
