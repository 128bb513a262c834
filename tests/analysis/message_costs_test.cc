#include "analysis/message_costs.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "analysis/analyze.h"
#include "analysis/run_directory.h"
#include "core/file.h"
#include "tests/analysis/programs.h"
#include "tests/support/folder.h"
#include "tests/support/text.h"

namespace lutra {
namespace {

using Kind = TraceEvent::Kind;

constexpr int64_t kMicro = 1000;
constexpr double kLatency = 0.002;

// Links of 2 ms and no limit.
Network Calibration() {
  Network network;
  network.name = "calibration";
  Network::Link link;
  link.latency_seconds = kLatency;
  for (auto& links : network.links) links.fill(link);
  return network;
}

// A message of level `level` from P1 to P2: sent at a time, waited for from another on, there so
// many microseconds after it was sent.
void Add(Trace& trace, int32_t level, int64_t bytes, int64_t sent, int64_t wanted, int64_t took) {
  trace.tracks[{0, Phase::kOnline, Role::kP1}].push_back(
      {Kind::kSend, 0, Role::kP2, level, bytes, {sent * kMicro, sent * kMicro, 0}});
  trace.tracks[{0, Phase::kOnline, Role::kP2}].push_back(
      {Kind::kReceive, 0, Role::kP1, level, bytes, {wanted * kMicro, (sent + took) * kMicro, 0}});
}

MessageCosts CostsOf(const std::vector<ShapedTrace>& runs) {
  const auto costs = MeasureMessageCosts(runs);
  INFO(OneLine(costs.status()));
  REQUIRE(costs.ok());
  return *costs;
}

std::string ErrorOf(const Trace& trace, const Network& network) {
  const std::vector<ShapedTrace> runs = {{&trace, &network}};
  return OneLine(MeasureMessageCosts(runs).status());
}

TEST_CASE("A machine's overhead and throughput are what messages took beyond the links",
          "[analysis][message_costs]") {
  const Network network = Calibration();
  Trace trace;
  Add(trace, 0, 8, 1000, 900, 2100);                 // 100 us of its own
  Add(trace, 1, 4096, 5000, 5000, 2300);             // 300 us
  Add(trace, 2, 40, 9000, 9001, 50);                 // nobody waited
  Add(trace, 3, 5000, 12000, 11000, 9999);           // neither short nor long
  Add(trace, 4, 65536, 20000, 11000, 2200 + 8192);   // 8 bytes a microsecond beyond the overhead
  Add(trace, 5, 80000, 40000, 11000, 2200 + 20000);  // 4
  const MessageCosts costs = CostsOf({{&trace, &network}});
  CHECK(costs.overhead_seconds == Approx(100e-6));  // 200 us of both ends
  CHECK(costs.short_messages == 2);
  REQUIRE(costs.bytes_per_second.has_value());
  CHECK(*costs.bytes_per_second == Approx((65536 + 80000) / (8192e-6 + 20000e-6)));
  CHECK(costs.long_messages == 2);

  // Runs count together; the other phases, and what has no send, do not count.
  Trace other;
  Add(other, 0, 1, 1000, 1000, 2800);
  const TraceEvent sent = other.tracks[{0, Phase::kOnline, Role::kP1}][0];
  const TraceEvent received = other.tracks[{0, Phase::kOnline, Role::kP2}][0];
  other.tracks[{0, Phase::kPrepare, Role::kP0}] = {sent};
  other.tracks[{0, Phase::kPrepare, Role::kP2}] = {received};
  other.tracks[{1, Phase::kOnline, Role::kP2}] = {received};
  CHECK(CostsOf({{&other, &network}}).overhead_seconds == Approx(400e-6));
  const MessageCosts both = CostsOf({{&trace, &network}, {&other, &network}});
  CHECK(both.overhead_seconds == Approx((100e-6 + 300e-6 + 800e-6) / 3 / 2));
  CHECK(both.short_messages == 3);
}

TEST_CASE("Tapes have a throughput of their own", "[analysis][message_costs]") {
  Network network = Calibration();
  Trace trace;
  Add(trace, 0, 8, 1000, 900, 2100);
  std::vector<TraceEvent>& dealing = trace.tracks[{0, Phase::kDeal, Role::kDealer}];
  const auto deal = [&](Kind kind, Role party, int64_t bytes, int64_t begin, int64_t end) {
    dealing.push_back({kind, 0, party, 0, bytes, {begin * kMicro, end * kMicro, 0}});
  };
  // Two windows to each party.
  deal(Kind::kWork, Role::kDealer, 0, 0, 5000);
  deal(Kind::kSend, Role::kP1, 50000, 5000, 5000);
  deal(Kind::kSend, Role::kP2, 30000, 5100, 5100);
  deal(Kind::kWork, Role::kDealer, 0, 7000, 8000);
  deal(Kind::kSend, Role::kP1, 50000, 9000, 9000);
  deal(Kind::kSend, Role::kP2, 60000, 9100, 9100);
  deal(Kind::kWork, Role::kDealer, 0, 9200, 9900);
  const auto take = [&](Role party, int64_t bytes, int64_t wanted, int64_t there) {
    trace.tracks[{0, Phase::kDeal, party}] = {
        {Kind::kReceive, 0, Role::kDealer, 0, bytes, {wanted * kMicro, there * kMicro, 0}}};
  };
  take(Role::kP1, 100000, 4000, 5000 + 2000 + 40000);
  const MessageCosts one = CostsOf({{&trace, &network}});
  CHECK(one.tapes == 1);
  REQUIRE(one.tape_bytes_per_second.has_value());
  CHECK(*one.tape_bytes_per_second == Approx(100000 / 40000e-6));
  take(Role::kP2, 90000, 9100, 5100 + 2000 + 10000);
  const MessageCosts both = CostsOf({{&trace, &network}, {&trace, &network}});
  CHECK(both.tapes == 4);
  CHECK(*both.tape_bytes_per_second == Approx(190000 / 50000e-6));
  CHECK(FormatMessageCosts(both) ==
        "[messages]\noverhead_us = 50.0  # mean of 2 messages of up to 4096 bytes\n"
        "tape_mbit = 30.4  # of 4 parts of tapes\n");

  // Not what was taken in windows, or later than it came, or had to wait for its link.
  take(Role::kP2, 30000, 5100, 20000);
  CHECK(CostsOf({{&trace, &network}}).tapes == 1);
  take(Role::kP2, 90000, 9101, 20000);
  CHECK(CostsOf({{&trace, &network}}).tapes == 1);
  network.link(Role::kDealer, Role::kP1).bytes_per_second = 1e9;
  CHECK(CostsOf({{&trace, &network}}).tapes == 0);
  CHECK(!CostsOf({{&trace, &network}}).tape_bytes_per_second.has_value());
}

TEST_CASE("What links of limited bandwidth take is not the machine's",
          "[analysis][message_costs]") {
  Network network = Calibration();
  network.header_bytes = 92;
  network.link(Role::kP1, Role::kP2).bytes_per_second = 1e6;
  Trace trace;
  Add(trace, 0, 8, 1000, 900, 2000 + 100 + 60);
  Add(trace, 1, 100000, 9000, 900, 2000 + 100092 + 60);
  const MessageCosts costs = CostsOf({{&trace, &network}});
  CHECK(costs.overhead_seconds == Approx(30e-6));
  CHECK(!costs.bytes_per_second.has_value());
  CHECK(costs.long_messages == 0);
  CHECK(FormatMessageCosts(costs) ==
        "[messages]\noverhead_us = 30.0  # mean of 1 messages of up to 4096 bytes\n");
}

TEST_CASE("Traces that tell nothing of messages are errors", "[analysis][message_costs]") {
  const Network network = Calibration();
  CHECK(Has(ErrorOf(Trace(), network), "bytes whose receiver waits for them, found none"));
  Trace trace;
  Add(trace, 0, 70000, 1000, 900, 9000);
  CHECK(Has(ErrorOf(trace, network), "found none"));
  Add(trace, 1, 8, 20000, 900, 1500);
  CHECK(Has(ErrorOf(trace, network), "as long as their links, found 500.0 us less in the mean"));
}

// A run directory of processes that never were, whose messages are as in the trace.
struct Recorded {
  Recorded() {
    AddLayers(given, 1, LinearForm::kMasked, LookupForm::kReshare);
    outcome = RunCase(given);
    summary.model = "layers";
    summary.sessions.emplace_back();
    summary.sessions[0].offline_seconds = 1.25;
    trace.program = outcome.program().digest();
    Add(trace, 0, 8, 1000, 900, 2100);
    Add(trace, 1, 65536, 20000, 11000, 2100 + 8192);
  }
  void Write(const std::filesystem::path& path) const {
    REQUIRE(WriteRunDirectory(path, {summary, outcome.program(), outcome.ledger, trace}).ok());
  }

  Case given;
  Outcome outcome;
  RunSummary summary;
  Trace trace;
};

TEST_CASE("calibrate measures shaped runs, and replay reckons with it",
          "[analysis][message_costs]") {
  Recorded run;
  const Folder folder;
  const std::string path = (folder / "run").string();
  run.Write(path);
  const auto json = ReadRunJson(path);
  REQUIRE(json.ok());
  CHECK((*json)["shaped"].is_null());
  CHECK((*json)["sessions"][0]["offline"]["seconds"] == 1.25);
  CHECK(Has(OneLine(Analyze(std::vector<std::string>{"calibrate", path}).status()),
            "run/run.json': shaped: expected links that were shaped (lutra-launch --network), "
            "found none"));

  run.summary.shaped = ShapedLinks{Calibration(), true};
  run.Write(path);
  const auto shaped = ReadRunJson(path);
  REQUIRE(shaped.ok());
  CHECK((*shaped)["shaped"]["network"] == "calibration");
  CHECK((*shaped)["shaped"]["links"] == "all");
  const auto text = Analyze(std::vector<std::string>{"calibrate", path, path});
  INFO(OneLine(text.status()));
  REQUIRE(text.ok());
  CHECK(*text ==
        "[messages]\n"
        "overhead_us = 50.0  # mean of 2 messages of up to 4096 bytes\n"
        "throughput_mbit = 64.0  # of 2 messages of at least 65536 bytes\n");

  // Under a network of no latency: twice the overhead for each message, and 8 bytes a microsecond.
  const std::string messages = (folder / "machine.toml").string();
  const std::string ideal = (folder / "ideal.toml").string();
  REQUIRE(WriteFile(messages, *text).ok());
  REQUIRE(WriteFile(ideal, std::string_view("format = \"lutra-network/1\"\nname = \"ideal\"\n"
                                            "[messages]\noverhead_us = 7\n"))
              .ok());
  const auto online = [&](std::vector<std::string> flags) {
    std::vector<std::string> arguments = {"replay", path, "--network", ideal, "--json"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    const auto replayed = Analyze(arguments);
    INFO(OneLine(replayed.status()));
    REQUIRE(replayed.ok());
    const auto document = nlohmann::json::parse(*replayed);
    return document["networks"][0]["online"]["seconds"].get<double>();
  };
  // The second message leaves when the overhead of both is spent.
  CHECK(online({}) == Approx(3 * 7e-6));
  CHECK(online({"--messages", messages}) == Approx(50e-6 + 50e-6 + 8192e-6 + 50e-6));

  // A dealer whose links were left as they are has ideal ones.
  const auto dealer_latency = [&] {
    const auto written = ReadRunJson(path);
    REQUIRE(written.ok());
    const auto network = ReadShapedNetwork(*written, path);
    REQUIRE(network.ok());
    CHECK(network->link(Role::kP1, Role::kP2).latency_seconds == Approx(kLatency));
    return network->link(Role::kDealer, Role::kP1).latency_seconds;
  };
  CHECK(dealer_latency() == Approx(kLatency));
  run.summary.shaped->dealer = false;
  run.Write(path);
  CHECK(dealer_latency() == 0);

  // A later run without shaping leaves no network behind.
  CHECK(std::filesystem::exists(folder / "run/network.toml"));
  run.summary.shaped.reset();
  run.Write(path);
  CHECK(!std::filesystem::exists(folder / "run/network.toml"));
}

TEST_CASE("A file of --messages has overhead and throughputs, and nothing else",
          "[analysis][message_costs]") {
  const Folder folder;
  const std::string path = (folder / "machine.toml").string();
  const auto read = [&](std::string_view text) {
    REQUIRE(WriteFile(path, text).ok());
    std::vector<Network> networks(2);
    for (Network& network : networks) {
      network.overhead_seconds = 1;
      network.header_bytes = 66;
      network.throughput_bytes_per_second = 1000;
    }
    const Status status = ReadMessageCosts(path, networks);
    for (const Network& network : networks) CHECK(network.header_bytes == 66);
    return std::pair(OneLine(status), networks[1]);
  };
  const auto [ok, both] = read("[messages]\noverhead_us = 50\nthroughput_mbit = 64.0\n");
  CHECK(ok == "");
  CHECK(both.overhead_seconds == Approx(50e-6));
  CHECK(both.throughput_bytes_per_second == Approx(8e6));
  CHECK(!both.tape_bytes_per_second.has_value());
  const auto [tapes_ok, tapes] = read("[messages]\ntape_mbit = 16\n");
  CHECK(tapes_ok == "");
  CHECK(tapes.tape_bytes_per_second == 2e6);
  const auto [also_ok, one] = read("[messages]\noverhead_us = 50\n");
  CHECK(also_ok == "");
  CHECK(std::isinf(one.throughput_bytes_per_second));
  for (const auto& [text, says] : std::vector<std::pair<std::string_view, std::string_view>>{
           {"", "messages: expected a table, found nothing"},
           {"[messages]\nheader_bytes = 3\n", "machine.toml:2: messages.header_bytes: expected"},
           {"[messages]\noverhead_us = -1\n", "machine.toml:2: messages.overhead_us: expected"},
           {"[links]\n[messages]\n", "machine.toml:1: links: expected"},
           {"[messages", "machine.toml:1"}}) {
    const auto [error, unchanged] = read(text);
    INFO(error);
    CHECK(Has(error, says));
    CHECK(unchanged.overhead_seconds == 1);
  }
  std::vector<Network> none;
  CHECK(Has(OneLine(ReadMessageCosts(folder / "none.toml", none)), "none.toml"));
}

}  // namespace
}  // namespace lutra
