// Network files: what is read and written, what overrides what, and every way to be wrong.
#include "mpc/network.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "tests/support/folder.h"
#include "tests/support/paths.h"

namespace lutra {
namespace {

constexpr double kUnlimited = std::numeric_limits<double>::infinity();
constexpr std::string_view kHead = "format = \"lutra-network/1\"\nname = \"x\"\n";

Network Parsed(const std::string& text) {
  const StatusOr<Network> network = ParseNetwork(text, "net.toml");
  INFO(OneLine(network.status()));
  REQUIRE(network.ok());
  return *network;
}

Network WithHead(const std::string& text) { return Parsed(std::string(kHead) + text); }

TEST_CASE("A network of defaults costs nothing", "[mpc][network]") {
  const Network network = WithHead("");
  CHECK(network.name == "x");
  CHECK(network.description.empty());
  for (const Role from : kRoles) {
    for (const Role to : kRoles) {
      CHECK(network.link(from, to) == Network::Link{0, kUnlimited});
      CHECK(network.TransmissionSeconds(from, to, 1 << 30) == 0);
    }
    CHECK(network.compute[Index(from)].speed == 1);
    CHECK_FALSE(network.compute[Index(from)].threads.has_value());
  }
  CHECK(network.overhead_seconds == 0);
  CHECK(network.header_bytes == 0);
  CHECK(network.throughput_bytes_per_second == kUnlimited);
}

TEST_CASE("Links: all, then the last that fits, key by key", "[mpc][network]") {
  const Network network = WithHead(R"(
description = "as it is"
[links]
round_trip_ms = 20
bandwidth_mbit = 80
[[link]]
from = "dealer"
bandwidth_mbit = 8
[[link]]
to = "p1"
latency_ms = 1
[[link]]
from = "p2"
to = "p1"
latency_ms = 2
bandwidth_mbit = 800
[[link]]
latency_ms = 0
from = "data-owner"
)");
  CHECK(network.description == "as it is");
  CHECK(network.link(Role::kP0, Role::kP2) == Network::Link{0.01, 1e7});
  CHECK(network.link(Role::kDealer, Role::kP2) == Network::Link{0.01, 1e6});
  CHECK(network.link(Role::kP2, Role::kDealer) == Network::Link{0.01, 1e7});
  CHECK(network.link(Role::kDealer, Role::kP1) == Network::Link{0.001, 1e6});
  CHECK(network.link(Role::kP2, Role::kP1) == Network::Link{0.002, 1e8});
  CHECK(network.link(Role::kP1, Role::kP2) == Network::Link{0.01, 1e7});
  CHECK(network.link(Role::kDataOwner, Role::kP1) == Network::Link{0, 1e7});
}

TEST_CASE("A link can be unlimited among limited ones", "[mpc][network]") {
  const Network network = WithHead(R"(
[links]
bandwidth_mbit = 80
[[link]]
from = "dealer"
bandwidth_mbit = inf
[messages]
throughput_mbit = inf
)");
  CHECK(network.link(Role::kDealer, Role::kP1).bytes_per_second == kUnlimited);
  CHECK(network.link(Role::kP1, Role::kDealer).bytes_per_second == 1e7);
  CHECK(network.throughput_bytes_per_second == kUnlimited);
  CHECK(network.TransmissionSeconds(Role::kDealer, Role::kP1, 1 << 30) == 0);
}

TEST_CASE("Messages and computing", "[mpc][network]") {
  const Network network = WithHead(R"(
[links]
bandwidth_mbit = 80
[messages]
overhead_us = 25
header_bytes = 100
throughput_mbit = 8
[compute]
speed = 2
threads = 8
[compute.p1]
speed = 0.5
[compute.model-owner]
threads = 1
)");
  CHECK(network.overhead_seconds == 25e-6);
  CHECK(network.header_bytes == 100);
  CHECK(network.throughput_bytes_per_second == 1e6);
  // The narrower of link and software.
  CHECK(network.TransmissionSeconds(Role::kP1, Role::kP2, 900) == 1e-3);
  CHECK(network.TransmissionSeconds(Role::kDealer, Role::kP2, 900, Phase::kDeal) == 1e-3);
  const Network tapes = WithHead("[messages]\nthroughput_mbit = 8\ntape_mbit = 4");
  CHECK(tapes.TransmissionSeconds(Role::kDealer, Role::kP2, 1000, Phase::kDeal) == 2e-3);
  CHECK(tapes.TransmissionSeconds(Role::kP0, Role::kP2, 1000, Phase::kPrepare) == 1e-3);
  CHECK(network.compute[Index(Role::kP0)].speed == 2);
  CHECK(network.compute[Index(Role::kP0)].threads == 8);
  CHECK(network.compute[Index(Role::kP1)].speed == 0.5);
  CHECK(network.compute[Index(Role::kP1)].threads == 8);
  CHECK(network.compute[Index(Role::kModelOwner)].speed == 2);
  CHECK(network.compute[Index(Role::kModelOwner)].threads == 1);
}

TEST_CASE("The bounds of a network file", "[mpc][network]") {
  CHECK(WithHead("[links]\nlatency_ms = 3600000").link(Role::kP0, Role::kP1).latency_seconds ==
        3600);
  CHECK(WithHead("[links]\nbandwidth_mbit = 1e-6").link(Role::kP0, Role::kP1).bytes_per_second ==
        0.125);
  CHECK(WithHead("[links]\nbandwidth_mbit = 1e9").link(Role::kP0, Role::kP1).bytes_per_second ==
        1.25e14);
  CHECK(WithHead("[messages]\nheader_bytes = 1073741824").header_bytes == 1 << 30);
  CHECK(WithHead("[compute]\nthreads = 4096").compute[0].threads == 4096);
  const std::string longest(64, 'a');
  CHECK(Parsed("format = \"lutra-network/1\"\nname = \"" + longest + "\"").name == longest);
}

TEST_CASE("Errors of a network file name line, key, expected and found", "[mpc][network]") {
  struct Wrong {
    std::string text;
    std::string error;
  };
  const std::string head(kHead);
  const std::string name = "a name of a to z, 0 to 9, '-' and '.'";
  const std::vector<Wrong> cases = {
      {"name = \"x\"", "1: format: expected 'lutra-network/1', found nothing"},
      {"format = \"lutra-network/2\"",
       "1: format: expected 'lutra-network/1', found 'lutra-network/2'"},
      {"format = \"lutra-network/1\"", "1: name: expected " + name + ", found nothing"},
      {"format = \"lutra-network/1\"\nname = \"A\"", "2: name: expected " + name + ", found 'A'"},
      {"format = \"lutra-network/1\"\nname = \"\"", "2: name: expected " + name + ", found ''"},
      {"format = \"lutra-network/1\"\nname = \"a/b\"",
       "2: name: expected " + name + ", found 'a/b'"},
      {head + "description = 1", "3: description: expected a string, found an integer"},
      {head + "link_ms = 1",
       "3: link_ms: expected one of format, name, description, links, link, messages, compute, "
       "found an unknown key"},
      {head + "links = 1", "3: links: expected a table, found an integer"},
      {head + "[links]\nlatency = 1",
       "4: links.latency: expected one of latency_ms, round_trip_ms, bandwidth_mbit, found an "
       "unknown key"},
      {head + "[links]\nlatency_ms = -1",
       "4: links.latency_ms: expected a number, 0 to 3600000, found -1"},
      {head + "[links]\nlatency_ms = nan",
       "4: links.latency_ms: expected a number, 0 to 3600000, found nan"},
      {head + "[links]\nlatency_ms = 3600001",
       "4: links.latency_ms: expected a number, 0 to 3600000, found 3600001"},
      {head + "[links]\nlatency_ms = 9007199254740993",
       "4: links.latency_ms: expected a number, 0 to 3600000, found 9007199254740993"},
      {head + "[links]\nlatency_ms = inf",
       "4: links.latency_ms: expected a number, 0 to 3600000, found inf"},
      {head + "[links]\nround_trip_ms = \"1\"",
       "4: links.round_trip_ms: expected a number, 0 to 3600000, found a string"},
      {head + "[links]\nlatency_ms = 1\nround_trip_ms = 2",
       "5: links.round_trip_ms: expected latency_ms or round_trip_ms, found both"},
      {head + "[links]\nbandwidth_mbit = 0",
       "4: links.bandwidth_mbit: expected a number, 1e-06 to 1e+09, or inf, found 0"},
      {head + "[links]\nbandwidth_mbit = -inf",
       "4: links.bandwidth_mbit: expected a number, 1e-06 to 1e+09, or inf, found -inf"},
      {head + "[link]\nfrom = \"p1\"", "3: link: expected an array of tables, found a table"},
      {head + "[[link]]\nlatency_ms = 1\n[[link]]\nfrom = \"p3\"",
       "6: link.from: expected 'dealer' or 'p0' or 'p1' or 'p2' or 'model-owner' or 'data-owner', "
       "found 'p3'"},
      {head + "[[link]]\nto = 1",
       "4: link.to: expected 'dealer' or 'p0' or 'p1' or 'p2' or 'model-owner' or 'data-owner', "
       "found an integer"},
      {head + "[[link]]\nfrom = \"p1\"\nto = \"p1\"",
       "5: link.to: expected another role than from names, found 'p1'"},
      {head + "[[link]]\nby = \"p1\"",
       "4: link.by: expected one of from, to, latency_ms, round_trip_ms, bandwidth_mbit, found an "
       "unknown key"},
      {head + "[messages]\noverhead_ms = 1",
       "4: messages.overhead_ms: expected one of overhead_us, header_bytes, throughput_mbit, "
       "tape_mbit, found an unknown key"},
      {head + "[messages]\noverhead_us = -1",
       "4: messages.overhead_us: expected a number, 0 to 1e+09, found -1"},
      {head + "[messages]\nheader_bytes = 1.5",
       "4: messages.header_bytes: expected an integer, 0 to 1073741824, found a number"},
      {head + "[messages]\nheader_bytes = -1",
       "4: messages.header_bytes: expected an integer, 0 to 1073741824, found -1"},
      {head + "[messages]\nthroughput_mbit = 0",
       "4: messages.throughput_mbit: expected a number, 1e-06 to 1e+09, or inf, found 0"},
      {head + "[compute]\nspeed = 0",
       "4: compute.speed: expected a number, 1e-06 to 1e+06, found 0"},
      {head + "[compute]\nthreads = 0",
       "4: compute.threads: expected an integer, 1 to 4096, found 0"},
      {head + "[compute]\np3 = 1",
       "4: compute.p3: expected one of speed, threads, dealer, p0, p1, p2, model-owner, "
       "data-owner, "
       "found an unknown key"},
      {head + "[compute.p1]\ncores = 1",
       "4: compute.p1.cores: expected one of speed, threads, found an unknown key"},
      {head + "[compute.p1]\nspeed = false",
       "4: compute.p1.speed: expected a number, 1e-06 to 1e+06, found a boolean"},
      {head + "[links", "3: expected TOML: "},
  };
  for (const Wrong& wrong : cases) {
    INFO(wrong.text);
    const StatusOr<Network> network = ParseNetwork(wrong.text, "net.toml");
    REQUIRE_FALSE(network.ok());
    const std::string error = OneLine(network.status());
    INFO(error);
    CHECK(error.starts_with("net.toml:" + wrong.error));
  }
  CHECK(OneLine(ReadNetwork("/nowhere/net.toml").status()).find("/nowhere/net.toml") !=
        std::string::npos);
}

TEST_CASE("A network reads back as it was written", "[mpc][network]") {
  Network network = WithHead(R"(
description = "with \"quotes\" \\ and\nlines"
[links]
round_trip_ms = 0.3
bandwidth_mbit = 123.456
[[link]]
from = "dealer"
latency_ms = 0
[messages]
overhead_us = 1.5
header_bytes = 66
throughput_mbit = 5000
tape_mbit = inf
[compute]
speed = 1.25
[compute.p2]
threads = 3
)");
  network.link(Role::kP0, Role::kP1) = {};  // ideal in between
  for (const bool ideal : {false, true}) {
    if (ideal) network = WithHead("");
    const Network read = Parsed(FormatNetwork(network));
    CHECK(read.name == network.name);
    CHECK(read.description == network.description);
    for (const Role from : kRoles) {
      for (const Role to : kRoles) {
        if (from == to) continue;
        const Network::Link& link = read.link(from, to);
        const Network::Link& expected = network.link(from, to);
        CHECK(link.latency_seconds == Approx(expected.latency_seconds).epsilon(1e-12));
        CHECK((link.bytes_per_second == expected.bytes_per_second ||
               link.bytes_per_second == Approx(expected.bytes_per_second).epsilon(1e-12)));
      }
      CHECK(read.compute[Index(from)].speed == network.compute[Index(from)].speed);
      CHECK(read.compute[Index(from)].threads == network.compute[Index(from)].threads);
    }
    CHECK(read.overhead_seconds == Approx(network.overhead_seconds).epsilon(1e-12));
    CHECK(read.header_bytes == network.header_bytes);
    CHECK(read.tape_bytes_per_second == network.tape_bytes_per_second);
    CHECK((read.throughput_bytes_per_second == network.throughput_bytes_per_second ||
           read.throughput_bytes_per_second == Approx(network.throughput_bytes_per_second)));
  }
}

TEST_CASE("The shipped networks are what their names say", "[mpc][network]") {
  const std::filesystem::path folder = SourcePath("experiments/networks");
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    INFO(entry.path().string());
    const StatusOr<Network> network = ReadNetwork(entry.path());
    INFO(OneLine(network.status()));
    REQUIRE(network.ok());
    CHECK(network->name + ".toml" == entry.path().filename());
    CHECK_FALSE(network->description.empty());
    CHECK(network->link(Role::kP1, Role::kP2).latency_seconds > 0);
    CHECK(std::isfinite(network->link(Role::kP1, Role::kP2).bytes_per_second));
    ++files;
  }
  CHECK(files >= 6);
  const StatusOr<Network> wan = ReadNetwork(folder / "wan-100m.toml");
  REQUIRE(wan.ok());
  CHECK(wan->link(Role::kP1, Role::kP2) == Network::Link{0.04, 12.5e6});
}

}  // namespace
}  // namespace lutra
