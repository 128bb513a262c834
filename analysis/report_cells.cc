#include "analysis/report_cells.h"

namespace lutra {

ReportCell TextCell(std::string_view text) { return std::string(text); }
ReportCell NonZero(int64_t number) { return number == 0 ? ReportCell() : ReportCell(number); }
ReportCell NonZero(double number) { return number == 0 ? ReportCell() : ReportCell(number); }

ReportCell ShareOf(double part, double whole) {
  return whole > 0 ? ReportCell(part / whole) : ReportCell();
}
ReportCell ShareOf(int64_t part, int64_t whole) {
  return ShareOf(static_cast<double>(part), static_cast<double>(whole));
}

std::string OrNoPath(std::string_view name) {
  return name.empty() ? "(no path)" : std::string(name);
}

}  // namespace lutra
