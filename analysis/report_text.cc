// A report as Markdown, and its tables for LaTeX.
#include <algorithm>
#include <array>

#include "analysis/cost_table.h"
#include "analysis/markup.h"
#include "analysis/report.h"
#include "core/text.h"
#include "core/version.h"

namespace lutra {
namespace {

constexpr std::array kSources = {Source::kRecorded, Source::kCounted,  Source::kClosedForm,
                                 Source::kMeasured, Source::kReplayed, Source::kStated};

bool IsNumber(const ReportColumn& column) { return column.format != Format::kText; }

// What a table says below itself: its note, what it leaves out, where its numbers come from.
std::string NoteOf(const ReportTable& table, int64_t left_out) {
  std::string note = table.note;
  const auto add = [&](std::string_view text) { note += StrCat(note.empty() ? "" : " ", text); };
  if (left_out > 0) add(StrCat(Grouped(left_out), " rows are left out."));
  std::string sources;
  for (const Source source : kSources) {
    std::string names;
    for (const ReportColumn& column : table.columns) {
      if (column.source == source) names += StrCat(names.empty() ? "" : ", ", column.name);
    }
    if (names.empty()) continue;
    sources += StrCat(sources.empty() ? "" : "; ", Name(source), ": ", names);
  }
  if (!sources.empty()) add(sources + ".");
  return note;
}

// -------------------------------------------------------------------------------------- Markdown

std::string MarkdownTable(const ReportTable& table) {
  std::string text = StrCat("### ", InMarkdown(table.title), "\n\n|");
  std::string rule = "|";
  for (const ReportColumn& column : table.columns) {
    text += StrCat(" ", InMarkdown(column.name), " |");
    rule += IsNumber(column) ? "---:|" : "---|";
  }
  text += StrCat("\n", rule, "\n");
  for (const auto& row : table.rows) {
    text += "|";
    for (size_t i = 0; i < row.size(); ++i) {
      text += StrCat(" ", InMarkdown(Shown(row[i], table.columns[i].format)), " |");
    }
    text += "\n";
  }
  const std::string note = InMarkdown(NoteOf(table, table.left_out));
  text += StrCat("\n", note, note.empty() ? "" : "\n\n");
  for (size_t i = 0; i < table.notes.size(); ++i) {
    text += StrCat(i + 1, ". ", InMarkdown(table.notes[i]), "\n");
  }
  return table.notes.empty() ? text : text + "\n";
}

std::string MarkdownItem(const ReportItem& item) {
  if (const auto* text = std::get_if<std::string>(&item)) {
    return StrCat(InMarkdown(*text), "\n\n");
  }
  if (const auto* table = std::get_if<ReportTable>(&item)) return MarkdownTable(*table);
  if (const auto* figure = std::get_if<ReportFigure>(&item)) {
    return StrCat("![", InMarkdown(figure->caption), "](figures/", figure->name, ".svg)\n\n");
  }
  if (const auto* drawing = std::get_if<ReportDrawing>(&item)) {
    return StrCat(drawing->folded ? "[" : "![",
                  InMarkdown(drawing->folded ? drawing->title : drawing->caption), "](",
                  drawing->name, ".svg)\n\n");
  }
  if (const auto* image = std::get_if<ReportImage>(&item)) {
    return StrCat("![", InMarkdown(image->caption), "](", image->file, ".svg)\n\n");
  }
  return "(This picture is in report.html.)\n\n";
}

// ----------------------------------------------------------------------------------------- LaTeX

// Text that is long is set in lines.
std::string LatexColumns(const ReportTable& table) {
  constexpr size_t kLongText = 40;
  std::string columns;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    bool is_long = false;
    for (const auto& row : table.rows) {
      const auto* text = std::get_if<std::string>(&row[i]);
      is_long = is_long || (text != nullptr && text->size() > kLongText);
    }
    columns += IsNumber(table.columns[i]) ? "r" : is_long ? "p{6cm}" : "l";
  }
  return columns;
}

std::string LatexTable(const ReportTable& table) {
  constexpr size_t kMostRows = 40;  // what a page holds
  std::string text = StrCat("\\begin{table}[htbp]\n\\centering\n\\caption{", InLatex(table.title));
  const size_t shown = std::min(kMostRows, table.rows.size());
  const int64_t left_out = table.left_out + static_cast<int64_t>(table.rows.size() - shown);
  text += StrCat("}\n\\label{tab:", table.id, "}\n\\lutrafit{\\begin{tabular}{",
                 LatexColumns(table), "}\n\\toprule\n");
  for (size_t i = 0; i < table.columns.size(); ++i) {
    text += StrCat(i > 0 ? " & " : "", InLatex(table.columns[i].name));
  }
  text += " \\\\\n\\midrule\n";
  for (size_t i = 0; i < shown; ++i) {
    for (size_t j = 0; j < table.rows[i].size(); ++j) {
      text += StrCat(j > 0 ? " & " : "", InLatex(Shown(table.rows[i][j], table.columns[j].format)));
    }
    text += " \\\\\n";
  }
  text += "\\bottomrule\n\\end{tabular}}\n";
  const std::string note = InLatex(NoteOf(table, left_out));
  if (!note.empty()) {
    text += StrCat("\\par\\smallskip{\\footnotesize\\raggedright ", note, "\\par}\n");
  }
  text += "\\end{table}\n";
  // Below the table and not in it, which has to fit a page.
  for (size_t i = 0; i < table.notes.size(); ++i) {
    text += StrCat("{\\footnotesize\\noindent ", i + 1, ". ", InLatex(table.notes[i]), "\\par}\n");
  }
  return text + "\n";
}

}  // namespace

std::string ReportMarkdown(const Report& report) {
  std::string text =
      StrCat("# ", InMarkdown(report.title), "\n\n", InMarkdown(report.lead), "\n\n");
  if (!report.results.empty()) {
    text += "| | | |\n|---|---|---|\n";
    for (const ReportResult& result : report.results) {
      text += StrCat("| ", InMarkdown(result.label), " | ", InMarkdown(result.value), " | ",
                     InMarkdown(result.detail), " |\n");
    }
    text += "\n";
  }
  for (const auto& [name, value] : report.facts) {
    text += StrCat("- ", InMarkdown(name), ": ", InMarkdown(value), "\n");
  }
  for (const ReportSection& section : report.sections) {
    text += StrCat("\n## ", InMarkdown(section.title), "\n\n");
    for (const ReportItem& item : section.items) text += MarkdownItem(item);
  }
  text += "\n## Where the numbers come from\n\n";
  for (const Source source : kSources) {
    const std::string_view explanation = Explanation(source, report.subject);
    if (explanation.empty()) continue;
    text += StrCat("- ", Name(source), ": ", InMarkdown(explanation), "\n");
  }
  while (text.ends_with("\n\n")) text.pop_back();
  return text;
}

std::string ReportLatex(const Report& report) {
  std::string text =
      StrCat("% ", InLatex(report.title), ": tables of a report by Lutra ", Version(),
             ".\n"
             "% In the preamble: \\usepackage{booktabs,graphicx}. Then \\input{tables.tex}.\n"
             "% A table that is wider than the line is made smaller.\n"
             "\\providecommand{\\lutrafit}[1]{\\sbox0{#1}\\ifdim\\wd0>\\linewidth"
             "\\resizebox{\\linewidth}{!}{\\usebox0}\\else\\usebox0\\fi}\n\n");
  for (const ReportSection& section : report.sections) {
    for (const ReportItem& item : section.items) {
      const auto* table = std::get_if<ReportTable>(&item);
      if (table != nullptr && !table->rows.empty()) text += LatexTable(*table);
    }
  }
  return text;
}

}  // namespace lutra
