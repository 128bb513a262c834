#include "experiments/lab/comparison.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "analysis/markup.h"
#include "analysis/palette.h"
#include "analysis/result_column.h"
#include "experiments/lab/gnuplot.h"

namespace lutra {
namespace {

constexpr std::string_view kOurs = "Lutra, this experiment";

// The groups, in their order, and how the figure tells them apart.
struct Group {
  std::string_view name;
  std::string_view color;
};
constexpr std::array<Group, 4> kGroups = {Group{kOurs, kBlue}, Group{"measured", kOrange},
                                          Group{"extrapolated", kSkyBlue},
                                          Group{"printed", "#999999"}};

// How an amount is shown: as a result of its unit.
const ResultColumn& UnitOf(std::string_view amount) {
  const std::string_view like = amount.ends_with("_seconds")           ? "online_seconds"
                                : amount.find("_bytes") != amount.npos ? "online_bytes"
                                                                       : "rounds";
  const ResultColumn* column = FindResultColumn(like);
  LUTRA_CHECK(column != nullptr);
  return *column;
}

std::string TitleOf(std::string_view amount) {
  std::string title(amount);
  std::replace(title.begin(), title.end(), '_', ' ');
  if (amount == "paper_speedup") return "the paper's own system is faster by, times";
  if (amount.ends_with("_seconds")) return title.substr(0, title.size() - 8) + ", s";
  if (amount.ends_with("_bytes")) return title.substr(0, title.size() - 6) + ", bytes";
  return title;
}

std::string One(std::string_view amount, double value) {
  return HumanCell(UnitOf(amount), Median{value, value, value, 1});
}

std::string AmountText(std::string_view name, const Amount& amount) {
  if (amount.low == amount.high) return One(name, amount.low);
  return StrCat(One(name, amount.low), " to ", One(name, amount.high));
}

const Amount* Find(const ComparisonRow& row, std::string_view name) {
  const auto found = row.amounts.find(name);
  return found == row.amounts.end() ? nullptr : &found->second;
}

std::string Cell(const ComparisonRow& row, const std::string& name) {
  if (const Amount* amount = Find(row, name)) return AmountText(name, *amount);
  if (name == "offline_bytes") {
    const Amount* each = Find(row, "offline_bytes_per_party");
    if (each != nullptr) return AmountText(name, *each) + " a party";
  }
  return "-";
}

// Whole and parts, where one follows from the others.
void AddTotal(std::string_view unit, ComparisonRow& row) {
  const std::string total = StrCat("total_", unit);
  const Amount* offline = Find(row, StrCat("offline_", unit));
  const Amount* online = Find(row, StrCat("online_", unit));
  if (row.amounts.contains(total) || offline == nullptr || online == nullptr) return;
  const Amount sum{.low = offline->low + online->low, .high = offline->high + online->high};
  row.amounts.emplace(total, sum);
}

// What our figures are of, and what they were taken on. `runs`: of which seconds are medians.
std::string OurNote(const Settings& settings, size_t runs) {
  std::string note = "bytes and rounds exact; ";
  if (runs == 0) {
    note += "nothing was run, so there are no seconds";
  } else {
    note += StrCat("seconds medians of ", runs, runs == 1 ? " run" : " runs",
                   " on the machine of this experiment, ");
    if (TextOf(settings, "measure", "cost") == "processes") {
      note += StrCat("each role a process, over ",
                     TextOf(settings, "transport", "curve") == "curve" ? "encrypted" : "plain",
                     " links of that machine, ");
    } else {
      note += "all roles in one process and in turn, without links, ";
    }
    const int64_t threads = IntegerOf(settings, "threads", 0);
    note += threads > 0 ? StrCat(threads, threads == 1 ? " thread" : " threads")
                        : std::string("a thread for each core");
  }
  note += "; offline is dealing and preparing, ";
  const bool is_protocol = settings.contains("protocol");
  return note + (is_protocol ? "and every figure is of the protocol alone, without its inputs"
                             : "without sharing the model");
}

// The runs of a group are of one point: what has several values is told apart or cut down to one.
ComparisonRow OurRow(const RowGroup& group, const Experiment& experiment) {
  ComparisonRow row;
  row.group = kOurs;
  for (const std::string& key : group.keys) row.system += (row.system.empty() ? "" : ", ") + key;
  if (row.system.empty()) row.system = "Lutra";
  struct Source {
    std::string_view amount, column;
  };
  size_t runs = 0;
  for (const Source& source :
       {Source{"offline_seconds", "offline_seconds"}, Source{"online_seconds", "online_seconds"},
        Source{"offline_bytes", "offline_bytes"}, Source{"online_bytes", "online_bytes"},
        Source{"online_rounds", "rounds"}}) {
    const std::optional<Median> median = MedianOf(group.rows, source.column);
    if (!median.has_value()) continue;
    if (source.amount.ends_with("_seconds")) runs = std::max(runs, median->count);
    row.amounts.emplace(source.amount, Amount{median->value, median->value});
  }
  const auto point = DataTable::At(*group.rows[0], "point").get<size_t>();
  row.note = OurNote(experiment.points.at(point).settings, runs);
  return row;
}

ComparisonRow TheirRow(const PublishedFigures& figures) {
  ComparisonRow row;
  row.group = NameOf(figures.kind);
  row.system = figures.system;
  if (figures.ring_bits > 0) row.system += StrCat(", l = ", figures.ring_bits);
  row.amounts = figures.amounts;
  row.partial = figures.partial;
  row.note = StrCat(figures.detail, ". ", figures.source, ". ", figures.conditions);
  return row;
}

// How many times ours a measured figure is.
std::string RatioOf(const ComparisonSpec& spec, const ComparisonRow& ours,
                    const ComparisonRow& row) {
  if (ours.group != kOurs) return "-";  // there is none yet
  if (&row == &ours) return "1";
  const Amount* base = Find(ours, spec.ratio);
  const Amount* amount = Find(row, spec.ratio);
  const bool comparable = row.group == kOurs || row.group == NameOf(FigureKind::kMeasured);
  if (!comparable || row.partial || base == nullptr || amount == nullptr || !(base->low > 0))
    return "-";
  const auto times = [&](double value) { return ThreeDigits(value / base->low); };
  if (amount->low == amount->high) return times(amount->low);
  return StrCat(times(amount->low), " to ", times(amount->high));
}

// Those that are asked for, and what papers say of their own systems.
std::vector<std::string> ShownColumns(const ComparisonSpec& spec,
                                      const std::vector<ComparisonRow>& rows) {
  std::vector<std::string> columns = spec.columns;
  const std::string speedup = "paper_speedup";
  const bool shown = std::find(columns.begin(), columns.end(), speedup) != columns.end();
  const bool any = std::any_of(rows.begin(), rows.end(), [&](const ComparisonRow& row) {
    return row.amounts.contains(speedup);
  });
  if (any && !shown) columns.push_back(speedup);
  return columns;
}

std::string MarkdownLine(const std::vector<std::string>& cells) {
  std::string line = "|";
  for (const std::string& cell : cells) line += StrCat(" ", InMarkdown(cell), " |");
  return line + "\n";
}

std::string LatexLine(const std::vector<std::string>& cells) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) line += StrCat(i == 0 ? "" : " & ", InLatex(cells[i]));
  return line + " \\\\\n";
}

std::string RatioNote(const ComparisonSpec& spec) {
  if (spec.ratio.empty()) return "";
  return StrCat("Times ours compares ", TitleOf(spec.ratio),
                " of what was measured; other kinds, and parts of the work, have no ratio. "
                "Machines, bit widths and "
                "numbers of parties differ: see the notes.");
}

}  // namespace

std::vector<ComparisonRow> CompareRows(const ComparisonSpec& spec, const Experiment& experiment,
                                       const Results& results) {
  std::vector<ComparisonRow> rows;
  for (const RowGroup& group : GroupRows(results.runs, spec.rows, spec.only)) {
    rows.push_back(OurRow(group, experiment));
  }
  for (const FigureKind kind :
       {FigureKind::kMeasured, FigureKind::kExtrapolated, FigureKind::kPrinted}) {
    for (const PublishedFigures& figures : spec.published.systems) {
      if (figures.kind == kind) rows.push_back(TheirRow(figures));
    }
  }
  for (ComparisonRow& row : rows) {
    AddTotal("seconds", row);
    AddTotal("bytes", row);
  }
  return rows;
}

RenderedTable RenderComparison(const ComparisonSpec& spec, const std::vector<ComparisonRow>& rows) {
  const std::vector<std::string> columns = ShownColumns(spec, rows);
  std::vector<std::string> head = {"kind", "system"};
  for (const std::string& column : columns) head.push_back(TitleOf(column));
  if (!spec.ratio.empty()) head.emplace_back("times ours");
  head.emplace_back("note");
  const std::string numbers(head.size() - 3, 'r');
  RenderedTable table;
  table.markdown = StrCat("**", InMarkdown(spec.title), "**\n\n", MarkdownLine(head), "|---|---|");
  for (size_t i = 0; i < numbers.size(); ++i) table.markdown += "---:|";
  table.markdown += "---|\n";
  table.latex = StrCat("% ", InLatex(spec.title), "\n\\begin{tabular}{ll", numbers,
                       "l}\n\\toprule\n", LatexLine(head));
  std::vector<std::string> notes;
  std::string_view group;
  for (const ComparisonRow& row : rows) {
    if (row.group != group) table.latex += "\\midrule\n";
    auto note = std::find(notes.begin(), notes.end(), row.note);
    if (note == notes.end()) note = notes.insert(notes.end(), row.note);
    std::vector<std::string> cells = {row.group == group ? "" : row.group, row.system};
    for (const std::string& column : columns) cells.push_back(Cell(row, column));
    if (!spec.ratio.empty()) cells.push_back(RatioOf(spec, rows[0], row));
    cells.push_back(StrCat(note - notes.begin() + 1));
    table.markdown += MarkdownLine(cells);
    table.latex += LatexLine(cells);
    group = row.group;
  }
  table.latex += "\\bottomrule\n\\end{tabular}\n";
  table.markdown += "\n";
  for (size_t i = 0; i < notes.size(); ++i) {
    table.markdown += StrCat(i + 1, ". ", InMarkdown(notes[i]), ".\n");
    table.latex += StrCat("\n\\noindent\\textsuperscript{", i + 1, "}~", InLatex(notes[i]), ".\n");
  }
  const std::string ratio = RatioNote(spec);
  if (!ratio.empty()) {
    table.markdown += StrCat("\n", InMarkdown(ratio), "\n");
    table.latex += StrCat("\n\\noindent ", InLatex(ratio), "\n");
  }
  return table;
}

std::string ComparisonScript(const ComparisonSpec& spec, const std::vector<ComparisonRow>& rows) {
  std::string tics, data, plots;
  size_t position = 0;
  for (size_t g = 0; g < kGroups.size(); ++g) {
    std::string points;
    for (const ComparisonRow& row : rows) {
      const Amount* amount = Find(row, spec.figure);
      // The axis is logarithmic.
      if (row.group != kGroups[g].name || amount == nullptr || !(amount->low > 0)) continue;
      points += StrCat(position, " ", NumberText((amount->low + amount->high) / 2), " ",
                       NumberText(amount->low), " ", NumberText(amount->high), "\n");
      tics += StrCat(tics.empty() ? "" : ", ", GnuplotText(row.system), " ", position);
      ++position;
    }
    if (points.empty()) continue;
    data += StrCat("$group", g, " << EOD\n", points, "EOD\n");
    plots += StrCat(plots.empty() ? "plot " : ", \\\n  ", "$group", g,
                    " using 1:2 with boxes fillstyle solid 0.85 border lc rgb '", kGroups[g].color,
                    "' lc rgb '", kGroups[g].color, "' title ", GnuplotText(kGroups[g].name),
                    ", \\\n  $group", g,
                    " using 1:3:(0):($4-$3) with vectors nohead lw 3 lc rgb '#333333' notitle");
  }
  if (plots.empty()) return "";
  const bool bytes = UnitOf(spec.figure).unit == ResultColumn::Unit::kBytes;
  const std::string body = StrCat(
      data, "set title ", GnuplotText(spec.title), "\nset ylabel ",
      GnuplotText(TitleOf(spec.figure)), "\nset logscale y\nset format y ",
      GnuplotText(bytes ? "%.0s %cB" : "%g"),
      "\nset border 3 lc rgb '#444444'\nset tics nomirror out\nset boxwidth 0.7\n"
      "set grid ytics lc rgb '#dddddd' lw 0.6 lt 1\n"
      "set key bmargin center horizontal Left reverse noenhanced samplen 2\nset xrange [-0.6:",
      NumberText(static_cast<double>(position) - 0.4), "]\nset xtics nomirror rotate by 40 right (",
      tics, ")\n", plots, "\n");
  const size_t wanted = std::max(position * 36 + 160, spec.title.size() * 8 + 140);
  const int width = std::clamp(static_cast<int>(wanted), 560, 1400);
  return FramedScript(spec.name, spec.title, width, 520, body);
}

Status WriteComparisons(const Experiment& experiment, const Results& results,
                        const std::filesystem::path& out) {
  DirectoryFiles files;
  for (const ComparisonSpec& spec : experiment.comparisons) {
    const std::vector<ComparisonRow> rows = CompareRows(spec, experiment, results);
    RenderedTable table = RenderComparison(spec, rows);
    files[spec.name + ".md"] = std::move(table.markdown);
    files[spec.name + ".tex"] = std::move(table.latex);
    std::string script = ComparisonScript(spec, rows);
    if (!script.empty()) files[spec.name + ".gp"] = std::move(script);
  }
  return WriteDrawnFolder(out / "comparisons", files);
}

}  // namespace lutra
