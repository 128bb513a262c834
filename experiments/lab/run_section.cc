// What is run: the head of an experiment file, its flags and axes.
#include <algorithm>
#include <array>
#include <limits>
#include <set>
#include <utility>

#include "analysis/networks.h"
#include "analysis/result_column.h"
#include "core/command_line.h"
#include "experiments/lab/row_keys.h"
#include "experiments/lab/sections.h"
#include "models/protocol_program.h"
#include "models/synthetic.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostPoints = 100000;
constexpr size_t kMostRuns = 100000;
constexpr size_t kMostReplays = 10000;
constexpr size_t kMostRows = 1000000;
constexpr std::array<std::string_view, 3> kBreakdowns = {"layer", "protocol", "step"};
// Columns of the results beside axes and results, in results.csv, summary.csv and breakdown.csv.
constexpr std::array<std::string_view, 7> kOwnColumns = {"point", "repetition", "network", "seed",
                                                         "runs",  "by",         "group"};

int LineOf(const toml::node& node) {
  return std::max(1, static_cast<int>(node.source().begin.line));
}

std::optional<double> NumberIn(const SettingValue& value) {
  if (const auto* integer = std::get_if<int64_t>(&value)) return static_cast<double>(*integer);
  if (const auto* number = std::get_if<double>(&value)) return *number;
  return std::nullopt;
}

// Whether a column of the results may have this name: then no axis may.
bool IsColumn(std::string_view name) {
  for (const std::string_view quartile : {"_q1", "_q3"}) {
    if (name.ends_with(quartile) &&
        FindResultColumn(name.substr(0, name.size() - quartile.size())) != nullptr) {
      return true;
    }
  }
  // A swept batch replaces the column.
  if (FindResultColumn(name) != nullptr) return name != "batch";
  return std::find(kOwnColumns.begin(), kOwnColumns.end(), name) != kOwnColumns.end();
}

class Reader {
 public:
  Reader(const TomlTable& root, Experiment& experiment) : root_(root), out_(experiment) {}

  Status Read() {
    LUTRA_RETURN_IF_ERROR(ReadHead());
    LUTRA_RETURN_IF_ERROR(ReadFlags());
    LUTRA_RETURN_IF_ERROR(ReadAxes());
    LUTRA_RETURN_IF_ERROR(MakePoints());
    LUTRA_RETURN_IF_ERROR(CheckPoints());
    return MakeReplays();
  }

 private:
  // ---- the head ----

  Status ReadHead() {
    LUTRA_ASSIGN_OR_RETURN(out_.title, TextOnOneLine(root_, "title"));
    for (const std::string_view key : {"measure", "model", "protocol", "input"}) {
      if (!root_.Has(key)) continue;
      LUTRA_RETURN_IF_ERROR(
          TakeSetting(root_, key, *root_.Find(key), out_.fixed, out_.fixed_lines));
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
                     Settings& settings, SettingLines& lines) {
    const std::string name = CanonicalName(key);
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
    lines.insert_or_assign(name, LineOf(node));
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
      const std::string name = CanonicalName(key);
      if (out_.fixed.contains(name)) {
        return flags.Wrong(key, "each setting once", "it beside [flags] already");
      }
      if (IsReplaySetting(name)) {
        return flags.Wrong(key, "an axis of that name, or a network file", "it in [flags]");
      }
      LUTRA_RETURN_IF_ERROR(
          TakeSetting(flags, key, *flags.Find(key), out_.fixed, out_.fixed_lines));
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
      out_.axes.push_back(std::move(axis));
    }
    return absl::OkStatus();
  }

  Status ReadAxisName(const TomlTable& table, Axis& axis) {
    LUTRA_ASSIGN_OR_RETURN(const std::string name, table.Text("name"));
    LUTRA_RETURN_IF_ERROR(CheckPlainName(table, "name", name));
    axis.name = CanonicalName(name);
    for (const Axis& other : out_.axes) {
      if (other.name == axis.name) {
        return table.Wrong("name", "axes of different names", StrCat("'", name, "' again"));
      }
    }
    const std::vector<std::string>& breakdown = out_.breakdown;
    if (IsColumn(axis.name) ||
        std::find(breakdown.begin(), breakdown.end(), axis.name) != breakdown.end()) {
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
    if (out_.fixed.contains(axis.name)) {
      return table.Wrong("name", "a setting that is not fixed elsewhere",
                         StrCat("'", axis.name, "', which is"));
    }
    for (const toml::node& node : *array) {
      Axis::Step step;
      LUTRA_ASSIGN_OR_RETURN(const SettingValue value, ValueOf(table, "values", node));
      if (const auto problem = CheckSetting(axis.name, value)) {
        return table.WrongAt(node, "values", problem->expected, problem->found);
      }
      LUTRA_RETURN_IF_ERROR(TakeSetting(table, axis.name, node, step.settings, step.lines));
      step.line = LineOf(node);
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
      step.line = LineOf(each.table());
      LUTRA_ASSIGN_OR_RETURN(step.label, each.Text("name"));
      if (step.label.empty()) return each.Wrong("name", "a name", "an empty string");
      for (const std::string& key : each.Keys()) {
        if (key == "name") continue;
        if (IsReplaySetting(CanonicalName(key))) {
          return each.Wrong(key, "an axis of its own (with values)", "it in a case");
        }
        LUTRA_RETURN_IF_ERROR(TakeSetting(each, key, *each.Find(key), step.settings, step.lines));
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
      point.settings = out_.fixed;
      for (size_t i = 0; i < steps.size(); ++i) {
        if (out_.axes[i].is_replay) continue;
        for (const auto& [name, value] : out_.axes[i].steps[steps[i]].settings) {
          point.settings.insert_or_assign(name, value);
        }
      }
      if (!point.settings.contains("measure")) {
        point.settings.insert_or_assign("measure", std::string("cost"));
      }
      out_.points.push_back(std::move(point));
    });
    return absl::OkStatus();
  }

  Status CheckPoints() const {
    for (const Point& point : out_.points) {
      const bool has_model = point.settings.contains("model");
      if (has_model == point.settings.contains("protocol")) {
        return InvalidArgument(out_.Where(point, "protocol"),
                               ": expected a model or a protocol, found ",
                               has_model ? "both" : "neither");
      }
    }
    if (RunCount() <= kMostRuns) return absl::OkStatus();
    return root_.Wrong("repetitions",
                       StrCat("at most ", kMostRuns, " runs (points that run, by repetitions)"),
                       StrCat(RunCount()));
  }

  // What is exact runs once: it is a point, and no run.
  size_t RunCount() const {
    const auto points = std::count_if(out_.points.begin(), out_.points.end(),
                                      [](const Point& point) { return Runs(point.settings); });
    return static_cast<size_t>(points) * static_cast<size_t>(out_.repetitions);
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
    const size_t replays = Combinations(true, kMostReplays) * networks_.size();
    const std::string_view key = out_.network_names.empty() ? "axes" : "networks";
    if (replays > kMostReplays) {
      return root_.Wrong(key, StrCat("at most ", kMostReplays, " networks"), "more");
    }
    if (RunCount() * replays > kMostRows) {
      return root_.Wrong(key, StrCat("at most ", kMostRows, " rows of results (runs by networks)"),
                         StrCat(RunCount() * replays));
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

  const TomlTable root_;
  Experiment& out_;
  std::vector<Network> networks_;
};

}  // namespace

Status ReadRuns(const TomlTable& root, Experiment& experiment) {
  return Reader(root, experiment).Read();
}

}  // namespace lutra
