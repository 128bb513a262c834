#include "analysis/report_result_table.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "analysis/quantile.h"
#include "analysis/report_cells.h"
#include "analysis/result_column.h"
#include "core/text.h"

namespace lutra {
namespace {

using Unit = ResultColumn::Unit;

// What is not known or does not apply.
bool IsNothing(std::string_view cell) { return cell.empty() || cell == "NA"; }

std::string Spaced(std::string_view name) {
  std::string spaced(name);
  std::replace(spaced.begin(), spaced.end(), '_', ' ');
  return spaced;
}

Format FormatOf(const ResultColumn& column) {
  switch (column.unit) {
    case Unit::kCount:
      return Format::kCount;
    case Unit::kBytes:
      return Format::kBytes;
    case Unit::kSeconds:
      return Format::kSeconds;
    case Unit::kShare:
      return Format::kShare;
    case Unit::kTruth:
      return Format::kText;
  }
  return Format::kText;
}

Source SourceOf(const ResultColumn& column) {
  if (column.source == ResultColumn::Source::kClosedForm) return Source::kClosedForm;
  if (column.source == ResultColumn::Source::kReplay) return Source::kReplayed;
  if (column.name == "framing_bytes") return Source::kCounted;
  if (column.name == "estimated_memory_bytes") return Source::kClosedForm;
  const bool measured = column.unit == Unit::kSeconds || column.unit == Unit::kBytes;
  return measured ? Source::kMeasured : Source::kRecorded;
}

ReportColumn ColumnOfResult(const std::string& name) {
  const ResultColumn* const column = FindResultColumn(name);
  if (column == nullptr) return {Spaced(name), Format::kNumber};  // of another version
  return {Spaced(name), FormatOf(*column), SourceOf(*column)};
}

ReportCell CellOf(double value, Format format) {
  const bool whole = format == Format::kBytes || value == std::floor(value);
  if (whole && (format == Format::kBytes || format == Format::kCount)) {
    return static_cast<int64_t>(std::llround(value));
  }
  return value;
}

// "1.50 to 2.50 s", "998 B to 1.02 kB".
std::string FromTo(const ReportCell& low, const ReportCell& high, Format format) {
  std::string from = Shown(low, format);
  const std::string to = Shown(high, format);
  const size_t unit = to.rfind(' ');
  if (unit != to.npos && from.ends_with(to.substr(unit))) from.resize(from.rfind(' '));
  return StrCat(from, " to ", to);
}

// Rows that are alike.
struct Group {
  std::vector<std::string> keys;
  std::vector<const CsvRow*> rows;  // of every network
  std::vector<const CsvRow*> runs;  // once each
};

class TableMaker {
 public:
  TableMaker(const CsvTable& csv, const ExperimentTable& spec, Statistic statistic,
             size_t most_rows)
      : csv_(csv), spec_(spec), statistic_(statistic), most_rows_(most_rows) {}

  StatusOr<ReportTable> Make() {
    LUTRA_RETURN_IF_ERROR(MakeGroups());
    table_.id = spec_.name;
    table_.title = spec_.title;
    cells_.resize(std::min(groups_.size(), most_rows_));
    table_.left_out = static_cast<int64_t>(groups_.size() - cells_.size());
    for (size_t i = 0; i < spec_.rows.size(); ++i) AddKeys(i);
    for (const std::string& name : spec_.columns) LUTRA_RETURN_IF_ERROR(AddResult(name));
    for (std::vector<ReportCell>& row : cells_) table_.Add(std::move(row));
    return std::move(table_);
  }

 private:
  std::optional<size_t> Find(std::string_view name) const {
    const auto found = std::find(csv_.head.begin(), csv_.head.end(), name);
    if (found == csv_.head.end()) return std::nullopt;
    return static_cast<size_t>(found - csv_.head.begin());
  }

  // The groups of a breakdown are in a column of their own.
  StatusOr<size_t> KeyColumn(const std::string& name) const {
    const std::optional<size_t> column = Find(name == spec_.by ? "group" : name);
    if (column.has_value()) return *column;
    return InvalidArgument(csv_.where, ":1: expected a column ", name,
                           ", by which experiment.toml tells rows apart, found none");
  }

  StatusOr<bool> Keeps(const CsvRow& row) const {
    if (!spec_.by.empty()) {
      const std::optional<size_t> by = Find("by");
      if (by.has_value() && row.cells[*by] != spec_.by) return false;
    }
    for (const auto& [name, labels] : spec_.only) {
      LUTRA_ASSIGN_OR_RETURN(const size_t column, KeyColumn(name));
      const std::string& cell = row.cells[column];
      const auto is_label = [&](const std::string& label) {
        const std::optional<double> number = NumberOf(label);
        return label == cell || (number.has_value() && number == NumberOf(cell));
      };
      if (std::none_of(labels.begin(), labels.end(), is_label)) return false;
    }
    return true;
  }

  Status MakeGroups() {
    std::vector<size_t> keys;
    for (const std::string& name : spec_.rows) {
      LUTRA_ASSIGN_OR_RETURN(keys.emplace_back(), KeyColumn(name));
    }
    std::map<std::vector<std::string>, size_t> index;
    std::set<std::vector<std::string>> runs;
    for (const CsvRow& row : csv_.rows) {
      LUTRA_ASSIGN_OR_RETURN(const bool keeps, Keeps(row));
      if (!keeps) continue;
      std::vector<std::string> texts;
      for (const size_t key : keys) texts.push_back(row.cells[key]);
      const auto [found, is_new] = index.emplace(texts, groups_.size());
      if (is_new) groups_.push_back({texts, {}, {}});
      Group& group = groups_[found->second];
      group.rows.push_back(&row);
      // A run has a row for each network, which change nothing but what is predicted.
      for (const char* name : {"point", "repetition", "group"}) {
        const std::optional<size_t> column = Find(name);
        if (column.has_value()) texts.push_back(row.cells[*column]);
      }
      if (runs.insert(std::move(texts)).second) group.runs.push_back(&row);
    }
    return absl::OkStatus();
  }

  // What tells the rows apart: text, or numbers as they stand in the file.
  void AddKeys(size_t key) {
    const bool numbers = std::all_of(groups_.begin(), groups_.end(), [&](const Group& group) {
      return IsNothing(group.keys[key]) || NumberOf(group.keys[key]).has_value();
    });
    ReportColumn column{Spaced(spec_.rows[key])};
    if (numbers && !groups_.empty()) {
      column.format = Format::kNumber;
      column.source = Source::kRecorded;
    }
    table_.columns.push_back(std::move(column));
    for (size_t i = 0; i < cells_.size(); ++i) {
      const std::string& text = groups_[i].keys[key];
      if (IsNothing(text)) {
        cells_[i].emplace_back();
      } else if (numbers) {
        cells_[i].emplace_back(QuotedNumber{text, *NumberOf(text)});
      } else {
        cells_[i].emplace_back(text);
      }
    }
  }

  Status AddResult(const std::string& name) {
    const std::optional<size_t> index = Find(name);
    if (!index.has_value()) return absl::OkStatus();
    const ReportColumn column = ColumnOfResult(name);
    const ResultColumn* const result = FindResultColumn(name);
    const bool is_truth = result != nullptr && result->unit == Unit::kTruth;
    std::vector<ReportCell> cells;
    bool known = false;
    for (size_t i = 0; i < cells_.size(); ++i) {
      ReportCell cell;
      if (is_truth) {
        cell = TruthOf(groups_[i], *index);
      } else {
        LUTRA_ASSIGN_OR_RETURN(cell, StatisticOf(groups_[i], *index, column));
      }
      known = known || !std::holds_alternative<std::monostate>(cell);
      cells.push_back(std::move(cell));
    }
    if (!known) return absl::OkStatus();
    table_.columns.push_back(column);
    for (size_t i = 0; i < cells_.size(); ++i) cells_[i].push_back(std::move(cells[i]));
    return absl::OkStatus();
  }

  // Of all runs.
  ReportCell TruthOf(const Group& group, size_t index) const {
    if (statistic_ == Statistic::kQuartiles) return {};
    bool known = false, all = true;
    for (const CsvRow* row : group.runs) {
      if (IsNothing(row->cells[index])) continue;
      known = true;
      all = all && row->cells[index] == "TRUE";
    }
    if (!known) return {};
    return std::string(all ? "yes" : "no");
  }

  StatusOr<ReportCell> StatisticOf(const Group& group, size_t index,
                                   const ReportColumn& column) const {
    std::vector<double> values;
    for (const CsvRow* row : column.source == Source::kReplayed ? group.rows : group.runs) {
      const std::string& cell = row->cells[index];
      if (IsNothing(cell)) continue;
      const std::optional<double> number = NumberOf(cell);
      if (!number.has_value()) return CsvError(csv_, *row, index, "a number or NA");
      values.push_back(*number);
    }
    if (values.empty()) return ReportCell();
    if (statistic_ == Statistic::kMedian) return CellOf(Quantile(values, 0.5), column.format);
    const double low = Quantile(values, 0.25), high = Quantile(values, 0.75);
    if (low == high) return ReportCell();
    return ReportCell(QuotedNumber{
        FromTo(CellOf(low, column.format), CellOf(high, column.format), column.format), low});
  }

  const CsvTable& csv_;
  const ExperimentTable& spec_;
  const Statistic statistic_;
  const size_t most_rows_;
  std::vector<Group> groups_;
  ReportTable table_;
  std::vector<std::vector<ReportCell>> cells_;  // of the rows that are shown
};

}  // namespace

std::optional<double> NumberOf(std::string_view cell) {
  double number = 0;
  const char* const end = cell.data() + cell.size();
  const std::from_chars_result read = std::from_chars(cell.data(), end, number);
  const bool whole = read.ec == std::errc() && read.ptr == end && std::isfinite(number);
  return whole && std::abs(number) < 1e18 ? std::optional(number) : std::nullopt;
}

StatusOr<ReportTable> ResultTable(const CsvTable& csv, const ExperimentTable& spec,
                                  Statistic statistic, size_t most_rows) {
  return TableMaker(csv, spec, statistic, most_rows).Make();
}

}  // namespace lutra
