#include "analysis/networks.h"

#include <algorithm>
#include <string>
#include <utility>

#include "core/command_line.h"

namespace lutra {
namespace {

std::vector<std::string_view> Names() {
  std::vector<std::string_view> names;
  for (const ShippedNetworkFile& file : ShippedNetworkFiles()) names.push_back(file.name);
  return names;
}

Network Parsed(const ShippedNetworkFile& file) {
  StatusOr<Network> network = ParseNetwork(file.toml, StrCat(file.name, ".toml"));
  LUTRA_CHECK(network.ok());  // a test reads every file
  return *std::move(network);
}

bool IsFileName(std::string_view text) {
  return text.find('/') != text.npos || text.ends_with(".toml");
}

StatusOr<Network> NamedNetwork(std::string_view name) {
  for (const ShippedNetworkFile& file : ShippedNetworkFiles()) {
    if (file.name == name) return Parsed(file);
  }
  if (IsFileName(name)) return ReadNetwork(name);
  return InvalidArgument("network: expected one of ", ShippedNetworkNames(),
                         ", or a file that ends in .toml, found '", name.substr(0, 60), "'",
                         DidYouMean(name, Names()));
}

}  // namespace

std::vector<Network> ShippedNetworks() {
  std::vector<Network> networks;
  for (const ShippedNetworkFile& file : ShippedNetworkFiles()) networks.push_back(Parsed(file));
  return networks;
}

std::string ShippedNetworkNames() { return CommaSeparated(Names()); }

StatusOr<std::vector<Network>> NamedNetworks(std::string_view list) {
  std::vector<Network> networks;
  while (true) {
    const size_t comma = list.find(',');
    LUTRA_ASSIGN_OR_RETURN(Network network, NamedNetwork(list.substr(0, comma)));
    const bool is_there = std::any_of(networks.begin(), networks.end(), [&](const Network& each) {
      return each.name == network.name;
    });
    if (is_there) {
      return InvalidArgument("network: expected each once, found '", network.name, "' twice");
    }
    networks.push_back(std::move(network));
    if (comma == list.npos) return networks;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace lutra
