// The sections of the report of a run, one function each.
#ifndef LUTRA_ANALYSIS_REPORT_SECTIONS_H_
#define LUTRA_ANALYSIS_REPORT_SECTIONS_H_

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "analysis/report.h"
#include "analysis/report_node_sums.h"
#include "analysis/report_run.h"

namespace lutra {

using OptionalSection = std::optional<ReportSection>;  // none: there is nothing to say

// Offline and online as one picture, and the predicted time per network.
ReportSection OverviewSection(const RunToReport& run);
// By phase, session, role, link, layer, operation and protocol.
ReportSection SplitsSection(const RunToReport& run, const NodeSums& sums);
// Layers, operations and nodes, to zoom; `data` is what the page draws it from.
ReportSection ZoomSection(const RunToReport& run, const NodeSums& sums,
                          nlohmann::ordered_json& data);
// Round after round of the online phase.
OptionalSection RoundsSection(const RunToReport& run);
// What the end of each stage waits for, per network.
OptionalSection CriticalPathSection(const RunToReport& run);
// What the dealer sends, by table.
OptionalSection TapeSection(const RunToReport& run);
// Seconds beside the machine's peak, or how to get them.
ReportSection ProfileSection(const RunToReport& run);
// Which role saw what, and why that tells it nothing.
ReportSection SecuritySection(const RunToReport& run);
// What came out, example by example.
OptionalSection PredictionsSection(const RunToReport& run);

// The name of a class: its label where the model has one.
std::string ClassName(const RunFacts& facts, int64_t number);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_REPORT_SECTIONS_H_
