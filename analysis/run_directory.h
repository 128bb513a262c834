// A run directory: what one execution of a program left behind. docs/architecture.md defines it.
//
//   run.json    the summary
//   ledger.csv  node, path, protocol, level, phase, from, to, bits
//   levels.csv  phase, level, from, to, bytes, messages
//   work.csv    node, phase, role, seconds
//   run.program the program, as mpc/program.h has it
//   run.trace   what happened when, for replays: mpc/trace.h
//   trace.json  the same as a timeline: analysis/trace_json.h
//   network.toml  where links were shaped: to what network, as mpc/network.h has it
//
// The tables add up all sessions. Seconds are wall time, bytes payload.
#ifndef LUTRA_ANALYSIS_RUN_DIRECTORY_H_
#define LUTRA_ANALYSIS_RUN_DIRECTORY_H_

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/profile.h"
#include "core/status.h"
#include "mpc/ledger.h"
#include "mpc/network.h"
#include "mpc/program.h"
#include "mpc/trace.h"

namespace lutra {

inline constexpr std::string_view kRunFormat = "lutra-run/1";

using PhaseBytes = std::array<int64_t, kPhases.size()>;
using PhaseSeconds = std::array<double, kPhases.size()>;

// Payload by phase, as it stands in a ledger.
PhaseBytes BytesIn(const Ledger& ledger);

// One execution: a tape and the online phase on it. The model, which is shared once, counts for the
// first session.
struct SessionSummary {
  int64_t examples = 0;
  PhaseBytes bytes{};
  PhaseSeconds seconds{};
  int rounds = 0;             // online
  int64_t framing_bytes = 0;  // online, beside the payload; 0 where nothing is framed
  // Of processes that took the tape from the dealer as it dealt: from the request for it until it
  // was there and prepared, at the party that took longest.
  std::optional<double> offline_seconds;
};

// What a session added to a ledger that stood at `before`.
PhaseBytes BytesSince(const PhaseBytes& before, const Ledger& ledger);

// The result of one example.
struct OutputSummary {
  int64_t prediction = 0;
  std::vector<int64_t> logits;
  std::optional<int64_t> label;  // the right answer, where the input has it
};

// How the run was planned to use memory, in bytes.
struct MemorySummary {
  std::optional<int64_t> limit;  // that was asked for
  std::optional<int64_t> estimate;
  std::optional<int64_t> tape_window;  // dealt and used at a time, of both streams
};

// Links of processes that were as slow as a network's; those of the dealer perhaps not.
struct ShapedLinks {
  Network network;
  bool dealer = false;
};

// The time of all sessions under a network, by replay of the run's trace.
struct PredictedSeconds {
  std::string network;
  double offline = 0;
  double online = 0;
};

struct RunSummary {
  std::vector<std::string> command;  // argv
  std::string model;                 // as it was given
  std::vector<std::string> labels;   // names of the classes, by their numbers
  std::string plan = "table";
  bool private_tables = true;
  int threads = 1;
  std::optional<uint64_t> seed;  // none: keys came from the operating system
  int64_t batch = 1;
  MemorySummary memory;
  std::optional<ShapedLinks> shaped;         // none: links as they were
  std::optional<int64_t> peak_memory_bytes;  // of other processes; none: of this one
  bool of_several_machines = false;          // of which nothing is known, nor of their memory
  std::vector<SessionSummary> sessions;
  std::vector<OutputSummary> outputs;
  std::optional<Peaks> peaks;       // of the machine, where the run was profiled
  std::vector<ProfileRow> profile;  // likewise
  std::vector<PredictedSeconds> predicted;
  std::optional<bool> agrees_with_ideal;  // none: not checked
  std::optional<double> accuracy;         // where labels are given: 0 to 1
  std::optional<double> accuracy_ideal;   // of the exact twin
};

// The times of all sessions under the shipped networks, by replays of a trace.
StatusOr<std::vector<PredictedSeconds>> PredictSeconds(const Trace& trace);

// run.json, with its fields in a fixed order. Version, machine and peak memory are this process's,
// unless the summary says otherwise. `seed` is "operating-system" without one; null: not known.
nlohmann::ordered_json RunJson(const RunSummary& summary, const Program& program,
                               const Ledger& ledger);

// The tables.
std::string LedgerCsv(const Program& program, const Ledger& ledger);
std::string LevelsCsv(const Ledger& ledger);
std::string WorkCsv(const Ledger& ledger);

// An error where WriteRunDirectory would refuse or fail: something is there that is not a run
// directory, or the place cannot be written. To be asked before a run; leaves nothing behind.
Status CheckRunDirectory(const std::filesystem::path& path);

// What a run left to analyse.
struct RunRecord {
  const RunSummary& summary;
  const Program& program;
  const Ledger& ledger;
  const Trace& trace;
};

// Writes a run directory, all or nothing; an earlier run there is replaced, and what others put
// beside its files is kept. What is not a run directory is not touched.
Status WriteRunDirectory(const std::filesystem::path& path, const RunRecord& run);

// run.json of a run directory: an object of this format. An error names the file and what is wrong:
// missing, larger than a run.json can be, not JSON, a field twice, another format.
StatusOr<nlohmann::ordered_json> ReadRunJson(const std::filesystem::path& directory);

// The network to which the links of the run were shaped, its run.json given; the dealer's are ideal
// where they were left as they are. An error where none were shaped.
StatusOr<Network> ReadShapedNetwork(const nlohmann::ordered_json& run,
                                    const std::filesystem::path& directory);

// A run directory read back: what reports and replays start from.
struct RunFiles {
  nlohmann::ordered_json run;  // run.json
  std::unique_ptr<const Program> program;
  Trace trace;
};
// Errors name the file: missing (a run of an earlier version), damaged, of a protocol that the
// registry does not have, or a program or trace that is not the one that run.json names. The
// registry outlives the result.
StatusOr<RunFiles> ReadRunDirectory(const Registry& registry,
                                    const std::filesystem::path& directory);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_RUN_DIRECTORY_H_
