// The page of a report.
#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "absl/strings/escaping.h"
#include "analysis/cost_table.h"
#include "analysis/palette.h"
#include "analysis/report.h"
#include "analysis/report_assets.h"
#include "core/text.h"
#include "core/version.h"

namespace lutra {
namespace {

using Json = nlohmann::ordered_json;

// Text longer than this gets room to break in lines.
constexpr size_t kLongText = 40;

// The letter that marks a column whose numbers come from there.
std::string_view Letter(Source source) {
  static constexpr std::array<std::string_view, 7> kLetters = {"", "r", "c", "f", "m", "n", "s"};
  return kLetters[static_cast<size_t>(source)];
}

std::string Mark(Source source, Subject subject) {
  if (source == Source::kNone) return "";
  return StrCat("<sup class=\"source\" title=\"", EscapeXml(Name(source)), ": ",
                EscapeXml(Explanation(source, subject)), "\">", Letter(source), "</sup>");
}

bool IsNumber(Format format) { return format != Format::kText; }

// "229 159 0" of "#E69F00".
std::string Channels(std::string_view color) {
  std::string text;
  for (size_t i = 1; i + 1 < color.size(); i += 2) {
    int value = 0;
    std::from_chars(color.data() + i, color.data() + i + 2, value, 16);
    text += StrCat(text.empty() ? "" : " ", value);
  }
  return text;
}

std::string PaletteStyle() {
  std::string style = ":root {";
  for (const Phase phase : kPhases)
    style += StrCat(" --", Name(phase), ": ", Channels(Color(phase)), ";");
  return style + " }\n";
}

// Text in which a number stays beside its unit and beside what it counts.
std::string Unbroken(std::string_view text) {
  const std::string escaped = EscapeXml(text);
  std::string unbroken;
  for (size_t i = 0; i < escaped.size(); ++i) {
    const bool holds =
        i > 0 && ((escaped[i - 1] >= '0' && escaped[i - 1] <= '9') || escaped[i - 1] == ':');
    if (escaped[i] == ' ' && holds) {
      unbroken += "&nbsp;";
    } else {
      unbroken += escaped[i];
    }
  }
  return unbroken;
}

double AsNumber(const ReportCell& cell) {
  if (const auto* integer = std::get_if<int64_t>(&cell)) return static_cast<double>(*integer);
  if (const auto* quoted = std::get_if<QuotedNumber>(&cell)) return quoted->value;
  const auto* number = std::get_if<double>(&cell);
  return number != nullptr ? *number : 0;
}

// What sorting compares: the number itself.
std::string SortValue(const ReportCell& cell) {
  if (const auto* integer = std::get_if<int64_t>(&cell)) return StrCat(*integer);
  if (std::holds_alternative<std::monostate>(cell)) return "";
  return Shortest(AsNumber(cell));
}

class TableWriter {
 public:
  TableWriter(const ReportTable& table, Subject subject, std::string& out)
      : table_(table), subject_(subject), out_(out) {}

  void Write() {
    out_ += StrCat("<div class=\"table\" id=\"", table_.id, "\"><div class=\"table-head\"><h3>",
                   EscapeXml(table_.title),
                   "</h3></div><div class=\"scroll\" tabindex=\"0\"><table><thead><tr>");
    for (const ReportColumn& column : table_.columns) WriteHead(column);
    out_ += "</tr></thead><tbody>\n";
    for (size_t i = 0; i < table_.columns.size(); ++i) largest_.push_back(LargestOf(i));
    for (const auto& row : table_.rows) {
      out_ += "<tr>";
      for (size_t i = 0; i < row.size(); ++i) WriteCell(row[i], i);
      out_ += "</tr>\n";
    }
    out_ += "</tbody></table></div>";
    std::string note = EscapeXml(table_.note);
    if (table_.left_out > 0) {
      note += StrCat(note.empty() ? "" : " ", Grouped(table_.left_out), " rows are left out.");
    }
    if (!note.empty()) out_ += StrCat("<p class=\"note\">", note, "</p>");
    if (!table_.notes.empty()) {
      out_ += "<ol class=\"note\">";
      for (const std::string& each : table_.notes) out_ += StrCat("<li>", EscapeXml(each), "</li>");
      out_ += "</ol>";
    }
    out_ += "</div>\n";
  }

 private:
  void WriteHead(const ReportColumn& column) {
    out_ += StrCat("<th scope=\"col\"", IsNumber(column.format) ? " class=\"n\"" : "");
    if (column.source != Source::kNone) {
      out_ += StrCat(" title=\"", EscapeXml(column.name), ": ", EscapeXml(Name(column.source)),
                     ". ", EscapeXml(Explanation(column.source, subject_)), "\"");
    }
    out_ += StrCat(">", EscapeXml(column.name), Mark(column.source, subject_), "</th>");
  }

  double LargestOf(size_t column) const {
    double largest = 0;
    for (const auto& row : table_.rows) largest = std::max(largest, AsNumber(row[column]));
    return largest;
  }

  void WriteCell(const ReportCell& cell, size_t index) {
    const ReportColumn& column = table_.columns[index];
    const std::string shown = Shown(cell, column.format);
    if (!IsNumber(column.format)) {
      const bool is_long = shown.size() > kLongText;
      out_ += StrCat(is_long ? "<td class=\"long\">" : "<td>", EscapeXml(shown), "</td>");
      return;
    }
    const bool has_bar = column.bar && AsNumber(cell) > 0;
    out_ += has_bar ? "<td class=\"n b\"" : "<td class=\"n\"";
    if (!std::holds_alternative<std::monostate>(cell)) {
      out_ += StrCat(" data-v=\"", SortValue(cell), "\"");
      const std::string full = InFull(cell, column.format);
      if (!full.empty()) out_ += StrCat(" title=\"", full, ", ", Name(column.source), "\"");
    }
    if (has_bar) {
      out_ += StrCat(" style=\"--b:", Fixed(100 * AsNumber(cell) / largest_[index], 1), "%\"");
    }
    out_ += StrCat(">", EscapeXml(shown), "</td>");
  }

  const ReportTable& table_;
  const Subject subject_;
  std::string& out_;
  std::vector<double> largest_;
};

class PageWriter {
 public:
  explicit PageWriter(const Report& report) : report_(report) {
    for (const ReportSection& section : report.sections) {
      for (const ReportItem& item : section.items) {
        if (const auto* drawing = std::get_if<ReportDrawing>(&item))
          drawings_.insert(drawing->name);
      }
    }
  }

  std::string Write() && {
    WriteHead();
    WriteFirstScreen();
    for (size_t i = 1; i < report_.sections.size(); ++i) {
      const ReportSection& section = report_.sections[i];
      out_ += StrCat("<section id=\"", section.id, "\"><h2>", EscapeXml(section.title), "</h2>\n");
      for (const ReportItem& item : section.items) WriteItem(item);
      out_ += "</section>\n";
    }
    WriteSources();
    out_ += StrCat("<script type=\"application/json\" id=\"data\">", Data(), "</script>\n<script>",
                   ReportScript(), "</script>\n</body>\n</html>\n");
    return std::move(out_);
  }

 private:
  void WriteHead() {
    out_ = StrCat(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
        "'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta name=\"generator\" content=\"Lutra ",
        Version(), "\">\n<link rel=\"icon\" href=\"data:,\">\n<title>", EscapeXml(report_.title),
        " – Lutra report</title>\n<style>\n", PaletteStyle(), ReportStyle(),
        "</style>\n</head>\n<body>\n");
  }

  void WriteFirstScreen() {
    out_ += StrCat("<header>\n<h1>", EscapeXml(report_.title), "</h1>\n<p class=\"lead\">",
                   EscapeXml(report_.lead), "</p>\n</header>\n<nav aria-label=\"Sections\">");
    for (const ReportSection& section : report_.sections) {
      out_ += StrCat("<a href=\"#", section.id, "\">", EscapeXml(section.short_title), "</a>");
    }
    out_ += "</nav>\n<main>\n";
    WriteResults();
    if (report_.sections.empty()) return;
    const ReportSection& first = report_.sections[0];
    out_ += StrCat("<section id=\"", first.id, "\"><h2>", EscapeXml(first.title),
                   "</h2>\n<div class=\"first\">\n<div class=\"stack\">");
    for (const ReportItem& item : first.items) WriteItem(item);
    out_ += "</div>\n";
    WriteFacts();
    out_ += "</div></section>\n";
  }

  void WriteResults() {
    if (report_.results.empty()) return;
    out_ += "<dl class=\"results\">\n";
    for (const ReportResult& result : report_.results) {
      out_ += StrCat("<div", result.alarming ? " class=\"alarm\"" : "", "><dt>",
                     EscapeXml(result.label), Mark(result.source, report_.subject),
                     "</dt><dd class=\"value\">", Unbroken(result.value),
                     "</dd><dd class=\"detail\">", Unbroken(result.detail), "</dd></div>\n");
    }
    out_ += "</dl>\n";
  }

  void WriteFacts() {
    out_ += "<dl class=\"facts\">";
    for (const auto& [name, value] : report_.facts) {
      out_ += StrCat("<div><dt>", EscapeXml(name), "</dt><dd>", EscapeXml(value), "</dd></div>");
    }
    out_ += "</dl>\n";
  }

  void WriteItem(const ReportItem& item) {
    if (const auto* text = std::get_if<std::string>(&item)) {
      out_ += StrCat("<p>", EscapeXml(*text), "</p>\n");
    } else if (const auto* table = std::get_if<ReportTable>(&item)) {
      TableWriter(*table, report_.subject, out_).Write();
    } else if (const auto* figure = std::get_if<ReportFigure>(&item)) {
      out_ += StrCat("<figure><div class=\"wide\">", figure->wide.Svg(),
                     "</div><div class=\"narrow\">", figure->narrow.Svg(), "</div><figcaption>",
                     EscapeXml(figure->caption), "</figcaption></figure>\n");
    } else if (const auto* drawing = std::get_if<ReportDrawing>(&item)) {
      WriteDrawing(*drawing);
    } else if (const auto* image = std::get_if<ReportImage>(&item)) {
      std::string encoded;
      absl::Base64Escape(ToAbsl(image->svg), &encoded);
      out_ += StrCat("<figure class=\"image\"><img alt=\"", EscapeXml(image->caption),
                     "\" src=\"data:image/svg+xml;base64,", encoded, "\"><figcaption>",
                     EscapeXml(image->caption), "</figcaption></figure>\n");
    } else {
      out_ +=
          "<div id=\"icicle\"><p class=\"note\">This picture needs the page's script.</p></div>\n";
    }
  }

  void WriteDrawing(const ReportDrawing& drawing) {
    if (drawing.folded) {
      out_ += StrCat("<details id=\"picture-", drawing.name, "\"><summary>",
                     EscapeXml(drawing.title), "</summary>");
    }
    out_ += StrCat("<figure", drawing.folded ? "" : StrCat(" id=\"picture-", drawing.name, "\""),
                   "><div class=\"drawing\" tabindex=\"0\">", Inlined(drawing.svg),
                   "</div><figcaption>", EscapeXml(drawing.caption), "</figcaption></figure>");
    out_ += drawing.folded ? "</details>\n" : "\n";
  }

  // Without what only a file has; links to other pictures lead to their places in the page. Names
  // of elements would be there several times, and are left out.
  std::string Inlined(std::string_view svg) const {
    std::string text(svg.substr(std::min(svg.find("<svg"), svg.size())));
    for (size_t at = text.find(" id=\""); at != text.npos; at = text.find(" id=\"", at)) {
      text.erase(at, text.find('"', at + 5) + 1 - at);
    }
    static constexpr std::string_view kLink = "xlink:href=\"";
    for (size_t at = text.find(kLink); at != text.npos; at = text.find(kLink, at)) {
      at += kLink.size();
      const size_t end = text.find('"', at);
      const std::string target = text.substr(at, end - at);
      const size_t dot = target.rfind(".svg");
      if (dot != target.npos && drawings_.contains(target.substr(0, dot))) {
        text.replace(at, end - at, StrCat("#picture-", target.substr(0, dot)));
      }
    }
    return text;
  }

  void WriteSources() {
    out_ += "</main>\n<footer><h2>Where the numbers come from</h2><dl>";
    for (const Source source : Used()) {
      out_ += StrCat("<dt>", Letter(source), " ", EscapeXml(Name(source)), "</dt><dd>",
                     EscapeXml(Explanation(source, report_.subject)), "</dd>");
    }
    out_ += StrCat("</dl><p class=\"note\">Lutra ", Version(), "</p></footer>\n");
  }

  std::set<Source> Used() const {
    std::set<Source> used;
    for (const ReportResult& result : report_.results) used.insert(result.source);
    for (const ReportSection& section : report_.sections) {
      for (const ReportItem& item : section.items) {
        const auto* table = std::get_if<ReportTable>(&item);
        if (table == nullptr) continue;
        for (const ReportColumn& column : table->columns) used.insert(column.source);
      }
    }
    used.erase(Source::kNone);
    return used;
  }

  // JSON that ends no script element.
  std::string Data() const {
    const std::string json =
        report_.data.is_null() ? "{}"
                               : report_.data.dump(-1, ' ', false, Json::error_handler_t::replace);
    std::string escaped;
    for (const char character : json) {
      if (character == '<') {
        escaped += "\\u003c";
      } else {
        escaped += character;
      }
    }
    return escaped;
  }

  const Report& report_;
  std::set<std::string> drawings_;
  std::string out_;
};

}  // namespace

std::string ReportHtml(const Report& report) { return PageWriter(report).Write(); }

}  // namespace lutra
