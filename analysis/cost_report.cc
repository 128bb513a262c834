#include "analysis/cost_report.h"

#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "analysis/cost_table.h"
#include "core/text.h"

namespace lutra {
namespace {

using Json = nlohmann::ordered_json;

struct LinkTotal {
  int64_t bits = 0;
  int64_t bytes = 0;
  int64_t messages = 0;
};

// By phase and link, all levels together.
std::map<std::tuple<Phase, Role, Role>, LinkTotal> LinkTotals(const ProgramCost& cost) {
  std::map<std::tuple<Phase, Role, Role>, LinkTotal> links;
  for (const auto& [part, bits] : cost.bits()) links[{part.phase, part.from, part.to}].bits += bits;
  for (const auto& [link, traffic] : cost.traffic()) {
    LinkTotal& total = links[{link.phase, link.from, link.to}];
    total.bytes += traffic.bytes;
    total.messages += traffic.messages;
  }
  return links;
}

std::string GroupTable(std::string_view what, const std::vector<GroupCost>& groups) {
  std::vector<std::string> head = {std::string(what), "nodes", "lookups"};
  for (const Phase phase : kPhases) head.emplace_back(Name(phase));
  head.emplace_back("rounds");
  TextTable table(std::move(head));
  for (const GroupCost& group : groups) {
    std::vector<std::string> row = {group.name.empty() ? "(no path)" : group.name,
                                    StrCat(group.nodes), Grouped(group.lookups)};
    for (const int64_t bytes : group.bytes) row.push_back(HumanBytes(bytes));
    row.push_back(StrCat(group.online_levels.size()));
    table.AddRow(std::move(row));
  }
  return table.ToString();
}

std::string LinkTable(const ProgramCost& cost) {
  TextTable table({"phase", "link", "bytes", "messages"}, {1});
  for (const auto& [link, total] : LinkTotals(cost)) {
    const auto& [phase, from, to] = link;
    table.AddRow({std::string(Name(phase)), StrCat(Name(from), " -> ", Name(to)),
                  HumanBytes(total.bytes), Grouped(total.messages)});
  }
  return table.ToString();
}

Json GroupsJson(const std::vector<GroupCost>& groups) {
  Json list = Json::array();
  for (const GroupCost& group : groups) {
    Json json = {{"name", group.name}, {"nodes", group.nodes}, {"lookups", group.lookups}};
    for (size_t i = 0; i < kPhases.size(); ++i) {
      json[std::string(Name(kPhases[i]))] = {{"bits", group.bits[i]}, {"bytes", group.bytes[i]}};
    }
    json["rounds"] = group.online_levels.size();
    list.push_back(std::move(json));
  }
  return list;
}

Json PhasesJson(const ProgramCost& cost) {
  Json list = Json::array();
  for (const PhaseCost& phase : cost.phases()) {
    Json json = {{"phase", Name(phase.phase)},
                 {"bytes", phase.bytes},
                 {"messages", phase.messages},
                 {"rounds", phase.rounds}};
    if (phase.largest.has_value()) {
      json["largest_link"] = {{"from", Name(phase.largest->from)},
                              {"to", Name(phase.largest->to)},
                              {"bytes", phase.largest->bytes}};
    } else {
      json["largest_link"] = nullptr;
    }
    list.push_back(std::move(json));
  }
  return list;
}

Json LinksJson(const ProgramCost& cost) {
  Json list = Json::array();
  for (const auto& [link, total] : LinkTotals(cost)) {
    const auto& [phase, from, to] = link;
    list.push_back({{"phase", Name(phase)},
                    {"from", Name(from)},
                    {"to", Name(to)},
                    {"bits", total.bits},
                    {"bytes", total.bytes},
                    {"messages", total.messages}});
  }
  return list;
}

}  // namespace

std::string CostSummary(const ProgramCost& cost) {
  return StrCat(cost.program().nodes().size(), " nodes, ", cost.program().rounds(Phase::kOnline),
                " rounds online, ", Grouped(cost.lookups()), " lookups, tape ",
                HumanBytes(cost.tape_bytes()));
}

std::string CostReport(std::string_view name, const ProgramCost& cost) {
  return StrCat(name, ": ", CostSummary(cost), "\n\n", CostTable(cost.phases(), std::nullopt), "\n",
                LinkTable(cost), "\n") +
         StrCat(GroupTable("layer", cost.ByLayer()), "\n", GroupTable("step", cost.ByStep()), "\n",
                GroupTable("protocol", cost.ByProtocol()));
}

Json CostJson(std::string_view name, const ProgramCost& cost) {
  const Program& program = cost.program();
  const auto phases = cost.phases();
  Json json;
  json["name"] = name;
  json["program"] = {{"digest", program.digest().Hex()},
                     {"nodes", program.nodes().size()},
                     {"levels", program.levels(Phase::kOnline)}};
  json["deployment"] = Name(program.deployment());
  json["totals"] = {{"tape_bytes", cost.tape_bytes()},
                    {"lookups", cost.lookups()},
                    {"rounds", program.rounds(Phase::kOnline)}};
  for (const PhaseCost& phase : phases) {
    json["totals"][StrCat(Name(phase.phase), "_bytes")] = phase.bytes;
  }
  json["phases"] = PhasesJson(cost);
  json["links"] = LinksJson(cost);
  json["layers"] = GroupsJson(cost.ByLayer());
  json["steps"] = GroupsJson(cost.ByStep());
  json["protocols"] = GroupsJson(cost.ByProtocol());
  return json;
}

}  // namespace lutra
