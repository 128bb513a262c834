// What the tape is made of.
#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "analysis/cost.h"
#include "analysis/cost_table.h"
#include "analysis/palette.h"
#include "analysis/report_cells.h"
#include "analysis/report_figures.h"
#include "analysis/report_sections.h"
#include "core/packing.h"
#include "core/text.h"
#include "mpc/correlation.h"

namespace lutra {
namespace {

constexpr size_t kMostBars = 12;  // of a figure

struct TapePart {
  std::string step, field, rows;
  int64_t elements = 0;  // of one session
  int64_t bits = 0;      // likewise
};

int64_t DealtBits(const Field& field) {
  if (!field.derived()) return 0;
  const int64_t bits = field.elements * field.entries * field.ring.bits();
  return field.kind == Field::Kind::kDerivedReplicated ? 2 * bits : bits;
}

// "4+4 to 16 bits" of a table; "16 bits" of anything else.
std::string RowsOf(const Node& node, const Field& field) {
  for (const Table* table : node.tables) {
    if (table->name != field.name) continue;
    std::string inputs;
    for (const int32_t bits : table->index_bits) {
      inputs += StrCat(inputs.empty() ? "" : "+", bits);
    }
    return StrCat(inputs, " to ", table->bits, " bits");
  }
  return StrCat(field.entries, " of ", field.ring.bits(), " bits");
}

// The name of a table without its layer, so that layers add up.
std::string FieldName(std::string_view name) {
  const std::string_view layer = LayerOfPath(name);
  const bool numbered = layer.find('.') != layer.npos && name.size() > layer.size();
  return std::string(numbered ? name.substr(layer.size() + 1) : name);
}

// "attention.norm.square", "attention.norm: extend_centred".
std::string BarName(const TapePart& part) {
  return part.field.starts_with(part.step) ? part.field : StrCat(part.step, ": ", part.field);
}

NamedAmount TapeBar(std::string name, int64_t bits, int64_t all) {
  const double share = static_cast<double>(bits) / static_cast<double>(all);
  return {std::move(name), static_cast<double>(bits),
          StrCat(HumanBytes(BitsToBytes(bits)), "  ", Shown(share, Format::kShare))};
}

ReportFigure TapeFigure(const std::vector<TapePart>& parts, int64_t all, int64_t tape_bytes) {
  std::vector<NamedAmount> rows;
  int64_t others = all;
  for (size_t i = 0; i < std::min(kMostBars, parts.size()); ++i) {
    rows.push_back(TapeBar(BarName(parts[i]), parts[i].bits, all));
    others -= parts[i].bits;
  }
  if (others > 0) rows.push_back(TapeBar("all others", others, all));
  const std::string title = "The largest parts of a tape";
  return {"tape",
          StrCat("The largest parts of the tape of one session, ", HumanBytes(tape_bytes),
                 " in all (closed form)."),
          BarsPicture(title, rows, Color(Phase::kDeal), kWide),
          BarsPicture(title, rows, Color(Phase::kDeal), kNarrow)};
}

ReportTable TapeTable(std::vector<TapePart> parts, int64_t all) {
  ReportTable table;
  table.id = "tape-parts";
  table.title = "Parts of a tape";
  table.note =
      "Of one session, to P1 and P2 together. An element is one lookup, where the field "
      "is a table; each has a table of its own, turned by its mask.";
  table.columns = {{"operation"},
                   {"field"},
                   {"rows"},
                   {"elements", Format::kCount, Source::kClosedForm},
                   {"bits", Format::kCount, Source::kClosedForm},
                   {"bytes", Format::kBytes, Source::kClosedForm},
                   {"share", Format::kShare, Source::kClosedForm, true}};
  table.left_out =
      KeepLargest(parts, kMostTableRows, [](const TapePart& part) { return part.bits; });
  for (const TapePart& part : parts) {
    table.Add({part.step, part.field, part.rows, part.elements, part.bits, BitsToBytes(part.bits),
               ShareOf(part.bits, all)});
  }
  return table;
}

}  // namespace

OptionalSection TapeSection(const RunToReport& run) {
  std::vector<TapePart> parts;
  std::map<std::tuple<std::string, std::string, std::string>, size_t> index;
  int64_t all = 0;
  for (const Node& node : run.program().nodes()) {
    for (const Field& field : node.correlation) {
      const int64_t bits = DealtBits(field);
      if (bits == 0) continue;
      const TapePart part{OrNoPath(StepOfPath(node.spec.path)), FieldName(field.name),
                          RowsOf(node, field), 0, 0};
      const auto [found, added] =
          index.emplace(std::tuple(part.step, part.field, part.rows), parts.size());
      if (added) parts.push_back(part);
      parts[found->second].elements += field.elements;
      parts[found->second].bits += bits;
      all += bits;
    }
  }
  if (parts.empty()) return std::nullopt;
  std::stable_sort(parts.begin(), parts.end(),
                   [](const TapePart& a, const TapePart& b) { return a.bits > b.bits; });
  ReportSection section{"tape", "What the tape is made of", "Tape", {}};
  section.items.emplace_back(TapeFigure(parts, all, run.cost.tape_bytes()));
  section.items.emplace_back(TapeTable(std::move(parts), all));
  return section;
}

}  // namespace lutra
