// Drawing a protocol trace.
#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "analysis/cost_table.h"
#include "analysis/graph.h"
#include "analysis/palette.h"
#include "analysis/protocol_trace.h"
#include "analysis/typeset.h"

namespace lutra {
namespace {

// Lengths are points.
constexpr double kFontSize = 10;
constexpr double kSmallSize = 9;
constexpr double kLine = 12;         // from a line of a box to the next
constexpr double kColumnGap = 16;    // least room between the boxes of two roles
constexpr double kLabelMargin = 16;  // of a label, from the ends of its arrow
constexpr double kBoxMargin = 12;    // of a box's text, both sides together
constexpr double kHeadsApart = 800;  // in a tall picture, from the heads of the columns to the next
constexpr double kHeads = 40;        // height of a row of heads
constexpr double kArrow = 23;        // height of an arrow with its label
constexpr double kSecondLabel = 12;  // more of one with a label below it
constexpr size_t kMostFormulaNodes = 20;
constexpr size_t kMarginCharacters = 24;
constexpr size_t kBoxCharacters = 24;
constexpr std::string_view kGrey = "#606060";

std::string SizeText(const TraceMessage& message) {
  return message.bits < 1000 ? StrCat(message.bits, message.bits == 1 ? " bit" : " bits")
                             : HumanBytes(message.bytes);
}

std::string_view PhaseTitle(Phase phase) {
  switch (phase) {
    case Phase::kModel:
      return "once per model";
    case Phase::kDeal:
      return "offline: deal";
    case Phase::kPrepare:
      return "offline: prepare";
    case Phase::kOnline:
      return "online";
  }
  return "";
}

// --------------------------------------------------------------------------------------- drawing

// A rectangle of lines of text.
struct TextBox {
  std::vector<std::string> lines;  // escaped; bold where they are headings
  std::vector<bool> headings;
  double width = 0;
  double height = 0;

  void Add(std::string line, bool heading) {
    width = std::max(width, TextWidth(line, kFontSize, heading) + kBoxMargin);
    lines.push_back(std::move(line));
    headings.push_back(heading);
    height = kLine * static_cast<double>(lines.size()) + 8;
  }
};

struct ArrowText {
  std::string content;  // before the size
  std::string size;
  std::string below;  // which nodes, where they are not those of the row

  double Width() const {
    return std::max(ContentWidth() + Gap() + SizeWidth(), TextWidth(below, kSmallSize)) +
           kLabelMargin;
  }
  double ContentWidth() const { return TextWidth(content, kFontSize); }
  double Gap() const { return 3 + 0.04 * ContentWidth(); }  // more where fonts may differ more
  double SizeWidth() const { return TextWidth(size, kFontSize, true); }
  double Height() const { return kArrow + (below.empty() ? 0 : kSecondLabel); }
};

struct DrawnRow {
  std::map<Role, TextBox> boxes;
  std::vector<ArrowText> arrows;
  std::vector<std::string> margin;  // its round, and which nodes send
  double boxes_height = 0;
  double height = 0;
};

// Nodes with fixed positions in Graphviz's language; y grows downwards here.
class Canvas {
 public:
  // A point that arrows begin and end at.
  std::string Point(double x, double y) {
    const std::string name = NextName();
    out_ += StrCat("  ", name, " [shape=point, style=invis, width=0.01, ", Position(x, y), "]\n");
    return name;
  }

  void Rectangle(double left, double top, double width, double height, std::string_view color) {
    out_ += StrCat("  ", NextName(), " [shape=box, style=filled, fixedsize=true, label=\"\", ",
                   "penwidth=0, color=\"", color, "\", fillcolor=\"", color,
                   "\", width=", Fixed(width / 72, 4), ", height=", Fixed(height / 72, 4), ", ",
                   Position(left + width / 2, top + height / 2), "]\n");
  }

  // An HTML-like label, by its middle.
  void Label(double x, double y, std::string_view html) {
    out_ += StrCat("  ", NextName(), " [shape=plain, ", Position(x, y), ", label=<", html, ">]\n");
  }

  void Arrow(double from, double to, double y, std::string_view color, std::string_view tooltip) {
    const std::string begin = Point(from, y), end = Point(to, y);
    arrows_ +=
        StrCat("  ", begin, " -> ", end, " [color=\"", color, "\", tooltip=\"", tooltip, "\"]\n");
  }

  std::string Finish(std::string_view title) && {
    return StrCat(
        "digraph trace {\n"
        "  graph [splines=line, outputorder=nodesfirst, bgcolor=white, pad=0.1, tooltip=\"",
        title,
        "\"]\n"
        "  node [fontname=\"Helvetica,Arial,sans-serif\", fontsize=",
        Fixed(kFontSize, 0),
        ", tooltip=\" \"]\n"
        "  edge [penwidth=1.4, arrowsize=0.7]\n",
        out_, arrows_, "}\n");
  }

 private:
  std::string NextName() { return StrCat("n", count_++); }
  static std::string Position(double x, double y) {
    return StrCat("pos=\"", Fixed(x, 1), ",", Fixed(-y, 1), "\"");
  }

  int count_ = 0;
  std::string out_;
  std::string arrows_;
};

std::string Small(std::string_view text, std::string_view color) {
  return StrCat("<FONT POINT-SIZE=\"", Fixed(kSmallSize, 0), "\" COLOR=\"", color, "\">", text,
                "</FONT>");
}

class TraceDrawer {
 public:
  TraceDrawer(std::string_view title, const ProgramCost& cost, const ProtocolTrace& trace,
              const TracePictureOptions& options)
      : title_(title), cost_(cost), trace_(trace), options_(options) {
    using Detail = TracePictureOptions::Detail;
    formulas_ = options.detail == Detail::kFormulas ||
                (options.detail == Detail::kAutomatic && trace.nodes.size() <= kMostFormulaNodes);
  }

  std::string Draw() && {
    for (const TraceRow& row : trace_.rows) rows_.push_back(Prepare(row));
    PlaceColumns();
    DrawEverything();
    return std::move(canvas_).Finish(EscapeLabel(title_));
  }

 private:
  const Node& NodeOf(NodeId id) const { return cost_.program().nodes()[id]; }

  // What a node is called within the picture: its path from the prefix on, or its protocol.
  std::string NameOf(NodeId id) const {
    const Node& node = NodeOf(id);
    std::string_view path = node.spec.path;
    if (path.size() > trace_.prefix.size()) {
      if (!trace_.prefix.empty()) path.remove_prefix(trace_.prefix.size() + 1);
      return EscapeLabel(path);
    }
    return Heading(node);
  }

  // "lookup exp, score".
  static std::string Heading(const Node& node) {
    std::vector<std::string> tables;
    for (const Table* table : node.tables) {
      tables.push_back(table->name.substr(table->name.rfind('.') + 1));
    }
    return EscapeLabel(
        StrCat(node.spec.protocol, tables.empty() ? "" : " ", CommaSeparated(tables)));
  }

  std::vector<std::string> NamesOf(const std::vector<NodeId>& nodes) const {
    std::vector<std::string> names;
    for (const NodeId id : nodes) {
      std::string name = NameOf(id);
      if (std::find(names.begin(), names.end(), name) == names.end()) {
        names.push_back(std::move(name));
      }
    }
    return names;
  }

  // ------------------------------------------------------------------------------ what is written

  DrawnRow Prepare(const TraceRow& row) {
    DrawnRow drawn;
    for (const auto& [role, work] : row.work) {
      TextBox box = formulas_ ? FormulaBox(work) : NamesBox(work, row.messages.empty());
      if (box.lines.empty()) continue;
      AddTime(row, role, box);
      drawn.boxes_height = std::max(drawn.boxes_height, box.height + 8);
      drawn.boxes[role] = std::move(box);
    }
    std::set<NodeId> senders;
    for (const TraceMessage& message : row.messages) {
      senders.insert(message.nodes.begin(), message.nodes.end());
    }
    const std::vector<NodeId> nodes(senders.begin(), senders.end());
    double arrows_height = 0;
    for (const TraceMessage& message : row.messages) {
      drawn.arrows.push_back(TextOf(message, nodes));
      arrows_height += drawn.arrows.back().Height();
    }
    drawn.margin = MarginOf(row, nodes);
    drawn.height = std::max(drawn.boxes_height + arrows_height + (row.messages.empty() ? 0 : 8),
                            kLine * static_cast<double>(drawn.margin.size()) + 8);
    return drawn;
  }

  // In a picture of a run: how long the role worked on the nodes that are in its column for the
  // first time in the phase, with all that they do in it.
  void AddTime(const TraceRow& row, Role role, TextBox& box) {
    if (options_.seconds.empty()) return;
    double seconds = 0;
    for (const TraceWork& work : row.work.at(role)) {
      const Ledger::Work key{work.node, row.phase, role};
      if (!timed_.insert(key).second) continue;
      const auto found = options_.seconds.find(key);
      if (found != options_.seconds.end()) seconds += found->second;
    }
    if (seconds > 0) box.Add(StrCat(Fixed(1e3 * seconds, 3), " ms"), false);
  }

  TextBox FormulaBox(const std::vector<TraceWork>& work) const {
    TextBox box;
    const bool named = trace_.nodes.size() > 1;
    NodeId last = 0;
    bool has_heading = false;
    for (const TraceWork& each : work) {
      const bool is_new = !has_heading || each.node != last;
      if (is_new && (named || each.lines.empty())) {
        box.Add(Heading(NodeOf(each.node)), !each.lines.empty());
      }
      has_heading = true;
      last = each.node;
      for (const std::string& line : each.lines) box.Add(Typeset(line), false);
    }
    return box;
  }

  // Operations and how many of them; what is done on messages belongs to the row before, and is
  // named where nothing else follows.
  TextBox NamesBox(const std::vector<TraceWork>& work, bool is_last) const {
    std::vector<std::string> protocols;
    std::map<std::string, int> counts;
    for (const TraceWork& each : work) {
      if (each.after && !is_last) continue;
      const std::string& protocol = NodeOf(each.node).spec.protocol;
      if (++counts[protocol] == 1) protocols.push_back(protocol);
    }
    for (std::string& protocol : protocols) {
      const int count = counts[protocol];
      protocol = EscapeLabel(protocol) + (count == 1 ? "" : StrCat(" \u00d7", count));
    }
    TextBox box;
    for (std::string& line : Wrap(protocols, kBoxCharacters, 8)) box.Add(std::move(line), false);
    return box;
  }

  ArrowText TextOf(const TraceMessage& message, const std::vector<NodeId>& of_row) const {
    ArrowText text;
    text.size = SizeText(message);
    std::string contents;
    if (formulas_ && message.contents.size() + message.named.size() <= 2) {
      std::vector<std::string> parts;
      for (const std::string& content : message.contents) parts.push_back(Typeset(content));
      for (const std::string& name : message.named) parts.push_back(EscapeLabel(name));
      contents = parts.size() == 2 ? StrCat(parts[0], "; ", parts[1]) : parts[0];
    }
    if (contents.empty()) {
      std::set<std::string> protocols;
      for (const NodeId id : message.nodes) protocols.insert(NodeOf(id).spec.protocol);
      contents = EscapeLabel(CommaSeparated(protocols));
    }
    text.content = contents + ":";
    const std::vector<std::string> names = NamesOf(message.nodes);
    if (names != NamesOf(of_row)) {
      const std::vector<std::string> below = Wrap(names, 2 * kMarginCharacters, 1);
      if (!below.empty()) text.below = below[0];
    }
    return text;
  }

  std::vector<std::string> MarginOf(const TraceRow& row, const std::vector<NodeId>& nodes) const {
    std::vector<std::string> margin;
    if (row.messages.empty()) return margin;
    if (row.phase == Phase::kOnline) {
      margin.push_back(StrCat("round ", row.level + options_.first_round));
    }
    if (trace_.nodes.size() > 1) {
      for (std::string& line : Wrap(NamesOf(nodes), kMarginCharacters, 4)) {
        margin.push_back(std::move(line));
      }
    }
    return margin;
  }

  // -------------------------------------------------------------------------------------- places

  size_t ColumnOf(Role role) const {
    return static_cast<size_t>(std::find(trace_.roles.begin(), trace_.roles.end(), role) -
                               trace_.roles.begin());
  }

  void PlaceColumns() {
    margin_width_ = 0;
    std::vector<double> widths;  // of the boxes
    for (const Role role : trace_.roles) {
      widths.push_back(TextWidth(Title(role), 12, true) + 20);
    }
    for (const TraceRow& row : trace_.rows) {
      margin_width_ = std::max(margin_width_, TextWidth(PhaseTitle(row.phase), 11, true));
    }
    for (const DrawnRow& row : rows_) {
      for (const auto& [role, box] : row.boxes) {
        double& width = widths[ColumnOf(role)];
        width = std::max(width, box.width);
      }
      for (const std::string& line : row.margin) {
        margin_width_ = std::max(margin_width_, TextWidth(line, kSmallSize));
      }
    }
    margin_width_ += 24;
    std::vector<double> gaps;  // from each column to the next
    for (size_t i = 0; i + 1 < widths.size(); ++i) {
      gaps.push_back(widths[i] / 2 + kColumnGap + widths[i + 1] / 2);
    }
    WidenForArrows(gaps);
    columns_.push_back(margin_width_ + kColumnGap + widths[0] / 2);
    for (const double gap : gaps) columns_.push_back(columns_.back() + gap);
    width_ = columns_.back() + widths.back() / 2 + kColumnGap;
  }

  // Every label fits its arrow: short arrows first, as they widen long ones.
  void WidenForArrows(std::vector<double>& gaps) const {
    for (size_t span = 1; span <= gaps.size(); ++span) {
      for (size_t i = 0; i < rows_.size(); ++i) {
        for (size_t j = 0; j < rows_[i].arrows.size(); ++j) {
          const TraceMessage& message = trace_.rows[i].messages[j];
          const auto [first, last] = std::minmax({ColumnOf(message.from), ColumnOf(message.to)});
          if (last - first != span) continue;
          double room = 0;
          for (size_t k = first; k < last; ++k) room += gaps[k];
          const double missing = rows_[i].arrows[j].Width() + kLabelMargin - room;
          for (size_t k = first; k < last && missing > 0; ++k) {
            gaps[k] += missing / static_cast<double>(span);
          }
        }
      }
    }
  }

  // ------------------------------------------------------------------------------------- drawing

  void DrawEverything() {
    const double heads = DrawTitle();
    double y = heads + 32;
    double last_heads = heads;
    std::vector<double> tops;
    std::vector<double> more_heads;
    for (size_t i = 0; i < rows_.size(); ++i) {
      const bool begins = i == 0 || trace_.rows[i].phase != trace_.rows[i - 1].phase;
      y += begins ? 22 : 6;
      if (!begins && i + 1 < rows_.size() && y + rows_[i].height - last_heads > kHeadsApart) {
        more_heads.push_back(y + kHeads / 2 - 4);
        last_heads = y;
        y += kHeads;
      }
      tops.push_back(y);
      y += rows_[i].height;
    }
    const double bottom = y + 8;
    DrawBands(tops, bottom);
    for (const double x : columns_) {
      canvas_.Rectangle(x - 0.5, heads + 10, 1, bottom - heads - 10, "#A0A0A0");
    }
    DrawHeads(heads + 10);
    for (const double top : more_heads) DrawHeads(top);
    const bool is_tall = bottom > 900;
    if (is_tall) DrawHeads(bottom + 12);
    for (size_t i = 0; i < rows_.size(); ++i) DrawRow(i, tops[i]);
  }

  double DrawTitle() {
    std::string subtitle;
    for (const Phase phase : kPhases) {
      int64_t bytes = 0;
      for (const TraceRow& row : trace_.rows) {
        if (row.phase != phase) continue;
        for (const TraceMessage& message : row.messages) bytes += message.bytes;
      }
      if (bytes == 0) continue;
      subtitle += StrCat(subtitle.empty() ? "" : ", ", Name(phase), " ", HumanBytes(bytes));
    }
    const auto rounds = std::count_if(
        trace_.rows.begin(), trace_.rows.end(),
        [](const TraceRow& row) { return row.phase == Phase::kOnline && !row.messages.empty(); });
    subtitle +=
        StrCat(subtitle.empty() ? "" : ", ", rounds, rounds == 1 ? " round" : " rounds", " online");
    if (!options_.note.empty()) subtitle = StrCat(EscapeLabel(options_.note), ": ", subtitle);
    const double width =
        std::max(TextWidth(EscapeLabel(title_), 14, true), TextWidth(subtitle, kFontSize));
    width_ = std::max(width_, width + 20);
    LeftLabel(8, 10, StrCat("<FONT POINT-SIZE=\"14\"><B>", EscapeLabel(title_), "</B></FONT>"));
    LeftLabel(8, 27, StrCat("<FONT COLOR=\"", kGrey, "\">", subtitle, "</FONT>"));
    return 46;
  }

  // Text that begins at x.
  void LeftLabel(double x, double y, std::string_view html) {
    const double width = width_ - x;
    canvas_.Label(
        x + width / 2, y,
        StrCat("<TABLE BORDER=\"0\" CELLBORDER=\"0\" CELLPADDING=\"0\" WIDTH=\"", Fixed(width, 0),
               "\"><TR><TD ALIGN=\"LEFT\">", html, "</TD></TR></TABLE>"));
  }

  void DrawBands(const std::vector<double>& tops, double bottom) {
    for (size_t i = 0; i < rows_.size(); ++i) {
      const Phase phase = trace_.rows[i].phase;
      if (i > 0 && trace_.rows[i - 1].phase == phase) continue;
      size_t next = i + 1;
      while (next < rows_.size() && trace_.rows[next].phase == phase) ++next;
      const double top = tops[i] - 20;
      const double end = next < rows_.size() ? tops[next] - 22 : bottom;
      canvas_.Rectangle(0, top, 5, end - top, Color(phase));
      canvas_.Rectangle(0, top, width_, 1, Color(phase));
      LeftLabel(12, top + 11,
                StrCat("<FONT POINT-SIZE=\"11\"><B>", PhaseTitle(phase), "</B></FONT>"));
    }
  }

  void DrawHeads(double top) {
    for (size_t i = 0; i < columns_.size(); ++i) {
      const Role role = trace_.roles[i];
      canvas_.Label(
          columns_[i], top,
          StrCat("<TABLE BORDER=\"2\" CELLBORDER=\"0\" CELLPADDING=\"4\" COLOR=\"", Color(role),
                 "\" BGCOLOR=\"", Tint(role), "\" STYLE=\"ROUNDED\"><TR><TD>",
                 "<FONT POINT-SIZE=\"12\"><B>", Title(role), "</B></FONT></TD></TR></TABLE>"));
    }
  }

  void DrawRow(size_t index, double top) {
    const TraceRow& row = trace_.rows[index];
    const DrawnRow& drawn = rows_[index];
    for (const auto& [role, box] : drawn.boxes) DrawBox(role, box, top);
    for (size_t i = 0; i < drawn.margin.size(); ++i) {
      const double y = top + 8 + kLine * static_cast<double>(i);
      const bool is_round = i == 0 && row.phase == Phase::kOnline;
      LeftLabel(12, y, Small(drawn.margin[i], is_round ? "#000000" : kGrey));
    }
    double y = top + drawn.boxes_height;
    for (size_t i = 0; i < drawn.arrows.size(); ++i) {
      DrawArrow(row, row.messages[i], drawn.arrows[i], y);
      y += drawn.arrows[i].Height();
    }
  }

  void DrawBox(Role role, const TextBox& box, double top) {
    std::string html = StrCat(
        "<TABLE BORDER=\"1\" CELLBORDER=\"0\" CELLPADDING=\"3\" "
        "CELLSPACING=\"0\" COLOR=\"",
        Color(role), "\" BGCOLOR=\"", Tint(role),
        "\"><TR><TD><TABLE BORDER=\"0\" CELLBORDER=\"0\" "
        "CELLPADDING=\"0\" CELLSPACING=\"0\" WIDTH=\"",
        Fixed(box.width - kBoxMargin, 0), "\">");
    for (size_t i = 0; i < box.lines.size(); ++i) {
      const bool bold = box.headings[i];
      html += StrCat("<TR><TD ALIGN=\"LEFT\" HEIGHT=\"", Fixed(kLine, 0), "\">", bold ? "<B>" : "",
                     box.lines[i], bold ? "</B>" : "", "</TD></TR>");
    }
    html += "</TABLE></TD></TR>";
    canvas_.Label(columns_[ColumnOf(role)], top + box.height / 2, html + "</TABLE>");
  }

  void DrawArrow(const TraceRow& row, const TraceMessage& message, const ArrowText& text,
                 double top) {
    const double from = columns_[ColumnOf(message.from)], to = columns_[ColumnOf(message.to)];
    const double y = top + 20, middle = (from + to) / 2;
    const std::string above =
        StrCat(Cell(text.content, text.ContentWidth(), "RIGHT"), Cell("", text.Gap(), "LEFT"),
               Cell(StrCat("<B>", text.size, "</B>"), text.SizeWidth(), "LEFT"));
    canvas_.Label(middle, y - 9, OnWhite(above));
    if (!text.below.empty()) {
      canvas_.Label(
          middle, y + 9,
          OnWhite(Cell(Small(text.below, kGrey), TextWidth(text.below, kSmallSize), "CENTER")));
    }
    const std::string round =
        row.phase == Phase::kOnline ? StrCat(", round ", row.level + options_.first_round) : "";
    canvas_.Arrow(from, to, y, Color(row.phase),
                  StrCat(Name(row.phase), round, ": ", Name(message.from), " to ", Name(message.to),
                         ", ", message.bits, " bits, ", message.bytes,
                         " bytes: ", CommaSeparated(NamesOf(message.nodes))));
  }

  // Graphviz's own measure of text is too short for some fonts.
  static std::string Cell(std::string_view text, double width, std::string_view align) {
    return StrCat("<TD ALIGN=\"", align, "\" WIDTH=\"", Fixed(width, 0), "\">", text, "</TD>");
  }
  static std::string OnWhite(std::string_view cells) {
    return StrCat(
        "<TABLE BORDER=\"0\" CELLBORDER=\"0\" CELLPADDING=\"0\" CELLSPACING=\"0\" "
        "BGCOLOR=\"white\"><TR>",
        cells, "</TR></TABLE>");
  }

  std::string_view title_;
  const ProgramCost& cost_;
  const ProtocolTrace& trace_;
  const TracePictureOptions& options_;
  bool formulas_ = true;
  std::vector<DrawnRow> rows_;
  std::set<Ledger::Work> timed_;
  std::vector<double> columns_;
  double margin_width_ = 0;
  double width_ = 0;
  Canvas canvas_;
};

}  // namespace

std::string TraceGraph(std::string_view title, const ProgramCost& cost, const ProtocolTrace& trace,
                       const TracePictureOptions& options) {
  return TraceDrawer(title, cost, trace, options).Draw();
}

}  // namespace lutra
