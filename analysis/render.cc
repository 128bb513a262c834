// Graphviz itself, apart from what is drawn with it.
#include <gvc.h>

#include <memory>
#include <mutex>
#include <string>

#include "analysis/graph.h"

namespace lutra {
namespace {

struct FreeGraph {
  void operator()(Agraph_t* graph) const { agclose(graph); }
};
struct FreeContext {
  void operator()(GVC_t* context) const { gvFreeContext(context); }
};

}  // namespace

StatusOr<std::string> RenderSvg(const std::string& graph) {
  // Graphviz keeps its state in globals.
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  agseterr(AGMAX);  // it would print to stderr by itself
  const std::unique_ptr<GVC_t, FreeContext> context(gvContext());
  if (context == nullptr) return Unavailable("Graphviz does not start");
  const std::unique_ptr<Agraph_t, FreeGraph> parsed(agmemread(graph.c_str()));
  if (parsed == nullptr) return InvalidArgument("Graphviz does not understand the graph");
  if (gvLayout(context.get(), parsed.get(), "dot") != 0) {
    return InvalidArgument("Graphviz finds no layout for the graph");
  }
  char* data = nullptr;
  unsigned int size = 0;
  const int failed = gvRenderData(context.get(), parsed.get(), "svg", &data, &size);
  gvFreeLayout(context.get(), parsed.get());
  if (failed != 0 || data == nullptr) {
    return Unavailable("Graphviz cannot write SVG: its core plugin is missing");
  }
  const std::string svg(data, size);
  gvFreeRenderData(data);
  return svg;
}

}  // namespace lutra
