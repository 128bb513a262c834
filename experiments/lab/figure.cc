#include "experiments/lab/figure.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "analysis/cost_table.h"
#include "analysis/palette.h"
#include "analysis/result_column.h"
#include "experiments/lab/gnuplot.h"
#include "experiments/lab/table.h"

namespace lutra {
namespace {

using Unit = ResultColumn::Unit;
using Style = FigureSpec::Style;

// Those of the pictures; yellow, faint on white, comes last.
constexpr std::array<std::string_view, 8> kColours = {kBlue,   kVermilion, kGreen,    kPurple,
                                                      kOrange, kSkyBlue,   "#000000", kYellow};
// Shapes as different as colours, for print without colour.
constexpr std::array<int, 8> kPoints = {7, 5, 9, 11, 13, 6, 4, 8};
constexpr size_t kMostTicks = 12;

std::string_view ColourOf(size_t index) { return kColours[index % kColours.size()]; }

// The phase that a result is of, if it is of one.
std::optional<Phase> PhaseOf(std::string_view result) {
  for (const Phase phase : kPhases) {
    if (result.find(StrCat(Name(phase), "_")) != result.npos) return phase;
  }
  return std::nullopt;
}

const ResultColumn& Column(const std::string& name) {
  const ResultColumn* column = FindResultColumn(name);
  LUTRA_CHECK(column != nullptr);  // checked as the file was read
  return *column;
}

struct Prefix {
  std::string_view name;
  double factor;
};

// The SI prefix with which a number has one to three digits before the point.
Prefix PrefixOf(double value, bool small) {
  static constexpr std::array<Prefix, 8> kPrefixes = {{{"n", 1e-9},
                                                       {"µ", 1e-6},
                                                       {"m", 1e-3},
                                                       {"", 1},
                                                       {"k", 1e3},
                                                       {"M", 1e6},
                                                       {"G", 1e9},
                                                       {"T", 1e12}}};
  const size_t first = small ? 0 : 3;
  size_t best = first;
  for (size_t i = first; i < kPrefixes.size(); ++i) {
    if (std::abs(value) >= kPrefixes[i].factor * 0.9995) best = i;
  }
  return value == 0 ? Prefix{"", 1} : kPrefixes[best];
}

// What an axis of the experiment is called, with its unit.
std::string AxisTitle(const std::string& name) {
  static const std::map<std::string, std::string, std::less<>> kTitles = {
      {"round_trip_ms", "round trip (ms)"},
      {"bandwidth_mbit", "bandwidth (Mbit/s)"},
      {"sequence", "sequence length"},
      {"index_bits", "index bits"},
      {"bits", "bits"},
      {"threads", "threads"},
  };
  const auto found = kTitles.find(name);
  if (found != kTitles.end()) return found->second;
  std::string title = name;
  std::replace(title.begin(), title.end(), '_', ' ');
  return title;
}

// The groups of a figure by the text of their cell.
class Cells {
 public:
  Cells(const DataTable& table, std::vector<std::string> keys, const RowFilter& only)
      : keys_(std::move(keys)), groups_(GroupRows(table, keys_, only)) {
    for (const RowGroup& group : groups_) index_[group.keys] = &group;
  }
  std::optional<Median> At(const std::vector<std::string>& cell, const std::string& column) const {
    const auto found = index_.find(cell);
    return found == index_.end() ? std::nullopt : MedianOf(found->second->rows, column);
  }
  // The different texts of one key, in the order in which they appear.
  std::vector<std::string> Values(size_t key) const {
    std::vector<std::string> values;
    for (const RowGroup& group : groups_) {
      if (std::find(values.begin(), values.end(), group.keys[key]) == values.end()) {
        values.push_back(group.keys[key]);
      }
    }
    return values;
  }

 private:
  const std::vector<std::string> keys_;
  const std::vector<RowGroup> groups_;
  std::map<std::vector<std::string>, const RowGroup*> index_;
};

class Script {
 public:
  Script(const FigureSpec& spec, const Results& results)
      : spec_(spec),
        breakdown_(BreakdownOf(results, spec.by)),
        source_(spec.by.empty() ? results.runs : breakdown_) {}
  Script(const Script&) = delete;
  Script& operator=(const Script&) = delete;

  std::string Make() {
    const bool is_map = spec_.style == Style::kHeatmap || spec_.style == Style::kWinner;
    const bool drawn = is_map ? DrawMap() : spec_.style == Style::kLines ? DrawLines() : DrawBars();
    if (!drawn) return "";
    return FramedScript(spec_.name, spec_.title, width_, height_,
                        StrCat(data_, Common(), settings_, "plot ", plot_, "\n"));
  }

 private:
  // A line of a figure: what is drawn, and its name in the legend.
  struct Line {
    std::string series;  // empty: none
    std::string y;
    std::string title;
  };

  std::string Common() const {
    return StrCat(
        "set title ", GnuplotText(spec_.title), " font ',15'\n",
        "set border 3 lc rgb '#444444'\n"
        "set tics nomirror out textcolor rgb '#222222'\n"
        "set grid ytics lc rgb '#dddddd' lw 0.6 lt 1\n"
        "set key bmargin center horizontal Left reverse noenhanced samplen 2 height 0.6\n");
  }

  std::vector<Line> LinesOf(const Cells& cells) const {
    std::vector<Line> lines;
    const std::vector<std::string> series =
        spec_.series.empty() ? std::vector<std::string>{""} : cells.Values(1);
    for (const std::string& one : series) {
      for (const std::string& y : spec_.y) {
        const std::string name(Column(y).title);
        std::string label = one;
        if (!one.empty() && NumbersOnly(series)) label = StrCat(AxisTitle(spec_.series), " ", one);
        lines.push_back({one, y,
                         one.empty()           ? name
                         : spec_.y.size() == 1 ? label
                                               : StrCat(label, ", ", name)});
      }
    }
    return lines;
  }

  static bool NumbersOnly(const std::vector<std::string>& texts) {
    return std::all_of(texts.begin(), texts.end(), [](const std::string& text) {
      return !text.empty() && text.find_first_not_of("0123456789.") == text.npos;
    });
  }

  Cells MakeCells() const {
    std::vector<std::string> keys = {spec_.x};
    if (!spec_.series.empty()) keys.push_back(spec_.series);
    return Cells(source_, std::move(keys), spec_.only);
  }

  std::optional<Median> At(const Cells& cells, const std::string& x, const Line& line) const {
    std::vector<std::string> key = {x};
    if (!spec_.series.empty()) key.push_back(line.series);
    return cells.At(key, line.y);
  }

  // ---- the vertical axis ----

  // Its label, and the factor by which values are divided so that ticks are short.
  double SetYAxis(double most) {
    const ResultColumn& column = Column(spec_.y[0]);
    std::string quantity = spec_.y_label;
    const bool one = spec_.y.size() == 1;
    if (quantity.empty()) quantity = one ? YTitle(column) : YTitle(column.unit);
    if (column.unit != Unit::kBytes && column.unit != Unit::kSeconds) {
      settings_ += StrCat("set ylabel ", GnuplotText(quantity), "\nset format y '%g'\n");
      if (spec_.log_y) settings_ += "set logscale y\n";
      if (!spec_.log_y && column.unit != Unit::kShare) settings_ += "set yrange [0:*]\n";
      return 1;
    }
    const std::string_view unit = column.unit == Unit::kBytes ? "B" : "s";
    if (spec_.log_y) {
      settings_ += StrCat("set ylabel ", GnuplotText(quantity),
                          "\nset logscale y\nset format y '%.0s %c", unit,
                          "'\nset grid ytics mytics lc rgb '#dddddd' lw 0.6 lt 1, lc rgb "
                          "'#eeeeee' lw 0.4 lt 1\n");
      return 1;
    }
    const Prefix prefix = PrefixOf(most, column.unit == Unit::kSeconds);
    settings_ += StrCat("set ylabel ", GnuplotText(StrCat(quantity, " (", prefix.name, unit, ")")),
                        "\nset format y '%g'\nset yrange [0:*]\n");
    return prefix.factor;
  }

  static std::string YTitle(Unit unit) {
    return unit == Unit::kBytes ? "data sent" : unit == Unit::kSeconds ? "time" : "";
  }
  static std::string YTitle(const ResultColumn& column) {
    if (column.unit == Unit::kBytes) return StrCat("data: ", column.title);
    if (column.unit == Unit::kSeconds) return StrCat("time: ", column.title);
    return std::string(column.title);
  }

  std::string XTitle() const { return spec_.x_label.empty() ? AxisTitle(spec_.x) : spec_.x_label; }

  // ---- lines ----

  bool DrawLines() {
    const Cells cells = MakeCells();
    const std::vector<Line> lines = LinesOf(cells);
    std::vector<std::string> xs = cells.Values(0);
    std::erase(xs, "NA");  // of runs that were not replayed
    double most = 0;
    bool spread = false;
    for (const Line& line : lines) {
      for (const std::string& x : xs) {
        const std::optional<Median> median = At(cells, x, line);
        if (!median.has_value()) continue;
        most = std::max(most, median->value);
        spread = spread || median->high > median->low;
      }
    }
    if (most <= 0) return false;
    const double factor = SetYAxis(most);
    SetNumericX(xs);
    const std::vector<std::string_view> colours = ColoursOf(lines);
    for (size_t i = 0; i < lines.size(); ++i) {
      std::string points;
      for (const std::string& x : xs) {
        const std::optional<Median> median = At(cells, x, lines[i]);
        if (!median.has_value() || (spec_.log_y && median->value <= 0)) continue;
        // A logarithmic axis has no place for a quartile of 0.
        const double low = spec_.log_y && median->low <= 0 ? median->value : median->low;
        points += StrCat(x, " ", NumberText(median->value / factor), " ", NumberText(low / factor),
                         " ", NumberText(median->high / factor), "\n");
      }
      if (points.empty()) continue;  // gnuplot takes a line without a point for a mistake
      data_ += StrCat("$line", i, " << EOD\n", points, "EOD\n");
      plot_ += StrCat(plot_.empty() ? "" : ", \\\n     ", "$line", i,
                      spread ? " with yerrorlines lc rgb '" : " with linespoints lc rgb '",
                      colours[i], "' lw 2 dt ", i / kColours.size() + 1, " pt ",
                      kPoints[i % kPoints.size()], " ps 0.8 title ", GnuplotText(lines[i].title));
    }
    if (lines.size() == 1) settings_ += "unset key\n";
    return true;
  }

  // Where lines are of different results, the first of a phase has the phase's colour.
  std::vector<std::string_view> ColoursOf(const std::vector<Line>& lines) const {
    std::vector<std::string_view> colours(lines.size()), left(kColours.begin(), kColours.end());
    for (size_t i = 0; i < lines.size() && spec_.series.empty(); ++i) {
      const std::optional<Phase> phase = PhaseOf(lines[i].y);
      if (phase.has_value() && std::erase(left, Color(*phase)) > 0) colours[i] = Color(*phase);
    }
    size_t others = 0;
    for (std::string_view& colour : colours) {
      if (colour.empty()) colour = left[others++ % left.size()];
    }
    return colours;
  }

  void SetNumericX(const std::vector<std::string>& xs) {
    double low = std::numeric_limits<double>::infinity(),
           high = -std::numeric_limits<double>::infinity();
    for (const std::string& x : xs) {
      double value = 0;
      std::from_chars(x.data(), x.data() + x.size(), value);
      low = std::min(low, value);
      high = std::max(high, value);
    }
    // A little room at both ends.
    const double room =
        spec_.log_x ? std::pow(std::max(high / low, 1.5), 0.04) : std::max(high - low, 0.1) * 0.03;
    low = spec_.log_x ? low / room : low - room;
    high = spec_.log_x ? high * room : high + room;
    settings_ += StrCat("set xlabel ", GnuplotText(XTitle()), " offset 0,0.3\nset xrange [",
                        NumberText(low), ":", NumberText(high), "]\n");
    if (!spec_.log_x) {
      settings_ += "set format x '%g'\n";
      return;
    }
    settings_ += "set logscale x\n";
    if (xs.size() > kMostTicks) return;
    std::string ticks;
    for (const std::string& x : xs) {
      ticks += StrCat(ticks.empty() ? "" : ", ", GnuplotText(x), " ", x);
    }
    settings_ += StrCat("set xtics (", ticks, ")\n");
  }

  // ---- bars ----

  bool DrawBars() {
    const Cells cells = MakeCells();
    const std::vector<Line> lines = LinesOf(cells);
    const std::vector<std::string> xs = cells.Values(0);
    const bool stacked = spec_.style == Style::kStacked;
    double most = 0;
    std::vector<std::string> shown;  // groups of a breakdown that send nothing are left out
    std::vector<bool> has_bar(lines.size(), false);
    for (const std::string& x : xs) {
      double sum = 0;
      for (size_t i = 0; i < lines.size(); ++i) {
        const std::optional<Median> median = At(cells, x, lines[i]);
        const double value = median.has_value() ? median->value : 0;
        has_bar[i] = has_bar[i] || (median.has_value() && (!spec_.log_y || value > 0));
        sum = stacked ? sum + value : std::max(sum, value);
      }
      most = std::max(most, sum);
      if (spec_.by.empty() || sum > 0) shown.push_back(x);
    }
    if (most <= 0) return false;
    const double factor = SetYAxis(most);
    data_ += "$bars << EOD\n";
    for (const std::string& x : shown) {
      data_ += GnuplotDataText(x);
      for (const Line& line : lines) {
        const std::optional<Median> median = At(cells, x, line);
        const bool none = !median.has_value() || (spec_.log_y && median->value <= 0);
        data_ += StrCat(" ", none ? (stacked ? "0" : "NaN") : NumberText(median->value / factor));
      }
      data_ += "\n";
    }
    data_ += "EOD\n";
    settings_ += StrCat("set xlabel ", GnuplotText(XTitle()), "\nset style data histogram\n",
                        stacked ? "set style histogram rowstacked\nset boxwidth 0.7\n"
                                : "set style histogram clustered gap 1\nset boxwidth 0.9\n",
                        "set style fill solid 1.0 border rgb '#ffffff'\n");
    SetLabels(shown);
    const std::vector<std::string_view> colours = ColoursOf(lines);
    for (size_t i = 0; i < lines.size(); ++i) {
      if (!has_bar[i]) continue;  // gnuplot takes bars without a value for a mistake
      plot_ += StrCat(plot_.empty() ? "$bars" : ", \\\n     ''", " using ", i + 2,
                      plot_.empty() ? ":xtic(1)" : "", " lc rgb '", colours[i], "' title ",
                      GnuplotText(lines[i].title));
    }
    if (lines.size() == 1) settings_ += "unset key\n";
    return true;
  }

  // Labels that would overlap are turned.
  void SetLabels(const std::vector<std::string>& xs) {
    size_t longest = 0;
    for (const std::string& x : xs) longest = std::max(longest, x.size());
    if (longest * xs.size() > 70) {
      settings_ += "set xtics rotate by 40 right\n";
      height_ += static_cast<int>(std::min<size_t>(longest, 30)) * 5;
    }
    width_ = std::clamp(static_cast<int>(xs.size()) * 26 + 140, width_, 1400);
  }

  // ---- heatmaps and winner maps ----

  struct MapCell {
    bool known = false;
    double value = 0;  // of the best
    double ratio = 0;  // of the second best to the best; 0 where there is none
    size_t winner = 0;
  };

  bool DrawMap() {
    std::vector<std::string> keys = {spec_.x, spec_.y[0]};
    const bool winner = spec_.style == Style::kWinner;
    if (winner) keys.push_back(spec_.series);
    const Cells cells(source_, keys, spec_.only);
    const std::vector<std::string> xs = cells.Values(0), ys = cells.Values(1);
    const std::vector<std::string> series = winner ? cells.Values(2) : std::vector<std::string>{""};
    std::vector<std::vector<MapCell>> map(ys.size(), std::vector<MapCell>(xs.size()));
    double least = std::numeric_limits<double>::infinity(), most = 0;
    for (size_t y = 0; y < ys.size(); ++y) {
      for (size_t x = 0; x < xs.size(); ++x) {
        map[y][x] = BestOf(cells, xs[x], ys[y], series);
        if (!map[y][x].known) continue;
        least = std::min(least, map[y][x].value);
        most = std::max(most, map[y][x].value);
      }
    }
    if (!(least <= most)) return false;
    SetMap(xs, ys);
    WriteMap(map, series, least, most);
    return true;
  }

  // Small is good, but of shares and truths.
  MapCell BestOf(const Cells& cells, const std::string& x, const std::string& y,
                 const std::vector<std::string>& series) const {
    const Unit unit = Column(spec_.z).unit;
    const bool large_is_good = unit == Unit::kShare || unit == Unit::kTruth;
    MapCell best;
    double second = std::numeric_limits<double>::quiet_NaN();
    for (size_t i = 0; i < series.size(); ++i) {
      std::vector<std::string> key = {x, y};
      if (spec_.style == Style::kWinner) key.push_back(series[i]);
      const std::optional<Median> median = cells.At(key, spec_.z);
      if (!median.has_value()) continue;
      const bool better = large_is_good ? median->value > best.value : median->value < best.value;
      if (!best.known || better) {
        if (best.known) second = best.value;
        best = {true, median->value, 0, i};
      } else if (std::isnan(second) ||
                 (large_is_good ? median->value > second : median->value < second)) {
        second = median->value;
      }
    }
    if (best.known && second > 0 && best.value > 0) {
      best.ratio = large_is_good ? best.value / second : second / best.value;
    }
    return best;
  }

  void SetMap(const std::vector<std::string>& xs, const std::vector<std::string>& ys) {
    const auto ticks = [](const std::vector<std::string>& values) {
      std::string text;
      for (size_t i = 0; i < values.size(); ++i) {
        text += StrCat(i == 0 ? "" : ", ", GnuplotText(values[i]), " ", i);
      }
      return text;
    };
    width_ = std::clamp(static_cast<int>(xs.size()) * 92 + 160, 480, 1400);
    height_ = std::clamp(static_cast<int>(ys.size()) * 52 + 170, 320, 1200);
    const std::string y_title = spec_.y_label.empty() ? AxisTitle(spec_.y[0]) : spec_.y_label;
    settings_ +=
        StrCat("unset grid\nunset border\nset tics scale 0\nset xlabel ", GnuplotText(XTitle()),
               "\nset ylabel ", GnuplotText(y_title), "\nset xtics (", ticks(xs), ")\nset ytics (",
               ticks(ys), ")\nset xrange [-0.5:", static_cast<double>(xs.size()) - 0.5,
               "]\nset yrange [-0.5:", static_cast<double>(ys.size()) - 0.5, "]\n");
  }

  // Boxes with their value in them.
  void WriteMap(const std::vector<std::vector<MapCell>>& map,
                const std::vector<std::string>& series, double least, double most) {
    const bool winner = spec_.style == Style::kWinner;
    const bool by_decades = least > 0 && most / least > 20;
    std::string labels_dark = "$dark << EOD\n", labels_light = "$light << EOD\n";
    std::vector<std::string> boxes(winner ? series.size() : 1);
    for (size_t y = 0; y < map.size(); ++y) {
      for (size_t x = 0; x < map[y].size(); ++x) {
        const MapCell& cell = map[y][x];
        if (!cell.known) continue;
        double shade = most > least ? (cell.value - least) / (most - least) : 0;
        if (by_decades) shade = std::log(cell.value / least) / std::log(most / least);
        boxes[winner ? cell.winner : 0] += StrCat(x, " ", y, " ", Fixed(shade, 4), "\n");
        std::string text = ShortFigure(spec_.z, cell.value);
        if (winner && cell.ratio > 0) text += StrCat("\\n", ThreeDigits(cell.ratio), "×");
        const bool on_dark = winner ? IsDark(cell.winner) : shade > 0.55;
        (on_dark ? labels_light : labels_dark) += StrCat(x, " ", y, " \"", text, "\"\n");
      }
    }
    for (size_t i = 0; i < boxes.size(); ++i) {
      data_ += StrCat("$box", i, " << EOD\n", boxes[i], "EOD\n");
      const std::string colour =
          winner ? StrCat("fc rgb '", ColourOf(i), "'") : std::string("fc palette");
      const std::string using_columns =
          winner ? "using 1:2:(0.49):(0.49)" : "using 1:2:(0.49):(0.49):3";
      if (boxes[i].empty()) {  // wins nowhere; only in the legend
        plot_ += StrCat(plot_.empty() ? "" : ", \\\n     ", "NaN with boxes fs solid 1.0 ", colour,
                        " title ", GnuplotText(StrCat(series[i], " (nowhere)")));
        continue;
      }
      plot_ += StrCat(plot_.empty() ? "" : ", \\\n     ", "$box", i, " ", using_columns,
                      " with boxxyerror fs solid 1.0 noborder ", colour,
                      winner ? StrCat(" title ", GnuplotText(series[i])) : " notitle");
    }
    settings_ +=
        "set palette defined (0 '#f7fbff', 0.25 '#c6dbef', 0.5 '#6baed6', 0.75 '#2171b5', "
        "1 '#08306b')\nset cbrange [0:1]\nunset colorbox\n";
    data_ += labels_dark + "EOD\n" + labels_light + "EOD\n";
    for (const auto& [name, colour] : {std::pair("$dark", "#111111"), {"$light", "#ffffff"}}) {
      const bool any = data_.find(StrCat(name, " << EOD\nEOD")) == data_.npos;
      if (any) {
        plot_ += StrCat(", \\\n     ", name, " using 1:2:3 with labels center font ',12'",
                        winner ? " offset 0,0.45" : "", " tc rgb '", colour, "' notitle");
      }
    }
    if (!winner) settings_ += "unset key\n";
  }

  // Whether white reads better on a colour than black.
  static bool IsDark(size_t index) {
    static constexpr std::array<bool, 8> kDark = {true,  true,  true, false,
                                                  false, false, true, false};
    return kDark[index % kDark.size()];
  }

  const FigureSpec& spec_;
  const DataTable breakdown_;
  const DataTable& source_;  // the runs, or the breakdown
  int width_ = 720;
  int height_ = 460;
  std::string data_;      // blocks
  std::string settings_;  // after the common ones
  std::string plot_;
};

}  // namespace

std::string ShortFigure(const std::string& result, double value) {
  const ResultColumn& column = Column(result);
  if (column.unit == Unit::kSeconds) return HumanSeconds(value);
  return HumanCell(column, Median{value, value, value, 1});
}

std::string FigureScript(const FigureSpec& spec, const Results& results) {
  return Script(spec, results).Make();
}

Status WriteFigures(const Experiment& experiment, const Results& results,
                    const std::filesystem::path& out) {
  DirectoryFiles scripts;
  for (const FigureSpec& spec : experiment.figures) {
    std::string script = FigureScript(spec, results);
    if (!script.empty()) scripts[spec.name + ".gp"] = std::move(script);
  }
  return WriteDrawnFolder(out / "figures", scripts);
}

}  // namespace lutra
