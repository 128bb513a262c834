#include "experiments/lab/plan.h"

#include <algorithm>
#include <mutex>
#include <set>
#include <system_error>
#include <utility>

#include "analysis/machine.h"
#include "core/file.h"
#include "core/matrix_product.h"
#include "core/thread_pool.h"
#include "core/version.h"
#include "experiments/lab/data_table.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::string_view kPlanFormat = "lutra-plan/1";
constexpr std::string_view kPointFormat = "lutra-point/1";
constexpr int64_t kMostPlanBytes = int64_t{256} << 20;
constexpr int64_t kMostPointBytes = int64_t{16} << 20;
constexpr size_t kKeyDigits = 24;

std::string Text(const Json& json, int indent = 1) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string HexOf(std::string_view text) {
  return Sha256(std::as_bytes(std::span(text.data(), text.size()))).Hex();
}

Json SettingsJson(const Settings& settings) {
  Json json = Json::object();
  for (const auto& [name, value] : settings) json[name] = SettingJson(value);
  return json;
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
  return HexOf(Text(json, -1)).substr(0, 32);
}

}  // namespace

StatusOr<ExperimentPlan> MakePlan(const Experiment& experiment, std::optional<Peaks> peaks,
                                  bool fits) {
  ExperimentPlan plan;
  const size_t count = experiment.points.size();
  for (const Point& point : experiment.points) {
    StatusOr<PointSpec> spec = MakePointSpec(point.settings, experiment.file);
    if (!spec.ok()) return Annotate(spec.status(), experiment.Where(point));
    plan.specs.push_back(*std::move(spec));
  }
  plan.prices.resize(count);
  PointPricer pricer(experiment.breakdown, peaks, fits);
  std::vector<Status> problems(count);
  ThreadPool pool(std::max(1, ThisMachine().cores));
  pool.ParallelFor(static_cast<int64_t>(count), 1, [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
      StatusOr<PointPrice> price = pricer.Price(plan.specs[i]);
      if (price.ok()) plan.prices[i] = *std::move(price);
      problems[i] = price.status();
    }
  });
  for (size_t i = 0; i < count; ++i) {
    if (!problems[i].ok()) return Annotate(problems[i], experiment.Where(experiment.points[i]));
  }
  for (int64_t repetition = 0; repetition < experiment.repetitions; ++repetition) {
    for (size_t i = 0; i < count; ++i) {
      if (repetition > 0 && !plan.specs[i].runs()) continue;  // exact: once is enough
      PlannedRun run;
      run.point = i;
      run.repetition = repetition;
      if (experiment.seed.has_value()) {
        run.seed = *experiment.seed + static_cast<uint64_t>(repetition);
      }
      const Json about = AboutRun(plan.specs[i], plan.prices[i], run, experiment.breakdown);
      run.key = HexOf(Text(about, -1)).substr(0, kKeyDigits);
      plan.runs.push_back(std::move(run));
    }
  }
  return plan;
}

std::string PlanJson(const Experiment& experiment, const ExperimentPlan& plan,
                     const std::vector<size_t>& runs, const fs::path& out) {
  Json json;
  json["format"] = kPlanFormat;
  json["experiment"] = experiment.name;
  std::error_code error;
  const fs::path file = fs::relative(experiment.file, out, error);
  json["file"] = error ? "" : file.string();
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
  return Text(json);
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
  FinishedRun run;
  LUTRA_ASSIGN_OR_RETURN(run.results,
                         Member(json, "results", &Json::is_object, "an object", where));
  LUTRA_ASSIGN_OR_RETURN(run.work, Member(json, "work", &Json::is_object, "an object", where));
  LUTRA_ASSIGN_OR_RETURN(run.machine,
                         Member(json, "machine", &Json::is_object, "an object", where));
  LUTRA_ASSIGN_OR_RETURN(const Json traced,
                         Member(json, "trace", &Json::is_boolean, "true or false", where));
  if (traced.get<bool>()) run.trace = TraceFileOf(out, key);
  if (!run.trace.empty() && !fs::exists(run.trace, error)) {
    return InvalidArgument(run.trace.string(),
                           ": expected the trace of a finished run, found "
                           "nothing");
  }
  return run;
}

Status WriteFinishedRun(const fs::path& out, const std::string& key, const Json& about,
                        const PointRun* run) {
  std::error_code error;
  fs::create_directories(out / "points", error);
  if (error) return Unavailable(out.string(), ": cannot make points/: ", error.message());
  const MachineFacts machine = ThisMachine();
  Json json;
  json["format"] = kPointFormat;
  json["key"] = key;
  json["about"] = about;
  json["machine"] = {{"processor", machine.processor},
                     {"cores", machine.cores},
                     {"memory_bytes", machine.memory_bytes},
                     {"simd", SimdTarget()}};
  json["results"] = run == nullptr ? Json::object() : run->results;
  json["work"] = run == nullptr ? Json::object() : run->work;
  json["trace"] = run != nullptr && !run->trace.tracks.empty();
  json["checksum"] = CheckSum(json);
  if (json["trace"].get<bool>()) {
    LUTRA_RETURN_IF_ERROR(WriteFile(TraceFileOf(out, key), TraceFile(run->trace)));
  }
  return WriteFile(PointFile(out, key), Text(json));
}

Status RunPlannedPoint(const fs::path& plan_file, const fs::path& out, size_t index,
                       const fs::path& programs) {
  const std::string where = plan_file.string();
  LUTRA_ASSIGN_OR_RETURN(const Json plan, ReadJson(plan_file, kMostPlanBytes, kPlanFormat));
  LUTRA_ASSIGN_OR_RETURN(const Json runs, Member(plan, "runs", &Json::is_array, "an array", where));
  if (index >= runs.size()) {
    return InvalidArgument(where, ": expected a run below ", runs.size(), ", found ", index);
  }
  const Json& planned = runs[index];
  const auto text = [&](std::string_view name) -> StatusOr<std::string> {
    LUTRA_ASSIGN_OR_RETURN(const Json value,
                           Member(planned, name, &Json::is_string, "a string", where));
    return value.get<std::string>();
  };
  LUTRA_ASSIGN_OR_RETURN(const std::string key, text("key"));
  if (ReadFinishedRun(out, key).ok()) return absl::OkStatus();
  PointSpec spec;
  LUTRA_ASSIGN_OR_RETURN(spec.model, text("model"));
  LUTRA_ASSIGN_OR_RETURN(spec.input, text("input"));
  LUTRA_ASSIGN_OR_RETURN(const Json about,
                         Member(planned, "about", &Json::is_object, "an object", where));
  LUTRA_ASSIGN_OR_RETURN(const Json settings,
                         Member(about, "settings", &Json::is_object, "an object", where));
  for (const auto& [name, json] : settings.items()) {
    LUTRA_ASSIGN_OR_RETURN(SettingValue value, SettingOfJson(json, where));
    if (const auto problem = CheckSetting(name, value)) {
      return InvalidArgument(where, ": ", name, ": expected ", problem->expected, ", found ",
                             problem->found);
    }
    spec.settings.insert_or_assign(name, std::move(value));
  }
  std::vector<std::string> breakdown;
  LUTRA_ASSIGN_OR_RETURN(const Json groups,
                         Member(about, "breakdown", &Json::is_array, "an array", where));
  for (const Json& group : groups) breakdown.push_back(CellText(group));
  std::optional<uint64_t> seed;
  const auto given = about.find("seed");
  if (given != about.end() && given->is_number_unsigned()) seed = given->get<uint64_t>();
  LUTRA_ASSIGN_OR_RETURN(const PointRun run, RunPoint(spec, seed, breakdown, programs));
  return WriteFinishedRun(out, key, about, &run);
}

}  // namespace lutra
