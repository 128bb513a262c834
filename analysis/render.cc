// Graphviz itself, apart from what is drawn with it.
#include <gvc.h>

#include <cstdio>
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

// Graphviz draws the titles of frames below the edges that cross them, and frames by address.
// Titles above all else, each on its frame's ground, and frames in their order.
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
      titles +=
          StrCat("<rect x=\"", Fixed(x - 2, 2), "\" y=\"", Fixed(y - 0.8 * size, 2), "\" width=\"",
                 Fixed(0.85 * TextWidth(title[4].str(), size, true) + 4, 2), "\" height=\"",
                 Fixed(1.05 * size, 2), "\" fill=\"", ground[1].str(), "\"/>\n", title[0].str());
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

// Names by their order. By itself Graphviz takes the addresses of their text, goes through frames
// in the order of these, and so draws one graph in many ways.
class NamesInOrder {
 public:
  static Agiddisc_t* Discipline() {
    static Agiddisc_t discipline = {Open, Map, Alloc, Free, Print, Close, Register};
    return &discipline;
  }

 private:
  static void* Open(Agraph_t*, Agdisc_t*) { return new IDTYPE(0); }
  // Of a name Graphviz keeps itself which number it asked for.
  static long Map(void* last, int, char* name, IDTYPE* id, int) {
    if (name != nullptr) return 0;
    *id = ++*static_cast<IDTYPE*>(last);
    return 1;
  }
  static long Alloc(void*, int, IDTYPE) { return 1; }
  static void Free(void*, int, IDTYPE) {}
  static char* Print(void*, int, IDTYPE) { return nullptr; }
  static void Close(void* last) { delete static_cast<IDTYPE*>(last); }
  static void Register(void*, int, void*) {}
};

std::unique_ptr<Agraph_t, FreeGraph> Parse(const std::string& graph) {
  std::string text = graph;
  const auto close = [](FILE* file) { std::fclose(file); };
  const std::unique_ptr<FILE, decltype(close)> file(fmemopen(text.data(), text.size(), "r"), close);
  Agdisc_t disciplines = {};
  disciplines.id = NamesInOrder::Discipline();
  disciplines.io = &AgIoDisc;
  return std::unique_ptr<Agraph_t, FreeGraph>(file == nullptr ? nullptr
                                                              : agread(file.get(), &disciplines));
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
  const std::unique_ptr<Agraph_t, FreeGraph> parsed = Parse(graph);
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
