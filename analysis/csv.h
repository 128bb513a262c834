// Tables as comma-separated values (RFC 4180): what run directories and experiments hold.
#ifndef LUTRA_ANALYSIS_CSV_H_
#define LUTRA_ANALYSIS_CSV_H_

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"

namespace lutra {

struct CsvRow {
  int64_t line = 0;  // on which it begins, from 1
  std::vector<std::string> cells;
};

// A head and rows of as many cells. An error names `where`, the line and what is wrong: no head, a
// quote that does not end, a row of another length, more than 2^24 cells.
struct CsvTable {
  std::string where;
  std::vector<std::string> head;
  std::vector<CsvRow> rows;
};
StatusOr<CsvTable> ParseCsv(std::string_view text, std::string_view where);

// A file with exactly these columns.
StatusOr<CsvTable> ReadCsv(const std::filesystem::path& path,
                           std::span<const std::string_view> columns);

// The cell as a whole number of at least 0, or a finite number of at least 0. An error names file,
// line, column and what was found.
StatusOr<int64_t> CsvInteger(const CsvTable& table, const CsvRow& row, size_t column);
StatusOr<double> CsvNumber(const CsvTable& table, const CsvRow& row, size_t column);
// "FILE:LINE: COLUMN: expected WHAT, found 'CELL'".
Status CsvError(const CsvTable& table, const CsvRow& row, size_t column, std::string_view expected);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_CSV_H_
