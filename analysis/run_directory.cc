#include "analysis/run_directory.h"

#include <algorithm>
#include <utility>

#include "analysis/cost_table.h"
#include "analysis/excerpt.h"
#include "analysis/json_fields.h"
#include "analysis/machine.h"
#include "analysis/networks.h"
#include "analysis/picture_files.h"
#include "analysis/replay.h"
#include "analysis/trace_json.h"
#include "core/file.h"
#include "core/matrix_product.h"
#include "core/output_directory.h"
#include "core/version.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::string_view kRunJson = "run.json";
constexpr std::string_view kRunProgram = "run.program";
constexpr std::string_view kRunTrace = "run.trace";
constexpr std::string_view kRunNetwork = "network.toml";
constexpr int64_t kMostRunBytes = int64_t{256} << 20;

// The text as a cell: in quotes where it has to be.
std::string Cell(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == text.npos) return std::string(text);
  std::string quoted = "\"";
  for (const char character : text) {
    if (character == '"') quoted += '"';
    quoted += character;
  }
  return quoted + "\"";
}

int64_t Of(const PhaseBytes& bytes, Phase phase) { return bytes[Index(phase)]; }
double Of(const PhaseSeconds& seconds, Phase phase) { return seconds[Index(phase)]; }

template <class T>
Json OrNull(const std::optional<T>& value) {
  return value.has_value() ? Json(*value) : Json();
}

Json CostJson(const SessionSummary& session, Phase phase) {
  return {{"bytes", Of(session.bytes, phase)}, {"seconds", Of(session.seconds, phase)}};
}

Json SessionJson(const SessionSummary& session) {
  Json json;
  json["examples"] = session.examples;
  json["model"] = CostJson(session, Phase::kModel);
  json["offline"]["dealer"] = CostJson(session, Phase::kDeal);
  json["offline"]["prepare"] = CostJson(session, Phase::kPrepare);
  json["offline"]["seconds"] = OrNull(session.offline_seconds);
  json["online"] = {{"bytes", Of(session.bytes, Phase::kOnline)},
                    {"rounds", session.rounds},
                    {"seconds", Of(session.seconds, Phase::kOnline)},
                    {"framing_bytes", session.framing_bytes}};
  return json;
}

Json ShapedJson(const RunSummary& summary) {
  if (!summary.shaped.has_value()) return nullptr;
  return {{"network", summary.shaped->network.name},
          {"links", summary.shaped->dealer ? "all" : "parties"}};
}

Json MachineJson(const RunSummary& summary) {
  const MachineFacts machine =
      summary.of_several_machines ? MachineFacts{"several machines", 0, 0} : ThisMachine();
  return {{"processor", machine.processor},
          {"cores", machine.cores},
          {"memory_bytes", machine.memory_bytes}};
}

// The model as a whole: its name, and what sharing it took.
Json ModelJson(const RunSummary& summary) {
  SessionSummary all;
  for (const SessionSummary& session : summary.sessions) {
    for (size_t i = 0; i < kPhases.size(); ++i) {
      all.bytes[i] += session.bytes[i];
      all.seconds[i] += session.seconds[i];
    }
  }
  Json json = {{"name", summary.model}, {"labels", summary.labels}};
  json.update(CostJson(all, Phase::kModel));
  return json;
}

Json PeaksJson(const RunSummary& summary) {
  if (!summary.peaks.has_value()) return nullptr;
  return {{"products_per_second", summary.peaks->products},
          {"cipher_bytes_per_second", summary.peaks->cipher},
          {"memory_bytes_per_second", summary.peaks->memory}};
}

Json LinksJson(const Ledger& ledger) {
  Json links = Json::array();
  for (const auto& [link, traffic] : ledger.links()) {
    const auto& [phase, from, to] = link;
    links.push_back({{"from", Name(from)},
                     {"to", Name(to)},
                     {"phase", Name(phase)},
                     {"bytes", traffic.bytes},
                     {"messages", traffic.messages}});
  }
  return links;
}

Json PredictedJson(const RunSummary& summary) {
  Json predicted = Json::object();
  for (const PredictedSeconds& each : summary.predicted) {
    predicted[each.network] = {{"offline_seconds", each.offline}, {"online_seconds", each.online}};
  }
  return predicted;
}

Json OutputsJson(const RunSummary& summary) {
  Json outputs = Json::array();
  for (const OutputSummary& output : summary.outputs) {
    outputs.push_back({{"prediction", output.prediction},
                       {"logits", output.logits},
                       {"label", OrNull(output.label)}});
  }
  return outputs;
}

// What is made from a run and belongs to it; a later run makes them stale.
bool IsOwnFile(const std::string& name) {
  static constexpr std::array<std::string_view, 14> kNames = {
      kRunJson,      "ledger.csv", "levels.csv", "work.csv",    "profile.csv",
      "run.program", "run.trace",  "trace.json", "report.html", "report.md",
      "trace.svg",   "tables.tex", "figures",    kRunNetwork};
  return IsPicture(name) || std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

Status MayReplaceRun(const fs::path& directory) {
  const Status status = ReadRunJson(directory).status();
  if (status.ok()) return status;
  return Annotate(status, StrCat("'", directory.string(), "' exists and is not a run directory"));
}

std::string AsText(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// An error unless the program, which `where` has, is the one that run.json names.
Status CheckProgram(const Program& program, const Json& run, const std::string& where) {
  constexpr int64_t kColumns = 80;  // of what is there in the place of a digest
  const std::string digest = program.digest().Hex();
  const auto described = run.find("program");
  const bool is_object = described != run.end() && described->is_object();
  const Json named = is_object ? described->value("digest", Json()) : Json();
  if (named == digest) return absl::OkStatus();
  return InvalidArgument(where, ": digest: expected ", Excerpt(named.dump(), kColumns), " as ",
                         kRunJson, " says, found ", digest);
}

// Every node that a trace names is one of the program.
Status CheckTrace(const Trace& trace, const Program& program, const std::string& where) {
  if (trace.program != program.digest()) {
    return InvalidArgument(where, ": program: expected ", program.digest().Hex(), ", found ",
                           trace.program.Hex());
  }
  for (const auto& [id, events] : trace.tracks) {
    for (const TraceEvent& event : events) {
      if (event.kind != TraceEvent::Kind::kWork || event.node < program.nodes().size()) continue;
      return InvalidArgument(where, ": node: expected fewer than ", program.nodes().size(),
                             ", found ", event.node);
    }
  }
  return absl::OkStatus();
}

}  // namespace

PhaseBytes BytesIn(const Ledger& ledger) {
  PhaseBytes bytes{};
  for (const Phase phase : kPhases) bytes[Index(phase)] = ledger.bytes(phase);
  return bytes;
}

PhaseBytes BytesSince(const PhaseBytes& before, const Ledger& ledger) {
  PhaseBytes bytes = BytesIn(ledger);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] -= before[i];
  return bytes;
}

StatusOr<std::vector<PredictedSeconds>> PredictSeconds(const Trace& trace) {
  std::vector<PredictedSeconds> predicted;
  for (const Network& network : ShippedNetworks()) {
    LUTRA_ASSIGN_OR_RETURN(const Replay replay, ReplayTrace(trace, network));
    predicted.push_back(
        {network.name, replay.seconds(Stage::kOffline), replay.seconds(Stage::kOnline)});
  }
  return predicted;
}

Json RunJson(const RunSummary& summary, const Program& program, const Ledger& ledger) {
  Json run;
  run["format"] = kRunFormat;
  run["version"] = Version();
  run["command"] = summary.command;
  run["program"] = {{"digest", program.digest().Hex()},
                    {"nodes", program.nodes().size()},
                    {"levels", program.levels(Phase::kOnline)}};
  run["model"] = ModelJson(summary);
  run["plan"] = summary.plan;
  run["tables"] = summary.private_tables ? "private" : "public";
  run["deployment"] = Name(program.deployment());
  run["machine"] = MachineJson(summary);
  run["simd"] = summary.of_several_machines ? "unknown" : SimdTarget();
  run["threads"] = summary.threads;
  run["seed"] = summary.seed.has_value() ? Json(*summary.seed) : Json("operating-system");
  run["batch"] = summary.batch;
  run["memory"] = {{"limit_bytes", OrNull(summary.memory.limit)},
                   {"estimate_bytes", OrNull(summary.memory.estimate)},
                   {"tape_window_bytes", OrNull(summary.memory.tape_window)}};
  run["shaped"] = ShapedJson(summary);
  run["sessions"] = Json::array();
  for (const SessionSummary& session : summary.sessions) {
    run["sessions"].push_back(SessionJson(session));
  }
  run["peaks"] = PeaksJson(summary);
  run["peak_memory_bytes"] = OrNull(summary.peak_memory_bytes);
  if (!summary.peak_memory_bytes.has_value() && !summary.of_several_machines) {
    run["peak_memory_bytes"] = PeakMemoryBytes();
  }
  run["links"] = LinksJson(ledger);
  run["predicted"] = PredictedJson(summary);
  run["outputs"] = OutputsJson(summary);
  run["agrees_with_ideal"] = OrNull(summary.agrees_with_ideal);
  run["accuracy"] = OrNull(summary.accuracy);
  run["accuracy_ideal"] = OrNull(summary.accuracy_ideal);
  return run;
}

std::string LedgerCsv(const Program& program, const Ledger& ledger) {
  std::string csv = "node,path,protocol,level,phase,from,to,bits\n";
  for (const auto& [part, bits] : ledger.bits()) {
    const NodeSpec& spec = program.nodes()[part.node].spec;
    csv += StrCat(part.node, ",", Cell(spec.path), ",", Cell(spec.protocol), ",", part.level, ",",
                  Name(part.phase), ",", Name(part.from), ",", Name(part.to), ",");
    csv += StrCat(bits, "\n");
  }
  return csv;
}

std::string LevelsCsv(const Ledger& ledger) {
  std::string csv = "phase,level,from,to,bytes,messages\n";
  for (const auto& [link, traffic] : ledger.traffic()) {
    csv += StrCat(Name(link.phase), ",", link.level, ",", Name(link.from), ",", Name(link.to), ",",
                  traffic.bytes, ",", traffic.messages, "\n");
  }
  return csv;
}

std::string WorkCsv(const Ledger& ledger) {
  std::string csv = "node,phase,role,seconds\n";
  for (const auto& [work, seconds] : ledger.seconds()) {
    csv += StrCat(work.node, ",", Name(work.phase), ",", Name(work.role), ",", Fixed(seconds, 9),
                  "\n");
  }
  return csv;
}

Status CheckRunDirectory(const fs::path& path) { return CheckOutputDirectory(path, MayReplaceRun); }

Status WriteRunDirectory(const fs::path& path, const RunRecord& run) {
  DirectoryFiles files;
  // Arguments and names of files need not be UTF-8, JSON has to.
  const std::string json = RunJson(run.summary, run.program, run.ledger)
                               .dump(2, ' ', false, Json::error_handler_t::replace);
  files[std::string(kRunJson)] = json + "\n";
  files["ledger.csv"] = LedgerCsv(run.program, run.ledger);
  files["levels.csv"] = LevelsCsv(run.ledger);
  files["work.csv"] = WorkCsv(run.ledger);
  files[std::string(kRunProgram)] = AsText(WriteProgram(run.program));
  files[std::string(kRunTrace)] = AsText(TraceFile(run.trace));
  files["trace.json"] = TraceJson(run.program, run.trace);
  if (!run.summary.profile.empty()) files["profile.csv"] = ProfileCsv(run.summary.profile);
  if (run.summary.shaped) {
    files[std::string(kRunNetwork)] = FormatNetwork(run.summary.shaped->network);
  }
  return WriteOutputDirectory(path, files, MayReplaceRun, IsOwnFile);
}

StatusOr<Json> ReadRunJson(const fs::path& directory) {
  return ReadJsonObject(directory / kRunJson, kMostRunBytes, kRunFormat);
}

StatusOr<Network> ReadShapedNetwork(const Json& run, const fs::path& directory) {
  const auto shaped = run.find("shaped");
  if (shaped == run.end() || !shaped->is_object()) {
    return InvalidArgument("'", (directory / kRunJson).string(),
                           "': shaped: expected links that were shaped (lutra-launch --network), "
                           "found none");
  }
  LUTRA_ASSIGN_OR_RETURN(Network network, ReadNetwork(directory / kRunNetwork));
  if (const auto links = shaped->find("links"); links == shaped->end() || *links != "all") {
    for (const Role role : kRoles) {
      network.link(Role::kDealer, role) = network.link(role, Role::kDealer) = {};
    }
  }
  return network;
}

StatusOr<RunFiles> ReadRunDirectory(const Registry& registry, const fs::path& directory) {
  constexpr int64_t kMostProgramBytes = int64_t{1} << 30;
  RunFiles files;
  LUTRA_ASSIGN_OR_RETURN(files.run, ReadRunJson(directory));
  for (const std::string_view name : {kRunProgram, kRunTrace}) {
    std::error_code ignored;
    if (fs::exists(directory / name, ignored)) continue;
    return absl::NotFoundError(StrCat("'", directory.string(), "': expected ", name,
                                      " beside run.json, found none: a run of a version that "
                                      "records no trace; run it again"));
  }
  const fs::path file = directory / kRunProgram;
  const std::string where = StrCat("'", file.string(), "'");
  LUTRA_ASSIGN_OR_RETURN(const std::vector<std::byte> bytes, ReadFile(file, kMostProgramBytes));
  LUTRA_ASSIGN_OR_RETURN(Program program, ReadProgram(registry, bytes, where));
  LUTRA_RETURN_IF_ERROR(CheckProgram(program, files.run, where));
  files.program = std::make_unique<const Program>(std::move(program));
  LUTRA_ASSIGN_OR_RETURN(files.trace, ReadTraceFile(directory / kRunTrace));
  LUTRA_RETURN_IF_ERROR(
      CheckTrace(files.trace, *files.program, StrCat("'", (directory / kRunTrace).string(), "'")));
  return files;
}

}  // namespace lutra
