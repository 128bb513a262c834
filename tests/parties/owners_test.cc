// Owners against servers of one process: what they get is what the simulation gives, and what goes
// wrong at a server is said and leaves nobody waiting.
#include "parties/owners.h"

#include <catch2/catch.hpp>
#include <condition_variable>
#include <cstring>
#include <mutex>

#include "mpc/protocols/lookup.h"
#include "mpc/protocols/reveal.h"
#include "tests/parties/fake_servers.h"
#include "tests/parties/given.h"
#include "tests/support/folder.h"
#include "tests/support/random_program.h"
#include "tests/support/run_program.h"

namespace lutra {
namespace {

SendModelOptions Seeded() {
  SendModelOptions options;
  options.insecure_seed = kSeed;
  options.patience.connect = 5;
  options.patience.silence = 10;
  return options;
}

StatusOr<SharedModel> Share(Endpoint& endpoint, const Given& given,
                            const SendModelOptions& options) {
  ThreadPool pool(1);
  return SendModel(endpoint, given.program(), given.outcome.built->tables, given.given.model, pool,
                   options);
}

StatusOr<InferResult> RunInference(Endpoint& endpoint, const Given& given, const Identifier& model,
                                   double silence = 10) {
  ThreadPool pool(1);
  OwnerPatience patience;
  patience.connect = 5;
  patience.silence = silence;
  const MessagePlan plan(given.program());
  return Infer(endpoint, given.program(), plan, model, given.given.data, pool, patience);
}

// Something that handlers of requests tell the test.
template <class T>
class Told {
 public:
  void Tell(T value) {
    const std::lock_guard lock(mutex_);
    values_.push_back(std::move(value));
    changed_.notify_all();
  }
  std::vector<T> Await(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, After(10), [&] { return values_.size() >= count; });
    return values_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<T> values_;
};

FakeServers::Behaviour Refuse(const std::string& reason) {
  return [reason](Endpoint& endpoint, const Request& request) {
    static_cast<void>(endpoint.Reply(request, Unavailable(reason), After(5)));
    return true;
  };
}

// Says nothing; tells how the channel ended.
FakeServers::Behaviour StaySilent(Told<Status>& told) {
  return [&told](Endpoint& endpoint, const Request& request) {
    told.Tell(endpoint.Receive(request.from, request.channel, 99, 1, After(10)).status());
    return true;
  };
}

FakeServers::Behaviour Count(Told<int>& told) {
  return [&told](Endpoint&, const Request&) {
    told.Tell(1);
    return false;
  };
}

FakeServers::Behaviour Say(Bytes answer) {
  return [answer](Endpoint& endpoint, const Request& request) {
    static_cast<void>(endpoint.Reply(request, answer, After(5)));
    return true;
  };
}

// ---- as the simulation ----

void CheckAsSimulated(const Given& given, bool curve) {
  FakeServers servers(*given.outcome.built, kSeed, curve);
  const auto model_owner = servers.Owner(Role::kModelOwner);
  const StatusOr<SharedModel> shared = Share(*model_owner, given, Seeded());
  INFO(OneLine(shared.status()));
  REQUIRE(shared.ok());
  CHECK(shared->model == IdentifierFromSeed(kSeed, "model id", 0));
  const auto data_owner = servers.Owner(Role::kDataOwner);
  const StatusOr<InferResult> result = RunInference(*data_owner, given, *shared->model);
  INFO(OneLine(result.status()));
  REQUIRE(result.ok());
  CHECK(result->revealed == given.outcome.revealed);
  CHECK(result->tape == IdentifierFromSeed(kSeed, "tape id", 1));
  Ledger ledger = servers.LedgerAfter(1);
  for (const Status& error : servers.session_errors()) FAIL_CHECK(OneLine(error));
  ledger.Add(shared->ledger);
  ledger.Add(result->ledger);
  CHECK(ledger.bits() == given.outcome.ledger.bits());
  CHECK(ledger.traffic() == given.outcome.ledger.traffic());
  CHECK(result->traffic.sent.payload_bytes == result->ledger.bytes(Phase::kOnline));
  int64_t received = 0;
  for (const auto& [link, traffic] : ledger.traffic()) {
    received += link.to == Role::kDataOwner ? traffic.bytes : 0;
  }
  const auto answers = static_cast<int64_t>(2 * EncodeAnswer(Joined()).size());
  CHECK(result->traffic.received.payload_bytes == received + answers);
}

TEST_CASE("Owners with real servers get what the simulation gives", "[parties][owners]") {
  for (uint64_t seed = 0; seed < 8; ++seed) {
    INFO("program " << seed);
    CheckAsSimulated(Given(seed), /*curve=*/seed < 2);
  }
}

TEST_CASE("Without a seed keys and model ids are fresh", "[parties][owners]") {
  const Given given(1);
  FakeServers servers(*given.outcome.built, kSeed, false);
  const auto owner = servers.Owner(Role::kModelOwner);
  SendModelOptions options = Seeded();
  options.insecure_seed.reset();
  std::vector<Identifier> models;
  Told<std::pair<Key, Key>> keys;
  servers.SetBehaviour(Role::kP0, [&](Endpoint&, const Request& request) {
    const StatusOr<ShareModel> share = DecodeRequest<ShareModel>(request.body);
    if (share.ok() && share->key0.size() == 1 && share->key1.size() == 1) {
      keys.Tell({share->key0[0], share->key1[0]});
    }
    return false;
  });
  for (int i = 0; i < 2; ++i) {
    const StatusOr<SharedModel> shared = Share(*owner, given, options);
    REQUIRE(shared.ok());
    models.push_back(*shared->model);
    CHECK(servers.model_of(Role::kP0) == models.back());
  }
  CHECK(models[0] != models[1]);
  const auto drawn = keys.Await(2);
  REQUIRE(drawn.size() == 2);
  CHECK(drawn[0].first != drawn[1].first);
  CHECK(drawn[0].second != drawn[1].second);
  CHECK(drawn[0].first != drawn[0].second);
}

TEST_CASE("Parties get only the keys of the model that they hold", "[parties][owners]") {
  const Given given(1);
  std::map<Role, Told<std::pair<size_t, size_t>>> held;
  FakeServers servers(*given.outcome.built, kSeed, false);
  for (const Role party : kParties) {
    auto& told = held[party];
    servers.SetBehaviour(party, [&told](Endpoint&, const Request& request) {
      const StatusOr<ShareModel> share = DecodeRequest<ShareModel>(request.body);
      if (share.ok()) told.Tell({share->key0.size(), share->key1.size()});
      return false;
    });
  }
  const auto owner = servers.Owner(Role::kModelOwner);
  REQUIRE(Share(*owner, given, Seeded()).ok());
  using Sizes = std::vector<std::pair<size_t, size_t>>;
  CHECK(held[Role::kP0].Await(1) == Sizes{{1, 1}});
  CHECK(held[Role::kP1].Await(1) == Sizes{{0, 1}});
  CHECK(held[Role::kP2].Await(1) == Sizes{{1, 0}});
}

TEST_CASE("The dealer alone gets the tables, one after the other", "[parties][owners]") {
  Case tables;
  const Value x = tables.Random("x", Role::kDataOwner, Ring(4), Shape{3}, 1);
  const TableId small = tables.builder.AddTable(
      "small", {4}, RandomTensor(Ring(3), Shape{1, 16}, 2), /*is_private=*/true);
  const TableId wide = tables.builder.AddTable("wide", {4}, RandomTensor(Ring(13), Shape{3, 16}, 3),
                                               /*is_private=*/false);
  for (const TableId table : {small, wide}) {
    const Value y = LookupAll(tables.builder, std::vector<Value>{x}, {table})[0];
    Reveal(tables.builder, StrCat("y", table), y);
  }
  Given given(1);
  given.outcome.built =
      std::make_unique<BuiltProgram>(*std::move(std::move(tables.builder).Build()));
  given.given.model.clear();
  Told<int> asked;
  FakeServers servers(*given.outcome.built, kSeed, false);
  for (const Role party : kParties) servers.SetBehaviour(party, Count(asked));
  const auto owner = servers.Owner(Role::kModelOwner);
  SendModelOptions options = Seeded();
  options.to = {Role::kDealer};
  const StatusOr<SharedModel> shared = Share(*owner, given, options);
  INFO(OneLine(shared.status()));
  REQUIRE(shared.ok());
  CHECK_FALSE(shared->model.has_value());
  CHECK(shared->ledger.traffic().empty());
  Bytes expected;
  for (int64_t i = 0; i < 16; ++i) {  // a byte an element, then two
    expected.push_back(static_cast<std::byte>(given.outcome.built->tables[small].At(i)));
  }
  for (int64_t i = 0; i < 48; ++i) {
    const uint64_t element = given.outcome.built->tables[wide].At(i);
    expected.push_back(static_cast<std::byte>(element & 0xff));
    expected.push_back(static_cast<std::byte>(element >> 8));
  }
  CHECK(servers.tables() == expected);
  for (const Role party : kParties) CHECK_FALSE(servers.model_of(party).has_value());
  // And the parties without the dealer.
  options.to = {Role::kP2, Role::kP0, Role::kP1};
  REQUIRE(Share(*owner, given, options).ok());
  CHECK(asked.Await(3).size() == 3);
}

// ---- sharing that fails ----

// Of a program with inputs of the model owner: compilers draw random programs in different orders.
uint64_t SeedWithModel() {
  uint64_t seed = 1;
  while (Given(seed).given.model.empty()) ++seed;
  return seed;
}

TEST_CASE("A model is shared with all parties or none", "[parties][owners]") {
  const uint64_t seed = SeedWithModel();
  const Given given(seed);
  Told<int> asked;
  FakeServers servers(*given.outcome.built, kSeed, false);
  for (const Role server : kServers) servers.SetBehaviour(server, Count(asked));
  const auto owner = servers.Owner(Role::kModelOwner);
  const auto fails = [&](std::vector<Role> to, std::string_view text) {
    SendModelOptions options = Seeded();
    options.to = std::move(to);
    const Status status = Share(*owner, given, options).status();
    INFO(OneLine(status));
    CHECK_FALSE(status.ok());
    CHECK(Mentions(status, text));
  };
  fails({}, "none");
  fails({Role::kP1}, "found p1");
  fails({Role::kP0, Role::kP2, Role::kDealer}, "found p0, p2");
  fails({Role::kDealer, Role::kDealer}, "dealer");
  fails({Role::kP0, Role::kP1, Role::kP2, Role::kP1}, "p1");
  fails({Role::kDataOwner}, "data-owner");
  Given incomplete(seed);
  const std::string name = incomplete.given.model.begin()->first;
  incomplete.given.model.erase(name);
  const Status missing = Share(*owner, incomplete, Seeded()).status();
  CHECK(Mentions(missing, name));
  REQUIRE(Share(*owner, given, Seeded()).ok());
  CHECK(asked.Await(4).size() == 4);  // nothing was asked before
}

TEST_CASE("Where a server is absent nobody is sent anything", "[parties][owners]") {
  const Given given(1);
  Told<int> asked;
  FakeServers servers(*given.outcome.built, kSeed, false, {Role::kP1, Role::kDealer});
  for (const Role server : kServers) servers.SetBehaviour(server, Count(asked));
  const auto owner = servers.Owner(Role::kModelOwner);
  SendModelOptions options = Seeded();
  options.patience.connect = 0.5;
  const Status status = Share(*owner, given, options).status();
  INFO(OneLine(status));
  CHECK(Mentions(status, "p1: "));
  CHECK(Mentions(status, "dealer: "));
  CHECK_FALSE(Mentions(status, "p2: "));
  const auto other = servers.Owner(Role::kDataOwner);
  CHECK(other->Call(Role::kP2, EncodeRequest(StatusRequest{}), 1 << 20, After(5)).ok());
  CHECK(asked.Await(1).size() == 1);  // that one only
}

TEST_CASE("A party that refuses a model is named, and the others drop it", "[parties][owners]") {
  const Given given(1);
  Told<Status> told;
  FakeServers servers(*given.outcome.built, kSeed, false);
  servers.SetBehaviour(Role::kP0, StaySilent(told));
  servers.SetBehaviour(Role::kP1, Refuse("the disk is full"));
  servers.SetBehaviour(Role::kP2, StaySilent(told));
  const auto owner = servers.Owner(Role::kModelOwner);
  const Status status = Share(*owner, given, Seeded()).status();
  INFO(OneLine(status));
  CHECK(absl::IsUnavailable(status));
  CHECK(Mentions(status, "p1: the disk is full; no party has confirmed"));
  CHECK(Mentions(status, IdentifierFromSeed(kSeed, "model id", 0).Hex()));
  const std::vector<Status> ends = told.Await(2);
  REQUIRE(ends.size() == 2);
  for (const Status& end : ends) {
    INFO(OneLine(end));
    CHECK(Mentions(end, "cancelled"));
    CHECK(Mentions(end, "the disk is full"));
  }
}

TEST_CASE("A party that is silent is named, with those that have the model", "[parties][owners]") {
  const Given given(1);
  Told<Status> told;
  FakeServers servers(*given.outcome.built, kSeed, false);
  servers.SetBehaviour(Role::kP1, StaySilent(told));
  const auto owner = servers.Owner(Role::kModelOwner);
  SendModelOptions options = Seeded();
  options.patience.silence = 2;
  const Status status = Share(*owner, given, options).status();
  INFO(OneLine(status));
  CHECK(absl::IsDeadlineExceeded(status));
  CHECK(Mentions(status, "p1: "));
  CHECK(Mentions(status, "confirmed by p0, p2"));
  CHECK(told.Await(1).size() == 1);
}

TEST_CASE("No share leaves before the dealer has the program", "[parties][owners]") {
  const Given given(1);
  Told<int> asked;
  FakeServers servers(*given.outcome.built, kSeed, false);
  for (const Role party : kParties) servers.SetBehaviour(party, Count(asked));
  servers.SetBehaviour(Role::kDealer, Refuse("no room for programs"));
  const auto owner = servers.Owner(Role::kModelOwner);
  const Status status = Share(*owner, given, Seeded()).status();
  INFO(OneLine(status));
  CHECK(Mentions(status, "dealer: no room for programs"));
  CHECK(owner->Call(Role::kP2, EncodeRequest(StatusRequest{}), 1 << 20, After(5)).ok());
  CHECK(asked.Await(1).size() == 1);
}

// ---- sessions that fail ----

// Both parties answer at once; tells how the session's channel ended for them.
void AnswerBoth(FakeServers& servers, Told<Status>& told,
                const std::function<void(Role, Joined&)>& change) {
  for (const Role party : {Role::kP1, Role::kP2}) {
    servers.SetBehaviour(
        party, [&servers, &told, party, change](Endpoint& endpoint, const Request& request) {
          const StatusOr<Join> join = DecodeRequest<Join>(request.body);
          if (!join.ok()) return false;
          Joined answer = servers.AnswerTo(party, *join);
          change(party, answer);
          Status status =
              endpoint.Send(request.from, request.channel, 0, EncodeAnswer(answer), After(5));
          // The owner's messages may come, and are read until the channel ends.
          for (int level = 0; status.ok(); ++level) {
            status = endpoint
                         .Receive(request.from, request.channel, MessageTag(Phase::kOnline, 1000),
                                  1, After(10))
                         .status();
          }
          told.Tell(status);
          return true;
        });
  }
}

Identifier Other(uint64_t number) { return IdentifierFromSeed(99, "other", number); }

TEST_CASE("Parties that do not agree on a session are told apart", "[parties][owners]") {
  const Given given(1);
  struct Wrong {
    Role role;
    std::function<void(Joined&)> change;
    std::vector<std::string> words;
  };
  const Identifier model = Other(0);
  const std::string tape = IdentifierFromSeed(kSeed, "tape id", 1).Hex();
  Digest digest;
  digest.bytes[3] = 7;
  for (const Wrong& wrong :
       std::vector<Wrong>{{Role::kP2,
                           [](Joined& joined) { joined.tape = Other(1); },
                           {"tape", "p1 says " + tape, "p2 says " + Other(1).Hex()}},
                          {Role::kP1,
                           [](Joined& joined) { joined.tape = Other(2); },
                           {"tape", "p2 says " + tape, "p1 says " + Other(2).Hex()}},
                          {Role::kP1,
                           [](Joined& joined) { joined.session = Other(3); },
                           {"p1", "session", Other(3).Hex()}},
                          {Role::kP2,
                           [&](Joined& joined) { joined.program = digest; },
                           {"p2", "program", given.program().digest().Hex(), digest.Hex()}},
                          {Role::kP2,
                           [](Joined& joined) { joined.model = Other(4); },
                           {"p2", "model", model.Hex(), Other(4).Hex()}}}) {
    Told<Status> told;
    FakeServers servers(*given.outcome.built, kSeed, false);
    AnswerBoth(servers, told, [&](Role role, Joined& joined) {
      if (role == wrong.role) wrong.change(joined);
    });
    const auto owner = servers.Owner(Role::kDataOwner);
    const Status status = RunInference(*owner, given, model).status();
    INFO(OneLine(status));
    CHECK_FALSE(status.ok());
    for (const std::string& word : wrong.words) CHECK(Mentions(status, word));
    const std::vector<Status> ends = told.Await(2);  // at once, not after their time-out
    REQUIRE(ends.size() == 2);
    for (const Status& end : ends) CHECK(Mentions(end, "data-owner"));
    for (const Status& end : ends) CHECK(Mentions(end, "cancelled"));
  }
}

TEST_CASE("A party that refuses a session ends the wait for the other", "[parties][owners]") {
  const Given given(1);
  for (const Role refusing : {Role::kP1, Role::kP2}) {
    Told<Status> told;
    FakeServers servers(*given.outcome.built, kSeed, false);
    servers.SetBehaviour(Peer(refusing), StaySilent(told));
    servers.SetBehaviour(refusing, Refuse("no tapes are left"));
    const auto owner = servers.Owner(Role::kDataOwner);
    const Status status = RunInference(*owner, given, Other(0)).status();
    INFO(OneLine(status));
    CHECK(absl::IsUnavailable(status));
    CHECK(Mentions(status, StrCat(Name(refusing), ": no tapes are left")));
    const std::vector<Status> ends = told.Await(1);
    REQUIRE(ends.size() == 1);
    CHECK(Mentions(ends[0], "no tapes are left"));
  }
}

TEST_CASE("A model that the parties do not have is refused", "[parties][owners]") {
  const Given given(1);
  FakeServers servers(*given.outcome.built, kSeed, false);
  const auto model_owner = servers.Owner(Role::kModelOwner);
  REQUIRE(Share(*model_owner, given, Seeded()).ok());
  const auto owner = servers.Owner(Role::kDataOwner);
  const Status status = RunInference(*owner, given, Other(0)).status();
  INFO(OneLine(status));
  CHECK(Mentions(status, "no such model here"));
  // And the endpoint is as good as before.
  CHECK(RunInference(*owner, given, IdentifierFromSeed(kSeed, "model id", 0)).ok());
}

TEST_CASE("A session with parties that fall silent ends in time", "[parties][owners]") {
  const Given given(1);
  Told<Status> told;
  FakeServers servers(*given.outcome.built, kSeed, false);
  AnswerBoth(servers, told, [](Role, Joined&) {});
  const auto owner = servers.Owner(Role::kDataOwner);
  const Status status = RunInference(*owner, given, Other(0), /*silence=*/0.5).status();
  INFO(OneLine(status));
  CHECK(absl::IsDeadlineExceeded(status));
  CHECK(Mentions(status, "online level"));
  const std::vector<Status> ends = told.Await(2);
  REQUIRE(ends.size() == 2);
  for (const Status& end : ends) CHECK(Mentions(end, "cancelled"));
}

TEST_CASE("Answers that are no answers are errors", "[parties][owners]") {
  const Given given(1);
  Bytes longer = EncodeAnswer(Joined());
  longer.push_back(std::byte{0});
  for (const Bytes& answer : {Bytes(), Bytes(7, std::byte{1}), longer, Bytes(1 << 20)}) {
    FakeServers servers(*given.outcome.built, kSeed, false);
    servers.SetBehaviour(Role::kP1, Say(answer));
    servers.SetBehaviour(Role::kP2, Say(answer));
    const auto owner = servers.Owner(Role::kDataOwner);
    const Status status = RunInference(*owner, given, Other(0)).status();
    INFO(OneLine(status));
    CHECK(absl::IsInvalidArgument(status));
    CHECK((Mentions(status, "p1") || Mentions(status, "p2")));
  }
}

TEST_CASE("No session is asked for with bad inputs or an absent party", "[parties][owners]") {
  const Given given(1);
  Told<int> asked;
  FakeServers servers(*given.outcome.built, kSeed, false, {Role::kP2});
  servers.SetBehaviour(Role::kP1, Count(asked));
  const auto owner = servers.Owner(Role::kDataOwner);
  Given incomplete(1);
  REQUIRE_FALSE(incomplete.given.data.empty());
  const std::string name = incomplete.given.data.begin()->first;
  incomplete.given.data.erase(name);
  CHECK(Mentions(RunInference(*owner, incomplete, Other(0)).status(), name));
  ThreadPool pool(1);
  OwnerPatience patience;
  patience.connect = 0.5;
  const Status absent = Infer(*owner, given.program(), MessagePlan(given.program()), Other(0),
                              given.given.data, pool, patience)
                            .status();
  INFO(OneLine(absent));
  CHECK(Mentions(absent, "p2: "));
  CHECK(owner->Call(Role::kP1, EncodeRequest(StatusRequest{}), 1 << 20, After(5)).ok());
  CHECK(asked.Await(1).size() == 1);
}

// ---- status ----

TEST_CASE("The status of all servers is there, absent and silent ones say why",
          "[parties][owners]") {
  const Given given(1);
  Told<Status> told;
  FakeServers servers(*given.outcome.built, kSeed, false, {Role::kDealer});
  servers.SetBehaviour(Role::kP1, StaySilent(told));
  servers.SetBehaviour(Role::kP2, Say(Bytes(5, std::byte{1})));
  const auto owner = servers.Owner(Role::kDataOwner);
  const std::vector<ServerReport> reports = StatusOfServers(*owner, 1);
  REQUIRE(reports.size() == 4);
  for (size_t i = 0; i < 4; ++i) {
    CHECK(reports[i].role == kServers[i]);
    INFO(OneLine(reports[i].status.status()));
    CHECK(reports[i].status.ok() == (reports[i].role == Role::kP0));
    if (!reports[i].status.ok()) CHECK(Mentions(reports[i].status.status(), Name(kServers[i])));
  }
  CHECK(absl::IsDeadlineExceeded(reports[Index(Role::kP1)].status.status()));
  CHECK(absl::IsInvalidArgument(reports[Index(Role::kP2)].status.status()));
}

}  // namespace
}  // namespace lutra
