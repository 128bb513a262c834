// The pictures of a report that Graphviz draws: the program, its layers in full, and who sends what
// to whom in them.
#ifndef LUTRA_ANALYSIS_REPORT_PICTURES_H_
#define LUTRA_ANALYSIS_REPORT_PICTURES_H_

#include <string_view>
#include <vector>

#include "analysis/cost.h"
#include "analysis/report.h"
#include "core/status.h"
#include "mpc/trace.h"

namespace lutra {

// "program", then "layer-NAME" for each layer (of consecutive ones of equal cost the first), then
// the traces of these layers: "trace" of the one with most nodes, "trace-NAME" of the others. Of a
// long program, or a layer of many nodes, only what can be drawn in a moment.
StatusOr<std::vector<ReportDrawing>> ProgramDrawings(std::string_view title,
                                                     const ProgramCost& cost, const Trace& trace);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_REPORT_PICTURES_H_
