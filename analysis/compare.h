// Runs side by side: what they took, in ratios to the first, and what is different about them.
#ifndef LUTRA_ANALYSIS_COMPARE_H_
#define LUTRA_ANALYSIS_COMPARE_H_

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/status.h"
#include "mpc/protocol.h"

namespace lutra {

enum class CompareUnit { kBytes, kCount, kSeconds, kShare };

// One figure of every run; none where a run does not have it.
struct CompareRow {
  std::string group;  // "total", "predicted", "link", "layer", "protocol"
  std::string name;   // "online bytes", "online p1 -> p2"
  CompareUnit unit = CompareUnit::kBytes;
  std::vector<std::optional<double>> values;

  // To the first run; none where either has no figure, or the first has 0 and the other has not.
  std::optional<double> ratio(size_t run) const;
};

// How the runs were set: one value for each run, empty where a run does not have it.
struct CompareSetting {
  std::string name;  // "model", "threads", ...; flags of the command by their names
  std::vector<std::string> values;
  bool differs() const;
};

// A figure that is another than that of the first run.
struct CompareChange {
  size_t run = 0;
  const CompareRow* row = nullptr;
};

struct RunComparison {
  std::vector<std::string> runs;     // directories
  std::vector<std::string> digests;  // of the programs
  std::vector<CompareSetting> settings;
  std::vector<CompareRow> rows;  // all sessions together

  bool same_program() const;
  // Of the rows in group "total": bytes, rounds, seconds, memory, accuracy. The largest relative
  // change first. Points into this object.
  std::vector<CompareChange> Changes() const;
};

// At least two run directories. Errors name the run and what is wrong with it.
StatusOr<RunComparison> CompareRuns(const Registry& registry, std::span<const std::string> paths);

// Tables for a terminal. Layers, protocols and links that all runs have alike are only counted.
std::string ComparisonText(const RunComparison& comparison);
// Everything, in full: format lutra-comparison/1.
nlohmann::ordered_json ComparisonJson(const RunComparison& comparison);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_COMPARE_H_
