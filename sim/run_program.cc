#include "sim/run_program.h"

#include <algorithm>
#include <map>
#include <utility>

#include "analysis/cost.h"
#include "sim/simulation.h"

namespace lutra {
namespace {

RunSummary SummaryOf(const BuiltProgram& built, const RunProgramOptions& options,
                     const ProgramRun& run, const PhaseSeconds& model,
                     const PhaseSeconds& session_seconds) {
  RunSummary summary;
  const auto& tables = built.program.tables();
  summary.private_tables = std::all_of(tables.begin(), tables.end(),
                                       [](const Table& table) { return table.is_private; });
  summary.threads = options.threads;
  summary.seed = options.seed;
  summary.agrees_with_ideal = run.disagreement.empty();
  SessionSummary& session = summary.sessions.emplace_back();
  session.examples = 1;
  session.bytes = BytesIn(run.ledger);
  session.rounds = run.ledger.rounds(Phase::kOnline);
  for (size_t i = 0; i < kPhases.size(); ++i) session.seconds[i] = model[i] + session_seconds[i];
  return summary;
}

}  // namespace

std::string FirstMiscount(const Program& program, const Ledger& ledger) {
  const ProgramCost cost(program);
  std::map<Ledger::Part, std::pair<int64_t, int64_t>> both;  // closed form, counted
  for (const auto& [part, bits] : cost.bits()) both[part].first = bits;
  for (const auto& [part, bits] : ledger.bits()) both[part].second = bits;
  for (const auto& [part, bits] : both) {
    if (bits.first == bits.second) continue;
    return StrCat(program.nodes()[part.node].ToString(), ": ", Name(part.phase), ", ",
                  Name(part.from), " to ", Name(part.to), ": closed form ", bits.first,
                  " bits, counted ", bits.second);
  }
  return "";
}

StatusOr<ProgramRun> RunProgram(const BuiltProgram& built, const NamedTensors& model,
                                const NamedTensors& data, const RunProgramOptions& options) {
  ThreadPool pool(options.threads);
  ProgramRun run;
  TraceRecorder recorder;
  Listeners listeners{&run.ledger, &recorder};
  SimulationOptions simulation_options;
  simulation_options.seed = options.seed;
  simulation_options.listener = &listeners;
  LUTRA_ASSIGN_OR_RETURN(const auto simulation,
                         Simulation::Make(built, pool, std::move(simulation_options)));
  LUTRA_ASSIGN_OR_RETURN(const SessionResult shared, simulation->ShareModel(model));
  LUTRA_ASSIGN_OR_RETURN(SessionResult session, simulation->Run(data));
  run.revealed = std::move(session.revealed);
  run.disagreement = shared.agrees ? session.disagreement : shared.disagreement;
  run.miscount = FirstMiscount(built.program, run.ledger);
  run.summary = SummaryOf(built, options, run, shared.seconds, session.seconds);
  run.trace = std::move(recorder.trace());
  run.trace.program = built.program.digest();
  for (const Role role : kRoles) run.trace.threads[role] = options.threads;
  NamedTensors owned;
  for (const auto& [name, tensor] : model) owned.insert_or_assign(name, tensor.Clone());
  for (const auto& [name, tensor] : data) owned.insert_or_assign(name, tensor.Clone());
  run.exact = Twin(built.program, built.tables, pool).RunExact(owned);
  return run;
}

}  // namespace lutra
