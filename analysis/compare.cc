#include "analysis/compare.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <initializer_list>
#include <map>
#include <memory>
#include <utility>

#include "analysis/cost.h"
#include "analysis/cost_table.h"
#include "analysis/run_directory.h"

namespace lutra {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kTotal = "total";
constexpr size_t kMostChanges = 8;

// What is at the end of a path of fields; null where there is nothing.
Json At(const Json& json, std::initializer_list<const char*> path) {
  const Json* at = &json;
  for (const char* field : path) {
    if (!at->is_object()) return nullptr;
    const auto found = at->find(field);
    if (found == at->end()) return nullptr;
    at = &*found;
  }
  return *at;
}

std::optional<double> NumberAt(const Json& json, std::initializer_list<const char*> path) {
  const Json value = At(json, path);
  if (!value.is_number()) return std::nullopt;
  return value.get<double>();
}

std::string TextAt(const Json& json, std::initializer_list<const char*> path) {
  const Json value = At(json, path);
  if (value.is_string()) return value.get<std::string>();
  if (value.is_null()) return "";
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// What a figure of all sessions adds up to; none where a session does not have it.
std::optional<double> SumOfSessions(const Json& run, std::initializer_list<const char*> path) {
  double sum = 0;
  for (const Json& session : run["sessions"]) {
    const std::optional<double> value = NumberAt(session, path);
    if (!value.has_value()) return std::nullopt;
    sum += *value;
  }
  return sum;
}

// The value of a flag on the command line of a run; `otherwise` where it was not given.
std::string FlagOf(const Json& run, std::string_view flag, std::string_view otherwise) {
  const Json command = At(run, {"command"});
  if (!command.is_array()) return "";
  const std::string name = StrCat("--", flag);
  for (size_t i = 0; i < command.size(); ++i) {
    if (!command[i].is_string()) continue;
    const std::string argument = command[i].get<std::string>();
    if (argument.starts_with(name + "=")) return argument.substr(name.size() + 1);
    if (argument == name && i + 1 < command.size() && command[i + 1].is_string()) {
      return command[i + 1].get<std::string>();
    }
  }
  return std::string(otherwise);
}

// The name of the program that ran, without its folder.
std::string RunnerOf(const Json& run) {
  const Json command = At(run, {"command"});
  if (!command.is_array() || command.empty() || !command[0].is_string()) return "";
  const std::string path = command[0].get<std::string>();
  return path.substr(path.rfind('/') + 1);
}

// A run that is compared, with the closed form of what it sent.
struct Run {
  std::string path;
  RunFiles files;
  std::unique_ptr<ProgramCost> cost;
  double sessions = 0;

  const Json& json() const { return files.run; }
};

StatusOr<Run> ReadRun(const Registry& registry, const std::string& path) {
  Run run;
  run.path = path;
  LUTRA_ASSIGN_OR_RETURN(run.files, ReadRunDirectory(registry, path));
  const Json sessions = At(run.json(), {"sessions"});
  if (!sessions.is_array() || sessions.empty()) {
    return InvalidArgument(path, "/run.json: sessions: expected a list of sessions, found ",
                           sessions.is_array() ? "none" : sessions.type_name());
  }
  run.sessions = static_cast<double>(sessions.size());
  run.cost = std::make_unique<ProgramCost>(*run.files.program);
  return run;
}

class Comparer {
 public:
  explicit Comparer(std::vector<Run> runs) : runs_(std::move(runs)) {}

  RunComparison Compare() && {
    for (const Run& run : runs_) {
      comparison_.runs.push_back(run.path);
      comparison_.digests.push_back(run.files.program->digest().Hex());
    }
    AddSettings();
    AddTotals();
    AddPredictions();
    AddLinks();
    AddGroups("layer", [](const ProgramCost& cost) { return cost.ByLayer(); });
    AddGroups("protocol", [](const ProgramCost& cost) { return cost.ByProtocol(); });
    return std::move(comparison_);
  }

 private:
  template <class TextOfRun>
  void AddSetting(std::string_view name, const TextOfRun& text_of_run) {
    CompareSetting setting;
    setting.name = name;
    for (const Run& run : runs_) setting.values.push_back(text_of_run(run.json()));
    comparison_.settings.push_back(std::move(setting));
  }

  void AddSettings() {
    const auto field = [&](std::string_view name, std::initializer_list<const char*> path) {
      AddSetting(name, [path](const Json& run) { return TextAt(run, path); });
    };
    const auto flag = [&](std::string_view name, std::string_view otherwise) {
      AddSetting(name, [=](const Json& run) { return FlagOf(run, name, otherwise); });
    };
    field("model", {"model", "name"});
    flag("linear", "masked");
    flag("lookup", "reshare");
    flag("embedding", "secure");
    field("deployment", {"deployment"});
    field("tables", {"tables"});
    field("batch", {"batch"});
    AddSetting("sessions", [](const Json& run) { return StrCat(run["sessions"].size()); });
    AddSetting("examples", [](const Json& run) {
      const auto examples = SumOfSessions(run, {"examples"});
      return examples.has_value() ? Fixed(*examples, 0) : "";
    });
    AddSetting("run by", RunnerOf);
    flag("tapes", "");
    field("version", {"version"});
    field("processor", {"machine", "processor"});
    field("cores", {"machine", "cores"});
    field("memory of the machine", {"machine", "memory_bytes"});
    field("simd", {"simd"});
    field("threads", {"threads"});
    field("seed", {"seed"});
    field("memory limit", {"memory", "limit_bytes"});
  }

  template <class ValueOfRun>
  void AddRow(std::string_view group, std::string_view name, CompareUnit unit,
              const ValueOfRun& value_of_run) {
    CompareRow row{std::string(group), std::string(name), unit, {}};
    for (const Run& run : runs_) row.values.push_back(value_of_run(run));
    const auto known = [](const std::optional<double>& value) { return value.has_value(); };
    if (std::any_of(row.values.begin(), row.values.end(), known)) {
      comparison_.rows.push_back(std::move(row));
    }
  }

  void AddTotals() {
    const auto sum = [&](std::string_view name, CompareUnit unit,
                         std::initializer_list<const char*> path) {
      AddRow(kTotal, name, unit,
             [path](const Run& run) { return SumOfSessions(run.json(), path); });
    };
    const auto field = [&](std::string_view name, CompareUnit unit,
                           std::initializer_list<const char*> path) {
      AddRow(kTotal, name, unit, [path](const Run& run) { return NumberAt(run.json(), path); });
    };
    field("model bytes", CompareUnit::kBytes, {"model", "bytes"});
    sum("deal bytes", CompareUnit::kBytes, {"offline", "dealer", "bytes"});
    sum("prepare bytes", CompareUnit::kBytes, {"offline", "prepare", "bytes"});
    sum("online bytes", CompareUnit::kBytes, {"online", "bytes"});
    AddRow(kTotal, "rounds of a session", CompareUnit::kCount, [](const Run& run) {
      return NumberAt(run.json()["sessions"][0], {"online", "rounds"});
    });
    field("model seconds", CompareUnit::kSeconds, {"model", "seconds"});
    sum("deal seconds", CompareUnit::kSeconds, {"offline", "dealer", "seconds"});
    sum("prepare seconds", CompareUnit::kSeconds, {"offline", "prepare", "seconds"});
    sum("online seconds", CompareUnit::kSeconds, {"online", "seconds"});
    field("peak memory", CompareUnit::kBytes, {"peak_memory_bytes"});
    field("accuracy", CompareUnit::kShare, {"accuracy"});
    field("accuracy of the clear twin", CompareUnit::kShare, {"accuracy_ideal"});
  }

  void AddPredictions() {
    std::vector<std::string> networks;
    for (const Run& run : runs_) {
      const Json predicted = At(run.json(), {"predicted"});
      if (!predicted.is_object()) continue;
      for (const auto& [name, times] : predicted.items()) {
        if (std::find(networks.begin(), networks.end(), name) == networks.end()) {
          networks.push_back(name);
        }
      }
    }
    for (const std::string& network : networks) {
      for (const char* phase : {"offline", "online"}) {
        const std::string field = StrCat(phase, "_seconds");
        AddRow("predicted", StrCat(network, ", ", phase), CompareUnit::kSeconds,
               [&](const Run& run) {
                 return NumberAt(run.json(), {"predicted", network.c_str(), field.c_str()});
               });
      }
    }
  }

  void AddLinks() {
    std::map<std::string, size_t> index;
    std::vector<std::string> names;
    std::vector<std::vector<double>> bytes;  // by name and run
    for (size_t run = 0; run < runs_.size(); ++run) {
      const Json links = At(runs_[run].json(), {"links"});
      if (!links.is_array()) continue;
      for (const Json& link : links) {
        std::string name = StrCat(TextAt(link, {"phase"}), " ", TextAt(link, {"from"}), " -> ",
                                  TextAt(link, {"to"}));
        const auto [found, is_new] = index.emplace(name, names.size());
        if (is_new) {
          names.push_back(std::move(name));
          bytes.emplace_back(runs_.size(), 0.0);
        }
        bytes[found->second][run] += NumberAt(link, {"bytes"}).value_or(0);
      }
    }
    for (size_t i = 0; i < names.size(); ++i) {
      CompareRow row{"link", names[i], CompareUnit::kBytes, {}};
      row.values.assign(bytes[i].begin(), bytes[i].end());
      comparison_.rows.push_back(std::move(row));
    }
  }

  // The bytes of groups of nodes by phase, of all sessions; the model is shared once.
  template <class GroupsOf>
  void AddGroups(std::string_view group, const GroupsOf& groups_of) {
    std::vector<std::string> names;
    std::map<std::string, std::vector<std::array<double, kPhases.size()>>> bytes;
    for (size_t run = 0; run < runs_.size(); ++run) {
      for (const GroupCost& cost : groups_of(*runs_[run].cost)) {
        auto& of_runs = bytes[cost.name];
        if (of_runs.empty()) {
          names.push_back(cost.name);
          of_runs.resize(runs_.size());
        }
        for (size_t i = 0; i < kPhases.size(); ++i) {
          const double times = kPhases[i] == Phase::kModel ? 1 : runs_[run].sessions;
          of_runs[run][i] = times * static_cast<double>(cost.bytes[i]);
        }
      }
    }
    for (const std::string& name : names) {
      for (size_t i = 0; i < kPhases.size(); ++i) {
        CompareRow row{
            std::string(group), StrCat(name, " ", Name(kPhases[i])), CompareUnit::kBytes, {}};
        bool is_zero = true;
        for (const auto& phases : bytes[name]) {
          row.values.push_back(phases[i]);
          is_zero = is_zero && phases[i] == 0;
        }
        if (!is_zero) comparison_.rows.push_back(std::move(row));
      }
    }
  }

  std::vector<Run> runs_;
  RunComparison comparison_;
};

// --------------------------------------------------------------------------------------- output

std::string ValueText(const CompareRow& row, size_t run) {
  const std::optional<double>& value = row.values[run];
  if (!value.has_value()) return "";
  switch (row.unit) {
    case CompareUnit::kBytes:
      return HumanBytes(static_cast<int64_t>(*value));
    case CompareUnit::kCount:
      return Fixed(*value, 0);
    case CompareUnit::kSeconds:
      return Fixed(*value, *value < 0.01 ? 5 : *value < 1 ? 4 : 3);
    default:
      return Fixed(*value, 3);
  }
}

std::string RatioText(const CompareRow& row, size_t run) {
  const std::optional<double> ratio = row.ratio(run);
  if (ratio.has_value()) return *ratio == 0 ? "0" : Fixed(*ratio, *ratio < 0.1 ? 4 : 2);
  return row.values[0].has_value() && row.values[run].has_value() ? "new" : "";
}

bool AllAlike(const CompareRow& row) {
  return std::all_of(row.values.begin(), row.values.end(),
                     [&](const auto& value) { return value == row.values[0]; });
}

// "1.85 times", "0.38 times", "from 0".
std::string ChangeText(const CompareChange& change) {
  const CompareRow& row = *change.row;
  const std::optional<double> ratio = row.ratio(change.run);
  return StrCat(row.name, ": ", ValueText(row, 0), " -> ", ValueText(row, change.run),
                ratio.has_value() ? StrCat(", ", RatioText(row, change.run), " times") : "");
}

// How far a ratio is from 1, either way.
double Distance(const CompareChange& change) {
  const std::optional<double> ratio = change.row->ratio(change.run);
  if (!ratio.has_value() || *ratio <= 0) return HUGE_VAL;
  return std::abs(std::log(*ratio));
}

// "A", "B", ...: the columns; a path would be too wide.
std::string ColumnName(size_t run) {
  return run < 26 ? std::string(1, static_cast<char>('A' + run)) : StrCat("run ", run + 1);
}

std::string ProgramsText(const RunComparison& comparison) {
  if (comparison.same_program()) {
    return StrCat("The same program: ", comparison.digests[0].substr(0, 16), "\n");
  }
  std::string text = "DIFFERENT PROGRAMS: ratios compare what is not the same computation.\n";
  for (size_t i = 0; i < comparison.runs.size(); ++i) {
    text += StrCat("  ", ColumnName(i), "  ", comparison.digests[i].substr(0, 16), "\n");
  }
  return text;
}

std::string SettingsText(const RunComparison& comparison) {
  std::vector<std::string> head = {"setting"};
  for (size_t i = 0; i < comparison.runs.size(); ++i) head.push_back(ColumnName(i));
  TextTable table(std::move(head));
  bool differs = false;
  for (const CompareSetting& setting : comparison.settings) {
    if (!setting.differs()) continue;
    differs = true;
    std::vector<std::string> row = {setting.name};
    for (const std::string& value : setting.values) row.push_back(value.empty() ? "none" : value);
    table.AddRow(std::move(row));
  }
  return differs ? table.ToString() : "No setting differs.\n";
}

std::string ChangesText(const RunComparison& comparison) {
  const std::vector<CompareChange> changes = comparison.Changes();
  if (changes.empty()) return "Nothing changed.\n";
  std::string text = "What changed, the largest first:\n";
  size_t shown = 0;
  for (const CompareChange& change : changes) {
    if (shown == kMostChanges || RatioText(*change.row, change.run) == "1.00") break;
    text += StrCat("  ", ColumnName(change.run), "  ", ChangeText(change), "\n");
    ++shown;
  }
  if (shown < changes.size()) {
    text += StrCat("  ", shown == 0 ? "" : "and ", changes.size() - shown, " smaller, below\n");
  }
  return text + "Bytes and rounds are exact; seconds and memory vary from run to run.\n";
}

std::string GroupText(const RunComparison& comparison, std::string_view group,
                      std::string_view title, bool only_changes) {
  std::vector<std::string> head = {std::string(title)};
  for (size_t i = 0; i < comparison.runs.size(); ++i) {
    head.push_back(ColumnName(i));
    if (i > 0) head.push_back(StrCat(ColumnName(i), "/A"));
  }
  TextTable table(std::move(head));
  size_t shown = 0, alike = 0;
  for (const CompareRow& row : comparison.rows) {
    if (row.group != group) continue;
    if (only_changes && AllAlike(row)) {
      ++alike;
      continue;
    }
    ++shown;
    std::vector<std::string> cells = {row.name};
    for (size_t i = 0; i < comparison.runs.size(); ++i) {
      cells.push_back(ValueText(row, i));
      if (i > 0) cells.push_back(RatioText(row, i));
    }
    table.AddRow(std::move(cells));
  }
  if (shown + alike == 0) return "";
  std::string text = shown > 0 ? "\n" + table.ToString() : "\n";
  if (alike > 0) text += StrCat(title, ": ", alike, " alike in all runs, not shown\n");
  return text;
}

std::string_view UnitName(CompareUnit unit) {
  switch (unit) {
    case CompareUnit::kBytes:
      return "bytes";
    case CompareUnit::kCount:
      return "count";
    case CompareUnit::kSeconds:
      return "seconds";
    case CompareUnit::kShare:
      return "share";
  }
  return "";
}

Json ValueJson(const CompareRow& row, size_t run) {
  const std::optional<double>& value = row.values[run];
  if (!value.has_value()) return nullptr;
  if (row.unit == CompareUnit::kBytes || row.unit == CompareUnit::kCount) {
    return static_cast<int64_t>(*value);
  }
  return *value;
}

Json RatioJson(const CompareRow& row, size_t run) {
  const std::optional<double> ratio = row.ratio(run);
  return ratio.has_value() ? Json(*ratio) : Json(nullptr);
}

}  // namespace

std::optional<double> CompareRow::ratio(size_t run) const {
  if (!values[0].has_value() || !values[run].has_value()) return std::nullopt;
  if (*values[0] == 0) return *values[run] == 0 ? std::optional<double>(1) : std::nullopt;
  return *values[run] / *values[0];
}

bool CompareSetting::differs() const {
  return std::any_of(values.begin(), values.end(),
                     [&](const std::string& value) { return value != values[0]; });
}

bool RunComparison::same_program() const {
  return std::all_of(digests.begin(), digests.end(),
                     [&](const std::string& digest) { return digest == digests[0]; });
}

std::vector<CompareChange> RunComparison::Changes() const {
  std::vector<CompareChange> changes;
  for (const CompareRow& row : rows) {
    if (row.group != kTotal || !row.values[0].has_value()) continue;
    for (size_t run = 1; run < runs.size(); ++run) {
      if (row.values[run].has_value() && row.values[run] != row.values[0]) {
        changes.push_back({run, &row});
      }
    }
  }
  std::stable_sort(
      changes.begin(), changes.end(),
      [](const CompareChange& a, const CompareChange& b) { return Distance(a) > Distance(b); });
  return changes;
}

StatusOr<RunComparison> CompareRuns(const Registry& registry, std::span<const std::string> paths) {
  if (paths.size() < 2) {
    return InvalidArgument("expected at least 2 run directories, found ", paths.size());
  }
  std::vector<Run> runs;
  for (const std::string& path : paths) {
    LUTRA_ASSIGN_OR_RETURN(Run run, ReadRun(registry, path));
    runs.push_back(std::move(run));
  }
  return Comparer(std::move(runs)).Compare();
}

std::string ComparisonText(const RunComparison& comparison) {
  std::string text;
  for (size_t i = 0; i < comparison.runs.size(); ++i) {
    text += StrCat(ColumnName(i), "  ", comparison.runs[i], "\n");
  }
  text += StrCat("\n", ProgramsText(comparison), "\n", ChangesText(comparison), "\n",
                 SettingsText(comparison));
  text += GroupText(comparison, kTotal, "all sessions", /*only_changes=*/false);
  text += GroupText(comparison, "predicted", "predicted seconds", /*only_changes=*/false);
  text += GroupText(comparison, "link", "bytes by link", /*only_changes=*/true);
  text += GroupText(comparison, "layer", "bytes by layer", /*only_changes=*/true);
  text += GroupText(comparison, "protocol", "bytes by protocol", /*only_changes=*/true);
  return text;
}

Json ComparisonJson(const RunComparison& comparison) {
  Json json;
  json["format"] = "lutra-comparison/1";
  json["runs"] = comparison.runs;
  json["same_program"] = comparison.same_program();
  json["digests"] = comparison.digests;
  json["settings"] = Json::array();
  for (const CompareSetting& setting : comparison.settings) {
    json["settings"].push_back(
        {{"name", setting.name}, {"values", setting.values}, {"differs", setting.differs()}});
  }
  json["changes"] = Json::array();
  for (const CompareChange& change : comparison.Changes()) {
    json["changes"].push_back({{"run", change.run},
                               {"name", change.row->name},
                               {"from", ValueJson(*change.row, 0)},
                               {"to", ValueJson(*change.row, change.run)},
                               {"ratio", RatioJson(*change.row, change.run)}});
  }
  json["rows"] = Json::array();
  for (const CompareRow& row : comparison.rows) {
    Json values = Json::array(), ratios = Json::array();
    for (size_t run = 0; run < comparison.runs.size(); ++run) {
      values.push_back(ValueJson(row, run));
      ratios.push_back(RatioJson(row, run));
    }
    json["rows"].push_back({{"group", row.group},
                            {"name", row.name},
                            {"unit", UnitName(row.unit)},
                            {"values", std::move(values)},
                            {"ratios", std::move(ratios)}});
  }
  return json;
}

}  // namespace lutra
