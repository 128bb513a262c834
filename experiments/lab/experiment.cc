#include "experiments/lab/experiment.h"

#include <algorithm>

#include "core/file.h"
#include "core/toml_file.h"
#include "experiments/lab/sections.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFormat = "lutra-experiment/1";
constexpr std::string_view kFileName = "experiment.toml";
constexpr std::string_view kCopies = "files";
constexpr int64_t kMostBytes = int64_t{1} << 20;

// Where a copy of a file that an experiment names lies, from the folder of the experiment's copy.
fs::path CopyOf(const fs::path& name) {
  fs::path copy = kCopies;
  for (const fs::path& part : name.relative_path()) copy /= part == ".." ? fs::path("up") : part;
  return copy;
}

Status ReadSections(const TomlTable& root, Experiment& experiment) {
  LUTRA_RETURN_IF_ERROR(root.CheckKeys({"format", "title", "measure", "model", "protocol", "input",
                                        "repetitions", "seed", "networks", "breakdown", "flags",
                                        "axes", "tables", "figures", "comparisons"}));
  LUTRA_RETURN_IF_ERROR(ReadRuns(root, experiment));
  LUTRA_RETURN_IF_ERROR(ReadTables(root, experiment));
  LUTRA_RETURN_IF_ERROR(ReadFigures(root, experiment));
  return ReadComparisons(root, experiment);
}

// The line of a setting, where the point has it.
std::optional<int> LineOf(const Experiment& experiment, const Point& point,
                          std::string_view setting) {
  for (size_t i = 0; i < experiment.axes.size(); ++i) {
    const SettingLines& lines = experiment.axes[i].steps[point.steps[i]].lines;
    const auto line = lines.find(setting);
    if (line != lines.end() && !experiment.axes[i].is_replay) return line->second;
  }
  const auto line = experiment.fixed_lines.find(setting);
  return line == experiment.fixed_lines.end() ? std::nullopt : std::optional(line->second);
}

std::optional<int> LineOfLastValue(const Experiment& experiment, const Point& point) {
  for (size_t i = experiment.axes.size(); i-- > 0;) {
    if (!experiment.axes[i].is_replay) return experiment.axes[i].steps[point.steps[i]].line;
  }
  return std::nullopt;
}

}  // namespace

bool Experiment::runs() const {
  return std::any_of(points.begin(), points.end(),
                     [](const Point& point) { return Runs(point.settings); });
}

std::string Experiment::Label(const Point& point) const {
  std::string label;
  for (size_t i = 0; i < axes.size(); ++i) {
    if (axes[i].is_replay) continue;
    label +=
        StrCat(label.empty() ? "" : ", ", axes[i].name, "=", axes[i].steps[point.steps[i]].label);
  }
  return label.empty() ? "the only point" : label;
}

std::string Experiment::Where(const Point& point, std::string_view setting) const {
  std::optional<int> line = LineOf(*this, point, setting);
  if (!line.has_value()) line = LineOfLastValue(*this, point);
  if (!line.has_value()) line = LineOf(*this, point, "model");
  if (!line.has_value()) line = LineOf(*this, point, "protocol");
  return StrCat(file.string(), ":", line.value_or(1), ": ", Label(point));
}

bool Experiment::Keeps(const RowFilter& only, const Point& point) const {
  for (size_t i = 0; i < axes.size(); ++i) {
    const auto labels = only.find(axes[i].name);
    if (labels == only.end()) continue;
    const std::string& own = axes[i].steps[point.steps[i]].label;
    if (std::find(labels->second.begin(), labels->second.end(), own) == labels->second.end()) {
      return false;
    }
  }
  return true;
}

std::optional<fs::path> FindFile(const fs::path& experiment, std::string_view name) {
  const fs::path relative(name);
  std::error_code error;
  const fs::path absolute = fs::absolute(experiment, error).lexically_normal();
  if (error) return std::nullopt;
  const fs::path copy = absolute.parent_path() / CopyOf(relative);
  if (fs::exists(copy, error)) return copy;
  if (relative.is_absolute()) {
    return fs::exists(relative, error) ? std::optional(relative) : std::nullopt;
  }
  for (fs::path folder = absolute.parent_path();; folder = folder.parent_path()) {
    if (fs::exists(folder / relative, error)) return folder / relative;
    if (folder == folder.parent_path()) break;
  }
  const fs::path here = fs::absolute(relative, error);
  if (!error && fs::exists(here, error)) return here;
  return std::nullopt;
}

Status CopyNamedFiles(const Experiment& experiment, const fs::path& folder) {
  for (const NamedFile& file : experiment.files) {
    LUTRA_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(file.path, kMostBytes));
    const fs::path copy = folder / CopyOf(file.name);
    std::error_code error;
    fs::create_directories(copy.parent_path(), error);
    if (error) return Unavailable(copy.parent_path().string(), ": ", error.message());
    LUTRA_RETURN_IF_ERROR(WriteFile(copy, text));
  }
  return absl::OkStatus();
}

StatusOr<Experiment> ReadExperiment(const fs::path& path) {
  std::error_code error;
  Experiment experiment;
  experiment.file = fs::is_directory(path, error) ? path / kFileName : path;
  LUTRA_ASSIGN_OR_RETURN(experiment.text, ReadTextFile(experiment.file, kMostBytes));
  const fs::path absolute = fs::absolute(experiment.file, error).lexically_normal();
  experiment.name = absolute.filename() == kFileName ? absolute.parent_path().filename().string()
                                                     : absolute.stem().string();
  LUTRA_ASSIGN_OR_RETURN(const TomlFile file,
                         TomlFile::Parse(experiment.text, experiment.file.string()));
  LUTRA_RETURN_IF_ERROR(file.CheckFormat(kFormat));
  LUTRA_RETURN_IF_ERROR(ReadSections(file.root(), experiment));
  return experiment;
}

}  // namespace lutra
