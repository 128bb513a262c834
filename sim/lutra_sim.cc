// lutra-sim: secure inference with all roles in one process.

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "analysis/machine.h"
#include "analysis/program_flags.h"
#include "core/command_line.h"
#include "core/matrix_product.h"
#include "core/memory.h"
#include "core/status.h"
#include "sim/interrupts.h"
#include "sim/model_report.h"
#include "sim/model_run.h"

namespace lutra {
namespace {

constexpr std::string_view kProgram = "lutra-sim";
constexpr int kDisagreement = 3;

CommandLine MakeCommandLine() {
  CommandLine line(
      kProgram,
      "Secure inference of a quantized transformer, with dealer, P0, P1, P2, model owner and data\n"
      "owner simulated in one process: every message is packed, delivered and counted, and every\n"
      "node is compared with the clear twin.\n"
      "\n"
      "MODEL is a .safetensors file, or a synthetic shape: bert-tiny, bert-base, bert-large or\n"
      "synthetic, each with :key=value,... (hidden, layers, heads, sequence, vocabulary, "
      "residual,\n"
      "extra, seed). Synthetic shapes have a vocabulary of 1000 unless told otherwise.");
  line.SetPositionals("MODEL", 1, 1)
      .AddFlag("input", "FILE",
               "texts, one a line; LABEL<TAB>TEXT lines; or a safetensors file of cases. Default: "
               "the texts beside the model, random tokens for a synthetic shape")
      .AddFlag("out", "DIR", "write a run directory: results, costs and the trace")
      .AddFlag("seed", "N", "a reproducible run; default: keys from the operating system")
      .AddFlag("threads", "N", "default: one for each core")
      .AddFlag("residual-bits", "R", "of a model file: requantize it, without training, to 2 to 8")
      .AddFlag("extra-bits", "X", "likewise, 0 to 4")
      .AddFlag("memory-limit", "BYTES",
               "refuse what takes more, and deal the tape in pieces that fit: 4G, 800M; default: "
               "what the machine has")
      .AddFlag("simd", "TARGET",
               StrCat("the instruction set of the matrix kernels; this machine has ",
                      CommaSeparated(SimdTargets())))
      .AddSwitch("profile", "print seconds and bytes by operation and role, and what bounds each")
      .AddSwitch("no-check", "do not compare every node with the clear twin")
      .AddSwitch("quiet", "print errors only")
      .AddExample("lutra-sim models/pretrained/sms-spam-tiny.safetensors --out runs/sms")
      .AddExample("lutra-sim bert-base:sequence=32 --no-check");
  AddProgramFlags(line);
  return line;
}

StatusOr<ModelRunOptions> ReadOptions(const Arguments& arguments) {
  ModelRunOptions options;
  options.model = arguments.positionals()[0];
  if (arguments.Has("input")) options.input = arguments.Text("input", "");
  if (arguments.Has("seed")) {
    LUTRA_ASSIGN_OR_RETURN(options.seed, arguments.Unsigned("seed", 0));
  }
  LUTRA_ASSIGN_OR_RETURN(const int64_t threads,
                         arguments.Integer("threads", ThisMachine().cores, 1, 1024));
  options.threads = static_cast<int>(threads);
  options.check = !arguments.Has("no-check");
  options.profile = arguments.Has("profile");
  if (arguments.Has("memory-limit")) {
    LUTRA_ASSIGN_OR_RETURN(options.memory_limit, arguments.Bytes("memory-limit", 0));
  }
  if (arguments.Has("residual-bits")) {
    LUTRA_ASSIGN_OR_RETURN(const int64_t bits, arguments.Integer("residual-bits", 8, 2, 8));
    options.residual_bits = static_cast<int>(bits);
  }
  if (arguments.Has("extra-bits")) {
    LUTRA_ASSIGN_OR_RETURN(const int64_t bits, arguments.Integer("extra-bits", 1, 0, 4));
    options.extra_bits = static_cast<int>(bits);
  }
  LUTRA_ASSIGN_OR_RETURN(options.program, ProgramOptions(arguments, /*batch=*/1));
  if (arguments.Has("batch")) options.batch = options.program.batch;
  if (!arguments.Has("quiet")) options.progress = Progress::StyleFor(stdout);
  return options;
}

// A run from its files to its directory; whether secure and clear agree.
StatusOr<bool> RunJob(const Arguments& arguments, std::vector<std::string> command,
                      Interrupts& interrupts) {
  LUTRA_ASSIGN_OR_RETURN(ModelRunOptions options, ReadOptions(arguments));
  options.command = std::move(command);
  if (arguments.Has("simd")) {
    LUTRA_ASSIGN_OR_RETURN(const std::string target, arguments.Choice("simd", "", SimdTargets()));
    LUTRA_RETURN_IF_ERROR(UseSimdTarget(target));
  }
  std::optional<std::filesystem::path> out;
  if (arguments.Has("out")) {
    out = arguments.Text("out", "");
    const auto hold = interrupts.Hold();
    LUTRA_RETURN_IF_ERROR(CheckRunDirectory(*out));
  }
  LUTRA_ASSIGN_OR_RETURN(const ModelJob job, LoadModelJob(options));
  const bool quiet = arguments.Has("quiet");
  if (!quiet) PrintHead(job, options, "all in this process");
  LUTRA_ASSIGN_OR_RETURN(const ModelRunResult result, RunModel(job, options));
  if (out.has_value()) {
    const auto hold = interrupts.Hold();
    LUTRA_RETURN_IF_ERROR(WriteRunDirectory(
        *out, {result.summary, result.built->program, result.ledger, result.trace}));
  }
  if (!result.unpredicted.ok()) {
    ReportError(kProgram, Annotate(result.unpredicted, "no time is predicted"));
  }
  if (!quiet) PrintModelRun(job, options, result, out);
  if (result.disagreement.empty()) return true;
  ReportError(kProgram, InvalidArgument("secure and clear disagree: ", result.disagreement));
  return false;
}

int Main(int argc, char** argv) {
  Interrupts interrupts(kProgram);
  // A reader that goes away, as `head` does, does not stop a run; a file that may not grow is an
  // error of the write.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  KeepFreedMemory();
  const StatusOr<Arguments> arguments = MakeCommandLine().Parse(ArgumentsOfMain(argc, argv));
  if (!arguments.ok()) return ReportError(kProgram, arguments.status());
  bool agrees = true;
  if (!arguments->information().empty()) {
    std::fputs(arguments->information().c_str(), stdout);
  } else {
    const StatusOr<bool> run =
        RunJob(*arguments, std::vector<std::string>(argv, argv + argc), interrupts);
    if (!run.ok()) return ReportError(kProgram, run.status());
    agrees = *run;
  }
  const Status output = FinishOutput();
  if (!output.ok()) return ReportError(kProgram, output);
  return agrees ? 0 : kDisagreement;
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
