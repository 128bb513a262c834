#include "analysis/report_pictures.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "analysis/graph.h"
#include "analysis/protocol_trace.h"
#include "core/text.h"

namespace lutra {
namespace {

// Graphviz takes long for more.
constexpr int64_t kMostNodes = 300;  // of a layer
constexpr size_t kMostLayers = 300;  // of a program
constexpr size_t kMostDrawn = 12;    // layers in full

constexpr std::string_view kLayerPrefix = "layer-";  // of the names of pictures

struct DrawnLayer {
  std::string file;  // "layer-3"
  std::string path;  // "layers.3"
  int64_t nodes = 0;
};

// "3" of "layers.3", "pooler" of "pooler".
std::string_view ShortName(std::string_view layer) { return layer.substr(layer.rfind('.') + 1); }

// The layers that a set of pictures has, in the order of the program.
std::vector<DrawnLayer> DrawnLayers(const ProgramCost& cost, const DirectoryFiles& graphs) {
  std::vector<DrawnLayer> layers;
  for (const GroupCost& group : cost.ByLayer()) {
    const std::string file = StrCat(kLayerPrefix, ShortName(group.name));
    const bool known = std::any_of(layers.begin(), layers.end(),
                                   [&](const DrawnLayer& layer) { return layer.file == file; });
    if (graphs.contains(file) && !known) layers.push_back({file, group.name, group.nodes});
  }
  return layers;
}

StatusOr<ReportDrawing> Draw(std::string name, std::string title, std::string caption,
                             const std::string& graph, Layout layout) {
  ReportDrawing drawing;
  drawing.name = std::move(name);
  drawing.title = std::move(title);
  drawing.caption = std::move(caption);
  LUTRA_ASSIGN_OR_RETURN(drawing.svg, RenderSvg(graph, layout));
  LUTRA_ASSIGN_OR_RETURN(drawing.pdf, RenderPdf(graph, layout));
  return drawing;
}

Status AddLayers(const std::vector<DrawnLayer>& layers, const DirectoryFiles& graphs,
                 std::vector<ReportDrawing>& drawings) {
  for (const DrawnLayer& layer : layers) {
    LUTRA_ASSIGN_OR_RETURN(ReportDrawing drawing,
                           Draw(layer.file, StrCat(layer.path, ", node by node"),
                                "Nodes with protocol and cost in one session (closed form); edges "
                                "with sharing, ring and shape.",
                                graphs.at(layer.file), Layout::kDot));
    drawing.folded = true;
    drawings.push_back(std::move(drawing));
  }
  return absl::OkStatus();
}

Status AddTraces(const ProgramCost& cost, const Trace& trace, const std::vector<DrawnLayer>& layers,
                 std::vector<ReportDrawing>& drawings) {
  if (layers.empty()) return absl::OkStatus();
  const auto largest = std::max_element(
      layers.begin(), layers.end(), [](const auto& a, const auto& b) { return a.nodes < b.nodes; });
  TracePictureOptions options;
  options.seconds = SecondsPerSession(trace);
  for (const DrawnLayer& layer : layers) {
    const StatusOr<ProtocolTrace> selected =
        TraceOfProgram(cost, {layer.path, std::nullopt, std::nullopt});
    if (!selected.ok()) continue;  // more rounds than a picture has room for
    const bool is_largest = layer.file == largest->file;
    LUTRA_ASSIGN_OR_RETURN(
        ReportDrawing drawing,
        Draw(is_largest ? "trace" : StrCat("trace-", layer.file.substr(kLayerPrefix.size())),
             StrCat(layer.path, ", message by message"),
             "Roles as columns, rounds as rows, messages as arrows; offline above online. Of one "
             "session: sizes in closed form, seconds measured.",
             TraceGraph(layer.path, cost, *selected, options), Layout::kFixed));
    drawing.folded = true;
    drawings.push_back(std::move(drawing));
  }
  return absl::OkStatus();
}

}  // namespace

StatusOr<std::vector<ReportDrawing>> ProgramDrawings(std::string_view title,
                                                     const ProgramCost& cost, const Trace& trace) {
  std::vector<ReportDrawing> drawings;
  if (cost.ByLayer().size() > kMostLayers) return drawings;
  const DirectoryFiles graphs = ProgramGraphs(title, cost);
  std::vector<DrawnLayer> layers = DrawnLayers(cost, graphs);
  const size_t all = layers.size();
  std::erase_if(layers, [](const DrawnLayer& layer) { return layer.nodes > kMostNodes; });
  if (layers.size() > kMostDrawn) layers.resize(kMostDrawn);
  // No link to what is not drawn.
  const std::string whole =
      layers.size() == all ? graphs.at("program") : CollapsedGraph(title, cost);
  LUTRA_ASSIGN_OR_RETURN(
      ReportDrawing program,
      Draw("program", "",
           "The program, collapsed by layer: what each operation costs in one session (closed "
           "form).",
           whole, Layout::kDot));
  drawings.push_back(std::move(program));
  LUTRA_RETURN_IF_ERROR(AddLayers(layers, graphs, drawings));
  LUTRA_RETURN_IF_ERROR(AddTraces(cost, trace, layers, drawings));
  return drawings;
}

}  // namespace lutra
