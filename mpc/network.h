// A network between the roles, as data: what a replay of a trace computes with, and what processes
// shape their links to.
//
// Every ordered pair of roles has a link of its own: the two directions do not disturb each other,
// nor do links to different roles. A message of n bytes that is ready at t, on a link that is free
// at f, occupies it from s = max(t, f) for (n + header) / bandwidth and arrives one latency later.
// Each end is busy for `overhead` with every message.
//
// The file (TOML, format lutra-network/1), of which all but `format` and `name` may be left out:
//
//   format = "lutra-network/1"
//   name = "wan-20ms"
//   description = "400 Mbit/s, 20 ms round trip"
//   [links]                     # of all links, each direction
//   round_trip_ms = 20          # or latency_ms, one way; default 0
//   bandwidth_mbit = 400        # default: inf, unlimited
//   [[link]]                    # a link that is otherwise; the last that fits counts
//   from = "dealer"             # a role; left out: all
//   to = "p1"                   # another role; left out: all others
//   bandwidth_mbit = 100
//   [messages]
//   overhead_us = 20            # of each end, for each message; default 0
//   header_bytes = 66           # beside the payload; default 0
//   throughput_mbit = 8000      # what software moves at most on a link; default: inf
//   tape_mbit = 4000            # of tapes, which are also checked and stored; default: the same
//   [compute]
//   speed = 2                   # times the machine of the trace; default 1
//   threads = 8                 # default: as traced
//   [compute.p1]                # a role that is otherwise
//   speed = 1
#ifndef LUTRA_MPC_NETWORK_H_
#define LUTRA_MPC_NETWORK_H_

#include <array>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"
#include "mpc/role.h"

namespace lutra {

struct Network {
  // One direction between two roles.
  struct Link {
    double latency_seconds = 0;  // one way
    double bytes_per_second = std::numeric_limits<double>::infinity();
    friend bool operator==(const Link&, const Link&) = default;
  };
  // How a role computes.
  struct Compute {
    double speed = 1;                // times the machine that was traced
    std::optional<int32_t> threads;  // none: as many as were traced
  };

  std::string name;
  std::string description;
  std::array<std::array<Link, kRoles.size()>, kRoles.size()> links;  // [from][to]
  double overhead_seconds = 0;
  int64_t header_bytes = 0;
  double throughput_bytes_per_second = std::numeric_limits<double>::infinity();
  std::optional<double> tape_bytes_per_second;  // none: as other messages
  std::array<Compute, kRoles.size()> compute;

  const Link& link(Role from, Role to) const { return links[Index(from)][Index(to)]; }
  Link& link(Role from, Role to) { return links[Index(from)][Index(to)]; }
  // How long a message of so many bytes of payload occupies a link. A tape is what is dealt.
  double TransmissionSeconds(Role from, Role to, int64_t payload_bytes,
                             Phase phase = Phase::kOnline) const;
};

// Errors name file, line, key, expected and found.
StatusOr<Network> ReadNetwork(const std::filesystem::path& path);
StatusOr<Network> ParseNetwork(std::string_view toml, std::string_view where);

// Takes overhead, throughput and that of tapes of all networks from a file that has a table
// [messages] with these three keys and nothing else, as lutra-analyze calibrate prints it; what it
// leaves out has its default. header_bytes are a network's own and stay.
Status ReadMessageCosts(const std::filesystem::path& path, std::span<Network> networks);

// The text of a file that reads back as this network, but for what a role's link to itself is.
std::string FormatNetwork(const Network& network);

}  // namespace lutra

#endif  // LUTRA_MPC_NETWORK_H_
