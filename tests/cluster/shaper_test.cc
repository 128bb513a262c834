// Shaped links under a clock of the test's own: when each frame is handed over, to the nanosecond.
#include "cluster/shaper.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace lutra {
namespace {

using std::chrono::milliseconds;

Deadline At(int64_t milliseconds_passed) {
  return Deadline(std::chrono::hours(1)) + milliseconds(milliseconds_passed);
}

// Between p1 and p2: 8 Mbit/s, which is 1000 bytes a millisecond, and 10 ms.
Network Example() {
  Network network;
  network.name = "example";
  for (const Role to : {Role::kP2, Role::kDataOwner}) network.link(Role::kP1, to) = {0.01, 1e6};
  return network;
}

// A frame of so many bytes, known by its tag.
OutgoingFrame Frame(uint64_t tag, size_t bytes, Deadline ready, uint64_t offset = 0) {
  OutgoingFrame frame;
  frame.header.tag = tag;
  frame.header.offset = offset;
  const auto body = std::make_shared<const Bytes>(bytes);
  frame.body = *body;
  frame.owner = body;
  frame.ready = ready;
  return frame;
}

// What waits for each connection, as in an exchange.
struct Queues {
  std::map<uint64_t, std::deque<OutgoingFrame>> frames;

  Shaper::Source source() {
    return [this](uint64_t connection) -> std::optional<OutgoingFrame> {
      std::deque<OutgoingFrame>& queue = frames[connection];
      if (queue.empty()) return std::nullopt;
      OutgoingFrame frame = std::move(queue.front());
      queue.pop_front();
      return frame;
    };
  }
};

// Runs until nothing is left, waking at each moment that the shaper names: "connection:tag@ms".
std::vector<std::string> Handed(Shaper& shaper, Queues& queues, Deadline now) {
  std::vector<std::string> handed;
  const auto pop = [&] {
    for (const uint64_t connection : shaper.Due(now)) {
      while (const std::optional<OutgoingFrame> frame = shaper.Pop(connection, now)) {
        const double passed = std::chrono::duration<double, std::milli>(now - At(0)).count();
        handed.push_back(StrCat(connection, ":", frame->header.tag, "@", passed));
      }
    }
  };
  for (int wakes = 0; now < Deadline::max(); ++wakes) {
    REQUIRE(wakes < 1000);
    pop();
    shaper.Take(now, queues.source());
    pop();
    now = std::max(now, shaper.Next(now));
  }
  CHECK(shaper.empty());
  return handed;
}

using Lines = std::vector<std::string>;

TEST_CASE("A frame takes its bytes' time and a latency", "[cluster][shaper]") {
  Shaper shaper(Example(), Role::kP1);
  shaper.Open(1, Role::kP2);
  CHECK(shaper.LongestLatencySeconds() == 0.01);
  Queues queues;
  CHECK(shaper.empty());
  CHECK(shaper.Next(At(0)) == Deadline::max());
  queues.frames[1].push_back(Frame(0, 5000, At(0)));
  // It is not taken before it is offered.
  shaper.Take(At(0), queues.source());
  CHECK(shaper.empty());
  shaper.Offer(1);
  CHECK(shaper.Next(At(0)) <= At(0));
  shaper.Take(At(0), queues.source());
  CHECK_FALSE(shaper.empty());
  CHECK(shaper.Due(At(14)).empty());
  CHECK_FALSE(shaper.Pop(1, At(14)).has_value());
  CHECK(shaper.Due(At(15)) == std::vector<uint64_t>{1});
  CHECK(shaper.Pop(1, At(15)).has_value());
  CHECK(shaper.empty());
}

TEST_CASE("Frames follow each other on a link, and latencies overlap", "[cluster][shaper]") {
  Shaper shaper(Example(), Role::kP1);
  shaper.Open(1, Role::kP2);
  Queues queues;
  for (const uint64_t tag : {0U, 1U, 2U}) queues.frames[1].push_back(Frame(tag, 4000, At(0)));
  queues.frames[1].push_back(Frame(3, 1000, At(40)));  // after a pause
  queues.frames[1].push_back(Frame(4, 1000, At(40)));
  shaper.Offer(1);
  CHECK(Handed(shaper, queues, At(0)) == Lines{"1:0@14", "1:1@18", "1:2@22", "1:3@51", "1:4@52"});
}

TEST_CASE("Nothing is taken before its link is free", "[cluster][shaper]") {
  Shaper shaper(Example(), Role::kP1);
  shaper.Open(1, Role::kP2);
  Queues queues;
  for (const uint64_t tag : {0U, 1U, 2U}) queues.frames[1].push_back(Frame(tag, 4000, At(0)));
  shaper.Offer(1);
  shaper.Take(At(0), queues.source());
  CHECK(queues.frames[1].size() == 2);
  CHECK(shaper.Next(At(0)) == At(4));
  shaper.Take(At(3), queues.source());
  CHECK(queues.frames[1].size() == 2);
  shaper.Take(At(4), queues.source());
  CHECK(queues.frames[1].size() == 1);
}

TEST_CASE("Who wakes up late makes no link slower", "[cluster][shaper]") {
  Shaper shaper(Example(), Role::kP1);
  shaper.Open(1, Role::kP2);
  Queues queues;
  for (const uint64_t tag : {0U, 1U, 2U}) queues.frames[1].push_back(Frame(tag, 4000, At(0)));
  shaper.Offer(1);
  // Three milliseconds after the first was ready, and long after the link was free again.
  shaper.Take(At(3), queues.source());
  CHECK(shaper.Due(At(13)).empty());
  CHECK(shaper.Due(At(14)).size() == 1);
  REQUIRE(shaper.Pop(1, At(14)).has_value());
  shaper.Take(At(17), queues.source());
  CHECK(queues.frames[1].empty());
  CHECK(shaper.Due(At(17)).empty());
  CHECK(shaper.Due(At(18)).size() == 1);
  REQUIRE(shaper.Pop(1, At(18)).has_value());
  CHECK(shaper.Next(At(18)) == At(22));
}

TEST_CASE("Of a message, headers count once", "[cluster][shaper]") {
  Network network = Example();
  network.header_bytes = 500;
  network.throughput_bytes_per_second = 1;  // and overhead: for a replay, not for links
  network.overhead_seconds = 1;
  Shaper shaper(network, Role::kP1);
  shaper.Open(1, Role::kP2);
  Queues queues;
  queues.frames[1].push_back(Frame(0, 4000, At(0)));
  queues.frames[1].push_back(Frame(0, 4000, At(0), 4000));
  queues.frames[1].push_back(Frame(1, 0, At(0)));  // credit, say
  shaper.Offer(1);
  CHECK(Handed(shaper, queues, At(0)) == Lines{"1:0@14.5", "1:0@18.5", "1:1@19"});
}

TEST_CASE("Connections of one link share it in turns, other links are independent",
          "[cluster][shaper]") {
  Network network = Example();
  network.link(Role::kP1, Role::kP0) = {0, 1e5};
  Shaper shaper(network, Role::kP1);
  shaper.Open(1, Role::kP2);
  shaper.Open(2, Role::kP2);
  shaper.Open(3, Role::kP0);
  Queues queues;
  for (const uint64_t tag : {0U, 1U, 2U}) {
    queues.frames[1].push_back(Frame(tag, 1000, At(0)));
    queues.frames[3].push_back(Frame(tag, 1000, At(0)));
  }
  queues.frames[2].push_back(Frame(0, 1000, At(0)));
  for (const uint64_t connection : {1U, 2U, 3U}) shaper.Offer(connection);
  CHECK(Handed(shaper, queues, At(0)) ==
        Lines{"3:0@10", "1:0@11", "2:0@12", "1:1@13", "1:2@14", "3:1@20", "3:2@30"});
}

TEST_CASE("Each connection of an owner is a link", "[cluster][shaper]") {
  Shaper shaper(Example(), Role::kP1);
  Queues queues;
  for (const uint64_t connection : {1U, 2U}) {
    shaper.Open(connection, Role::kDataOwner);
    for (const uint64_t tag : {0U, 1U}) {
      queues.frames[connection].push_back(Frame(tag, 2000, At(0)));
    }
    shaper.Offer(connection);
  }
  CHECK(Handed(shaper, queues, At(0)) == Lines{"1:0@12", "2:0@12", "1:1@14", "2:1@14"});
}

TEST_CASE("A pushed frame takes its place behind what was taken", "[cluster][shaper]") {
  Shaper shaper(Example(), Role::kP1);
  shaper.Open(1, Role::kP2);
  shaper.Push(1, Frame(7, 1000, At(0)));
  shaper.Push(1, Frame(8, 1000, At(0)));
  Queues queues;
  queues.frames[1].push_back(Frame(9, 1000, At(0)));
  shaper.Offer(1);
  CHECK(Handed(shaper, queues, At(0)) == Lines{"1:7@11", "1:8@12", "1:9@13"});
}

TEST_CASE("A connection whose socket is full gets nothing more", "[cluster][shaper]") {
  Shaper shaper(Example(), Role::kP1);
  shaper.Open(1, Role::kP2);
  shaper.Open(2, Role::kP2);
  Queues queues;
  for (const uint64_t tag : {0U, 1U, 2U}) queues.frames[1].push_back(Frame(tag, 1000, At(0)));
  shaper.Offer(1);
  shaper.Take(At(0), queues.source());
  CHECK(queues.frames[1].size() == 2);
  // The first is due and nobody popped it.
  shaper.Take(At(20), queues.source());
  CHECK(queues.frames[1].size() == 2);
  CHECK(shaper.Next(At(20)) == Deadline::max());
  // The link's other connection goes on.
  queues.frames[2].push_back(Frame(0, 1000, At(20)));
  shaper.Offer(2);
  CHECK(shaper.Next(At(20)) <= At(20));
  shaper.Take(At(20), queues.source());
  CHECK(queues.frames[2].empty());
  // Frames that waited for the socket lose no time on the link.
  REQUIRE(shaper.Pop(1, At(20)).has_value());
  shaper.Take(At(21), queues.source());
  CHECK(queues.frames[1].size() == 1);
  CHECK(shaper.Due(At(31)).size() == 1);
}

TEST_CASE("A connection that is closed is forgotten", "[cluster][shaper]") {
  Shaper shaper(Example(), Role::kP1);
  shaper.Open(1, Role::kP2);
  shaper.Open(2, Role::kDataOwner);
  Queues queues;
  for (const uint64_t connection : {1U, 2U}) {
    queues.frames[connection].push_back(Frame(0, 3000, At(0)));
    queues.frames[connection].push_back(Frame(1, 3000, At(0)));
    shaper.Offer(connection);
  }
  shaper.Take(At(0), queues.source());
  shaper.Close(1);
  shaper.Close(2);
  shaper.Close(3);  // never open
  CHECK(shaper.empty());
  CHECK(shaper.Next(At(0)) == Deadline::max());
  shaper.Take(At(10), queues.source());
  CHECK(queues.frames[1].size() == 1);
  shaper.Offer(1);  // it comes late
  CHECK(shaper.Next(At(0)) == Deadline::max());
  CHECK_FALSE(shaper.Pop(1, At(100)).has_value());
  // The link is still taken by what was lost on it.
  shaper.Open(4, Role::kP2);
  queues.frames[4].push_back(Frame(0, 1000, At(1)));
  shaper.Offer(4);
  CHECK(Handed(shaper, queues, At(1)) == Lines{"4:0@14"});
}

TEST_CASE("A link of no latency and no limit holds nothing back", "[cluster][shaper]") {
  Shaper shaper(Network{}, Role::kP1);
  shaper.Open(1, Role::kP2);
  Queues queues;
  for (const uint64_t tag : {0U, 1U}) queues.frames[1].push_back(Frame(tag, 1 << 20, At(0)));
  shaper.Offer(1);
  CHECK(Handed(shaper, queues, At(0)) == Lines{"1:0@0", "1:1@0"});
}

TEST_CASE("The slowest link that a file can name neither stops nor wraps the clock",
          "[cluster][shaper]") {
  Network network;
  network.link(Role::kP1, Role::kP2) = {3600, 0.125};
  network.header_bytes = int64_t{1} << 30;
  Shaper shaper(network, Role::kP1);
  shaper.Open(1, Role::kP2);
  Queues queues;
  for (const uint64_t tag : {0U, 1U}) queues.frames[1].push_back(Frame(tag, 1 << 18, At(0)));
  shaper.Offer(1);
  shaper.Take(At(0), queues.source());
  CHECK(queues.frames[1].size() == 1);
  CHECK(shaper.Next(At(0)) > At(0) + std::chrono::hours(1000));
  CHECK(shaper.Due(At(0) + std::chrono::hours(1000)).empty());
}

}  // namespace
}  // namespace lutra
