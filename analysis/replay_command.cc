#include "analysis/replay_command.h"

#include <utility>
#include <vector>

#include "analysis/networks.h"
#include "analysis/replay_report.h"
#include "analysis/run_directory.h"
#include "core/command_line.h"
#include "mpc/protocol.h"

namespace lutra {
namespace {

constexpr int64_t kDefaultRows = 6;
constexpr int64_t kMostRows = 1000000;

CommandLine ReplayCommandLine() {
  CommandLine command_line(
      "lutra-analyze replay",
      "Tells how long a run would take under other networks, from its trace, without running it\n"
      "again: seconds of sharing the model, offline and online; the critical path, by operation,\n"
      "role and link; and the idle time of each role.\n\n"
      "RUN is a run directory, as lutra-sim, lutra-launch and lutra-client gather write it with\n"
      "--out.");
  command_line.SetPositionals("RUN", 1, 1)
      .AddFlag("network", "NAME|FILE,...",
               StrCat("the networks: TOML files, or of ", ShippedNetworkNames(),
                      "; default: all of these"))
      .AddFlag("messages", "FILE",
               "overhead and throughput of messages under all networks, as lutra-analyze calibrate "
               "prints them; default: those of each network's file")
      .AddFlag("critical", "N",
               StrCat("rows of the critical path for each stage; default ", kDefaultRows))
      .AddSwitch("json", "one JSON document, with every step of the critical paths")
      .AddExample("lutra-analyze replay runs/quickstart")
      .AddExample("lutra-analyze replay runs/quickstart --network wan-400m,mine.toml --json")
      .AddExample("lutra-analyze replay runs/processes --messages machine.toml");
  return command_line;
}

}  // namespace

StatusOr<std::string> RunReplayCommand(const Registry& registry,
                                       std::span<const std::string> arguments) {
  LUTRA_ASSIGN_OR_RETURN(const Arguments parsed, ReplayCommandLine().Parse(arguments));
  if (!parsed.information().empty()) return parsed.information();
  LUTRA_ASSIGN_OR_RETURN(const int64_t rows,
                         parsed.Integer("critical", kDefaultRows, 0, kMostRows));
  std::vector<Network> networks = ShippedNetworks();
  if (parsed.Has("network")) {
    LUTRA_ASSIGN_OR_RETURN(networks, NamedNetworks(parsed.Text("network", "")));
  }
  if (parsed.Has("messages")) {
    LUTRA_RETURN_IF_ERROR(ReadMessageCosts(parsed.Text("messages", ""), networks));
  }
  const std::string& path = parsed.positionals()[0];
  LUTRA_ASSIGN_OR_RETURN(const RunFiles run, ReadRunDirectory(registry, path));
  std::vector<ReplayUnder> replays;
  for (Network& network : networks) {
    StatusOr<Replay> replay = ReplayTrace(run.trace, network);
    if (!replay.ok()) return Annotate(replay.status(), StrCat("'", path, "'"));
    replays.push_back({std::move(network), *std::move(replay)});
  }
  if (!parsed.Has("json")) return ReplayText(*run.program, replays, rows);
  nlohmann::ordered_json json = ReplayJson(*run.program, replays);
  return json.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace lutra
