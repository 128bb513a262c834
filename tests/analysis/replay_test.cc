#include "analysis/replay.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "tests/analysis/programs.h"

namespace lutra {
namespace {

using Kind = CriticalStep::Kind;

constexpr double kMilli = 1e-3;

// Equal but for the rounding of sums.
Approx Exactly(double value) { return Approx(value).epsilon(1e-12); }

// A trace, event by event. Its times are of no account but for how long work takes, in
// milliseconds.
class Story {
 public:
  explicit Story(Phase phase = Phase::kOnline) : phase_(phase) {}

  Story& In(Phase phase) {
    phase_ = phase;
    return *this;
  }
  Story& Session(int32_t session) {
    session_ = session;
    return *this;
  }
  Story& Work(Role role, int64_t milliseconds, int64_t cpu = 0, NodeId node = 0) {
    constexpr int64_t kNanos = 1000 * 1000;
    Add(role,
        {TraceEvent::Kind::kWork, node, role, 0, 0, {0, milliseconds * kNanos, cpu * kNanos}});
    return *this;
  }
  Story& Send(Role from, Role to, int64_t bytes, int32_t level = 0) {
    Add(from, {TraceEvent::Kind::kSend, 0, to, level, bytes, {}});
    return *this;
  }
  Story& Receive(Role to, Role from, int64_t bytes, int32_t level = 0) {
    Add(to, {TraceEvent::Kind::kReceive, 0, from, level, bytes, {}});
    return *this;
  }
  // Sent and received.
  Story& Message(Role from, Role to, int64_t bytes, int32_t level = 0) {
    return Send(from, to, bytes, level).Receive(to, from, bytes, level);
  }
  Story& Threads(Role role, int32_t threads) {
    trace.threads[role] = threads;
    return *this;
  }

  Trace trace;

 private:
  void Add(Role role, const TraceEvent& event) {
    trace.tracks[{session_, phase_, role}].push_back(event);
  }
  Phase phase_;
  int32_t session_ = 0;
};

// In milliseconds and bytes a millisecond.
Network Uniform(double latency, double bytes_per_millisecond, double overhead = 0,
                int64_t header = 0) {
  Network network;
  for (auto& links : network.links) links.fill({latency * kMilli, bytes_per_millisecond * 1000});
  network.overhead_seconds = overhead * kMilli;
  network.header_bytes = header;
  return network;
}

constexpr double kUnlimited = std::numeric_limits<double>::infinity();

Replay ReplayOf(const Trace& trace, const Network& network) {
  const auto replay = ReplayTrace(trace, network);
  INFO(OneLine(replay.status()));
  REQUIRE(replay.ok());
  return *replay;
}

StageReplay OnlineOf(const Story& story, const Network& network) {
  const Replay replay = ReplayOf(story.trace, network);
  REQUIRE(replay.sessions.size() == 1);
  return replay.sessions[0][Index(Stage::kOnline)];
}

double Milliseconds(const Story& story, const Network& network) {
  return OnlineOf(story, network).seconds / kMilli;
}

std::string ErrorOf(const Story& story) {
  const auto replay = ReplayTrace(story.trace, Network());
  REQUIRE(!replay.ok());
  return OneLine(replay.status());
}

std::vector<Kind> KindsOf(const StageReplay& stage) {
  std::vector<Kind> kinds;
  for (const CriticalStep& step : stage.critical) kinds.push_back(step.kind);
  return kinds;
}

double SecondsOf(const StageReplay& stage, Kind kind) {
  double sum = 0;
  for (const CriticalStep& step : stage.critical) sum += step.kind == kind ? step.seconds() : 0;
  return sum;
}

// What holds of every stage: the critical path is the whole time, and roles are busy or idle.
void CheckStage(const StageReplay& stage) {
  double end = 0;
  double sum = 0;
  for (const CriticalStep& step : stage.critical) {
    CHECK(step.begin == end);
    CHECK(step.end > step.begin);
    end = step.end;
    sum += step.seconds();
  }
  CHECK(end == stage.seconds);
  CHECK(sum == Approx(stage.seconds).epsilon(1e-9));
  for (const StageReplay::RoleTime& role : stage.roles) {
    if (role.takes_part) {
      CHECK(role.work + role.overhead + role.idle == Approx(stage.seconds).epsilon(1e-9));
    } else {
      CHECK(role.work + role.overhead + role.idle == 0);
    }
  }
}

TEST_CASE("Replay: one message", "[analysis][replay]") {
  const Story story = Story()
                          .Work(Role::kP1, 3, 0, 7)
                          .Message(Role::kP1, Role::kP2, 1000, 4)
                          .Work(Role::kP2, 2, 0, 8);
  const StageReplay stage = OnlineOf(story, Uniform(5, 1000, 0.5, 24));
  CHECK(stage.seconds == Exactly((3 + 0.5 + 1.024 + 5 + 0.5 + 2) * kMilli));
  CHECK(KindsOf(stage) == std::vector<Kind>{Kind::kWork, Kind::kOverhead, Kind::kTransmission,
                                            Kind::kLatency, Kind::kOverhead, Kind::kWork});
  CheckStage(stage);
  CHECK(stage.critical[0].node == 7);
  CHECK(stage.critical[5].node == 8);
  for (size_t i = 1; i < 4; ++i) {
    CHECK(stage.critical[i].role == Role::kP1);
    CHECK(stage.critical[i].peer == Role::kP2);
    CHECK(stage.critical[i].level == 4);
  }
  CHECK(stage.critical[4].role == Role::kP2);
  CHECK(stage.critical[4].peer == Role::kP1);
  const auto& sender = stage.roles[Index(Role::kP1)];
  CHECK(sender.work == Exactly(3 * kMilli));
  CHECK(sender.overhead == Exactly(0.5 * kMilli));
  CHECK(sender.idle == Exactly(8.524 * kMilli));
  CHECK(!stage.roles[Index(Role::kP0)].takes_part);
  // Nothing at all takes no time.
  CHECK(ReplayOf(Trace(), Network()).sessions.empty());
  CHECK(Milliseconds(Story().Message(Role::kP1, Role::kP2, 0), Uniform(0, kUnlimited)) == 0);
}

TEST_CASE("Replay: a pipeline takes its stages and its slowest one for every further chunk",
          "[analysis][replay]") {
  constexpr int kChunks = 9;
  constexpr double kOverhead = 0.25;
  constexpr double kLatency = 40;
  struct Setting {
    int64_t produce, consume;
    double transmit;
  };
  for (const Setting& setting :
       {Setting{10, 2, 1}, Setting{1, 2, 16}, Setting{3, 12, 4}, Setting{5, 5, 5.25}}) {
    Story story(Phase::kDeal);
    for (int i = 0; i < kChunks; ++i) {
      story.Work(Role::kDealer, setting.produce)
          .Message(Role::kDealer, Role::kP1, 4000)
          .Work(Role::kP1, setting.consume);
    }
    const Network network = Uniform(kLatency, 4000 / setting.transmit, kOverhead);
    const double first = static_cast<double>(setting.produce) + kOverhead;
    const double last = static_cast<double>(setting.consume) + kOverhead;
    const double slowest = std::max({first, setting.transmit, last});
    const StageReplay stage = ReplayOf(story.trace, network).sessions[0][Index(Stage::kOffline)];
    CHECK(stage.seconds / kMilli ==
          Exactly(first + setting.transmit + kLatency + last + (kChunks - 1) * slowest));
    CheckStage(stage);
    CHECK(SecondsOf(stage, Kind::kLatency) == Approx(kLatency * kMilli).epsilon(1e-9));
  }
}

TEST_CASE("Replay: two links share a role, which handles one message at a time",
          "[analysis][replay]") {
  const Network network = Uniform(10, 1000, 2);  // 3 ms for 3000 bytes
  const Story out =
      Story().Message(Role::kDataOwner, Role::kP1, 3000).Message(Role::kDataOwner, Role::kP2, 3000);
  CHECK(Milliseconds(out, network) == Exactly(2 + 2 + 3 + 10 + 2));
  const Story in =
      Story().Message(Role::kP1, Role::kDataOwner, 3000).Message(Role::kP2, Role::kDataOwner, 3000);
  CHECK(Milliseconds(in, network) == Exactly(2 + 3 + 10 + 2 + 2));
  // Without overhead the links are all that there is, and do not disturb each other.
  CHECK(Milliseconds(out, Uniform(10, 1000)) == Exactly(13));
  CHECK(Milliseconds(in, Uniform(10, 1000)) == Exactly(13));
  CHECK(OnlineOf(out, network).roles[Index(Role::kDataOwner)].overhead == Exactly(4 * kMilli));
}

TEST_CASE("Replay: a tree, to the root and from it", "[analysis][replay]") {
  const Network network = Uniform(20, 500, 1);  // 4 ms for 2000 bytes
  // Leaves model owner, data owner, P1, P2; inner nodes dealer and P0, which is the root, too.
  Story gather;
  gather.Work(Role::kModelOwner, 5)
      .Work(Role::kDataOwner, 30)
      .Message(Role::kModelOwner, Role::kDealer, 2000)
      .Message(Role::kDataOwner, Role::kDealer, 2000)
      .Work(Role::kDealer, 7)
      .Message(Role::kP1, Role::kP0, 2000)
      .Message(Role::kP2, Role::kP0, 2000)
      .Message(Role::kDealer, Role::kP0, 2000);
  const double leaf = 30 + 1 + 4 + 20 + 1;  // the later one
  CHECK(Milliseconds(gather, network) == Exactly(leaf + 7 + 1 + 4 + 20 + 1));
  // With equal leaves the root pays for each.
  Story equal;
  for (const Role leaf_role : {Role::kDealer, Role::kP1, Role::kP2, Role::kDataOwner}) {
    equal.Message(leaf_role, Role::kP0, 2000);
  }
  CHECK(Milliseconds(equal, network) == Exactly(1 + 4 + 20 + 4 * 1));
  // From the root to two, from the second of them to three.
  const Story broadcast = Story()
                              .Message(Role::kP0, Role::kP1, 2000)
                              .Message(Role::kP0, Role::kP2, 2000)
                              .Message(Role::kP2, Role::kDealer, 2000)
                              .Message(Role::kP2, Role::kModelOwner, 2000)
                              .Message(Role::kP2, Role::kDataOwner, 2000);
  const StageReplay stage = OnlineOf(broadcast, network);
  CHECK(stage.seconds / kMilli == Exactly((2 * 1 + 4 + 20 + 1) + (3 * 1 + 4 + 20 + 1)));
  CheckStage(stage);
}

TEST_CASE("Replay: an exchange takes as long as one message", "[analysis][replay]") {
  const Network network = Uniform(10, 1000, 1);
  constexpr int kRounds = 5;
  Story exchange;
  for (int level = 0; level < kRounds; ++level) {
    exchange.Send(Role::kP1, Role::kP2, 4000, level).Send(Role::kP2, Role::kP1, 4000, level);
    exchange.Receive(Role::kP1, Role::kP2, 4000, level).Receive(Role::kP2, Role::kP1, 4000, level);
  }
  CHECK(Milliseconds(exchange, network) == Exactly(kRounds * (1 + 4 + 10 + 1)));
}

TEST_CASE("Replay: messages queue on a link, and the path follows those before",
          "[analysis][replay]") {
  const Story story = Story()
                          .Send(Role::kP1, Role::kP2, 9000, 0)
                          .Work(Role::kP1, 1)
                          .Send(Role::kP1, Role::kP2, 2000, 1)
                          .Send(Role::kP1, Role::kP2, 3000, 2)
                          .Receive(Role::kP2, Role::kP1, 3000, 2)
                          .Receive(Role::kP2, Role::kP1, 9000, 0)
                          .Receive(Role::kP2, Role::kP1, 2000, 1);
  const StageReplay stage = OnlineOf(story, Uniform(6, 1000));
  CHECK(stage.seconds == Exactly((9 + 2 + 3 + 6) * kMilli));
  REQUIRE(KindsOf(stage) == std::vector<Kind>{Kind::kTransmission, Kind::kTransmission,
                                              Kind::kTransmission, Kind::kLatency});
  for (int level = 0; level < 3; ++level) {
    CHECK(stage.critical[static_cast<size_t>(level)].level == level);
  }
  CheckStage(stage);
  // Another link is free.
  Story other = story;
  other.Message(Role::kP1, Role::kP0, 1000);
  CHECK(ReplayOf(other.trace, Uniform(6, 1000)).sessions[0][2].seconds == stage.seconds);
}

TEST_CASE("Replay: each direction of each link has its own latency and bandwidth",
          "[analysis][replay]") {
  Network network = Uniform(1, 1000);
  network.link(Role::kP1, Role::kP2) = {30 * kMilli, 100 * 1000};
  network.link(Role::kP2, Role::kP1) = {7 * kMilli, 4000 * 1000};
  const Story there = Story().Message(Role::kP1, Role::kP2, 800);
  const Story back = Story().Message(Role::kP2, Role::kP1, 800);
  const Story both =
      Story().Message(Role::kP1, Role::kP2, 800).Message(Role::kP2, Role::kP1, 800, 1);
  CHECK(Milliseconds(there, network) == Exactly(8 + 30));
  CHECK(Milliseconds(back, network) == Exactly(0.2 + 7));
  CHECK(Milliseconds(both, network) == Exactly(38 + 7.2));
  CHECK(Milliseconds(Story().Message(Role::kP0, Role::kP2, 800), network) == Exactly(1.8));
  network.throughput_bytes_per_second = 50 * 1000;  // less than either
  CHECK(Milliseconds(both, network) == Exactly(16 + 30 + 16 + 7));

  // Tapes have a throughput of their own, if one is given.
  Trace trace;
  trace.tracks[{0, Phase::kDeal, Role::kDealer}] = {
      {TraceEvent::Kind::kSend, 0, Role::kP1, 0, 800, {}}};
  trace.tracks[{0, Phase::kDeal, Role::kP1}] = {
      {TraceEvent::Kind::kReceive, 0, Role::kDealer, 0, 800, {}}};
  const auto offline = [&] { return ReplayOf(trace, network).sessions[0][1].seconds / kMilli; };
  CHECK(offline() == Exactly(16 + 1));
  network.tape_bytes_per_second = 20 * 1000;
  CHECK(offline() == Exactly(40 + 1));
  network.tape_bytes_per_second = 2000 * 1000;
  CHECK(offline() == Exactly(0.8 + 1));
  CHECK(Milliseconds(both, network) == Exactly(16 + 30 + 16 + 7));
}

TEST_CASE("Replay: speed and threads of a role", "[analysis][replay]") {
  const auto milliseconds = [](int64_t wall, int64_t cpu, int32_t traced, double speed,
                               std::optional<int32_t> threads) {
    constexpr int64_t kNanos = 1000 * 1000;
    return WorkSeconds({5, 5 + wall * kNanos, cpu * kNanos}, traced, {speed, threads}) / kMilli;
  };
  CHECK(milliseconds(60, 100, 2, 1, std::nullopt) == Exactly(60));
  CHECK(milliseconds(60, 100, 2, 4, std::nullopt) == Exactly(15));
  CHECK(milliseconds(60, 100, 2, 1, 2) == Exactly(60));
  // 20 serial and 80 parallel.
  CHECK(milliseconds(60, 100, 2, 1, 1) == Exactly(100));
  CHECK(milliseconds(60, 100, 2, 1, 8) == Exactly(30));
  CHECK(milliseconds(60, 100, 2, 0.5, 8) == Exactly(60));
  // All of it is parallel: 4 threads had 50 each.
  CHECK(milliseconds(50, 200, 4, 1, 1) == Exactly(200));
  CHECK(milliseconds(50, 200, 4, 1, 100) == Exactly(2));
  // More than that cannot be; nor less than one thread's time.
  CHECK(milliseconds(50, 900, 4, 1, 1) == Exactly(200));
  CHECK(milliseconds(50, 10, 4, 1, 1) == Exactly(50));
  CHECK(milliseconds(50, 10, 4, 1, 100) == Exactly(50));
  CHECK(milliseconds(50, 50, 1, 1, 100) == Exactly(50));
  CHECK(milliseconds(0, 7, 4, 1, 100) == 0);

  Network network = Uniform(0, kUnlimited);
  network.compute[Index(Role::kP1)].speed = 4;
  network.compute[Index(Role::kP2)].threads = 8;
  const Story story = Story()
                          .Threads(Role::kP1, 2)
                          .Threads(Role::kP2, 2)
                          .Work(Role::kP1, 60, 100)
                          .Message(Role::kP1, Role::kP2, 1)
                          .Work(Role::kP2, 60, 100)
                          .Message(Role::kP2, Role::kP0, 1)
                          .Work(Role::kP0, 60, 100);
  CHECK(Milliseconds(story, network) == Exactly(15 + 30 + 60));
  // Threads have no effect on what was traced with one; who only sends has none to speak of.
  CHECK(ReplayOf(story.trace, network).threads_ignored.empty());
  for (Network::Compute& compute : network.compute) compute.threads = 8;
  CHECK(ReplayOf(story.trace, network).threads_ignored == std::vector<Role>{Role::kP0});
  network.compute[Index(Role::kP0)].threads = 1;
  CHECK(ReplayOf(story.trace, network).threads_ignored.empty());
}

TEST_CASE("Replay: tracks of a role go on side by side, one thing at a time",
          "[analysis][replay]") {
  const Network network = Uniform(3, 1000, 1);
  // The tape arrives at 1 + 2 + 3 = 6, while P1 prepares until 10.
  const Story story = Story()
                          .In(Phase::kDeal)
                          .Message(Role::kDealer, Role::kP1, 2000)
                          .In(Phase::kPrepare)
                          .Work(Role::kP1, 10)
                          .Work(Role::kP1, 4);
  const StageReplay stage = ReplayOf(story.trace, network).sessions[0][Index(Stage::kOffline)];
  // The receipt was ready before the second piece of work.
  CHECK(stage.seconds == Exactly((10 + 1 + 4) * kMilli));
  CHECK(KindsOf(stage) == std::vector<Kind>{Kind::kWork, Kind::kOverhead, Kind::kWork});
  CHECK(stage.roles[Index(Role::kP1)].idle == Exactly(0));
  CheckStage(stage);
  // Stages and sessions have times of their own.
  Story more = story;
  more.In(Phase::kOnline).Work(Role::kP2, 8).In(Phase::kModel).Work(Role::kP0, 2);
  more.Session(1).Work(Role::kP0, 5);
  const Replay replay = ReplayOf(more.trace, network);
  REQUIRE(replay.sessions.size() == 2);
  CHECK(replay.seconds(Stage::kModel) == Exactly(7 * kMilli));
  CHECK(replay.seconds(Stage::kOffline) == stage.seconds);
  CHECK(replay.seconds(Stage::kOnline) == Exactly(8 * kMilli));
  CHECK(replay.sessions[1][Index(Stage::kModel)].seconds == Exactly(5 * kMilli));
  CHECK(replay.sessions[1][Index(Stage::kOnline)].seconds == 0);
}

TEST_CASE("Replay: what is ready first on a link is sent first", "[analysis][replay]") {
  // Two tracks of P1 send to P2; the one that comes later in the trace is ready earlier.
  const Story story = Story()
                          .In(Phase::kDeal)
                          .Message(Role::kDealer, Role::kP1, 5000)
                          .Message(Role::kP1, Role::kP2, 4000)
                          .In(Phase::kPrepare)
                          .Work(Role::kP1, 2)
                          .Message(Role::kP1, Role::kP2, 6000);
  const StageReplay stage =
      ReplayOf(story.trace, Uniform(0, 1000)).sessions[0][Index(Stage::kOffline)];
  CHECK(stage.seconds == Exactly((2 + 6 + 4) * kMilli));
  REQUIRE(stage.critical.size() == 3);
  CHECK(stage.critical[1].phase == Phase::kPrepare);
  CHECK(stage.critical[2].phase == Phase::kDeal);
}

TEST_CASE("Replay: receipts take the bytes of a link in their order, however they were sent",
          "[analysis][replay]") {
  const Network network = Uniform(10, 100);
  // Arrivals at 14, 18, 22.
  Story story;
  for (int i = 0; i < 3; ++i) story.Send(Role::kP1, Role::kP2, 400);
  story.Receive(Role::kP2, Role::kP1, 500).Work(Role::kP2, 1);
  CHECK(Milliseconds(story, network) == Exactly(19));
  story.Receive(Role::kP2, Role::kP1, 300);  // 800: were there at 18
  CHECK(Milliseconds(story, network) == Exactly(19));
  story.Receive(Role::kP2, Role::kP1, 1);
  CHECK(Milliseconds(story, network) == Exactly(22));
  story.Receive(Role::kP2, Role::kP1, 399).Work(Role::kP2, 2);
  CHECK(Milliseconds(story, network) == Exactly(24));
  // Of another level or phase nothing is there.
  story.Receive(Role::kP2, Role::kP1, 1, 1);
  CHECK(ErrorOf(story) ==
        "trace: session 0, online level 1, p1 -> p2: expected 1 bytes to be sent, as many as are "
        "received, found 0");
}

TEST_CASE("Replay: a message without payload is its header, and is waited for",
          "[analysis][replay]") {
  const Network network = Uniform(10, 100, 2, 300);  // 3 ms for a header
  const Story one = Story().Message(Role::kP1, Role::kP2, 0);
  CHECK(Milliseconds(one, network) == Exactly(2 + 3 + 10 + 2));
  CHECK(KindsOf(OnlineOf(one, network)) ==
        std::vector<Kind>{Kind::kOverhead, Kind::kTransmission, Kind::kLatency, Kind::kOverhead});
  CHECK(Milliseconds(one, Uniform(10, kUnlimited)) == Exactly(10));
  // It has its turn on the link, and a receipt of its own, whatever is sent around it.
  const Story between = Story()
                            .Send(Role::kP1, Role::kP2, 400)
                            .Send(Role::kP1, Role::kP2, 0)
                            .Send(Role::kP1, Role::kP2, 500);
  const Network bare = Uniform(10, 100, 0, 100);  // there at 15, 16, 22
  CHECK(Milliseconds(Story(between).Receive(Role::kP2, Role::kP1, 400), bare) == Exactly(15));
  CHECK(Milliseconds(Story(between).Receive(Role::kP2, Role::kP1, 0), bare) == Exactly(16));
  CHECK(Milliseconds(Story(between).Receive(Role::kP2, Role::kP1, 401), bare) == Exactly(22));
  // The second of them with the second receipt.
  const Story two = Story().Message(Role::kP1, Role::kP2, 0).Message(Role::kP1, Role::kP2, 0);
  CHECK(Milliseconds(two, bare) == Exactly(1 + 1 + 10));
  CHECK(ErrorOf(Story(two).Receive(Role::kP2, Role::kP1, 0)) ==
        "trace: session 0, online level 0, p1 -> p2: expected 3 messages without payload to be "
        "sent, as many as are received, found 2");
  const Story other = Story().Send(Role::kP1, Role::kP2, 5).Receive(Role::kP2, Role::kP1, 0);
  CHECK(ErrorOf(other).find("expected 1 messages without payload") != std::string::npos);
}

TEST_CASE("Replay: what cannot end is an error", "[analysis][replay]") {
  CHECK(
      ErrorOf(
          Story(Phase::kPrepare).Session(0).Work(Role::kP1, 1).Receive(Role::kP1, Role::kP0, 70)) ==
      "trace: session 0, prepare level 0, p0 -> p1: expected 70 bytes to be sent, as many as are "
      "received, found 0");
  CHECK(ErrorOf(Story().Send(Role::kP1, Role::kP2, 5, 3).Receive(Role::kP2, Role::kP1, 6, 3)) ==
        "trace: session 0, online level 3, p1 -> p2: expected 6 bytes to be sent, as many as are "
        "received, found 5");
  const Story cycle = Story()
                          .Receive(Role::kP1, Role::kP2, 5)
                          .Receive(Role::kP2, Role::kP1, 5)
                          .Send(Role::kP1, Role::kP2, 5)
                          .Send(Role::kP2, Role::kP1, 5);
  CHECK(ErrorOf(cycle) ==
        "trace: session 0, online level 0, p1 -> p2: p2 waits for what is sent only after it went "
        "on");
  CHECK(ErrorOf(Story().Session(2).Work(Role::kP1, 1)) ==
        "trace: expected a track of session 0, found one of session 2");
  CHECK(ErrorOf(Story().Session(std::numeric_limits<int32_t>::max()).Work(Role::kP1, 1)) ==
        "trace: expected a track of session 0, found one of session 2147483647");
  CHECK(ErrorOf(Story().Send(Role::kP1, Role::kP2, -1)).find("expected 0 to 2^60 bytes") !=
        std::string::npos);
  Story much;
  for (int i = 0; i < 20; ++i) much.Send(Role::kP1, Role::kP2, int64_t{1} << 59);
  CHECK(ErrorOf(much).find("expected 0 to 2^60 bytes") != std::string::npos);
  CHECK(ErrorOf(Story().Work(Role::kP1, -1)).find("expected an end after its begin") !=
        std::string::npos);
}

// A trace in which any track may do anything, with what it is for an order of its events that can
// happen.
struct RandomTrace {
  struct Event {
    int32_t session;
    Phase phase;
    Role role;
    size_t index;
  };
  Story story;
  std::vector<Event> order;
};

RandomTrace MakeRandomTrace(uint64_t seed, std::vector<Phase> phases, size_t sessions = 1) {
  std::mt19937_64 random(seed);
  const auto draw = [&](size_t bound) { return static_cast<size_t>(random() % bound); };
  struct Pending {
    int64_t bytes = 0;
    int64_t empty = 0;  // messages without payload
  };
  RandomTrace made;
  std::map<std::tuple<int32_t, Phase, int32_t, Role, Role>, Pending> pending;
  for (size_t i = 0; i < 400 * sessions; ++i) {
    const auto session = static_cast<int32_t>(draw(sessions));
    const Phase phase = phases[draw(phases.size())];
    const Role role = kRoles[draw(kRoles.size())];
    const Role peer = kRoles[(Index(role) + 1 + draw(kRoles.size() - 1)) % kRoles.size()];
    const auto level = static_cast<int32_t>(draw(2));
    Story& story = made.story.Session(session).In(phase);
    const auto& track = story.trace.tracks[{session, phase, role}];
    const size_t index = track.size();
    switch (draw(3)) {
      case 0:
        story.Work(role, static_cast<int64_t>(draw(5)), static_cast<int64_t>(draw(9)));
        break;
      case 1: {
        const auto bytes = static_cast<int64_t>(draw(3) == 0 ? 0 : 1 + draw(5000));
        story.Send(role, peer, bytes, level);
        Pending& sent = pending[{session, phase, level, role, peer}];
        sent.bytes += bytes;
        sent.empty += bytes == 0 ? 1 : 0;
        break;
      }
      default: {
        Pending& sent = pending[{session, phase, level, peer, role}];
        if (sent.empty > 0 && (sent.bytes == 0 || draw(2) == 0)) {
          story.Receive(role, peer, 0, level);
          --sent.empty;
        } else if (sent.bytes > 0) {
          const auto bytes = static_cast<int64_t>(1 + draw(static_cast<size_t>(sent.bytes)));
          story.Receive(role, peer, bytes, level);
          sent.bytes -= bytes;
        }
      }
    }
    if (track.size() > index) made.order.push_back({session, phase, role, index});
  }
  return made;
}

Network RandomNetwork(uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto draw = [&](double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random);
  };
  Network network;
  for (auto& links : network.links) {
    for (Network::Link& link : links) {
      if (draw(0, 1) < 0.8) link = {draw(0, 0.02), draw(1e5, 1e7)};  // else an ideal one
    }
  }
  network.overhead_seconds = seed % 4 == 0 ? 0 : draw(0, 0.001);
  network.header_bytes = seed % 3 == 0 ? 0 : 100;
  for (Network::Compute& compute : network.compute) compute = {draw(0.5, 2), std::nullopt};
  return network;
}

// The time of one phase of a session by going through its events in an order that can happen: with
// one track a role, nothing but that order decides. Shares no code with the replay.
double SecondsInOrder(const RandomTrace& made, const Network& network, Phase phase,
                      int32_t session = 0) {
  std::array<double, kRoles.size()> now{};
  std::map<std::pair<Role, Role>, double> free;
  struct Sent {  // bytes, or messages without any
    int64_t amount = 0, taken = 0;
    std::vector<std::pair<int64_t, double>> arrivals;
  };
  std::map<std::tuple<int32_t, Role, Role, bool>, Sent> sent;
  for (const RandomTrace::Event& each : made.order) {
    if (each.session != session || each.phase != phase) continue;
    const TraceEvent& event = made.story.trace.tracks.at({session, phase, each.role})[each.index];
    const bool is_empty = event.bytes == 0;
    double& clock = now[Index(each.role)];
    if (event.kind == TraceEvent::Kind::kWork) {
      clock += event.span.seconds() / network.compute[Index(each.role)].speed;
    } else if (event.kind == TraceEvent::Kind::kSend) {
      clock += network.overhead_seconds;
      const Network::Link& link = network.link(each.role, event.peer);
      double& busy = free[{each.role, event.peer}];
      busy = std::max(busy, clock) +
             static_cast<double>(event.bytes + network.header_bytes) / link.bytes_per_second;
      Sent& channel = sent[{event.level, each.role, event.peer, is_empty}];
      channel.amount += is_empty ? 1 : event.bytes;
      channel.arrivals.emplace_back(channel.amount, busy + link.latency_seconds);
    } else {
      Sent& channel = sent[{event.level, event.peer, each.role, is_empty}];
      channel.taken += is_empty ? 1 : event.bytes;
      const auto arrival =
          std::find_if(channel.arrivals.begin(), channel.arrivals.end(),
                       [&](const auto& message) { return message.first >= channel.taken; });
      clock = std::max(clock, arrival->second) + network.overhead_seconds;
    }
  }
  return *std::max_element(now.begin(), now.end());
}

TEST_CASE("Replay: random traces take what going through them in order gives",
          "[analysis][replay]") {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    INFO("seed " << seed);
    const RandomTrace made = MakeRandomTrace(seed, {Phase::kOnline});
    const Network network = RandomNetwork(seed);
    const StageReplay stage = OnlineOf(made.story, network);
    CHECK(stage.seconds == Exactly(SecondsInOrder(made, network, Phase::kOnline)));
    CheckStage(stage);
    // With one track a role, nothing gets faster by a worse network.
    Network worse = network;
    for (auto& links : worse.links) links[seed % kRoles.size()].latency_seconds += 0.01;
    CHECK(OnlineOf(made.story, worse).seconds >= stage.seconds);
    for (auto& links : worse.links) links[seed % kRoles.size()].bytes_per_second /= 2;
    worse.overhead_seconds += 1e-4;
    worse.compute[0].speed /= 2;
    CHECK(OnlineOf(made.story, worse).seconds >= stage.seconds);
  }
}

TEST_CASE("Replay: tracks side by side, at random", "[analysis][replay]") {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    INFO("seed " << seed);
    const RandomTrace made = MakeRandomTrace(seed, {Phase::kDeal, Phase::kPrepare});
    const Network network = RandomNetwork(seed);
    const Replay replay = ReplayOf(made.story.trace, network);
    const StageReplay& stage = replay.sessions[0][Index(Stage::kOffline)];
    CheckStage(stage);
    CHECK(replay.sessions[0][Index(Stage::kOnline)].seconds == 0);
    // What a role does in all takes so long, and what all of them do one after the other at most.
    double all = 0;
    for (const StageReplay::RoleTime& role : stage.roles) {
      CHECK(stage.seconds >= (role.work + role.overhead) * (1 - 1e-12));
      all += role.work + role.overhead;
    }
    const double waits = SecondsOf(stage, Kind::kTransmission) + SecondsOf(stage, Kind::kLatency);
    CHECK(stage.seconds <= (all + waits) * (1 + 1e-12));
    CHECK(ReplayOf(made.story.trace, network).sessions[0][1].seconds == stage.seconds);
  }
}

TEST_CASE("Replay: every stage of every session for itself, at random", "[analysis][replay]") {
  constexpr size_t kSessions = 3;
  for (uint64_t seed = 100; seed < 120; ++seed) {
    INFO("seed " << seed);
    const RandomTrace made = MakeRandomTrace(seed, {kPhases.begin(), kPhases.end()}, kSessions);
    const Network network = RandomNetwork(seed);
    const Replay replay = ReplayOf(made.story.trace, network);
    REQUIRE(replay.sessions.size() == kSessions);
    std::array<double, kStages.size()> sums{};
    for (size_t i = 0; i < kSessions; ++i) {
      const auto session = static_cast<int32_t>(i);
      Trace alone;
      for (const auto& [id, events] : made.story.trace.tracks) {
        if (id.session == session) alone.tracks[{0, id.phase, id.role}] = events;
      }
      const Replay one = ReplayOf(alone, network);
      for (const Stage each : kStages) {
        const StageReplay& stage = replay.sessions[i][Index(each)];
        CheckStage(stage);
        CHECK(one.sessions[0][Index(each)].seconds == stage.seconds);
        sums[Index(each)] += stage.seconds;
      }
      for (const Phase phase : {Phase::kModel, Phase::kOnline}) {
        CHECK(replay.sessions[i][Index(StageOf(phase))].seconds ==
              Exactly(SecondsInOrder(made, network, phase, session)));
      }
    }
    for (const Stage each : kStages) CHECK(replay.seconds(each) == sums[Index(each)]);
  }
}

// A program of three layers, run in the simulation.
struct TracedRun {
  TracedRun() {
    AddLayers(given, 3, LinearForm::kMasked, LookupForm::kReshare);
    outcome = RunCase(given);
  }
  StageReplay stage(Stage stage, const Network& network) const {
    return ReplayOf(outcome.trace, network).sessions[0][Index(stage)];
  }

  Case given;
  Outcome outcome;
};

TEST_CASE("Replay: a real run under an ideal network takes its work", "[analysis][replay]") {
  const TracedRun run;
  for (const Stage each : kStages) {
    const StageReplay stage = run.stage(each, Network());
    CheckStage(stage);
    CHECK(stage.seconds > 0);
    CHECK(SecondsOf(stage, Kind::kWork) == Approx(stage.seconds).epsilon(1e-9));
    double all = 0;
    for (const StageReplay::RoleTime& role : stage.roles) {
      CHECK(role.overhead == 0);
      CHECK(role.work <= stage.seconds * (1 + 1e-9));
      all += role.work;
    }
    CHECK(stage.seconds <= all * (1 + 1e-9));
  }
  // Twice as fast a machine takes half.
  Network fast;
  for (Network::Compute& compute : fast.compute) compute.speed = 2;
  CHECK(run.stage(Stage::kOnline, fast).seconds ==
        Approx(run.stage(Stage::kOnline, Network()).seconds / 2).epsilon(1e-9));
}

TEST_CASE("Replay: a real run over slow links takes its rounds", "[analysis][replay]") {
  const TracedRun run;
  Network network = Uniform(1000, kUnlimited);
  for (Network::Compute& compute : network.compute) compute.speed = 1e6;
  const StageReplay online = run.stage(Stage::kOnline, network);
  const int rounds = run.outcome.program().rounds(Phase::kOnline);
  CHECK(rounds > 5);
  CHECK(online.seconds == Approx(rounds).epsilon(1e-4));
  CHECK(SecondsOf(online, Kind::kLatency) == Approx(rounds).epsilon(1e-9));
  CheckStage(online);
}

TEST_CASE("Replay: a real run over narrow links takes its bytes", "[analysis][replay]") {
  const TracedRun run;
  Network network = Uniform(0, 1);  // 1000 bytes a second
  for (Network::Compute& compute : network.compute) compute.speed = 1e6;
  int64_t longest = 0;  // part of a tape
  std::map<std::pair<Phase, int>, int64_t> largest;
  for (const auto& [link, traffic] : run.outcome.ledger.traffic()) {
    if (link.phase == Phase::kDeal) longest = std::max(longest, traffic.bytes);
    int64_t& most = largest[{link.phase, link.level}];
    most = std::max(most, traffic.bytes);
  }
  CHECK(run.stage(Stage::kOffline, network).seconds ==
        Approx(static_cast<double>(longest) / 1000).epsilon(1e-4));
  // Of each round at most the longest message.
  double most = 0;
  for (const auto& [level, bytes] : largest) {
    if (level.first == Phase::kOnline) most += static_cast<double>(bytes) / 1000;
  }
  const double online = run.stage(Stage::kOnline, network).seconds;
  CHECK(online <= most * (1 + 1e-4));
  CHECK(online > most / 2);
}

TEST_CASE("Replay: of a trace that was written and read, the same", "[analysis][replay]") {
  const TracedRun run;
  const auto read = ReadTrace(WriteTrace(run.outcome.trace), "here");
  REQUIRE(read.ok());
  const Network network = RandomNetwork(1);
  for (const Stage each : kStages) {
    const StageReplay stage = run.stage(each, network);
    const StageReplay again = ReplayOf(*read, network).sessions[0][Index(each)];
    CHECK(again.seconds == stage.seconds);
    CHECK(again.critical.size() == stage.critical.size());
  }
  Trace without = run.outcome.trace;
  without.tracks.erase({0, Phase::kOnline, Role::kP2});
  const auto replay = ReplayTrace(without, network);
  REQUIRE(!replay.ok());
  CHECK(OneLine(replay.status()).find("online level") != std::string::npos);
  CHECK(OneLine(replay.status()).find("p2 -> ") != std::string::npos);
}

}  // namespace
}  // namespace lutra
