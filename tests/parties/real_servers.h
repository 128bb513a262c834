// Dealer and parties as they really are, with stores in a folder, in one process on loopback: each
// can be started, stopped and killed.
#ifndef LUTRA_TESTS_PARTIES_REAL_SERVERS_H_
#define LUTRA_TESTS_PARTIES_REAL_SERVERS_H_

#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "cluster/cluster_file.h"
#include "cluster/party_store.h"
#include "cluster/process.h"
#include "dealer/dealer_service.h"
#include "mpc/ledger.h"
#include "mpc/protocol.h"
#include "parties/owners.h"
#include "parties/party_service.h"
#include "tests/support/folder.h"

namespace lutra {

// Within some seconds.
bool Eventually(const std::function<bool()>& condition);
void CopyStore(const std::filesystem::path& from, const std::filesystem::path& to);

class RealServers {
 public:
  struct Options {
    bool curve = false;
    bool stream = false;
    std::optional<int64_t> tapes;  // of each program; without, as many as are in stock
    std::optional<uint64_t> seed;
    double silence = 20;
    PartyOptions party;  // without its times and its seed
  };

  RealServers(Deployment deployment, const Options& options);
  ~RealServers();
  RealServers(const RealServers&) = delete;
  RealServers& operator=(const RealServers&) = delete;

  void StartAll();
  void Start(Role role);
  // Asks it to end, and waits until it has.
  void Stop(Role role);
  // As a crash leaves it: its links are lost at once, its store is as it was at this moment.
  void Kill(Role role);
  bool running(Role role) const { return running_.contains(role); }

  std::filesystem::path Store(Role role) const;
  // Of a party that does not run.
  std::unique_ptr<PartyStore> OpenStore(Role role) const;
  // The only part file of this tape, if it is there.
  std::optional<std::filesystem::path> Part(Role role, const Digest& program,
                                            const Identifier& tape) const;
  std::unique_ptr<Endpoint> Owner(Role owner) const;
  const Cluster& cluster() const { return cluster_; }
  OwnerPatience patience() const;
  // As the party itself tells it.
  ServerStatus StatusOf(Role role) const;
  bool Prepared(Role role, int64_t sessions) const;
  // Everything that the roles have recorded, once they have stopped.
  Ledger RecordedLedger(const Identifier& model, const Identifier& session,
                        const Identifier& tape) const;

 private:
  struct Server {
    std::unique_ptr<Endpoint> endpoint;
    std::unique_ptr<PartyStore> store;
    std::unique_ptr<Depot> depot;
    std::unique_ptr<PartyService> party;
    std::unique_ptr<DealerService> dealer;
    std::atomic<bool> stop = false;
    std::thread thread;
  };
  void StartDealer(Server& server);
  void StartParty(Role role, Server& server);
  EndpointOptions OptionsFor(Role role) const;

  const Options options_;
  Registry registry_ = Registry::WithBuiltins();
  ThreadPool pool_{1};
  std::map<Role, std::unique_ptr<Log>> logs_;
  std::map<Role, CurveKeyPair> keys_;
  Cluster cluster_;
  Folder folder_;
  std::map<Role, std::unique_ptr<Server>> running_;
};

}  // namespace lutra

#endif  // LUTRA_TESTS_PARTIES_REAL_SERVERS_H_
