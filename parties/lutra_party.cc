// lutra-party: P0, P1 or P2 as a process.

#include <cstdio>
#include <filesystem>
#include <new>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "analysis/machine.h"
#include "cluster/cluster_file.h"
#include "cluster/curve_key.h"
#include "cluster/endpoint.h"
#include "cluster/party_store.h"
#include "cluster/process.h"
#include "core/command_line.h"
#include "core/memory.h"
#include "core/status.h"
#include "core/thread_pool.h"
#include "mpc/network.h"
#include "parties/party_service.h"

namespace lutra {
namespace {

constexpr std::string_view kProgram = "lutra-party";

CommandLine MakeCommandLine() {
  CommandLine line(
      kProgram,
      "P0, P1 or P2: takes its shares of models and keeps them, fetches its parts of tapes from\n"
      "the dealer, prepares sessions ahead, and runs them with the other parties. Ends on "
      "SIGTERM,\n"
      "after the sessions that are open.");
  line.SetPositionals("", 0, 0)
      .AddFlag("cluster", "FILE", "who takes part, and where: see docs/deploy.md")
      .AddFlag("role", "p0|p1|p2", "which party this is")
      .AddFlag("store", "DIR", "its directory: keys, models, tapes, logs. Made where there is none")
      .AddFlag("key", "FILE", "its secret key; default: ROLE.key beside the cluster file")
      .AddFlag("threads", "N", "for computing; default: one for each core")
      .AddFlag("prepare-ahead", "N", "sessions of each model to have prepared; default 1")
      .AddFlag("tapes-ahead", "N", "tapes of each program to have fetched; default 2")
      .AddFlag("sessions", "N", "how many may run at a time; default 1")
      .AddFlag("tape-memory", "BYTES",
               "a longer tape is read window by window as it is used; default: a quarter of the "
               "machine's memory")
      .AddFlag("network", "FILE",
               "make what this process sends as slow as in this network file: latency, bandwidth, "
               "header_bytes")
      .AddSwitch("insecure-plaintext", "no encryption, loopback only: to measure what CURVE costs")
      .AddFlag("insecure-seed", "N", "keys as lutra-sim --seed N has them: no secret at all")
      .AddSwitch("allow-core-dumps", "for debugging; a core holds secrets")
      .AddSwitch("quiet", "log errors only")
      .AddExample("lutra-party --cluster cluster.toml --role p1 --store /var/lib/lutra/p1");
  return line;
}

StatusOr<std::string> Required(const Arguments& arguments, std::string_view flag) {
  if (arguments.Has(flag)) return arguments.Text(flag, "");
  return InvalidArgument("--", flag, ": expected a value, found none; ", kProgram,
                         " --help says more");
}

StatusOr<PartyOptions> ReadOptions(const Arguments& arguments, const Cluster& cluster) {
  PartyOptions options;
  const auto small = [&](std::string_view flag, int otherwise) -> StatusOr<int> {
    LUTRA_ASSIGN_OR_RETURN(const int64_t number, arguments.Integer(flag, otherwise, 1, 1000));
    return static_cast<int>(number);
  };
  LUTRA_ASSIGN_OR_RETURN(options.prepare_ahead, small("prepare-ahead", 1));
  LUTRA_ASSIGN_OR_RETURN(options.tapes_ahead, small("tapes-ahead", 2));
  LUTRA_ASSIGN_OR_RETURN(options.sessions_at_once, small("sessions", 1));
  const int64_t memory = ThisMachine().memory_bytes;
  LUTRA_ASSIGN_OR_RETURN(
      options.tape_memory_bytes,
      arguments.Bytes("tape-memory", memory > 0 ? memory / 4 : options.tape_memory_bytes));
  if (arguments.Has("insecure-seed")) {
    LUTRA_ASSIGN_OR_RETURN(options.insecure_seed, arguments.Unsigned("insecure-seed", 0));
  }
  options.connect_seconds = cluster.connect_seconds;
  options.silence_seconds = cluster.silence_seconds;
  return options;
}

StatusOr<Role> ReadRole(const Arguments& arguments) {
  LUTRA_RETURN_IF_ERROR(Required(arguments, "role").status());
  LUTRA_ASSIGN_OR_RETURN(const std::string name, arguments.Choice("role", "", {"p0", "p1", "p2"}));
  return name == "p0" ? Role::kP0 : name == "p1" ? Role::kP1 : Role::kP2;
}

Status Serve(const Arguments& arguments, const StopSignal& stop) {
  LUTRA_ASSIGN_OR_RETURN(const std::filesystem::path cluster_file, Required(arguments, "cluster"));
  LUTRA_ASSIGN_OR_RETURN(const Role role, ReadRole(arguments));
  LUTRA_ASSIGN_OR_RETURN(const std::filesystem::path store_path, Required(arguments, "store"));
  LUTRA_ASSIGN_OR_RETURN(const int64_t threads,
                         arguments.Integer("threads", ThisMachine().cores, 1, 1024));
  LUTRA_ASSIGN_OR_RETURN(const Cluster cluster, ReadCluster(cluster_file));
  LUTRA_ASSIGN_OR_RETURN(const PartyOptions options, ReadOptions(arguments, cluster));
  Log log(Name(role), arguments.Has("quiet"));

  std::optional<CurveKeyPair> key;
  if (!arguments.Has("insecure-plaintext")) {
    const std::filesystem::path beside = cluster_file.parent_path() / StrCat(Name(role), ".key");
    const std::string file = arguments.Text("key", beside.string());
    LUTRA_ASSIGN_OR_RETURN(key, CurveKeyPair::Read(file));
    if (key->public_key() != cluster.server(role).public_key) {
      return InvalidArgument("'", file, "': public key: expected that of ", Name(role), " in '",
                             cluster_file.string(), "', ", cluster.server(role).public_key,
                             ", found ", key->public_key());
    }
  }
  LUTRA_ASSIGN_OR_RETURN(const std::unique_ptr<PartyStore> store,
                         PartyStore::Open(store_path, role));
  if (store->torn_bytes() > 0) {
    log.Error(
        StrCat("a log ended in the middle of an entry: ", store->torn_bytes(), " bytes cut off"));
  }
  EndpointOptions endpoint_options = EndpointOptions::ForRole(cluster, role, std::move(key));
  // A peer that is away on purpose is no news after the first time.
  endpoint_options.on_event = [&log,
                               said = std::set<std::string>()](const LinkEvent& event) mutable {
    constexpr size_t kMostRemembered = 1000;
    if (said.size() > kMostRemembered) said.clear();
    const std::string line = event.Line();
    if (event.public_key.empty() && !said.insert(line).second) return;
    log.Error(line);
  };
  endpoint_options.request_bytes = int64_t{64} << 20;
  if (arguments.Has("network")) {
    LUTRA_ASSIGN_OR_RETURN(endpoint_options.network, ReadNetwork(arguments.Text("network", "")));
  }
  LUTRA_ASSIGN_OR_RETURN(const std::unique_ptr<Endpoint> endpoint,
                         Endpoint::Make(std::move(endpoint_options)));
  ThreadPool pool(static_cast<int>(threads));
  LUTRA_ASSIGN_OR_RETURN(const std::unique_ptr<PartyService> service,
                         PartyService::Make(*endpoint, *store, pool, log, options));
  log.Info(StrCat("listening at ", endpoint->address().Endpoint()));
  service->Run([&stop] { return stop.stopped(); });
  log.Info("stopped");
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  const StopSignal stop;
  KeepFreedMemory();
  const StatusOr<Arguments> arguments = MakeCommandLine().Parse(ArgumentsOfMain(argc, argv));
  if (!arguments.ok()) return ReportError(kProgram, arguments.status());
  if (!arguments->information().empty()) {
    std::fputs(arguments->information().c_str(), stdout);
    return 0;
  }
  ProtectSecrets(arguments->Has("allow-core-dumps"));
  const Status status = Serve(*arguments, stop);
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
