// lutra-launch: secure inference with every role a process of its own, on this machine.

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "analysis/machine.h"
#include "analysis/networks.h"
#include "analysis/program_flags.h"
#include "cluster/process.h"
#include "core/command_line.h"
#include "core/memory.h"
#include "core/status.h"
#include "mpc/network.h"
#include "sim/interrupts.h"
#include "sim/local_cluster.h"
#include "sim/model_report.h"
#include "sim/model_run.h"
#include "sim/process_engine.h"

namespace lutra {
namespace {

constexpr std::string_view kProgram = "lutra-launch";

CommandLine MakeCommandLine() {
  CommandLine line(
      kProgram,
      "Secure inference of a quantized transformer with dealer, P0, P1 and P2 as processes of "
      "their\n"
      "own on this machine, which talk over ZeroMQ on loopback, encrypted, with fresh keys; this\n"
      "process plays both owners. When it ends, nothing is left running.\n"
      "\n"
      "MODEL is a .safetensors file, or a synthetic shape as lutra-sim takes it.");
  line.SetPositionals("MODEL", 1, 1)
      .AddFlag("input", "FILE", "as lutra-sim takes it")
      .AddFlag("out", "DIR", "write a run directory: results, costs and the trace")
      .AddFlag("threads", "N", "of all processes together; default: one for each core")
      .AddFlag("tapes", "stream|store",
               "dealt as the parties take them, kept in memory (default); or ahead, into files")
      .AddFlag("network", "NAME|FILE",
               "make links as slow as this network's: a shipped one or a TOML file. Latency, "
               "bandwidth and header_bytes count; the rest of a file is for replays")
      .AddFlag("shape", "parties|all",
               "which links --network is for: those among parties and owners, while the dealer's "
               "stay as fast as they are (default), or the dealer's too")
      .AddSwitch("insecure-plaintext", "no encryption: to measure what CURVE costs")
      .AddFlag("insecure-seed", "N", "keys as lutra-sim --seed N has them: no secret at all")
      .AddSwitch("quiet", "print errors only")
      .AddExample("lutra-launch models/pretrained/sms-spam-tiny.safetensors --out runs/processes");
  AddProgramFlags(line);
  return line;
}

StatusOr<ModelRunOptions> ReadOptions(const Arguments& arguments) {
  ModelRunOptions options;
  options.model = arguments.positionals()[0];
  if (arguments.Has("input")) options.input = arguments.Text("input", "");
  if (arguments.Has("insecure-seed")) {
    LUTRA_ASSIGN_OR_RETURN(options.seed, arguments.Unsigned("insecure-seed", 0));
  }
  LUTRA_ASSIGN_OR_RETURN(const int64_t threads,
                         arguments.Integer("threads", ThisMachine().cores, 1, 1024));
  options.threads = static_cast<int>(threads);
  options.check = false;  // no process holds all shares
  LUTRA_ASSIGN_OR_RETURN(options.program, ProgramOptions(arguments, /*batch=*/1));
  if (arguments.Has("batch")) options.batch = options.program.batch;
  if (!arguments.Has("quiet")) options.progress = Progress::StyleFor(stdout);
  return options;
}

StatusOr<std::optional<Network>> ReadNetworkFlag(const Arguments& arguments) {
  if (!arguments.Has("network")) {
    if (!arguments.Has("shape")) return std::optional<Network>();
    return InvalidArgument("--shape: expected it with --network, found it without");
  }
  const std::string text = arguments.Text("network", "");
  LUTRA_ASSIGN_OR_RETURN(std::vector<Network> networks, NamedNetworks(text));
  if (networks.size() != 1) {
    return InvalidArgument("--network: expected one network, found '", text, "'");
  }
  return std::optional<Network>(std::move(networks[0]));
}

StatusOr<LocalClusterOptions> ReadClusterOptions(const Arguments& arguments,
                                                 const ModelRunOptions& run) {
  LocalClusterOptions options;
  std::error_code error;
  options.programs = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  if (error) return Unavailable("cannot find the folder of the programs: ", error.message());
  options.threads = run.threads;
  LUTRA_ASSIGN_OR_RETURN(const std::string tapes,
                         arguments.Choice("tapes", "stream", {"stream", "store"}));
  options.stream = tapes == "stream";
  LUTRA_ASSIGN_OR_RETURN(options.network, ReadNetworkFlag(arguments));
  LUTRA_ASSIGN_OR_RETURN(const std::string shape,
                         arguments.Choice("shape", "parties", {"parties", "all"}));
  options.shape_dealer = shape == "all";
  options.insecure_plaintext = arguments.Has("insecure-plaintext");
  options.insecure_seed = run.seed;
  return options;
}

Status RunJob(const Arguments& arguments, std::vector<std::string> command,
              Interrupts& interrupts) {
  LUTRA_ASSIGN_OR_RETURN(ModelRunOptions options, ReadOptions(arguments));
  LUTRA_ASSIGN_OR_RETURN(const LocalClusterOptions cluster, ReadClusterOptions(arguments, options));
  options.command = std::move(command);
  std::optional<std::filesystem::path> out;
  if (arguments.Has("out")) {
    out = arguments.Text("out", "");
    const auto hold = interrupts.Hold();
    LUTRA_RETURN_IF_ERROR(CheckRunDirectory(*out));
  }
  LUTRA_ASSIGN_OR_RETURN(const ModelJob job, LoadModelJob(options));
  const bool quiet = arguments.Has("quiet");
  if (!quiet) PrintHead(job, options, "processes of this machine");
  LUTRA_ASSIGN_OR_RETURN(
      const ModelRunResult result,
      RunModel(job, options, [&](EngineParts parts) { return MakeProcessEngine(parts, cluster); }));
  if (out.has_value()) {
    const auto hold = interrupts.Hold();
    LUTRA_RETURN_IF_ERROR(WriteRunDirectory(
        *out, {result.summary, result.built->program, result.ledger, result.trace}));
  }
  if (!result.unpredicted.ok()) {
    ReportError(kProgram, Annotate(result.unpredicted, "no time is predicted"));
  }
  if (!quiet) PrintModelRun(job, options, result, out);
  if (result.disagreement.empty()) return absl::OkStatus();
  return InvalidArgument(result.disagreement);
}

// Who comes from lutra-sim looks for its --seed.
Status WithHint(const Status& status) {
  if (status.message().find("'--seed'") == absl::string_view::npos) return status;
  return InvalidArgument(
      "unknown flag '--seed'; keys that anybody can guess take --insecure-seed N");
}

int Main(int argc, char** argv) {
  ProtectSecrets(/*allow_core_dumps=*/false);
  Interrupts interrupts(kProgram);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  KeepFreedMemory();
  const StatusOr<Arguments> arguments = MakeCommandLine().Parse(ArgumentsOfMain(argc, argv));
  if (!arguments.ok()) return ReportError(kProgram, WithHint(arguments.status()));
  if (!arguments->information().empty()) {
    std::fputs(arguments->information().c_str(), stdout);
  } else {
    const Status run = RunJob(*arguments, std::vector<std::string>(argv, argv + argc), interrupts);
    if (!run.ok()) return ReportError(kProgram, run);
  }
  const Status output = FinishOutput();
  return output.ok() ? 0 : ReportError(kProgram, output);
}

}  // namespace
}  // namespace lutra

int main(int argc, char** argv) {
  try {
    return lutra::Main(argc, argv);
  } catch (const std::bad_alloc&) {
    return lutra::ReportError(lutra::kProgram, lutra::Unavailable("not enough memory"));
  }
}
