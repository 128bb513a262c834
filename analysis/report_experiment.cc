#include "analysis/report_experiment.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "analysis/cost_table.h"
#include "analysis/csv.h"
#include "core/file.h"
#include "core/text.h"
#include "core/toml_file.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMostTextBytes = int64_t{64} << 20;
constexpr int64_t kMostFigureBytes = int64_t{1} << 20;
constexpr size_t kMostFigures = 60;
constexpr size_t kMostRows = 400;

// The files of a folder with this ending, by name.
std::vector<fs::path> FilesIn(const fs::path& folder, std::string_view ending) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().extension() == ending) files.push_back(entry->path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

// Letters, digits and dashes only, for names in the page.
std::string PlainName(std::string_view name) {
  std::string plain;
  for (const char character : name) {
    const bool keeps = (character >= 'a' && character <= 'z') ||
                       (character >= 'A' && character <= 'Z') ||
                       (character >= '0' && character <= '9');
    plain += keeps ? character : '-';
  }
  return plain;
}

// --------------------------------------------------------------------------------- tables/*.md

// The cells of "| a | b |", without what keeps Markdown from seeing more in them.
std::vector<std::string> MarkdownCells(std::string_view line) {
  std::vector<std::string> cells(1);
  line.remove_prefix(1);
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\\' && i + 1 < line.size()) {
      cells.back() += line[++i];
    } else if (line[i] == '|') {
      cells.emplace_back();
    } else {
      cells.back() += line[i];
    }
  }
  cells.pop_back();  // after the last bar
  for (std::string& cell : cells) {
    const size_t begin = cell.find_first_not_of(' ');
    cell = begin == cell.npos ? "" : cell.substr(begin, cell.find_last_not_of(' ') + 1 - begin);
  }
  return cells;
}

StatusOr<ReportTable> TableOfMarkdown(const fs::path& file) {
  LUTRA_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(file, kMostTextBytes));
  ReportTable table;
  table.id = StrCat("table-", PlainName(file.stem().string()));
  table.title = file.stem().string();
  int64_t number = 0, table_lines = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = std::string_view(text).substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (line.size() > 4 && line.starts_with("**") && line.ends_with("**")) {
      table.title = MarkdownCells(StrCat("|", line.substr(2, line.size() - 4), "|"))[0];
    }
    if (!line.starts_with("|")) continue;
    std::vector<std::string> cells = MarkdownCells(line);
    if (++table_lines == 1) {
      for (std::string& cell : cells) table.columns.push_back({std::move(cell)});
    }
    if (cells.size() != table.columns.size()) {
      return InvalidArgument("'", file.string(), "':", number, ": expected ", table.columns.size(),
                             " cells, found ", cells.size());
    }
    if (table_lines <= 2) continue;  // the head and the rule below it
    if (table.rows.size() == kMostRows) {
      ++table.left_out;
      continue;
    }
    table.Add({std::make_move_iterator(cells.begin()), std::make_move_iterator(cells.end())});
  }
  return table;
}

// ----------------------------------------------------------------------------------------- CSV

std::optional<double> AsNumber(const std::string& cell) {
  double number = 0;
  const char* const end = cell.data() + cell.size();
  const std::from_chars_result read = std::from_chars(cell.data(), end, number);
  const bool whole = read.ec == std::errc() && read.ptr == end && std::isfinite(number);
  return whole && std::abs(number) < 1e18 ? std::optional(number) : std::nullopt;
}

// What a column holds, from its name as lutra-experiment gives it.
ReportColumn ColumnOf(const std::string& name, bool numbers) {
  const auto is = [&](std::string_view what) { return name.find(what) != name.npos; };
  ReportColumn column{name};
  if (!numbers) return column;
  column.format = is("bytes") ? Format::kBytes : is("seconds") ? Format::kSeconds : Format::kNumber;
  if (is("predicted")) {
    column.source = Source::kReplayed;
  } else if (is("seconds") || is("memory")) {
    column.source = Source::kMeasured;
  } else if (is("bytes") || is("rounds") || is("lookups") || is("nodes")) {
    column.source = Source::kClosedForm;
  } else if (is("accuracy") || is("agree")) {
    column.source = Source::kRecorded;
  }
  return column;
}

ReportCell CellOf(const std::string& text, Format format) {
  if (text.empty()) return {};
  const std::optional<double> number = AsNumber(text);
  if (format == Format::kText || !number.has_value()) return text;
  const bool integral = *number == std::floor(*number);
  if (format == Format::kBytes || (format == Format::kNumber && integral)) {
    return static_cast<int64_t>(std::llround(*number));
  }
  return *number;
}

StatusOr<ReportTable> TableOfCsv(const fs::path& file, std::string_view id,
                                 std::string_view title) {
  LUTRA_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(file, kMostTextBytes));
  LUTRA_ASSIGN_OR_RETURN(const CsvTable csv, ParseCsv(text, StrCat("'", file.string(), "'")));
  ReportTable table;
  table.id = id;
  table.title = title;
  table.note = StrCat("All of it is in ", file.filename().string(), ".");
  for (size_t i = 0; i < csv.head.size(); ++i) {
    bool numbers = !csv.rows.empty();
    for (const CsvRow& row : csv.rows) {
      numbers = numbers && (row.cells[i].empty() || AsNumber(row.cells[i]).has_value());
    }
    table.columns.push_back(ColumnOf(csv.head[i], numbers));
  }
  for (const CsvRow& row : csv.rows) {
    if (table.rows.size() == kMostRows) {
      ++table.left_out;
      continue;
    }
    std::vector<ReportCell> cells;
    for (size_t i = 0; i < row.cells.size(); ++i) {
      cells.push_back(CellOf(row.cells[i], table.columns[i].format));
    }
    table.Add(std::move(cells));
  }
  return table;
}

// -------------------------------------------------------------------------------------- sections

Status AddTables(const fs::path& directory, Report& report) {
  ReportSection section{"tables", "Tables", "Tables", {}};
  for (const fs::path& file : FilesIn(directory / "tables", ".md")) {
    LUTRA_ASSIGN_OR_RETURN(ReportTable table, TableOfMarkdown(file));
    if (!table.columns.empty()) section.items.emplace_back(std::move(table));
  }
  if (!section.items.empty()) report.sections.push_back(std::move(section));
  return absl::OkStatus();
}

Status AddFigures(const fs::path& directory, Report& report) {
  ReportSection section{"figures", "Figures", "Figures", {}};
  std::vector<fs::path> files = FilesIn(directory / "figures", ".svg");
  const size_t all = files.size();
  if (files.size() > kMostFigures) files.resize(kMostFigures);
  for (const fs::path& file : files) {
    LUTRA_ASSIGN_OR_RETURN(std::string svg, ReadTextFile(file, kMostFigureBytes));
    const std::string name = file.stem().string();
    section.items.emplace_back(ReportImage{PlainName(name), name, std::move(svg)});
  }
  if (all > files.size()) {
    section.items.emplace_back(StrCat(all - files.size(), " figures are left out."));
  }
  if (!section.items.empty()) report.sections.push_back(std::move(section));
  return absl::OkStatus();
}

Status AddPoints(const fs::path& directory, Report& report) {
  ReportSection section{"points", "All points", "Points", {}};
  LUTRA_ASSIGN_OR_RETURN(ReportTable summary,
                         TableOfCsv(directory / "summary.csv", "summary", "Medians and quartiles"));
  section.items.emplace_back(std::move(summary));
  std::error_code error;
  if (fs::exists(directory / "breakdown.csv", error)) {
    LUTRA_ASSIGN_OR_RETURN(ReportTable breakdown, TableOfCsv(directory / "breakdown.csv",
                                                             "breakdown", "By group of nodes"));
    section.items.emplace_back(std::move(breakdown));
  }
  report.sections.push_back(std::move(section));
  return absl::OkStatus();
}

Status AddHead(const fs::path& directory, Report& report) {
  LUTRA_ASSIGN_OR_RETURN(const TomlFile file, TomlFile::Read(directory / "experiment.toml"));
  const TomlTable root = file.root();
  LUTRA_ASSIGN_OR_RETURN(report.title, root.Text("title"));
  report.lead = "An experiment: what was swept, and what came out.";
  for (const char* name : {"measure", "model", "protocol", "description"}) {
    const StatusOr<std::string> text = root.Has(name) ? root.Text(name) : std::string();
    if (text.ok() && !text->empty()) report.facts.emplace_back(name, *text);
  }
  for (const char* name : {"repetitions", "seed"}) {
    const auto* value = root.Has(name) ? root.Find(name)->as_integer() : nullptr;
    if (value != nullptr) report.facts.emplace_back(name, StrCat(value->get()));
  }
  const StatusOr<std::vector<TomlTable>> axes =
      root.Has("axes") ? root.Tables("axes") : std::vector<TomlTable>();
  if (!axes.ok()) return axes.status();
  std::string names;
  for (const TomlTable& axis : *axes) {
    LUTRA_ASSIGN_OR_RETURN(const std::string name, axis.Text("name"));
    names += StrCat(names.empty() ? "" : ", ", name);
  }
  if (!names.empty()) report.facts.emplace_back("swept", names);
  return absl::OkStatus();
}

}  // namespace

bool IsExperimentDirectory(const fs::path& directory) {
  std::error_code error;
  return !fs::exists(directory / "run.json", error) &&
         fs::exists(directory / "experiment.toml", error);
}

StatusOr<Report> ExperimentReport(const fs::path& directory) {
  Report report;
  LUTRA_RETURN_IF_ERROR(AddHead(directory, report));
  LUTRA_RETURN_IF_ERROR(AddTables(directory, report));
  LUTRA_RETURN_IF_ERROR(AddFigures(directory, report));
  LUTRA_RETURN_IF_ERROR(AddPoints(directory, report));
  return report;
}

}  // namespace lutra
