// A whole program at once, for those who study protocols: model shared, a session dealt, prepared
// and run, compared with its twin at every node, and counted against its closed form.
#ifndef LUTRA_SIM_RUN_PROGRAM_H_
#define LUTRA_SIM_RUN_PROGRAM_H_

#include <cstdint>
#include <optional>
#include <string>

#include "analysis/run_directory.h"
#include "core/status.h"
#include "mpc/builder.h"
#include "mpc/ledger.h"
#include "mpc/program.h"
#include "mpc/trace.h"

namespace lutra {

struct RunProgramOptions {
  std::optional<uint64_t> seed;  // none: keys from the operating system
  int threads = 1;
};

struct ProgramRun {
  NamedTensors revealed;     // what the data owner learnt
  NamedTensors exact;        // the same of the exact twin
  std::string disagreement;  // the first node that is not as its replayed twin; empty if none
  std::string miscount;  // the first node whose closed form is not what was counted; empty if none
  Ledger ledger;
  // With program and ledger, what WriteRunDirectory (analysis/run_directory.h) writes for reports,
  // replays and comparisons. Of the summary, command, model and labels are for the caller to fill.
  RunSummary summary;
  Trace trace;

  bool agrees() const { return disagreement.empty() && miscount.empty(); }
};

// `model` and `data` are what the owners put in. Errors: an input that is missing or has another
// ring or shape, no randomness.
StatusOr<ProgramRun> RunProgram(const BuiltProgram& built, const NamedTensors& model,
                                const NamedTensors& data, const RunProgramOptions& options = {});

// Names a node, phase and link whose bits in the ledger (of one run) are not those of the closed
// form; empty if there is none.
std::string FirstMiscount(const Program& program, const Ledger& ledger);

}  // namespace lutra

#endif  // LUTRA_SIM_RUN_PROGRAM_H_
