#include "experiments/lab/plan.h"

#include <algorithm>
#include <map>
#include <set>
#include <system_error>
#include <utility>

#include "analysis/machine.h"
#include "core/file.h"
#include "core/key.h"
#include "core/matrix_product.h"
#include "core/thread_pool.h"
#include "core/version.h"
#include "experiments/lab/build.h"
#include "experiments/lab/data_table.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::string_view kPlanFormat = "lutra-plan/2";
constexpr std::string_view kPointFormat = "lutra-point/2";
constexpr int64_t kMostTraceBytes = int64_t{1} << 36;
constexpr int64_t kMostPointBytes = int64_t{16} << 20;
constexpr size_t kKeyDigits = 24;
constexpr size_t kCheckSumDigits = 32;

std::string Text(const Json& json, int indent = 1) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string HexOf(std::string_view text) {
  return Sha256(std::as_bytes(std::span(text.data(), text.size()))).Hex();
}

Json AboutRun(const PointSpec& spec, const PointPrice& price, const PlannedRun& run,
              const std::vector<std::string>& breakdown) {
  Json json;
  json["settings"] = SettingsJson(spec.settings);
  json["breakdown"] = breakdown;
  json["repetition"] = run.repetition;
  json["seed"] = run.seed.has_value() ? Json(*run.seed) : Json();
  json["program"] = price.program;
  json["inputs"] = price.inputs;
  json["version"] = Version();
  return json;
}

StatusOr<Json> ReadJson(const fs::path& path, int64_t most, std::string_view format) {
  LUTRA_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(path, most));
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) {
    return InvalidArgument(path.string(), ": expected a JSON object, found something else");
  }
  const auto found = json.find("format");
  if (found == json.end() || *found != format) {
    return InvalidArgument(
        path.string(), ": format: expected '", format, "', found ",
        found == json.end() ? "nothing" : OneLine(InvalidArgument(found->dump())));
  }
  return json;
}

// A member of the type that it was written with.
StatusOr<Json> Member(const Json& json, std::string_view name, bool (Json::*is)() const noexcept,
                      std::string_view expected, std::string_view where) {
  const auto found = json.find(std::string(name));
  if (found != json.end() && ((*found).*is)()) return *found;
  return InvalidArgument(where, ": ", name, ": expected ", expected, ", found ",
                         found == json.end() ? "nothing" : found->type_name());
}

fs::path TraceFileOf(const fs::path& out, const std::string& key) {
  return out / "points" / StrCat(key, ".trace");
}

// Of everything in a point's file but itself.
std::string CheckSum(Json json) {
  json.erase("checksum");
  return HexOf(Text(json, -1)).substr(0, kCheckSumDigits);
}

// What a point's file says of its trace.
Json AboutTrace(std::span<const std::byte> trace) {
  return {{"bytes", trace.size()}, {"sha256", Sha256(trace).Hex()}};
}

// That a trace is what it was written as.
Status CheckTrace(const fs::path& path, const Json& about) {
  const StatusOr<std::vector<std::byte>> trace = ReadFile(path, kMostTraceBytes);
  if (!trace.ok()) return InvalidArgument(OneLine(trace.status()));  // missing is not unfinished
  const Json found = AboutTrace(*trace);
  if (found == about) return absl::OkStatus();
  return InvalidArgument(path.string(), ": expected the trace as it was written (", about.dump(),
                         "), found another (", found.dump(), ")");
}

// The setting that an error begins with, after the name of a protocol perhaps; empty if there is
// none.
std::string_view SettingIn(std::string_view message, const Settings& settings) {
  const auto first_word = [](std::string_view text) { return text.substr(0, text.find(": ")); };
  const std::string_view first = first_word(message);
  // "lookup: index_bits: expected ...", but the setting lookup has the name of a protocol, too.
  if (first == TextOf(settings, "protocol", "") && first.size() < message.size()) {
    const std::string_view second = first_word(message.substr(first.size() + 2));
    if (settings.find(second) != settings.end()) return second;
  }
  return first;
}

// An error of a point, at the line of the setting that it names.
Status ErrorAt(const Experiment& experiment, const Point& point, const Status& error) {
  const std::string message = OneLine(error);
  return Annotate(error, experiment.Where(point, SettingIn(message, point.settings)));
}

// That the groups that tables and figures ask for are there.
Status CheckGroups(const Experiment& experiment, const ExperimentPlan& plan) {
  std::map<std::string, std::vector<std::string>> groups;  // by breakdown
  std::set<std::pair<std::string, std::string>> seen;
  for (const PointPrice& price : plan.prices) {
    for (const BreakdownRow& row : price.breakdown) {
      if (seen.emplace(row.by, row.cost.name).second) groups[row.by].push_back(row.cost.name);
    }
  }
  for (const GroupLabel& wanted : experiment.group_labels) {
    if (seen.contains({wanted.by, wanted.label})) continue;
    return InvalidArgument(experiment.file.string(), ":", wanted.line, ": ", wanted.field,
                           ": expected one of ", CommaSeparated(groups[wanted.by]), ", found '",
                           wanted.label, "'");
  }
  return absl::OkStatus();
}

std::vector<PlannedRun> RunsOf(const Experiment& experiment, const ExperimentPlan& plan) {
  std::vector<PlannedRun> runs;
  for (int64_t repetition = 0; repetition < experiment.repetitions; ++repetition) {
    for (size_t i = 0; i < experiment.points.size(); ++i) {
      if (repetition > 0 && !plan.specs[i].runs()) continue;  // exact: once is enough
      PlannedRun run;
      run.point = i;
      run.repetition = repetition;
      if (experiment.seed.has_value()) {
        run.seed = *experiment.seed + static_cast<uint64_t>(repetition);
      }
      const Json about = AboutRun(plan.specs[i], plan.prices[i], run, experiment.breakdown);
      run.key = HexOf(Text(about, -1)).substr(0, kKeyDigits);
      runs.push_back(std::move(run));
    }
  }
  return runs;
}

}  // namespace

StatusOr<ExperimentPlan> MakePlan(const Experiment& experiment, std::optional<Peaks> peaks,
                                  bool fits, const RowFilter& only) {
  ExperimentPlan plan;
  const size_t count = experiment.points.size();
  for (const Point& point : experiment.points) {
    StatusOr<PointSpec> spec = MakePointSpec(point.settings, experiment.file);
    if (!spec.ok()) return ErrorAt(experiment, point, spec.status());
    plan.specs.push_back(*std::move(spec));
  }
  plan.prices.resize(count);
  PointPricer pricer(experiment.breakdown, peaks);
  std::vector<Status> problems(count);
  ThreadPool pool(std::max(1, ThisMachine().cores));
  pool.ParallelFor(static_cast<int64_t>(count), 1, [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
      const bool must_fit = fits && experiment.Keeps(only, experiment.points[i]);
      StatusOr<PointPrice> price = pricer.Price(plan.specs[i], must_fit);
      if (price.ok()) plan.prices[i] = *std::move(price);
      problems[i] = price.status();
    }
  });
  for (size_t i = 0; i < count; ++i) {
    if (!problems[i].ok()) return ErrorAt(experiment, experiment.points[i], problems[i]);
  }
  LUTRA_RETURN_IF_ERROR(CheckGroups(experiment, plan));
  plan.runs = RunsOf(experiment, plan);
  return plan;
}

StatusOr<std::string> PlanJson(const Experiment& experiment, const ExperimentPlan& plan,
                               const std::vector<size_t>& runs, const RunMaker& maker,
                               const fs::path& out) {
  Json json;
  json["format"] = kPlanFormat;
  json["experiment"] = experiment.name;
  std::error_code error;
  const fs::path file = fs::relative(experiment.file, out, error);
  json["file"] = error ? "" : file.string();
  json["engine"] = maker.engine;
  json["jobs"] = maker.jobs;
  json["runs"] = Json::array();
  for (const size_t index : runs) {
    const PlannedRun& run = plan.runs[index];
    const PointSpec& spec = plan.specs[run.point];
    Json one;
    one["key"] = run.key;
    one["label"] = experiment.Label(experiment.points[run.point]);
    one["model"] = spec.model;
    one["input"] = spec.input;
    one["about"] = AboutRun(spec, plan.prices[run.point], run, experiment.breakdown);
    json["runs"].push_back(std::move(one));
  }
  std::string text = Text(json);
  if (static_cast<int64_t>(text.size()) <= kMostPlanBytes) return text;
  return InvalidArgument(experiment.file.string(), ": expected a plan of at most ", kMostPlanBytes,
                         " bytes, found ", text.size(), ": too many runs, or long names of cases");
}

Json MachineJson() {
  const MachineFacts machine = ThisMachine();
  return {{"processor", machine.processor},
          {"cores", machine.cores},
          {"memory_bytes", machine.memory_bytes},
          {"simd", SimdTarget()}};
}

StatusOr<Json> MadeByJson(const RunMaker& maker) {
  LUTRA_ASSIGN_OR_RETURN(const std::string build, ThisBuild());
  return Json{{"build", build}, {"engine", maker.engine}, {"jobs", maker.jobs}};
}

fs::path PointFile(const fs::path& out, const std::string& key) {
  return out / "points" / StrCat(key, ".json");
}

StatusOr<FinishedRun> ReadFinishedRun(const fs::path& out, const std::string& key) {
  const fs::path path = PointFile(out, key);
  std::error_code error;
  if (!fs::exists(path, error)) return absl::NotFoundError(path.string());
  LUTRA_ASSIGN_OR_RETURN(const Json json, ReadJson(path, kMostPointBytes, kPointFormat));
  const std::string where = path.string();
  const auto checksum = json.find("checksum");
  if (checksum == json.end() || *checksum != CheckSum(json)) {
    return InvalidArgument(where, ": checksum: expected that of the rest, found another");
  }
  if (const auto own = json.find("key"); own == json.end() || *own != key) {
    return InvalidArgument(where, ": key: expected that of the file's name, found ",
                           own == json.end() ? "nothing" : own->dump());
  }
  FinishedRun run;
  const auto object = [&](std::string_view name) {
    return Member(json, name, &Json::is_object, "an object", where);
  };
  LUTRA_ASSIGN_OR_RETURN(run.results, object("results"));
  LUTRA_ASSIGN_OR_RETURN(run.work, object("work"));
  LUTRA_ASSIGN_OR_RETURN(run.machine, object("machine"));
  LUTRA_ASSIGN_OR_RETURN(run.made_by, object("made_by"));
  if (const auto trace = json.find("trace"); trace != json.end() && !trace->is_null()) {
    run.trace = TraceFileOf(out, key);
    LUTRA_RETURN_IF_ERROR(CheckTrace(run.trace, *trace));
  }
  return run;
}

Status WriteFinishedRun(const fs::path& out, const std::string& key, const Json& about,
                        const RunMaker& maker, const PointRun& run) {
  std::error_code error;
  fs::create_directories(out / "points", error);
  if (error) return Unavailable(out.string(), ": cannot make points/: ", error.message());
  Json json;
  json["format"] = kPointFormat;
  json["key"] = key;
  json["about"] = about;
  json["machine"] = MachineJson();
  LUTRA_ASSIGN_OR_RETURN(json["made_by"], MadeByJson(maker));
  json["results"] = run.results;
  json["work"] = run.work;
  json["trace"] = Json();
  if (!run.trace.tracks.empty()) {
    const std::vector<std::byte> trace = TraceFile(run.trace);
    json["trace"] = AboutTrace(trace);
    LUTRA_RETURN_IF_ERROR(WriteFile(TraceFileOf(out, key), trace));
  }
  json["checksum"] = CheckSum(json);
  return WriteFile(PointFile(out, key), Text(json));
}

namespace {

// One run of a plan.json.
struct PlanEntry {
  std::string key;
  PointSpec spec;
  Json about;
  std::vector<std::string> breakdown;
  std::optional<uint64_t> seed;
  RunMaker maker;
};

StatusOr<Settings> ReadSettings(const Json& about, const std::string& where) {
  LUTRA_ASSIGN_OR_RETURN(const Json members,
                         Member(about, "settings", &Json::is_object, "an object", where));
  Settings settings;
  for (const auto& [name, json] : members.items()) {
    LUTRA_ASSIGN_OR_RETURN(SettingValue value, SettingOfJson(json, where));
    if (const auto problem = CheckSetting(name, value)) {
      return InvalidArgument(where, ": ", name, ": expected ", problem->expected, ", found ",
                             problem->found);
    }
    settings.insert_or_assign(name, std::move(value));
  }
  return settings;
}

StatusOr<PlanEntry> ReadPlanEntry(const fs::path& file, size_t index) {
  const std::string where = file.string();
  LUTRA_ASSIGN_OR_RETURN(const Json plan, ReadJson(file, kMostPlanBytes, kPlanFormat));
  LUTRA_ASSIGN_OR_RETURN(const Json runs, Member(plan, "runs", &Json::is_array, "an array", where));
  if (index >= runs.size()) {
    return InvalidArgument(where, ": expected a run below ", runs.size(), ", found ", index);
  }
  const auto text = [&](const Json& json, std::string_view name) -> StatusOr<std::string> {
    LUTRA_ASSIGN_OR_RETURN(const Json value,
                           Member(json, name, &Json::is_string, "a string", where));
    return value.get<std::string>();
  };
  PlanEntry entry;
  LUTRA_ASSIGN_OR_RETURN(entry.key, text(runs[index], "key"));
  LUTRA_ASSIGN_OR_RETURN(entry.spec.model, text(runs[index], "model"));
  LUTRA_ASSIGN_OR_RETURN(entry.spec.input, text(runs[index], "input"));
  LUTRA_ASSIGN_OR_RETURN(entry.about,
                         Member(runs[index], "about", &Json::is_object, "an object", where));
  LUTRA_ASSIGN_OR_RETURN(entry.spec.settings, ReadSettings(entry.about, where));
  LUTRA_ASSIGN_OR_RETURN(const Json groups,
                         Member(entry.about, "breakdown", &Json::is_array, "an array", where));
  for (const Json& group : groups) entry.breakdown.push_back(CellText(group));
  const auto seed = entry.about.find("seed");
  if (seed != entry.about.end() && seed->is_number_unsigned()) entry.seed = seed->get<uint64_t>();
  LUTRA_ASSIGN_OR_RETURN(entry.maker.engine, text(plan, "engine"));
  LUTRA_ASSIGN_OR_RETURN(const Json jobs,
                         Member(plan, "jobs", &Json::is_number_integer, "an integer", where));
  entry.maker.jobs = jobs.get<int64_t>();
  return entry;
}

}  // namespace

Status RunPlannedPoint(const fs::path& plan_file, const fs::path& out, size_t index,
                       const fs::path& programs) {
  LUTRA_ASSIGN_OR_RETURN(const PlanEntry entry, ReadPlanEntry(plan_file, index));
  if (ReadFinishedRun(out, entry.key).ok()) return absl::OkStatus();
  const auto as_planned = [&](std::string_view name, const std::string& now, std::string_view why) {
    const Json planned = entry.about.value(std::string(name), Json());
    if (planned == now) return absl::OkStatus();
    return InvalidArgument(name, ": expected what was planned (", planned.dump(), "), found '", now,
                           "': ", why);
  };
  constexpr std::string_view kChanged = "files of the point changed since";
  LUTRA_ASSIGN_OR_RETURN(const std::string before, InputsDigest(entry.spec));
  LUTRA_RETURN_IF_ERROR(as_planned("inputs", before, kChanged));
  LUTRA_ASSIGN_OR_RETURN(const PointRun run,
                         RunPoint(entry.spec, entry.seed, entry.breakdown, programs));
  LUTRA_ASSIGN_OR_RETURN(const std::string after, InputsDigest(entry.spec));
  LUTRA_RETURN_IF_ERROR(as_planned("inputs", after, kChanged));
  // A model is planned by its shape, which public tables are no part of.
  if (TextOf(entry.spec.settings, "tables", "private") == "private") {
    LUTRA_RETURN_IF_ERROR(as_planned("program", run.program,
                                     "another machine, where no batch is given, cuts the examples "
                                     "by its own memory"));
  }
  return WriteFinishedRun(out, entry.key, entry.about, entry.maker, run);
}

}  // namespace lutra
