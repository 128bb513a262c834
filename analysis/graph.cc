#include "analysis/graph.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "analysis/cost_table.h"
#include "analysis/palette.h"
#include "analysis/typeset.h"
#include "mpc/protocol.h"

namespace lutra {
namespace {

// What a node does to the wire: what its colour says. From its cost and types alone, so that it
// holds for protocols of any kind.
enum class Kind { kModelOwner, kDataOwner, kLocal, kPrepare, kTable, kOnline };
constexpr std::array kKinds = {Kind::kModelOwner, Kind::kDataOwner, Kind::kLocal,
                               Kind::kPrepare,    Kind::kTable,     Kind::kOnline};

struct KindStyle {
  std::string_view ground;
  std::string_view line;
  std::string_view form;  // attributes of its node: tells it from others without its colour
  std::string_view sign;  // the same in words
  std::string_view meaning;
};

const KindStyle& StyleOf(Kind kind) {
  static constexpr std::array<KindStyle, kKinds.size()> kStyles = {{
      {Tint(Role::kModelOwner), Color(Role::kModelOwner), "shape=ellipse, penwidth=1.5", "ellipse",
       "a value of the model owner, once per model"},
      {Tint(Role::kDataOwner), Color(Role::kDataOwner), "shape=ellipse, penwidth=2.5",
       "thick ellipse", "a value of the data owner goes in or out"},
      {"#FFFFFF", "#404040", "shape=box", "thin frame", "local, no message"},
      {Tint(Phase::kPrepare), Color(Phase::kPrepare),
       "shape=box, style=\"filled,rounded\", penwidth=1.5", "round corners",
       "sends offline only, in prepare"},
      {Tint(Phase::kDeal), Color(Phase::kDeal), "shape=box, peripheries=2, penwidth=1.5",
       "double frame", "dealt by the dealer, opened online"},
      {Tint(Phase::kOnline), Color(Phase::kOnline), "shape=box, penwidth=2.5", "thick frame",
       "sends online"},
  }};
  return kStyles[static_cast<size_t>(kind)];
}

// "shape=box, fillcolor=..", as the node's attributes.
std::string FormOf(Kind kind) {
  const KindStyle& style = StyleOf(kind);
  return StrCat(style.form, ", fillcolor=\"", style.ground, "\", color=\"", style.line, "\"");
}

Kind KindOf(const Node& node, const GroupCost& cost) {
  const auto bytes = [&](Phase phase) { return cost.bytes[Index(phase)]; };
  const bool reveals =
      std::any_of(node.output_types.begin(), node.output_types.end(),
                  [](const ValueType& type) { return type.sharing == Sharing::kRevealed; });
  if (node.spec.inputs.empty() || reveals) {
    return node.lifetime() == Lifetime::kModel ? Kind::kModelOwner : Kind::kDataOwner;
  }
  if (bytes(Phase::kDeal) > 0) return Kind::kTable;
  if (bytes(Phase::kOnline) > 0) return Kind::kOnline;
  return bytes(Phase::kPrepare) > 0 ? Kind::kPrepare : Kind::kLocal;
}

// The size of the title's font in points, which that of the subtitle follows.
std::string Preamble(std::string_view title, std::string_view subtitle, int size) {
  return StrCat(
      "digraph program {\n"
      "  graph [fontname=\"Helvetica,Arial,sans-serif\", fontsize=",
      size,
      ", labelloc=t, pad=0.3,"
      " nodesep=0.25, ranksep=0.22, bgcolor=white, label=<<TABLE BORDER=\"0\" CELLBORDER=\"0\""
      " CELLPADDING=\"4\"><TR><TD><B>",
      EscapeLabel(title), "</B></TD></TR><TR><TD><FONT POINT-SIZE=\"", 2 * size / 3, "\">",
      EscapeLabel(subtitle),
      "</FONT></TD></TR></TABLE>>]\n"
      "  node [fontname=\"Helvetica,Arial,sans-serif\", fontsize=10, style=filled,"
      " fillcolor=white, color=\"#404040\", margin=\"0.10,0.05\"]\n"
      "  edge [fontname=\"Helvetica,Arial,sans-serif\", fontsize=9, color=\"#404040\","
      " fontcolor=\"#303030\", arrowsize=0.7]\n");
}

constexpr std::string_view kProgramPicture = "program";

// "layer-3" of "layers.3", "layer-pooler", "layer-no-path" of none, with what no file should have
// in its name replaced.
std::string PictureOfLayer(std::string_view layer) {
  constexpr std::string_view kLayers = "layers.";
  if (layer.starts_with(kLayers)) layer.remove_prefix(kLayers.size());
  std::string name = layer.empty() ? "layer-no-path" : "layer-";
  for (const char character : layer.substr(0, 60)) {
    const bool is_plain = (character >= '0' && character <= '9') || character == '_' ||
                          (character >= 'a' && character <= 'z') ||
                          (character >= 'A' && character <= 'Z') || character == '.';
    name += is_plain ? character : '-';
  }
  return name;
}

// An attribute by which a node opens the picture of a layer, where there is one.
std::string LinkTo(const LayerLinks& links, std::string_view layer) {
  const auto picture = links.find(layer);
  if (picture == links.end()) return "";
  return StrCat(", URL=\"", picture->second, "\", tooltip=\"opens ", picture->second, "\"");
}

// The label of an edge: lines beside the stroke, not on it.
std::string EdgeLabel(const std::vector<std::string>& lines) {
  std::string label = "<TABLE BORDER=\"0\" CELLBORDER=\"0\" CELLSPACING=\"0\" CELLPADDING=\"1\">";
  for (const std::string& line : lines) {
    label += StrCat("<TR><TD WIDTH=\"8\"></TD><TD ALIGN=\"LEFT\">", line, "</TD></TR>");
  }
  return label + "</TABLE>";
}

// As links are told from other text.
std::string Underlined(std::string_view text, bool is_link) {
  if (!is_link) return std::string(text);
  return StrCat("<FONT COLOR=\"", kBlue, "\"><U>", text, "</U></FONT>");
}

// ----------------------------------------------------------------------------- collapsed by layer

// Consecutive layers of equal cost.
struct Layer {
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
                       Series(group.name) == Series(layers.back().names.back()) &&
                       SameCost(group, layers.back().each);
    if (!alike) layers.push_back({group, nodes, {}, {}});
    layers.back().names.push_back(group.name);
    layers.back().nodes.merge(nodes);
  }
  return layers;
}

class CollapsedWriter {
 public:
  CollapsedWriter(std::string_view title, const ProgramCost& cost, const LayerLinks& links)
      : title_(title),
        cost_(cost),
        program_(cost.program()),
        links_(links),
        layers_(LayersOf(cost)) {}

  std::string Write() && {
    for (size_t i = 0; i < layers_.size(); ++i) {
      for (const NodeId node : layers_[i].nodes) layer_of_[node] = i;
    }
    out_ = Preamble(title_, CostSummary(), 16);
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
    const auto linked = std::find_if(layer.names.begin(), layer.names.end(),
                                     [&](const auto& each) { return links_.contains(each); });
    const bool is_link = linked != layer.names.end();
    const size_t count = layer.names.size();
    const std::string name = count == 1 ? layer.names.front()
                                        : StrCat(layer.names.front(), " to ", layer.names.back(),
                                                 ": ", count, " alike, each");
    std::string table = StrCat(
        "<TABLE BORDER=\"0\" CELLBORDER=\"0\" CELLSPACING=\"0\" CELLPADDING=\"3\">"
        "<TR><TD ALIGN=\"LEFT\" COLSPAN=\"7\"><FONT POINT-SIZE=\"13\"><B>",
        Underlined(EscapeLabel(name), is_link), "</B></FONT></TD></TR><TR>");
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
    out_ += StrCat("  layer", index, " [shape=box, fillcolor=\"", count > 1 ? "#E4F0F8" : "#F7F7F7",
                   "\", peripheries=", count > 1 ? 2 : 1, is_link ? LinkTo(links_, *linked) : "",
                   ", label=<", table, "</TABLE>>]\n");
  }

  // What owners put in for an inference, and what they get out of it.
  void WriteOwners() {
    for (const Node& node : program_.nodes()) {
      if (KindOf(node, cost_.OfNode(node.id)) != Kind::kDataOwner) continue;
      const bool goes_in = node.spec.inputs.empty();
      const Cost cost = node.protocol->ClosedForm(node);
      if (cost.links.empty()) continue;
      const Role owner = goes_in ? cost.links[0].from : cost.links[0].to;
      const ValueType& type = goes_in ? node.output_types[0] : node.input_types[0];
      const std::string layer = StrCat("layer", layer_of_.at(node.id));
      const std::string self = StrCat("owner", node.id);
      out_ +=
          StrCat("  ", self, " [", FormOf(Kind::kDataOwner), ", label=\"", Title(owner), "\"]\n");
      out_ += StrCat("  ", goes_in ? self : layer, " -> ", goes_in ? layer : self, " [label=<",
                     EdgeLabel({type.ToString()}), ">]\n");
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
      std::vector<std::string> lines;
      for (const WireId wire : wires) lines.push_back(program_.type(wire).ToString());
      out_ += StrCat("  layer", edge.first, " -> layer", edge.second, " [label=<", EdgeLabel(lines),
                     ">]\n");
    }
  }

  std::string_view title_;
  const ProgramCost& cost_;
  const Program& program_;
  const LayerLinks& links_;
  const std::vector<Layer> layers_;
  std::map<NodeId, size_t> layer_of_;
  std::string out_;
};

// ------------------------------------------------------------------------------------- in full

// The first components of a path, as many as the prefix has, but at least its layer.
std::string_view CutLike(std::string_view path, std::string_view prefix) {
  const auto dots = std::count(prefix.begin(), prefix.end(), '.');
  size_t end = path.find('.');
  for (auto i = dots; i > 0 && end != path.npos; --i) end = path.find('.', end + 1);
  const std::string_view cut = path.substr(0, end);
  const std::string_view layer = LayerOfPath(path);
  return layer.size() > cut.size() ? layer : cut;
}

// Of a picture that would be taller than wide: nodes one below the other, and columns.
constexpr int kColumnDepth = 24;
constexpr int kMostColumns = 4;

class DetailedWriter {
 public:
  DetailedWriter(std::string_view title, const ProgramCost& cost, std::string_view prefix,
                 const std::set<NodeId>& inside, const LayerLinks& links)
      : title_(title),
        cost_(cost),
        program_(cost.program()),
        prefix_(prefix),
        inside_(inside),
        links_(links) {}

  std::string Write() && {
    CollectFrames();
    for (const Frame& frame : frames_) {
      for (const NodeId node : frame.nodes) WriteInputs(program_.nodes()[node]);
    }
    out_ = Preamble(title_, "on edges: what a value is, and the bytes of all links that it costs",
                    columns_ > 1 ? 30 : 16);
    WriteLegend();
    for (size_t column = 0; column < columns_; ++column) WriteColumn(column);
    return std::move(out_) + edges_ + "}\n";
  }

 private:
  // Nodes of one path.
  struct Frame {
    std::string path;
    std::vector<NodeId> nodes;
    size_t column = 0;
  };

  // Where a value comes from or goes to that is not beside its node.
  struct Elsewhere {
    size_t index;
    std::string layer;  // whose picture has it
  };

  // The frames in the order of their first nodes, in columns of about equal depth.
  void CollectFrames() {
    std::map<std::string, size_t> index;
    std::map<NodeId, int> depths;
    std::vector<int> depth_of_frame;
    for (const NodeId id : inside_) {
      const Node& node = program_.nodes()[id];
      const auto [found, is_new] = index.emplace(FrameOf(node), frames_.size());
      if (is_new) {
        frames_.push_back({found->first, {}, 0});
        depth_of_frame.push_back(0);
      }
      frames_[found->second].nodes.push_back(id);
      frame_of_[id] = found->second;
      int& depth = depths[id];
      for (const WireId wire : node.spec.inputs) {
        const auto producer = depths.find(program_.producer(wire));
        if (producer != depths.end()) depth = std::max(depth, producer->second + 1);
      }
      depth_of_frame[found->second] = std::max(depth_of_frame[found->second], depth);
    }
    const int deepest = *std::max_element(depth_of_frame.begin(), depth_of_frame.end()) + 1;
    columns_ = static_cast<size_t>(
        std::clamp((deepest + kColumnDepth / 2) / kColumnDepth, 1, kMostColumns));
    for (size_t i = 0; i < frames_.size(); ++i) {
      const auto depth = static_cast<size_t>(depth_of_frame[i]);
      frames_[i].column = depth * columns_ / static_cast<size_t>(deepest);
    }
  }

  size_t ColumnOf(NodeId id) const { return frames_[frame_of_.at(id)].column; }

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
    const int size = columns_ > 1 ? 14 : 10;  // in proportion to the picture
    const auto row = [](std::string_view attributes, std::string_view text) {
      return StrCat("<TR><TD COLSPAN=\"2\" ALIGN=\"LEFT\"", attributes, ">", text, "</TD></TR>");
    };
    out_ += StrCat("  legend [shape=plain, fontsize=", size,
                   ", label=<<TABLE BORDER=\"0\" CELLBORDER=\"0\" CELLSPACING=\"4\">");
    if (!links_.empty()) {  // by itself Graphviz numbers what has no ID through all that it draws
      out_ += row(StrCat(" ID=\"whole\" HREF=\"", kProgramPicture, ".svg\" TOOLTIP=\"opens ",
                         kProgramPicture, ".svg\""),
                  Underlined("the whole program", true));
    }
    out_ += row("", "<B>Nodes</B>");
    for (const Kind kind : kKinds) {
      const KindStyle& style = StyleOf(kind);
      const std::string text = StrCat(style.sign, ": ", style.meaning);
      out_ += row(StrCat(" BORDER=\"2\" COLOR=\"", style.line, "\" BGCOLOR=\"", style.ground,
                         "\" WIDTH=\"", Fixed(0.9 * TextWidth(text, size), 0), "\""),
                  text);
    }
    out_ += row("", "<B>Edges</B>, in hues that are not those of nodes");
    for (const Sharing sharing : {Sharing::kAdditive, Sharing::kReplicated}) {
      out_ +=
          StrCat("<TR><TD ALIGN=\"LEFT\"><FONT COLOR=\"", Color(sharing),
                 "\"><B>\u2014\u2014</B></FONT></TD><TD ALIGN=\"LEFT\">",
                 sharing == Sharing::kReplicated ? "thick, " : "thin, ", Bracketed(sharing, "l"),
                 " n\u00d7m: ", Name(sharing), " over Z_2^l, shape n\u00d7m</TD></TR>");
    }
    out_ += "</TABLE>>]\n";
  }

  void WriteFrame(size_t index, const std::vector<NodeId>& nodes) {
    const std::string name = FrameName(nodes.front());
    out_ += StrCat("  subgraph cluster", index, " { label=<<B>", EscapeLabel(name),
                   "</B>>; labeljust=l; fontsize=11; style=rounded; color=\"#909090\";"
                   " margin=12; bgcolor=\"#F7F7F7\"\n");
    WriteElsewhere(index);
    for (const NodeId node : nodes) WriteNode(program_.nodes()[node]);
    out_ += "  }\n";
  }

  // An invisible node above each column keeps the columns in their order, from left to right.
  void WriteColumn(size_t column) {
    const bool is_one_of_many = columns_ > 1;
    if (is_one_of_many) {
      out_ += StrCat("  subgraph cluster_column", column,
                     " { style=invis; peripheries=0; label=\"\"; margin=14\n    top", column,
                     " [style=invis, shape=point, width=0.01]\n");
    }
    for (size_t i = 0; i < frames_.size(); ++i) {
      if (frames_[i].column == column) WriteFrame(i, frames_[i].nodes);
    }
    if (!is_one_of_many) return;
    out_ += "  }\n";
    if (column > 0) {
      out_ += StrCat("  top", column - 1, " -> top", column, " [style=invis, minlen=0]\n");
    }
    for (const auto& [name, its_column] : sources_) {
      if (its_column != column) continue;
      out_ += StrCat("  top", column, " -> ", name, " [style=invis]\n");
    }
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
    if (!IsUsed(node)) {  // no edge could say it
      for (const std::string& bytes : BytesOf(cost)) label += "<BR/>" + bytes;
    }
    if (!cost.online_levels.empty()) {
      label += StrCat("<BR/>round ", *cost.online_levels.begin() + 1);
    }
    out_ += StrCat("    node", node.id, " [", FormOf(kind), ", label=<", label, ">]\n");
  }

  // "deal 240 B", "online 12 B"; none where nothing is sent.
  static std::vector<std::string> BytesOf(const GroupCost& cost) {
    std::vector<std::string> texts;
    for (size_t i = 0; i < kPhases.size(); ++i) {
      if (cost.bytes[i] == 0) continue;
      texts.push_back(StrCat(Name(kPhases[i]), " ", HumanBytes(cost.bytes[i])));
    }
    return texts;
  }

  bool IsUsed(const Node& node) const {
    return std::any_of(program_.nodes().begin(), program_.nodes().end(), [&](const Node& other) {
      const auto& inputs = other.spec.inputs;
      return std::find_first_of(inputs.begin(), inputs.end(), node.outputs.begin(),
                                node.outputs.end()) != inputs.end();
    });
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
    const std::string self = StrCat("node", node.id);
    const size_t frame = frame_of_.at(node.id);
    const size_t column = frames_[frame].column;
    bool has_edge = false;  // from the same column
    for (const WireId wire : node.spec.inputs) {
      const Node& producer = program_.nodes()[program_.producer(wire)];
      const std::string_view path = producer.spec.path;
      if (!inside_.contains(producer.id)) {
        WriteEdge(Stub(frame, "from ", CutLike(path, prefix_), LayerOfPath(path)), self, wire);
      } else if (ColumnOf(producer.id) != column) {
        const size_t from = frame_of_.at(producer.id);
        WriteEdge(StrCat("node", producer.id), Stub(from, "to ", FrameName(node.id), ""), wire);
        WriteEdge(Stub(frame, "from ", FrameName(producer.id), ""), self, wire);
      } else {
        WriteEdge(StrCat("node", producer.id), self, wire);
      }
      has_edge = true;
    }
    if (!has_edge) sources_.emplace(self, column);
    for (const WireId wire : node.outputs) {
      for (const std::string& consumer : ConsumersOutside(wire)) {
        WriteEdge(self, Stub(frame, "to ", consumer, LayerOfPath(consumer)), wire);
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

  // A value; the first of the edges from a node has what the node costs.
  void WriteEdge(const std::string& from, const std::string& to, WireId wire) {
    const ValueType& type = program_.type(wire);
    const NodeId producer = program_.producer(wire);
    std::vector<std::string> lines = {CompactType(type)};
    if (inside_.contains(producer) && priced_.insert(producer).second) {
      for (const std::string& bytes : BytesOf(cost_.OfNode(producer))) {
        lines.push_back(StrCat("<B>", bytes, "</B>"));
      }
    }
    edges_ += StrCat("  ", from, " -> ", to, " [label=<", EdgeLabel(lines), ">, tooltip=\"",
                     type.ToString(), "\", color=\"", Color(type.sharing), "\"",
                     type.sharing == Sharing::kReplicated ? ", penwidth=2" : "", "]\n");
  }

  static std::string Bracketed(Sharing sharing, std::string_view bits) {
    if (sharing == Sharing::kReplicated) return StrCat("\u27e8", bits, "\u27e9");
    return StrCat("[", bits, "]");
  }

  // "[16] 2x3" of an additive value, with angle brackets of a replicated one.
  static std::string CompactType(const ValueType& type) {
    std::string sizes;
    for (const int64_t size : type.shape.sizes()) {
      sizes += StrCat(sizes.empty() ? "" : "\u00d7", size);
    }
    if (sizes.empty()) sizes = "1";
    return StrCat(Bracketed(type.sharing, StrCat(type.ring.bits())), " ", sizes);
  }

  // The frame of a node, as this picture names it.
  std::string FrameName(NodeId id) const {
    std::string_view name = frames_[frame_of_.at(id)].path;
    if (!prefix_.empty() && name.size() > prefix_.size()) name.remove_prefix(prefix_.size() + 1);
    return std::string(name);
  }

  // What stands in a frame for nodes elsewhere.
  std::string Stub(size_t frame, std::string_view direction, std::string_view path,
                   std::string_view layer) {
    const Elsewhere elsewhere = {stubs_.size(), std::string(layer)};
    const auto [stub, is_new] =
        stubs_.emplace(std::pair(frame, StrCat(direction, path)), elsewhere);
    const std::string name = StrCat("outside", stub->second.index);
    if (is_new && direction == "from ") sources_.emplace(name, frames_[frame].column);
    return name;
  }

  void WriteElsewhere(size_t frame) {
    for (const auto& [where, elsewhere] : stubs_) {
      if (where.first != frame) continue;
      const auto picture = links_.find(elsewhere.layer);
      const auto own = links_.find(LayerOfPath(prefix_));
      const bool is_link =
          picture != links_.end() && (own == links_.end() || own->second != picture->second);
      out_ += StrCat("    outside", elsewhere.index, " [shape=box, style=dashed",
                     is_link ? LinkTo(links_, elsewhere.layer) : "", ", label=<",
                     Underlined(EscapeLabel(where.second), is_link), ">]\n");
    }
  }

  std::string_view title_;
  const ProgramCost& cost_;
  const Program& program_;
  std::string_view prefix_;
  const std::set<NodeId>& inside_;
  const LayerLinks& links_;
  std::vector<Frame> frames_;
  std::map<NodeId, size_t> frame_of_;
  size_t columns_ = 1;
  std::map<std::pair<size_t, std::string>, Elsewhere> stubs_;  // by frame and text
  std::map<std::string, size_t> sources_;                      // without an edge to them, by column
  std::set<NodeId> priced_;
  std::string out_;
  std::string edges_;
};

}  // namespace

std::string CollapsedGraph(std::string_view title, const ProgramCost& cost,
                           const LayerLinks& links) {
  return CollapsedWriter(title, cost, links).Write();
}

StatusOr<std::string> DetailedGraph(std::string_view title, const ProgramCost& cost,
                                    std::string_view prefix, const LayerLinks& links) {
  std::set<NodeId> inside;
  for (const Node& node : cost.program().nodes()) {
    if (HasPathPrefix(node.spec.path, prefix)) inside.insert(node.id);
  }
  if (inside.empty()) {
    return InvalidArgument("expected a path that nodes have, found '", prefix, "'");
  }
  return DetailedWriter(title, cost, prefix, inside, links).Write();
}

std::vector<LayerPicture> LayerPicturesOf(const ProgramCost& cost) {
  std::vector<LayerPicture> pictures;
  std::set<std::string> names;
  for (Layer& layer : LayersOf(cost)) {
    std::string name = PictureOfLayer(layer.names.front());
    while (!names.insert(name).second) name += "-";
    pictures.push_back({name, std::move(layer.names), layer.each.nodes});
  }
  return pictures;
}

LayerLinks LinksTo(const std::vector<LayerPicture>& pictures) {
  LayerLinks links;
  for (const LayerPicture& picture : pictures) {
    for (const std::string& layer : picture.layers) links[layer] = picture.name + ".svg";
  }
  return links;
}

DirectoryFiles ProgramGraphs(std::string_view title, const ProgramCost& cost,
                             const std::vector<LayerPicture>& pictures) {
  const LayerLinks links = LinksTo(pictures);
  DirectoryFiles graphs;
  graphs[std::string(kProgramPicture)] = CollapsedGraph(title, cost, links);
  for (const LayerPicture& picture : pictures) {
    const std::vector<std::string>& layers = picture.layers;
    std::string layer_title = StrCat(title, ": ", layers.front());
    if (layers.size() > 1) {
      layer_title += StrCat(", and alike to ", layers.back(), " (", layers.size(), " in all)");
    }
    std::set<NodeId> inside;
    for (const Node& node : cost.program().nodes()) {
      if (LayerOfPath(node.spec.path) == layers.front()) inside.insert(node.id);
    }
    graphs[picture.name] = DetailedWriter(layer_title, cost, layers.front(), inside, links).Write();
  }
  return graphs;
}

}  // namespace lutra
