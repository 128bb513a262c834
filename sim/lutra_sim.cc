// lutra-sim: secure inference with all roles in one process.

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include "analysis/cost_table.h"
#include "analysis/machine.h"
#include "analysis/program_flags.h"
#include "core/command_line.h"
#include "core/status.h"
#include "sim/model_run.h"

namespace lutra {
namespace {

constexpr int kInterrupted = 130;
constexpr int kDisagreement = 3;
constexpr size_t kShownExamples = 8;
constexpr size_t kShownCharacters = 60;

CommandLine MakeCommandLine() {
  CommandLine line(
      "lutra-sim",
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
      .AddFlag("out", "DIR", "write a run directory (run.json, ledger.csv, levels.csv, work.csv)")
      .AddFlag("seed", "N", "a reproducible run; default: keys from the operating system")
      .AddFlag("threads", "N", "default: one for each core")
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
  if (arguments.Has("out")) options.out = arguments.Text("out", "");
  if (arguments.Has("seed")) {
    LUTRA_ASSIGN_OR_RETURN(options.seed, arguments.Unsigned("seed", 0));
  }
  LUTRA_ASSIGN_OR_RETURN(const int64_t threads,
                         arguments.Integer("threads", ThisMachine().cores, 1, 1024));
  options.threads = static_cast<int>(threads);
  options.check = !arguments.Has("no-check");
  LUTRA_ASSIGN_OR_RETURN(options.program, ProgramOptions(arguments, /*batch=*/1));
  if (arguments.Has("batch")) options.batch = options.program.batch;
  if (!arguments.Has("quiet")) options.progress = Progress::StyleFor(stdout);
  return options;
}

// The beginning of a text, on one line of a terminal.
std::string Excerpt(std::string_view text) {
  std::string excerpt;
  size_t characters = 0;
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    const bool continues = (byte & 0xc0) == 0x80;
    if (!continues && characters++ == kShownCharacters) return excerpt + "...";
    excerpt += byte < 0x20 || byte == 0x7f ? ' ' : character;
  }
  return excerpt;
}

void Print(const std::string& text) { std::fputs(text.c_str(), stdout); }

void PrintHead(const ModelJob& job, const ModelRunOptions& options) {
  const IntegerModelShape& shape = job.model.shape();
  Print(StrCat("Model     ", options.model, ": ", shape.layers, " layers, hidden ", shape.hidden,
               ", ", shape.heads, " heads, sequence ", shape.sequence, "\n"));
  Print(StrCat("Input     ", job.examples.count(), " examples",
               job.examples.labels.empty() ? "" : ", labelled", "\n"));
  Print(StrCat("Roles     dealer, P0, P1, P2, model owner and data owner in this process, ",
               options.threads, options.threads == 1 ? " thread" : " threads", "\n\n"));
  std::fflush(stdout);
}

// Examples from the front, with those that come out differently preferred.
std::vector<size_t> ShownExamples(const ModelRunResult& result) {
  std::vector<size_t> shown;
  for (size_t i = 0; i < result.clear.size() && shown.size() < 2; ++i) {
    if (result.clear[i] != result.secure[i]) shown.push_back(i);
  }
  for (size_t i = 0; i < result.secure.size() && shown.size() < kShownExamples; ++i) {
    if (std::find(shown.begin(), shown.end(), i) == shown.end()) shown.push_back(i);
  }
  std::sort(shown.begin(), shown.end());
  return shown;
}

void PrintExamples(const ModelJob& job, const ModelRunResult& result) {
  const std::vector<std::string>& labels = job.model.shape().labels;
  const auto label = [&](int number) { return labels[static_cast<size_t>(number)]; };
  const bool has_text = !job.examples.texts.empty();
  TextTable table({"secure", "clear", "label", has_text ? "message" : "example"}, {1, 2, 3});
  for (const size_t i : ShownExamples(result)) {
    table.AddRow({label(result.secure[i]), result.clear.empty() ? "-" : label(result.clear[i]),
                  job.examples.labels.empty() ? "-" : label(job.examples.labels[i]),
                  has_text ? Excerpt(job.examples.texts[i]) : StrCat(i)});
  }
  Print(table.ToString());
  if (result.secure.size() > kShownExamples) {
    Print(StrCat("(", kShownExamples, " of ", result.secure.size(), ")\n"));
  }
  Print("\n");
}

void PrintCosts(const ModelRunResult& result) {
  PhaseSeconds seconds{};
  for (const SessionSummary& session : result.summary.sessions) {
    for (size_t phase = 0; phase < seconds.size(); ++phase) {
      seconds[phase] += session.seconds[phase];
    }
  }
  const size_t sessions = result.summary.sessions.size();
  Print(StrCat("Cost of ", sessions, sessions == 1 ? " session" : " sessions", " of ",
               result.summary.batch, result.summary.batch == 1 ? " example" : " examples",
               " (rounds are those of one session)\n"));
  Print(CostTable(PhaseCosts(result.ledger.traffic()), seconds));
  Print("\n");
}

void PrintResult(const ModelJob& job, const ModelRunOptions& options,
                 const ModelRunResult& result) {
  PrintExamples(job, result);
  const RunSummary& summary = result.summary;
  if (summary.accuracy.has_value()) {
    Print(StrCat("Accuracy  secure ", Fixed(*summary.accuracy, 4), ", clear ",
                 Fixed(*summary.accuracy_ideal, 4), "\n"));
  }
  if (options.check && result.disagreement.empty()) {
    Print("Check     every node of every session agrees with the clear twin\n");
  }
  Print(StrCat("Memory    ", HumanBytes(PeakMemoryBytes()), " at most\n\n"));
  PrintCosts(result);
  if (options.out.has_value()) {
    Print(StrCat("Run directory: ", options.out->string(), "/\n"));
  } else {
    Print("No run directory was asked for (--out DIR).\n");
  }
}

void OnInterrupt(int) { ::_exit(kInterrupted); }

int Main(int argc, char** argv) {
  std::signal(SIGINT, OnInterrupt);
  std::signal(SIGTERM, OnInterrupt);
  const StatusOr<Arguments> arguments = MakeCommandLine().Parse(ArgumentsOfMain(argc, argv));
  if (!arguments.ok()) return ReportError("lutra-sim", arguments.status());
  if (!arguments->information().empty()) {
    Print(arguments->information());
    return 0;
  }
  StatusOr<ModelRunOptions> options = ReadOptions(*arguments);
  if (!options.ok()) return ReportError("lutra-sim", options.status());
  options->command.assign(argv, argv + argc);
  const StatusOr<ModelJob> job = LoadModelJob(*options);
  if (!job.ok()) return ReportError("lutra-sim", job.status());
  const bool quiet = arguments->Has("quiet");
  if (!quiet) PrintHead(*job, *options);
  const StatusOr<ModelRunResult> result = RunModel(*job, *options);
  if (!result.ok()) return ReportError("lutra-sim", result.status());
  if (!quiet) PrintResult(*job, *options, *result);
  if (result->disagreement.empty()) return 0;
  ReportError("lutra-sim", InvalidArgument("secure and clear disagree: ", result->disagreement));
  return kDisagreement;
}

}  // namespace
}  // namespace lutra

int main(int argc, char** argv) { return lutra::Main(argc, argv); }
