#include "experiments/lab/environment.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

#include "experiments/lab/build.h"

namespace lutra {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kFormat = "lutra-experiment-environment/2";

Json WithoutSimd(Json machine) {
  machine.erase("simd");
  return machine;
}

Json SeedsOf(const Experiment& experiment) {
  Json seeds = Json::array();
  for (int64_t i = 0; i < experiment.repetitions; ++i) {
    seeds.push_back(experiment.seed.has_value() ? Json(*experiment.seed + static_cast<uint64_t>(i))
                                                : Json("operating-system"));
  }
  return seeds;
}

Json PointsOf(const Experiment& experiment, const ExperimentPlan& plan) {
  Json points = Json::array();
  for (size_t i = 0; i < experiment.points.size(); ++i) {
    points.push_back({{"settings", SettingsJson(experiment.points[i].settings)},
                      {"program", plan.prices[i].program}});
  }
  return points;
}

}  // namespace

std::string TimeNow() {
  const std::time_t now = std::time(nullptr);
  std::tm utc = {};
  ::gmtime_r(&now, &utc);
  std::array<char, 32> text;
  const size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return std::string(text.data(), length);
}

std::vector<Origin> OriginsOf(const std::map<size_t, FinishedRun>& finished) {
  std::vector<Origin> origins;
  for (const auto& [index, run] : finished) {
    if (!run.made_by.is_object()) continue;
    Origin origin{WithoutSimd(run.machine), run.made_by, 1};
    const auto same = std::find_if(origins.begin(), origins.end(), [&](const Origin& other) {
      return other.machine == origin.machine && other.made_by == origin.made_by;
    });
    if (same == origins.end()) {
      origins.push_back(std::move(origin));
    } else {
      ++same->runs;
    }
  }
  return origins;
}

StatusOr<size_t> CountOfOtherOrigin(const std::map<size_t, FinishedRun>& finished,
                                    const RunMaker& maker) {
  const Json machine = WithoutSimd(MachineJson());
  LUTRA_ASSIGN_OR_RETURN(const Json made_by, MadeByJson(maker));
  size_t count = 0;
  for (const Origin& origin : OriginsOf(finished)) {
    if (origin.machine != machine || origin.made_by != made_by) count += origin.runs;
  }
  return count;
}

std::string EnvironmentJson(const Experiment& experiment, const ExperimentPlan& plan,
                            const std::map<size_t, FinishedRun>& finished,
                            const CommandCall& call) {
  Json json;
  json["format"] = kFormat;
  json["experiment"] = experiment.name;
  json["command"] = call.words;
  json["started"] = call.started;
  json["written"] = TimeNow();
  json["versions"] = Versions();
  json["machine"] = MachineJson();
  json["runs"] = {{"planned", plan.runs.size()}, {"finished", finished.size()}};
  json["origins"] = Json::array();
  for (const Origin& origin : OriginsOf(finished)) {
    json["origins"].push_back(
        {{"runs", origin.runs}, {"machine", origin.machine}, {"made_by", origin.made_by}});
  }
  json["repetitions"] = experiment.repetitions;
  json["seeds"] = SeedsOf(experiment);
  json["networks"] = experiment.network_names;
  json["points"] = PointsOf(experiment, plan);
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace lutra
