#include "analysis/trace_json.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/analysis/programs.h"

namespace lutra {
namespace {

using Json = nlohmann::json;

TEST_CASE("The timeline has a slice for every event and a flow for every message",
          "[analysis][trace]") {
  Case given;
  AddLayers(given, 1, LinearForm::kMasked, LookupForm::kReshare);
  const Outcome outcome = RunCase(given);
  const Json json = Json::parse(TraceJson(outcome.program(), outcome.trace));
  std::map<std::string, int> kinds;
  std::map<int64_t, std::vector<Json>> flows;
  std::map<std::pair<int, int>, std::vector<Json>> slices;
  for (const Json& event : json["traceEvents"]) {
    const std::string kind = event["ph"];
    ++kinds[kind];
    if (kind == "X") slices[{event["pid"], event["tid"]}].push_back(event);
    if (kind == "s" || kind == "f") flows[event["id"]].push_back(event);
  }
  size_t events = 0, sends = 0;
  for (const auto& [id, track] : outcome.trace.tracks) {
    events += track.size();
    for (const TraceEvent& event : track) sends += event.kind == TraceEvent::Kind::kSend ? 1 : 0;
  }
  CHECK(static_cast<size_t>(kinds["X"]) == events);
  CHECK(flows.size() == sends);
  CHECK(sends > 10);
  for (const auto& [id, ends] : flows) {
    REQUIRE(ends.size() == 2);
    CHECK(ends[0]["ph"] == "s");
    CHECK(ends[1]["ph"] == "f");
    CHECK(ends[0]["pid"] != ends[1]["pid"]);
    CHECK(ends[0]["ts"] <= ends[1]["ts"]);
    for (const Json& end : ends) {  // each lies on a slice
      const auto& there = slices[{end["pid"], end["tid"]}];
      CHECK(std::any_of(there.begin(), there.end(), [&](const Json& slice) {
        const double begin = slice["ts"], length = slice["dur"], time = end["ts"];
        return begin <= time && time <= begin + length;
      }));
    }
  }
  for (const auto& [place, track] : slices) {
    for (size_t i = 1; i < track.size(); ++i) CHECK(track[i]["ts"] >= track[i - 1]["ts"]);
  }
}

TEST_CASE("Names in a timeline are quoted", "[analysis][trace]") {
  Case given;
  const Builder::Scope scope(given.builder, "a \"path\"\n\xff");
  Reveal(given.builder, "y", given.Random("x", Role::kDataOwner, Ring(3), Shape{2}, 1));
  const Outcome outcome = RunCase(given);
  const Json json = Json::parse(TraceJson(outcome.program(), outcome.trace));
  bool found = false;
  for (const Json& event : json["traceEvents"]) {
    found =
        found || (event.contains("args") && event["args"].contains("path") &&
                  event["args"]["path"].get<std::string>().starts_with("a \"path\"\n\xef\xbf\xbd"));
  }
  CHECK(found);
}

}  // namespace
}  // namespace lutra
