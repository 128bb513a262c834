#include "analysis/calibrate_command.h"

#include <deque>
#include <utility>
#include <vector>

#include "analysis/message_costs.h"
#include "analysis/run_directory.h"
#include "core/command_line.h"

namespace lutra {
namespace {

CommandLine CalibrateCommandLine() {
  CommandLine command_line(
      "lutra-analyze calibrate",
      "Prints what a machine takes for messages by itself, as the table [messages] of a network\n"
      "file: overhead and throughput, measured by messages that were waited for, less what their\n"
      "links took, and the throughput of tapes. lutra-analyze replay takes it as --messages.\n\n"
      "RUN is a run directory of lutra-launch --network; several runs count together.");
  command_line.SetPositionals("RUN", 1, CommandLine::kAnyNumber)
      .AddExample("lutra-analyze calibrate runs/calibration > machine.toml");
  return command_line;
}

}  // namespace

StatusOr<std::string> RunCalibrateCommand(const Registry& registry,
                                          std::span<const std::string> arguments) {
  LUTRA_ASSIGN_OR_RETURN(const Arguments parsed, CalibrateCommandLine().Parse(arguments));
  if (!parsed.information().empty()) return parsed.information();
  struct Run {
    RunFiles files;
    Network network;
  };
  std::deque<Run> runs;  // they stay where they are
  std::vector<ShapedTrace> traces;
  for (const std::string& path : parsed.positionals()) {
    LUTRA_ASSIGN_OR_RETURN(RunFiles files, ReadRunDirectory(registry, path));
    LUTRA_ASSIGN_OR_RETURN(Network network, ReadShapedNetwork(files.run, path));
    const Run& run = runs.emplace_back(Run{std::move(files), std::move(network)});
    traces.push_back({&run.files.trace, &run.network});
  }
  const StatusOr<MessageCosts> costs = MeasureMessageCosts(traces);
  if (!costs.ok()) {
    return Annotate(costs.status(), StrCat("'", parsed.positionals()[0], "'",
                                           runs.size() > 1 ? " and the other runs" : ""));
  }
  return FormatMessageCosts(*costs);
}

}  // namespace lutra
