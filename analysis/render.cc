// Graphviz itself, apart from what is drawn with it.
#include <gvc.h>

#include <map>
#include <memory>
#include <mutex>
#include <regex>
#include <string>

#include "analysis/cost_table.h"
#include "analysis/graph.h"
#include "analysis/typeset.h"

namespace lutra {
namespace {

struct FreeGraph {
  void operator()(Agraph_t* graph) const { agclose(graph); }
};

// Graphviz draws frames in an order that differs from run to run, and their titles below the edges
// that cross them. In their own order, and with titles above all else, each on its frame's ground.
std::string InOrder(const std::string& svg) {
  static const std::regex kFrame("<g id=\"clust([0-9]+)\" class=\"cluster\">\n([\\s\\S]*?)</g>\n");
  static const std::regex kTitle(
      "<text [^>]*x=\"([-0-9.]+)\" y=\"([-0-9.]+)\"[^>]*font-size=\"([0-9.]+)\"[^>]*>"
      "([^<]*)</text>\n");
  static const std::regex kGround("<(?:path|polygon) fill=\"([^\"]+)\"");
  std::map<int, std::string> frames;
  std::string titles;
  size_t begin = std::string::npos, end = 0;
  for (std::sregex_iterator frame(svg.begin(), svg.end(), kFrame), last; frame != last; ++frame) {
    const auto position = static_cast<size_t>(frame->position());
    if (begin == std::string::npos) begin = end = position;
    if (position != end) return svg;  // something else is between two frames
    end = static_cast<size_t>(frame->position() + frame->length());
    std::string body = (*frame)[2];
    std::smatch ground, title;
    if (std::regex_search(body, ground, kGround) && std::regex_search(body, title, kTitle)) {
      const double x = std::stod(title[1]), y = std::stod(title[2]), size = std::stod(title[3]);
      titles += StrCat("<rect x=\"", Fixed(x - 2, 2), "\" y=\"", Fixed(y - size, 2), "\" width=\"",
                       Fixed(TextWidth(title[4].str(), size, true) + 4, 2), "\" height=\"",
                       Fixed(1.3 * size, 2), "\" fill=\"", ground[1].str(), "\"/>\n",
                       title[0].str());
      body.erase(static_cast<size_t>(title.position()), static_cast<size_t>(title.length()));
    }
    frames[std::stoi((*frame)[1])] =
        StrCat("<g id=\"clust", (*frame)[1].str(), "\" class=\"cluster\">\n", body, "</g>\n");
  }
  const size_t close = svg.rfind("</g>\n</svg>");
  if (frames.empty() || close == std::string::npos) return svg;
  std::string ordered = svg.substr(0, begin);
  for (const auto& [number, frame] : frames) ordered += frame;
  return StrCat(ordered, svg.substr(end, close - end), titles, svg.substr(close));
}

StatusOr<std::string> Render(const std::string& graph, Layout layout, const char* format) {
  // Graphviz keeps its state in globals.
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  agseterr(AGMAX);  // it would print to stderr by itself
  agreseterrors();
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
  if (agreseterrors() != 0) return InvalidArgument("Graphviz cannot draw all of the graph");
  return picture;
}

}  // namespace

StatusOr<std::string> RenderSvg(const std::string& graph, Layout layout) {
  LUTRA_ASSIGN_OR_RETURN(const std::string svg, Render(graph, layout, "svg"));
  return InOrder(svg);
}

StatusOr<std::string> RenderPdf(const std::string& graph, Layout layout) {
  return Render(graph, layout, "pdf");
}

}  // namespace lutra
