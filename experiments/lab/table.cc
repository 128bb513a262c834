#include "experiments/lab/table.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "analysis/cost_table.h"
#include "analysis/markup.h"
#include "experiments/lab/gnuplot.h"

namespace lutra {
namespace {

using Unit = ResultColumn::Unit;

std::string HeadOf(const std::string& name) {
  const ResultColumn* column = FindResultColumn(name);
  if (column == nullptr) return name;
  switch (column->unit) {
    case Unit::kBytes:
      return StrCat(column->title, ", bytes");
    case Unit::kSeconds:
      return StrCat(column->title, ", s");
    default:
      return std::string(column->title);
  }
}

}  // namespace

std::string ThreeDigits(double value) {
  if (value == 0) return "0";
  const double size = std::abs(value);
  int digits = 2 - static_cast<int>(std::floor(std::log10(size)));
  if (size * std::pow(10, digits) >= 999.5) --digits;  // 9.996 is 10.0
  return Fixed(value, std::clamp(digits, 0, 9));
}

std::string HumanCell(const ResultColumn& column, const std::optional<Median>& median) {
  if (!median.has_value()) return "-";
  switch (column.unit) {
    case Unit::kBytes:
      return HumanBytes(static_cast<int64_t>(median->value + 0.5));
    case Unit::kSeconds:
      return ThreeDigits(median->value);
    case Unit::kShare:
      return Fixed(median->value, 3);
    case Unit::kTruth:
      return median->value >= 1 ? "yes" : "no";
    case Unit::kCount:
      return Grouped(static_cast<int64_t>(median->value + 0.5));
  }
  return "-";
}

RenderedTable RenderTable(const TableSpec& spec, const Results& results) {
  RenderedTable table;
  std::string head = "|", rule = "|", latex_head, alignment;
  for (const std::string& key : spec.rows) {
    head += StrCat(" ", InMarkdown(key), " |");
    rule += " --- |";
    latex_head += StrCat(latex_head.empty() ? "" : " & ", InLatex(key));
    alignment += "l";
  }
  for (const std::string& name : spec.columns) {
    const std::string title = HeadOf(name);
    head += StrCat(" ", InMarkdown(title), " |");
    rule += " ---: |";
    latex_head += StrCat(latex_head.empty() ? "" : " & ", InLatex(title));
    alignment += "r";
  }
  table.markdown = StrCat("**", InMarkdown(spec.title), "**\n\n", head, "\n", rule, "\n");
  table.latex = StrCat("% ", InLatex(spec.title), "\n\\begin{tabular}{", alignment,
                       "}\n\\toprule\n", latex_head, " \\\\\n\\midrule\n");
  const DataTable breakdown = BreakdownOf(results, spec.by);
  const DataTable& source = spec.by.empty() ? results.runs : breakdown;
  for (const RowGroup& group : GroupRows(source, spec.rows, spec.only)) {
    std::string line = "|", latex;
    for (const std::string& key : group.keys) {
      line += StrCat(" ", InMarkdown(key), " |");
      latex += StrCat(latex.empty() ? "" : " & ", InLatex(key));
    }
    for (const std::string& name : spec.columns) {
      const ResultColumn* column = FindResultColumn(name);
      LUTRA_CHECK(column != nullptr);  // checked as the file was read
      const std::string cell = HumanCell(*column, MedianOf(group.rows, name));
      line += StrCat(" ", InMarkdown(cell), " |");
      latex += StrCat(latex.empty() ? "" : " & ", InLatex(cell));
    }
    table.markdown += line + "\n";
    table.latex += latex + " \\\\\n";
  }
  table.latex += "\\bottomrule\n\\end{tabular}\n";
  return table;
}

Status WriteTables(const Experiment& experiment, const Results& results,
                   const std::filesystem::path& out) {
  DirectoryFiles files;
  for (const TableSpec& spec : experiment.tables) {
    RenderedTable table = RenderTable(spec, results);
    files[spec.name + ".md"] = std::move(table.markdown);
    files[spec.name + ".tex"] = std::move(table.latex);
  }
  return WriteDrawnFolder(out / "tables", files);
}

}  // namespace lutra
