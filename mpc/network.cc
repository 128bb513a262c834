#include "mpc/network.h"

#include <toml++/toml.h>

#include <algorithm>
#include <cmath>
#include <locale>
#include <sstream>
#include <vector>

#include "core/toml_file.h"

namespace lutra {
namespace {

constexpr std::string_view kFormat = "lutra-network/1";
constexpr double kLongestMilliseconds = 3.6e6;
constexpr double kMostMegabits = 1e9;
constexpr double kLeastMegabits = 1e-6;
constexpr double kBytesPerMegabit = 1e6 / 8;

// Bytes a second; `inf` is unlimited.
StatusOr<double> ReadRate(const TomlTable& table, std::string_view key) {
  LUTRA_ASSIGN_OR_RETURN(const double megabits, table.Number(key, kLeastMegabits, kMostMegabits,
                                                             /*may_be_infinite=*/true));
  return megabits * kBytesPerMegabit;
}

// What a table says of links, put over what is there.
Status ReadLink(const TomlTable& table, Network::Link& link) {
  if (table.Has("latency_ms") && table.Has("round_trip_ms")) {
    return table.Wrong("round_trip_ms", "latency_ms or round_trip_ms", "both");
  }
  for (const auto& [key, ways] : {std::pair{"latency_ms", 1}, std::pair{"round_trip_ms", 2}}) {
    if (!table.Has(key)) continue;
    LUTRA_ASSIGN_OR_RETURN(const double milliseconds, table.Number(key, 0, kLongestMilliseconds));
    link.latency_seconds = milliseconds / ways / 1000;
  }
  if (table.Has("bandwidth_mbit")) {
    LUTRA_ASSIGN_OR_RETURN(link.bytes_per_second, ReadRate(table, "bandwidth_mbit"));
  }
  return absl::OkStatus();
}

// The roles that a key of a [[link]] names; all where it is left out.
StatusOr<std::vector<Role>> ReadRoles(const TomlTable& table, std::string_view key) {
  if (!table.Has(key)) return std::vector<Role>(kRoles.begin(), kRoles.end());
  LUTRA_ASSIGN_OR_RETURN(const std::string name, table.Choice(key, {"dealer", "p0", "p1", "p2",
                                                                    "model-owner", "data-owner"}));
  const auto role =
      std::find_if(kRoles.begin(), kRoles.end(), [&](Role each) { return Name(each) == name; });
  return std::vector<Role>{*role};
}

Status ReadCompute(const TomlTable& table, Network::Compute& compute) {
  if (table.Has("speed")) {
    LUTRA_ASSIGN_OR_RETURN(compute.speed, table.Number("speed", 1e-6, 1e6));
  }
  if (table.Has("threads")) {
    LUTRA_ASSIGN_OR_RETURN(const int64_t threads, table.Integer("threads", 1, 4096));
    compute.threads = static_cast<int32_t>(threads);
  }
  return absl::OkStatus();
}

Status ReadLinks(const TomlTable& root, Network& network) {
  if (root.Has("links")) {
    LUTRA_ASSIGN_OR_RETURN(const TomlTable links, root.Table("links"));
    LUTRA_RETURN_IF_ERROR(links.CheckKeys({"latency_ms", "round_trip_ms", "bandwidth_mbit"}));
    Network::Link link;
    LUTRA_RETURN_IF_ERROR(ReadLink(links, link));
    for (auto& from : network.links) from.fill(link);
  }
  if (!root.Has("link")) return absl::OkStatus();
  LUTRA_ASSIGN_OR_RETURN(const std::vector<TomlTable> tables, root.Tables("link"));
  for (const TomlTable& table : tables) {
    LUTRA_RETURN_IF_ERROR(
        table.CheckKeys({"from", "to", "latency_ms", "round_trip_ms", "bandwidth_mbit"}));
    LUTRA_ASSIGN_OR_RETURN(const std::vector<Role> senders, ReadRoles(table, "from"));
    LUTRA_ASSIGN_OR_RETURN(const std::vector<Role> receivers, ReadRoles(table, "to"));
    if (senders.size() == 1 && senders == receivers) {
      return table.Wrong("to", "another role than from names",
                         StrCat("'", Name(receivers[0]), "'"));
    }
    for (const Role from : senders) {
      for (const Role to : receivers) {
        LUTRA_RETURN_IF_ERROR(ReadLink(table, network.link(from, to)));
      }
    }
  }
  return absl::OkStatus();
}

Status ReadMessages(const TomlTable& root, Network& network) {
  if (!root.Has("messages")) return absl::OkStatus();
  LUTRA_ASSIGN_OR_RETURN(const TomlTable messages, root.Table("messages"));
  LUTRA_RETURN_IF_ERROR(
      messages.CheckKeys({"overhead_us", "header_bytes", "throughput_mbit", "tape_mbit"}));
  if (messages.Has("overhead_us")) {
    LUTRA_ASSIGN_OR_RETURN(const double microseconds, messages.Number("overhead_us", 0, 1e9));
    network.overhead_seconds = microseconds / 1e6;
  }
  if (messages.Has("header_bytes")) {
    LUTRA_ASSIGN_OR_RETURN(network.header_bytes,
                           messages.Integer("header_bytes", 0, int64_t{1} << 30));
  }
  if (messages.Has("throughput_mbit")) {
    LUTRA_ASSIGN_OR_RETURN(network.throughput_bytes_per_second,
                           ReadRate(messages, "throughput_mbit"));
  }
  if (messages.Has("tape_mbit")) {
    LUTRA_ASSIGN_OR_RETURN(network.tape_bytes_per_second, ReadRate(messages, "tape_mbit"));
  }
  return absl::OkStatus();
}

Status ReadComputes(const TomlTable& root, Network& network) {
  if (!root.Has("compute")) return absl::OkStatus();
  LUTRA_ASSIGN_OR_RETURN(const TomlTable all, root.Table("compute"));
  LUTRA_RETURN_IF_ERROR(
      all.CheckKeys({"speed", "threads", "dealer", "p0", "p1", "p2", "model-owner", "data-owner"}));
  Network::Compute compute;
  LUTRA_RETURN_IF_ERROR(ReadCompute(all, compute));
  network.compute.fill(compute);
  for (const Role role : kRoles) {
    if (!all.Has(Name(role))) continue;
    LUTRA_ASSIGN_OR_RETURN(const TomlTable own, all.Table(Name(role)));
    LUTRA_RETURN_IF_ERROR(own.CheckKeys({"speed", "threads"}));
    LUTRA_RETURN_IF_ERROR(ReadCompute(own, network.compute[Index(role)]));
  }
  return absl::OkStatus();
}

StatusOr<Network> FromToml(const TomlFile& file) {
  const TomlTable root = file.root();
  LUTRA_RETURN_IF_ERROR(file.CheckFormat(kFormat));
  LUTRA_RETURN_IF_ERROR(
      root.CheckKeys({"format", "name", "description", "links", "link", "messages", "compute"}));
  Network network;
  constexpr std::string_view kName = "a name of a to z, 0 to 9, '-' and '.'";
  LUTRA_ASSIGN_OR_RETURN(network.name, root.Text("name", kName));
  const bool is_name =
      !network.name.empty() && network.name.size() <= 64 &&
      network.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-.") == std::string::npos;
  if (!is_name) return root.Wrong("name", kName, StrCat("'", network.name, "'"));
  if (root.Has("description")) {
    LUTRA_ASSIGN_OR_RETURN(network.description, root.Text("description"));
  }
  LUTRA_RETURN_IF_ERROR(ReadLinks(root, network));
  LUTRA_RETURN_IF_ERROR(ReadMessages(root, network));
  LUTRA_RETURN_IF_ERROR(ReadComputes(root, network));
  return network;
}

// Of each link that is not ideal a table.
toml::array LinkTables(const Network& network) {
  toml::array tables;
  for (const Role from : kRoles) {
    for (const Role to : kRoles) {
      const Network::Link& link = network.link(from, to);
      if (from == to || link == Network::Link{}) continue;
      toml::table table{
          {"from", Name(from)}, {"to", Name(to)}, {"latency_ms", link.latency_seconds * 1000}};
      if (std::isfinite(link.bytes_per_second)) {
        table.insert("bandwidth_mbit", link.bytes_per_second / kBytesPerMegabit);
      }
      tables.push_back(std::move(table));
    }
  }
  return tables;
}

toml::table ComputeTable(const Network& network) {
  toml::table tables;
  for (const Role role : kRoles) {
    const Network::Compute& compute = network.compute[Index(role)];
    toml::table table{{"speed", compute.speed}};
    if (compute.threads.has_value()) table.insert("threads", int64_t{*compute.threads});
    tables.insert(Name(role), std::move(table));
  }
  return tables;
}

}  // namespace

double Network::TransmissionSeconds(Role from, Role to, int64_t payload_bytes, Phase phase) const {
  const double software = phase == Phase::kDeal
                              ? tape_bytes_per_second.value_or(throughput_bytes_per_second)
                              : throughput_bytes_per_second;
  const double rate = std::min(link(from, to).bytes_per_second, software);
  return static_cast<double>(payload_bytes + header_bytes) / rate;
}

StatusOr<Network> ReadNetwork(const std::filesystem::path& path) {
  LUTRA_ASSIGN_OR_RETURN(const TomlFile file, TomlFile::Read(path));
  return FromToml(file);
}

StatusOr<Network> ParseNetwork(std::string_view toml, std::string_view where) {
  LUTRA_ASSIGN_OR_RETURN(const TomlFile file, TomlFile::Parse(toml, where));
  return FromToml(file);
}

Status ReadMessageCosts(const std::filesystem::path& path, std::span<Network> networks) {
  LUTRA_ASSIGN_OR_RETURN(const TomlFile file, TomlFile::Read(path));
  LUTRA_RETURN_IF_ERROR(file.root().CheckKeys({"messages"}));
  LUTRA_ASSIGN_OR_RETURN(const TomlTable messages, file.root().Table("messages"));
  LUTRA_RETURN_IF_ERROR(messages.CheckKeys({"overhead_us", "throughput_mbit", "tape_mbit"}));
  Network read;
  LUTRA_RETURN_IF_ERROR(ReadMessages(file.root(), read));
  for (Network& network : networks) {
    network.overhead_seconds = read.overhead_seconds;
    network.throughput_bytes_per_second = read.throughput_bytes_per_second;
    network.tape_bytes_per_second = read.tape_bytes_per_second;
  }
  return absl::OkStatus();
}

std::string FormatNetwork(const Network& network) {
  toml::table messages{{"overhead_us", network.overhead_seconds * 1e6},
                       {"header_bytes", network.header_bytes}};
  if (std::isfinite(network.throughput_bytes_per_second)) {
    messages.insert("throughput_mbit", network.throughput_bytes_per_second / kBytesPerMegabit);
  }
  if (network.tape_bytes_per_second.has_value()) {
    messages.insert("tape_mbit", *network.tape_bytes_per_second / kBytesPerMegabit);
  }
  toml::table root{{"format", kFormat},
                   {"name", network.name},
                   {"description", network.description},
                   {"messages", std::move(messages)},
                   {"compute", ComputeTable(network)}};
  if (toml::array links = LinkTables(network); !links.empty()) {
    root.insert("link", std::move(links));
  }
  std::ostringstream text;
  text.imbue(std::locale::classic());
  text << root << "\n";
  return text.str();
}

}  // namespace lutra
