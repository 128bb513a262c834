// What a replay says, added up: the critical path by operation and link, idle time by role; as
// tables for a terminal and as JSON.
#ifndef LUTRA_ANALYSIS_REPLAY_REPORT_H_
#define LUTRA_ANALYSIS_REPLAY_REPORT_H_

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/replay.h"
#include "mpc/network.h"
#include "mpc/program.h"
#include "mpc/role.h"

namespace lutra {

// What one thing has of the critical paths of a stage, all sessions together.
struct CriticalShare {
  CriticalStep::Kind kind = CriticalStep::Kind::kWork;
  Phase phase = Phase::kOnline;
  std::string step;           // of work: StepOfPath of the node's path
  std::string protocol;       // of work
  Role role = Role::kDealer;  // who works, sends or is busy with an overhead
  Role peer = Role::kDealer;  // of transmission and latency: who receives; else the role itself
  int64_t steps = 0;
  double seconds = 0;
};

// In falling order of their seconds. Nodes are those of the program.
std::vector<CriticalShare> CriticalShares(const Program& program, const Replay& replay,
                                          Stage stage);
// Seconds of the critical paths by CriticalStep::Kind, all sessions together.
std::array<double, 4> CriticalSeconds(const Replay& replay, Stage stage);
// What a role did in a stage, all sessions together.
StageReplay::RoleTime RoleTimeOf(const Replay& replay, Stage stage, Role role);

// A network and the replay of a run under it.
struct ReplayUnder {
  Network network;
  Replay replay;
};

// First the seconds of all networks; then of each the critical path, of which each stage gets at
// most `rows` rows, and the idle time of roles.
std::string ReplayText(const Program& program, const std::vector<ReplayUnder>& replays,
                       int64_t rows);
// Everything, with each step of every critical path. docs/replay.md defines it.
nlohmann::ordered_json ReplayJson(const Program& program, const std::vector<ReplayUnder>& replays);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_REPLAY_REPORT_H_
