// The dealer as the other roles see it, over loopback: what it takes, what it deals, whom it
// refuses.
#include "dealer/dealer_service.h"

#include <atomic>

#include "tests/dealer/support.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kSeed = 5;
constexpr int64_t kChunk = Endpoint::kChunkBytes;

struct Setup {
  std::optional<int64_t> count;
  bool stream = false;
  bool store = true;
  std::optional<uint64_t> seed;
  std::optional<Deployment> deployment;
  int64_t window_bytes = 1000;
  double connect_seconds = 20;
  double silence_seconds = 20;
  std::function<void(EndpointOptions&)> endpoint;
};

// A dealer that serves, in a thread.
class Dealer {
 public:
  Dealer(Net& net, const fs::path& path, const Setup& setup) {
    std::unique_ptr<DealerStore> store;
    if (setup.store) {
      auto opened = DealerStore::Open(path);
      INFO(OneLine(opened.status()));
      REQUIRE(opened.ok());
      store = *std::move(opened);
    }
    auto depot = Depot::Make(registry_, std::move(store),
                             {setup.count, setup.seed, setup.deployment, setup.window_bytes});
    INFO(OneLine(depot.status()));
    REQUIRE(depot.ok());
    depot_ = *std::move(depot);
    Endpoint& endpoint = net.Start(Role::kDealer, setup.endpoint);
    service_ = std::make_unique<DealerService>(
        endpoint, *depot_, pool_, log_,
        DealerServiceOptions{setup.stream, setup.connect_seconds, setup.silence_seconds});
    thread_ = std::thread([this] { service_->Run([this] { return stop_.load(); }); });
    net_ = &net;
  }
  ~Dealer() {
    stop_ = true;
    thread_.join();
    net_->Stop(Role::kDealer);
  }
  Dealer(const Dealer&) = delete;
  Dealer& operator=(const Dealer&) = delete;

  Depot& depot() { return *depot_; }
  // How many tapes of a program were dealt.
  bool Deals(const Digest& program, uint64_t tapes) {
    return Eventually([&] {
      const auto list = depot_->List();
      for (const Depot::Entry& entry : *list) {
        if (entry.program == program && entry.dealt == tapes) return true;
      }
      return false;
    });
  }

 private:
  const Registry registry_ = Registry::WithBuiltins();
  ThreadPool pool_{1};
  Log log_{"dealer", true};
  std::unique_ptr<Depot> depot_;
  std::unique_ptr<DealerService> service_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
  Net* net_ = nullptr;
};

int64_t FilesIn(const fs::path& store, Role role, const Digest& program) {
  return Entries(store / Name(role) / program.Hex());
}

void SmallBuffers(EndpointOptions& options) {
  options.window_bytes = 2 * kChunk;
  options.queue_bytes = 0;
}

void StartParties(Net& net) {
  for (const Role role : kParties) net.Start(role);
}

TEST_CASE("Parties take what was dealt for the owner's program", "[dealer][service]") {
  const Example example(501);
  const Folder folder;
  Net net;
  Setup setup;
  setup.count = 2;
  setup.seed = kSeed;
  Dealer dealer(net, folder / "store", setup);
  StartParties(net);
  Endpoint& owner = net.Start(Role::kModelOwner);
  const Status unknown = Arriving(net[Role::kP1], TakeTape{example.digest(), {}}).status();
  CHECK(absl::IsNotFound(unknown));
  CHECK(Mentions(unknown, "dealer: program " + example.digest().Hex()));
  const Status added = SendProgram(owner, example);
  INFO(OneLine(added));
  REQUIRE(added.ok());
  REQUIRE(SendProgram(owner, example).ok());
  REQUIRE(dealer.Deals(example.digest(), 2));

  for (const Role role : kParties) {
    Endpoint& party = net[role];
    std::vector<Identifier> have;
    for (uint64_t number = 0; number < 2; ++number) {
      Arriving part(party, TakeTape{example.digest(), have});
      const Status status = part.Finish();
      INFO(Name(role) << " " << number << " " << OneLine(status));
      REQUIRE(status.ok());
      CHECK(part.offer().found);
      CHECK_FALSE(part.offer().streaming);
      CHECK(part.header().role == role);
      CHECK(part.header().number == number);
      CHECK(part.header().tape == part.offer().tape);
      CHECK(part.offer().tape == MakeTapeSeed(number, kSeed)->tape);
      CHECK(part.words() == example.Words(role, number, kSeed));
      CHECK(part.words().empty() == (role == Role::kP0));
      have.push_back(part.offer().tape);
    }
    CHECK_FALSE(Arriving(party, TakeTape{example.digest(), have}).offer().found);
    // Nothing goes before the party has said that it has it, and then its own part only.
    CHECK(FilesIn(folder / "store", role, example.digest()) == 2);
    REQUIRE(Call<Done>(party, KeepTape{example.digest(), have[0]}).ok());
    REQUIRE(Call<Done>(party, KeepTape{example.digest(), have[0]}).ok());
    CHECK(FilesIn(folder / "store", role, example.digest()) == 1);
    CHECK(Arriving(party, TakeTape{example.digest(), {}}).offer().tape == have[1]);
  }
  const auto status = Call<ServerStatus>(owner, StatusRequest{});
  REQUIRE(status.ok());
  REQUIRE(status->programs.size() == 1);
  CHECK(status->programs[0].digest == example.digest());
  CHECK(status->programs[0].tapes == 1);
  CHECK(status->tapes_dealt == 2);
  CHECK(status->sent_bytes > 0);
  CHECK(status->received_bytes > 0);
  CHECK(status->framing_bytes > 0);
}

TEST_CASE("Dealing ahead goes on where it stopped", "[dealer][service]") {
  const Example example(40), other(41);
  const Folder folder;
  Net net;
  Setup setup;
  setup.count = 2;
  Identifier first;
  {
    Dealer dealer(net, folder / "store", setup);
    REQUIRE(dealer.depot().Add(example.Copy()).ok());
    REQUIRE(dealer.depot().Add(other.Copy()).ok());
    REQUIRE(dealer.Deals(example.digest(), 2));
    REQUIRE(dealer.Deals(other.digest(), 2));
    first = Arriving(net.Start(Role::kP1), TakeTape{example.digest(), {}}).offer().tape;
    REQUIRE(Call<Done>(net[Role::kP1], KeepTape{example.digest(), first}).ok());
  }
  setup.count = 3;
  {
    Dealer dealer(net, folder / "store", setup);
    REQUIRE(dealer.Deals(example.digest(), 3));
    REQUIRE(dealer.Deals(other.digest(), 3));
    const auto entries = dealer.depot().List();
    REQUIRE(entries->size() == 2);
    for (const Depot::Entry& entry : *entries) {
      CHECK(entry.stock == (entry.program == example.digest() ? 2 : 3));
    }
  }
  // Without a number: two in stock, whatever was dealt before.
  setup.count.reset();
  Dealer dealer(net, folder / "store", setup);
  Endpoint& p1 = net.Start(Role::kP1);
  for (int i = 0; i < 2; ++i) {
    const Identifier tape = Arriving(p1, TakeTape{example.digest(), {}}).offer().tape;
    CHECK_FALSE(tape == first);
    REQUIRE(Call<Done>(p1, KeepTape{example.digest(), tape}).ok());
  }
  REQUIRE(dealer.Deals(example.digest(), 5));
  CHECK(dealer.Deals(other.digest(), 3));
}

TEST_CASE("What a program's owner may send is checked", "[dealer][service]") {
  const Example example(40);
  const Example same(40, /*contents=*/9);
  REQUIRE(same.digest() == example.digest());
  const Folder folder;
  Net net;
  Setup setup;
  setup.count = 1;
  setup.silence_seconds = 0.5;
  setup.deployment = Deployment::kFourProcess;
  Dealer dealer(net, folder / "store", setup);
  Endpoint& owner = net.Start(Role::kModelOwner);
  const std::vector<std::byte> program = WriteProgram(example.program());
  const Bytes tables = PackTables(example.program(), example.tables());
  const auto refused = [&](std::vector<std::byte> bytes, Bytes contents, std::string_view why) {
    const Status status = SendProgram(owner, std::move(bytes), std::move(contents));
    INFO(OneLine(status));
    CHECK_FALSE(status.ok());
    CHECK(Mentions(status, why));
    CHECK(dealer.depot().List()->empty());
  };
  refused({}, tables, "program");
  std::vector<std::byte> damaged = program;
  damaged[damaged.size() / 2] ^= std::byte{1};
  refused(damaged, tables, "program");
  refused(program, {}, "tables: expected");
  Bytes wrong = tables;
  wrong.pop_back();
  refused(program, wrong, "tables: expected");
  wrong.resize(tables.size() + 1);
  refused(program, wrong, "expected at most");
  wrong = tables;
  wrong[0] = std::byte{255};
  refused(program, wrong, "table 0 (T): expected elements below 2^3");
  wrong = tables;
  wrong[8] ^= std::byte{1};
  refused(program, wrong, "table 1 (W): entry 0 is not the program's");
  // The tables do not come at all.
  const Status silent = Call<Done>(owner, AddProgram{program}).status();
  CHECK(absl::IsDeadlineExceeded(silent));
  CHECK(Entries(folder / "store" / "programs") == 0);

  REQUIRE(SendProgram(owner, example).ok());
  const Status other = SendProgram(owner, same);
  CHECK(absl::IsAlreadyExists(other));
  CHECK(Mentions(other, "table 0 (T): expected the contents that were added before"));
  CHECK(dealer.Deals(example.digest(), 1));
}

TEST_CASE("A program of another deployment is refused", "[dealer][service]") {
  const Example example(40);
  const Registry registry = Registry::WithBuiltins();
  const auto depot = Depot::Make(registry, nullptr, {{}, {}, Deployment::kSharedDealer, 1000});
  REQUIRE(depot.ok());
  const Status status = (*depot)->Add(example.Copy()).status();
  CHECK(Mentions(status, "deployment: expected shared-dealer, found four-process"));
}

TEST_CASE("An insecure seed is for one program", "[dealer][service]") {
  const Example example(40), other(41);
  const Registry registry = Registry::WithBuiltins();
  const auto depot = Depot::Make(registry, nullptr, {{}, kSeed, {}, 1000});
  REQUIRE(depot.ok());
  CHECK((*depot)->Add(example.Copy()).ok());
  CHECK_FALSE(*(*depot)->Add(example.Copy()));
  CHECK(absl::IsFailedPrecondition((*depot)->Add(other.Copy()).status()));
}

// All that a dealer may be asked, by all who may not.
TEST_CASE("Who asks what is not his is refused by name", "[dealer][service]") {
  const Example example(40);
  const Folder folder;
  Net net;
  Setup setup;
  setup.count = 1;
  Dealer dealer(net, folder / "store", setup);
  REQUIRE(dealer.depot().Add(example.Copy()).ok());
  REQUIRE(dealer.Deals(example.digest(), 1));
  const std::map<RequestKind, std::set<Role>> may = {
      {RequestKind::kAddProgram, {Role::kModelOwner}},
      {RequestKind::kTakeTape, {Role::kP0, Role::kP1, Role::kP2}},
      {RequestKind::kKeepTape, {Role::kP0, Role::kP1, Role::kP2}},
      {RequestKind::kNewStream, {Role::kP1}},
      {RequestKind::kOpenStream, {Role::kP0, Role::kP1, Role::kP2}},
  };
  for (const Role role : kRoles) {
    if (role == Role::kDealer) continue;
    Endpoint& endpoint = net.Start(role);
    CHECK(Call<ServerStatus>(endpoint, StatusRequest{}).ok());
    for (int kind = 1; kind <= kRequestKinds; ++kind) {
      const auto entry = may.find(static_cast<RequestKind>(kind));
      if (entry != may.end() && entry->second.contains(role)) continue;
      const Status status =
          endpoint.Call(Role::kDealer, Bytes{static_cast<std::byte>(kind)}, 1000, Soon()).status();
      INFO(Name(role) << " " << kind << " " << OneLine(status));
      CHECK_FALSE(status.ok());
      if (kind == kRequestKinds) continue;
      CHECK(absl::IsPermissionDenied(status));
      CHECK(Mentions(status, Name(role)));
      CHECK(Mentions(status, Name(static_cast<RequestKind>(kind))));
    }
    CHECK_FALSE(endpoint.Call(Role::kDealer, {}, 1000, Soon()).ok());
  }
  // Nothing was touched.
  CHECK(Arriving(net[Role::kP1], TakeTape{example.digest(), {}}).Finish().ok());
  for (const Role role : kParties) CHECK(FilesIn(folder / "store", role, example.digest()) == 1);
}

TEST_CASE("A party that dies in the middle gets its part again", "[dealer][service]") {
  const Example example(6000, 3, 8);
  const Folder folder;
  Net net;
  Setup setup;
  setup.count = 1;
  setup.seed = kSeed;
  setup.endpoint = SmallBuffers;
  Dealer dealer(net, folder / "store", setup);
  REQUIRE(dealer.depot().Add(example.Copy()).ok());
  REQUIRE(dealer.Deals(example.digest(), 1));
  const std::vector<std::byte> words = example.Words(Role::kP1, 0, kSeed);
  REQUIRE(words.size() > 4 * kChunk);
  Endpoint& p1 = net.Start(Role::kP1, SmallBuffers);
  Arriving part(p1, TakeTape{example.digest(), {}});
  REQUIRE(part.Next().ok());
  REQUIRE(part.Next().ok());
  part.Forget();
  net.Stop(Role::kP1);
  Arriving again(net.Start(Role::kP1, SmallBuffers), TakeTape{example.digest(), {}});
  const Status status = again.Finish();
  INFO(OneLine(status));
  REQUIRE(status.ok());
  CHECK(again.words() == words);
  CHECK(FilesIn(folder / "store", Role::kP1, example.digest()) == 1);
}

TEST_CASE("A damaged part is said to be so, and the next one follows", "[dealer][service]") {
  const Example example(501);
  const Folder folder;
  Net net;
  Setup setup;
  setup.count = 3;
  setup.seed = kSeed;
  Dealer dealer(net, folder / "store", setup);
  REQUIRE(dealer.depot().Add(example.Copy()).ok());
  REQUIRE(dealer.Deals(example.digest(), 3));
  const auto file = [&](uint64_t number) {
    TapeHeader header;
    header.tape = MakeTapeSeed(number, kSeed)->tape;
    header.number = number;
    return folder / "store" / "p2" / example.digest().Hex() / header.FileName();
  };
  const auto flip = [](const fs::path& path, size_t offset) {
    std::vector<std::byte> bytes = Content(path);
    bytes.at(offset) ^= std::byte{1};
    Put(path, bytes);
  };
  flip(file(0), 20);   // the header
  flip(file(1), 300);  // a word
  Endpoint& p2 = net.Start(Role::kP2);
  Arriving second(p2, TakeTape{example.digest(), {}});
  // The error may overtake the offer.
  const Status damaged = second.Finish();
  INFO(OneLine(damaged));
  CHECK(absl::IsDataLoss(damaged));
  CHECK(Mentions(damaged, MakeTapeSeed(1, kSeed)->tape.Hex()));
  Arriving third(p2, TakeTape{example.digest(), {}});
  CHECK(third.offer().tape == MakeTapeSeed(2, kSeed)->tape);
  CHECK(third.Finish().ok());
}

// ---- streams ----

// Parts of a stream that all parties have opened.
struct Opened {
  Opened(Net& net, const Digest& program) {
    const auto offer = Call<TapeOffer>(net[Role::kP1], NewStream{program});
    INFO(OneLine(offer.status()));
    REQUIRE(offer.ok());
    CHECK(offer->found);
    CHECK(offer->streaming);
    tape = offer->tape;
    for (const Role role : kParties) {
      parts[Index(role) - 1] =
          std::make_unique<Arriving>(net[role], OpenStream{program, offer->tape});
      // The header is there before the others have opened theirs.
      const Status status = part(role).status().ok() ? part(role).Next() : part(role).status();
      INFO(Name(role) << " " << OneLine(status));
      REQUIRE(status.ok());
      CHECK(part(role).offer().tape == tape);
      CHECK(part(role).header().role == role);
    }
    CHECK(part(Role::kP1).offer().records == offer->records);
    CHECK(part(Role::kP0).offer().records == 1);
  }
  Arriving& part(Role role) { return *parts[Index(role) - 1]; }

  Identifier tape;
  std::array<std::unique_ptr<Arriving>, 3> parts;
};

TEST_CASE("A stream has the words of the store", "[dealer][stream]") {
  const Example example(501);
  const bool stored = GENERATE(true, false);
  const Folder folder;
  Net net;
  Setup setup;
  setup.stream = true;
  setup.store = stored;
  setup.seed = kSeed;
  Dealer dealer(net, folder / "store", setup);
  StartParties(net);
  REQUIRE(SendProgram(net.Start(Role::kModelOwner), example).ok());
  const Status untold = Call<TapeOffer>(net[Role::kP1], NewStream{Digest{}}).status();
  CHECK(absl::IsNotFound(untold));
  const Arriving none(net[Role::kP1], TakeTape{example.digest(), {}});
  CHECK_FALSE(none.offer().found);
  CHECK(none.offer().streaming);
  for (uint64_t number = 0; number < 2; ++number) {
    Opened stream(net, example.digest());
    CHECK(stream.tape == MakeTapeSeed(number, kSeed)->tape);
    for (const Role role : kParties) {
      const Status status = stream.part(role).Finish();
      INFO(OneLine(status));
      REQUIRE(status.ok());
      CHECK(stream.part(role).header().number == number);
      CHECK(stream.part(role).words() == example.Words(role, number, kSeed));
    }
  }
  REQUIRE(Eventually(
      [&] { return Call<ServerStatus>(net[Role::kP1], StatusRequest{})->sessions_done == 2; }));
  CHECK(Call<ServerStatus>(net[Role::kP1], StatusRequest{})->tapes_dealt == 2);
  CHECK(dealer.Deals(example.digest(), 2));
  CHECK(fs::exists(folder / "store") == stored);
  if (!stored) return;
  for (const Role role : kParties) CHECK(FilesIn(folder / "store", role, example.digest()) == 0);
  CHECK(Eventually([&] { return Entries(folder / "store" / "ledgers") == 2; }));
}

// P1 and P2 take theirs at the same time. Only this thread uses the test's macros.
void FinishBoth(Opened& stream) {
  Status p2;
  std::thread other([&] { p2 = stream.part(Role::kP2).Finish(); });
  const Status p1 = stream.part(Role::kP1).Finish();
  other.join();
  CHECK(p1.ok());
  CHECK(p2.ok());
}

TEST_CASE("Streams take turns of memory, not of each other", "[dealer][stream]") {
  const Example example(6000, 3, 8);
  const std::vector<std::byte> words = example.Words(Role::kP1, 0, kSeed);
  REQUIRE(words.size() > 8 * kChunk);
  const Folder folder;
  Net net;
  Setup setup;
  setup.stream = true;
  setup.store = false;
  setup.seed = kSeed;
  setup.window_bytes = 1;
  setup.endpoint = SmallBuffers;
  Dealer dealer(net, folder / "store", setup);
  for (const Role role : kParties) net.Start(role, SmallBuffers);
  REQUIRE(dealer.depot().Add(example.Copy()).ok());
  Opened slow(net, example.digest());
  // Nobody reads: what was sent stays within the readers' windows.
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const int64_t sent = net[Role::kDealer].traffic(Role::kP1).sent.payload_bytes;
  CHECK(sent > kChunk / 2);
  CHECK(sent < 3 * kChunk);
  // P1 takes nothing at all; P2 gets the rest of the window that is dealt.
  CHECK(slow.part(Role::kP2).Next().ok());
  CHECK(slow.part(Role::kP2).Next().ok());
  CHECK(net[Role::kDealer].traffic(Role::kP1).sent.payload_bytes < 3 * kChunk);
  // Another stream passes it by.
  Opened fast(net, example.digest());
  FinishBoth(fast);
  CHECK(Eventually(
      [&] { return Call<ServerStatus>(net[Role::kP1], StatusRequest{})->sessions_done == 1; }));
  FinishBoth(slow);
  CHECK(slow.part(Role::kP1).words() == words);
  CHECK(slow.part(Role::kP2).words() == example.Words(Role::kP2, 0, kSeed));
}

TEST_CASE("A party that goes away ends its stream only", "[dealer][stream]") {
  const Example example(6000, 3, 8);
  const Folder folder;
  Net net;
  Setup setup;
  setup.stream = true;
  setup.store = false;
  setup.endpoint = SmallBuffers;
  Dealer dealer(net, folder / "store", setup);
  for (const Role role : kParties) net.Start(role, SmallBuffers);
  REQUIRE(dealer.depot().Add(example.Copy()).ok());
  const bool dies = GENERATE(true, false);
  {
    Opened stream(net, example.digest());
    if (dies) {
      stream.part(Role::kP1).Forget();
      net.Stop(Role::kP1);
    } else {
      net[Role::kP1].Cancel(stream.part(Role::kP1).channel(), Unavailable("not needed"));
    }
    const Status status = stream.part(Role::kP2).Finish();
    INFO(OneLine(status));
    CHECK_FALSE(status.ok());
    CHECK(Mentions(status, "dealer: cancelled: p1"));
  }
  if (dies) net.Start(Role::kP1, SmallBuffers);
  CHECK(Eventually([&] {
    const auto status = Call<ServerStatus>(net[Role::kP2], StatusRequest{});
    return status->sessions_failed == 1 && status->sessions_running == 0;
  }));
  Opened again(net, example.digest());
  FinishBoth(again);
}

TEST_CASE("A stream that is not opened in time, or twice, is refused", "[dealer][stream]") {
  const Example example(40), other(41);
  const Folder folder;
  Net net;
  Setup setup;
  setup.stream = true;
  setup.store = false;
  setup.connect_seconds = 1;
  Dealer dealer(net, folder / "store", setup);
  StartParties(net);
  REQUIRE(dealer.depot().Add(example.Copy()).ok());
  REQUIRE(dealer.depot().Add(other.Copy()).ok());
  const Identifier tape = Call<TapeOffer>(net[Role::kP1], NewStream{example.digest()})->tape;
  Arriving first(net[Role::kP2], OpenStream{example.digest(), tape});
  REQUIRE(first.Next().ok());
  const Arriving second(net[Role::kP2], OpenStream{example.digest(), tape});
  CHECK(absl::IsAlreadyExists(second.status()));
  const Arriving unfit(net[Role::kP1], OpenStream{other.digest(), tape});
  CHECK(Mentions(unfit.status(), example.digest().Hex()));
  CHECK(Mentions(unfit.status(), other.digest().Hex()));
  const Status late = first.Next();
  INFO(OneLine(late));
  CHECK(Mentions(late, "found that p0 did not"));
  const Arriving gone(net[Role::kP1], OpenStream{example.digest(), tape});
  CHECK(absl::IsNotFound(gone.status()));
  // As many as there may be at a time, and again when they are gone.
  for (size_t i = 0; i < DealerService::kMostStreams; ++i) {
    CHECK(Call<TapeOffer>(net[Role::kP1], NewStream{example.digest()}).ok());
  }
  const Status more = Call<TapeOffer>(net[Role::kP1], NewStream{example.digest()}).status();
  CHECK(absl::IsResourceExhausted(more));
  CHECK(Eventually(
      [&] { return Call<TapeOffer>(net[Role::kP1], NewStream{example.digest()}).ok(); }));
}

TEST_CASE("A dealer that deals ahead has no streams, and ends with streams open",
          "[dealer][stream]") {
  const Example example(6000, 3, 8);
  const Folder folder;
  Net net;
  Setup setup;
  {
    Dealer dealer(net, folder / "ahead", setup);
    StartParties(net);
    REQUIRE(dealer.depot().Add(example.Copy()).ok());
    const Status status = Call<TapeOffer>(net[Role::kP1], NewStream{example.digest()}).status();
    CHECK(absl::IsFailedPrecondition(status));
  }
  setup.stream = true;
  setup.store = false;
  setup.silence_seconds = 0.3;
  setup.endpoint = SmallBuffers;
  std::optional<Dealer> dealer(std::in_place, net, folder / "none", setup);
  for (const Role role : kParties) net.Start(role, SmallBuffers);
  REQUIRE(dealer->depot().Add(example.Copy()).ok());
  CHECK(absl::IsFailedPrecondition(
      Call<Done>(net[Role::kP1], KeepTape{example.digest(), {}}).status()));
  Opened running(net, example.digest());
  const Identifier tape = Call<TapeOffer>(net[Role::kP1], NewStream{example.digest()})->tape;
  Arriving waiting(net[Role::kP2], OpenStream{example.digest(), tape});
  dealer.reset();
  CHECK_FALSE(running.part(Role::kP2).Finish().ok());
  CHECK_FALSE(waiting.Finish().ok());
}

}  // namespace
}  // namespace lutra
