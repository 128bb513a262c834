// The time that a traced run takes under another network, without running it again.
//
// Each session's stages are replayed for themselves, each from time 0: sharing the model; offline
// (deal and prepare, which run side by side); online. A role does the events of a track one after
// the other; tracks of one role in one stage (P1 takes its tape while it prepares) go on side by
// side, but one thing at a time computes at a role. Messages are as mpc/network.h says: sent without
// waiting, in the order in which they are ready on each link.
//
// Work takes its traced wall time, divided by the role's speed; where the network gives a role
// another number of threads than it had, wall and CPU time tell how much of the work is parallel
// (Amdahl): with t threads it took wall = serial + parallel / t and cpu = serial + parallel.
#ifndef LUTRA_ANALYSIS_REPLAY_H_
#define LUTRA_ANALYSIS_REPLAY_H_

#include <array>
#include <cstdint>
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

// A piece of the chain of events that the end waited for.
struct CriticalStep {
  enum class Kind { kWork, kOverhead, kTransmission, kLatency };
  Kind kind = Kind::kWork;
  Role role = Role::kDealer;  // who works; who sends
  Role peer = Role::kDealer;  // of a message: who receives it. An overhead's other end
  Phase phase = Phase::kOnline;
  NodeId node = 0;  // of work
  int32_t level = 0;
  double begin = 0;  // seconds from the start of the stage
  double end = 0;
};

struct StageReplay {
  struct RoleTime {
    double work = 0;      // local work on nodes
    double overhead = 0;  // of messages
    double idle = 0;      // until the end of the stage; 0 for a role that takes no part
    bool takes_part = false;
  };
  double seconds = 0;
  // From 0 to the end without gaps: each step begins when the one before it ends.
  std::vector<CriticalStep> critical;
  std::array<RoleTime, kRoles.size()> roles;
};

struct Replay {
  std::vector<std::array<StageReplay, kStages.size()>> sessions;

  // Of all sessions, one after the other.
  double seconds(Stage stage) const;
};

// An error where a receipt waits for what nobody sends (a trace that lacks a role): it names
// session, phase, level and link.
StatusOr<Replay> ReplayTrace(const Trace& trace, const Network& network);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_REPLAY_H_
