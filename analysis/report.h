// A report: what a run or an experiment tells, as tables and pictures with words between them,
// written once and put out as a page, as plain text and for LaTeX. Every number says where it comes
// from.
#ifndef LUTRA_ANALYSIS_REPORT_H_
#define LUTRA_ANALYSIS_REPORT_H_

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "analysis/picture.h"
#include "core/status.h"

namespace lutra {

// Where a number comes from.
enum class Source { kNone, kRecorded, kCounted, kClosedForm, kMeasured, kReplayed, kStated };
// One word: "counted".
std::string_view Name(Source source);
// A sentence for a footnote: in which files of a run, or of an experiment's results, it is.
enum class Subject { kRun, kExperiment };
std::string_view Explanation(Source source, Subject subject);

enum class Format { kText, kCount, kBytes, kBits, kSeconds, kShare, kNumber };

// A number as somebody else wrote it: shown so, sorted by its value.
struct QuotedNumber {
  std::string text;
  double value = 0;
};

// Nothing, text, a whole number (counts, bytes, bits), a number (seconds, shares from 0 to 1), a
// number in words of others.
using ReportCell = std::variant<std::monostate, std::string, int64_t, double, QuotedNumber>;
// As it is shown: "1,234", "1.23 MB", "4.56 ms", "7.8 %"; a dash for nothing.
std::string Shown(const ReportCell& cell, Format format);
// In full, where what is shown is rounded; else empty: "1,234,567 bytes", "0.004561230 s".
std::string InFull(const ReportCell& cell, Format format);

struct ReportColumn {
  std::string name;
  Format format = Format::kText;
  Source source = Source::kNone;
  // Shown as a bar behind the number, by its share of the column's largest.
  bool bar = false;
};

struct ReportTable {
  std::string id;  // letters, digits, '_' and dashes; unlike all others
  std::string title;
  std::string note;                // below it; may be empty
  std::vector<std::string> notes;  // below that, numbered from 1: cells may name the numbers
  std::vector<ReportColumn> columns;
  std::vector<std::vector<ReportCell>> rows;
  int64_t left_out = 0;  // rows that are not shown

  // As many cells as there are columns.
  void Add(std::vector<ReportCell> cells);
};

struct ReportFigure {
  std::string name;  // of its files: letters, digits and dashes
  std::string caption;
  Picture wide;    // 680 pixels
  Picture narrow;  // 340 pixels, for phones
};
inline constexpr double kWide = 680;
inline constexpr double kNarrow = 340;

// A picture that Graphviz drew.
struct ReportDrawing {
  std::string name;
  std::string title;  // where it is folded
  std::string caption;
  std::string svg;
  std::string pdf;
  bool folded = false;  // shown when it is asked for
};

// A picture of unknown making, as SVG: shown as an image, in which nothing runs.
struct ReportImage {
  std::string file;  // without its ending, in the folder of the report: "figures/bytes"
  std::string caption;
  std::string svg;
  std::string pdf;  // may be empty
};

// The picture that one can zoom, drawn by the page from `data`.
struct ReportIcicle {};

using ReportItem =
    std::variant<std::string, ReportTable, ReportFigure, ReportDrawing, ReportImage, ReportIcicle>;

struct ReportSection {
  std::string id;
  std::string title;
  std::string short_title;        // where there is little room
  std::vector<ReportItem> items;  // text is a paragraph
};

// A number large on the first screen.
struct ReportResult {
  std::string label;
  std::string value;
  std::string detail;
  Source source = Source::kNone;
  bool alarming = false;
};

struct Report {
  Subject subject = Subject::kRun;
  std::string title;
  std::string lead;
  std::vector<std::pair<std::string, std::string>> facts;  // name, value
  std::vector<ReportResult> results;
  std::vector<ReportSection> sections;  // the first one belongs to the first screen
  nlohmann::ordered_json data;          // for the page's script
};

// One file with everything in it: it asks for nothing else, and reads without a script.
std::string ReportHtml(const Report& report);
std::string ReportMarkdown(const Report& report);
// Tables for a document that uses booktabs.
std::string ReportLatex(const Report& report);

// By their paths in the folder of the report: report.html, report.md, tables.tex and the drawings
// as SVG, which are linked among themselves; figures/NAME.svg and .pdf of the figures, and the
// drawings as PDF; images as SVG and PDF.
using ReportFiles = std::map<std::string, std::string>;
StatusOr<ReportFiles> WriteReport(const Report& report);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_REPORT_H_
