#include "mpc/trace.h"

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "mpc/protocols/reveal.h"
#include "tests/support/folder.h"
#include "tests/support/run_program.h"

namespace lutra {
namespace {

using Kind = TraceEvent::Kind;
using Catch::Matchers::Contains;

void Describe(Case& given) {
  const Value w = given.Random("w", Role::kModelOwner, Ring(6), Shape{2, 3}, 1);
  const Value x = given.Random("x", Role::kDataOwner, Ring(6), Shape{4, 3}, 2);
  Reveal(given.builder, "x", x);
  Reveal(given.builder, "w", w);
}

// Any trace that can be: times that go back and forth, sizes up to the largest.
Trace RandomTrace(uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto below = [&](uint64_t bound) { return static_cast<int64_t>(random() % bound); };
  Trace trace;
  trace.program.bytes[3] = 7;
  trace.threads = {{Role::kDealer, 1}, {Role::kP1, 4096}};
  for (int i = 0; i < 20; ++i) {
    const Trace::TrackId id{static_cast<int32_t>(below(3)), kPhases[random() % kPhases.size()],
                            kRoles[random() % kRoles.size()]};
    std::vector<TraceEvent>& track = trace.tracks[id];
    for (int64_t events = below(30); events > 0; --events) {
      TraceEvent event;
      event.kind = static_cast<Kind>(below(3));
      event.peer = kRoles[random() % kRoles.size()];
      event.level = static_cast<int32_t>(below(uint64_t{1} << 31));
      const int64_t begin = below(uint64_t{1} << (1 + below(61)));
      event.span = {begin, begin, 0};
      if (event.kind != Kind::kSend) event.span.end += below(uint64_t{1} << (1 + below(40)));
      if (event.kind == Kind::kWork) {
        event.node = static_cast<NodeId>(below(uint64_t{1} << 32));
        event.span.cpu = below(uint64_t{1} << 50);
      } else {
        event.bytes = below(uint64_t{1} << (1 + below(59)));
      }
      track.push_back(event);
    }
  }
  return trace;
}

TEST_CASE("A trace has every message that the ledger counts, sent and received", "[mpc][trace]") {
  Case given;
  Describe(given);
  const Outcome outcome = RunCase(given);
  std::map<std::tuple<Phase, int, Role, Role>, std::array<int64_t, 2>> bytes;
  std::map<Ledger::Work, double> seconds;
  for (const auto& [id, events] : outcome.trace.tracks) {
    CHECK(id.session == 0);
    int64_t before = 0;
    for (const TraceEvent& event : events) {
      CHECK(event.span.begin >= before);
      CHECK(event.span.end >= event.span.begin);
      before = event.span.begin;
      if (event.kind == Kind::kSend) {
        bytes[{id.phase, event.level, id.role, event.peer}][0] += event.bytes;
      } else if (event.kind == Kind::kReceive) {
        bytes[{id.phase, event.level, event.peer, id.role}][1] += event.bytes;
      } else {
        seconds[{event.node, id.phase, id.role}] += event.span.seconds();
        CHECK(event.span.cpu >= 0);
      }
    }
  }
  size_t links = 0;
  for (const auto& [link, traffic] : outcome.ledger.traffic()) {
    const auto& both = bytes[{link.phase, link.level, link.from, link.to}];
    CHECK(both[0] == traffic.bytes);
    CHECK(both[1] == traffic.bytes);
    ++links;
  }
  CHECK(bytes.size() == links);
  CHECK(links > 4);
  REQUIRE(seconds.size() == outcome.ledger.seconds().size());
  for (const auto& [work, spent] : outcome.ledger.seconds()) {
    CHECK(seconds[work] == Approx(spent));
  }
}

TEST_CASE("What one role does between two events is work, but for handing over messages",
          "[mpc][trace]") {
  Case given;
  Describe(given);
  const Outcome outcome = RunCase(given);
  const Node& node = outcome.program().nodes()[0];
  const Trace::TrackId online{0, Phase::kOnline, Role::kP1};
  const std::array<std::byte, 3> payload{};
  const auto record = [&](TraceRecorder::Roles roles) {
    TraceRecorder recorder(roles);
    recorder.OnWork(node, Phase::kPrepare, Role::kP1, {3, 5, 2});
    recorder.OnWork(node, Phase::kOnline, Role::kP1, {10, 20, 8});
    recorder.OnWork(node, Phase::kOnline, Role::kP1, {25, 40, 12});
    recorder.OnReceive(Phase::kOnline, 0, Role::kP2, Role::kP1, 7, {44, 50, 0});
    recorder.OnReceive(Phase::kDeal, 0, Role::kDealer, Role::kP1, 7, {52, 60, 0});
    recorder.OnWork(node, Phase::kOnline, Role::kP1, {61, 70, 9});
    recorder.OnMessage(Phase::kOnline, 1, Role::kP1, Role::kP2, payload, /*continues=*/false);
    const int64_t sent = recorder.trace().tracks[online].back().span.end;
    recorder.OnReceive(Phase::kOnline, 1, Role::kP2, Role::kP1, 7, {sent + 6, sent + 9, 0});
    recorder.OnWork(node, Phase::kOnline, Role::kP1, {sent + 10, sent + 11, 1});
    return std::pair(recorder.trace().tracks[online], sent);
  };
  const auto check = [](const std::vector<TraceEvent>& track, const std::vector<Span>& expected) {
    REQUIRE(track.size() == expected.size());
    for (size_t i = 0; i < track.size(); ++i) {
      INFO("event " << i);
      CHECK(track[i].span.begin == expected[i].begin);
      CHECK(track[i].span.end == expected[i].end);
      CHECK(track[i].span.cpu == expected[i].cpu);
    }
  };
  const auto [one, sent] = record(TraceRecorder::Roles::kOne);
  // The first event of a phase waits for whoever begins it; the tape's receipt is in another track.
  check(one, {{10, 20, 8},
              {20, 44, 12 + 5 + 4},
              {44, 50, 0},
              {60, sent, 9 + 1 + sent - 70},
              {sent, sent, 0},
              {sent + 6, sent + 9, 0},
              {sent + 9, sent + 11, 2}});
  const auto [all, now] = record(TraceRecorder::Roles::kAll);
  check(all, {{10, 20, 8},
              {25, 40, 12},
              {44, 50, 0},
              {61, 70, 9},
              {now, now, 0},
              {now + 6, now + 9, 0},
              {now + 10, now + 11, 1}});
}

TEST_CASE("CPU time of all threads is that of the work", "[mpc][trace]") {
  ThreadPool pool(3);
  const int64_t before = CpuNanoseconds();
  std::array<int64_t, 3> spent{};
  std::atomic<uint64_t> sink = 0;
  pool.ParallelFor(3, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t start = clock_internal::ThreadNanoseconds();
      while (clock_internal::ThreadNanoseconds() - start < 5'000'000) ++sink;
      spent[static_cast<size_t>(i)] = clock_internal::ThreadNanoseconds() - start;
    }
  });
  CHECK(CpuNanoseconds() - before >= spent[0] + spent[1] + spent[2]);
}

TEST_CASE("CPU time of many pieces of work is that of all of them", "[mpc][trace]") {
  const auto coarse = [] { return CoarseCpuNanoseconds(MonotonicNanoseconds()); };
  SECTION("that go on without a pause") {
    const int64_t exact_before = CpuNanoseconds();
    const int64_t before = coarse();
    int64_t last = before;
    while (CpuNanoseconds() - exact_before < 20'000'000) {
      const int64_t now = coarse();
      CHECK(now >= last);
      last = now;
    }
    const int64_t exact = CpuNanoseconds() - exact_before;
    CHECK(std::abs(coarse() - before - exact) <= 2 * kCpuReadEvery);
  }
  SECTION("with pauses between them") {
    // Before and after a pause the clock is read, so nothing of it is counted.
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const int64_t before = coarse();
    const int64_t exact_before = CpuNanoseconds();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    const int64_t paused = coarse() - before;
    CHECK(paused <= CpuNanoseconds() - exact_before + kCpuReadEvery);
  }
}

TEST_CASE("A trace is read as it was written", "[mpc][trace]") {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const Trace trace = RandomTrace(seed);
    const StatusOr<Trace> read = ReadTrace(WriteTrace(trace), "trace");
    INFO(seed << ": " << OneLine(read.status()));
    REQUIRE(read.ok());
    CHECK(read->program == trace.program);
    CHECK(read->threads == trace.threads);
    CHECK(read->tracks == trace.tracks);
  }
}

TEST_CASE("Traces of roles and sessions add up", "[mpc][trace]") {
  const TraceEvent early{Kind::kWork, 3, Role::kP1, 0, 0, {10, 20, 9}};
  const TraceEvent late{Kind::kSend, 0, Role::kP2, 1, 7, {50, 50, 0}};
  Trace all;
  Trace one;
  one.threads[Role::kP1] = 2;
  one.tracks[{0, Phase::kOnline, Role::kP1}] = {late};
  Trace other;
  other.threads[Role::kP0] = 1;
  other.tracks[{0, Phase::kOnline, Role::kP1}] = {early};
  CHECK(all.sessions() == 0);
  all.Add(other);
  all.Add(one, 4);
  CHECK(all.sessions() == 5);
  CHECK(all.threads.size() == 2);
  CHECK(all.Extent().begin == 10);
  CHECK(all.Extent().end == 50);
  CHECK(all.tracks[{4, Phase::kOnline, Role::kP1}] == std::vector<TraceEvent>{late});
}

TEST_CASE("Bytes that are no trace are an error, whatever they are", "[mpc][trace]") {
  const std::vector<std::byte> good = WriteTrace(RandomTrace(3));
  for (size_t size = 0; size < good.size(); size += 7) {
    CHECK_FALSE(ReadTrace(std::span(good).first(size), "trace").ok());
  }
  std::mt19937_64 random(1);
  int refused = 0;
  for (int i = 0; i < 2000; ++i) {
    std::vector<std::byte> bad = good;
    bad[random() % bad.size()] ^= static_cast<std::byte>(1 + random() % 255);
    refused += ReadTrace(bad, "trace").ok() ? 0 : 1;  // what is accepted is another trace
  }
  CHECK(refused > 100);
  Trace endless;
  endless.tracks[{-1, Phase::kOnline, Role::kP1}] = {};
  CHECK_THAT(OneLine(ReadTrace(WriteTrace(endless), "trace").status()),
             Contains("trace: track 0: no such session, phase or role"));
}

TEST_CASE("A trace file is read whole or not at all", "[mpc][trace]") {
  const Folder folder;
  const std::filesystem::path path = folder / "run.trace";
  const Trace trace = RandomTrace(4);
  REQUIRE(WriteFile(path, TraceFile(trace)).ok());
  const StatusOr<Trace> read = ReadTraceFile(path);
  REQUIRE(read.ok());
  CHECK(read->tracks == trace.tracks);
  std::filesystem::resize_file(path, static_cast<uintmax_t>(kMostTraceBytes) + 1);
  CHECK_THAT(OneLine(ReadTraceFile(path).status()),
             Contains(path.string()) && Contains(StrCat(kMostTraceBytes)));
}

}  // namespace
}  // namespace lutra
