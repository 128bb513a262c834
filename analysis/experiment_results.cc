#include "analysis/experiment_results.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>

#include "analysis/cost_table.h"
#include "analysis/json_fields.h"
#include "analysis/report.h"
#include "core/file.h"
#include "core/toml_file.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr int64_t kMostBytes = int64_t{64} << 20;  // of a file
constexpr std::string_view kFormat = "lutra-experiment/1";
constexpr std::string_view kEnvironmentFormat = "lutra-experiment-environment/2";

template <class Names>
bool Contains(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// ------------------------------------------------------------------------------ experiment.toml

// Settings, axes and results are named with '_'; a file may have '-'.
std::string Canonical(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

// A value as results.csv has it.
std::string TextOf(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* integer = node.as_integer()) return StrCat(integer->get());
  if (const auto* boolean = node.as_boolean()) return boolean->get() ? "true" : "false";
  if (const auto* number = node.as_floating_point()) return Shortest(number->get());
  return std::string(TomlTypeName(node));
}

StatusOr<std::vector<TomlTable>> TablesIn(const TomlTable& table, std::string_view key) {
  if (!table.Has(key)) return std::vector<TomlTable>();
  return table.Tables(key);
}

StatusOr<std::vector<std::string>> TextsIn(const TomlTable& table, std::string_view key) {
  if (!table.Has(key)) return std::vector<std::string>();
  return table.Texts(key);
}

// A name that files have, and nothing else: no way out of a folder.
StatusOr<ExperimentFigure> NameAndTitle(const TomlTable& table) {
  ExperimentFigure figure;
  LUTRA_ASSIGN_OR_RETURN(figure.name, table.Text("name"));
  LUTRA_ASSIGN_OR_RETURN(figure.title, table.Text("title"));
  const bool plain = std::all_of(figure.name.begin(), figure.name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
  if (plain && !figure.name.empty()) return figure;
  return table.Wrong("name", "a name of letters, digits, '_' and '-'", "another");
}

StatusOr<ExperimentAxis> AxisOf(const TomlTable& table) {
  ExperimentAxis axis;
  LUTRA_ASSIGN_OR_RETURN(axis.name, table.Text("name"));
  axis.name = Canonical(axis.name);
  if (table.Has("values")) {
    LUTRA_ASSIGN_OR_RETURN(const toml::array* values, table.Array("values", "an array of values"));
    for (const toml::node& value : *values) axis.steps.push_back(TextOf(value));
    return axis;
  }
  LUTRA_ASSIGN_OR_RETURN(const std::vector<TomlTable> cases, table.Tables("cases"));
  for (const TomlTable& each : cases) {
    LUTRA_ASSIGN_OR_RETURN(axis.steps.emplace_back(), each.Text("name"));
  }
  return axis;
}

StatusOr<ExperimentTable> TableOf(const TomlTable& table, const ExperimentFile& file) {
  LUTRA_ASSIGN_OR_RETURN(const ExperimentFigure names, NameAndTitle(table));
  ExperimentTable spec;
  spec.name = names.name;
  spec.title = names.title;
  LUTRA_ASSIGN_OR_RETURN(spec.rows, TextsIn(table, "rows"));
  LUTRA_ASSIGN_OR_RETURN(spec.columns, TextsIn(table, "columns"));
  for (std::string& name : spec.rows) name = Canonical(name);
  for (std::string& name : spec.columns) name = Canonical(name);
  if (table.Has("only")) {
    LUTRA_ASSIGN_OR_RETURN(const TomlTable only, table.Table("only"));
    for (const std::string& key : only.Keys()) {
      std::vector<std::string>& labels = spec.only[Canonical(key)];
      const toml::node& node = *only.Find(key);
      const toml::array* array = node.as_array();
      if (array == nullptr) labels.push_back(TextOf(node));
      if (array == nullptr) continue;
      for (const toml::node& each : *array) labels.push_back(TextOf(each));
    }
  }
  const auto is_axis = [&](const std::string& name) {
    return std::any_of(file.axes.begin(), file.axes.end(),
                       [&](const ExperimentAxis& axis) { return axis.name == name; });
  };
  for (const std::string& name : file.breakdown) {
    if ((Contains(spec.rows, name) || spec.only.contains(name)) && !is_axis(name)) spec.by = name;
  }
  return spec;
}

Status ReadSettings(const TomlTable& root, ExperimentFile& file) {
  file.measure = "cost";
  if (root.Has("measure")) {
    LUTRA_ASSIGN_OR_RETURN(file.measure, root.Text("measure"));
  }
  if (root.Has("repetitions")) {
    LUTRA_ASSIGN_OR_RETURN(file.repetitions, root.Integer("repetitions", 1, 1000));
  }
  for (const char* name : {"model", "protocol", "input", "description"}) {
    if (root.Has(name)) file.settings.emplace_back(name, TextOf(*root.Find(name)));
  }
  if (!root.Has("flags")) return absl::OkStatus();
  LUTRA_ASSIGN_OR_RETURN(const TomlTable flags, root.Table("flags"));
  for (const std::string& key : flags.Keys()) {
    file.settings.emplace_back(Canonical(key), TextOf(*flags.Find(key)));
  }
  return absl::OkStatus();
}

StatusOr<ExperimentFile> ReadExperimentFile(const fs::path& path) {
  LUTRA_ASSIGN_OR_RETURN(const TomlFile toml, TomlFile::Read(path));
  LUTRA_RETURN_IF_ERROR(toml.CheckFormat(kFormat));
  const TomlTable root = toml.root();
  ExperimentFile file;
  LUTRA_ASSIGN_OR_RETURN(file.title, root.Text("title"));
  LUTRA_RETURN_IF_ERROR(ReadSettings(root, file));
  LUTRA_ASSIGN_OR_RETURN(file.networks, TextsIn(root, "networks"));
  LUTRA_ASSIGN_OR_RETURN(file.breakdown, TextsIn(root, "breakdown"));
  for (const std::string& by : file.breakdown) {
    if (by == "layer" || by == "protocol" || by == "step") continue;
    return root.Wrong("breakdown", "layer, protocol or step", "another");
  }
  LUTRA_ASSIGN_OR_RETURN(const std::vector<TomlTable> axes, TablesIn(root, "axes"));
  for (const TomlTable& table : axes) {
    LUTRA_ASSIGN_OR_RETURN(file.axes.emplace_back(), AxisOf(table));
  }
  LUTRA_ASSIGN_OR_RETURN(const std::vector<TomlTable> tables, TablesIn(root, "tables"));
  for (const TomlTable& table : tables) {
    LUTRA_ASSIGN_OR_RETURN(file.tables.emplace_back(), TableOf(table, file));
  }
  LUTRA_ASSIGN_OR_RETURN(const std::vector<TomlTable> figures, TablesIn(root, "figures"));
  for (const TomlTable& table : figures) {
    LUTRA_ASSIGN_OR_RETURN(file.figures.emplace_back(), NameAndTitle(table));
  }
  LUTRA_ASSIGN_OR_RETURN(const std::vector<TomlTable> comparisons, TablesIn(root, "comparisons"));
  for (const TomlTable& table : comparisons) {
    LUTRA_ASSIGN_OR_RETURN(file.comparisons.emplace_back(), NameAndTitle(table));
  }
  return file;
}

// ----------------------------------------------------------------------------- environment.json

std::string TextOf(const Json& json) {
  if (json.is_string()) return json.get<std::string>();
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// "AMD EPYC, 2 cores, 25.3 GB, AVX3".
StatusOr<std::string> MachineOf(const JsonFields& fields) {
  LUTRA_ASSIGN_OR_RETURN(const std::string processor, fields.Text("processor"));
  LUTRA_ASSIGN_OR_RETURN(const int64_t cores, fields.Integer("cores"));
  LUTRA_ASSIGN_OR_RETURN(const int64_t memory, fields.Integer("memory_bytes"));
  std::string text =
      StrCat(processor, ", ", cores, cores == 1 ? " core, " : " cores, ", HumanBytes(memory));
  if (fields.IsNull("simd")) return text;
  LUTRA_ASSIGN_OR_RETURN(const std::string simd, fields.Text("simd"));
  return StrCat(text, ", ", simd);
}

// "name value, name value".
std::string NamesAndValues(const Json& object) {
  std::string text;
  for (const auto& [name, value] : object.items()) {
    text += StrCat(text.empty() ? "" : ", ", name, " ", TextOf(value));
  }
  return text;
}

StatusOr<std::string> OriginOf(const JsonFields& fields) {
  LUTRA_ASSIGN_OR_RETURN(const int64_t runs, fields.Integer("runs"));
  LUTRA_ASSIGN_OR_RETURN(const JsonFields machine, fields.Object("machine"));
  LUTRA_ASSIGN_OR_RETURN(const std::string text, MachineOf(machine));
  LUTRA_ASSIGN_OR_RETURN(const JsonFields made_by, fields.Object("made_by"));
  return StrCat(runs, runs == 1 ? " run on " : " runs on ", text, "; ",
                NamesAndValues(made_by.object()));
}

StatusOr<ExperimentPoint> PointOf(const JsonFields& fields) {
  ExperimentPoint point;
  LUTRA_ASSIGN_OR_RETURN(const JsonFields settings, fields.Object("settings"));
  point.settings = NamesAndValues(settings.object());
  LUTRA_ASSIGN_OR_RETURN(point.program, fields.Text("program"));
  return point;
}

StatusOr<ExperimentEnvironment> ReadEnvironment(const fs::path& path) {
  LUTRA_ASSIGN_OR_RETURN(const Json json, ReadJsonObject(path, kMostBytes, kEnvironmentFormat));
  const JsonFields fields(json, StrCat("'", path.string(), "': "));
  ExperimentEnvironment environment;
  LUTRA_ASSIGN_OR_RETURN(const JsonFields versions, fields.Object("versions"));
  environment.versions = NamesAndValues(versions.object());
  LUTRA_ASSIGN_OR_RETURN(const JsonFields machine, fields.Object("machine"));
  LUTRA_ASSIGN_OR_RETURN(environment.machine, MachineOf(machine));
  LUTRA_ASSIGN_OR_RETURN(const std::vector<JsonFields> origins, fields.Objects("origins"));
  for (const JsonFields& each : origins) {
    LUTRA_ASSIGN_OR_RETURN(environment.origins.emplace_back(), OriginOf(each));
  }
  LUTRA_ASSIGN_OR_RETURN(environment.command, fields.Texts("command"));
  LUTRA_ASSIGN_OR_RETURN(environment.started, fields.Text("started"));
  LUTRA_ASSIGN_OR_RETURN(environment.written, fields.Text("written"));
  LUTRA_ASSIGN_OR_RETURN(const JsonFields runs, fields.Object("runs"));
  LUTRA_ASSIGN_OR_RETURN(environment.planned, runs.Integer("planned"));
  LUTRA_ASSIGN_OR_RETURN(environment.finished, runs.Integer("finished"));
  LUTRA_ASSIGN_OR_RETURN(const Json* seeds, fields.List("seeds"));
  for (const Json& seed : *seeds) environment.seeds.push_back(TextOf(seed));
  LUTRA_ASSIGN_OR_RETURN(const std::vector<JsonFields> points, fields.Objects("points"));
  for (const JsonFields& each : points) {
    LUTRA_ASSIGN_OR_RETURN(environment.points.emplace_back(), PointOf(each));
  }
  return environment;
}

// ----------------------------------------------------------------------------------------- CSV

StatusOr<CsvTable> ReadResultsCsv(const fs::path& path) {
  LUTRA_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(path, kMostBytes));
  return ParseCsv(text, StrCat("'", path.string(), "'"));
}

}  // namespace

StatusOr<ExperimentResults> ReadExperimentResults(const fs::path& directory) {
  ExperimentResults results;
  LUTRA_ASSIGN_OR_RETURN(results.file, ReadExperimentFile(directory / "experiment.toml"));
  std::error_code ignored;
  if (!fs::exists(directory / "results.csv", ignored)) {
    return absl::NotFoundError(StrCat("'", directory.string(),
                                      "': expected results.csv beside experiment.toml, found none: "
                                      "lutra-experiment run has not ended there yet"));
  }
  LUTRA_ASSIGN_OR_RETURN(results.environment, ReadEnvironment(directory / "environment.json"));
  LUTRA_ASSIGN_OR_RETURN(results.runs, ReadResultsCsv(directory / "results.csv"));
  if (results.file.breakdown.empty()) return results;
  LUTRA_ASSIGN_OR_RETURN(results.breakdown, ReadResultsCsv(directory / "breakdown.csv"));
  return results;
}

}  // namespace lutra
