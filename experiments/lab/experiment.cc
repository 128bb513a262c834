#include "experiments/lab/experiment.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <set>
#include <utility>

#include "analysis/networks.h"
#include "core/command_line.h"
#include "core/file.h"
#include "core/toml_file.h"
#include "experiments/lab/published.h"
#include "experiments/lab/result_column.h"
#include "models/protocol_program.h"
#include "models/synthetic.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFormat = "lutra-experiment/1";
constexpr std::string_view kFileName = "experiment.toml";
constexpr std::string_view kCopies = "files";
constexpr int64_t kMostBytes = int64_t{1} << 20;
constexpr size_t kMostPoints = 100000;
constexpr size_t kMostReplays = 10000;
constexpr std::array<std::string_view, 3> kBreakdowns = {"layer", "protocol", "step"};
// Columns of the results beside axes and results.
constexpr std::array<std::string_view, 4> kOwnColumns = {"point", "repetition", "network", "seed"};

int LineOf(const toml::node& node) {
  return std::max(1, static_cast<int>(node.source().begin.line));
}

// A name that is a column of a data frame and a name of a file as it stands.
bool IsPlainName(std::string_view name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  };
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), plain) &&
         !(name[0] >= '0' && name[0] <= '9') && name[0] != '-';
}

std::string Canonical(std::string_view key) {
  std::string name(key);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

std::optional<double> NumberIn(const SettingValue& value) {
  if (const auto* integer = std::get_if<int64_t>(&value)) return static_cast<double>(*integer);
  if (const auto* number = std::get_if<double>(&value)) return *number;
  return std::nullopt;
}

// Where a copy of a file that an experiment names lies, from the folder of the experiment's copy.
fs::path CopyOf(const fs::path& name) {
  fs::path copy = kCopies;
  for (const fs::path& part : name.relative_path()) copy /= part == ".." ? fs::path("up") : part;
  return copy;
}

class Reader {
 public:
  Reader(const TomlFile& file, Experiment& experiment) : root_(file.root()), out_(experiment) {}

  Status Read() {
    LUTRA_RETURN_IF_ERROR(root_.CheckKeys({"format", "title", "measure", "model", "protocol",
                                           "input", "repetitions", "seed", "networks", "breakdown",
                                           "flags", "axes", "tables", "figures", "comparisons"}));
    LUTRA_RETURN_IF_ERROR(ReadHead());
    LUTRA_RETURN_IF_ERROR(ReadFlags());
    LUTRA_RETURN_IF_ERROR(ReadAxes());
    LUTRA_RETURN_IF_ERROR(MakePoints());
    LUTRA_RETURN_IF_ERROR(CheckPoints());
    LUTRA_RETURN_IF_ERROR(MakeReplays());
    LUTRA_RETURN_IF_ERROR(ReadTables());
    LUTRA_RETURN_IF_ERROR(ReadFigures());
    return ReadComparisons();
  }

 private:
  // A text that is shown.
  static StatusOr<std::string> Line(const TomlTable& table, std::string_view key) {
    LUTRA_ASSIGN_OR_RETURN(std::string text, table.Text(key));
    if (IsOneLine(text)) return text;
    return table.Wrong(key, "a text on one line", "control characters");
  }

  // ---- the head ----

  Status ReadHead() {
    LUTRA_ASSIGN_OR_RETURN(out_.title, Line(root_, "title"));
    for (const std::string_view key : {"measure", "model", "protocol", "input"}) {
      if (!root_.Has(key)) continue;
      LUTRA_RETURN_IF_ERROR(TakeSetting(root_, key, *root_.Find(key), fixed_));
    }
    if (root_.Has("repetitions")) {
      LUTRA_ASSIGN_OR_RETURN(out_.repetitions, root_.Integer("repetitions", 1, 1000));
    }
    if (root_.Has("seed")) {
      LUTRA_ASSIGN_OR_RETURN(const int64_t seed,
                             root_.Integer("seed", 0, std::numeric_limits<int64_t>::max() / 2));
      out_.seed = static_cast<uint64_t>(seed);
    }
    if (root_.Has("networks")) LUTRA_RETURN_IF_ERROR(ReadNetworks());
    if (root_.Has("breakdown")) LUTRA_RETURN_IF_ERROR(ReadBreakdown());
    return absl::OkStatus();
  }

  Status ReadNetworks() {
    LUTRA_ASSIGN_OR_RETURN(out_.network_names, root_.Texts("networks"));
    const toml::array& nodes = *root_.Find("networks")->as_array();
    std::set<std::string> names;
    for (size_t i = 0; i < out_.network_names.size(); ++i) {
      const std::string& name = out_.network_names[i];
      StatusOr<Network> network = FindNetwork(nodes[i], name);
      if (!network.ok()) return network.status();
      if (!names.insert(network->name).second) {
        return root_.WrongAt(nodes[i], "networks", "each network once",
                             StrCat("'", network->name, "' again"));
      }
      networks_.push_back(*std::move(network));
    }
    return absl::OkStatus();
  }

  // A shipped network by its name, or a file.
  StatusOr<Network> FindNetwork(const toml::node& node, const std::string& name) {
    for (const ShippedNetworkFile& shipped : ShippedNetworkFiles()) {
      if (shipped.name == name) return ParseNetwork(shipped.toml, name);
    }
    for (const std::string& candidate : {name, StrCat(name, ".toml")}) {
      const std::optional<fs::path> path = FindFile(out_.file, candidate);
      if (!path.has_value() || !fs::is_regular_file(*path)) continue;
      out_.files.push_back({candidate, *path});
      return ReadNetwork(*path);
    }
    return root_.WrongAt(
        node, "networks",
        StrCat("a shipped network (", ShippedNetworkNames(), ") or a network file (.toml)"),
        StrCat("'", name, "', which is neither"));
  }

  Status ReadBreakdown() {
    LUTRA_ASSIGN_OR_RETURN(out_.breakdown, root_.Texts("breakdown"));
    const toml::array& nodes = *root_.Find("breakdown")->as_array();
    std::set<std::string_view> seen;
    for (size_t i = 0; i < out_.breakdown.size(); ++i) {
      const std::string& by = out_.breakdown[i];
      const bool known = std::find(kBreakdowns.begin(), kBreakdowns.end(), by) != kBreakdowns.end();
      if (!known || !seen.insert(by).second) {
        return root_.WrongAt(nodes[i], "breakdown", "'layer', 'protocol' or 'step', each once",
                             StrCat("'", by, "'"));
      }
    }
    return absl::OkStatus();
  }

  // ---- settings ----

  StatusOr<SettingValue> ValueOf(const TomlTable& table, std::string_view key,
                                 const toml::node& node) {
    if (const auto* boolean = node.as_boolean()) return SettingValue(boolean->get());
    if (const auto* integer = node.as_integer()) return SettingValue(integer->get());
    if (const auto* number = node.as_floating_point()) return SettingValue(number->get());
    if (const auto* text = node.as_string()) return SettingValue(text->get());
    return table.WrongAt(node, key, "a value", TomlTypeName(node));
  }

  // Checks what can be checked of a setting by itself.
  Status TakeSetting(const TomlTable& table, std::string_view key, const toml::node& node,
                     Settings& settings) {
    const std::string name = Canonical(key);
    LUTRA_ASSIGN_OR_RETURN(SettingValue value, ValueOf(table, key, node));
    if (const auto problem = CheckSetting(name, value)) {
      return table.WrongAt(node, key, problem->expected, problem->found);
    }
    if (name == "model" || name == "input") {
      LUTRA_RETURN_IF_ERROR(CheckFile(table, key, node, std::get<std::string>(value)));
    }
    if (name == "protocol") {
      const auto& protocol = std::get<std::string>(value);
      if (!ProtocolSizes(protocol).ok()) {
        return table.WrongAt(node, key, StrCat("one of ", CommaSeparated(ProtocolProgramNames())),
                             StrCat("'", protocol, "'"));
      }
    }
    settings.insert_or_assign(name, std::move(value));
    return absl::OkStatus();
  }

  // A synthetic shape that parses, or a file that is there.
  Status CheckFile(const TomlTable& table, std::string_view key, const toml::node& node,
                   const std::string& name) {
    if (key == "model" && IsSyntheticName(name)) return absl::OkStatus();  // parsed with its keys
    const std::optional<fs::path> path = FindFile(out_.file, name);
    if (path.has_value() && fs::is_regular_file(*path)) return absl::OkStatus();
    return table.WrongAt(node, key, key == "model" ? "a model file or a synthetic shape" : "a file",
                         StrCat("'", name, "', which is not there"));
  }

  Status ReadFlags() {
    if (!root_.Has("flags")) return absl::OkStatus();
    LUTRA_ASSIGN_OR_RETURN(const TomlTable flags, root_.Table("flags"));
    for (const std::string& key : flags.Keys()) {
      const std::string name = Canonical(key);
      if (fixed_.contains(name)) {
        return flags.Wrong(key, "each setting once", "it beside [flags] already");
      }
      if (IsReplaySetting(name)) {
        return flags.Wrong(key, "an axis of that name, or a network file", "it in [flags]");
      }
      LUTRA_RETURN_IF_ERROR(TakeSetting(flags, key, *flags.Find(key), fixed_));
    }
    return absl::OkStatus();
  }

  // ---- axes ----

  Status ReadAxes() {
    if (!root_.Has("axes")) return absl::OkStatus();
    LUTRA_ASSIGN_OR_RETURN(const std::vector<TomlTable> tables, root_.Tables("axes"));
    std::set<std::string> swept;
    for (const TomlTable& table : tables) {
      LUTRA_RETURN_IF_ERROR(table.CheckKeys({"name", "values", "cases"}));
      Axis axis;
      LUTRA_RETURN_IF_ERROR(ReadAxisName(table, axis));
      if (table.Has("values") == table.Has("cases")) {
        return table.Wrong("values", "either values or cases",
                           table.Has("values") ? "both" : "neither");
      }
      LUTRA_RETURN_IF_ERROR(table.Has("values") ? ReadValues(table, axis) : ReadCases(table, axis));
      std::set<std::string> own;
      for (const Axis::Step& step : axis.steps) {
        for (const auto& [name, value] : step.settings) own.insert(name);
      }
      for (const std::string& name : own) {
        if (!swept.insert(name).second) {
          return table.Wrong("name", "each setting in one axis",
                             StrCat("'", name, "', which an axis before has too"));
        }
      }
      axis_lines_.push_back(LineOf(table.table()));
      out_.axes.push_back(std::move(axis));
    }
    return absl::OkStatus();
  }

  Status ReadAxisName(const TomlTable& table, Axis& axis) {
    LUTRA_ASSIGN_OR_RETURN(const std::string name, table.Text("name"));
    if (!IsPlainName(name)) {
      return table.Wrong("name", "a name of letters, digits, '_' and '-', a letter first",
                         StrCat("'", name, "'"));
    }
    axis.name = Canonical(name);
    for (const Axis& other : out_.axes) {
      if (other.name == axis.name) {
        return table.Wrong("name", "axes of different names", StrCat("'", name, "' again"));
      }
    }
    const bool taken =
        FindResultColumn(axis.name) != nullptr
            ? axis.name != "batch"
            : std::find(kOwnColumns.begin(), kOwnColumns.end(), axis.name) != kOwnColumns.end();
    if (taken || IsBreakdown(axis.name)) {
      return table.Wrong("name", "a name that no column of the results has",
                         StrCat("'", name, "'"));
    }
    return absl::OkStatus();
  }

  Status ReadValues(const TomlTable& table, Axis& axis) {
    if (!IsSetting(axis.name)) {
      const std::vector<std::string_view> names = SettingNames();
      return table.Wrong("name",
                         StrCat("a setting (", CommaSeparated(names), "), or cases of a free name"),
                         StrCat("'", axis.name, "'", DidYouMean(axis.name, names)));
    }
    axis.is_replay = IsReplaySetting(axis.name);
    LUTRA_ASSIGN_OR_RETURN(const toml::array* array, table.Array("values", "an array of values"));
    if (array->empty()) return table.Wrong("values", "at least one value", "an empty array");
    if (fixed_.contains(axis.name)) {
      return table.Wrong("name", "a setting that is not fixed elsewhere",
                         StrCat("'", axis.name, "', which is"));
    }
    for (const toml::node& node : *array) {
      Axis::Step step;
      LUTRA_ASSIGN_OR_RETURN(const SettingValue value, ValueOf(table, "values", node));
      if (const auto problem = CheckSetting(axis.name, value)) {
        return table.WrongAt(node, "values", problem->expected, problem->found);
      }
      LUTRA_RETURN_IF_ERROR(TakeSetting(table, axis.name, node, step.settings));
      step.label = SettingText(value);
      step.number = NumberIn(value);
      LUTRA_RETURN_IF_ERROR(AddStep(table, node, "values", std::move(step), axis));
    }
    return absl::OkStatus();
  }

  Status ReadCases(const TomlTable& table, Axis& axis) {
    LUTRA_ASSIGN_OR_RETURN(const std::vector<TomlTable> cases, table.Tables("cases"));
    if (cases.empty()) return table.Wrong("cases", "at least one case", "an empty array");
    for (const TomlTable& each : cases) {
      Axis::Step step;
      LUTRA_ASSIGN_OR_RETURN(step.label, each.Text("name"));
      if (step.label.empty()) return each.Wrong("name", "a name", "an empty string");
      for (const std::string& key : each.Keys()) {
        if (key == "name") continue;
        if (IsReplaySetting(Canonical(key))) {
          return each.Wrong(key, "an axis of its own (with values)", "it in a case");
        }
        LUTRA_RETURN_IF_ERROR(TakeSetting(each, key, *each.Find(key), step.settings));
      }
      LUTRA_RETURN_IF_ERROR(AddStep(table, each.table(), "cases", std::move(step), axis));
    }
    return absl::OkStatus();
  }

  static Status AddStep(const TomlTable& table, const toml::node& node, std::string_view key,
                        Axis::Step step, Axis& axis) {
    if (!IsOneLine(step.label)) {
      return table.WrongAt(node, key, "a text on one line", "control characters");
    }
    for (const Axis::Step& other : axis.steps) {
      if (other.label == step.label) {
        return table.WrongAt(node, key, "each value once", StrCat("'", step.label, "' again"));
      }
    }
    axis.steps.push_back(std::move(step));
    return absl::OkStatus();
  }

  // ---- points and replays ----

  // Calls visit(steps) for every combination of the axes that are, or are not, of replays.
  template <class Visit>
  void ForEachCombination(bool of_replays, const Visit& visit) const {
    std::vector<size_t> steps(out_.axes.size(), 0);
    while (true) {
      visit(steps);
      size_t axis = out_.axes.size();
      while (axis > 0) {
        --axis;
        if (out_.axes[axis].is_replay != of_replays) {
          if (axis == 0) return;
          continue;
        }
        if (++steps[axis] < out_.axes[axis].steps.size()) break;
        steps[axis] = 0;
        if (axis == 0) return;
      }
      if (out_.axes.empty()) return;
    }
  }

  size_t Combinations(bool of_replays, size_t most) const {
    size_t count = 1;
    for (const Axis& axis : out_.axes) {
      if (axis.is_replay != of_replays) continue;
      if (count > most / axis.steps.size() + 1) return most + 1;
      count *= axis.steps.size();
    }
    return count;
  }

  Status MakePoints() {
    if (Combinations(false, kMostPoints) > kMostPoints) {
      return root_.Wrong("axes", StrCat("at most ", kMostPoints, " points"), "more");
    }
    ForEachCombination(false, [&](const std::vector<size_t>& steps) {
      Point point;
      point.steps = steps;
      point.settings = fixed_;
      for (size_t i = 0; i < steps.size(); ++i) {
        if (out_.axes[i].is_replay) continue;
        for (const auto& [name, value] : out_.axes[i].steps[steps[i]].settings) {
          point.settings.insert_or_assign(name, value);
        }
        point.line = axis_lines_[i];
      }
      if (!point.settings.contains("measure")) {
        point.settings.insert_or_assign("measure", std::string("cost"));
      }
      out_.points.push_back(std::move(point));
    });
    return absl::OkStatus();
  }

  Status CheckPoints() {
    for (const Point& point : out_.points) {
      const bool has_model = point.settings.contains("model");
      if (has_model == point.settings.contains("protocol")) {
        return InvalidArgument(out_.Where(point), ": expected a model or a protocol, found ",
                               has_model ? "both" : "neither");
      }
    }
    return absl::OkStatus();
  }

  Status MakeReplays() {
    const bool swept = std::any_of(out_.axes.begin(), out_.axes.end(),
                                   [](const Axis& axis) { return axis.is_replay; });
    if (!swept && networks_.empty()) return absl::OkStatus();
    if (!out_.runs()) {
      return root_.Wrong(networks_.empty() ? "axes" : "networks",
                         "runs to replay: measure = \"simulation\" or \"processes\"",
                         "networks of an experiment that runs nothing");
    }
    if (networks_.empty()) networks_.emplace_back();
    if (Combinations(true, kMostReplays) * networks_.size() > kMostReplays) {
      return root_.Wrong("axes", StrCat("at most ", kMostReplays, " networks"), "more");
    }
    for (const Network& network : networks_) {
      ForEachCombination(true, [&](const std::vector<size_t>& steps) {
        ReplayCase replay{network.name, steps, network};
        for (size_t i = 0; i < steps.size(); ++i) {
          if (out_.axes[i].is_replay) {
            Change(out_.axes[i].name, *out_.axes[i].steps[steps[i]].number, replay.shape);
          }
        }
        out_.replays.push_back(std::move(replay));
      });
    }
    return absl::OkStatus();
  }

  static void Change(std::string_view name, double value, Network& network) {
    for (auto& links : network.links) {
      for (Network::Link& link : links) {
        if (name == "round_trip_ms") link.latency_seconds = value * 1e-3 / 2;
        if (name == "bandwidth_mbit") link.bytes_per_second = value * 1e6 / 8;
      }
    }
  }

  // ---- tables and figures ----

  bool IsAxis(std::string_view name) const { return AxisOf(name) != nullptr; }
  const Axis* AxisOf(std::string_view name) const {
    for (const Axis& axis : out_.axes) {
      if (axis.name == name) return &axis;
    }
    return nullptr;
  }
  bool IsBreakdown(std::string_view name) const {
    return std::find(out_.breakdown.begin(), out_.breakdown.end(), name) != out_.breakdown.end();
  }
  // What rows of the results differ by.
  std::vector<std::string> Keys() const {
    std::vector<std::string> keys;
    for (const Axis& axis : out_.axes) keys.push_back(axis.name);
    if (!out_.network_names.empty()) keys.push_back("network");
    for (const std::string& by : out_.breakdown) keys.push_back(by);
    return keys;
  }
  bool MeasuresAnything() const { return out_.runs(); }

  // A key of rows: an axis, "network", a breakdown.
  Status CheckKey(const TomlTable& table, std::string_view field, const toml::node& node,
                  const std::string& name, std::string& by) const {
    const std::vector<std::string> keys = Keys();
    if (std::find(keys.begin(), keys.end(), name) == keys.end()) {
      return table.WrongAt(node, field,
                           keys.empty() ? "an axis, of which there are none"
                                        : StrCat("one of ", CommaSeparated(keys)),
                           StrCat("'", name, "'"));
    }
    if (!IsBreakdown(name) || IsAxis(name)) return absl::OkStatus();
    if (!by.empty() && by != name) {
      return table.WrongAt(node, field, StrCat("one breakdown, '", by, "'"),
                           StrCat("'", name, "' too"));
    }
    by = name;
    return absl::OkStatus();
  }

  Status CheckResult(const TomlTable& table, std::string_view field, const toml::node& node,
                     const std::string& name, const std::string& by) const {
    std::vector<std::string_view> names;
    for (const ResultColumn& column : ResultColumns()) {
      const bool there = column.source == ResultColumn::Source::kClosedForm ||
                         (column.source == ResultColumn::Source::kRun && MeasuresAnything()) ||
                         (column.source == ResultColumn::Source::kReplay && !out_.replays.empty());
      if (there && (by.empty() || column.in_breakdown)) names.push_back(column.name);
    }
    if (std::find(names.begin(), names.end(), name) != names.end()) return absl::OkStatus();
    return table.WrongAt(node, field, StrCat("a result: one of ", CommaSeparated(names)),
                         StrCat("'", name, "'", DidYouMean(name, names)));
  }

  Status ReadName(const TomlTable& table, std::set<std::string>& names, std::string& name,
                  std::string& title) const {
    LUTRA_ASSIGN_OR_RETURN(name, table.Text("name"));
    if (!IsPlainName(name)) {
      return table.Wrong("name", "a name of letters, digits, '_' and '-', a letter first",
                         StrCat("'", name, "'"));
    }
    if (!names.insert(name).second) {
      return table.Wrong("name", "different names", StrCat("'", name, "' again"));
    }
    LUTRA_ASSIGN_OR_RETURN(title, Line(table, "title"));
    return absl::OkStatus();
  }

  // only = { form = "masked", sequence = [8, 32] }
  Status ReadOnly(const TomlTable& table, RowFilter& only, std::string& by) const {
    if (!table.Has("only")) return absl::OkStatus();
    LUTRA_ASSIGN_OR_RETURN(const TomlTable filter, table.Table("only"));
    for (const std::string& key : filter.Keys()) {
      const toml::node& node = *filter.Find(key);
      const std::string name = Canonical(key);
      LUTRA_RETURN_IF_ERROR(CheckKey(filter, key, node, name, by));
      if (const toml::array* array = node.as_array()) {
        for (const toml::node& each : *array) {
          LUTRA_RETURN_IF_ERROR(AddLabel(filter, key, name, each, only));
        }
      } else {
        LUTRA_RETURN_IF_ERROR(AddLabel(filter, key, name, node, only));
      }
      if (only[name].empty()) return filter.Wrong(key, "at least one value", "an empty array");
    }
    return absl::OkStatus();
  }

  Status AddLabel(const TomlTable& filter, const std::string& key, const std::string& name,
                  const toml::node& node, RowFilter& only) const {
    std::string label;
    if (const auto* text = node.as_string()) {
      label = text->get();
    } else if (const auto* integer = node.as_integer()) {
      label = SettingText(SettingValue(integer->get()));
    } else if (const auto* number = node.as_floating_point()) {
      label = SettingText(SettingValue(number->get()));
    } else if (const auto* boolean = node.as_boolean()) {
      label = SettingText(SettingValue(boolean->get()));
    } else {
      return filter.WrongAt(node, key, "a value or an array of values", TomlTypeName(node));
    }
    std::vector<std::string> labels;
    if (const Axis* axis = AxisOf(name)) {
      for (const Axis::Step& step : axis->steps) labels.push_back(step.label);
    } else if (name == "network") {
      for (const Network& network : networks_) labels.push_back(network.name);
    }
    const bool known = std::find(labels.begin(), labels.end(), label) != labels.end();
    if (!labels.empty() && !known) {
      return filter.WrongAt(node, key, StrCat("one of ", CommaSeparated(labels)),
                            StrCat("'", label, "'"));
    }
    only[name].push_back(std::move(label));
    return absl::OkStatus();
  }

  // Every key of which more than one value is left must be told apart.
  Status CheckComplete(const TomlTable& table, std::string_view field, const RowFilter& only,
                       const std::vector<std::string>& used, bool needs_networks) const {
    const auto open = [&](const std::string& name, size_t values) {
      const auto filter = only.find(name);
      const size_t left = filter == only.end() ? values : filter->second.size();
      return left > 1 && std::find(used.begin(), used.end(), name) == used.end();
    };
    const auto error = [&](const std::string& name) {
      return table.Wrong(field, StrCat("'", name, "' here, or one value of it in only"),
                         "several values of it");
    };
    for (const Axis& axis : out_.axes) {
      if (axis.is_replay && !needs_networks) continue;
      if (open(axis.name, axis.steps.size())) return error(axis.name);
    }
    if (needs_networks && open("network", out_.network_names.size())) return error("network");
    return absl::OkStatus();
  }

  // Whether any of the results depends on the network.
  static bool NeedsNetworks(const std::vector<std::string>& results) {
    return std::any_of(results.begin(), results.end(), [](const std::string& name) {
      const ResultColumn* column = FindResultColumn(name);
      return column != nullptr && column->source == ResultColumn::Source::kReplay;
    });
  }

  static bool Uses(const std::vector<std::string>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  }

  Status ReadTables() {
    if (!root_.Has("tables")) return absl::OkStatus();
    LUTRA_ASSIGN_OR_RETURN(const std::vector<TomlTable> tables, root_.Tables("tables"));
    std::set<std::string> names;
    for (const TomlTable& table : tables) {
      LUTRA_RETURN_IF_ERROR(table.CheckKeys({"name", "title", "rows", "columns", "only"}));
      TableSpec spec;
      LUTRA_RETURN_IF_ERROR(ReadName(table, names, spec.name, spec.title));
      if (table.Has("rows")) {
        LUTRA_ASSIGN_OR_RETURN(spec.rows, table.Texts("rows"));
        LUTRA_RETURN_IF_ERROR(CheckKeysOf(table, "rows", spec.rows, spec.by));
      }
      LUTRA_RETURN_IF_ERROR(ReadOnly(table, spec.only, spec.by));
      LUTRA_ASSIGN_OR_RETURN(spec.columns, table.Texts("columns"));
      if (spec.columns.empty()) return table.Wrong("columns", "at least one", "an empty array");
      const toml::array& nodes = *table.Find("columns")->as_array();
      for (size_t i = 0; i < spec.columns.size(); ++i) {
        LUTRA_RETURN_IF_ERROR(CheckResult(table, "columns", nodes[i], spec.columns[i], spec.by));
      }
      const bool networks = NeedsNetworks(spec.columns) || Uses(spec.rows, "network");
      LUTRA_RETURN_IF_ERROR(CheckComplete(table, "rows", spec.only, spec.rows, networks));
      out_.tables.push_back(std::move(spec));
    }
    return absl::OkStatus();
  }

  Status CheckKeysOf(const TomlTable& table, std::string_view field,
                     std::vector<std::string>& names, std::string& by) const {
    const toml::array& nodes = *table.Find(field)->as_array();
    for (size_t i = 0; i < names.size(); ++i) {
      names[i] = Canonical(names[i]);
      LUTRA_RETURN_IF_ERROR(CheckKey(table, field, nodes[i], names[i], by));
    }
    return absl::OkStatus();
  }

  Status ReadFigures() {
    if (!root_.Has("figures")) return absl::OkStatus();
    LUTRA_ASSIGN_OR_RETURN(const std::vector<TomlTable> tables, root_.Tables("figures"));
    std::set<std::string> names;
    for (const TomlTable& table : tables) {
      LUTRA_RETURN_IF_ERROR(table.CheckKeys({"name", "title", "style", "x", "y", "z", "series",
                                             "log", "only", "x_label", "y_label"}));
      FigureSpec spec;
      LUTRA_RETURN_IF_ERROR(ReadName(table, names, spec.name, spec.title));
      LUTRA_RETURN_IF_ERROR(ReadFigure(table, spec));
      out_.figures.push_back(std::move(spec));
    }
    return absl::OkStatus();
  }

  Status ReadFigure(const TomlTable& table, FigureSpec& spec) const {
    LUTRA_RETURN_IF_ERROR(ReadStyle(table, spec));
    const bool is_map =
        spec.style == FigureSpec::Style::kHeatmap || spec.style == FigureSpec::Style::kWinner;
    LUTRA_RETURN_IF_ERROR(ReadKey(table, "x", spec.x, spec.by));
    if (table.Has("series")) LUTRA_RETURN_IF_ERROR(ReadKey(table, "series", spec.series, spec.by));
    if (table.Has("x_label")) {
      LUTRA_ASSIGN_OR_RETURN(spec.x_label, Line(table, "x_label"));
    }
    if (table.Has("y_label")) {
      LUTRA_ASSIGN_OR_RETURN(spec.y_label, Line(table, "y_label"));
    }
    LUTRA_RETURN_IF_ERROR(ReadOnly(table, spec.only, spec.by));
    return is_map ? ReadMap(table, spec) : ReadLines(table, spec);
  }

  Status ReadStyle(const TomlTable& table, FigureSpec& spec) const {
    static const std::map<std::string, FigureSpec::Style, std::less<>> kStyles = {
        {"lines", FigureSpec::Style::kLines},
        {"bars", FigureSpec::Style::kBars},
        {"stacked", FigureSpec::Style::kStacked},
        {"heatmap", FigureSpec::Style::kHeatmap},
        {"winner", FigureSpec::Style::kWinner}};
    if (table.Has("style")) {
      LUTRA_ASSIGN_OR_RETURN(
          const std::string style,
          table.Choice("style", {"lines", "bars", "stacked", "heatmap", "winner"}));
      spec.style = kStyles.at(style);
    }
    if (!table.Has("log")) return absl::OkStatus();
    LUTRA_ASSIGN_OR_RETURN(const std::string log, table.Choice("log", {"x", "y", "xy"}));
    spec.log_x = log != "y";
    spec.log_y = log != "x";
    if (spec.style == FigureSpec::Style::kLines) return absl::OkStatus();
    if (spec.style == FigureSpec::Style::kBars && log == "y") return absl::OkStatus();
    return table.Wrong("log",
                       spec.style == FigureSpec::Style::kBars
                           ? "'y': bars have no logarithmic x axis"
                           : "no logarithmic axes with this style",
                       StrCat("'", log, "'"));
  }

  Status ReadKey(const TomlTable& table, std::string_view field, std::string& name,
                 std::string& by) const {
    LUTRA_ASSIGN_OR_RETURN(const std::string text, table.Text(field));
    name = Canonical(text);
    LUTRA_RETURN_IF_ERROR(CheckKey(table, field, *table.Find(field), name, by));
    return absl::OkStatus();
  }

  // Lines and bars: y is one result or several.
  Status ReadLines(const TomlTable& table, FigureSpec& spec) const {
    if (table.Has("z")) return table.Wrong("z", "no z with this style", "one");
    if (table.Has("y") && table.Find("y")->is_string()) {
      LUTRA_ASSIGN_OR_RETURN(const std::string y, table.Text("y"));
      spec.y = {y};
      LUTRA_RETURN_IF_ERROR(CheckResult(table, "y", *table.Find("y"), y, spec.by));
    } else {
      LUTRA_ASSIGN_OR_RETURN(spec.y, table.Texts("y"));
      if (spec.y.empty()) return table.Wrong("y", "at least one result", "an empty array");
      const toml::array& nodes = *table.Find("y")->as_array();
      for (size_t i = 0; i < spec.y.size(); ++i) {
        LUTRA_RETURN_IF_ERROR(CheckResult(table, "y", nodes[i], spec.y[i], spec.by));
      }
    }
    const ResultColumn* first = FindResultColumn(spec.y[0]);
    for (const std::string& y : spec.y) {
      if (FindResultColumn(y)->unit != first->unit) {
        return table.Wrong("y", StrCat("results of one unit, as ", spec.y[0]), StrCat("'", y, "'"));
      }
    }
    if (spec.style == FigureSpec::Style::kLines) {
      const Axis* axis = AxisOf(spec.x);
      const bool numeric =
          axis != nullptr && std::all_of(axis->steps.begin(), axis->steps.end(),
                                         [](const Axis::Step& step) { return step.number; });
      if (!numeric) {
        return table.Wrong("x", "an axis of numbers, or style = \"bars\" or \"stacked\"",
                           StrCat("'", spec.x, "'"));
      }
      const bool positive = std::all_of(axis->steps.begin(), axis->steps.end(),
                                        [](const Axis::Step& step) { return *step.number > 0; });
      if (spec.log_x && !positive) {
        return table.Wrong("log", "positive values on a logarithmic axis",
                           StrCat("others in '", spec.x, "'"));
      }
    }
    std::vector<std::string> used = {spec.x, spec.series};
    return CheckComplete(table, "series", spec.only, used,
                         NeedsNetworks(spec.y) || Uses(used, "network"));
  }

  // Heatmaps: x and y are axes, z a result; a winner map has a series of which one is best.
  Status ReadMap(const TomlTable& table, FigureSpec& spec) const {
    std::string by = spec.by;
    std::string y;
    LUTRA_RETURN_IF_ERROR(ReadKey(table, "y", y, by));
    spec.by = by;
    spec.y = {y};
    if (y == spec.x) return table.Wrong("y", "another axis than x", StrCat("'", y, "'"));
    LUTRA_ASSIGN_OR_RETURN(spec.z, table.Text("z"));
    LUTRA_RETURN_IF_ERROR(CheckResult(table, "z", *table.Find("z"), spec.z, spec.by));
    std::vector<std::string> used = {spec.x, y};
    if (spec.style == FigureSpec::Style::kWinner) {
      if (spec.series.empty()) {
        return table.Wrong("series", "the axis of which one value is best", "nothing");
      }
      used.push_back(spec.series);
    } else if (!spec.series.empty()) {
      return table.Wrong("series", "no series in a heatmap", StrCat("'", spec.series, "'"));
    }
    return CheckComplete(table, "only", spec.only, used,
                         NeedsNetworks({spec.z}) || Uses(used, "network"));
  }

  // ---- comparisons ----

  Status ReadComparisons() {
    if (!root_.Has("comparisons")) return absl::OkStatus();
    LUTRA_ASSIGN_OR_RETURN(const std::vector<TomlTable> tables, root_.Tables("comparisons"));
    std::set<std::string> names;
    for (const TomlTable& table : tables) {
      LUTRA_RETURN_IF_ERROR(table.CheckKeys(
          {"name", "title", "published", "rows", "only", "columns", "ratio", "figure"}));
      ComparisonSpec spec;
      LUTRA_RETURN_IF_ERROR(ReadName(table, names, spec.name, spec.title));
      LUTRA_ASSIGN_OR_RETURN(spec.published, FindPublished(table));
      std::string by;
      if (table.Has("rows")) {
        LUTRA_ASSIGN_OR_RETURN(spec.rows, table.Texts("rows"));
        LUTRA_RETURN_IF_ERROR(CheckKeysOf(table, "rows", spec.rows, by));
      }
      LUTRA_RETURN_IF_ERROR(ReadOnly(table, spec.only, by));
      if (!by.empty()) return table.Wrong("rows", "axes", StrCat("the breakdown '", by, "'"));
      LUTRA_RETURN_IF_ERROR(CheckComplete(table, "rows", spec.only, spec.rows, false));
      LUTRA_RETURN_IF_ERROR(ReadAmounts(table, spec));
      out_.comparisons.push_back(std::move(spec));
    }
    return absl::OkStatus();
  }

  StatusOr<PublishedWork> FindPublished(const TomlTable& table) {
    LUTRA_ASSIGN_OR_RETURN(const std::string name, table.Text("published"));
    for (const std::string& candidate : {name, StrCat("experiments/published/", name, ".toml")}) {
      const std::optional<fs::path> path = FindFile(out_.file, candidate);
      if (!path.has_value() || !fs::is_regular_file(*path)) continue;
      out_.files.push_back({candidate, *path});
      return ReadPublished(*path);
    }
    return table.Wrong("published", "the name of a file in experiments/published, or a file",
                       StrCat("'", name, "', which is neither"));
  }

  static Status ReadAmounts(const TomlTable& table, ComparisonSpec& spec) {
    const std::span<const std::string_view> known = PublishedAmounts();
    const auto check = [&](std::string_view key, const toml::node& node, const std::string& name) {
      if (std::find(known.begin(), known.end(), name) != known.end()) return Status();
      return table.WrongAt(node, key, StrCat("one of ", CommaSeparated(known)),
                           StrCat("'", name, "'", DidYouMean(name, known)));
    };
    LUTRA_ASSIGN_OR_RETURN(spec.columns, table.Texts("columns"));
    if (spec.columns.empty()) return table.Wrong("columns", "at least one", "an empty array");
    const toml::array& nodes = *table.Find("columns")->as_array();
    for (size_t i = 0; i < spec.columns.size(); ++i) {
      LUTRA_RETURN_IF_ERROR(check("columns", nodes[i], spec.columns[i]));
    }
    for (const std::string_view key : {"ratio", "figure"}) {
      if (!table.Has(key)) continue;
      std::string& name = key == "ratio" ? spec.ratio : spec.figure;
      LUTRA_ASSIGN_OR_RETURN(name, table.Text(key));
      LUTRA_RETURN_IF_ERROR(check(key, *table.Find(key), name));
    }
    return absl::OkStatus();
  }

  const TomlTable root_;
  Experiment& out_;
  Settings fixed_;
  std::vector<int> axis_lines_;
  std::vector<Network> networks_;
};

}  // namespace

bool Experiment::runs() const {
  return std::any_of(points.begin(), points.end(), [](const Point& point) {
    return TextOf(point.settings, "measure", "cost") != "cost";
  });
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

std::string Experiment::Where(const Point& point) const {
  return StrCat(file.string(), ":", point.line, ": ", Label(point));
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
  LUTRA_RETURN_IF_ERROR(Reader(file, experiment).Read());
  return experiment;
}

}  // namespace lutra
