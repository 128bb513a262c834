// Dealer and parties as processes of this machine, on loopback, with fresh keys in a temporary
// directory: started, watched, ended, and nothing left behind.
#ifndef LUTRA_SIM_LOCAL_CLUSTER_H_
#define LUTRA_SIM_LOCAL_CLUSTER_H_

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cluster/cluster_file.h"
#include "cluster/curve_key.h"
#include "cluster/endpoint.h"
#include "core/status.h"
#include "mpc/network.h"
#include "mpc/role.h"

namespace lutra {

struct LocalClusterOptions {
  std::filesystem::path programs;  // the folder of lutra-dealer and lutra-party
  Deployment deployment = Deployment::kFourProcess;
  int64_t tapes = 1;    // to deal, of each program
  int threads = 1;      // of the machine
  bool stream = false;  // deal tapes while they are used
  // Links are made as slow as this; of the dealer's, only with shape_dealer.
  std::optional<Network> network;
  bool shape_dealer = false;
  double patience_seconds = 0;  // more than by default, of every time-out: for slow links
  bool insecure_plaintext = false;
  std::optional<uint64_t> insecure_seed;
};

class LocalCluster {
 public:
  // Starts the processes and waits until all answer. An error has what the one that failed said.
  static StatusOr<std::unique_ptr<LocalCluster>> Start(const LocalClusterOptions& options);
  // Kills what still runs and removes the directory.
  ~LocalCluster();

  const Cluster& cluster() const { return cluster_; }
  // The endpoint of an owner; the cluster outlives it.
  StatusOr<std::unique_ptr<Endpoint>> OwnerEndpoint(Role owner) const;
  // An error when a process has ended that should not have.
  Status CheckAlive();
  // Ends all processes; they finish what is in flight. Their stores stay until the cluster goes.
  Status Stop();
  // Of a server.
  std::filesystem::path Store(Role role) const;
  // The most memory that the ended processes held, added up.
  int64_t peak_memory_bytes() const { return peak_memory_bytes_; }

 private:
  struct Process {
    Role role = Role::kDealer;
    pid_t pid = -1;
  };

  explicit LocalCluster(const LocalClusterOptions& options) : options_(options) {}
  Status MakeDirectory();
  // Starts a process that removes the directory when this one ends, however it ends.
  Status StartJanitor();
  Status MakeKeys();
  Status MakeClusterFile();
  Status MakeNetworkFile();
  Status Launch(Role role, std::vector<std::string> arguments);
  Status WaitUntilServing();
  // Waits for a process; whether it has ended.
  bool Reap(Process& process, bool wait);
  Status Failure(const Process& process) const;
  std::filesystem::path LogFile(Role role) const;

  const LocalClusterOptions options_;
  std::filesystem::path directory_;
  Cluster cluster_;
  std::optional<Network> network_;                 // of the links that are shaped
  std::vector<std::optional<CurveKeyPair>> keys_;  // by role
  std::vector<Process> processes_;
  int janitor_pipe_ = -1;  // open as long as this process lives
  pid_t janitor_ = -1;
  int status_ = 0;  // of the process that ended last
  int64_t peak_memory_bytes_ = 0;
};

}  // namespace lutra

#endif  // LUTRA_SIM_LOCAL_CLUSTER_H_
