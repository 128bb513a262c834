// The cost of a program, in all its parts, for people and for programs.
#ifndef LUTRA_ANALYSIS_COST_REPORT_H_
#define LUTRA_ANALYSIS_COST_REPORT_H_

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "analysis/cost.h"

namespace lutra {

// Totals, then by phase, link, layer, step and protocol.
std::string CostReport(std::string_view name, const ProgramCost& cost);

// The same as a JSON object: program, totals, phases, links, layers, steps, protocols; bits and
// bytes in full.
nlohmann::ordered_json CostJson(std::string_view name, const ProgramCost& cost);

// "2187 nodes, 87 rounds online, 21,554,176 lookups, tape 8.60 GB".
std::string CostSummary(const ProgramCost& cost);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_COST_REPORT_H_
