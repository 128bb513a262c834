// lutra-dealer: the dealer as a process of its own.

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cluster/cluster_file.h"
#include "cluster/curve_key.h"
#include "cluster/dealer_store.h"
#include "cluster/endpoint.h"
#include "cluster/process.h"
#include "cluster/tensor_file.h"
#include "core/command_line.h"
#include "core/status.h"
#include "core/thread_pool.h"
#include "dealer/dealer_service.h"
#include "dealer/depot.h"
#include "mpc/network.h"
#include "mpc/protocol.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kProgram = "lutra-dealer";
constexpr int64_t kMostTapes = 1000000;
constexpr int64_t kRequestBytes = int64_t{64} << 20;  // the program of a model
constexpr int64_t kQueueBytes = int64_t{8} << 20;     // of a stream or part, for each party

CommandLine MakeCommandLine() {
  CommandLine line(
      kProgram,
      "The dealer of a cluster: deals tapes ahead into a store, from which parties take their\n"
      "parts over CURVE or the operator copies them; or streams them to the parties while they "
      "are\n"
      "used. It knows programs and tables, no weights, and receives nothing of an inference.\n"
      "\n"
      "Ends on SIGTERM or SIGINT, after what it is sending.");
  line.AddFlag("cluster", "FILE", "the cluster file; not needed with --once")
      .AddFlag("key", "FILE",
               "the dealer's secret key; default: dealer.key beside the cluster file")
      .AddFlag("store", "DIR", "where programs and tapes are kept, one process at a time")
      .AddFlag("count", "N",
               "deal N tapes of each program in all, those of earlier runs included; default: as "
               "many as keep 2 of each in stock; with --stream, as many as are asked for")
      .AddSwitch("once", "deal what is to be dealt into the store and end, without a network")
      .AddSwitch("stream", "deal tapes while the parties use them instead of ahead")
      .AddFlag("program", "DIR,...", "add the programs of these compiled models")
      .AddFlag("threads", "N", "default: one for each core")
      .AddFlag("window", "BYTES", "memory for what is dealt and not yet taken: 64M (the default), 1G")
      .AddFlag("network", "FILE",
               "make what this process sends as slow as in this network file: latency, bandwidth, "
               "header_bytes")
      .AddSwitch("insecure-plaintext", "no CURVE: loopback addresses only, for measurements")
      .AddFlag("insecure-seed", "N",
               "keys and identifiers of lutra-sim --seed N, which anybody can guess: for tests "
               "only; one program")
      .AddSwitch("allow-core-dumps", "which have secrets in them")
      .AddSwitch("quiet", "print errors only")
      .AddExample("lutra-dealer --store dealer --program spam --count 100 --once")
      .AddExample("lutra-dealer --cluster cluster.toml --key dealer.key --store dealer");
  return line;
}

// A flag of lutra-sim that must not be taken for this program's.
Status CheckNoSeed(const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    if (argument == "--") break;
    if (argument != "--seed" && !argument.starts_with("--seed=")) continue;
    return InvalidArgument(
        "unknown flag '--seed': a dealer's keys come from the operating system; for tests, "
        "--insecure-seed N gives those of lutra-sim --seed N");
  }
  return absl::OkStatus();
}

struct Settings {
  DepotOptions depot;
  bool once = false;
  bool stream = false;
  std::optional<Cluster> cluster;
  std::optional<fs::path> store;
  std::vector<fs::path> programs;
  int threads = 1;
};

Status CheckTogether(const Arguments& arguments) {
  const auto expect = [&](std::string_view flag, std::string_view other, bool wanted) -> Status {
    if (!arguments.Has(flag) || arguments.Has(other) == wanted) return absl::OkStatus();
    return InvalidArgument("--", flag, ": expected it ", wanted ? "with" : "without", " --", other);
  };
  LUTRA_RETURN_IF_ERROR(expect("once", "store", true));
  LUTRA_RETURN_IF_ERROR(expect("once", "stream", false));
  LUTRA_RETURN_IF_ERROR(expect("once", "network", false));
  LUTRA_RETURN_IF_ERROR(expect("key", "insecure-plaintext", false));
  if (!arguments.Has("store") && !arguments.Has("stream")) {
    return InvalidArgument("expected --store DIR or --stream, found neither");
  }
  if (!arguments.Has("once") && !arguments.Has("cluster")) {
    return InvalidArgument("expected --cluster FILE or --once, found neither");
  }
  return absl::OkStatus();
}

std::vector<fs::path> SplitAtCommas(const std::string& text) {
  std::vector<fs::path> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    if (end > begin) parts.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

StatusOr<Settings> ReadSettings(const Arguments& arguments) {
  LUTRA_RETURN_IF_ERROR(CheckTogether(arguments));
  Settings settings;
  settings.once = arguments.Has("once");
  settings.stream = arguments.Has("stream");
  if (arguments.Has("store")) settings.store = arguments.Text("store", "");
  settings.programs = SplitAtCommas(arguments.Text("program", ""));
  if (arguments.Has("count")) {
    LUTRA_ASSIGN_OR_RETURN(settings.depot.count, arguments.Integer("count", 0, 1, kMostTapes));
  }
  if (arguments.Has("insecure-seed")) {
    LUTRA_ASSIGN_OR_RETURN(settings.depot.simulation_seed, arguments.Unsigned("insecure-seed", 0));
  }
  LUTRA_ASSIGN_OR_RETURN(settings.depot.window_bytes,
                         arguments.Bytes("window", settings.depot.window_bytes));
  const int64_t cores = std::max(1U, std::thread::hardware_concurrency());
  LUTRA_ASSIGN_OR_RETURN(const int64_t threads, arguments.Integer("threads", cores, 1, 1024));
  settings.threads = static_cast<int>(threads);
  if (arguments.Has("cluster")) {
    LUTRA_ASSIGN_OR_RETURN(settings.cluster, ReadCluster(arguments.Text("cluster", "")));
    settings.depot.deployment = settings.cluster->deployment;
  }
  return settings;
}

// A program of a compiled model, from the files `program` and `tables` of its directory.
Status AddCompiled(Depot& depot, const fs::path& directory) {
  LUTRA_ASSIGN_OR_RETURN(Program program, ReadProgramFile(depot.registry(), directory / "program"));
  LUTRA_ASSIGN_OR_RETURN(TableContents tables, ReadTables(directory / "tables", program));
  const Status added = depot.Add(BuiltProgram{std::move(program), std::move(tables)}).status();
  return Annotate(added, StrCat("'", directory.string(), "'"));
}

StatusOr<std::unique_ptr<Depot>> MakeDepot(const Registry& registry, const Settings& settings,
                                           Log& log) {
  std::unique_ptr<DealerStore> store;
  if (settings.store) {
    LUTRA_ASSIGN_OR_RETURN(store, DealerStore::Open(*settings.store));
    if (store->removed_parts() > 0) {
      log.Info(StrCat("removed ", store->removed_parts(), " parts of a tape that was half dealt"));
    }
  }
  LUTRA_ASSIGN_OR_RETURN(std::unique_ptr<Depot> depot,
                         Depot::Make(registry, std::move(store), settings.depot));
  for (const fs::path& directory : settings.programs) {
    LUTRA_RETURN_IF_ERROR(AddCompiled(*depot, directory));
  }
  return depot;
}

StatusOr<std::unique_ptr<Endpoint>> Listen(const Arguments& arguments, const Cluster& cluster,
                                           Log& log) {
  std::optional<CurveKeyPair> keys;
  if (!arguments.Has("insecure-plaintext")) {
    const fs::path beside = fs::path(arguments.Text("cluster", "")).parent_path() / "dealer.key";
    LUTRA_ASSIGN_OR_RETURN(keys, CurveKeyPair::Read(arguments.Text("key", beside.string())));
    const std::string& expected = cluster.server(Role::kDealer).public_key;
    if (keys->public_key() != expected) {
      return InvalidArgument("--key: expected the secret key of the cluster's dealer, ", expected,
                             ", found that of ", keys->public_key());
    }
  }
  EndpointOptions options = EndpointOptions::ForRole(cluster, Role::kDealer, std::move(keys));
  options.request_bytes = kRequestBytes;
  options.queue_bytes = kQueueBytes;
  if (arguments.Has("network")) {
    LUTRA_ASSIGN_OR_RETURN(options.network, ReadNetwork(arguments.Text("network", "")));
  }
  options.on_event = [&log](const LinkEvent& event) { log.Info(event.Line()); };
  return Endpoint::Make(std::move(options));
}

Status RunDealer(const Arguments& arguments, const StopSignal& signal, Log& log) {
  LUTRA_ASSIGN_OR_RETURN(const Settings settings, ReadSettings(arguments));
  if (settings.depot.simulation_seed) {
    log.Error("--insecure-seed: keys that anybody can guess, for tests only");
  }
  const Registry registry = Registry::WithBuiltins();
  LUTRA_ASSIGN_OR_RETURN(const std::unique_ptr<Depot> depot, MakeDepot(registry, settings, log));
  ThreadPool pool(settings.threads);
  const auto stopped = [&signal] { return signal.stopped(); };
  if (settings.once) {
    LUTRA_ASSIGN_OR_RETURN(const std::vector<Depot::Entry> programs, depot->List());
    if (programs.empty()) {
      return InvalidArgument("'", settings.store->string(),
                             "': expected a program to deal for, found none; --program adds one");
    }
    int64_t dealt = 0;
    const Status status = DealAll(*depot, pool, log, stopped, dealt);
    if (!status.ok()) return Annotate(status, StrCat("after ", dealt, " tapes"));
    log.Info(StrCat(dealt, " tapes dealt"));
    return absl::OkStatus();
  }
  LUTRA_ASSIGN_OR_RETURN(const std::unique_ptr<Endpoint> endpoint,
                         Listen(arguments, *settings.cluster, log));
  log.Info(StrCat("listening on ", endpoint->address().Endpoint()));
  DealerService service(
      *endpoint, *depot, pool, log,
      {settings.stream, settings.cluster->connect_seconds, settings.cluster->silence_seconds});
  service.Run(stopped);
  log.Info("ended");
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  const std::vector<std::string> given = ArgumentsOfMain(argc, argv);
  StatusOr<Arguments> arguments = MakeCommandLine().Parse(given);
  if (!arguments.ok()) {
    const Status seed = CheckNoSeed(given);
    return ReportError(kProgram, seed.ok() ? arguments.status() : seed);
  }
  if (!arguments->information().empty()) {
    std::fputs(arguments->information().c_str(), stdout);
    return std::fflush(stdout) == 0 ? 0 : ReportError(kProgram, Unavailable("cannot write"));
  }
  ProtectSecrets(arguments->Has("allow-core-dumps"));
  const StopSignal signal;
  Log log("dealer", arguments->Has("quiet"));
  const Status status = RunDealer(*arguments, signal, log);
  return status.ok() ? 0 : ReportError(kProgram, status);
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
