// What run.json says, with its types checked.
#ifndef LUTRA_ANALYSIS_RUN_FACTS_H_
#define LUTRA_ANALYSIS_RUN_FACTS_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/run_directory.h"
#include "core/status.h"

namespace lutra {

// What all sessions sent over a link.
struct LinkFacts {
  std::string phase, from, to;
  int64_t bytes = 0;
};

struct RunFacts {
  std::string version;
  std::vector<std::string> command;
  std::string digest;  // of the program
  std::string model;
  std::vector<std::string> labels;
  std::string plan, tables, deployment;
  std::string processor;
  int64_t cores = 0;
  int64_t machine_memory_bytes = 0;
  std::string simd;
  int64_t threads = 0;
  std::string seed;  // "operating-system" or the number
  int64_t batch = 0;
  std::optional<int64_t> memory_limit;  // in bytes, that was asked for
  // The network to which links were shaped, and which: "all", or not the dealer's, "parties".
  std::optional<std::string> shaped_to;
  std::string shaped_links;
  std::vector<SessionSummary> sessions;
  std::optional<Peaks> peaks;
  std::optional<int64_t> peak_memory_bytes;
  std::vector<LinkFacts> links;
  std::vector<PredictedSeconds> predicted;
  std::vector<OutputSummary> outputs;
  std::optional<bool> agrees_with_ideal;
  std::optional<double> accuracy, accuracy_ideal;

  // The program that ran it, "lutra-sim"; empty where run.json names none.
  std::string_view runner() const;
  int64_t examples() const;
  // All sessions together.
  int64_t bytes(Phase phase) const;
  double seconds(Phase phase) const;
  // From the request for a tape until it was there and prepared; none where a session has none.
  std::optional<double> offline_seconds() const;
};

// An error names `where`, the field, expected and found. Fields that it does not know may be there.
StatusOr<RunFacts> RunFactsOf(const nlohmann::ordered_json& run, std::string_view where);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_RUN_FACTS_H_
