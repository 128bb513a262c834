// Dealing into a store: the words and keys of the simulation, whole tapes or none, across restarts.
#include "cluster/dealer_store.h"

#include <sys/stat.h>

#include <mutex>
#include <set>

#include "cluster/party_store.h"
#include "cluster/tensor_file.h"
#include "dealer/stock.h"
#include "mpc/protocols/local.h"
#include "mpc/protocols/lookup.h"
#include "mpc/protocols/product.h"
#include "mpc/protocols/reveal.h"
#include "tests/support/folder.h"
#include "tests/support/run_program.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kSeed = 5;

// A program whose nodes do not stand in the order of their levels, with a private table, a model,
// and replicated correlations.
struct Example {
  Example() {
    Builder& b = given.builder;
    const TableId table = b.AddTable("T", {3}, RandomTensor(Ring(3), Shape{1, 8}, 3), true);
    const TableId wide = b.AddTable("W", {3}, RandomTensor(Ring(9), Shape{1, 8}, 4), false);
    const Value w = given.Random("w", Role::kModelOwner, Ring(3), Shape{501}, 5);
    for (int chain = 0; chain < 3; ++chain) {
      Value x = given.Random(StrCat("x", chain), Role::kDataOwner, Ring(3), Shape{501}, 7);
      x = Add(b, x, w);
      for (int i = 0; i < 3; ++i) {
        x = LookupReplicated(b, {x}, table, i == 1 ? LookupForm::kDirect : LookupForm::kReshare);
      }
      Reveal(b, StrCat("y", chain), Lookup(b, {x}, wide));
    }
    StatusOr<BuiltProgram> made = std::move(given.builder).Build();
    INFO(OneLine(made.status()));
    REQUIRE(made.ok());
    built.emplace(*std::move(made));
  }
  const Program& program() const { return built->program; }

  // What the simulation's dealer sends to each role, session by session.
  std::map<Role, std::vector<std::vector<std::byte>>> Simulated(int sessions) {
    Transcript transcript;
    SimulationOptions options;
    options.seed = kSeed;
    options.listener = &transcript;
    options.tape_window_bytes = 1000;
    auto simulation = Simulation::Make(*built, pool, options);
    REQUIRE(simulation.ok());
    REQUIRE((*simulation)->ShareModel(given.model).ok());
    std::map<Role, std::vector<std::vector<std::byte>>> words;
    for (int session = 0; session < sessions; ++session) {
      transcript = {};
      REQUIRE((*simulation)->Run(given.data).ok());
      for (const Transcript::Message& message : transcript.messages) {
        if (message.phase == Phase::kDeal) words[message.to].push_back(message.payload);
      }
    }
    return words;
  }

  Case given;
  ThreadPool pool{1};
  std::optional<BuiltProgram> built;
};

std::unique_ptr<DealerStore> OpenStore(const fs::path& path) {
  StatusOr<std::unique_ptr<DealerStore>> store = DealerStore::Open(path);
  INFO(OneLine(store.status()));
  REQUIRE(store.ok());
  return *std::move(store);
}

std::vector<std::byte> WordsOf(TapeReader reader) {
  Buffer words;
  REQUIRE(reader.Read(reader.words_left(), words).ok());
  return {words.bytes().begin(), words.bytes().end()};
}

Status DealOne(DealerStore& store, Example& example, int64_t window_bytes = int64_t{1} << 28,
               std::optional<uint64_t> seed = kSeed) {
  StockOptions options;
  options.window_bytes = window_bytes;
  options.simulation_seed = seed;
  return DealIntoStore(store, *example.built, options, example.pool).status();
}

TEST_CASE("A stock dealt with a seed is what the simulation's dealer sends", "[store][dealer]") {
  Example example;
  REQUIRE(TapeLayout::Windows(example.program(), 1).size() > 2);
  const auto simulated = example.Simulated(2);
  for (const int64_t window : {int64_t{1}, int64_t{2000}, int64_t{1} << 28}) {
    const Folder folder;
    const auto store = OpenStore(folder / "dealer");
    REQUIRE(store->AddProgram(example.program(), example.built->tables).ok());
    for (int i = 0; i < 2; ++i) REQUIRE(DealOne(*store, example, window).ok());
    const LongTermKeys keys = LongTermKeysFromSeed(kSeed);
    for (const Role role : kParties) {
      const auto parts = store->Parts(role, example.program().digest());
      REQUIRE(parts.ok());
      REQUIRE(parts->size() == 2);
      for (size_t i = 0; i < 2; ++i) {
        const TapeEntry& entry = (*parts)[i];
        CHECK(entry.number == i);
        CHECK(entry.tape == IdentifierFromSeed(kSeed, "tape id", i + 1));
        StatusOr<TapeReader> part = store->OpenPart(role, example.program().digest(), entry.tape);
        REQUIRE(part.ok());
        for (size_t key = 0; key < kKeyCount; ++key) {
          const KeyName name = static_cast<KeyName>(key);
          const bool dealt = Holds(Role::kDealer, name) && Holds(role, name);
          CHECK(part->header().keys.keys[key] == (dealt ? keys.keys[key] : std::optional<Key>()));
        }
        if (role == Role::kP0) {
          CHECK(part->header().words == 0);
        } else {
          CHECK(WordsOf(*std::move(part)) == simulated.at(role)[i]);
        }
      }
    }
  }
}

TEST_CASE("Without a seed every tape has its own keys and name", "[store][dealer]") {
  Example example;
  const Folder folder;
  const auto store = OpenStore(folder / "dealer");
  REQUIRE(store->AddProgram(example.program(), example.built->tables).ok());
  for (int i = 0; i < 3; ++i) {
    REQUIRE(DealOne(*store, example, int64_t{1} << 28, std::nullopt).ok());
  }
  const Digest& digest = example.program().digest();
  std::set<Identifier> tapes;
  std::set<Key> keys;
  std::map<std::pair<uint64_t, KeyName>, std::set<Key>> shared;
  for (const Role role : kParties) {
    const auto parts = store->Parts(role, digest);
    for (const TapeEntry& entry : *parts) {
      tapes.insert(entry.tape);
      const auto part = store->OpenPart(role, digest, entry.tape);
      REQUIRE(part.ok());
      for (const KeyName name : kDealerKeys) {
        const auto& key = part->header().keys.keys[static_cast<size_t>(name)];
        CHECK(key.has_value() == Holds(role, name));
        if (key.has_value()) shared[{entry.number, name}].insert(*key);
        if (key.has_value()) keys.insert(*key);
      }
    }
  }
  CHECK(tapes.size() == 3);
  CHECK(keys.size() == 12);
  for (const auto& [name, held] : shared) CHECK(held.size() == 1);
}

TEST_CASE("What a tape came to is kept with it", "[store][dealer]") {
  Example example;
  const Folder folder;
  const Digest& digest = example.program().digest();
  const TapeLayout layout(example.program());
  DealRecord streamed{*RandomIdentifier(), digest, 1, 2.5, {}, {}};
  {
    const auto store = OpenStore(folder / "dealer");
    REQUIRE(store->AddProgram(example.program(), example.built->tables).ok());
    REQUIRE(DealOne(*store, example, 1000).ok());
    REQUIRE(store->RecordStream(digest, streamed.tape, 1).ok());
    CHECK(store->dealt(digest) == 2);
    CHECK(*store->Stock(digest) == 1);
    CHECK(absl::IsNotFound(store->LoadLedger(streamed.tape).status()));
    REQUIRE(store->AddLedger(streamed).ok());
    // Of a tape that was never dealt: what a crash before the log leaves.
    REQUIRE(store->AddLedger({Identifier{}, digest, 2, 0, {}, {}}).ok());
  }
  const auto store = OpenStore(folder / "dealer");
  const StatusOr<DealRecord> record = store->LoadLedger(IdentifierFromSeed(kSeed, "tape id", 1));
  INFO(OneLine(record.status()));
  REQUIRE(record.ok());
  CHECK(record->program == digest);
  CHECK(record->number == 0);
  CHECK(record->seconds > 0);
  CHECK(record->ledger.bytes(Phase::kDeal) == layout.bytes());
  for (const auto& [link, traffic] : record->ledger.links()) {
    CHECK(std::get<1>(link) == Role::kDealer);
    CHECK(traffic.bytes == layout.bytes(std::get<2>(link)));
    CHECK(traffic.messages == 1);
  }
  for (const Phase phase : kPhases) {
    for (const Role role : kRoles) {
      const bool deals = phase == Phase::kDeal && role == Role::kDealer;
      CHECK(record->trace.tracks.contains({0, phase, role}) == deals);
    }
  }
  CHECK(store->LoadLedger(streamed.tape)->seconds == 2.5);
  CHECK(absl::IsNotFound(store->LoadLedger(Identifier{}).status()));
  CHECK(absl::IsAlreadyExists(store->RecordStream(digest, streamed.tape, 2)));
  const fs::path file = folder / "dealer" / "ledgers" / (streamed.tape.Hex() + ".ledger");
  std::vector<std::byte> bytes = Content(file);
  bytes[bytes.size() / 2] ^= std::byte{4};
  Put(file, bytes);
  CHECK_FALSE(store->LoadLedger(streamed.tape).ok());
}

TEST_CASE("A tape that is stopped between windows leaves nothing", "[store][dealer]") {
  Example example;
  const Folder folder;
  const auto store = OpenStore(folder / "dealer");
  REQUIRE(store->AddProgram(example.program(), example.built->tables).ok());
  std::mutex mutex;
  int asked = 0;
  StockOptions options;
  options.window_bytes = 1;
  options.mutex = &mutex;
  options.stopped = [&] {
    // While a tape is being dealt others may use the store.
    REQUIRE(mutex.try_lock());
    mutex.unlock();
    return ++asked == 4;
  };
  const Status status = DealIntoStore(*store, *example.built, options, example.pool).status();
  CHECK(absl::IsCancelled(status));
  CHECK(store->dealt(example.program().digest()) == 0);
  CHECK(Entries(folder / "dealer" / "ledgers") == 0);
  for (const Role role : kParties) {
    CHECK(Entries(folder / "dealer" / Name(role) / example.program().digest().Hex()) == 0);
  }
}

TEST_CASE("Tables travel as one message", "[store][dealer]") {
  Example example;
  const Program& program = example.program();
  const Bytes packed = PackTables(program, example.built->tables);
  CHECK(static_cast<int64_t>(packed.size()) == PackedTablesBytes(program));
  const StatusOr<TableContents> back = UnpackTables(program, packed);
  INFO(OneLine(back.status()));
  REQUIRE(back.ok());
  REQUIRE(back->size() == 2);
  for (size_t i = 0; i < 2; ++i) CHECK((*back)[i] == example.built->tables[i]);
  const std::span<const std::byte> all = packed;
  CHECK(Mentions(UnpackTables(program, all.first(all.size() - 1)).status(), "tables: expected"));
  CHECK(Mentions(UnpackTables(program, {}).status(), "found 0"));
  Bytes wrong = packed;
  wrong[0] = std::byte{8};  // of the private table, over Z_2^3
  CHECK(
      Mentions(UnpackTables(program, wrong).status(), "table 0 (T): expected elements below 2^3"));
  wrong = packed;
  wrong[0] ^= std::byte{1};
  CHECK(UnpackTables(program, wrong).ok());
  wrong = packed;
  wrong[8] ^= std::byte{1};  // of the public one
  CHECK(
      Mentions(UnpackTables(program, wrong).status(), "table 1 (W): entry 0 is not the program's"));
}

TEST_CASE("Dealing goes on where it stopped", "[store][dealer]") {
  Example example;
  const Folder folder;
  const Digest& digest = example.program().digest();
  {
    const auto store = OpenStore(folder / "dealer");
    CHECK(store->programs().empty());
    REQUIRE(store->AddProgram(example.program(), example.built->tables).ok());
    REQUIRE(store->AddProgram(example.program(), example.built->tables).ok());
    REQUIRE(DealOne(*store, example).ok());
    CHECK(store->dealt(digest) == 1);
  }
  const auto store = OpenStore(folder / "dealer");
  CHECK(store->programs() == std::vector<Digest>{digest});
  const StatusOr<BuiltProgram> built = store->LoadProgram(example.given.registry, digest);
  INFO(OneLine(built.status()));
  REQUIRE(built.ok());
  CHECK(built->program.digest() == digest);
  REQUIRE(built->tables.size() == example.built->tables.size());
  for (size_t i = 0; i < built->tables.size(); ++i) {
    CHECK(built->tables[i] == example.built->tables[i]);
  }
  CHECK(store->dealt(digest) == 1);
  StockOptions options;
  options.simulation_seed = kSeed;
  REQUIRE(DealIntoStore(*store, *built, options, example.pool).ok());
  CHECK(store->dealt(digest) == 2);
  const auto parts = store->Parts(Role::kP2, digest);
  REQUIRE(parts->size() == 2);
  CHECK((*parts)[1].tape == IdentifierFromSeed(kSeed, "tape id", 2));
  CHECK(*store->Stock(digest) == 2);
}

TEST_CASE("Parts are taken away by role; what was dealt stays dealt", "[store][dealer]") {
  Example example;
  const Folder folder;
  const Digest& digest = example.program().digest();
  const Identifier tape = IdentifierFromSeed(kSeed, "tape id", 1);
  {
    const auto store = OpenStore(folder / "dealer");
    REQUIRE(store->AddProgram(example.program(), example.built->tables).ok());
    REQUIRE(DealOne(*store, example).ok());
    CHECK(*store->Stock(digest) == 1);
    CHECK(store->RemovePart(Role::kP1, digest, tape).ok());
    CHECK(store->RemovePart(Role::kP1, digest, tape).ok());
    CHECK(store->Parts(Role::kP1, digest)->empty());
    CHECK(store->Parts(Role::kP2, digest)->size() == 1);
    CHECK(*store->Stock(digest) == 0);
    CHECK(absl::IsNotFound(store->OpenPart(Role::kP1, digest, tape).status()));
    CHECK(absl::IsNotFound(store->OpenPart(Role::kP2, digest, Identifier{}).status()));
  }
  // The same tape again, under the same seed, from a store that has forgotten its number: refused.
  const auto store = OpenStore(folder / "dealer");
  CHECK(store->dealt(digest) == 1);
  TapeSeed seed = *MakeTapeSeed(0, kSeed);
  seed.number = 1;
  const Status again = store
                           ->BeginTape({HeaderFor(Role::kP0, example.program(), seed),
                                        HeaderFor(Role::kP1, example.program(), seed),
                                        HeaderFor(Role::kP2, example.program(), seed)})
                           .status();
  CHECK(absl::IsAlreadyExists(again));
}

TEST_CASE("A part in another role's folder is not handed out", "[store][dealer]") {
  Example example;
  const Folder folder;
  const Digest& digest = example.program().digest();
  const auto store = OpenStore(folder / "dealer");
  REQUIRE(store->AddProgram(example.program(), example.built->tables).ok());
  REQUIRE(DealOne(*store, example).ok());
  const TapeEntry entry = store->Parts(Role::kP1, digest)->front();
  TapeHeader name;
  name.tape = entry.tape;
  const fs::path dealer = folder / "dealer";
  fs::rename(dealer / "p1" / digest.Hex() / name.FileName(),
             dealer / "p2" / digest.Hex() / name.FileName());
  const Status status = store->OpenPart(Role::kP2, digest, entry.tape).status();
  CHECK(Mentions(status, "role: expected p2, found p1"));
}

TEST_CASE("A tape that a crash left half dealt is never handed out", "[store][dealer]") {
  Example example;
  const Folder folder;
  const fs::path dealer = folder / "dealer";
  const Digest& digest = example.program().digest();
  {
    const auto store = OpenStore(dealer);
    REQUIRE(store->AddProgram(example.program(), example.built->tables).ok());
    REQUIRE(DealOne(*store, example).ok());
  }
  // What lies there when the process dies before the log: parts with their names, parts without.
  const TapeSeed seed = *MakeTapeSeed(1, kSeed);
  const auto write = [&](Role role) {
    const TapeHeader header = HeaderFor(role, example.program(), seed);
    auto writer = TapeWriter::Create(dealer / Name(role) / digest.Hex(), header);
    REQUIRE(writer.ok());
    REQUIRE((*writer)->Append(std::vector<std::byte>(static_cast<size_t>(header.words))).ok());
    REQUIRE((*writer)->Finish().ok());
  };
  const int named = GENERATE(0, 1, 2, 3);
  for (int i = 0; i < named; ++i) write(kParties[static_cast<size_t>(i)]);
  REQUIRE(WriteFile(dealer / "p2" / digest.Hex() / ".0123456789abcdef.tmp", std::string_view("x"))
              .ok());
  const auto store = OpenStore(dealer);
  CHECK(store->removed_parts() == named);
  CHECK(*store->Stock(digest) == 1);
  for (const Role role : kParties) {
    CHECK(Entries(dealer / Name(role) / digest.Hex()) == 1);
    CHECK(store->Parts(role, digest)->size() == 1);
  }
  // The next tape is the one that was lost.
  REQUIRE(DealOne(*store, example).ok());
  CHECK(store->Parts(Role::kP1, digest)->back().tape == seed.tape);
}

TEST_CASE("A disk that is full leaves no part, and dealing goes on after", "[store][dealer]") {
  Example example;
  const Folder folder;
  const fs::path dealer = folder / "dealer";
  const Digest& digest = example.program().digest();
  const auto store = OpenStore(dealer);
  REQUIRE(store->AddProgram(example.program(), example.built->tables).ok());
  const auto before = fs::file_size(dealer / "dealt");
  // Room for no part; for the parts but not for the log.
  for (const rlim_t room : {rlim_t{100}, static_cast<rlim_t>(300)}) {
    const FileSizeLimit limit(room);
    const Status status = DealOne(*store, example);
    CHECK(Mentions(status, "cannot write"));
  }
  for (const Role role : kParties) CHECK(Entries(dealer / Name(role) / digest.Hex()) == 0);
  CHECK(fs::file_size(dealer / "dealt") == before);
  CHECK(store->dealt(digest) == 0);
  // The log is full, the parts are not.
  REQUIRE(chmod((dealer / "dealt").c_str(), 0600) == 0);
  REQUIRE(DealOne(*store, example).ok());
  CHECK(*store->Stock(digest) == 1);
}

TEST_CASE("A sink that fails ends the dealing", "[store][dealer]") {
  Example example;
  const TapeSeed seed = *MakeTapeSeed(0, kSeed);
  DealOptions options;
  options.window_bytes = 1;
  int calls = 0;
  const Status status =
      DealWindows(example.program(), example.built->tables, seed, options, example.pool,
                  [&](Role, std::span<const std::byte>) {
                    return ++calls == 3 ? Unavailable("enough") : absl::OkStatus();
                  });
  CHECK(Mentions(status, "enough"));
  CHECK(calls == 3);
}

TEST_CASE("Two processes, other roles and strangers' folders are refused", "[store][dealer]") {
  const Folder folder;
  {
    const auto store = OpenStore(folder / "dealer");
    const Status second = DealerStore::Open(folder / "dealer").status();
    CHECK(absl::IsFailedPrecondition(second));
    CHECK(Mentions(second, "another process has this store open"));
  }
  const Status party = PartyStore::Open(folder / "dealer", Role::kP1).status();
  CHECK(Mentions(party, "role: expected p1, found dealer"));
  REQUIRE(chmod((folder / "dealer" / "p1").c_str(), 0755) == 0);
  CHECK(Mentions(DealerStore::Open(folder / "dealer").status(), "expected 0700"));
}

TEST_CASE("A log of dealt tapes that is damaged or missing stops the dealer", "[store][dealer]") {
  Example example;
  const Folder folder;
  const fs::path log = folder / "dealer" / "dealt";
  {
    const auto store = OpenStore(folder / "dealer");
    REQUIRE(store->AddProgram(example.program(), example.built->tables).ok());
    for (int i = 0; i < 2; ++i) REQUIRE(DealOne(*store, example).ok());
  }
  std::vector<std::byte> bytes = Content(log);
  bytes[bytes.size() - 200] ^= std::byte{1};
  Put(log, bytes);
  CHECK(Mentions(DealerStore::Open(folder / "dealer").status(), "damaged"));
  fs::remove(log);
  CHECK(absl::IsNotFound(DealerStore::Open(folder / "dealer").status()));
  // The parts are still there: nothing was taken for half dealt.
  CHECK(Entries(folder / "dealer" / "p1" / example.program().digest().Hex()) == 2);
}

TEST_CASE("A part travels record by record into a party's store", "[store][dealer][party]") {
  Example example;
  const Folder folder;
  const Digest& digest = example.program().digest();
  const auto dealer = OpenStore(folder / "dealer");
  REQUIRE(dealer->AddProgram(example.program(), example.built->tables).ok());
  REQUIRE(DealOne(*dealer, example).ok());
  const Identifier tape = dealer->Parts(Role::kP1, digest)->front().tape;
  for (const Role role : kParties) {
    const auto party = PartyStore::Open(folder / Name(role), role);
    REQUIRE(party.ok());
    REQUIRE((*party)->AddProgram(example.program()).ok());
    StatusOr<TapeReader> part = dealer->OpenPart(role, digest, tape);
    const auto import = (*party)->ImportTape(digest);
    REQUIRE(import.ok());
    while (!(*import)->finished()) {
      const auto record = part->NextRecord();
      REQUIRE(record.ok());
      CHECK((*party)->Tapes(digest).empty());
      REQUIRE((*import)->Add(*record).ok());
    }
    REQUIRE((*import)->Finish().ok());
    CHECK((*party)->Tapes(digest) == *dealer->Parts(role, digest));
    StatusOr<TapeReader> mine = (*party)->OpenTape(digest, tape);
    REQUIRE(mine.ok());
    CHECK(mine->header().keys.keys == part->header().keys.keys);
    CHECK(WordsOf(*std::move(mine)) == WordsOf(*dealer->OpenPart(role, digest, tape)));
  }
}

}  // namespace
}  // namespace lutra
