// Records of the roles of a cluster, put together as one run.
#include "parties/gather.h"

#include <sys/resource.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "analysis/analyze.h"
#include "analysis/cost.h"
#include "models/inputs.h"
#include "models/safetensors.h"
#include "parties/compile_model.h"
#include "tests/parties/real_servers.h"
#include "tests/support/child.h"
#include "tests/support/folder.h"
#include "tests/support/text.h"
#include "tests/support/tiny_model.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

using Kind = TraceEvent::Kind;

// A message of so many bytes that takes so long.
void AddMessage(Trace& trace, Phase phase, int32_t level, Role from, Role to, int64_t sent,
                int64_t took) {
  trace.tracks[{0, phase, from}].push_back({Kind::kSend, 0, to, level, 8, {sent, sent, 0}});
  trace.tracks[{0, phase, to}].push_back(
      {Kind::kReceive, 0, from, level, 8, {sent, sent + took, 0}});
}

// P1 and P2 talk with each other and with the data owner; the dealer is only heard, the model
// owner, too.
Trace Conversation() {
  Trace trace;
  AddMessage(trace, Phase::kModel, 0, Role::kModelOwner, Role::kP1, 10'000, 400);
  AddMessage(trace, Phase::kModel, 0, Role::kModelOwner, Role::kP2, 10'100, 600);
  AddMessage(trace, Phase::kDeal, 0, Role::kDealer, Role::kP1, 20'000, 500);
  AddMessage(trace, Phase::kDeal, 0, Role::kDealer, Role::kP2, 20'000, 900);
  AddMessage(trace, Phase::kOnline, 0, Role::kDataOwner, Role::kP1, 30'000, 300);
  AddMessage(trace, Phase::kOnline, 0, Role::kDataOwner, Role::kP2, 30'000, 300);
  for (int32_t level = 1; level < 5; ++level) {
    AddMessage(trace, Phase::kOnline, level, Role::kP1, Role::kP2, 30'000 + 1000 * level, 200);
    AddMessage(trace, Phase::kOnline, level, Role::kP2, Role::kP1, 30'000 + 1000 * level, 220);
  }
  AddMessage(trace, Phase::kOnline, 5, Role::kP1, Role::kDataOwner, 36'000, 300);
  AddMessage(trace, Phase::kOnline, 5, Role::kP2, Role::kDataOwner, 36'000, 300);
  trace.tracks[{0, Phase::kOnline, Role::kP1}].push_back(
      {Kind::kWork, 3, Role::kP1, 5, 0, {37'000, 37'500, 450}});
  return trace;
}

void MoveClock(Trace& trace, Role role, int64_t by) {
  for (auto& [id, events] : trace.tracks) {
    if (id.role != role) continue;
    for (TraceEvent& event : events) {
      event.span.begin += by;
      event.span.end += by;
    }
  }
}

// When it happened, beside P1's work.
int64_t TimeOf(const Trace& trace, Phase phase, Role role, size_t event) {
  const int64_t origin = trace.tracks.at({0, Phase::kOnline, Role::kP1}).back().span.begin;
  return trace.tracks.at({0, phase, role}).at(event).span.end - origin;
}

TEST_CASE("Clocks of one machine stay as they are, where messages go both ways",
          "[parties][gather]") {
  const Trace before = Conversation();
  Trace after = before;
  AlignClocks(after);
  for (const Role role : {Role::kP1, Role::kP2, Role::kDataOwner}) {
    const Trace::TrackId id{0, Phase::kOnline, role};
    CHECK(after.tracks.at(id) == before.tracks.at(id));
  }
  Trace empty;
  AlignClocks(empty);
  CHECK(empty.tracks.empty());
}

TEST_CASE("Clocks of several machines are brought together by messages", "[parties][gather]") {
  const Trace truth = Conversation();
  std::mt19937_64 random(3);
  for (int i = 0; i < 50; ++i) {
    Trace trace = truth;
    for (const Role role : kRoles) {
      MoveClock(trace, role, static_cast<int64_t>(random() % 2'000'000'000) - 1'000'000'000);
    }
    AlignClocks(trace);
    int64_t first = 1;
    for (const auto& [id, events] : trace.tracks) {
      for (const TraceEvent& event : events) first = std::min(first, event.span.begin);
    }
    CHECK(first >= 0);
    // Messages took 200 there and 220 back: the middle is 10 off. With the data owner 300 and 300.
    CHECK(std::abs(TimeOf(trace, Phase::kOnline, Role::kP2, 1) -
                   TimeOf(truth, Phase::kOnline, Role::kP2, 1)) <= 10);
    CHECK(std::abs(TimeOf(trace, Phase::kOnline, Role::kDataOwner, 0) -
                   TimeOf(truth, Phase::kOnline, Role::kDataOwner, 0)) <= 10);
    // One way only: the fastest is there at once, within what is not known of P2.
    CHECK(std::abs(TimeOf(trace, Phase::kDeal, Role::kDealer, 0) -
                   TimeOf(trace, Phase::kDeal, Role::kP1, 0)) <= 10);
    CHECK(std::abs(TimeOf(trace, Phase::kModel, Role::kModelOwner, 0) -
                   TimeOf(trace, Phase::kModel, Role::kP1, 0)) <= 10);
    // Durations are those of the roles.
    const TraceEvent& work = trace.tracks.at({0, Phase::kOnline, Role::kP1}).back();
    CHECK(work.span.end - work.span.begin == 500);
    CHECK(work.span.cpu == 450);
  }
}

// Servers with stores and owners that record, each by its program or as it is in one.
struct Recorded {
  Recorded() {
    BertProgramOptions options;
    options.batch = 2;
    StatusOr<CompiledModel> made = CompileModel(registry, kTiny, options);
    REQUIRE(made.ok());
    compiled = std::make_unique<CompiledModel>(*std::move(made));
    RealServers::Options serving;
    serving.stream = true;
    servers = std::make_unique<RealServers>(compiled->built->program.deployment(), serving);
    servers->StartAll();
    REQUIRE(WriteFile(Path("cluster.toml"), FormatCluster(servers->cluster())).ok());
    Ran({"compile", kTiny, "--batch=2", "--out", Path("tiny"), "--quiet"});
    Safetensors cases;
    cases.tensors.emplace(
        "tokens", StoredTensor::Of(ElementType::kI32, Shape{3, 4},
                                   std::vector<int64_t>{1, 2, 3, 4, 0, 8, 7, 6, 5, 4, 3, 2}));
    REQUIRE(WriteSafetensors(Path("cases.safetensors"), cases).ok());
  }

  std::string Path(const std::string& name) const { return (folder / name).string(); }
  std::string Store(Role role) const { return servers->Store(role).string(); }

  static std::string Ran(std::vector<std::string> arguments) {
    const Child::Ended ended = Child("lutra-client", std::move(arguments)).Wait();
    INFO(ended.err);
    REQUIRE(ended.status == 0);
    return ended.out;
  }
  static std::string Refused(std::vector<std::string> arguments) {
    const Child::Ended ended = Child("lutra-client", std::move(arguments)).Wait();
    INFO(ended.out);
    CHECK(ended.status == 1);
    CHECK(ended.out == "");
    return ended.err;
  }
  std::vector<std::string> With(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--cluster", Path("cluster.toml"), "--insecure-plaintext"});
    return arguments;
  }
  std::string Share() const {
    std::string id = Ran(
        With({"share-model", Path("tiny"), "--quiet", "--record", Path("records/model-owner")}));
    id.pop_back();  // the end of the line
    return id;
  }
  void Infer(const std::string& model) const {
    Ran(With({"infer", Path("tiny"), "--model", model, "--input", Path("cases.safetensors"),
              "--record", Path("records/data-owner/")}));
  }
  std::vector<std::string> Folders() const {
    return {
        Store(Role::kDealer),        Store(Role::kP0),          Store(Role::kP1), Store(Role::kP2),
        Path("records/model-owner"), Path("records/data-owner")};
  }
  std::vector<std::string> GatherArguments(const std::vector<std::string>& folders) const {
    std::string list;
    for (const std::string& each : folders) list += (list.empty() ? "" : ",") + each;
    return {"gather", Path("tiny"), "--records", list, "--out", Path("run")};
  }

  Registry registry = Registry::WithBuiltins();
  Folder folder;
  std::unique_ptr<CompiledModel> compiled;
  std::unique_ptr<RealServers> servers;
};

TEST_CASE("Sessions of processes are gathered into a run directory", "[parties][gather]") {
  Recorded recorded;
  const std::string model = recorded.Share();
  recorded.Infer(model);
  for (const Role role : {Role::kP1, Role::kP2, Role::kP0, Role::kDealer}) {
    recorded.servers->Stop(role);
  }
  const std::string out = Recorded::Ran(recorded.GatherArguments(recorded.Folders()));
  CHECK(Has(out, "2 of all roles"));
  CHECK(Has(out, recorded.Path("run")));

  const auto run = ReadRunDirectory(recorded.registry, recorded.Path("run"));
  INFO(OneLine(run.status()));
  REQUIRE(run.ok());
  const Program& program = recorded.compiled->built->program;
  const auto costs = ProgramCost(program).phases();
  const auto& json = run->run;
  REQUIRE(json["sessions"].size() == 2);
  CHECK(json["program"]["digest"] == program.digest().Hex());
  CHECK(json["seed"] == "operating-system");
  CHECK(json["batch"] == 2);
  CHECK(json["machine"]["processor"] == "several machines");
  CHECK(json["peak_memory_bytes"].is_null());
  for (size_t i = 0; i < 2; ++i) {
    const auto& session = json["sessions"][i];
    CHECK(session["examples"] == (i == 0 ? 2 : 1));
    CHECK(session["offline"]["dealer"]["bytes"] == costs[Index(Phase::kDeal)].bytes);
    CHECK(session["offline"]["prepare"]["bytes"] == costs[Index(Phase::kPrepare)].bytes);
    CHECK(session["online"]["bytes"] == costs[Index(Phase::kOnline)].bytes);
    CHECK(session["online"]["rounds"] == program.rounds(Phase::kOnline));
    CHECK(session["online"]["seconds"] > 0);
    CHECK(session["online"]["framing_bytes"] > 0);
    CHECK(session["offline"]["seconds"] > 0);
    CHECK(session["model"]["bytes"] == (i == 0 ? costs[Index(Phase::kModel)].bytes : 0));
  }
  CHECK(json["predicted"].size() == 6);
  CHECK(run->trace.sessions() == 2);
  std::set<Role> roles;
  for (const auto& [id, events] : run->trace.tracks) roles.insert(id.role);
  CHECK(roles.size() == kRoles.size());
  for (const char* command : {"replay", "report"}) {
    const auto text = Analyze(std::vector<std::string>{command, recorded.Path("run")});
    INFO(OneLine(text.status()));
    CHECK(text.ok());
  }

  SECTION("without the model owner's record, or with copies, it is as much as there is") {
    fs::create_directory(recorded.Path("copy"));
    fs::copy(fs::path(recorded.Store(Role::kP1)) / "sessions", recorded.Path("copy/sessions"));
    const auto again = Gather(
        program, std::nullopt,
        std::vector<fs::path>{recorded.Store(Role::kDealer), recorded.Store(Role::kP0),
                              recorded.Path("copy"), recorded.Path("copy/sessions"),
                              recorded.Store(Role::kP2), recorded.Path("records/data-owner/")});
    INFO(OneLine(again.status()));
    REQUIRE(again.ok());
    CHECK(again->ledger.bytes(Phase::kModel) == 0);
    CHECK(again->ledger.bytes(Phase::kOnline) == 2 * costs[Index(Phase::kOnline)].bytes);
    CHECK(PredictSeconds(again->trace).ok());
  }
  SECTION("whose record is missing is named") {
    const std::vector<std::string> all = recorded.Folders();
    const std::vector<std::string_view> says = {"none of dealer, tape ", "none of p0", "none of p1",
                                                "none of p2"};
    for (size_t left_out = 0; left_out < says.size(); ++left_out) {
      std::vector<std::string> folders = all;
      folders.erase(folders.begin() + static_cast<ptrdiff_t>(left_out));
      const std::string error = Recorded::Refused(recorded.GatherArguments(folders));
      INFO(error);
      CHECK(Has(error, "session "));
      CHECK(Has(error, "expected the records of all roles"));
      CHECK(Has(error, says[left_out]));
    }
    std::vector<std::string> no_owner = all;
    no_owner.pop_back();
    CHECK(Has(Recorded::Refused(recorded.GatherArguments(no_owner)), "sessions of a data owner"));
  }
  SECTION("folders and files that are none are named") {
    const std::string empty = recorded.Path("empty");
    fs::create_directory(empty);
    for (const std::string& place : {empty, recorded.Path("nowhere")}) {
      const std::string error = Recorded::Refused(recorded.GatherArguments({place}));
      INFO(error);
      CHECK(Has(error, place));
      CHECK(Has(error, "found no records of sessions"));
    }
    const fs::path damaged = fs::path(empty) / "00000000-x.session";
    REQUIRE(WriteFile(damaged, std::string_view("LUTRASES and so on"), kSecretMode).ok());
    CHECK(Has(Recorded::Refused(recorded.GatherArguments({empty})), damaged.string()));
    std::vector<std::string> arguments = recorded.GatherArguments(recorded.Folders());
    arguments.back() = recorded.Path("cases.safetensors");
    CHECK(Has(Recorded::Refused(arguments), "cases.safetensors"));
    arguments.resize(4);
    CHECK(Has(Recorded::Refused(arguments), "--out"));
  }
}

TEST_CASE("Records that no role makes of a session are refused", "[parties][gather]") {
  const Registry registry = Registry::WithBuiltins();
  const StatusOr<CompiledModel> compiled = CompileModel(registry, kTiny, {});
  REQUIRE(compiled.ok());
  const Program& program = compiled->built->program;
  const Folder folder;
  SessionRecord record;
  record.program = program.digest();
  const Trace::TrackId online{0, Phase::kOnline, Role::kDataOwner};
  const auto refused = [&](const auto& spoil) {
    const Folder records;
    StatusOr<SessionFolder> sessions = SessionFolder::Open(records.path());
    REQUIRE(sessions.ok());
    SessionRecord spoiled = record;
    spoiled.trace.tracks[online] = {{Kind::kWork, 0, Role::kP1, 1, 0, {10, 20, 5}}};
    spoil(spoiled);
    REQUIRE(sessions->Add(spoiled).ok());
    const Status status = Gather(program, std::nullopt, std::vector{records.path()}).status();
    INFO(OneLine(status));
    CHECK(Mentions(status, (records / "00000000-").string()));
    return OneLine(status);
  };
  const auto node = static_cast<NodeId>(program.nodes().size());
  const std::string nodes = StrCat("node: expected fewer than ", node, ", found ", node);
  CHECK(Has(refused([&](SessionRecord& it) { it.trace.tracks[online][0].node = node; }), nodes));
  CHECK(Has(refused([&](SessionRecord& it) {
              Node stranger = program.nodes()[0];
              stranger.id = node;
              it.ledger.OnWork(stranger, Phase::kOnline, Role::kDataOwner, {10, 20, 5});
            }),
            nodes));
  CHECK(Has(refused([&](SessionRecord& it) {
              it.trace.tracks[{3, Phase::kOnline, Role::kDataOwner}] = it.trace.tracks[online];
            }),
            "trace: expected events of session 0, found 3"));
  CHECK(Has(refused([&](SessionRecord& it) {
              it.trace.tracks[{0, Phase::kOnline, Role::kP1}] = it.trace.tracks[online];
            }),
            "trace: expected events of one role, found p1 and data-owner"));
  CHECK(Has(refused([](SessionRecord& it) { it.seconds[Index(Phase::kOnline)] = -1; }),
            "seconds: expected at least 0, found -1"));
  CHECK(Has(refused([](SessionRecord& it) { it.counters["examples"] = -1; }),
            "examples: expected at least 0, found -1"));
}

TEST_CASE("Where a record cannot be written, results are told all the same", "[parties][gather]") {
  Recorded recorded;
  const auto limited = [](std::vector<std::string> arguments) {
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);  // at the child, too
    Child child("lutra-client", std::move(arguments));
    std::signal(SIGXFSZ, handler);
    const rlimit limit{400, 400};  // more than is printed, less than a record
    REQUIRE(prlimit(child.pid(), RLIMIT_FSIZE, &limit, nullptr) == 0);
    const Child::Ended ended = child.Wait();
    INFO(ended.err);
    CHECK(ended.status == 1);
    CHECK(Has(ended.err, "--record: "));
    CHECK(Has(ended.err, ".session"));
    return ended.out;
  };
  std::string model = limited(recorded.With(
      {"share-model", recorded.Path("tiny"), "--quiet", "--record", recorded.Path("records")}));
  REQUIRE(model.size() == 33);
  model.pop_back();
  const std::string out = limited(
      recorded.With({"infer", recorded.Path("tiny"), "--model", model, "--input",
                     recorded.Path("cases.safetensors"), "--record", recorded.Path("records")}));
  CHECK(Has(out, "2 sessions"));
}

TEST_CASE("Of several models the one is gathered that is asked for", "[parties][gather]") {
  Recorded recorded;
  const std::string first = recorded.Share();
  recorded.Infer(first);
  const std::string second = recorded.Share();
  recorded.Infer(second);
  for (const Role role : {Role::kP1, Role::kP2, Role::kP0, Role::kDealer}) {
    recorded.servers->Stop(role);
  }
  std::vector<std::string> arguments = recorded.GatherArguments(recorded.Folders());
  const std::string error = Recorded::Refused(arguments);
  INFO(error);
  CHECK(Has(error, "expected sessions of one model, or --model, found "));
  CHECK(Has(error, first));
  CHECK(Has(error, second));
  arguments.insert(arguments.end(), {"--model", second});
  CHECK(Has(Recorded::Ran(arguments), "2 of all roles"));
  arguments.back() = std::string(32, 'a');
  CHECK(Has(Recorded::Refused(arguments), "found none"));
}

}  // namespace
}  // namespace lutra
