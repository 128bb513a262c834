// The cluster file: which roles there are, where the servers listen, who is who by public key, and
// how long to wait. TOML, in the format lutra-cluster/1; docs/deploy.md shows one.
#ifndef LUTRA_CLUSTER_CLUSTER_FILE_H_
#define LUTRA_CLUSTER_CLUSTER_FILE_H_

#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include "cluster/address.h"
#include "cluster/curve_key.h"
#include "core/status.h"
#include "mpc/role.h"

namespace lutra {

// The roles that listen, and in a cluster file have a table with `endpoint` and `public_key`. The
// owners connect to them and have `public_keys`.
inline constexpr std::array kServers = {Role::kDealer, Role::kP0, Role::kP1, Role::kP2};
inline constexpr std::array kOwners = {Role::kModelOwner, Role::kDataOwner};
constexpr bool IsServer(Role role) { return role == Role::kDealer || IsParty(role); }

struct Cluster {
  struct Server {
    Address address;
    std::string public_key;
  };

  Deployment deployment = Deployment::kFourProcess;
  double connect_seconds = 10;  // until a peer has answered the handshake
  double silence_seconds = 30;  // until a message that is due must have come
  std::array<Server, kServers.size()> servers;
  std::array<std::vector<std::string>, kOwners.size()> owner_keys;

  Server& server(Role role) { return servers[Index(role)]; }
  const Server& server(Role role) const { return servers[Index(role)]; }
  std::vector<std::string>& keys(Role owner);
  const std::vector<std::string>& keys(Role owner) const;
};

// Every error names file, line, key, what was expected and what was found: keys that are unknown,
// missing or of the wrong type, a public key or an endpoint that appears twice, dealer and p0 on
// different hosts in a shared-dealer deployment.
StatusOr<Cluster> ReadCluster(const std::filesystem::path& path);

// The text of a cluster file that reads back as this cluster.
std::string FormatCluster(const Cluster& cluster);

}  // namespace lutra

#endif  // LUTRA_CLUSTER_CLUSTER_FILE_H_
