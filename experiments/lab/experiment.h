// A declarative experiment: what is run, what is swept, and which tables and figures come of it.
// docs/experiments.md defines the file.
#ifndef LUTRA_EXPERIMENTS_LAB_EXPERIMENT_H_
#define LUTRA_EXPERIMENTS_LAB_EXPERIMENT_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"
#include "experiments/lab/published.h"
#include "experiments/lab/setting.h"
#include "mpc/network.h"

namespace lutra {

// The lines of the file on which settings stand, by name.
using SettingLines = std::map<std::string, int, std::less<>>;

struct Axis {
  struct Step {
    std::string label;             // in tables and figures
    std::optional<double> number;  // where the label is one
    Settings settings;
    SettingLines lines = {};
    int line = 1;  // of the value or the case
  };
  std::string name;
  bool is_replay = false;  // changes the network only
  std::vector<Step> steps;
};

// Which rows of the results a table or figure is made of: by axis, the labels that are kept.
using RowFilter = std::map<std::string, std::vector<std::string>, std::less<>>;

struct TableSpec {
  std::string name;
  std::string title;
  std::string by;  // a breakdown, or empty
  std::vector<std::string> rows;
  std::vector<std::string> columns;
  RowFilter only;
};

struct FigureSpec {
  enum class Style { kLines, kBars, kStacked, kHeatmap, kWinner };

  std::string name;
  std::string title;
  std::string by;  // a breakdown, or empty
  Style style = Style::kLines;
  std::string x;
  std::string x_label;         // empty: from x
  std::string y_label;         // likewise
  std::vector<std::string> y;  // results; of a heatmap one axis
  std::string z;               // of a heatmap, a result
  std::string series;          // an axis, or empty
  bool log_x = false;
  bool log_y = false;
  RowFilter only;
};

// Results beside published figures: comparison.h.
struct ComparisonSpec {
  std::string name;
  std::string title;
  PublishedWork published;
  std::vector<std::string> rows;
  RowFilter only;
  std::vector<std::string> columns;
  std::string ratio;   // or empty
  std::string figure;  // or empty
};

// A group of a breakdown that a table or figure asks for. Which groups there are is known once the
// points are priced.
struct GroupLabel {
  std::string by;     // "layer"
  std::string label;  // "layers.0"
  std::string field;  // "tables.only.layer"
  int line = 1;
};

// One point: the settings of one step of each axis that runs anything.
struct Point {
  std::vector<size_t> steps;  // by axis of Experiment::axes; of replay axes 0
  Settings settings;
};

// One way to replay a run: a network, with what replay axes change of it.
struct ReplayCase {
  std::string network;        // its name; empty where there are only replay axes
  std::vector<size_t> steps;  // by axis; of others 0
  Network shape;
};

// A network or published figures: how the experiment names the file, and where it was found.
struct NamedFile {
  std::string name;
  std::filesystem::path path;
};

struct Experiment {
  std::string name;  // of its folder
  std::filesystem::path file;
  std::string text;  // of the file
  std::string title;
  int64_t repetitions = 1;
  std::optional<uint64_t> seed;
  std::vector<std::string> network_names;
  std::vector<std::string> breakdown;  // "layer", "protocol", "step"
  Settings fixed;                      // of all points, unless an axis has them
  SettingLines fixed_lines;
  std::vector<Axis> axes;
  std::vector<Point> points;
  std::vector<ReplayCase> replays;  // none: runs are not replayed
  std::vector<TableSpec> tables;
  std::vector<FigureSpec> figures;
  std::vector<ComparisonSpec> comparisons;
  std::vector<GroupLabel> group_labels;
  std::vector<NamedFile> files;

  // Whether any point runs, or the closed form says all.
  bool runs() const;
  // "sequence=8, form=masked"; "the only point" without axes.
  std::string Label(const Point& point) const;
  // "experiments/x/experiment.toml:12: sequence=8": the line of a setting of the point; where it
  // has no such setting that of its last value, or else of its model or protocol.
  std::string Where(const Point& point, std::string_view setting) const;
  // Whether a point has, of every axis that the filter names, one of its labels.
  bool Keeps(const RowFilter& only, const Point& point) const;
};

// `path` is the file, or a folder with an experiment.toml. Errors name file, line, key, expected
// and found. What points make of their settings is checked by pricing them (plan.h).
StatusOr<Experiment> ReadExperiment(const std::filesystem::path& path);

// Where a file that an experiment names is: a copy in files/ beside the experiment, else looked for
// from the folder of the experiment upwards, then in the current directory; nothing where there is
// none.
std::optional<std::filesystem::path> FindFile(const std::filesystem::path& experiment,
                                              std::string_view name);

// Copies networks and published figures so that FindFile finds them from a copy of the experiment
// in `folder`. Models and inputs, which may be large, stay where they are.
Status CopyNamedFiles(const Experiment& experiment, const std::filesystem::path& folder);

}  // namespace lutra

#endif  // LUTRA_EXPERIMENTS_LAB_EXPERIMENT_H_
