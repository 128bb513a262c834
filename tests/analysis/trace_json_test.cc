#include "analysis/trace_json.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/analysis/programs.h"

namespace lutra {
namespace {

using Json = nlohmann::json;
using Kind = TraceEvent::Kind;

Outcome RunLayer(Case& given) {
  AddLayers(given, 1, LinearForm::kMasked, LookupForm::kReshare);
  return RunCase(given);
}

int64_t Nanoseconds(const Json& microseconds) {
  return std::llround(microseconds.get<double>() * 1000);
}

// Process and thread.
std::pair<int, int> PlaceOf(const Json& event) {
  return {event["pid"].get<int>(), event["tid"].get<int>()};
}

struct Slice {
  int64_t begin, end;
};

// Whether each two of them lie apart or one in the other, as viewers draw them.
bool Nest(std::vector<Slice> slices) {
  std::sort(slices.begin(), slices.end(), [](const Slice& a, const Slice& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end > b.end;
  });
  std::vector<int64_t> open;  // ends
  for (const Slice& slice : slices) {
    while (!open.empty() && open.back() <= slice.begin) open.pop_back();
    if (!open.empty() && open.back() < slice.end) return false;
    open.push_back(slice.end);
  }
  return true;
}

TEST_CASE("Slices nest or do not", "[analysis][trace]") {
  CHECK(Nest({{10, 30}, {10, 20}, {12, 12}, {20, 30}, {30, 40}}));
  CHECK(!Nest({{10, 30}, {20, 31}}));
}

// A timeline as a viewer takes it.
struct Timeline {
  Timeline(const Program& program, const Trace& trace) {
    const Json json = Json::parse(TraceJson(program, trace));
    for (const Json& event : json["traceEvents"]) {
      const std::string kind = event["ph"];
      const std::pair<int, int> place = PlaceOf(event);
      if (kind == "M" && event["name"] == "thread_name") {
        names[place] = event["args"]["name"].get<std::string>();
      }
      if (kind == "s" || kind == "f") flows[event["id"].get<int64_t>()].push_back(event);
      if (kind != "X") continue;
      const int64_t begin = Nanoseconds(event["ts"]);
      slices[place].push_back({begin, begin + Nanoseconds(event["dur"])});
      places[{event["args"]["session"].get<int>(), event["cat"].get<std::string>()}].insert(place);
    }
  }

  std::map<std::pair<int, int>, std::string> names;  // of threads
  std::map<std::pair<int, int>, std::vector<Slice>> slices;
  std::map<std::pair<int, std::string>, std::set<std::pair<int, int>>> places;  // session, phase
  std::map<int64_t, std::vector<Json>> flows;
};

// What holds of every timeline.
void CheckTimeline(const Program& program, const Trace& trace) {
  const Timeline timeline(program, trace);
  size_t events = 0, sends = 0, slices = 0;
  for (const auto& [id, track] : trace.tracks) {
    events += track.size();
    for (const TraceEvent& event : track) sends += event.kind == Kind::kSend ? 1 : 0;
  }
  for (const auto& [place, track] : timeline.slices) {
    slices += track.size();
    CHECK(timeline.names.contains(place));
    CHECK(Nest(track));
  }
  CHECK(slices == events);
  CHECK(timeline.flows.size() == sends);
  for (const auto& [id, ends] : timeline.flows) {
    REQUIRE(ends.size() == 2);
    CHECK(ends[0]["ph"] == "s");
    CHECK(ends[1]["ph"] == "f");
    CHECK(ends[0]["pid"] != ends[1]["pid"]);
    for (const Json& end : ends) {  // each lies on a slice
      const auto& there = timeline.slices.at(PlaceOf(end));
      const int64_t time = Nanoseconds(end["ts"]);
      CHECK(std::any_of(there.begin(), there.end(), [&](const Slice& slice) {
        return slice.begin <= time && time <= slice.end;
      }));
    }
  }
}

TEST_CASE("The timeline has a slice for every event and a flow for every message",
          "[analysis][trace]") {
  Case given;
  const Outcome outcome = RunLayer(given);
  CheckTimeline(outcome.program(), outcome.trace);
  const Timeline timeline(outcome.program(), outcome.trace);
  CHECK(timeline.flows.size() > 10);
  for (const auto& [id, ends] : timeline.flows) CHECK(ends[0]["ts"] <= ends[1]["ts"]);
  for (const auto& [place, track] : timeline.slices) {
    for (size_t i = 1; i < track.size(); ++i) CHECK(track[i].begin >= track[i - 1].begin);
  }
  // One session needs one thread for each phase.
  for (const auto& [place, name] : timeline.names) CHECK(name.find(' ') == std::string::npos);
}

TEST_CASE("Sessions that overlap have threads of their own in a timeline", "[analysis][trace]") {
  Case given;
  const Outcome outcome = RunLayer(given);
  const Span extent = outcome.trace.Extent();
  std::mt19937_64 random(1);
  for (int round = 0; round < 10; ++round) {
    Trace trace;
    for (int32_t session = 0; session < 6; ++session) {
      const auto later =
          static_cast<int64_t>(random() % static_cast<uint64_t>(3 * (extent.end - extent.begin)));
      for (const auto& [id, events] : outcome.trace.tracks) {
        std::vector<TraceEvent>& track = trace.tracks[{session, id.phase, id.role}];
        for (TraceEvent event : events) {
          event.span.begin += later;
          event.span.end += later;
          track.push_back(event);
        }
      }
    }
    CheckTimeline(outcome.program(), trace);
  }

  // As many as are needed, and a session keeps to its own.
  const auto receive = [](int64_t begin, int64_t end) {
    return TraceEvent{Kind::kReceive, 0, Role::kDealer, 0, 9, {begin, end, 0}};
  };
  Trace trace;
  trace.tracks[{0, Phase::kDeal, Role::kP2}] = {receive(0, 250), receive(260, 400)};
  trace.tracks[{1, Phase::kDeal, Role::kP2}] = {receive(300, 600)};
  trace.tracks[{2, Phase::kDeal, Role::kP2}] = {receive(400, 500), receive(550, 700)};
  trace.tracks[{3, Phase::kDeal, Role::kP2}] = {receive(600, 650)};
  trace.tracks[{0, Phase::kOnline, Role::kP2}] = {receive(500, 800)};
  trace.tracks[{4, Phase::kDeal, Role::kP2}] = {};
  CheckTimeline(outcome.program(), trace);
  const Timeline timeline(outcome.program(), trace);
  std::vector<std::string> names;
  for (const auto& [place, name] : timeline.names) names.push_back(name);
  CHECK(names == std::vector<std::string>{"deal", "deal 2", "online"});
  const auto place = [&](int session) { return timeline.places.at({session, "deal"}); };
  for (int session = 0; session < 4; ++session) CHECK(place(session).size() == 1);
  CHECK(place(0) == place(2));
  CHECK(place(1) == place(3));
  CHECK(place(0) != place(1));
}

TEST_CASE("Messages without payload flow to receipts of their own", "[analysis][trace]") {
  Case given;
  const Outcome outcome = RunLayer(given);
  const auto send = [](int64_t time, int64_t bytes) {
    return TraceEvent{Kind::kSend, 0, Role::kP2, 0, bytes, {time, time, 0}};
  };
  const auto receive = [](int64_t time, int64_t bytes) {
    return TraceEvent{Kind::kReceive, 0, Role::kP1, 0, bytes, {time, time + 10, 0}};
  };
  Trace trace;
  trace.tracks[{0, Phase::kOnline, Role::kP1}] = {send(0, 0), send(1, 7), send(2, 0)};
  trace.tracks[{0, Phase::kOnline, Role::kP2}] = {receive(10, 7), receive(20, 0), receive(30, 0)};
  CheckTimeline(outcome.program(), trace);
  std::map<int64_t, int64_t> taken;
  for (const auto& [id, ends] : Timeline(outcome.program(), trace).flows) {
    taken[Nanoseconds(ends[0]["ts"])] = Nanoseconds(ends[1]["ts"]);
  }
  CHECK(taken == std::map<int64_t, int64_t>{{0, 30}, {1, 20}, {2, 40}});
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
