#include <algorithm>
#include <map>
#include <set>

#include "analysis/result_column.h"
#include "experiments/lab/row_keys.h"
#include "experiments/lab/sections.h"

namespace lutra {
namespace {

using Style = FigureSpec::Style;

// One table of [[figures]].
class FigureReader {
 public:
  FigureReader(const TomlTable& table, RowKeys& keys, FigureSpec& spec)
      : table_(table), keys_(keys), spec_(spec) {}

  Status Read() {
    LUTRA_RETURN_IF_ERROR(ReadStyle());
    LUTRA_RETURN_IF_ERROR(keys_.Read(table_, "x", spec_.x, spec_.by));
    if (table_.Has("series")) {
      LUTRA_RETURN_IF_ERROR(keys_.Read(table_, "series", spec_.series, spec_.by));
    }
    if (table_.Has("x_label")) {
      LUTRA_ASSIGN_OR_RETURN(spec_.x_label, TextOnOneLine(table_, "x_label"));
    }
    if (table_.Has("y_label")) {
      LUTRA_ASSIGN_OR_RETURN(spec_.y_label, TextOnOneLine(table_, "y_label"));
    }
    LUTRA_RETURN_IF_ERROR(keys_.ReadOnly(table_, spec_.only, spec_.by));
    const bool is_map = spec_.style == Style::kHeatmap || spec_.style == Style::kWinner;
    return is_map ? ReadMap() : ReadLines();
  }

 private:
  Status ReadStyle() {
    static const std::map<std::string, Style, std::less<>> kStyles = {{"lines", Style::kLines},
                                                                      {"bars", Style::kBars},
                                                                      {"stacked", Style::kStacked},
                                                                      {"heatmap", Style::kHeatmap},
                                                                      {"winner", Style::kWinner}};
    if (table_.Has("style")) {
      LUTRA_ASSIGN_OR_RETURN(
          const std::string style,
          table_.Choice("style", {"lines", "bars", "stacked", "heatmap", "winner"}));
      spec_.style = kStyles.at(style);
    }
    if (!table_.Has("log")) return absl::OkStatus();
    std::string log;
    LUTRA_ASSIGN_OR_RETURN(log, table_.Choice("log", {"x", "y", "xy"}));
    spec_.log_x = log != "y";
    spec_.log_y = log != "x";
    if (spec_.style == Style::kLines) return absl::OkStatus();
    if (spec_.style == Style::kBars && log == "y") return absl::OkStatus();
    return table_.Wrong("log",
                        spec_.style == Style::kBars ? "'y': bars have no logarithmic x axis"
                                                    : "no logarithmic axes with this style",
                        StrCat("'", log, "'"));
  }

  // Lines and bars: y is one result or several.
  Status ReadLines() {
    if (table_.Has("z")) return table_.Wrong("z", "no z with this style", "one");
    LUTRA_RETURN_IF_ERROR(ReadResults());
    const ResultColumn* first = FindResultColumn(spec_.y[0]);
    for (const std::string& y : spec_.y) {
      if (FindResultColumn(y)->unit == first->unit) continue;
      return table_.Wrong("y", StrCat("results of one unit, as ", spec_.y[0]), StrCat("'", y, "'"));
    }
    if (spec_.style == Style::kLines) LUTRA_RETURN_IF_ERROR(CheckNumbers());
    return keys_.CheckComplete(table_, "series", spec_.only, {spec_.x, spec_.series}, spec_.by,
                               spec_.y);
  }

  Status ReadResults() {
    if (table_.Has("y") && table_.Find("y")->is_string()) {
      LUTRA_ASSIGN_OR_RETURN(const std::string y, table_.Text("y"));
      spec_.y = {y};
      return keys_.CheckResult(table_, "y", *table_.Find("y"), y, spec_.by);
    }
    LUTRA_ASSIGN_OR_RETURN(spec_.y, table_.Texts("y"));
    if (spec_.y.empty()) return table_.Wrong("y", "at least one result", "an empty array");
    const toml::array& nodes = *table_.Find("y")->as_array();
    for (size_t i = 0; i < spec_.y.size(); ++i) {
      LUTRA_RETURN_IF_ERROR(keys_.CheckResult(table_, "y", nodes[i], spec_.y[i], spec_.by));
    }
    return absl::OkStatus();
  }

  // Lines need numbers to be drawn along.
  Status CheckNumbers() const {
    const Axis* axis = keys_.AxisOf(spec_.x);
    const bool numeric = axis != nullptr && std::all_of(axis->steps.begin(), axis->steps.end(),
                                                        [](const Axis::Step& step) {
                                                          return step.number.has_value();
                                                        });
    if (!numeric) {
      return table_.Wrong("x", "an axis of numbers, or style = \"bars\" or \"stacked\"",
                          StrCat("'", spec_.x, "'"));
    }
    const bool positive = std::all_of(axis->steps.begin(), axis->steps.end(),
                                      [](const Axis::Step& step) { return *step.number > 0; });
    if (!spec_.log_x || positive) return absl::OkStatus();
    return table_.Wrong("log", "positive values on a logarithmic axis",
                        StrCat("others in '", spec_.x, "'"));
  }

  // Heatmaps: x and y are axes, z a result; a winner map has a series of which one is best.
  Status ReadMap() {
    std::string y;
    LUTRA_RETURN_IF_ERROR(keys_.Read(table_, "y", y, spec_.by));
    spec_.y = {y};
    if (y == spec_.x) return table_.Wrong("y", "another axis than x", StrCat("'", y, "'"));
    LUTRA_ASSIGN_OR_RETURN(spec_.z, table_.Text("z"));
    LUTRA_RETURN_IF_ERROR(keys_.CheckResult(table_, "z", *table_.Find("z"), spec_.z, spec_.by));
    std::vector<std::string> used = {spec_.x, y};
    if (spec_.style == Style::kWinner) {
      if (spec_.series.empty()) {
        return table_.Wrong("series", "the axis of which one value is best", "nothing");
      }
      used.push_back(spec_.series);
    } else if (!spec_.series.empty()) {
      return table_.Wrong("series", "no series in a heatmap", StrCat("'", spec_.series, "'"));
    }
    return keys_.CheckComplete(table_, "only", spec_.only, used, spec_.by, {spec_.z});
  }

  const TomlTable& table_;
  RowKeys& keys_;
  FigureSpec& spec_;
};

}  // namespace

Status ReadFigures(const TomlTable& root, Experiment& experiment) {
  if (!root.Has("figures")) return absl::OkStatus();
  LUTRA_ASSIGN_OR_RETURN(const std::vector<TomlTable> tables, root.Tables("figures"));
  RowKeys keys(experiment);
  std::set<std::string> names;
  for (const TomlTable& table : tables) {
    LUTRA_RETURN_IF_ERROR(table.CheckKeys(
        {"name", "title", "style", "x", "y", "z", "series", "log", "only", "x_label", "y_label"}));
    FigureSpec spec;
    LUTRA_RETURN_IF_ERROR(ReadNameAndTitle(table, names, spec.name, spec.title));
    LUTRA_RETURN_IF_ERROR(FigureReader(table, keys, spec).Read());
    experiment.figures.push_back(std::move(spec));
  }
  return absl::OkStatus();
}

}  // namespace lutra
