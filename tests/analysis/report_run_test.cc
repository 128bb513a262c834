#include "analysis/report_run.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <tuple>

#include "analysis/cost.h"
#include "analysis/cost_table.h"
#include "analysis/named_program.h"
#include "analysis/networks.h"
#include "analysis/replay.h"
#include "analysis/report_pictures.h"
#include "core/packing.h"
#include "tests/analysis/programs.h"
#include "tests/support/text.h"

namespace lutra {
namespace {

// A run of some sessions that were all alike, as its directory tells of it.
struct Run {
  RunFacts facts;
  RunTables tables;
  std::vector<NetworkReplay> replays;
  std::unique_ptr<ProgramCost> cost;

  Report report() const { return RunReport({facts, *cost, tables, replays}, {}); }
};

Run RunOf(const Program& program, const std::map<Ledger::Part, int64_t>& bits,
          const std::map<Ledger::Link, Ledger::Traffic>& traffic, int64_t sessions) {
  Run run;
  run.cost = std::make_unique<ProgramCost>(program);
  const auto times = [&](Phase phase) { return phase == Phase::kModel ? 1 : sessions; };
  for (const auto& [part, count] : bits) run.tables.bits[part] = count * times(part.phase);
  for (const auto& [link, sent] : traffic) {
    run.tables.traffic[link] = {sent.bytes * times(link.phase), sent.messages * times(link.phase)};
  }
  for (const auto& [part, count] : bits) {
    run.tables.seconds[{part.node, part.phase, part.from}] += 0.001;
  }
  run.facts.command = {"build/lutra-sim"};
  run.facts.model = "model";
  run.facts.seed = "operating-system";
  run.facts.threads = 1;
  for (int64_t i = 0; i < sessions; ++i) {
    SessionSummary session;
    session.examples = 1;
    for (const auto& [link, sent] : traffic) {
      if (link.phase == Phase::kModel && i > 0) continue;
      session.bytes[static_cast<size_t>(link.phase)] += sent.bytes;
    }
    run.facts.sessions.push_back(session);
  }
  return run;
}

Run RunOf(const Outcome& outcome, int64_t sessions) {
  return RunOf(outcome.program(), outcome.ledger.bits(), outcome.ledger.traffic(), sessions);
}

const ReportTable& TableOf(const Report& report, std::string_view id) {
  const ReportTable* found = nullptr;
  for (const ReportSection& section : report.sections) {
    for (const ReportItem& item : section.items) {
      const auto* table = std::get_if<ReportTable>(&item);
      if (table != nullptr && table->id == id) found = table;
    }
  }
  INFO(id);
  REQUIRE(found != nullptr);
  return *found;
}

size_t ColumnOf(const ReportTable& table, std::string_view name) {
  const auto found = std::find_if(table.columns.begin(), table.columns.end(),
                                  [&](const ReportColumn& column) { return column.name == name; });
  INFO(table.id << ": " << name);
  REQUIRE(found != table.columns.end());
  return static_cast<size_t>(found - table.columns.begin());
}

std::string TextAt(const ReportTable& table, size_t row, std::string_view column) {
  const auto* text = std::get_if<std::string>(&table.rows[row][ColumnOf(table, column)]);
  return text == nullptr ? "" : *text;
}

// 0 where there is nothing.
int64_t CountAt(const ReportTable& table, size_t row, std::string_view column) {
  const auto* count = std::get_if<int64_t>(&table.rows[row][ColumnOf(table, column)]);
  return count == nullptr ? 0 : *count;
}

double NumberAt(const ReportTable& table, size_t row, std::string_view column) {
  const auto* number = std::get_if<double>(&table.rows[row][ColumnOf(table, column)]);
  return number == nullptr ? 0 : *number;
}

// The case, whose registry the program needs, outlives the outcome.
Outcome OutcomeOf(Case& given, LinearForm linear, LookupForm lookup) {
  AddLayers(given, 2, linear, lookup);
  return RunCase(given);
}

// By name and phase, what the ledger says that nodes sent in so many sessions.
template <class NameOfNode>
std::map<std::pair<std::string, Phase>, int64_t> Expected(const Outcome& outcome, int64_t sessions,
                                                          const NameOfNode& name_of_node) {
  std::map<std::pair<std::string, Phase>, int64_t> bytes;
  for (const auto& [part, bits] : outcome.ledger.bits()) {
    const Node& node = outcome.program().nodes()[part.node];
    bytes[{std::string(name_of_node(node)), part.phase}] +=
        BitsToBytes(bits) * (part.phase == Phase::kModel ? 1 : sessions);
  }
  return bytes;
}

void CheckGroups(const ReportTable& table, std::string_view column,
                 std::map<std::pair<std::string, Phase>, int64_t> expected) {
  for (size_t row = 0; row < table.rows.size(); ++row) {
    for (const Phase phase : kPhases) {
      INFO(table.id << ": " << TextAt(table, row, column) << ", " << Name(phase));
      CHECK(CountAt(table, row, Name(phase)) == expected[{TextAt(table, row, column), phase}]);
      expected.erase({TextAt(table, row, column), phase});
    }
  }
  CHECK(expected.empty());
}

TEST_CASE("Splits by node are those of the ledger", "[report]") {
  const int64_t sessions = GENERATE(1, 3);
  const bool direct = GENERATE(false, true);
  Case given;
  const Outcome outcome = OutcomeOf(given, direct ? LinearForm::kReplicated : LinearForm::kMasked,
                                    direct ? LookupForm::kDirect : LookupForm::kReshare);
  const Report report = RunOf(outcome, sessions).report();
  CheckGroups(
      TableOf(report, "by-layer"), "layer",
      Expected(outcome, sessions, [](const Node& node) { return LayerOfPath(node.spec.path); }));
  CheckGroups(
      TableOf(report, "by-step"), "operation",
      Expected(outcome, sessions, [](const Node& node) { return StepOfPath(node.spec.path); }));
  CheckGroups(TableOf(report, "by-protocol"), "protocol",
              Expected(outcome, sessions, [](const Node& node) { return node.spec.protocol; }));
  const ReportTable& layers = TableOf(report, "by-layer");
  const auto first = std::find_if(layers.rows.begin(), layers.rows.end(), [](const auto& row) {
    return std::get<std::string>(row[0]) == "layers.0";
  });
  REQUIRE(first != layers.rows.end());
  CHECK(CountAt(layers, static_cast<size_t>(first - layers.rows.begin()), "lookups") == 15);
}

TEST_CASE("Splits by role and link are those of the messages", "[report]") {
  const int64_t sessions = GENERATE(1, 3);
  Case given;
  const Outcome outcome = OutcomeOf(given, LinearForm::kReplicated, LookupForm::kReshare);
  const Run run = RunOf(outcome, sessions);
  const Report report = run.report();
  std::map<std::tuple<std::string, std::string, std::string>, Ledger::Traffic> links;
  std::map<std::pair<std::string, std::string>, int64_t> roles;  // role, column
  std::map<std::pair<std::string, std::string>, double> work;
  for (const auto& [link, sent] : outcome.ledger.traffic()) {
    const int64_t times = link.phase == Phase::kModel ? 1 : sessions;
    Ledger::Traffic& sum = links[{std::string(Name(link.phase)), std::string(Name(link.from)),
                                  std::string(Name(link.to))}];
    sum.bytes += times * sent.bytes;
    sum.messages += times * sent.messages;
    const std::string_view stage = Name(StageOf(link.phase));
    roles[{std::string(Name(link.from)), StrCat("sends, ", stage)}] += times * sent.bytes;
    roles[{std::string(Name(link.to)), StrCat("receives, ", stage)}] += times * sent.bytes;
  }
  for (const auto& [one, seconds] : run.tables.seconds) {
    work[{std::string(Name(one.role)), StrCat("works, ", Name(StageOf(one.phase)))}] += seconds;
  }
  const ReportTable& by_link = TableOf(report, "links");
  CHECK(by_link.rows.size() == links.size());
  for (size_t row = 0; row < by_link.rows.size(); ++row) {
    const Ledger::Traffic expected = links[{
        TextAt(by_link, row, "phase"), TextAt(by_link, row, "from"), TextAt(by_link, row, "to")}];
    CHECK(CountAt(by_link, row, "bytes") == expected.bytes);
    CHECK(CountAt(by_link, row, "messages") == expected.messages);
  }
  const ReportTable& by_role = TableOf(report, "roles");
  CHECK(by_role.rows.size() == kRoles.size());
  for (size_t row = 0; row < by_role.rows.size(); ++row) {
    const std::string role = TextAt(by_role, row, "role");
    for (const Stage stage : kStages) {
      for (const char* what : {"sends, ", "receives, "}) {
        const std::string column = StrCat(what, Name(stage));
        INFO(role << " " << column);
        CHECK(CountAt(by_role, row, column) == roles[{role, column}]);
      }
      const std::string column = StrCat("works, ", Name(stage));
      CHECK(NumberAt(by_role, row, column) == Approx(work[{role, column}]));
    }
  }
}

TEST_CASE("Rounds are those of the ledger, and only the online phase has some", "[report]") {
  Case given;
  const Outcome outcome = OutcomeOf(given, LinearForm::kReplicated, LookupForm::kReshare);
  const Report report = RunOf(outcome, 3).report();
  std::map<int64_t, std::map<std::string, int64_t>> expected;
  for (const auto& [part, bits] : outcome.ledger.bits()) {
    if (part.phase != Phase::kOnline) continue;
    const std::string& protocol = outcome.program().nodes()[part.node].spec.protocol;
    expected[part.level + 1][protocol] += BitsToBytes(bits);
    expected[part.level + 1]["bytes a session"] += BitsToBytes(bits);
  }
  const ReportTable& rounds = TableOf(report, "rounds-table");
  CHECK(rounds.rows.size() == expected.size());
  for (size_t row = 0; row < rounds.rows.size(); ++row) {
    for (size_t column = 3; column < rounds.columns.size(); ++column) {
      const std::string& name = rounds.columns[column].name;
      CHECK(CountAt(rounds, row, name) == expected[CountAt(rounds, row, "round")][name]);
    }
  }
  const ReportTable& phases = TableOf(report, "phases");
  for (size_t row = 0; row < phases.rows.size(); ++row) {
    const bool online = TextAt(phases, row, "phase") == "online";
    CHECK(CountAt(phases, row, "rounds a session") == (online ? outcome.rounds : 0));
  }
}

TEST_CASE("Protocols beyond the largest are put together, round by round", "[report]") {
  Case given;
  Builder& builder = given.builder;
  const Value x = given.Random("x", Role::kDataOwner, Ring(16), Shape{3, 5}, 1);
  const Value weight = given.Random("w", Role::kModelOwner, Ring(16), Shape{5, 5}, 2);
  const Value sum = MatrixProduct(builder, x, weight, LinearForm::kReplicated);
  const TableId table = AddSquares(builder, "square", 3, Ring(16));
  const Value y =
      LookupReplicated(builder, {TopBitsUnbiased(builder, sum, 3)}, table, LookupForm::kReshare);
  const Value product = Reshare(builder, ElementProduct(builder, y, x, LinearForm::kReplicated));
  Reveal(builder, "z", SumOfSquares(builder, product, LinearForm::kReplicated));
  const Outcome many = RunCase(given);
  const Report report = RunOf(many, 1).report();
  const ReportTable& rounds = TableOf(report, "rounds-table");
  REQUIRE(rounds.columns.size() == 4 + 6);
  CHECK(rounds.columns.back().name == "all others");
  for (size_t row = 0; row < rounds.rows.size(); ++row) {
    int64_t parts = 0;
    for (size_t column = 4; column < rounds.columns.size(); ++column) {
      parts += CountAt(rounds, row, rounds.columns[column].name);
    }
    CHECK(parts == CountAt(rounds, row, "bytes a session"));
  }
}

TEST_CASE("Parts of a tape are what the dealer sends", "[report]") {
  const bool direct = GENERATE(false, true);
  Case given;
  const Outcome outcome =
      OutcomeOf(given, LinearForm::kMasked, direct ? LookupForm::kDirect : LookupForm::kReshare);
  const Report report = RunOf(outcome, 3).report();
  const ReportTable& parts = TableOf(report, "tape-parts");
  int64_t bits = 0, dealt = 0;
  for (size_t row = 0; row < parts.rows.size(); ++row) bits += CountAt(parts, row, "bits");
  for (const auto& [part, count] : outcome.ledger.bits()) {
    if (part.phase == Phase::kDeal) dealt += count;
  }
  CHECK(bits == dealt);
  REQUIRE(parts.rows.size() == 1);  // two layers, one table
  CHECK(TextAt(parts, 0, "field") == "square");
  CHECK(TextAt(parts, 0, "rows") == "3 to 16 bits");
  CHECK(CountAt(parts, 0, "elements") == 2 * 15);
  CHECK(CountAt(parts, 0, "bits") == 2 * 15 * 8 * 16 * (direct ? 2 : 1));
}

TEST_CASE("A report says whether all that was counted is the same", "[report]") {
  Case given;
  const Outcome outcome = OutcomeOf(given, LinearForm::kMasked, LookupForm::kReshare);
  Run run = RunOf(outcome, 2);
  CHECK(Has(ReportMarkdown(run.report()), "are all the same, exactly."));
  const int64_t online = run.facts.bytes(Phase::kOnline);
  ++run.facts.sessions[0].bytes[static_cast<size_t>(Phase::kOnline)];
  CHECK(Has(ReportMarkdown(run.report()),
            StrCat("online: run.json ", Grouped(online + 1), " bytes, levels.csv ", Grouped(online),
                   ", ledger.csv ", Grouped(online), ", in closed form ", Grouped(online / 2),
                   " in each of 2 sessions")));
}

TEST_CASE("The first screen says what its numbers are of", "[report]") {
  Case given;
  const Outcome outcome = OutcomeOf(given, LinearForm::kMasked, LookupForm::kReshare);
  Run run = RunOf(outcome, 2);
  run.facts.labels = {"ham", "spam"};
  run.facts.outputs = {{1, {-1, 2}, 1}, {0, {2, 1}, 1}};
  const Report report = run.report();
  CHECK(report.results.back().label == "Online, all sessions");
  CHECK(Has(report.results.back().detail, "measured: "));
  CHECK(report.results[1].value == "ham: 1, spam: 1");
  CHECK(Has(ReportMarkdown(report), "In a simulation roles take turns"));
  run.facts.command = {"build/lutra-launch"};
  run.facts.sessions[0].framing_bytes = 1234;
  const std::string text = ReportMarkdown(run.report());
  CHECK(!Has(text, "In a simulation"));
  CHECK(Has(text, "every role a process"));
  CHECK(Has(text, "1,234 bytes of framing"));
  CHECK(Has(text, "dealer's seconds are its work"));
  CHECK(!Has(text, "after they asked"));
  CHECK(!Has(text, "as slow as those of"));
  CHECK(!Has(text, "have no effect"));
  for (SessionSummary& session : run.facts.sessions) session.offline_seconds = 0.75;
  run.facts.shaped_to = "lan-1g";
  run.facts.shaped_links = "all";
  Network many;
  many.name = "many";
  run.replays.push_back({many, {}});
  run.replays.back().replay.threads_ignored = {Role::kP1, Role::kP2};
  const std::string shaped = ReportMarkdown(run.report());
  CHECK(Has(shaped, "parties had it 1.50 s after they asked"));
  CHECK(Has(shaped, "as slow as those of lan-1g"));
  CHECK(Has(shaped, "Threads of many have no effect at p1, p2"));
  run.facts.shaped_links = "parties";
  CHECK(Has(ReportMarkdown(run.report()), "as slow as those of lan-1g, but for the dealer's"));
  run.facts.sessions[0].offline_seconds.reset();
  CHECK(!Has(ReportMarkdown(run.report()), "after they asked"));
  run.facts.command.clear();
  run.facts.sessions.clear();
  run.facts.outputs.clear();
  run.tables = {};
  CHECK(Has(ReportMarkdown(run.report()), "0 examples in 0 sessions"));
}

TEST_CASE("A profile says how it was measured, and how to get one", "[report]") {
  Case given;
  const Outcome outcome = OutcomeOf(given, LinearForm::kMasked, LookupForm::kReshare);
  Run run = RunOf(outcome, 1);
  CHECK(Has(ReportMarkdown(run.report()), "This run was not profiled."));
  run.facts.peaks = Peaks{{3e9, 2e9, 1e9}, 4e9, 5e9};
  run.facts.threads = 2;
  ProfileRow known{Phase::kOnline, "lookup", Role::kP1, 0.5, {}, 0.25, Bound::kMemory};
  ProfileRow unknown{Phase::kPrepare, "lookup", Role::kP2, 0.125, {}, 0, Bound::kMemory};
  run.tables.profile = {known, unknown};
  const Report report = run.report();
  CHECK(Has(ReportMarkdown(report), "on one thread and multiplied by its 2 threads: 3.0, 2.0"));
  const ReportTable& rows = TableOf(report, "profile-rows");
  CHECK(NumberAt(rows, 0, "share of peak") == 0.5);
  CHECK(TextAt(rows, 0, "bound by") == "memory");
  for (const char* column : {"least", "share of peak", "bound by"}) {
    CHECK(std::holds_alternative<std::monostate>(rows.rows[1][ColumnOf(rows, column)]));
  }
}

// --------------------------------------------------------------------------------------- security

std::string Knows(const Report& report, std::string_view role) {
  const ReportTable& known = TableOf(report, "known");
  for (size_t row = 0; row < known.rows.size(); ++row) {
    if (TextAt(known, row, "role") == role) return TextAt(known, row, "knows");
  }
  return "";
}

TEST_CASE("What roles know before the run depends on how it was set", "[report]") {
  Case given;
  const Outcome outcome = OutcomeOf(given, LinearForm::kMasked, LookupForm::kReshare);
  const Report report = RunOf(outcome, 1).report();
  CHECK(Has(Knows(report, "dealer"), "the contents of the table"));
  CHECK(Has(Knows(report, "model-owner"), "the contents of the table"));
  CHECK(Has(Knows(report, "everybody"), "the size alone of the table"));
  CHECK(Knows(report, "p1") == "what everybody knows");
  const std::string text = ReportMarkdown(report);
  CHECK(Has(text, "No message was counted to: dealer"));
  CHECK(!Has(text, "Received nothing"));
  CHECK(Has(text, "the dealer colluding with nobody"));

  Case open(Deployment::kSharedDealer);
  const Value x = open.Random("x", Role::kDataOwner, Ring(3), Shape{4}, 1);
  const TableId table =
      open.builder.AddTable("open", {3}, Tensor(Ring(8), Shape{1, 8}), /*is_private=*/false);
  Reveal(open.builder, "y", Lookup(open.builder, {ToAdditive(open.builder, x)}, table));
  const Outcome shared = RunCase(open);
  const Report other = RunOf(shared, 1).report();
  CHECK(Has(Knows(other, "everybody"), "the contents of the table: public"));
  CHECK(!Has(Knows(other, "dealer"), "the contents"));
  CHECK(Has(Knows(other, "dealer"), "one operator has both"));
  CHECK(Has(Knows(other, "p0"), "one operator has both"));
  CHECK(Has(ReportMarkdown(other), "the one operator of dealer and P0"));
  CHECK(!Has(ReportMarkdown(other), "colluding with nobody"));
}

Report ReportOfModel(const std::string& name, const BertProgramOptions& options) {
  const Registry registry = Registry::WithBuiltins();
  const auto model = ProgramOfModel(registry, name, options);
  REQUIRE(model.ok());
  const ProgramCost cost(*model->program);
  return RunOf(*model->program, cost.bits(), cost.traffic(), 1).report();
}

TEST_CASE("A data owner that embeds knows the embedding", "[report]") {
  BertProgramOptions options;
  CHECK(!Has(Knows(ReportOfModel("bert-tiny:layers=1", options), "data-owner"), "embedding"));
  options.embedding = EmbeddingForm::kClient;
  CHECK(Has(Knows(ReportOfModel("bert-tiny:layers=1", options), "data-owner"),
            "the whole embedding of the model"));
}

TEST_CASE("A run that kept no secret says so", "[report]") {
  Case given;
  const Outcome outcome = OutcomeOf(given, LinearForm::kMasked, LookupForm::kReshare);
  Run run = RunOf(outcome, 1);
  run.facts.command = {"lutra-launch", "model"};
  CHECK(!Has(ReportMarkdown(run.report()), "encrypted"));
  CHECK(!Has(ReportMarkdown(run.report()), "kept no secret"));
  run.facts.command.emplace_back("--insecure-plaintext");
  run.facts.seed = StrCat(7);
  CHECK(Has(ReportMarkdown(run.report()), "Links were not encrypted"));
  CHECK(Has(ReportMarkdown(run.report()), "this run kept no secret"));
}

// ------------------------------------------------------------------------------------------- size

TEST_CASE("The report of bert-base is small", "[report]") {
  const Registry registry = Registry::WithBuiltins();
  const auto model = ProgramOfModel(registry, "bert-base", {});
  REQUIRE(model.ok());
  const ProgramCost cost(*model->program);
  // What run.trace has of each node, a millisecond; one thing after the other.
  Trace trace;
  trace.program = model->program->digest();
  for (const Role role : kRoles) trace.threads[role] = 1;
  const Run run = RunOf(*model->program, cost.bits(), cost.traffic(), 1);
  int64_t now = 0;
  for (const auto& [work, seconds] : run.tables.seconds) {
    TraceEvent event;
    event.node = work.node;
    event.span = {now, now + 1000000, 1000000};
    now += 1000000;
    trace.tracks[{0, work.phase, work.role}].push_back(event);
  }
  std::vector<NetworkReplay> replays;
  for (Network& network : ShippedNetworks()) {
    auto replay = ReplayTrace(trace, network);
    REQUIRE(replay.ok());
    replays.push_back({std::move(network), *std::move(replay)});
  }
  auto drawings = ProgramDrawings("bert-base", cost, trace);
  REQUIRE(drawings.ok());
  const std::string page =
      ReportHtml(RunReport({run.facts, cost, run.tables, replays}, *std::move(drawings)));
  CHECK(Has(page, "are all the same, exactly."));
  CHECK(Has(page, "picture-layer-0"));
  CHECK(Has(page, "id=\"waits\""));
  CHECK(page.size() < (size_t{5} << 20));
}

}  // namespace
}  // namespace lutra
