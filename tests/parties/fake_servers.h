// Dealer and parties for tests of owners: endpoints of one process on loopback, with real walkers
// behind them and without stores. Tapes are dealt as a simulation with the same seed deals them.
#ifndef LUTRA_TESTS_PARTIES_FAKE_SERVERS_H_
#define LUTRA_TESTS_PARTIES_FAKE_SERVERS_H_

#include <array>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "cluster/cluster_file.h"
#include "cluster/endpoint.h"
#include "cluster/process.h"
#include "cluster/wire.h"
#include "mpc/builder.h"
#include "mpc/ledger.h"
#include "mpc/tape.h"
#include "parties/linked_walker.h"
#include "parties/walker.h"

namespace lutra {

class FakeServers {
 public:
  // In place of what a server does with a request; false: what it always does.
  using Behaviour = std::function<bool(Endpoint& endpoint, const Request& request)>;

  // The servers of `absent` do not listen. The program outlives the object.
  FakeServers(const BuiltProgram& built, uint64_t seed, bool curve, std::vector<Role> absent = {});
  ~FakeServers();

  void SetBehaviour(Role server, Behaviour behaviour);
  const Cluster& cluster() const { return cluster_; }
  const CurveKeyPair& keys(Role role) const { return keys_.at(role); }
  // An owner's endpoint, connected to these servers.
  std::unique_ptr<Endpoint> Owner(Role owner) const;

  // What is where.
  std::optional<Identifier> model_of(Role party) const;
  Bytes tables() const;
  // Tapes, and what parties sent: once as many sessions have ended at all parties.
  Ledger LedgerAfter(int sessions);
  std::vector<Status> session_errors();

  Joined AnswerTo(Role party, const Join& join);

 private:
  struct Server {
    std::unique_ptr<Endpoint> endpoint;
    Behaviour behaviour;
    std::thread thread;
    std::unique_ptr<ThreadPool> pool;
    std::unique_ptr<Walker> walker;
    std::optional<Identifier> model;
    NamedTensors nothing;
  };
  struct Planned {
    Identifier tape;
    Identifier channel;  // of preparing
    Tape words;
  };

  Server& server(Role role) { return servers_[Index(role)]; }
  void Serve(Role role, const Request& request);
  StatusOr<Bytes> Answer(Role role, const Request& request);
  StatusOr<Bytes> TakeModel(Role role, const Request& request);
  Status TakeTables(const Request& request);
  Planned& PlanOf(const Identifier& session);
  // `owner`: where the data owner is.
  void RunSession(Role role, const Join& join, std::optional<PeerId> owner);
  Status TryRunSession(Role role, const Join& join, std::optional<PeerId> owner, Ledger& ledger);

  const BuiltProgram& built_;
  const uint64_t seed_;
  const LongTermKeys secrets_;
  const MessagePlan plan_;
  const TapeLayout layout_;
  std::map<Role, CurveKeyPair> keys_;
  const bool curve_;
  Cluster cluster_;
  std::array<Server, kServers.size()> servers_;
  Bytes tables_;
  std::atomic<bool> stopping_ = false;

  mutable std::mutex mutex_;
  std::condition_variable ended_;
  std::map<Identifier, Planned> planned_;
  Ledger ledger_;
  int ended_sessions_ = 0;  // each counted by every party
  std::vector<Status> errors_;
  std::vector<std::thread> threads_;  // of P0's sessions
};

}  // namespace lutra

#endif  // LUTRA_TESTS_PARTIES_FAKE_SERVERS_H_
