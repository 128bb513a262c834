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

StatusOr<std::string> Render(const std::string& graph, Layout layout, const char* format) {
  // Graphviz keeps its state in globals.
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  agseterr(AGMAX);  // it would print to stderr by itself
  // One context, never freed: the text plugin keeps a pointer into the last one that it was used
  // with, and reads it when it is used again.
  static GVC_t* const context = gvContext();
  if (context == nullptr) return Unavailable("Graphviz does not start");
  const std::unique_ptr<Agraph_t, FreeGraph> parsed(agmemread(graph.c_str()));
  if (parsed == nullptr) return InvalidArgument("Graphviz does not understand the graph");
  const char* const engine = layout == Layout::kDot ? "dot" : "nop2";
  if (gvLayout(context, parsed.get(), engine) != 0) {
    return InvalidArgument("Graphviz finds no layout for the graph");
  }
  char* data = nullptr;
  unsigned int size = 0;
  const int failed = gvRenderData(context, parsed.get(), format, &data, &size);
  gvFreeLayout(context, parsed.get());
  if (failed != 0 || data == nullptr) {
    return Unavailable("Graphviz cannot write ", format, ": a plugin of it is missing");
  }
  std::string picture(data, size);
  gvFreeRenderData(data);
  return picture;
}

}  // namespace

StatusOr<std::string> RenderSvg(const std::string& graph, Layout layout) {
  return Render(graph, layout, "svg");
}

StatusOr<std::string> RenderPdf(const std::string& graph, Layout layout) {
  return Render(graph, layout, "pdf");
}

}  // namespace lutra
