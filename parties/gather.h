// Puts together what the processes of a cluster recorded of sessions, as one run. Each may have had
// a machine of its own.
#ifndef LUTRA_PARTIES_GATHER_H_
#define LUTRA_PARTIES_GATHER_H_

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include "analysis/run_directory.h"
#include "cluster/dealer_store.h"
#include "cluster/session_folder.h"
#include "core/status.h"
#include "mpc/ledger.h"
#include "mpc/program.h"
#include "mpc/trace.h"
#include "parties/owners.h"

namespace lutra {

// What the owners have to say of a session of so many examples, and of a shared model.
SessionRecord RecordOf(const InferResult& result, const Program& program, const Identifier& model,
                       int64_t examples);
SessionRecord RecordOf(const SharedModel& shared, const Program& program);

// What the roles recorded of one session.
struct SessionRecords {
  SessionRecord owner;                 // of the data
  DealRecord dealt;                    // its tape
  std::vector<SessionRecord> parties;  // P0, P1 and P2
};
// Adds a session to ledger and trace of a run, as its number `number`, and to its summary, which
// may have had seconds of the model and the online phase before.
void AddRecords(const SessionRecords& records, int32_t number, SessionSummary& summary,
                Ledger& ledger, Trace& trace);

struct GatheredRun {
  RunSummary summary;  // sessions, threads; the rest is the caller's
  Ledger ledger;
  Trace trace;  // on one clock
};
// Of folders, each a store of a server, a copy of its folder `ledgers` or `sessions`, or what an
// owner recorded: the sessions of the data owner with the program, in their order. `model` says of
// which model; it need not where there is one only. Sharing the model is in it where all roles
// recorded it. An error names the folder, the file, or the session and the role whose record is
// missing.
StatusOr<GatheredRun> Gather(const Program& program, const std::optional<Identifier>& model,
                             std::span<const std::filesystem::path> folders);

// Machines have clocks of their own. Moves the times of roles so that nothing is received before it
// was sent: by nothing where that is so already; else by the middle of what messages in both
// directions allow, or, where they go in one direction only, as if the fastest took no time.
void AlignClocks(Trace& trace);

}  // namespace lutra

#endif  // LUTRA_PARTIES_GATHER_H_
