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
#include "mpc/protocols/input.h"

namespace lutra {
namespace {

bool HasSwitch(const RunFacts& facts, std::string_view name) {
  return std::find(facts.command.begin(), facts.command.end(), name) != facts.command.end();
}

std::string OrUnstated(std::string_view argument) {
  return argument.empty() ? "no argument is stated" : std::string(argument);
}

// Against whom the arguments are.
std::string AdversaryNote(const Program& program) {
  const bool one_operator = program.deployment() == Deployment::kSharedDealer;
  return StrCat("What each role received in this run, and why it tells it nothing else: against ",
                one_operator
                    ? "P1, P2, or the one operator of dealer and P0, which follow the protocol and "
                      "do not put together what they know. The operator knows every mask, and is "
                      "sent nothing online. "
                    : "one of P0, P1, P2 that follows the protocol, with the dealer colluding with "
                      "nobody. ",
                "The arguments are those of the protocols, not proofs of this program.");
}

// ------------------------------------------------------------------------------- before the run

// Whether the data owner embeds: in EmbeddingForm::kClient of models/bert_program.h it has this
// input.
bool EmbedsAtDataOwner(const Program& program) {
  return std::any_of(program.nodes().begin(), program.nodes().end(), [](const Node& node) {
    return IsInput(node) && NameOf(node) == "embedding.embedded";
  });
}

// "all 3 tables", "2 of 3 tables", "the table".
std::string Of(size_t part, size_t count) {
  if (count == 1) return "the table";
  return part == count ? StrCat("all ", count, " tables") : StrCat(part, " of ", count, " tables");
}

ReportTable KnownTable(const Program& program) {
  const auto count = program.tables().size();
  const auto secret =
      static_cast<size_t>(std::count_if(program.tables().begin(), program.tables().end(),
                                        [](const Table& table) { return table.is_private; }));
  const bool one_operator = program.deployment() == Deployment::kSharedDealer;
  std::vector<std::string> everybody = {"the program: shapes, rings, protocols, their order",
                                        "who takes part", "sizes and times of messages"};
  if (secret < count) {
    everybody.push_back(StrCat("the contents of ", Of(count - secret, count), ": public"));
  }
  if (secret > 0) everybody.push_back(StrCat("the size alone of ", Of(secret, count)));
  std::vector<std::string> dealer = {"every mask of the tape that it deals"};
  std::vector<std::string> model_owner = {"the weights"};
  if (secret > 0) {
    dealer.insert(dealer.begin(), StrCat("the contents of ", Of(count, count)));
    model_owner.push_back(dealer[0]);
  }
  if (one_operator) dealer.emplace_back("what P0 knows: one operator has both");
  std::vector<std::string> p0, data_owner = {"its data"};
  if (one_operator) p0.emplace_back("what the dealer knows: one operator has both");
  if (EmbedsAtDataOwner(program)) {
    data_owner.emplace_back("the whole embedding of the model, to embed its data itself");
  }
  ReportTable table;
  table.id = "known";
  table.title = "What roles know before the run";
  table.columns = {{"role"}, {"knows"}};
  table.note = "Handed over once, before the run, and counted in no phase. Keys are listed below.";
  const auto add = [&](std::string_view role, const std::vector<std::string>& known) {
    std::string text;
    for (const std::string& one : known) text += StrCat(text.empty() ? "" : "; ", one);
    table.Add({TextCell(role), text.empty() ? TextCell("what everybody knows") : TextCell(text)});
  };
  add("everybody", everybody);
  add(Name(Role::kDealer), dealer);
  add(Name(Role::kP0), p0);
  add(Name(Role::kP1), {});
  add(Name(Role::kP2), {});
  add(Name(Role::kModelOwner), model_owner);
  add(Name(Role::kDataOwner), data_owner);
  return table;
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

// ------------------------------------------------------------------------------------ in the run

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
        part.phase == Phase::kDeal ? DealtArgument(node, part.to)
                                   : OrUnstated(node.protocol->Privacy(node, part.phase, part.to));
    seen[{part.to, part.phase, part.from, node.spec.protocol, argument}] += bits;
  }
  ReportTable table;
  table.id = "seen";
  table.title = "What was received";
  table.columns = {
      {"role"},    {"phase"}, {"from"}, {"protocol"}, {"bits", Format::kCount, Source::kCounted},
      {"argument"}};
  for (const auto& [key, bits] : seen) {
    const auto& [to, phase, from, protocol, argument] = key;
    table.Add({TextCell(Name(to)), TextCell(Name(phase)), TextCell(Name(from)), protocol, bits,
               argument});
  }
  return table;
}

std::string SilenceNote(const RunTables& tables) {
  std::set<Role> receivers;
  bool dealer_online = false, p0_online = false;
  for (const auto& [link, traffic] : tables.traffic) {
    receivers.insert(link.to);
    if (link.phase != Phase::kOnline) continue;
    dealer_online = dealer_online || link.to == Role::kDealer;
    p0_online = p0_online || link.to == Role::kP0;
  }
  std::string silent;
  for (const Role role : kRoles) {
    if (!receivers.contains(role)) silent += StrCat(silent.empty() ? "" : ", ", Name(role));
  }
  return StrCat(
      silent.empty() ? "Every role was sent a message."
                     : StrCat("No message was counted to: ", silent, "."),
      dealer_online ? " The dealer was sent something online." : "",
      p0_online ? " P0 was sent something online." : "",
      dealer_online || p0_online ? "" : " Nothing was sent to the dealer or to P0 online.");
}

// What else there is to know of this run.
std::vector<std::string> Remarks(const RunToReport& run) {
  std::vector<std::string> remarks;
  const auto& nodes = run.program().nodes();
  const bool has_coins = std::any_of(nodes.begin(), nodes.end(), [](const Node& node) {
    return node.spec.protocol == "top_bits";
  });
  if (has_coins) {
    remarks.emplace_back(
        "Rounding coins follow from the shares of P1 and P2: a party and an owner that put "
        "together what they know could learn more than the result.");
  }
  if (!run.in_processes()) {
    remarks.emplace_back(
        "This was a simulation: all roles in one process, so nothing was hidden from whoever ran "
        "it.");
  }
  if (HasSwitch(run.facts, "--insecure-plaintext")) {
    remarks.emplace_back(
        "Links were not encrypted (--insecure-plaintext): whoever is on the path of one reads and "
        "can change what is sent on it, and no role proved to another who it is.");
  }
  if (run.facts.seed != "operating-system") {
    remarks.emplace_back(
        "Keys follow from a number that anybody can guess: this run kept no secret.");
  }
  return remarks;
}

}  // namespace

ReportSection SecuritySection(const RunToReport& run) {
  ReportSection section{"security", "Which role saw what", "Security", {}};
  section.items.emplace_back(AdversaryNote(run.program()));
  for (std::string& remark : Remarks(run)) section.items.emplace_back(std::move(remark));
  section.items.emplace_back(KnownTable(run.program()));
  section.items.emplace_back(ReceivedTable(run));
  section.items.emplace_back(SilenceNote(run.tables));
  section.items.emplace_back(KeyTable());
  return section;
}

}  // namespace lutra
