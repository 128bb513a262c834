// The time that a traced run takes under another network, without running it again.
//
// Each session's stages are replayed for themselves, each from time 0: sharing the model; offline
// (deal and prepare, which run side by side); online. A role does the events of a track one after
// the other; tracks of one role in one stage (P1 takes its tape while it prepares) go on side by
// side, but one thing at a time computes at a role: who is ready first goes first. Messages are as
// mpc/network.h says: sent without waiting, in the order in which they are ready on each link. A
// message is ready when its sender has spent its overhead; a receipt costs its receiver the
// overhead once its bytes are there. A message without payload is one like any other: it is its
// header, and the receipt of no bytes that takes it waits for it and costs the overhead.
//
// Work takes its traced wall time, divided by the role's speed; where the network gives a role
// another number of threads than it had, wall and CPU time tell how much of the work is parallel
// (Amdahl): with t threads it took wall = serial + parallel / t and cpu = serial + parallel. CPU
// time below the wall time counts as the wall time (nothing is parallel), above t times it as that
// (everything is). What one thread did counts as serial: its trace says nothing of parallel parts,
// and other threads have no effect; Replay::threads_ignored says at whom.
#ifndef LUTRA_ANALYSIS_REPLAY_H_
#define LUTRA_ANALYSIS_REPLAY_H_

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/status.h"
#include "mpc/network.h"
#include "mpc/program.h"
#include "mpc/role.h"
#include "mpc/trace.h"

namespace lutra {

enum class Stage { kModel, kOffline, kOnline };
inline constexpr std::array kStages = {Stage::kModel, Stage::kOffline, Stage::kOnline};
// "model", "offline", "online".
std::string_view Name(Stage stage);
Stage StageOf(Phase phase);
constexpr size_t Index(Stage stage) { return static_cast<size_t>(stage); }

// A piece of the chain of events that the end waited for.
struct CriticalStep {
  enum class Kind { kWork, kOverhead, kTransmission, kLatency };

  Kind kind = Kind::kWork;
  Role role = Role::kDealer;  // who works; who sends; who is busy with an overhead
  Role peer = Role::kDealer;  // of a message: who receives it; of an overhead: the other end
  Phase phase = Phase::kOnline;
  NodeId node = 0;  // of work
  int32_t level = 0;
  double begin = 0;  // seconds from the start of the stage
  double end = 0;

  double seconds() const { return end - begin; }
};
// "work", "overhead", "transmission", "latency".
std::string_view Name(CriticalStep::Kind kind);

struct StageReplay {
  struct RoleTime {
    double work = 0;      // local work on nodes
    double overhead = 0;  // of messages
    double idle = 0;      // until the end of the stage; 0 for a role that takes no part
    bool takes_part = false;
  };
  // Until the last event of the last track. A message that nobody takes is not waited for.
  double seconds = 0;
  // From 0 to the end without gaps: each step begins when the one before it ends, and none is
  // empty. What waits for a busy link follows the message that occupies it; what waits for a busy
  // role, what the role does.
  std::vector<CriticalStep> critical;
  std::array<RoleTime, kRoles.size()> roles;
};

struct Replay {
  std::vector<std::array<StageReplay, kStages.size()>> sessions;
  // Who worked with one thread in the trace and has another number of them in the network.
  std::vector<Role> threads_ignored;

  // Of all sessions, one after the other.
  double seconds(Stage stage) const;
};

// How long a piece of work takes that took `span` with so many threads.
double WorkSeconds(const Span& span, int32_t traced_threads, const Network::Compute& compute);

// An error where a receipt waits for what nobody sends (a trace that lacks a role), or for what is
// sent only after it: it names session, phase, level and link. The same for sessions that are left
// out and for sizes and times that are none.
StatusOr<Replay> ReplayTrace(const Trace& trace, const Network& network);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_REPLAY_H_
