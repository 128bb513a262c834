// Which role saw what.
#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "analysis/report_cells.h"
#include "analysis/report_sections.h"
#include "core/text.h"
#include "mpc/correlation.h"
#include "mpc/protocol.h"

namespace lutra {
namespace {

std::string OrUnstated(std::string_view argument) {
  return argument.empty() ? "no argument is stated" : std::string(argument);
}

// Why what the dealer sends of a node tells its receiver nothing.
std::string DealtArgument(const Node& node, Role to) {
  std::string argument;
  const auto add = [&](std::string_view more) {
    if (argument.find(more) != argument.npos) return;
    argument += StrCat(argument.empty() ? "" : "; ", more);
  };
  for (const Field& field : node.correlation) {
    if (field.kind == Field::Kind::kDerivedAdditive) {
      add(to == Role::kP1 ? "a share masked by F(d2), a key that P1 lacks: uniform"
                          : "a share masked by F(d1), a key that P2 lacks: uniform");
    } else if (field.kind == Field::Kind::kDerivedReplicated) {
      add(to == Role::kP1 ? "masked by F(g0), a key that P1 lacks: uniform"
                          : "masked by F(g1), a key that P2 lacks: uniform");
    } else if (field.kind == Field::Kind::kDerivedFor && field.holder == to) {
      add(OrUnstated(node.protocol->Privacy(node, Phase::kDeal, to)));
    }
  }
  return OrUnstated(argument);
}

ReportTable ReceivedTable(const RunToReport& run) {
  using Key = std::tuple<Role, Phase, Role, std::string, std::string>;
  std::map<Key, int64_t> seen;
  for (const auto& [part, bits] : run.tables.bits) {
    const Node& node = run.program().nodes()[part.node];
    const std::string argument =
        part.phase == Phase::kDeal
            ? DealtArgument(node, part.to)
            : OrUnstated(node.protocol->Privacy(node, part.phase, part.to));
    seen[{part.to, part.phase, part.from, node.spec.protocol, argument}] += bits;
  }
  ReportTable table;
  table.id = "seen";
  table.title = "What was received";
  table.columns = {
      {"role"},    {"phase"}, {"from"}, {"protocol"}, {"bits", Format::kBits, Source::kCounted},
      {"argument"}};
  for (const auto& [key, bits] : seen) {
    const auto& [to, phase, from, protocol, argument] = key;
    table.Add({TextCell(Name(to)), TextCell(Name(phase)), TextCell(Name(from)), protocol, bits,
               argument});
  }
  return table;
}

std::string RolesNote(const RunTables& tables) {
  std::set<Role> receivers;
  bool p0_online = false;
  for (const auto& [link, traffic] : tables.traffic) {
    receivers.insert(link.to);
    p0_online = p0_online || (link.phase == Phase::kOnline && link.to == Role::kP0);
  }
  std::string silent;
  for (const Role role : kRoles) {
    if (!receivers.contains(role)) silent += StrCat(silent.empty() ? "" : ", ", Name(role));
  }
  return StrCat(silent.empty() ? "Every role received something."
                               : StrCat("Received nothing at all: ", silent, "."),
                p0_online ? " P0 was sent something online."
                          : " Nothing was sent to the dealer or to P0 online.");
}

ReportTable KeyTable() {
  ReportTable table;
  table.id = "keys-held";
  table.title = "Keys that roles have in common";
  table.columns = {{"role"}, {"holds"}};
  table.note = "What a stream of a key masks is uniform to whoever lacks the key.";
  for (const Role role : kRoles) {
    std::string keys;
    for (size_t i = 0; i < kKeyCount; ++i) {
      const auto key = static_cast<KeyName>(i);
      if (Holds(role, key)) keys += StrCat(keys.empty() ? "" : ", ", Name(key));
    }
    table.Add({TextCell(Name(role)), keys});
  }
  return table;
}

void AddRemarks(const RunToReport& run, ReportSection& section) {
  const auto& nodes = run.program().nodes();
  const bool has_coins = std::any_of(nodes.begin(), nodes.end(), [](const Node& node) {
    return node.spec.protocol == "top_bits";
  });
  if (has_coins) {
    section.items.emplace_back(
        "Rounding coins follow from the shares of P1 and P2: a party and an owner that put "
        "together what they know could learn more than the result.");
  }
  if (run.runner().find("sim") != std::string_view::npos) {
    section.items.emplace_back(
        "This was a simulation: all roles in one process, so nothing was hidden from whoever ran "
        "it.");
  }
  if (run.facts.seed != "operating-system") {
    section.items.emplace_back(
        "Keys follow from a number that anybody can guess: this run kept no secret.");
  }
}

}  // namespace

ReportSection SecuritySection(const RunToReport& run) {
  ReportSection section{"security", "Which role saw what", "Security", {}};
  section.items.emplace_back(
      "What each role received in this run, and why it tells it nothing else: against one of P0, "
      "P1, P2 that follows the protocol, with the dealer colluding with nobody. The arguments are "
      "those of the protocols, not proofs of this program.");
  section.items.emplace_back(ReceivedTable(run));
  section.items.emplace_back(RolesNote(run.tables));
  section.items.emplace_back(KeyTable());
  AddRemarks(run, section);
  return section;
}

}  // namespace lutra
