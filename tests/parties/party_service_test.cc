// P0, P1 and P2 as they really are, with a dealer and owners: what they compute is what the
// simulation computes, a tape is used once whatever happens, and whoever fails, asks what it may
// not, or comes back with an old store is told so and disturbs nobody.
#include "parties/party_service.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <random>
#include <set>
#include <thread>

#include "dealer/stock.h"
#include "mpc/protocols/lookup.h"
#include "mpc/protocols/product.h"
#include "tests/parties/given.h"
#include "tests/parties/real_servers.h"
#include "tests/support/random_program.h"
#include "tests/support/run_program.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

// P0 sends and receives online.
Given WithP0() { return Given(LinearForm::kReplicated, LookupForm::kReshare); }
Given WithoutP0() { return Given(LinearForm::kMasked, std::nullopt); }

// Owners of one program at real servers.
class Trial {
 public:
  Trial(const Given& given, const RealServers::Options& options)
      : given_(given), servers_(given.program().deployment(), options), options_(options) {}

  RealServers& servers() { return servers_; }
  const Digest& program() const { return given_.digest(); }

  Identifier Share() {
    const auto owner = servers_.Owner(Role::kModelOwner);
    ThreadPool pool(1);
    SendModelOptions options;
    options.insecure_seed = options_.seed;
    options.patience = servers_.patience();
    if (!servers_.running(Role::kDealer)) options.to = {kParties.begin(), kParties.end()};
    StatusOr<SharedModel> shared = SendModel(*owner, given_.program(), given_.built().tables,
                                             given_.given.model, pool, options);
    INFO(OneLine(shared.status()));
    REQUIRE(shared.ok());
    ledger_.Add(shared->ledger);
    model_ = *shared->model;
    return model_;
  }
  StatusOr<InferResult> Infer() { return InferOf(model_); }
  StatusOr<InferResult> InferOf(const Identifier& model) {
    const auto owner = servers_.Owner(Role::kDataOwner);
    return InferAt(*owner, model);
  }
  // From any thread: uses none of the test's macros.
  StatusOr<InferResult> InferAt(Endpoint& owner, const Identifier& model) {
    ThreadPool pool(1);
    const MessagePlan plan(given_.program());
    OwnerPatience patience = servers_.patience();
    return lutra::Infer(owner, given_.program(), plan, model, given_.given.data, pool, patience);
  }
  // An inference that has to be right.
  InferResult Right() {
    StatusOr<InferResult> result = Infer();
    INFO(OneLine(result.status()));
    REQUIRE(result.ok());
    CHECK(result->revealed == given_.outcome.revealed);
    return *std::move(result);
  }
  const Ledger& model_ledger() const { return ledger_; }
  const Identifier& model() const { return model_; }

  void CheckConsumed(const std::set<Identifier>& expected) {
    for (const Role party : kParties) {
      INFO(Name(party));
      const std::vector<Identifier> consumed = servers_.OpenStore(party)->ConsumedSince(0);
      CHECK(std::set(consumed.begin(), consumed.end()) == expected);
    }
  }
  void StopParties() {
    for (const Role party : {Role::kP1, Role::kP2, Role::kP0}) servers_.Stop(party);
  }
  // What a dealer elsewhere has dealt, as an operator copies it.
  void CopyTapes(int count) {
    ThreadPool pool(1);
    const fs::path path = folder_ / "dealer";
    auto store = DealerStore::Open(path);
    REQUIRE(store.ok());
    REQUIRE((*store)->AddProgram(given_.program(), given_.built().tables).ok());
    for (int i = 0; i < count; ++i) {
      StockOptions options;
      options.simulation_seed = options_.seed;
      const auto dealt = DealIntoStore(**store, given_.built(), options, pool);
      INFO(OneLine(dealt.status()));
      REQUIRE(dealt.ok());
      tapes_.push_back(dealt->tape);
    }
    for (const Role party : kParties) {
      REQUIRE((*store)->Parts(party, program()).value().size() == tapes_.size());
      const fs::path to = servers_.Store(party) / "tapes" / program().Hex();
      fs::create_directories(to);
      fs::permissions(to, fs::perms::owner_all);
      for (const Identifier& tape : tapes_) {
        const fs::path part = (*store)->OpenPart(party, program(), tape)->path();
        fs::copy_file(part, to / part.filename());
      }
    }
  }
  const std::vector<Identifier>& tapes() const { return tapes_; }
  fs::path PartOf(Role party, size_t number) const {
    const auto path = servers_.Part(party, program(), tapes_[number]);
    REQUIRE(path.has_value());
    return *path;
  }

 private:
  const Given& given_;
  Folder folder_;
  RealServers servers_;
  const RealServers::Options options_;
  Ledger ledger_;
  Identifier model_;
  std::vector<Identifier> tapes_;
};

RealServers::Options Seeded() {
  RealServers::Options options;
  options.seed = kSeed;
  options.tapes = 2;
  return options;
}

// With tapes that were copied to the parties, and no dealer.
class Copied : public Trial {
 public:
  explicit Copied(const Given& given, int tapes, RealServers::Options options = {})
      : Trial(given, options) {
    for (const Role party : kParties) servers().Start(party);
    Share();
    StopParties();
    CopyTapes(tapes);
  }
  void Start() {
    for (const Role party : kParties) servers().Start(party);
  }
};

RealServers::Options Impatient(double silence = 1.5) {
  RealServers::Options options;
  options.silence = silence;
  return options;
}

// ---- as the simulation ----

void CheckAsSimulated(const Given& given, const RealServers::Options& options) {
  Trial trial(given, options);
  trial.servers().StartAll();
  CHECK(trial.Share() == IdentifierFromSeed(kSeed, "model id", 0));
  const InferResult result = trial.Right();
  CHECK(result.tape == IdentifierFromSeed(kSeed, "tape id", 1));
  trial.StopParties();
  trial.servers().Stop(Role::kDealer);
  Ledger ledger = trial.servers().RecordedLedger(trial.model(), result.session, result.tape);
  ledger.Add(trial.model_ledger());
  ledger.Add(result.ledger);
  CHECK(ledger.bits() == given.outcome.ledger.bits());
  CHECK(ledger.traffic() == given.outcome.ledger.traffic());
}

void CheckEveryWay(const Given& given, bool all = false) {
  for (const bool stream : {false, true}) {
    for (const bool windows : {false, true}) {
      if (!all && stream != windows) continue;
      CAPTURE(stream, windows);
      RealServers::Options options = Seeded();
      options.stream = stream;
      options.curve = stream;
      if (windows) options.party.tape_memory_bytes = 1;
      CheckAsSimulated(given, options);
    }
  }
}

TEST_CASE("Parties compute and count what the simulation does, in every form",
          "[parties][service]") {
  const LinearForm linear = GENERATE(LinearForm::kMasked, LinearForm::kReplicated);
  CAPTURE(static_cast<int>(linear));
  CheckEveryWay(Given(linear, LookupForm::kReshare, Deployment::kFourProcess));
}

TEST_CASE("Direct lookups and a dealer beside P0 are as simulated", "[parties][service]") {
  CheckEveryWay(Given(LinearForm::kMasked, LookupForm::kDirect));
  RealServers::Options options = Seeded();
  CheckAsSimulated(Given(LinearForm::kReplicated, LookupForm::kReshare, Deployment::kSharedDealer),
                   options);
}

TEST_CASE("Random programs are as simulated", "[parties][service]") {
  for (uint64_t seed = 1; seed <= 2; ++seed) {
    CAPTURE(seed);
    const Given given(seed);
    RealServers::Options options = Seeded();
    options.stream = seed % 2 == 0;
    options.party.tape_memory_bytes = seed % 3 == 0 ? 1 : int64_t{1} << 30;
    CheckAsSimulated(given, options);
  }
}

TEST_CASE("Every form is as simulated in every way that tapes come", "[parties][service][slow]") {
  const LinearForm linear = GENERATE(LinearForm::kMasked, LinearForm::kReplicated);
  const LookupForm lookup = GENERATE(LookupForm::kReshare, LookupForm::kDirect);
  CheckEveryWay(Given(linear, lookup), /*all=*/true);
}

TEST_CASE("Hundreds of random programs are as simulated", "[parties][service][slow]") {
  for (uint64_t seed = 100; seed < 300; ++seed) {
    CAPTURE(seed);
    const Given given(seed, 20);
    RealServers::Options options = Seeded();
    options.stream = seed % 2 == 0;
    options.party.tape_memory_bytes = seed % 3 == 0 ? 1 : int64_t{1} << 30;
    CheckAsSimulated(given, options);
  }
}

// ---- a tape is used once ----

TEST_CASE("Tapes that were copied are used without a dealer, each once", "[parties][service]") {
  const bool p0 = GENERATE(false, true);
  CAPTURE(p0);
  const Given given = p0 ? WithP0() : WithoutP0();
  Copied trial(given, 3);
  // What an operator may copy back some day.
  Folder kept;
  CopyStore(trial.servers().Store(Role::kP1) / "tapes", kept / "p1");
  CopyStore(trial.servers().Store(Role::kP2), kept / "p2");
  trial.Start();
  const Identifier first = trial.Right().tape;
  const Identifier second = trial.Right().tape;
  CHECK(first == trial.tapes()[0]);
  CHECK(second == trial.tapes()[1]);
  // P0 hears of it too, and nobody keeps the part.
  for (const Role party : kParties) {
    INFO(Name(party));
    CHECK(Eventually([&] {
      return !trial.servers().Part(party, trial.program(), first).has_value() &&
             !trial.servers().Part(party, trial.program(), second).has_value();
    }));
  }
  trial.StopParties();
  trial.CheckConsumed({first, second});

  SECTION("a part that is copied back is refused") {
    CopyStore(kept / "p1", trial.servers().Store(Role::kP1) / "tapes");
  }
  SECTION("a store of an older day learns what the others know") {
    CopyStore(kept / "p2", trial.servers().Store(Role::kP2));
  }
  trial.Start();
  CHECK(trial.Right().tape == trial.tapes()[2]);
  trial.StopParties();
  trial.CheckConsumed({first, second, trial.tapes()[2]});
}

TEST_CASE("Parties that have different tapes use a common one", "[parties][service]") {
  const Given given = WithP0();
  Copied trial(given, 4, Impatient());
  REQUIRE(fs::remove(trial.PartOf(Role::kP2, 0)));
  REQUIRE(fs::remove(trial.PartOf(Role::kP0, 1)));
  REQUIRE(fs::remove(trial.PartOf(Role::kP1, 2)));
  trial.Start();
  CHECK(trial.Right().tape == trial.tapes()[3]);
  // Nothing in common any more.
  const auto start = std::chrono::steady_clock::now();
  const StatusOr<InferResult> none = trial.Infer();
  REQUIRE(!none.ok());
  INFO(OneLine(none.status()));
  CHECK(Mentions(none.status(), "in common"));
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(10));
  for (const Role party : kParties) CHECK(trial.servers().StatusOf(party).models.size() == 1);
}

TEST_CASE("A party that lost parts, where the others have fetched all they keep ahead, gets on",
          "[parties][service]") {
  const Given given = WithoutP0();
  RealServers::Options options;
  options.tapes = 6;
  Trial trial(given, options);
  trial.servers().StartAll();
  trial.Share();
  REQUIRE(trial.servers().Prepared(Role::kP1, 1));
  const auto parts = [&](Role party) {
    return Entries(trial.servers().Store(party) / "tapes" / trial.program().Hex());
  };
  for (const Role party : kParties) CHECK(Eventually([&] { return parts(party) >= 2; }));
  trial.servers().Stop(Role::kP1);
  fs::remove_all(trial.servers().Store(Role::kP1) / "tapes" / trial.program().Hex());
  trial.servers().Start(Role::kP1);
  trial.Right();
  trial.Right();
}

TEST_CASE("More models of a program than tapes fetched ahead are all prepared",
          "[parties][service]") {
  const Given given = WithoutP0();
  RealServers::Options options;
  options.tapes = 8;
  options.party.tapes_ahead = 1;
  Trial trial(given, options);
  trial.servers().StartAll();
  std::vector<Identifier> models;
  for (int i = 0; i < 3; ++i) models.push_back(trial.Share());
  CHECK(trial.servers().Prepared(Role::kP1, 3));
  std::set<Identifier> tapes;
  for (const Identifier& model : models) {
    const StatusOr<InferResult> result = trial.InferOf(model);
    INFO(OneLine(result.status()));
    REQUIRE(result.ok());
    CHECK(result->revealed == given.outcome.revealed);
    tapes.insert(result->tape);
  }
  CHECK(tapes.size() == 3);
}

// ---- damage ----

void Flip(const fs::path& path, int64_t at) {
  std::vector<std::byte> bytes = Content(path);
  const auto size = static_cast<int64_t>(bytes.size());
  bytes[static_cast<size_t>(at < 0 ? size + at : at)] ^= std::byte{4};
  Put(path, bytes);
}

TEST_CASE("A damaged part is found before it is used, and the next one is used",
          "[parties][service]") {
  const Role party = GENERATE(Role::kP1, Role::kP2, Role::kP0);
  INFO(Name(party));
  const Given given = WithP0();
  Copied trial(given, 6);
  const auto size = [&](size_t tape) {
    return static_cast<int64_t>(fs::file_size(trial.PartOf(party, tape)));
  };
  size_t next = 0;
  Flip(trial.PartOf(party, next++), 40);
  Flip(trial.PartOf(party, next), size(next) / 2), ++next;
  Flip(trial.PartOf(party, next++), -1);
  fs::resize_file(trial.PartOf(party, next), static_cast<uint64_t>(size(next) - 1)), ++next;
  fs::resize_file(trial.PartOf(party, next++), 10);
  trial.Start();
  CHECK(trial.Right().tape == trial.tapes()[next]);
}

TEST_CASE("Damage that only the online phase meets ends the session, not the party",
          "[parties][service]") {
  const Given given = WithP0();
  RealServers::Options options;
  options.party.tape_memory_bytes = 1;  // so that nothing is read ahead
  Copied trial(given, 2, options);
  Flip(trial.PartOf(Role::kP2, 0), -20);
  trial.Start();
  const StatusOr<InferResult> failed = trial.Infer();
  REQUIRE(!failed.ok());
  INFO(OneLine(failed.status()));
  CHECK(Mentions(failed.status(), "p2"));
  CHECK(trial.Right().tape == trial.tapes()[1]);
}

TEST_CASE("Where consumption cannot be written, nothing of a session leaves",
          "[parties][service]") {
  const Role party = GENERATE(Role::kP1, Role::kP2);
  INFO(Name(party));
  const Given given = WithoutP0();
  Copied trial(given, 2, Impatient(4));
  trial.Start();
  REQUIRE(trial.servers().Prepared(Role::kP1, 1));
  REQUIRE(trial.servers().Prepared(Role::kP2, 1));
  // A log that may not grow: what a full disk does, for this one file.
  const fs::path log = trial.servers().Store(party) / "consumed";
  const auto at_peers = [&] { return trial.servers().StatusOf(party).sessions_done; };
  {
    const FileSizeLimit limit(fs::file_size(log));
    const StatusOr<InferResult> failed = trial.Infer();
    REQUIRE(!failed.ok());
    INFO(OneLine(failed.status()));
    CHECK(Mentions(failed.status(), "consumed"));
    CHECK(failed.status().message().find(std::string(Name(party))) != std::string::npos);
  }
  CHECK(at_peers() == 0);
  trial.Right();
}

// ---- restarts ----

TEST_CASE("A party that is killed while a session is prepared keeps models and tapes",
          "[parties][service]") {
  const Role party = GENERATE(Role::kP0, Role::kP1, Role::kP2);
  INFO(Name(party));
  const Given given = WithP0();
  RealServers::Options options = Impatient(4);
  options.party.prepare_ahead = 2;
  Copied trial(given, 4, options);
  trial.Start();
  for (const Role each : kParties) REQUIRE(trial.servers().Prepared(each, 2));
  trial.servers().Kill(party);
  trial.servers().Start(party);
  // What P0 had prepared is missed only when the tape is consumed already.
  const StatusOr<InferResult> first = trial.Infer();
  INFO(OneLine(first.status()));
  if (party != Role::kP0) REQUIRE(first.ok());
  const InferResult second = trial.Right();
  const InferResult third = trial.Right();
  if (first.ok()) CHECK(first->revealed == given.outcome.revealed);
  // Each tape once, in whatever order what was lost is prepared again; one is burned where the
  // first session failed.
  const Identifier spent = first.ok() ? first->tape : trial.tapes()[0];
  const std::set<Identifier> tapes = {spent, second.tape, third.tape};
  CHECK(tapes.size() == 3);
  trial.StopParties();
  trial.CheckConsumed(tapes);
}

TEST_CASE("A party that is killed in a session burns its tape, and the next session is right",
          "[parties][service]") {
  const Role party = GENERATE(Role::kP1, Role::kP2);
  INFO(Name(party));
  const Given given = WithP0();
  Copied trial(given, 3, Impatient(2));
  trial.Start();
  REQUIRE(trial.servers().Prepared(Role::kP1, 1));
  // A data owner who joins and then says nothing: the session hangs in its first round.
  const auto owner = trial.servers().Owner(Role::kDataOwner);
  const Identifier session = *RandomIdentifier();
  const Bytes join = EncodeRequest(Join{session, trial.program(), trial.model()});
  for (const Role each : {Role::kP1, Role::kP2}) {
    REQUIRE(owner->Ask(each, session, join, After(3)).ok());
  }
  for (const Role each : {Role::kP1, Role::kP2}) {
    const StatusOr<Bytes> joined = owner->Receive({each}, session, 0, 1000, After(5));
    INFO(OneLine(joined.status()));
    REQUIRE(joined.ok());
    CHECK(DecodeAnswer<Joined>(*joined, "joined")->tape == trial.tapes()[0]);
  }
  trial.servers().Kill(party);
  trial.servers().Start(party);
  CHECK(trial.Right().tape == trial.tapes()[1]);
  trial.StopParties();
  trial.CheckConsumed({trial.tapes()[0], trial.tapes()[1]});
}

// ---- who may ask what ----

TEST_CASE("What is wrong, or asked by the wrong role, is refused and disturbs nobody",
          "[parties][service]") {
  const Given given = WithP0();
  const Given other(3);
  Copied trial(given, 2, Impatient(2));
  trial.Start();
  REQUIRE(trial.servers().Prepared(Role::kP1, 1));
  const auto data_owner = trial.servers().Owner(Role::kDataOwner);
  const auto model_owner = trial.servers().Owner(Role::kModelOwner);
  const auto ask = [&](Endpoint& from, Role to, const auto& request, const Identifier& channel) {
    REQUIRE(from.Ask(to, channel, EncodeRequest(request), After(3)).ok());
    const Status status = from.Receive({to}, channel, 0, 1 << 20, After(8)).status();
    from.Close(channel);
    return status;
  };
  const auto check = [&](const Status& status, std::string_view text) {
    INFO(OneLine(status));
    CHECK(!status.ok());
    CHECK(Mentions(status, text));
  };
  const Identifier some = *RandomIdentifier();
  const auto fresh = [] { return *RandomIdentifier(); };
  for (const Role to : {Role::kP1, Role::kP2}) {
    Identifier session = fresh();
    check(ask(*data_owner, to, Join{session, trial.program(), some}, session), some.Hex());
    session = fresh();
    check(ask(*data_owner, to, Join{session, other.digest(), trial.model()}, session),
          other.digest().Hex());
    check(ask(*data_owner, to, Join{some, trial.program(), trial.model()}, fresh()), some.Hex());
    session = fresh();
    check(ask(*model_owner, to, Join{session, trial.program(), trial.model()}, session),
          "model-owner");
  }
  Identifier session = fresh();
  check(ask(*data_owner, Role::kP0, Join{session, trial.program(), trial.model()}, session), "p0");
  for (const Role to : kParties) {
    for (Endpoint* from : {data_owner.get(), model_owner.get()}) {
      check(ask(*from, to, Open{some, trial.program(), trial.model(), trial.tapes()[0]}, fresh()),
            "p1");
      check(
          ask(*from, to, Prepare{trial.program(), trial.model(), trial.tapes()[1], some}, fresh()),
          "p1");
      check(ask(*from, to, Merge{{trial.tapes()[0]}}, fresh()), "p1");
      check(ask(*from, to, Offer{trial.program(), trial.model(), trial.tapes(), 0, {}}, fresh()),
            "p1");
      check(ask(*from, to, Meet(), fresh()), "p1");
      check(ask(*from, to, NewStream{trial.program()}, fresh()), Name(to));
    }
    check(ask(*data_owner, to, ShareModel{some, WriteProgram(given.program()), {}, {}}, fresh()),
          "model-owner");
    ShareModel share{trial.model(), WriteProgram(given.program()), {}, {}};
    share.program.resize(share.program.size() / 2);
    check(ask(*model_owner, to, share, fresh()), "program");
  }
  // Garbage of every kind.
  std::mt19937_64 random(1);
  for (int i = 0; i < 400; ++i) {
    Bytes body(static_cast<size_t>(random() % 200));
    for (std::byte& byte : body) byte = static_cast<std::byte>(random());
    if (i % 8 != 0 && !body.empty()) body[0] = static_cast<std::byte>(1 + i % (kRequestKinds - 1));
    Endpoint& from = i % 2 == 0 ? *data_owner : *model_owner;
    const StatusOr<Bytes> answer =
        from.Call(kParties[static_cast<size_t>(i % 3)], body, 1 << 20, After(5));
    INFO(i << ": " << OneLine(answer.status()));
    CHECK((!answer.ok() || (!body.empty() && body[0] == std::byte{0})));
    CHECK(!absl::IsDeadlineExceeded(answer.status()));
  }
  CHECK(trial.Right().tape == trial.tapes()[0]);
}

TEST_CASE("A session is joined once", "[parties][service]") {
  const Given given = WithoutP0();
  Copied trial(given, 2, Impatient(1));
  trial.Start();
  const Identifier session = trial.Right().session;
  const auto owner = trial.servers().Owner(Role::kDataOwner);
  REQUIRE(trial.servers().Prepared(Role::kP1, 1));
  const Join join{session, trial.program(), trial.model()};
  for (const Role party : {Role::kP1, Role::kP2}) {
    REQUIRE(owner->Ask(party, session, EncodeRequest(join), After(3)).ok());
  }
  const Status again = owner->Receive({Role::kP1}, session, 0, 1000, After(8)).status();
  CHECK(Mentions(again, "joined before"));
  CHECK(!owner->Receive({Role::kP2}, session, 0, 1000, After(8)).ok());
  CHECK(trial.Right().tape == trial.tapes()[1]);
}

// ---- many, and the end ----

TEST_CASE("Sessions in flight at the same time are all right, on tapes of their own",
          "[parties][service]") {
  const Given given = WithP0();
  RealServers::Options options;
  options.party.sessions_at_once = 3;
  options.party.prepare_ahead = 3;
  constexpr int kOwners = 3;
  constexpr int kSessions = 3;
  Copied trial(given, kOwners * kSessions, options);
  trial.Start();
  std::vector<StatusOr<InferResult>> results[kOwners];
  std::vector<std::unique_ptr<Endpoint>> owners;
  std::vector<std::thread> threads;
  for (int i = 0; i < kOwners; ++i) owners.push_back(trial.servers().Owner(Role::kDataOwner));
  for (size_t owner = 0; owner < owners.size(); ++owner) {
    threads.emplace_back([&, owner] {
      for (int i = 0; i < kSessions; ++i) {
        results[owner].push_back(trial.InferAt(*owners[owner], trial.model()));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<Identifier> tapes;
  for (const auto& mine : results) {
    for (const StatusOr<InferResult>& result : mine) {
      INFO(OneLine(result.status()));
      REQUIRE(result.ok());
      CHECK(result->revealed == given.outcome.revealed);
      tapes.insert(result->tape);
    }
  }
  CHECK(tapes.size() == kOwners * kSessions);
  trial.StopParties();
  trial.CheckConsumed(tapes);
}

TEST_CASE("A party that is asked to end finishes its session and refuses who waits",
          "[parties][service]") {
  const Role party = GENERATE(Role::kP1, Role::kP2);
  INFO(Name(party));
  const Given given = WithP0();
  RealServers::Options options;  // patient: nothing here may wait for a time-out
  options.silence = 60;
  Copied trial(given, 3, options);
  trial.Start();
  REQUIRE(trial.servers().Prepared(Role::kP1, 1));
  // A data owner that has joined P1, and takes its time to join P2.
  const auto owner = trial.servers().Owner(Role::kDataOwner);
  ThreadPool pool(1);
  const MessagePlan plan(given.program());
  std::atomic<bool> open = false;
  const Identifier session = *RandomIdentifier();
  const Bytes join = EncodeRequest(Join{session, trial.program(), trial.model()});
  REQUIRE(owner->Ask(Role::kP1, session, join, After(3)).ok());
  StatusOr<Bytes> joined = owner->Receive({Role::kP1}, session, 0, 1000, After(10));
  INFO(OneLine(joined.status()));
  REQUIRE(joined.ok());
  const auto start = std::chrono::steady_clock::now();
  std::thread ended([&] {
    trial.servers().Stop(party);
    open = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  CHECK(!open);
  if (party == Role::kP1) {
    const StatusOr<InferResult> refused = trial.Infer();
    CHECK(Mentions(refused.status(), "stopping"));
  }
  // Now the rest of the session, by hand.
  REQUIRE(owner->Ask(Role::kP2, session, join, After(3)).ok());
  StatusOr<Bytes> other = owner->Receive({Role::kP2}, session, 0, 1000, After(10));
  INFO(OneLine(other.status()));
  CHECK(other.ok());
  if (other.ok()) {
    LongTermKeys keys;
    keys.keys[static_cast<size_t>(KeyName::kData1)] = DecodeAnswer<Joined>(*joined, "p1")->data;
    keys.keys[static_cast<size_t>(KeyName::kData0)] = DecodeAnswer<Joined>(*other, "p2")->data;
    Walker walker(given.program(), Role::kDataOwner, pool, nullptr);
    REQUIRE(walker.StartSession(KeyRing::OfTapeKeys(keys), given.given.data).ok());
    LinkedWalker linked(given.program(), plan, walker, {owner.get(), session, {}, 20}, nullptr);
    const Status run = linked.Run(Phase::kOnline);
    INFO(OneLine(run));
    CHECK(run.ok());
  }
  ended.join();
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(30));
  CHECK(trial.servers().OpenStore(party)->LoadSession(session).ok());
}

}  // namespace
}  // namespace lutra
