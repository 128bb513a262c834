// Networks by name: those that are shipped, and files of one's own.
//
// The shipped ones are the files of experiments/networks as they were when this was built; a
// program needs no source tree to use them.
#ifndef LUTRA_ANALYSIS_NETWORKS_H_
#define LUTRA_ANALYSIS_NETWORKS_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"
#include "mpc/network.h"

namespace lutra {

// A shipped file: its name without ".toml", which is the name of its network, and its content.
struct ShippedNetworkFile {
  std::string_view name;
  std::string_view toml;
};
// In the order in which they are listed to users: from near to far, then the asymmetric ones.
std::span<const ShippedNetworkFile> ShippedNetworkFiles();

std::vector<Network> ShippedNetworks();

// "lan-10g, lan-1g, ...".
std::string ShippedNetworkNames();

// The networks of a comma-separated list, in its order: names of shipped ones, and TOML files,
// which have a '/' in them or end in ".toml". Errors: an empty element, a name that is not there
// (with those that are), a file that is wrong, two networks of one name.
StatusOr<std::vector<Network>> NamedNetworks(std::string_view list);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_NETWORKS_H_
