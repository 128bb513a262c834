#include "analysis/compare.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "analysis/cost.h"
#include "analysis/cost_table.h"
#include "analysis/excerpt.h"
#include "analysis/run_directory.h"
#include "analysis/run_facts.h"

namespace lutra {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kTotal = "total";
constexpr size_t kMostChanges = 8;
constexpr int64_t kMostColumns = 240;  // of a name on a terminal

// ------------------------------------------------------------------------------ the command line

// A flag that programs run with when it is not given.
struct FlagDefault {
  std::string_view flag;
  std::string_view value;
};
constexpr std::array kDefaults = {
    FlagDefault{"linear", "masked"},
    FlagDefault{"lookup", "reshare"},
    FlagDefault{"embedding", "secure"},
    FlagDefault{"rounding", "centred"},
    FlagDefault{"tapes", "stream"},
    FlagDefault{"network", "as the machine is"},
    FlagDefault{"shape", "parties"},
    FlagDefault{"residual-bits", "of the model"},
    FlagDefault{"extra-bits", "of the model"},
};
constexpr std::string_view kGiven = "given";
constexpr std::string_view kNotGiven = "not given";
constexpr std::array<std::string_view, 4> kSwitches = {"insecure-plaintext", "no-check", "profile",
                                                       "quiet"};
// What run.json says by fields of its own, and what changes nothing of a run.
constexpr std::array<std::string_view, 10> kOtherwiseKnown = {
    "batch", "deployment", "insecure-seed", "memory-limit", "out",
    "quiet", "seed",       "simd",          "tables",       "threads"};

template <class Names>
bool Contains(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// The flags of a command with their values; switches are "given".
std::map<std::string, std::string> FlagsOf(const std::vector<std::string>& command) {
  std::map<std::string, std::string> flags;
  for (size_t i = 1; i < command.size(); ++i) {
    std::string_view argument = command[i];
    if (argument == "--") break;
    if (!argument.starts_with("--")) continue;
    argument.remove_prefix(2);
    const size_t equals = argument.find('=');
    const std::string name(argument.substr(0, equals));
    if (equals != argument.npos) {
      flags[name] = argument.substr(equals + 1);
    } else if (Contains(kSwitches, name) || i + 1 == command.size()) {
      flags[name] = kGiven;
    } else {
      flags[name] = command[++i];
    }
  }
  return flags;
}

// What a flag that was not given stands for.
std::string DefaultOf(std::string_view flag) {
  for (const FlagDefault& each : kDefaults) {
    if (each.flag == flag) return std::string(each.value);
  }
  return std::string(kNotGiven);
}

// --------------------------------------------------------------------------------------- the runs

// A run that is compared, with the closed form of what it sent.
struct Run {
  std::string path;
  RunFacts facts;
  std::unique_ptr<const Program> program;
  std::unique_ptr<ProgramCost> cost;
  std::map<std::string, std::string> flags;

  double sessions() const { return static_cast<double>(facts.sessions.size()); }
};

StatusOr<Run> ReadRun(const Registry& registry, const std::string& path) {
  Run run;
  run.path = path;
  LUTRA_ASSIGN_OR_RETURN(RunFiles files, ReadRunDirectory(registry, path));
  LUTRA_ASSIGN_OR_RETURN(run.facts, RunFactsOf(files.run, StrCat("'", path, "/run.json'")));
  run.program = std::move(files.program);
  run.cost = std::make_unique<ProgramCost>(*run.program);
  run.flags = FlagsOf(run.facts.command);
  return run;
}

class Comparer {
 public:
  explicit Comparer(std::vector<Run> runs) : runs_(std::move(runs)) {}

  RunComparison Compare() && {
    for (const Run& run : runs_) {
      comparison_.runs.push_back(run.path);
      comparison_.digests.push_back(run.program->digest().Hex());
    }
    AddSettings();
    AddFlags();
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
    for (const Run& run : runs_) setting.values.push_back(text_of_run(run));
    comparison_.settings.push_back(std::move(setting));
  }

  // What run.json has fields for.
  void AddSettings() {
    const auto text = [&](std::string_view name, std::string RunFacts::*member) {
      AddSetting(name, [member](const Run& run) { return run.facts.*member; });
    };
    const auto number = [&](std::string_view name, int64_t RunFacts::*member) {
      AddSetting(name, [member](const Run& run) { return StrCat(run.facts.*member); });
    };
    text("model", &RunFacts::model);
    text("plan", &RunFacts::plan);
    text("deployment", &RunFacts::deployment);
    text("tables", &RunFacts::tables);
    number("batch", &RunFacts::batch);
    AddSetting("sessions", [](const Run& run) { return StrCat(run.facts.sessions.size()); });
    AddSetting("examples", [](const Run& run) { return StrCat(run.facts.examples()); });
    AddSetting("run by", [](const Run& run) { return std::string(run.facts.runner()); });
    text("version", &RunFacts::version);
    text("processor", &RunFacts::processor);
    number("cores", &RunFacts::cores);
    number("memory of the machine", &RunFacts::machine_memory_bytes);
    text("simd", &RunFacts::simd);
    number("threads", &RunFacts::threads);
    text("seed", &RunFacts::seed);
    AddSetting("memory limit", [](const Run& run) {
      const std::optional<int64_t>& limit = run.facts.memory_limit;
      return limit.has_value() ? StrCat(*limit) : std::string();
    });
  }

  // What only the command lines say.
  void AddFlags() {
    std::set<std::string> names;
    for (const Run& run : runs_) {
      for (const auto& [name, value] : run.flags) {
        if (!Contains(kOtherwiseKnown, name)) names.insert(name);
      }
    }
    for (const std::string& name : names) {
      AddSetting(name, [&](const Run& run) {
        const auto given = run.flags.find(name);
        return given == run.flags.end() ? DefaultOf(name) : given->second;
      });
    }
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
    using Value = std::optional<double>;
    for (const Phase phase : kPhases) {
      AddRow(kTotal, StrCat(Name(phase), " bytes"), CompareUnit::kBytes,
             [&](const Run& run) { return Value(static_cast<double>(run.facts.bytes(phase))); });
    }
    AddRow(kTotal, "rounds of a session", CompareUnit::kCount, [](const Run& run) {
      const auto& sessions = run.facts.sessions;
      return sessions.empty() ? Value() : Value(static_cast<double>(sessions[0].rounds));
    });
    for (const Phase phase : kPhases) {
      AddRow(kTotal, StrCat(Name(phase), " seconds"), CompareUnit::kSeconds,
             [&](const Run& run) { return Value(run.facts.seconds(phase)); });
    }
    AddRow(kTotal, "peak memory", CompareUnit::kBytes, [](const Run& run) {
      const std::optional<int64_t>& peak = run.facts.peak_memory_bytes;
      return peak.has_value() ? Value(static_cast<double>(*peak)) : Value();
    });
    AddRow(kTotal, "accuracy", CompareUnit::kShare,
           [](const Run& run) { return run.facts.accuracy; });
    AddRow(kTotal, "accuracy of the clear twin", CompareUnit::kShare,
           [](const Run& run) { return run.facts.accuracy_ideal; });
  }

  void AddPredictions() {
    std::vector<std::string> networks;
    for (const Run& run : runs_) {
      for (const PredictedSeconds& each : run.facts.predicted) {
        if (!Contains(networks, each.network)) networks.push_back(each.network);
      }
    }
    for (const std::string& network : networks) {
      const auto add = [&](std::string_view phase, double PredictedSeconds::*member) {
        AddRow("predicted", StrCat(network, ", ", phase), CompareUnit::kSeconds,
               [&](const Run& run) {
                 for (const PredictedSeconds& each : run.facts.predicted) {
                   if (each.network == network) return std::optional<double>(each.*member);
                 }
                 return std::optional<double>();
               });
      };
      add("offline", &PredictedSeconds::offline);
      add("online", &PredictedSeconds::online);
    }
  }

  void AddLinks() {
    std::map<std::string, size_t> index;
    std::vector<std::string> names;
    std::vector<std::vector<double>> bytes;  // by name and run
    for (size_t run = 0; run < runs_.size(); ++run) {
      for (const LinkFacts& link : runs_[run].facts.links) {
        std::string name = StrCat(link.phase, " ", link.from, " -> ", link.to);
        const auto [found, is_new] = index.emplace(name, names.size());
        if (is_new) {
          names.push_back(std::move(name));
          bytes.emplace_back(runs_.size(), 0.0);
        }
        bytes[found->second][run] += static_cast<double>(link.bytes);
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
          const double times = kPhases[i] == Phase::kModel ? 1 : runs_[run].sessions();
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

// Text of a run on a terminal.
std::string OnTerminal(std::string_view text) { return Excerpt(text, kMostColumns); }

// Bytes and counts; sums that no run has stop at the largest.
int64_t Whole(double value) { return static_cast<int64_t>(std::min(value, 9e18)); }

std::string ValueText(const CompareRow& row, size_t run) {
  const std::optional<double>& value = row.values[run];
  if (!value.has_value()) return "";
  switch (row.unit) {
    case CompareUnit::kBytes:
      return HumanBytes(Whole(*value));
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
  return StrCat(OnTerminal(row.name), ": ", ValueText(row, 0), " -> ", ValueText(row, change.run),
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
    std::vector<std::string> row = {OnTerminal(setting.name)};
    for (const std::string& value : setting.values) {
      row.push_back(value.empty() ? "none" : OnTerminal(value));
    }
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
    std::vector<std::string> cells = {OnTerminal(row.name)};
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
    return Whole(*value);
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
    text += StrCat(ColumnName(i), "  ", OnTerminal(comparison.runs[i]), "\n");
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
