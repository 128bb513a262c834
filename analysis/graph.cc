#include "analysis/graph.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "analysis/cost_table.h"
#include "analysis/palette.h"
#include "mpc/protocol.h"

namespace lutra {
namespace {

// What a node does to the wire: what its colour says. From its cost and types alone, so that it
// holds for protocols of any kind.
enum class Kind { kOwner, kLocal, kOffline, kTable, kOnline };

struct KindStyle {
  std::string_view color;  // tints of colours that stay apart for colour-blind readers
  std::string_view shape;
  std::string_view meaning;
};

const KindStyle& StyleOf(Kind kind) {
  static constexpr std::array<KindStyle, 5> kStyles = {{
      {"#FBF3A8", "ellipse", "a value of an owner goes in or out"},
      {"#FFFFFF", "box", "local, no message"},
      {"#C9E4F6", "box", "sends offline only"},
      {"#FAD9A5", "box", "dealt by the dealer, opened online"},
      {"#E6C4DC", "box", "sends online"},
  }};
  return kStyles[static_cast<size_t>(kind)];
}

Kind KindOf(const Node& node, const GroupCost& cost) {
  const auto bytes = [&](Phase phase) { return cost.bytes[static_cast<size_t>(phase)]; };
  const bool reveals =
      std::any_of(node.output_types.begin(), node.output_types.end(),
                  [](const ValueType& type) { return type.sharing == Sharing::kRevealed; });
  if (node.spec.inputs.empty() || reveals) return Kind::kOwner;
  if (bytes(Phase::kDeal) > 0) return Kind::kTable;
  if (bytes(Phase::kOnline) > 0) return Kind::kOnline;
  return bytes(Phase::kPrepare) > 0 ? Kind::kOffline : Kind::kLocal;
}

std::string Preamble(std::string_view title, std::string_view subtitle) {
  return StrCat(
      "digraph program {\n"
      "  graph [fontname=\"Helvetica,Arial,sans-serif\", fontsize=16, labelloc=t, pad=0.3,"
      " nodesep=0.25, ranksep=0.22, bgcolor=white, label=<<B>",
      EscapeLabel(title), "</B><BR/><FONT POINT-SIZE=\"11\">", EscapeLabel(subtitle),
      "</FONT><BR/> >]\n"
      "  node [fontname=\"Helvetica,Arial,sans-serif\", fontsize=10, style=filled,"
      " fillcolor=white, color=\"#404040\", margin=\"0.10,0.05\"]\n"
      "  edge [fontname=\"Helvetica,Arial,sans-serif\", fontsize=9, color=\"#404040\","
      " fontcolor=\"#303030\", arrowsize=0.7]\n");
}

constexpr std::string_view kProgramPicture = "program";

// "layer-3" of "layers.3", "layer-pooler", with what no file should have in its name replaced.
std::string PictureOfLayer(std::string_view layer) {
  constexpr std::string_view kLayers = "layers.";
  if (layer.starts_with(kLayers)) layer.remove_prefix(kLayers.size());
  std::string name = "layer-";
  for (const char character : layer.substr(0, 60)) {
    const bool is_plain = (character >= '0' && character <= '9') || character == '_' ||
                          (character >= 'a' && character <= 'z') ||
                          (character >= 'A' && character <= 'Z') || character == '.';
    name += is_plain ? character : '-';
  }
  return name;
}

// An attribute by which a node opens the picture of a layer, where there is one.
std::string LinkTo(const LayerPictures& links, std::string_view layer) {
  const auto picture = links.find(layer);
  if (picture == links.end()) return "";
  return StrCat(", URL=\"", picture->second, "\", tooltip=\"opens ", picture->second, "\"");
}

// As links are told from other text.
std::string Underlined(std::string_view text, bool is_link) {
  if (!is_link) return std::string(text);
  return StrCat("<FONT COLOR=\"", kBlue, "\"><U>", text, "</U></FONT>");
}

// ----------------------------------------------------------------------------- collapsed by layer

struct Layer {
  std::string first;  // of consecutive layers of equal cost
  std::string last;
  int count = 0;
  GroupCost each;
  std::set<NodeId> first_nodes;  // of the first
  std::set<NodeId> nodes;        // of all
  std::vector<std::string> names;
};

bool SameCost(const GroupCost& a, const GroupCost& b) {
  return a.nodes == b.nodes && a.lookups == b.lookups && a.bits == b.bits && a.bytes == b.bytes &&
         a.online_levels.size() == b.online_levels.size();
}

// "layers" of "layers.3"; empty where there is no number.
std::string_view Series(std::string_view layer) {
  const size_t dot = layer.find('.');
  return dot == layer.npos ? "" : layer.substr(0, dot);
}

// The layers in the order of their first nodes, consecutive ones of equal cost as one.
std::vector<Layer> LayersOf(const ProgramCost& cost) {
  std::map<std::string, std::set<NodeId>> members;
  for (const Node& node : cost.program().nodes()) {
    members[std::string(LayerOfPath(node.spec.path))].insert(node.id);
  }
  std::vector<Layer> layers;
  for (GroupCost& group : cost.ByLayer()) {
    std::set<NodeId>& nodes = members[group.name];
    const bool alike = !layers.empty() && !Series(group.name).empty() &&
                       Series(group.name) == Series(layers.back().last) &&
                       SameCost(group, layers.back().each);
    if (!alike) layers.push_back({group.name, group.name, 0, group, nodes, {}, {}});
    layers.back().last = group.name;
    ++layers.back().count;
    layers.back().names.push_back(group.name);
    layers.back().nodes.merge(nodes);
  }
  return layers;
}

class CollapsedWriter {
 public:
  CollapsedWriter(std::string_view title, const ProgramCost& cost, const LayerPictures& links)
      : title_(title),
        cost_(cost),
        program_(cost.program()),
        links_(links),
        layers_(LayersOf(cost)) {}

  std::string Write() && {
    for (size_t i = 0; i < layers_.size(); ++i) {
      for (const NodeId node : layers_[i].nodes) layer_of_[node] = i;
    }
    out_ = Preamble(title_, CostSummary());
    for (size_t i = 0; i < layers_.size(); ++i) WriteLayer(i);
    WriteOwners();
    WriteEdges();
    return std::move(out_) + "}\n";
  }

 private:
  std::string CostSummary() const {
    const auto phases = cost_.phases();
    std::string text = StrCat(program_.nodes().size(), " nodes, ", program_.rounds(Phase::kOnline),
                              " rounds online");
    for (const PhaseCost& phase : phases) {
      text += StrCat(", ", Name(phase.phase), " ", HumanBytes(phase.bytes));
    }
    return text;
  }

  std::vector<GroupCost> StepsOf(const std::set<NodeId>& nodes) const {
    std::vector<GroupCost> steps;
    for (const NodeId node : nodes) {
      const std::string_view name = StepOfPath(program_.nodes()[node].spec.path);
      auto step = std::find_if(steps.begin(), steps.end(),
                               [&](const GroupCost& group) { return group.name == name; });
      if (step == steps.end()) {
        steps.emplace_back().name = name;
        step = steps.end() - 1;
      }
      const GroupCost cost = cost_.OfNode(node);
      step->nodes += cost.nodes;
      step->lookups += cost.lookups;
      for (size_t i = 0; i < kPhases.size(); ++i) step->bytes[i] += cost.bytes[i];
      step->online_levels.insert(cost.online_levels.begin(), cost.online_levels.end());
    }
    return steps;
  }

  static std::string Row(const GroupCost& group, std::string_view open, std::string_view close) {
    const auto cell = [&](std::string_view text, std::string_view align) {
      const std::string marked = text.empty() ? "" : StrCat(open, text, close);
      return StrCat("<TD ALIGN=\"", align, "\">", marked, "</TD>");
    };
    std::string row = StrCat("<TR>", cell(EscapeLabel(group.name), "LEFT"),
                             cell(group.lookups == 0 ? "" : Grouped(group.lookups), "RIGHT"));
    for (const int64_t bytes : group.bytes) {
      row += cell(bytes == 0 ? "" : HumanBytes(bytes), "RIGHT");
    }
    row += cell(group.online_levels.empty() ? "" : StrCat(group.online_levels.size()), "RIGHT");
    return row + "</TR>";
  }

  void WriteLayer(size_t index) {
    const Layer& layer = layers_[index];
    const std::string name = layer.count == 1 ? layer.first
                                              : StrCat(layer.first, " to ", layer.last, ": ",
                                                       layer.count, " alike, each");
    std::string table = StrCat(
        "<TABLE BORDER=\"0\" CELLBORDER=\"0\" CELLSPACING=\"0\" CELLPADDING=\"3\">"
        "<TR><TD ALIGN=\"LEFT\" COLSPAN=\"7\"><FONT POINT-SIZE=\"13\"><B>",
        Underlined(EscapeLabel(name), links_.contains(layer.first)), "</B></FONT></TD></TR><TR>");
    static constexpr std::array<std::string_view, 7> kHead = {"step",    "lookups", "model", "deal",
                                                              "prepare", "online",  "rounds"};
    for (const std::string_view head : kHead) {
      table += StrCat("<TD ALIGN=\"", head == "step" ? "LEFT" : "RIGHT",
                      "\"><FONT COLOR=\"#606060\">", head, "</FONT></TD>");
    }
    table += "</TR><HR/>";
    const std::vector<GroupCost> steps = StepsOf(layer.first_nodes);
    for (const GroupCost& step : steps) table += Row(step, "", "");
    if (steps.size() > 1) {
      GroupCost total = layer.each;
      total.name = "all";
      table += "<HR/>" + Row(total, "<B>", "</B>");
    }
    out_ +=
        StrCat("  layer", index, " [shape=box, fillcolor=\"",
               layer.count > 1 ? "#E4F0F8" : "#F7F7F7", "\", peripheries=", layer.count > 1 ? 2 : 1,
               LinkTo(links_, layer.first), ", label=<", table, "</TABLE>>]\n");
  }

  // What owners put in for an inference, and what they get out of it.
  void WriteOwners() {
    for (const Node& node : program_.nodes()) {
      if (KindOf(node, cost_.OfNode(node.id)) != Kind::kOwner) continue;
      if (node.lifetime() == Lifetime::kModel) continue;
      const bool goes_in = node.spec.inputs.empty();
      const Cost cost = node.protocol->ClosedForm(node);
      if (cost.links.empty()) continue;
      const Role owner = goes_in ? cost.links[0].from : cost.links[0].to;
      const ValueType& type = goes_in ? node.output_types[0] : node.input_types[0];
      const std::string layer = StrCat("layer", layer_of_.at(node.id));
      const std::string self = StrCat("owner", node.id);
      out_ += StrCat("  ", self, " [shape=ellipse, fillcolor=\"", StyleOf(Kind::kOwner).color,
                     "\", label=\"", Name(owner), "\"]\n");
      out_ += StrCat("  ", goes_in ? self : layer, " -> ", goes_in ? layer : self, " [label=\" ",
                     type.ToString(), " \"]\n");
    }
  }

  void WriteEdges() {
    // Each value once, however many nodes of a layer use it.
    std::map<std::pair<size_t, size_t>, std::set<WireId>> edges;
    for (const Node& node : program_.nodes()) {
      for (const WireId wire : node.spec.inputs) {
        const size_t from = layer_of_.at(program_.producer(wire)), to = layer_of_.at(node.id);
        if (from != to) edges[{from, to}].insert(wire);
      }
    }
    for (const auto& [edge, wires] : edges) {
      std::string label;
      for (const WireId wire : wires) label += StrCat(" ", program_.type(wire).ToString(), " \\l");
      out_ += StrCat("  layer", edge.first, " -> layer", edge.second, " [label=\"", label, "\"]\n");
    }
  }

  std::string_view title_;
  const ProgramCost& cost_;
  const Program& program_;
  const LayerPictures& links_;
  const std::vector<Layer> layers_;
  std::map<NodeId, size_t> layer_of_;
  std::string out_;
};

// ------------------------------------------------------------------------------------- in full

// The first components of a path, as many as the prefix has.
std::string_view CutLike(std::string_view path, std::string_view prefix) {
  const auto dots = std::count(prefix.begin(), prefix.end(), '.');
  size_t end = path.find('.');
  for (auto i = dots; i > 0 && end != path.npos; --i) end = path.find('.', end + 1);
  return path.substr(0, end);
}

class DetailedWriter {
 public:
  DetailedWriter(std::string_view title, const ProgramCost& cost, std::string_view prefix,
                 const std::set<NodeId>& inside, const LayerPictures& links)
      : title_(title),
        cost_(cost),
        program_(cost.program()),
        prefix_(prefix),
        inside_(inside),
        links_(links) {}

  std::string Write() && {
    std::vector<std::string> paths;  // in the order of their first nodes
    std::map<std::string, std::vector<NodeId>> frames;
    for (const NodeId id : inside_) {
      const std::string& path = FrameOf(program_.nodes()[id]);
      if (frames[path].empty()) paths.push_back(path);
      frames[path].push_back(id);
    }
    out_ = Preamble(title_, "bytes of all links together; Z_2^l: integers of l bits");
    WriteLegend();
    for (size_t i = 0; i < paths.size(); ++i) WriteFrame(i, paths[i], frames[paths[i]]);
    for (const std::string& path : paths) {
      for (const NodeId node : frames[path]) WriteInputs(program_.nodes()[node]);
    }
    WriteOutside();
    return std::move(out_) + "}\n";
  }

 private:
  // Where a value comes from or goes to.
  struct Elsewhere {
    size_t index;
    std::string layer;
  };

  // The path of the node; what an owner puts in stands beside the first node that uses it.
  const std::string& FrameOf(const Node& node) const {
    if (!node.spec.inputs.empty()) return node.spec.path;
    for (const Node& other : program_.nodes()) {
      const auto& inputs = other.spec.inputs;
      const bool uses = std::find_first_of(inputs.begin(), inputs.end(), node.outputs.begin(),
                                           node.outputs.end()) != inputs.end();
      if (uses && inside_.contains(other.id)) return other.spec.path;
    }
    return node.spec.path;
  }

  void WriteLegend() {
    out_ += "  legend [shape=plain, label=<<TABLE BORDER=\"0\" CELLBORDER=\"1\" CELLSPACING=\"3\">";
    if (!links_.empty()) {
      out_ += StrCat("<TR><TD BORDER=\"0\" ALIGN=\"LEFT\" HREF=\"", kProgramPicture, ".svg\">",
                     Underlined("the whole program", true), "</TD></TR>");
    }
    for (const Kind kind :
         {Kind::kOwner, Kind::kLocal, Kind::kOffline, Kind::kTable, Kind::kOnline}) {
      out_ += StrCat("<TR><TD BGCOLOR=\"", StyleOf(kind).color, "\" ALIGN=\"LEFT\">",
                     StyleOf(kind).meaning, "</TD></TR>");
    }
    out_ += "</TABLE>>]\n";
  }

  void WriteFrame(size_t index, const std::string& path, const std::vector<NodeId>& nodes) {
    std::string_view name = path;
    if (!prefix_.empty() && name.size() > prefix_.size()) name.remove_prefix(prefix_.size() + 1);
    out_ += StrCat("  subgraph cluster", index, " { label=<<B>", EscapeLabel(name),
                   "</B>>; labeljust=l; fontsize=11; style=rounded; color=\"#909090\";"
                   " bgcolor=\"#F7F7F7\"\n");
    for (const NodeId node : nodes) WriteNode(program_.nodes()[node]);
    out_ += "  }\n";
  }

  void WriteNode(const Node& node) {
    const GroupCost cost = cost_.OfNode(node.id);
    const Kind kind = KindOf(node, cost);
    std::string label = StrCat("<B>", EscapeLabel(node.spec.protocol), "</B>");
    if (node.spec.inputs.empty()) {
      const std::string_view path = node.spec.path;
      label += StrCat("<BR/>", EscapeLabel(path.substr(path.rfind('.') + 1)));
    }
    for (const Table* table : node.tables) {
      label += StrCat("<BR/>", EscapeLabel(LastComponents(table->name)), ": ", TableSize(*table));
    }
    for (size_t i = 0; i < kPhases.size(); ++i) {
      if (cost.bytes[i] == 0) continue;
      label += StrCat("<BR/>", Name(kPhases[i]), " ", HumanBytes(cost.bytes[i]));
    }
    if (!cost.online_levels.empty()) label += StrCat(", round ", *cost.online_levels.begin() + 1);
    out_ += StrCat("    node", node.id, " [shape=", StyleOf(kind).shape, ", fillcolor=\"",
                   StyleOf(kind).color, "\"", kind == Kind::kTable ? ", peripheries=2" : "",
                   ", label=<", label, ">]\n");
  }

  // "attention.query" of "layers.0.attention.query".
  std::string_view LastComponents(std::string_view name) const {
    const std::string_view layer = LayerOfPath(name);
    if (layer.find('.') == layer.npos || name.size() == layer.size()) return name;
    return name.substr(layer.size() + 1);
  }

  // "5 to 16 bits", "4+4 to 16 bits", "8 to 16 bits, 768 channels".
  static std::string TableSize(const Table& table) {
    std::string inputs;
    for (const int32_t bits : table.index_bits) inputs += StrCat(inputs.empty() ? "" : "+", bits);
    std::string text = StrCat(inputs, " to ", table.bits, " bits");
    if (table.channels > 1) text += StrCat(", ", table.channels, " channels");
    return text;
  }

  void WriteInputs(const Node& node) {
    for (const WireId wire : node.spec.inputs) {
      const Node& producer = program_.nodes()[program_.producer(wire)];
      const bool inside = inside_.contains(producer.id);
      const std::string from =
          inside ? StrCat("node", producer.id) : Outside("from ", producer.spec.path);
      WriteEdge(from, StrCat("node", node.id), wire);
    }
    for (const WireId wire : node.outputs) {
      for (const std::string& consumer : ConsumersOutside(wire)) {
        WriteEdge(StrCat("node", node.id), Outside("to ", consumer), wire);
      }
    }
  }

  std::set<std::string> ConsumersOutside(WireId wire) const {
    std::set<std::string> consumers;
    for (const Node& node : program_.nodes()) {
      const auto& inputs = node.spec.inputs;
      if (std::find(inputs.begin(), inputs.end(), wire) == inputs.end()) continue;
      if (inside_.contains(node.id)) continue;
      consumers.insert(std::string(CutLike(node.spec.path, prefix_)));
    }
    return consumers;
  }

  void WriteEdge(const std::string& from, const std::string& to, WireId wire) {
    const ValueType& type = program_.type(wire);
    out_ += StrCat("  ", from, " -> ", to, " [label=\" ", type.ToString(), " \"",
                   type.sharing == Sharing::kReplicated ? ", penwidth=1.8" : "", "]\n");
  }

  std::string Outside(std::string_view direction, std::string_view path) {
    const std::string text = StrCat(direction, CutLike(path, prefix_));
    const Elsewhere elsewhere = {outside_.size(), std::string(LayerOfPath(path))};
    return StrCat("outside", outside_.emplace(text, elsewhere).first->second.index);
  }

  void WriteOutside() {
    for (const auto& [text, elsewhere] : outside_) {
      const bool is_link = links_.contains(elsewhere.layer);
      out_ += StrCat("  outside", elsewhere.index, " [shape=box, style=dashed",
                     LinkTo(links_, elsewhere.layer), ", label=<",
                     Underlined(EscapeLabel(text), is_link), ">]\n");
    }
  }

  std::string_view title_;
  const ProgramCost& cost_;
  const Program& program_;
  std::string_view prefix_;
  const std::set<NodeId>& inside_;
  const LayerPictures& links_;
  std::map<std::string, Elsewhere> outside_;
  std::string out_;
};

}  // namespace

std::string EscapeLabel(std::string_view text) {
  if (text.empty()) return "(no path)";
  std::string escaped;
  for (const char character : text) {
    switch (character) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        // Control characters are not allowed in XML.
        escaped += static_cast<unsigned char>(character) < 0x20 ? ' ' : character;
    }
  }
  return escaped;
}

std::string CollapsedGraph(std::string_view title, const ProgramCost& cost,
                           const LayerPictures& links) {
  return CollapsedWriter(title, cost, links).Write();
}

StatusOr<std::string> DetailedGraph(std::string_view title, const ProgramCost& cost,
                                    std::string_view prefix, const LayerPictures& links) {
  std::set<NodeId> inside;
  for (const Node& node : cost.program().nodes()) {
    if (HasPathPrefix(node.spec.path, prefix)) inside.insert(node.id);
  }
  if (inside.empty()) {
    return InvalidArgument("expected a path that nodes have, found '", prefix, "'");
  }
  return DetailedWriter(title, cost, prefix, inside, links).Write();
}

DirectoryFiles ProgramGraphs(std::string_view title, const ProgramCost& cost) {
  const std::vector<Layer> layers = LayersOf(cost);
  LayerPictures links;
  std::map<std::string, const Layer*> pictures;  // by name
  for (const Layer& layer : layers) {
    std::string name = PictureOfLayer(layer.first);
    while (pictures.contains(name)) name += "-";
    pictures[name] = &layer;
    for (const std::string& each : layer.names) links[each] = name + ".svg";
  }
  DirectoryFiles graphs;
  graphs[std::string(kProgramPicture)] = CollapsedGraph(title, cost, links);
  for (const auto& [name, layer] : pictures) {
    std::string layer_title = StrCat(title, ": ", layer->first);
    if (layer->count > 1) {
      layer_title += StrCat(", and alike to ", layer->last, " (", layer->count, " in all)");
    }
    graphs[name] =
        DetailedWriter(layer_title, cost, layer->first, layer->first_nodes, links).Write();
  }
  return graphs;
}

}  // namespace lutra
