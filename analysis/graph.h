// Pictures of a program, with Graphviz: collapsed by layer, and one part of it in full.
#ifndef LUTRA_ANALYSIS_GRAPH_H_
#define LUTRA_ANALYSIS_GRAPH_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/cost.h"
#include "core/output_directory.h"
#include "core/status.h"

namespace lutra {

// By the name of a layer (LayerOfPath), the file of its picture, relative to the others. Without an
// entry nothing is linked, nor is a picture to itself.
using LayerLinks = std::map<std::string, std::string, std::less<>>;

// The program collapsed by layer (LayerOfPath), in Graphviz's language: a box for each layer with
// the cost of its steps, consecutive layers of equal cost in one box, edges with the types of the
// values that pass.
std::string CollapsedGraph(std::string_view title, const ProgramCost& cost,
                           const LayerLinks& links = {});

// Every node whose path is `prefix` or begins with "prefix.", framed by path: nodes with protocol
// and cost, coloured by what they send; edges with sharing, ring and shape; values that come from
// or go to elsewhere in dashed boxes. An empty prefix means all nodes. An error if there is none.
// What belongs to a layer elsewhere is linked to its picture, and the title to the collapsed
// program.
StatusOr<std::string> DetailedGraph(std::string_view title, const ProgramCost& cost,
                                    std::string_view prefix, const LayerLinks& links = {});

// The picture of a layer in full. Of consecutive layers of equal cost only the first is drawn, and
// stands for all.
struct LayerPicture {
  std::string name;                 // of its file without the ending: "layer-3", "layer-pooler"
  std::vector<std::string> layers;  // for which it stands: "layers.3", ..
  int64_t nodes = 0;                // of one of them
};
// In the order of the program; no two have one name.
std::vector<LayerPicture> LayerPicturesOf(const ProgramCost& cost);

// What links lead to that are to the given pictures.
LayerLinks LinksTo(const std::vector<LayerPicture>& pictures);

// A set of pictures, linked among themselves, by name without its ending: "program", collapsed, and
// those of the layers.
DirectoryFiles ProgramGraphs(std::string_view title, const ProgramCost& cost,
                             const std::vector<LayerPicture>& pictures);

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
