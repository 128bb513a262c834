// Pictures of a program, with Graphviz: collapsed by layer, and one part of it in full.
#ifndef LUTRA_ANALYSIS_GRAPH_H_
#define LUTRA_ANALYSIS_GRAPH_H_

#include <map>
#include <string>
#include <string_view>

#include "analysis/cost.h"
#include "core/output_directory.h"
#include "core/status.h"

namespace lutra {

// By the name of a layer (LayerOfPath), the file of its picture, relative to the others. Without an
// entry nothing is linked.
using LayerPictures = std::map<std::string, std::string, std::less<>>;

// The program collapsed by layer (LayerOfPath), in Graphviz's language: a box for each layer with
// the cost of its steps, consecutive layers of equal cost in one box, edges with the types of the
// values that pass.
std::string CollapsedGraph(std::string_view title, const ProgramCost& cost,
                           const LayerPictures& links = {});

// Every node whose path is `prefix` or begins with "prefix.", framed by path: nodes with protocol
// and cost, coloured by what they send; edges with sharing, ring and shape; values that come from
// or go to elsewhere in dashed boxes. An empty prefix means all nodes. An error if there is none.
// What belongs to a layer elsewhere is linked to its picture, and the title to the collapsed
// program.
StatusOr<std::string> DetailedGraph(std::string_view title, const ProgramCost& cost,
                                    std::string_view prefix, const LayerPictures& links = {});

// The whole set of pictures, linked among themselves, by name without its ending: "program",
// collapsed, and each layer in full: "layer-3" of "layers.3", "layer-pooler". Of consecutive layers
// of equal cost only the first is drawn, and stands for all.
DirectoryFiles ProgramGraphs(std::string_view title, const ProgramCost& cost);

// Text as Graphviz's labels and tooltips want it: never empty, without control characters.
std::string EscapeLabel(std::string_view text);

// Who places the nodes of a graph.
enum class Layout {
  kDot,    // Graphviz, in ranks
  kFixed,  // the graph, with a position for each
};

// The picture of a graph. An error says what Graphviz cannot do.
StatusOr<std::string> RenderSvg(const std::string& graph, Layout layout = Layout::kDot);
StatusOr<std::string> RenderPdf(const std::string& graph, Layout layout = Layout::kDot);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_GRAPH_H_
