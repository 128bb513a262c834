// A report as Markdown, and its tables for LaTeX.
#include <algorithm>
#include <array>

#include "analysis/cost_table.h"
#include "analysis/report.h"
#include "core/text.h"
#include "core/version.h"

namespace lutra {
namespace {

bool IsNumber(const ReportColumn& column) { return column.format != Format::kText; }

// -------------------------------------------------------------------------------------- Markdown

// Text that Markdown takes as it is, in a line or in a cell.
std::string EscapeMarkdown(std::string_view text) {
  static constexpr std::string_view kSpecial = "\\`*_{}[]<>#|~$&";
  std::string escaped;
  for (const char character : CleanText(text)) {
    if (kSpecial.find(character) != kSpecial.npos) escaped += '\\';
    escaped += character;
  }
  return escaped;
}

std::string MarkdownTable(const ReportTable& table) {
  std::string text = StrCat("### ", EscapeMarkdown(table.title), "\n\n|");
  std::string rule = "|";
  for (const ReportColumn& column : table.columns) {
    text += StrCat(" ", EscapeMarkdown(column.name), " |");
    rule += IsNumber(column) ? "---:|" : "---|";
  }
  text += StrCat("\n", rule, "\n");
  for (const auto& row : table.rows) {
    text += "|";
    for (size_t i = 0; i < row.size(); ++i) {
      text += StrCat(" ", EscapeMarkdown(Shown(row[i], table.columns[i].format)), " |");
    }
    text += "\n";
  }
  std::string note = EscapeMarkdown(table.note);
  if (table.left_out > 0) {
    note += StrCat(note.empty() ? "" : " ", Grouped(table.left_out), " rows are left out.");
  }
  for (const ReportColumn& column : table.columns) {
    if (column.source == Source::kNone) continue;
    note += StrCat(note.empty() ? "" : " ", EscapeMarkdown(column.name), ": ", Name(column.source),
                   ".");
  }
  return StrCat(text, "\n", note, note.empty() ? "" : "\n\n");
}

std::string MarkdownItem(const ReportItem& item) {
  if (const auto* text = std::get_if<std::string>(&item)) {
    return StrCat(EscapeMarkdown(*text), "\n\n");
  }
  if (const auto* table = std::get_if<ReportTable>(&item)) return MarkdownTable(*table);
  if (const auto* figure = std::get_if<ReportFigure>(&item)) {
    return StrCat("![", EscapeMarkdown(figure->caption), "](figures/", figure->name, ".svg)\n\n");
  }
  if (const auto* drawing = std::get_if<ReportDrawing>(&item)) {
    return StrCat(drawing->folded ? "[" : "![",
                  EscapeMarkdown(drawing->folded ? drawing->title : drawing->caption), "](",
                  drawing->name, ".svg)\n\n");
  }
  if (const auto* image = std::get_if<ReportImage>(&item)) {
    return StrCat("![", EscapeMarkdown(image->caption), "](figures/", image->name, ".svg)\n\n");
  }
  return "(This picture is in report.html.)\n\n";
}

// ----------------------------------------------------------------------------------------- LaTeX

struct LatexCharacter {
  std::string_view character;
  std::string_view latex;
};

// What plain LaTeX has no character for is written as a question mark.
std::string EscapeLatex(std::string_view text) {
  static constexpr std::array<LatexCharacter, 17> kSpecial = {{{"\\", "\\textbackslash{}"},
                                                               {"{", "\\{"},
                                                               {"}", "\\}"},
                                                               {"$", "\\$"},
                                                               {"&", "\\&"},
                                                               {"#", "\\#"},
                                                               {"%", "\\%"},
                                                               {"_", "\\_"},
                                                               {"^", "\\textasciicircum{}"},
                                                               {"~", "\\textasciitilde{}"},
                                                               {"<", "\\textless{}"},
                                                               {">", "\\textgreater{}"},
                                                               {"|", "\\textbar{}"},
                                                               {"µ", "$\\mu$"},
                                                               {"→", "$\\to$"},
                                                               {"–", "--"},
                                                               {"…", "\\dots{}"}}};
  const std::string clean = CleanText(text);
  std::string escaped;
  for (size_t i = 0; i < clean.size();) {
    const std::string_view rest = std::string_view(clean).substr(i);
    size_t taken = 1;
    std::string_view latex = rest.substr(0, 1);
    const auto byte = static_cast<unsigned char>(rest[0]);
    if (byte >= 0x80) {
      latex = "?";
      while (taken < rest.size() && (static_cast<unsigned char>(rest[taken]) & 0xC0) == 0x80) {
        ++taken;
      }
    }
    if (byte == '"') latex = "''";
    for (const LatexCharacter& special : kSpecial) {
      if (!rest.starts_with(special.character)) continue;
      latex = special.latex;
      taken = special.character.size();
    }
    escaped += latex;
    i += taken;
  }
  return escaped;
}

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
  std::string text =
      StrCat("\\begin{table}[htbp]\n\\centering\n\\caption{", EscapeLatex(table.title));
  const size_t shown = std::min(kMostRows, table.rows.size());
  const int64_t left_out = table.left_out + static_cast<int64_t>(table.rows.size() - shown);
  if (left_out > 0) text += StrCat(" (", Grouped(left_out), " more rows are not shown)");
  text += StrCat("}\n\\label{tab:", table.id, "}\n\\lutrafit{\\begin{tabular}{",
                 LatexColumns(table), "}\n\\toprule\n");
  for (size_t i = 0; i < table.columns.size(); ++i) {
    text += StrCat(i > 0 ? " & " : "", EscapeLatex(table.columns[i].name));
  }
  text += " \\\\\n\\midrule\n";
  for (size_t i = 0; i < shown; ++i) {
    for (size_t j = 0; j < table.rows[i].size(); ++j) {
      text +=
          StrCat(j > 0 ? " & " : "", EscapeLatex(Shown(table.rows[i][j], table.columns[j].format)));
    }
    text += " \\\\\n";
  }
  return text + "\\bottomrule\n\\end{tabular}}\n\\end{table}\n\n";
}

}  // namespace

std::string ReportMarkdown(const Report& report) {
  std::string text =
      StrCat("# ", EscapeMarkdown(report.title), "\n\n", EscapeMarkdown(report.lead), "\n\n");
  if (!report.results.empty()) {
    text += "| | | |\n|---|---|---|\n";
    for (const ReportResult& result : report.results) {
      text += StrCat("| ", EscapeMarkdown(result.label), " | ", EscapeMarkdown(result.value), " | ",
                     EscapeMarkdown(result.detail), " |\n");
    }
    text += "\n";
  }
  for (const auto& [name, value] : report.facts) {
    text += StrCat("- ", EscapeMarkdown(name), ": ", EscapeMarkdown(value), "\n");
  }
  for (const ReportSection& section : report.sections) {
    text += StrCat("\n## ", EscapeMarkdown(section.title), "\n\n");
    for (const ReportItem& item : section.items) text += MarkdownItem(item);
  }
  text += "\n## Where the numbers come from\n\n";
  for (const Source source : {Source::kRecorded, Source::kCounted, Source::kClosedForm,
                              Source::kMeasured, Source::kReplayed}) {
    text += StrCat("- ", Name(source), ": ", EscapeMarkdown(Explanation(source)), "\n");
  }
  while (text.ends_with("\n\n")) text.pop_back();
  return text;
}

std::string ReportLatex(const Report& report) {
  std::string text =
      StrCat("% ", CleanText(report.title), ": tables of a report by Lutra ", Version(),
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
