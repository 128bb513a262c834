// lutra-client: what the owners of models and data run.

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "analysis/cost.h"
#include "analysis/cost_table.h"
#include "analysis/machine.h"
#include "analysis/prediction_table.h"
#include "analysis/program_flags.h"
#include "analysis/run_directory.h"
#include "cluster/cluster_file.h"
#include "cluster/curve_key.h"
#include "cluster/endpoint.h"
#include "cluster/process.h"
#include "cluster/session_folder.h"
#include "cluster/store_directory.h"
#include "core/command_line.h"
#include "core/memory.h"
#include "core/status.h"
#include "mpc/network.h"
#include "parties/client_report.h"
#include "parties/compile.h"
#include "parties/compile_model.h"
#include "parties/gather.h"
#include "parties/owners.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kProgram = "lutra-client";
constexpr int kInterrupted = 130;
constexpr double kStatusConnectSeconds = 3;
constexpr double kStatusSeconds = 5;

void Print(const std::string& text) { std::fputs(text.c_str(), stdout); }

// ---- command lines ----

CommandLine Overview() {
  CommandLine line(kProgram,
                   "What the owners of models and data run.\n\nCommands:\n"
                   "  compile MODEL      a directory with what each role needs of a model\n"
                   "  share-model DIR    program and tables to the dealer, shares to the parties\n"
                   "  infer DIR          secure inference on texts or cases\n"
                   "  status             how the servers are\n"
                   "  gather DIR         a run directory of sessions that each role recorded\n\n"
                   "lutra-client COMMAND --help says more.");
  line.SetPositionals("COMMAND", 1, 1)
      .AddExample("lutra-client compile models/pretrained/sms-spam-tiny.safetensors --out sms")
      .AddExample("lutra-client share-model sms --cluster cluster.toml")
      .AddExample("lutra-client infer sms --model ID --input texts.txt --cluster cluster.toml");
  return line;
}

void AddThreads(CommandLine& line) { line.AddFlag("threads", "N", "default: one for each core"); }

void AddNetwork(CommandLine& line) {
  line.AddFlag("network", "FILE",
               "make what this process sends as slow as in this network file: latency, bandwidth, "
               "header_bytes");
}

void AddRecord(CommandLine& line) {
  line.AddFlag("record", "DIR",
               "keep there what was sent and when, for gather; what is there is kept");
}

void AddLinkFlags(CommandLine& line, std::string_view key_file) {
  line.AddFlag("cluster", "FILE", "where the servers are, and who is who; required")
      .AddFlag("key", "FILE",
               StrCat("the owner's secret key; default: ", key_file, " beside the cluster file"))
      .AddSwitch("insecure-plaintext",
                 "no CURVE: for measurements, with servers on loopback addresses only")
      .AddSwitch("allow-core-dumps", "and debuggers, which could read secrets");
}

CommandLine CompileCommandLine() {
  CommandLine line(
      "lutra-client compile",
      "Writes a directory with the files program (public), tables (for the dealer), weights (the\n"
      "owner's) and client (for data owners). Private tables are in the program by name, shape "
      "and\n"
      "ring only; tables and weights may be read by this user alone.\n"
      "\n"
      "MODEL is a .safetensors file, or a synthetic shape: bert-tiny, bert-base, bert-large or\n"
      "synthetic, each with :key=value,... (hidden, layers, heads, sequence, vocabulary,\n"
      "residual, extra, seed).");
  line.SetPositionals("MODEL", 1, 1)
      .AddFlag("out", "DIR", "where to; an earlier compiled model there is replaced; required")
      .AddSwitch("quiet", "print errors only")
      .AddSwitch("allow-core-dumps", "and debuggers, which could read secrets");
  AddProgramFlags(line);
  line.AddExample("lutra-client compile bert-tiny --out tiny --batch 8");
  return line;
}

CommandLine ShareCommandLine() {
  CommandLine line("lutra-client share-model",
                   "Sends program and tables of a compiled model to the dealer, and to each party "
                   "its share\nof the weights. Prints the model's id, which data owners need.");
  line.SetPositionals("DIR", 1, 1);
  AddLinkFlags(line, "model-owner.key");
  line.AddFlag("to", "ROLE,...",
               "only these: dealer (to deal before there is a model), or p0,p1,p2 (when the dealer "
               "has the program); default: all four")
      .AddFlag("insecure-seed", "N",
               "keys and id that anybody can guess, equal to the simulation's: for tests only");
  AddNetwork(line);
  AddThreads(line);
  AddRecord(line);
  line.AddSwitch("quiet", "print the id only")
      .AddExample("lutra-client share-model sms --cluster cluster.toml --key keys/model-owner.key");
  return line;
}

CommandLine InferCommandLine() {
  CommandLine line("lutra-client infer",
                   "Secure inference of a shared model. Of the compiled directory DIR only the "
                   "files program\nand client are read.");
  line.SetPositionals("DIR", 1, 1)
      .AddFlag("model", "ID", "of the shared model; required")
      .AddFlag("input", "FILE",
               "texts, one a line; LABEL<TAB>TEXT lines; or a safetensors file of cases; required");
  AddLinkFlags(line, "data-owner.key");
  AddNetwork(line);
  AddThreads(line);
  AddRecord(line);
  line.AddSwitch("json", "one JSON document, with all outputs")
      .AddExample("lutra-client infer sms --model ID --input texts.txt --cluster cluster.toml");
  return line;
}

CommandLine StatusCommandLine() {
  CommandLine line("lutra-client status",
                   "How dealer and parties are: alive, programs, models, tapes left, sessions "
                   "prepared, running\nand done, bytes of payload. The exit status is 1 where one "
                   "of them does not answer.");
  AddLinkFlags(line, "model-owner.key or data-owner.key");
  line.AddSwitch("json", "one JSON document, with programs and models one by one")
      .AddExample("lutra-client status --cluster cluster.toml");
  return line;
}

CommandLine GatherCommandLine() {
  CommandLine line(
      "lutra-client gather",
      "Puts together what dealer, parties and owners recorded of sessions, each on its machine,\n"
      "as a run directory for lutra-analyze: replay, report, compare. DIR is the compiled model,\n"
      "of which the files program and client are read. No secret of a role is in its records.");
  line.SetPositionals("DIR", 1, 1)
      .AddFlag("records", "DIR,...",
               "stores of the servers, or copies of their folders ledgers (dealer) and sessions "
               "(parties); what owners wrote with --record; required")
      .AddFlag("out", "RUN", "the run directory; an earlier run there is replaced; required")
      .AddFlag("model", "ID", "sessions of this shared model; default: of the only one")
      .AddExample(
          "lutra-client gather sms --records dealer,p0,p1,p2,model-owner,data-owner "
          "--out runs/sms");
  return line;
}

Status CheckRequired(const Arguments& arguments, std::initializer_list<std::string_view> flags) {
  for (const std::string_view flag : flags) {
    if (!arguments.Has(flag)) return InvalidArgument("expected --", flag, ", found none");
  }
  return absl::OkStatus();
}

StatusOr<int> Threads(const Arguments& arguments) {
  LUTRA_ASSIGN_OR_RETURN(const int64_t threads,
                         arguments.Integer("threads", ThisMachine().cores, 1, 1024));
  return static_cast<int>(threads);
}

// ---- links ----

// While it lives, SIGINT and SIGTERM end whatever waits at the endpoint; sessions are cancelled.
class StopWatch {
 public:
  explicit StopWatch(Endpoint& endpoint) : thread_([this, &endpoint] { Watch(endpoint); }) {}
  ~StopWatch() {
    ended_ = true;
    thread_.join();
  }
  StopWatch(const StopWatch&) = delete;
  StopWatch& operator=(const StopWatch&) = delete;
  bool stopped() const { return signal_.stopped(); }

 private:
  void Watch(Endpoint& endpoint) {
    while (!ended_ && !signal_.stopped()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    if (signal_.stopped()) endpoint.Stop(absl::CancelledError("interrupted"));
  }

  StopSignal signal_;
  std::atomic<bool> ended_ = false;
  std::thread thread_;
};

struct Links {
  Cluster cluster;
  std::unique_ptr<Endpoint> endpoint;
  std::unique_ptr<StopWatch> watch;  // goes first
};

// The first of the owners' key files that is there, else the first.
fs::path DefaultKeyFile(const fs::path& cluster_file, std::span<const Role> owners) {
  const auto file = [&](Role owner) {
    return cluster_file.parent_path() / StrCat(Name(owner), ".key");
  };
  std::error_code error;
  for (const Role owner : owners) {
    if (fs::exists(file(owner), error)) return file(owner);
  }
  return file(owners[0]);
}

// Whose key it is, of these owners.
StatusOr<Role> OwnerOfKey(const Cluster& cluster, std::span<const Role> owners,
                          const std::string& public_key) {
  std::string expected;
  for (const Role owner : owners) {
    for (const std::string& key : cluster.keys(owner)) {
      if (key == public_key) return owner;
    }
    expected += StrCat(expected.empty() ? "" : " or ", Name(owner));
  }
  return InvalidArgument("public key: expected one of ", expected, " in the cluster file, found ",
                         public_key);
}

// The process becomes one of these owners: the one whose key it has, the first without CURVE.
// Servers have at most so many seconds for the handshake, whatever the cluster file says.
StatusOr<Links> OpenLinks(const Arguments& arguments, std::span<const Role> owners,
                          double most_connect_seconds = std::numeric_limits<double>::infinity()) {
  LUTRA_RETURN_IF_ERROR(CheckRequired(arguments, {"cluster"}));
  const fs::path cluster_file = arguments.Text("cluster", "");
  Links links;
  LUTRA_ASSIGN_OR_RETURN(links.cluster, ReadCluster(cluster_file));
  links.cluster.connect_seconds = std::min(links.cluster.connect_seconds, most_connect_seconds);
  std::optional<CurveKeyPair> keys;
  Role owner = owners[0];
  if (!arguments.Has("insecure-plaintext")) {
    const fs::path file = arguments.Text("key", DefaultKeyFile(cluster_file, owners).string());
    LUTRA_ASSIGN_OR_RETURN(keys, CurveKeyPair::Read(file));
    const StatusOr<Role> found = OwnerOfKey(links.cluster, owners, keys->public_key());
    if (!found.ok()) return Annotate(found.status(), StrCat("'", file.string(), "'"));
    owner = *found;
  } else if (arguments.Has("key")) {
    return InvalidArgument("expected --key or --insecure-plaintext, found both");
  }
  EndpointOptions options = EndpointOptions::ForRole(links.cluster, owner, std::move(keys));
  if (arguments.Has("network")) {
    LUTRA_ASSIGN_OR_RETURN(options.network, ReadNetwork(arguments.Text("network", "")));
  }
  LUTRA_ASSIGN_OR_RETURN(links.endpoint, Endpoint::Make(std::move(options)));
  links.watch = std::make_unique<StopWatch>(*links.endpoint);
  return links;
}

// ---- compile ----

std::string CompileText(const std::string& model, const fs::path& out,
                        const CompiledModel& compiled) {
  const Program& program = compiled.built->program;
  const ProgramCost cost(program);
  const auto phases = cost.phases();
  const auto bytes = [&](Phase phase) { return HumanBytes(phases[Index(phase)].bytes); };
  std::string text = StrCat("Model     ", model, "\nProgram   ", program.digest().Hex(), "\n");
  text += StrCat("          ", Counted(static_cast<int64_t>(program.nodes().size()), "node"), ", ",
                 Counted(program.rounds(Phase::kOnline), "online round"), "\n");
  const std::array<std::pair<std::string_view, std::string_view>, 4> files = {
      {{"program", "public: for everybody"},
       {"tables", "secret: for the dealer"},
       {"weights", "secret: stays with the model owner"},
       {"client", "for data owners"}}};
  TextTable table({"file", "bytes", "who"}, {2});
  for (const auto& [name, who] : files) {
    std::error_code error;
    const auto size = fs::file_size(out / name, error);
    table.AddRow({(out / name).string(), error ? "?" : Grouped(static_cast<int64_t>(size)),
                  std::string(who)});
  }
  text += StrCat("\n", table.ToString(), "\n");
  const int64_t batch = compiled.client.batch();
  text += StrCat("Session   ", Counted(batch, "example"), ": tape ", bytes(Phase::kDeal),
                 ", prepare ", bytes(Phase::kPrepare), ", online ", bytes(Phase::kOnline), "\n");
  text += StrCat("Example   tape ", HumanBytes(cost.tape_bytes() / batch), "\n");
  text += StrCat("Sharing   ", bytes(Phase::kModel), " once\n");
  if (!compiled.client.MakeTokenizer().ok()) {
    text += "Input     files of cases only: there is no tokenizer beside the model\n";
  }
  return text;
}

StatusOr<int> RunCompile(const Arguments& arguments) {
  LUTRA_RETURN_IF_ERROR(CheckRequired(arguments, {"out"}));
  LUTRA_ASSIGN_OR_RETURN(const BertProgramOptions options, ProgramOptions(arguments, 1));
  const std::string& model = arguments.positionals()[0];
  const fs::path out = arguments.Text("out", "");
  LUTRA_RETURN_IF_ERROR(CheckCompiledDirectory(out));
  const Registry registry = Registry::WithBuiltins();
  LUTRA_ASSIGN_OR_RETURN(const CompiledModel compiled, CompileModel(registry, model, options));
  // Until here an interrupt ends the process; what is being written is written to its end.
  const StopSignal signal;
  LUTRA_RETURN_IF_ERROR(WriteCompiled(out, *compiled.built, compiled.weights, compiled.client));
  if (!arguments.Has("quiet")) Print(CompileText(model, out, compiled));
  return 0;
}

// ---- share-model ----

StatusOr<std::vector<Role>> Receivers(const std::string& list) {
  std::vector<Role> roles;
  for (size_t begin = 0; begin <= list.size();) {
    const size_t comma = std::min(list.find(',', begin), list.size());
    const std::string name = list.substr(begin, comma - begin);
    begin = comma + 1;
    const auto role = std::find_if(kServers.begin(), kServers.end(),
                                   [&](Role server) { return Name(server) == name; });
    if (role == kServers.end()) {
      return InvalidArgument("--to: expected dealer, p0, p1 or p2, found '", name, "'");
    }
    roles.push_back(*role);
  }
  return roles;
}

std::string ShareText(const SharedModel& shared, const Digest& program) {
  std::string text = StrCat("Program   ", program.Hex(), "\n");
  if (shared.model.has_value()) text += StrCat("Model id  ", shared.model->Hex(), "\n");
  for (const auto& [link, traffic] : shared.ledger.links()) {
    text += StrCat("Sent      ", HumanBytes(traffic.bytes), " to ", Name(std::get<2>(link)), "\n");
  }
  text += StrCat("Seconds   ", Fixed(shared.seconds, 3), "\n");
  return text;
}

StatusOr<std::optional<SessionFolder>> OpenRecords(const Arguments& arguments) {
  if (!arguments.Has("record")) return std::nullopt;
  fs::path path = arguments.Text("record", "");
  if (!path.has_filename()) path = path.parent_path();  // it ended in a slash
  std::error_code error;
  fs::create_directories(path.parent_path(), error);  // Open says what is wrong
  LUTRA_ASSIGN_OR_RETURN(SessionFolder folder, SessionFolder::Open(path));
  return std::optional(std::move(folder));
}

StatusOr<int> RunShare(const Arguments& arguments) {
  LUTRA_ASSIGN_OR_RETURN(const int threads, Threads(arguments));
  SendModelOptions options;
  if (arguments.Has("to")) {
    const StatusOr<std::vector<Role>> to = Receivers(arguments.Text("to", ""));
    if (!to.ok()) return to.status();
    options.to = *to;
  }
  if (arguments.Has("insecure-seed")) {
    LUTRA_ASSIGN_OR_RETURN(options.insecure_seed, arguments.Unsigned("insecure-seed", 0));
  }
  const fs::path directory = arguments.positionals()[0];
  const Registry registry = Registry::WithBuiltins();
  LUTRA_ASSIGN_OR_RETURN(std::optional<SessionFolder> records, OpenRecords(arguments));
  LUTRA_ASSIGN_OR_RETURN(const Program program, ReadCompiledProgram(registry, directory));
  LUTRA_ASSIGN_OR_RETURN(const TableContents tables, ReadCompiledTables(directory, program));
  LUTRA_ASSIGN_OR_RETURN(const NamedTensors weights, ReadCompiledWeights(directory, program));
  ThreadPool pool(threads);
  constexpr std::array kOwner = {Role::kModelOwner};
  LUTRA_ASSIGN_OR_RETURN(const Links links, OpenLinks(arguments, kOwner));
  options.patience = OwnerPatience(links.cluster);
  const StatusOr<SharedModel> shared =
      SendModel(*links.endpoint, program, tables, weights, pool, options);
  if (links.watch->stopped()) return kInterrupted;
  if (!shared.ok()) return shared.status();
  if (!arguments.Has("quiet")) {
    Print(ShareText(*shared, program.digest()));
  } else if (shared->model.has_value()) {
    Print(StrCat(shared->model->Hex(), "\n"));
  }
  if (records.has_value() && shared->model.has_value()) {  // after the id, which is worth more
    const Status recorded = records->Add(RecordOf(*shared, program));
    if (!recorded.ok()) return Annotate(recorded, "--record");
  }
  return 0;
}

// ---- infer ----

StatusOr<int> RunInfer(const Arguments& arguments) {
  LUTRA_RETURN_IF_ERROR(CheckRequired(arguments, {"model", "input"}));
  LUTRA_ASSIGN_OR_RETURN(const int threads, Threads(arguments));
  InferReport report;
  LUTRA_ASSIGN_OR_RETURN(report.model, ParseIdentifier(arguments.Text("model", ""), "--model"));
  LUTRA_ASSIGN_OR_RETURN(std::optional<SessionFolder> records, OpenRecords(arguments));
  const fs::path directory = arguments.positionals()[0];
  const Registry registry = Registry::WithBuiltins();
  LUTRA_ASSIGN_OR_RETURN(const Program program, ReadCompiledProgram(registry, directory));
  LUTRA_ASSIGN_OR_RETURN(const ClientModel client, ReadCompiledClient(directory, program));
  LUTRA_ASSIGN_OR_RETURN(const Examples examples, client.ReadInput(arguments.Text("input", "")));
  report.program = program.digest();
  report.batch = client.batch();
  report.labels = client.labels();
  const MessagePlan plan(program);
  ThreadPool pool(threads);
  constexpr std::array kOwner = {Role::kDataOwner};
  LUTRA_ASSIGN_OR_RETURN(const Links links, OpenLinks(arguments, kOwner));
  const OwnerPatience patience(links.cluster);
  Status recorded;  // results are worth more than records
  for (int64_t begin = 0; begin < examples.count(); begin += report.batch) {
    const NamedTensors data = client.DataInputs(BatchOf(examples.inputs, begin, report.batch));
    const StatusOr<InferResult> result =
        Infer(*links.endpoint, program, plan, report.model, data, pool, patience);
    if (links.watch->stopped()) return kInterrupted;
    if (!result.ok()) {
      return Annotate(result.status(), StrCat("examples from ", begin + 1, " on"));
    }
    const int64_t count = std::min(report.batch, examples.count() - begin);
    report.Add(*result, count);
    if (records.has_value()) {
      recorded.Update(records->Add(RecordOf(*result, program, report.model, count)));
    }
  }
  Print(arguments.Has("json") ? InferJson(report, examples).dump(2) + "\n"
                              : InferText(report, examples));
  if (!recorded.ok()) return Annotate(recorded, "--record");
  return 0;
}

// ---- status ----

StatusOr<int> RunStatus(const Arguments& arguments) {
  LUTRA_ASSIGN_OR_RETURN(const Links links, OpenLinks(arguments, kOwners, kStatusConnectSeconds));
  const std::vector<ServerReport> reports = StatusOfServers(*links.endpoint, kStatusSeconds);
  if (links.watch->stopped()) return kInterrupted;
  Print(arguments.Has("json") ? StatusJson(reports).dump(2) + "\n" : StatusTable(reports));
  for (const ServerReport& report : reports) {
    if (!report.status.ok()) return 1;
  }
  return 0;
}

// ---- gather ----

StatusOr<int> RunGather(const Arguments& arguments) {
  LUTRA_RETURN_IF_ERROR(CheckRequired(arguments, {"records", "out"}));
  const fs::path out = arguments.Text("out", "");
  LUTRA_RETURN_IF_ERROR(CheckRunDirectory(out));
  std::optional<Identifier> model;
  if (arguments.Has("model")) {
    LUTRA_ASSIGN_OR_RETURN(model, ParseIdentifier(arguments.Text("model", ""), "--model"));
  }
  const std::string& directory = arguments.positionals()[0];
  const Registry registry = Registry::WithBuiltins();
  LUTRA_ASSIGN_OR_RETURN(const Program program, ReadCompiledProgram(registry, directory));
  LUTRA_ASSIGN_OR_RETURN(const ClientModel client, ReadCompiledClient(directory, program));
  std::vector<fs::path> folders;
  const std::string list = arguments.Text("records", "");
  for (const absl::string_view folder : absl::StrSplit(list, ',', absl::SkipEmpty())) {
    folders.emplace_back(std::string(folder));
  }
  LUTRA_ASSIGN_OR_RETURN(GatheredRun run, Gather(program, model, folders));
  RunSummary& summary = run.summary;
  summary.command = {std::string(kProgram), "gather", directory};
  summary.model = directory;
  summary.labels = client.labels();
  summary.private_tables = client.options().private_tables;
  summary.batch = client.batch();
  summary.of_several_machines = true;
  const StatusOr<std::vector<PredictedSeconds>> predicted = PredictSeconds(run.trace);
  if (!predicted.ok()) return Annotate(predicted.status(), "records");
  summary.predicted = *predicted;
  LUTRA_RETURN_IF_ERROR(WriteRunDirectory(out, {summary, program, run.ledger, run.trace}));
  Print(StrCat("Sessions  ", summary.sessions.size(),
               " of all roles\nRun directory: ", out.string(), "\n"));
  return 0;
}

// ---- program ----

struct Command {
  std::string_view name;
  CommandLine (*line)();
  StatusOr<int> (*run)(const Arguments& arguments);
};
constexpr std::array<Command, 5> kCommands = {{{"compile", CompileCommandLine, RunCompile},
                                               {"share-model", ShareCommandLine, RunShare},
                                               {"infer", InferCommandLine, RunInfer},
                                               {"status", StatusCommandLine, RunStatus},
                                               {"gather", GatherCommandLine, RunGather}}};

Status CheckNoSeed(std::span<const std::string> arguments) {
  for (const std::string& argument : arguments) {
    if (argument == "--") break;
    if (argument != "--seed" && !argument.starts_with("--seed=")) continue;
    return InvalidArgument(
        "--seed: keys of real processes come from the operating system (share-model "
        "--insecure-seed N makes them follow from a number, for tests only)");
  }
  return absl::OkStatus();
}

StatusOr<int> RunCommand(const Command& command, std::span<const std::string> arguments) {
  LUTRA_RETURN_IF_ERROR(CheckNoSeed(arguments));
  LUTRA_ASSIGN_OR_RETURN(const Arguments parsed, command.line().Parse(arguments));
  if (!parsed.information().empty()) {
    Print(parsed.information());
    return 0;
  }
  ProtectSecrets(parsed.Has("allow-core-dumps"));
  KeepFreedMemory();
  return command.run(parsed);
}

StatusOr<int> Dispatch(std::span<const std::string> arguments) {
  std::vector<std::string_view> names;
  for (const Command& command : kCommands) {
    if (!arguments.empty() && arguments[0] == command.name) {
      return RunCommand(command, arguments.subspan(1));
    }
    names.push_back(command.name);
  }
  LUTRA_ASSIGN_OR_RETURN(const Arguments parsed, Overview().Parse(arguments));
  if (!parsed.information().empty()) {
    Print(parsed.information());
    return 0;
  }
  const std::string& name = parsed.positionals()[0];
  return InvalidArgument("expected the command ", CommaSeparated(names), ", found '",
                         name.substr(0, 60), "'", DidYouMean(name, names));
}

int Main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  const StatusOr<int> ended = Dispatch(ArgumentsOfMain(argc, argv));
  if (!ended.ok()) return ReportError(kProgram, ended.status());
  if (*ended == kInterrupted) {
    ReportError(kProgram, absl::CancelledError("interrupted"));
    return kInterrupted;
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    if (errno != EPIPE) return ReportError(kProgram, Unavailable("cannot write to stdout"));
  }
  return *ended;
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
