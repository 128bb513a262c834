// What owners do with real servers: the model owner shares its model once, the data owner has it
// run on its inputs, and both may ask how the servers are.
#ifndef LUTRA_PARTIES_OWNERS_H_
#define LUTRA_PARTIES_OWNERS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cluster/cluster_file.h"
#include "cluster/endpoint.h"
#include "cluster/wire.h"
#include "core/status.h"
#include "core/thread_pool.h"
#include "mpc/keys.h"
#include "mpc/ledger.h"
#include "mpc/program.h"
#include "mpc/trace.h"
#include "parties/linked_walker.h"

namespace lutra {

// So many times the silence may a session that somebody waits for take to be prepared: what that
// waits for has time-outs of its own, and a tape may be long.
inline constexpr double kMostPreparing = 10;

// How long an owner waits, in seconds.
struct OwnerPatience {
  OwnerPatience() = default;
  explicit OwnerPatience(const Cluster& cluster)
      : connect(cluster.connect_seconds), silence(cluster.silence_seconds) {}

  double connect = 10;  // until a server has answered the handshake
  double silence = 30;  // until a message that is due must have come
  // An answer that needs other servers first, or a tape that is being dealt, may take this many
  // times the silence: by then the servers have said themselves what they waited for.
  double hops = kMostPreparing + 2;
};

struct SendModelOptions {
  // Who gets its part: the dealer, all three parties, or all four.
  std::vector<Role> to = {kServers.begin(), kServers.end()};
  std::optional<Identifier> model;  // without one, a fresh one
  // Identifier and keys as the simulation has them with this seed: everybody can guess them.
  std::optional<uint64_t> insecure_seed;
  OwnerPatience patience;
};

struct SharedModel {
  std::optional<Identifier> model;  // none where the dealer alone was sent something
  Ledger ledger;                    // what the owner sent the parties
  Trace trace;                      // when, as session 0
  double seconds = 0;
};

// Sends the dealer program and tables, then each party its share of the weights, all three at once.
// Nothing is sent before all servers have answered the handshake, and no share before the dealer
// has program and tables. An error names the role that failed and what the others have by then; a
// party that has not confirmed is told to drop what it got. `weights`: the inputs of the model
// owner. The limit for what a server must have taken and confirmed grows with its size, by a second
// for every million bytes.
StatusOr<SharedModel> SendModel(Endpoint& endpoint, const Program& program,
                                const TableContents& tables, const NamedTensors& weights,
                                ThreadPool& pool, const SendModelOptions& options);

struct InferResult {
  NamedTensors revealed;
  Ledger ledger;  // what the owner sent
  Trace trace;    // and received, when, as session 0
  Identifier session;
  Identifier tape;
  double wait_seconds = 0;  // until P1 and P2 had opened the session
  double seconds = 0;       // from then to the result
  // Over the links with P1 and P2 meanwhile; of all sessions of this endpoint, if there are more.
  LinkTraffic traffic;
};

// One session of the data owner: `data` holds its inputs of the program, `model` was shared before.
// On an error the channel is cancelled, so that the parties stop at once; the tape is lost if the
// parties had opened the session. P1 and P2 must name the same session, program, model and tape.
StatusOr<InferResult> Infer(Endpoint& endpoint, const Program& program, const MessagePlan& plan,
                            const Identifier& model, const NamedTensors& data, ThreadPool& pool,
                            const OwnerPatience& patience);

struct ServerReport {
  Role role = Role::kDealer;
  StatusOr<ServerStatus> status;  // or why there is none
};

// Of each server in the order of kServers, all asked at once; takes no longer than `seconds`.
std::vector<ServerReport> StatusOfServers(Endpoint& endpoint, double seconds);

}  // namespace lutra

#endif  // LUTRA_PARTIES_OWNERS_H_
