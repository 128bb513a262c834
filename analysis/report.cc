#include "analysis/report.h"

#include <array>
#include <cmath>
#include <utility>

#include "analysis/cost_table.h"
#include "core/text.h"

namespace lutra {
namespace {

constexpr std::string_view kNothing = "–";

// Three digits after the point; of less than a tenth, the three first that are not 0.
std::string ShownPlain(double value) {
  const double size = std::abs(value);
  if (value == 0 || size >= 0.1) return Fixed(value, 3);
  if (size < 1e-9) return Shortest(value);
  return Fixed(value, 2 - static_cast<int>(std::floor(std::log10(size))));
}

std::string ShownNumber(double value, Format format) {
  if (format == Format::kSeconds) return HumanSeconds(value);
  if (format == Format::kShare) {
    const bool tiny = value > 0 && value < 0.0005;
    return tiny ? "< 0.1 %" : StrCat(Fixed(100 * value, 1), " %");
  }
  return ShownPlain(value);
}

std::string ShownInteger(int64_t value, Format format) {
  if (format == Format::kBytes) return HumanBytes(value);
  return format == Format::kBits ? HumanBits(value) : Grouped(value);
}

}  // namespace

std::string_view Name(Source source) {
  static constexpr std::array<std::string_view, 7> kNames = {
      "", "recorded", "counted", "closed form", "measured", "replayed", "stated"};
  return kNames[static_cast<size_t>(source)];
}

std::string_view Explanation(Source source, Subject subject) {
  static constexpr std::array<std::string_view, 7> kOfRun = {
      "",
      "What run.json says of the run: its settings and its results.",
      "Payload that was packed and delivered, added up over all sessions: ledger.csv, by node, in "
      "bits; levels.csv, by message, in bytes. Exact.",
      "What the protocols of the program say that they cost, without running it. Exact.",
      "Wall time on the machine of the run: run.json for phases (where every role is a process, "
      "the dealer's is its work added up), work.csv for the work of roles, profile.csv for the "
      "least that the work takes at the machine's peaks.",
      "The trace of the run (run.trace) replayed under a network: work takes its measured time, "
      "messages take what bandwidth, latency and overhead of the network make them take.",
      ""};
  static constexpr std::array<std::string_view, 7> kOfExperiment = {
      "",
      "Settings as experiment.toml has them, and what the runs found: whether they agree with "
      "their "
      "clear twins, which part of the predictions is right; environment.json for the runs, "
      "summary.csv for their results.",
      "What was packed and delivered beside the payload, all sessions together: summary.csv.",
      "What the protocols of the programs say that they cost, without running them, all sessions "
      "together: summary.csv, breakdown.csv. Exact, and every run was compared with it; the memory "
      "is an estimate.",
      "On the machine of the runs; medians over their repetitions, of wall time for phases, of the "
      "work of all roles added up for groups of nodes, of memory: summary.csv and, run by run, "
      "results.csv and breakdown.csv.",
      "The traces of the runs (points/) replayed under a network, medians over repetitions: work "
      "takes its measured time, messages take what bandwidth, latency and overhead of the network "
      "make them take. summary.csv.",
      "Ours as in the tables of this experiment, rounded; of others as their source has it. Each "
      "row says whether it was measured, extrapolated or printed, and its note the source and the "
      "conditions: comparisons/."};
  const auto index = static_cast<size_t>(source);
  return subject == Subject::kRun ? kOfRun[index] : kOfExperiment[index];
}

std::string Shown(const ReportCell& cell, Format format) {
  if (const auto* text = std::get_if<std::string>(&cell)) return *text;
  if (const auto* integer = std::get_if<int64_t>(&cell)) return ShownInteger(*integer, format);
  if (const auto* number = std::get_if<double>(&cell)) return ShownNumber(*number, format);
  if (const auto* quoted = std::get_if<QuotedNumber>(&cell)) return quoted->text;
  return std::string(kNothing);
}

std::string InFull(const ReportCell& cell, Format format) {
  if (const auto* integer = std::get_if<int64_t>(&cell)) {
    if (format == Format::kBytes && *integer >= 1000) return StrCat(Grouped(*integer), " bytes");
    if (format == Format::kBits && *integer >= 1000) return StrCat(Grouped(*integer), " bits");
  }
  const auto* number = std::get_if<double>(&cell);
  if (number == nullptr) return "";
  if (format == Format::kSeconds) return StrCat(Fixed(*number, 9), " s");
  return format == Format::kNumber ? Shortest(*number) : "";
}

void ReportTable::Add(std::vector<ReportCell> cells) {
  LUTRA_CHECK(cells.size() == columns.size());
  rows.push_back(std::move(cells));
}

StatusOr<ReportFiles> WriteReport(const Report& report) {
  ReportFiles files;
  files["report.html"] = ReportHtml(report);
  files["report.md"] = ReportMarkdown(report);
  files["tables.tex"] = ReportLatex(report);
  for (const ReportSection& section : report.sections) {
    for (const ReportItem& item : section.items) {
      if (const auto* drawing = std::get_if<ReportDrawing>(&item)) {
        files[drawing->name + ".svg"] = drawing->svg;
        if (!drawing->pdf.empty()) files[StrCat("figures/", drawing->name, ".pdf")] = drawing->pdf;
      }
      if (const auto* image = std::get_if<ReportImage>(&item)) {
        files[image->file + ".svg"] = image->svg;
        if (!image->pdf.empty()) files[image->file + ".pdf"] = image->pdf;
      }
      const auto* figure = std::get_if<ReportFigure>(&item);
      if (figure == nullptr) continue;
      files[StrCat("figures/", figure->name, ".svg")] = figure->wide.Svg();
      LUTRA_ASSIGN_OR_RETURN(files[StrCat("figures/", figure->name, ".pdf")], figure->wide.Pdf());
    }
  }
  return files;
}

}  // namespace lutra
