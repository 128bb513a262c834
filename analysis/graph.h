// Pictures of a program, with Graphviz: collapsed by layer, and one part of it in full.
#ifndef LUTRA_ANALYSIS_GRAPH_H_
#define LUTRA_ANALYSIS_GRAPH_H_

#include <string>
#include <string_view>

#include "analysis/cost.h"
#include "core/status.h"

namespace lutra {

// The program collapsed by layer (LayerOfPath), in Graphviz's language: a box for each layer with
// the cost of its steps, consecutive layers of equal cost in one box, edges with the types of the
// values that pass.
std::string CollapsedGraph(std::string_view title, const ProgramCost& cost);

// Every node whose path is `prefix` or begins with "prefix.", framed by path: nodes with protocol
// and cost, coloured by what they send; edges with sharing, ring and shape; values that come from
// or go to elsewhere in dashed boxes. An empty prefix means all nodes. An error if there is none.
StatusOr<std::string> DetailedGraph(std::string_view title, const ProgramCost& cost,
                                    std::string_view prefix);

// The picture of a graph. An error says what Graphviz cannot do.
StatusOr<std::string> RenderSvg(const std::string& graph);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_GRAPH_H_
