// The picture that one can zoom: its data.
#include <map>
#include <utility>

#include "analysis/cost.h"
#include "analysis/cost_table.h"
#include "analysis/report_cells.h"
#include "analysis/report_sections.h"
#include "core/text.h"

namespace lutra {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMostNodesDrawn = 20000;  // one by one in the picture that one can zoom
constexpr size_t kMostGroupsDrawn = 20000;

// Names once, then for each block: layer, operation, name, bytes and seconds by phase.
Json IcicleJson(const std::vector<NodeGroup>& groups) {
  std::map<std::string, size_t> index;
  Json names = Json::array(), blocks = Json::array();
  const auto number_of = [&](std::string name) {
    const auto [found, added] = index.emplace(name, index.size());
    if (added) names.push_back(CleanText(name));
    return found->second;
  };
  for (const NodeGroup& group : groups) {
    const size_t first = group.name.find('\n'), second = group.name.find('\n', first + 1);
    Json block = {number_of(group.name.substr(0, first)),
                  number_of(group.name.substr(first + 1, second - first - 1)),
                  number_of(group.name.substr(second + 1))};
    for (const int64_t bytes : group.bytes) block.push_back(bytes);
    // Microseconds are enough, and short.
    for (const double seconds : group.seconds) {
      block.push_back(static_cast<int64_t>(seconds * 1e6 + 0.5));
    }
    blocks.push_back(std::move(block));
  }
  return {{"names", std::move(names)}, {"blocks", std::move(blocks)}};
}

}  // namespace

ReportSection ZoomSection(const RunToReport& run, const NodeSums& sums, Json& data) {
  ReportSection section{"zoom", "From the whole to a node", "Zoom", {}};
  section.items.emplace_back(
      "Layers, in them operations, in them nodes, as wide as their share. Choose a block to go "
      "into it, the path above to go back. Bytes are counted, of all sessions; seconds are "
      "measured: the work of all roles added up, which is not the wall time of a phase.");
  section.items.emplace_back(ReportIcicle{});
  const bool every_node = run.program().nodes().size() <= kMostNodesDrawn;
  std::vector<NodeGroup> groups = sums.By([&](const Node& node) {
    const std::string& path = node.spec.path;
    const std::string step = StrCat(OrNoPath(LayerOfPath(path)), "\n", OrNoPath(StepOfPath(path)));
    return every_node ? StrCat(step, "\n", node.spec.protocol, " ", node.id)
                      : StrCat(step, "\n", node.spec.protocol);
  });
  const int64_t left_out =
      KeepLargest(groups, kMostGroupsDrawn, [](const auto& group) { return group.all_bytes(); });
  if (!every_node) {
    section.items.emplace_back(
        "The program is long: nodes of one operation and protocol are one block.");
  }
  if (left_out > 0) {
    section.items.emplace_back(StrCat(Grouped(left_out), " small blocks are left out."));
  }
  data["icicle"] = IcicleJson(groups);
  return section;
}

}  // namespace lutra
