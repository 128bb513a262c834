// The protocol trace: who does what and sends what to whom, phase by phase and round by round, as a
// paper's protocol figure shows it. From a program and its closed form, so nothing runs.
#ifndef LUTRA_ANALYSIS_PROTOCOL_TRACE_H_
#define LUTRA_ANALYSIS_PROTOCOL_TRACE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/cost.h"
#include "core/status.h"
#include "mpc/ledger.h"
#include "mpc/program.h"
#include "mpc/role.h"
#include "mpc/trace.h"

namespace lutra {

// What a role does on a node between two rounds.
struct TraceWork {
  NodeId node = 0;
  bool after = false;              // on what came in the round before
  std::vector<std::string> lines;  // as FigureLine has them; none where the protocol has no figure
};

// The parts that nodes have in one message. Of a model and online phase, in one round.
struct TraceMessage {
  Role from = Role::kP1;
  Role to = Role::kP2;
  int64_t bits = 0;
  int64_t bytes = 0;                  // each node's part rounded up to a byte
  std::vector<NodeId> nodes;          // in their order
  std::vector<std::string> contents;  // what is sent, as FigureLine has it, each once
  std::vector<std::string> named;  // the protocols of parts of which no figure says it, each once
};

struct TraceRow {
  Phase phase = Phase::kOnline;
  int level = 0;                                // the round, from 0; 0 of deal and prepare
  std::map<Role, std::vector<TraceWork>> work;  // before the messages
  std::vector<TraceMessage> messages;           // only the last row of a phase may have none
};

struct ProtocolTrace {
  std::string prefix;  // what was asked for
  std::vector<Role>
      roles;  // those that work or send here: model owner, dealer, parties, data owner
  std::vector<TraceRow> rows;  // model, deal, prepare, online; by level
  std::vector<NodeId> nodes;
};

// One picture has room for as many rounds.
inline constexpr int kMostTraceRounds = 64;

// Which nodes: those whose path is `prefix` or begins with "prefix." (all, if it is empty) and,
// where levels are given, that run online in one of them.
struct TraceSelection {
  std::string prefix;
  std::optional<int> first_level;  // from 0
  std::optional<int> last_level;
};

// An error where there are no such nodes; kOutOfRange for more than kMostTraceRounds rounds. Work
// on masks alone is only in it where a protocol's figure has it.
StatusOr<ProtocolTrace> TraceOfProgram(const ProgramCost& cost, const TraceSelection& selection);

// How long each role worked on each node, by phase: the average over the sessions of a run (the
// model is shared once).
std::map<Ledger::Work, double> SecondsPerSession(const Trace& trace);

struct TracePictureOptions {
  // Lines of the protocols' figures, or names of operations; by default as there is room.
  enum class Detail { kAutomatic, kFormulas, kNames };
  Detail detail = Detail::kAutomatic;
  std::string note;  // before the sums below the title
  // Where the picture is of a run: how long a role worked on a node in a phase.
  std::map<Ledger::Work, double> seconds;
  int first_round = 1;  // the number of level 0; a part may be numbered for itself
};

// The picture in Graphviz's language, with all positions fixed (Layout::kFixed): roles as columns,
// rounds as rows, messages as arrows. Each arrow's tooltip says phase, round, link, bits and bytes.
std::string TraceGraph(std::string_view title, const ProgramCost& cost, const ProtocolTrace& trace,
                       const TracePictureOptions& options = {});

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_PROTOCOL_TRACE_H_
