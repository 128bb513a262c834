#include "analysis/replay_report.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <string>

#include "analysis/analyze.h"
#include "analysis/networks.h"
#include "analysis/run_directory.h"
#include "tests/analysis/analyzed.h"
#include "tests/analysis/programs.h"
#include "tests/support/folder.h"
#include "tests/support/text.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

// A run of two layers, replayed under all shipped networks.
struct Replayed {
  Replayed() {
    AddLayers(given, 2, LinearForm::kMasked, LookupForm::kReshare);
    outcome = RunCase(given);
    outcome.trace.program = outcome.program().digest();
    for (Network& network : ShippedNetworks()) {
      auto replay = ReplayTrace(outcome.trace, network);
      REQUIRE(replay.ok());
      replays.push_back({std::move(network), *std::move(replay)});
    }
  }
  const Program& program() const { return outcome.program(); }
  Status Write(const fs::path& path) const {
    RunSummary summary;
    summary.model = "layers";
    summary.sessions.emplace_back();
    return WriteRunDirectory(path, {summary, program(), outcome.ledger, outcome.trace});
  }

  Case given;
  Outcome outcome;
  std::vector<ReplayUnder> replays;
};

TEST_CASE("Shares of critical paths add up to the time", "[analysis][replay_report]") {
  const Replayed run;
  for (const auto& [network, replay] : run.replays) {
    for (const Stage stage : kStages) {
      const double whole = replay.seconds(stage);
      const std::vector<CriticalShare> shares = CriticalShares(run.program(), replay, stage);
      REQUIRE(!shares.empty());
      double sum = 0;
      std::array<double, 4> kinds{};
      int64_t steps = 0;
      for (size_t i = 0; i < shares.size(); ++i) {
        CHECK((i == 0 || shares[i].seconds <= shares[i - 1].seconds));
        CHECK((shares[i].kind == CriticalStep::Kind::kWork) == !shares[i].protocol.empty());
        sum += shares[i].seconds;
        kinds[static_cast<size_t>(shares[i].kind)] += shares[i].seconds;
        steps += shares[i].steps;
      }
      CHECK(sum == Approx(whole).epsilon(1e-9));
      CHECK(steps == static_cast<int64_t>(replay.sessions[0][Index(stage)].critical.size()));
      const std::array<double, 4> expected = CriticalSeconds(replay, stage);
      for (size_t i = 0; i < kinds.size(); ++i) {
        CHECK(kinds[i] == Approx(expected[i]).epsilon(1e-9).margin(1e-12));
      }
    }
  }
}

TEST_CASE("Rounds are the latency of the path between P1 and P2", "[analysis][replay_report]") {
  const Replayed run;
  for (const auto& [network, replay] : run.replays) {
    if (network.name != "wan-100m") continue;
    int64_t times = 0;
    for (const CriticalShare& share : CriticalShares(run.program(), replay, Stage::kOnline)) {
      times += share.kind == CriticalStep::Kind::kLatency ? share.steps : 0;
    }
    CHECK(times == run.program().rounds(Phase::kOnline));
  }
}

TEST_CASE("Texts say what the replay says", "[analysis][replay_report]") {
  const Replayed run;
  const std::string text = ReplayText(run.program(), run.replays, 3);
  for (const auto& [network, replay] : run.replays) {
    INFO(network.name);
    CHECK(Has(text, StrCat("\n", network.name, ": ", network.description, "\n")));
  }
  for (const char* word : {"critical path", "transmission", "latency", "overhead", "idle",
                           "data-owner", "p1 -> p2", "the rest", "online a session"}) {
    INFO(word);
    CHECK(Has(text, word));
  }
  CHECK(!Has(ReplayText(run.program(), run.replays, 0), "waits for"));
  CHECK(!Has(ReplayText(run.program(), run.replays, 1000000), "the rest"));
  CHECK(Has(ReplayText(run.program(), run.replays, 1000000), "activation (lookup"));
}

TEST_CASE("replay reads a run directory", "[analysis][replay_report]") {
  const Replayed run;
  const Folder folder;
  const std::string path = (folder / "run").string();
  REQUIRE(run.Write(path).ok());
  CHECK(Output({"replay", path}) == ReplayText(run.program(), run.replays, 6));
  CHECK(Output({"replay", path, "--critical", "0", "--network", "wan-400m"}) ==
        ReplayText(run.program(), {run.replays[2]}, 0));
  const auto json = nlohmann::json::parse(Output({"replay", path, "--json"}));
  CHECK(json["format"] == "lutra-replay/1");
  CHECK(json["program"]["digest"] == run.program().digest().Hex());
  REQUIRE(json["networks"].size() == run.replays.size());
  for (size_t i = 0; i < run.replays.size(); ++i) {
    const auto& under = json["networks"][i];
    const Replay& replay = run.replays[i].replay;
    CHECK(under["name"] == run.replays[i].network.name);
    for (const Stage stage : kStages) {
      const auto& totals = under[std::string(Name(stage))];
      CHECK(totals["seconds"] == replay.seconds(stage));
      CHECK(totals["session_seconds"] == replay.seconds(stage));
      CHECK(totals["critical"].size() == CriticalShares(run.program(), replay, stage).size());
      const StageReplay& session = replay.sessions[0][Index(stage)];
      const auto& steps = under["sessions"][0][std::string(Name(stage))]["steps"];
      REQUIRE(steps.size() == session.critical.size());
      CHECK(steps.back()["end"] == session.seconds);
      for (const Role role : kRoles) {
        const StageReplay::RoleTime& time = session.roles[Index(role)];
        CHECK(totals["roles"].contains(std::string(Name(role))) == time.takes_part);
        if (time.takes_part) {
          CHECK(totals["roles"][std::string(Name(role))]["idle_seconds"] == time.idle);
        }
      }
    }
  }
}

TEST_CASE("Threads that have no effect are told", "[analysis][replay_report]") {
  Replayed run;
  for (const bool traced_with_two : {false, true}) {
    for (const Role role : kRoles) run.outcome.trace.threads[role] = traced_with_two ? 2 : 1;
    Network network = run.replays[0].network;
    for (Network::Compute& compute : network.compute) compute.threads = 8;
    const auto replay = ReplayTrace(run.outcome.trace, network);
    REQUIRE(replay.ok());
    const std::vector<ReplayUnder> replays = {{network, *replay}};
    const std::string text = ReplayText(run.program(), replays, 3);
    CHECK(Has(text, "\nthreads: no effect at dealer, p0, p1, p2, ") == !traced_with_two);
    const auto ignored = ReplayJson(run.program(), replays)["networks"][0]["threads_ignored"];
    CHECK(ignored.size() == (traced_with_two ? 0 : kRoles.size()));
    CHECK((traced_with_two || ignored[1] == "p0"));
  }
  CHECK(!Has(ReplayText(run.program(), run.replays, 3), "threads"));
}

TEST_CASE("replay refuses what it cannot use", "[analysis][replay_report]") {
  const Replayed run;
  const Folder folder;
  const fs::path path = folder / "run";
  REQUIRE(run.Write(path).ok());
  CHECK(Has(ErrorOf({"replay", path.string(), "--network", "wan-10m"}), "did you mean 'wan-100m'"));
  CHECK(Has(ErrorOf({"replay", path.string(), "--critical", "-1"}), "--critical: expected"));
  CHECK(Has(ErrorOf({"replay"}), "expected RUN, found nothing"));
  CHECK(Has(ErrorOf({"replay", (folder / "none").string()}), "run.json"));
  CHECK(Has(ErrorOf({"replya", path.string()}), "did you mean 'replay'?"));
  // Part of a trace.
  Trace trace = run.outcome.trace;
  trace.tracks.erase({0, Phase::kDeal, Role::kDealer});
  REQUIRE(WriteFile(path / "run.trace", TraceFile(trace)).ok());
  const std::string error = ErrorOf({"replay", path.string()});
  CHECK(Has(error, StrCat("'", path.string(), "': trace: session 0, deal level 0, dealer -> p")));
  // A run of before there were traces.
  REQUIRE(RemoveFile(path / "run.trace").ok());
  CHECK(Has(ErrorOf({"replay", path.string()}), "expected run.trace beside run.json, found none"));
}

}  // namespace
}  // namespace lutra
