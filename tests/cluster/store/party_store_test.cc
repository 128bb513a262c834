// A party's store: what it keeps, and that no tape is ever used twice.
#include "cluster/party_store.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "mpc/protocols/local.h"
#include "mpc/protocols/lookup.h"
#include "mpc/protocols/reveal.h"
#include "tests/support/folder.h"
#include "tests/support/run_program.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

std::unique_ptr<PartyStore> OpenStore(const fs::path& path, Role role = Role::kP1) {
  StatusOr<std::unique_ptr<PartyStore>> store = PartyStore::Open(path, role);
  INFO(OneLine(store.status()));
  REQUIRE(store.ok());
  return *std::move(store);
}

Identifier Id(int number) {
  Identifier id;
  id.bytes.fill(static_cast<uint8_t>(number));
  return id;
}

Digest SomeDigest() {
  Digest digest;
  digest.bytes.fill(9);
  return digest;
}

TapeHeader HeaderOf(const Identifier& tape, uint64_t number, Role role = Role::kP1) {
  TapeHeader header;
  header.program = SomeDigest();
  header.tape = tape;
  header.role = role;
  header.number = number;
  header.words = role == Role::kP0 ? 0 : 100;
  header.chunk = 64;
  header.keys = LongTermKeysFromSeed(number).For(role);
  for (size_t key = 0; key < kKeyCount; ++key) {
    if (!Holds(Role::kDealer, static_cast<KeyName>(key))) header.keys.keys[key].reset();
  }
  return header;
}

// As the operator copies it there.
fs::path PutTape(const fs::path& store, const TapeHeader& header) {
  const fs::path folder = store / "tapes" / header.program.Hex();
  REQUIRE(MakePrivateDirectory(folder).ok());
  auto writer = TapeWriter::Create(folder, header);
  REQUIRE(writer.ok());
  REQUIRE((*writer)->Append(std::vector<std::byte>(static_cast<size_t>(header.words))).ok());
  REQUIRE((*writer)->Finish().ok());
  return folder / header.FileName();
}

std::vector<RefusedTape> Scan(PartyStore& store) {
  auto refused = store.ScanTapes(SomeDigest());
  REQUIRE(refused.ok());
  return *std::move(refused);
}

std::vector<Identifier> Usable(const PartyStore& store) {
  std::vector<Identifier> tapes;
  for (const TapeEntry& entry : store.Tapes(SomeDigest())) tapes.push_back(entry.tape);
  return tapes;
}

// The records of a part, as they come over a link.
std::vector<std::vector<std::byte>> RecordsOf(const TapeHeader& header) {
  std::vector<std::vector<std::byte>> records;
  TapeEncoder encoder(header, [&](std::span<const std::byte> record, const TapeChecksum& checksum) {
    records.emplace_back(record.begin(), record.end());
    records.back().insert(records.back().end(), checksum.begin(), checksum.end());
    return absl::OkStatus();
  });
  const std::vector<std::byte> words(static_cast<size_t>(header.words), std::byte{3});
  REQUIRE(encoder.Append(words).ok());
  REQUIRE(encoder.Finish().ok());
  return records;
}

// ---- the directory ----

TEST_CASE("A store is made once and found again", "[store][party]") {
  const Folder folder;
  Identifier id;
  {
    const auto store = OpenStore(folder / "p1");
    id = store->id();
    CHECK(store->role() == Role::kP1);
  }
  CHECK(OpenStore(folder / "p1")->id() == id);
  CHECK(OpenStore(folder / "other")->id() != id);
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder / "p1")) {
    CHECK(CheckPrivate(entry.path()).ok());
  }
}

TEST_CASE("Another role, version, or a damaged store file is refused", "[store][party]") {
  const Folder folder;
  { OpenStore(folder / "p1"); }
  CHECK(
      Mentions(PartyStore::Open(folder / "p1", Role::kP2).status(), "role: expected p2, found p1"));
  const std::vector<std::byte> good = Content(folder / "p1" / "store");
  std::vector<std::byte> bad = good;
  bad[12] = std::byte{'7'};
  Put(folder / "p1" / "store", bad);
  CHECK(Mentions(PartyStore::Open(folder / "p1", Role::kP1).status(),
                 "version: expected lutra-store/1, found 'lutra-store/7'"));
  for (size_t at = 0; at < good.size(); ++at) {
    bad = good;
    bad[at] ^= std::byte{16};
    Put(folder / "p1" / "store", bad);
    if (PartyStore::Open(folder / "p1", Role::kP1).ok()) FAIL("accepted with byte " << at);
    Put(folder / "p1" / "store", std::span(good).first(at));
    if (PartyStore::Open(folder / "p1", Role::kP1).ok()) FAIL("accepted at length " << at);
  }
}

TEST_CASE("Two processes never have one store", "[store][party]") {
  const Folder folder;
  const auto store = OpenStore(folder / "p1");
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const Status status = PartyStore::Open(folder / "p1", Role::kP1).status();
    _exit(Mentions(status, "another process has this store open") &&
                  Mentions(status, (folder / "p1").string())
              ? 0
              : 1);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  // A process that dies gives the store back.
  const pid_t dying = fork();
  if (dying == 0) {
    const auto held = PartyStore::Open(folder / "p2", Role::kP2);
    kill(getpid(), held.ok() ? SIGKILL : SIGTERM);
  }
  REQUIRE(waitpid(dying, &status, 0) == dying);
  CHECK(WTERMSIG(status) == SIGKILL);
  OpenStore(folder / "p2", Role::kP2);
}

TEST_CASE("Permissions that let others in are refused", "[store][party]") {
  const Folder folder;
  { OpenStore(folder / "p1"); }
  for (const char* place : {"", "tapes", "models", "sessions", "programs"}) {
    REQUIRE(chmod((folder / "p1" / place).c_str(), 0750) == 0);
    const Status status = PartyStore::Open(folder / "p1", Role::kP1).status();
    CHECK(Mentions(status, "permissions: expected 0700 (for its owner alone), found 0750"));
    REQUIRE(chmod((folder / "p1" / place).c_str(), 0700) == 0);
  }
  for (const char* file : {"store", "consumed", "bound"}) {
    REQUIRE(chmod((folder / "p1" / file).c_str(), 0640) == 0);
    const Status status = PartyStore::Open(folder / "p1", Role::kP1).status();
    CHECK(Mentions(status, StrCat(file, "': permissions: expected 0600")));
    REQUIRE(chmod((folder / "p1" / file).c_str(), 0600) == 0);
  }
  OpenStore(folder / "p1");
}

TEST_CASE("A folder with something else in it is no store", "[store][party]") {
  const Folder folder;
  REQUIRE(MakePrivateDirectory(folder / "p1").ok());
  REQUIRE(WriteFile(folder / "p1" / "letter", std::string_view("x")).ok());
  CHECK(Mentions(PartyStore::Open(folder / "p1", Role::kP1).status(),
                 "expected a store or an empty directory, found 'letter'"));
  CHECK(absl::IsNotFound(PartyStore::Open(folder / "no" / "parent", Role::kP1).status()));
}

TEST_CASE("A store that a crash left half made is made anew; a log that is gone is an error",
          "[store][party]") {
  const Folder folder;
  Identifier id;
  { id = OpenStore(folder / "p1")->id(); }
  fs::remove(folder / "p1" / "store");
  // Without the mark of a store in the making this is not known to be empty.
  CHECK(!PartyStore::Open(folder / "p1", Role::kP1).ok());
  REQUIRE(WriteFile(folder / "p1" / "making", std::string_view(), kSecretMode).ok());
  CHECK(OpenStore(folder / "p1")->id() != id);
  CHECK(!fs::exists(folder / "p1" / "making"));
  fs::remove(folder / "p1" / "consumed");
  CHECK(absl::IsNotFound(PartyStore::Open(folder / "p1", Role::kP1).status()));
  // Nor does the log of another store do.
  { OpenStore(folder / "other"); }
  fs::copy_file(folder / "other" / "consumed", folder / "p1" / "consumed");
  CHECK(Mentions(PartyStore::Open(folder / "p1", Role::kP1).status(), "line 1: expected"));
}

TEST_CASE("A store that cannot be written says so", "[store][party]") {
  const Folder folder;
  if (geteuid() != 0) {
    { OpenStore(folder / "p1"); }
    REQUIRE(chmod((folder / "p1").c_str(), 0500) == 0);
    const auto store = PartyStore::Open(folder / "p1", Role::kP1);
    if (store.ok()) CHECK(absl::IsPermissionDenied((*store)->SetKey(KeyName::kK1, Key{})));
    REQUIRE(chmod((folder / "p1").c_str(), 0700) == 0);
    return;
  }
  REQUIRE(MakePrivateDirectory(folder / "disk").ok());
  const fs::path disk = folder / "disk";
  if (mount("none", disk.c_str(), "tmpfs", 0, "size=256k,mode=0700") != 0) {
    WARN("read-only stores: root ignores permissions, and mounting is not permitted");
    return;
  }
  std::unique_ptr<PartyStore> store = OpenStore(disk / "p1");
  CHECK(store->Consume(Id(1)).ok());
  // Full: nothing changes, and the store works on when there is room again.
  const StatusOr<std::vector<std::byte>> filler(std::vector<std::byte>(64 << 10));
  int files = 0;
  while (WriteFile(disk / StrCat(files), *filler).ok()) ++files;
  StatusOr<OpenFile> rest = OpenFile::Open(disk / "rest", O_WRONLY | O_CREAT, 0600);
  while (rest->Write(std::span(*filler).first(1)).ok()) continue;
  SessionRecord session;
  session.session = Id(4);
  CHECK(Mentions(store->AddSession(session), "No space left"));
  CHECK(Entries(disk / "p1" / "sessions") == 0);
  fs::remove(disk / "0");
  CHECK(store->AddSession(session).ok());
  store.reset();
  rest = absl::CancelledError();  // closes it
  CHECK(mount("none", disk.c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, "size=256k") == 0);
  CHECK(Mentions(PartyStore::Open(disk / "p1", Role::kP1).status(), "Read-only file system"));
  CHECK(umount(disk.c_str()) == 0);
}

// ---- keys, programs, models, sessions ----

TEST_CASE("Keys are set once and for those that hold them", "[store][party]") {
  const Folder folder;
  const Key a = KeyFromSeed(1), b = KeyFromSeed(2);
  {
    const auto store = OpenStore(folder / "p1");
    CHECK(absl::IsNotFound(store->Fingerprint(KeyName::kK1).status()));
    CHECK(store->SetKey(KeyName::kK1, a).ok());
    CHECK(store->SetKey(KeyName::kData1, b).ok());
    CHECK(store->SetKey(KeyName::kK1, a).ok());
    const Status other = store->SetKey(KeyName::kK1, b);
    CHECK(absl::IsFailedPrecondition(other));
    CHECK(Mentions(other, "key k1"));
    for (const KeyName name : {KeyName::kK0, KeyName::kData0, KeyName::kD1, KeyName::kModel1}) {
      CHECK(!store->SetKey(name, a).ok());
    }
  }
  const auto store = OpenStore(folder / "p1");
  CHECK(store->keys().keys[static_cast<size_t>(KeyName::kK1)] == a);
  CHECK(store->keys().keys[static_cast<size_t>(KeyName::kData1)] == b);
  CHECK(!store->keys().keys[static_cast<size_t>(KeyName::kK2)].has_value());
  // Equal with the other holder's, and no key itself.
  const auto p0 = OpenStore(folder / "p0", Role::kP0);
  CHECK(p0->SetKey(KeyName::kK1, a).ok());
  CHECK(p0->SetKey(KeyName::kK0, a).ok());
  CHECK(*p0->Fingerprint(KeyName::kK1) == *store->Fingerprint(KeyName::kK1));
  CHECK(*p0->Fingerprint(KeyName::kK1) != *p0->Fingerprint(KeyName::kK0));
  CHECK(*store->Fingerprint(KeyName::kK1) != a);
}

TEST_CASE("A damaged file of keys stops the party", "[store][party]") {
  const Folder folder;
  {
    const auto store = OpenStore(folder / "p1");
    REQUIRE(store->SetKey(KeyName::kK1, KeyFromSeed(1)).ok());
  }
  std::vector<std::byte> bytes = Content(folder / "p1" / "keys");
  bytes[bytes.size() - 20] ^= std::byte{1};
  Put(folder / "p1" / "keys", bytes);
  CHECK(Mentions(PartyStore::Open(folder / "p1", Role::kP1).status(), "damaged"));
}

struct SmallProgram {
  SmallProgram() {
    Builder& b = given.builder;
    const Value x = given.Random("x", Role::kDataOwner, Ring(3), Shape{7}, 1);
    const Value w = given.Random("w", Role::kModelOwner, Ring(3), Shape{7}, 2);
    Reveal(b, "y", Add(b, x, w));
    StatusOr<BuiltProgram> made = std::move(given.builder).Build();
    REQUIRE(made.ok());
    built.emplace(*std::move(made));
  }
  Case given;
  std::optional<BuiltProgram> built;
};

TEST_CASE("Programs are kept by digest", "[store][party]") {
  const Folder folder;
  const SmallProgram small;
  const Digest digest = small.built->program.digest();
  {
    const auto store = OpenStore(folder / "p1");
    CHECK(!store->LoadProgram(small.given.registry, digest).ok());
    CHECK(store->AddProgram(small.built->program).ok());
    CHECK(store->AddProgram(small.built->program).ok());
  }
  const auto store = OpenStore(folder / "p1");
  CHECK(store->programs() == std::vector<Digest>{digest});
  const StatusOr<Program> program = store->LoadProgram(small.given.registry, digest);
  REQUIRE(program.ok());
  CHECK(WriteProgram(*program) == WriteProgram(small.built->program));
  const fs::path file = folder / "p1" / "programs" / (digest.Hex() + ".program");
  fs::copy_file(file, folder / "p1" / "programs" / (SomeDigest().Hex() + ".program"));
  const Status status = store->LoadProgram(small.given.registry, SomeDigest()).status();
  CHECK(Mentions(status, StrCat("expected ", SomeDigest().Hex(), ", found ", digest.Hex())));
}

ModelRecord SomeModel(const Digest& program) {
  ModelRecord model;
  model.id = Id(3);
  model.program = program;
  model.keys = LongTermKeysFromSeed(8);
  model.messages.push_back({0, Role::kModelOwner, Bytes(100000, std::byte{5})});
  model.messages.push_back({2, Role::kP2, Bytes(3, std::byte{6})});
  model.messages.push_back({2, Role::kModelOwner, Bytes()});
  return model;
}

TEST_CASE("Shares of a model come back as they came", "[store][party]") {
  const Folder folder;
  const SmallProgram small;
  const ModelRecord model = SomeModel(small.built->program.digest());
  {
    const auto store = OpenStore(folder / "p1");
    CHECK(absl::IsNotFound(store->AddModel(model)));
    REQUIRE(store->AddProgram(small.built->program).ok());
    CHECK(store->AddModel(model).ok());
    CHECK(absl::IsAlreadyExists(store->AddModel(model)));
  }
  const auto store = OpenStore(folder / "p1");
  CHECK(store->models() == std::vector<Identifier>{Id(3)});
  const StatusOr<ModelRecord> read = store->LoadModel(Id(3));
  INFO(OneLine(read.status()));
  REQUIRE(read.ok());
  CHECK(read->id == Id(3));
  CHECK(read->program == model.program);
  // P1 holds model1 alone.
  for (size_t key = 0; key < kKeyCount; ++key) {
    const bool kept = static_cast<KeyName>(key) == KeyName::kModel1;
    CHECK(read->keys.keys[key] == (kept ? model.keys.keys[key] : std::optional<Key>()));
  }
  REQUIRE(read->messages.size() == 3);
  for (size_t i = 0; i < 3; ++i) {
    CHECK(read->messages[i].level == model.messages[i].level);
    CHECK(read->messages[i].from == model.messages[i].from);
    CHECK(read->messages[i].payload == model.messages[i].payload);
  }
  CHECK(store->DescribeModel(Id(3))->messages.empty());
  CHECK(store->DescribeModel(Id(3))->program == model.program);
  CHECK(!store->LoadModel(Id(4)).ok());

  const fs::path file = folder / "p1" / "models" / (Id(3).Hex() + ".model");
  std::vector<std::byte> bytes = Content(file);
  bytes[bytes.size() / 2] ^= std::byte{1};
  Put(file, bytes);
  CHECK(Mentions(store->LoadModel(Id(3)).status(), "damaged"));
  CHECK(store->RemoveModel(Id(3)).ok());
  CHECK(store->models().empty());
  CHECK(store->AddModel(model).ok());
}

TEST_CASE("A model that the disk has no room for is not there", "[store][party]") {
  const Folder folder;
  const SmallProgram small;
  const ModelRecord model = SomeModel(small.built->program.digest());
  {
    const auto store = OpenStore(folder / "p1");
    REQUIRE(store->AddProgram(small.built->program).ok());
    {
      const FileSizeLimit limit(50000);
      CHECK(Mentions(store->AddModel(model), "cannot write"));
    }
    CHECK(store->models().empty());
    CHECK(Entries(folder / "p1" / "models") == 0);
    CHECK(store->AddModel(model).ok());
  }
  CHECK(OpenStore(folder / "p1")->LoadModel(Id(3))->messages[0].payload.size() == 100000);
}

TEST_CASE("Sessions come back in their order", "[store][party]") {
  const Folder folder;
  SessionRecord session;
  session.model = Id(1);
  session.tape = Id(2);
  session.program = SomeDigest();
  session.seconds = {1.5, 0, 0.25, 3};
  session.counters = {{"framing_bytes", 17}, {"sent", -1}};
  const Outcome outcome = [] {
    Case given;
    const Value x = given.Random("x", Role::kDataOwner, Ring(3), Shape{20}, 1);
    Reveal(given.builder, "y", x);
    return RunCase(given);
  }();
  session.ledger = outcome.ledger;
  session.trace = outcome.trace;
  for (const int id : {200, 100, 150}) {
    const auto store = OpenStore(folder / "p1");
    session.session = Id(id);
    CHECK(store->AddSession(session).ok());
  }
  const auto store = OpenStore(folder / "p1");
  CHECK(*store->Sessions() == std::vector<Identifier>{Id(200), Id(100), Id(150)});
  const StatusOr<SessionRecord> read = store->LoadSession(Id(100));
  INFO(OneLine(read.status()));
  REQUIRE(read.ok());
  CHECK(read->session == Id(100));
  CHECK(read->model == Id(1));
  CHECK(read->tape == Id(2));
  CHECK(read->program == SomeDigest());
  CHECK(read->seconds == session.seconds);
  CHECK(read->counters == session.counters);
  CHECK(read->ledger.bits() == session.ledger.bits());
  CHECK(read->ledger.traffic() == session.ledger.traffic());
  CHECK(read->trace.tracks == session.trace.tracks);
  CHECK(absl::IsNotFound(store->LoadSession(Id(7)).status()));
}

// ---- tapes ----

TEST_CASE("Tapes that the operator copied are found, in the order of dealing", "[store][party]") {
  const Folder folder;
  const auto store = OpenStore(folder / "p1");
  CHECK(Scan(*store).empty());
  PutTape(folder / "p1", HeaderOf(Id(9), 0));
  PutTape(folder / "p1", HeaderOf(Id(1), 12));
  PutTape(folder / "p1", HeaderOf(Id(5), 3));
  CHECK(Usable(*store).empty());
  CHECK(Scan(*store).empty());
  CHECK(Usable(*store) == std::vector<Identifier>{Id(9), Id(5), Id(1)});
  CHECK(store->Tapes(SomeDigest())[1].number == 3);
  CHECK(store->Tapes(Digest()).empty());
  const StatusOr<TapeReader> reader = store->OpenTape(SomeDigest(), Id(5));
  REQUIRE(reader.ok());
  CHECK(reader->header().number == 3);
  CHECK(absl::IsNotFound(store->OpenTape(SomeDigest(), Id(6)).status()));
}

TEST_CASE("Parts that do not fit are refused by name and do not disturb", "[store][party]") {
  const Folder folder;
  const fs::path path = folder / "p1";
  const auto store = OpenStore(path);
  PutTape(path, HeaderOf(Id(1), 1));
  const fs::path tapes = path / "tapes" / SomeDigest().Hex();
  std::map<std::string, std::string> expected;
  const auto expect = [&](const fs::path& file, std::string_view reason) {
    expected[file.filename().string()] = reason;
  };
  expect(PutTape(path, HeaderOf(Id(2), 2, Role::kP2)), "role: expected p1, found p2");
  TapeHeader other = HeaderOf(Id(3), 3);
  other.program = Digest();
  const fs::path foreign = PutTape(path, other);
  fs::rename(foreign, tapes / foreign.filename());
  expect(foreign, "program: expected 0909");
  const fs::path cut = PutTape(path, HeaderOf(Id(4), 4));
  fs::resize_file(cut, 200);
  expect(cut, "truncated: expected");
  const fs::path open = PutTape(path, HeaderOf(Id(5), 5));
  REQUIRE(chmod(open.c_str(), 0644) == 0);
  expect(open, "permissions: expected 0600");
  const fs::path renamed = PutTape(path, HeaderOf(Id(6), 6));
  TapeHeader name = HeaderOf(Id(7), 6);
  fs::rename(renamed, tapes / name.FileName());
  expect(name.FileName(), "name: expected 00000006-06060606");
  REQUIRE(WriteFile(tapes / "notes.txt", std::string_view("x")).ok());
  expect("notes.txt", "name: expected NUMBER-ID.tape");
  fs::create_directory(tapes / HeaderOf(Id(8), 8).FileName());
  expect(HeaderOf(Id(8), 8).FileName(), "");

  const std::vector<RefusedTape> refused = Scan(*store);
  CHECK(refused.size() == expected.size());
  for (const RefusedTape& tape : refused) {
    INFO(OneLine(tape.reason));
    REQUIRE(expected.contains(tape.path.filename().string()));
    CHECK(Mentions(tape.reason, expected[tape.path.filename().string()]));
    CHECK(Mentions(tape.reason, tape.path.string()));
  }
  CHECK(Usable(*store) == std::vector<Identifier>{Id(1)});
}

TEST_CASE("A consumed tape is never handed out again", "[store][party]") {
  const Folder folder;
  const fs::path path = folder / "p1";
  const TapeHeader header = HeaderOf(Id(1), 0);
  std::vector<std::byte> part;
  {
    const auto store = OpenStore(path);
    part = Content(PutTape(path, header));
    PutTape(path, HeaderOf(Id(2), 1));
    CHECK(Scan(*store).empty());
    StatusOr<TapeReader> reader = store->OpenTape(SomeDigest(), Id(1));
    REQUIRE(reader.ok());
    CHECK(store->Consume(Id(1)).ok());
    CHECK(absl::IsFailedPrecondition(store->Consume(Id(1))));
    CHECK(store->IsConsumed(Id(1)));
    CHECK(Usable(*store) == std::vector<Identifier>{Id(2)});
    CHECK(absl::IsFailedPrecondition(store->OpenTape(SomeDigest(), Id(1)).status()));
    CHECK(store->RemoveTape(SomeDigest(), Id(1)).ok());
    CHECK(store->RemoveTape(SomeDigest(), Id(1)).ok());
    // The session that consumed it reads on.
    Buffer words;
    CHECK(reader->Read(100, words).ok());
  }
  const fs::path tapes = path / "tapes" / SomeDigest().Hex();
  SECTION("copied back while the party runs") {
    const auto store = OpenStore(path);
    CHECK(Scan(*store).empty());
    Put(tapes / header.FileName(), part);
    const std::vector<RefusedTape> refused = Scan(*store);
    REQUIRE(refused.size() == 1);
    CHECK(Mentions(refused[0].reason, "consumed already"));
    CHECK(Mentions(refused[0].reason, header.FileName()));
    CHECK(Usable(*store) == std::vector<Identifier>{Id(2)});
    CHECK(*store->RemoveConsumedTapes() == 1);
    CHECK(*store->RemoveConsumedTapes() == 0);
    CHECK(Entries(tapes) == 1);
  }
  SECTION("copied back between two runs, under another number") {
    TapeHeader disguised = header;
    disguised.number = 77;
    PutTape(path, disguised);
    const auto store = OpenStore(path);
    const std::vector<RefusedTape> refused = Scan(*store);
    REQUIRE(refused.size() == 1);
    CHECK(Mentions(refused[0].reason, "consumed already"));
    CHECK(absl::IsFailedPrecondition(store->OpenTape(SomeDigest(), Id(1)).status()));
    CHECK(absl::IsFailedPrecondition(store->Bind(Id(1), Id(50))));
  }
  SECTION("sent again by the dealer") {
    const auto store = OpenStore(path);
    const auto import = store->ImportTape(SomeDigest());
    const Status status = (*import)->Add(RecordsOf(header)[0]);
    CHECK(absl::IsFailedPrecondition(status));
    CHECK(!(*import)->Add(RecordsOf(header)[1]).ok());
    CHECK(!(*import)->Finish().ok());
    CHECK(Entries(tapes) == 1);
  }
}

TEST_CASE("Imports are whole or not there", "[store][party]") {
  const Folder folder;
  const fs::path path = folder / "p1";
  const auto store = OpenStore(path);
  const auto records = RecordsOf(HeaderOf(Id(1), 4));
  REQUIRE(records.size() == 3);
  const fs::path tapes = path / "tapes" / SomeDigest().Hex();
  for (size_t count = 0; count < records.size(); ++count) {
    const auto import = store->ImportTape(SomeDigest());
    REQUIRE(import.ok());
    for (size_t i = 0; i < count; ++i) REQUIRE((*import)->Add(records[i]).ok());
    CHECK(Mentions((*import)->Finish(), "ended early"));
    CHECK(Scan(*store).empty());
    CHECK(Usable(*store).empty());
  }
  CHECK(Entries(tapes) == 0);
  {
    auto bad = records;
    bad[2][10] ^= std::byte{1};
    const auto import = store->ImportTape(SomeDigest());
    CHECK((*import)->Add(bad[0]).ok());
    CHECK((*import)->Add(bad[1]).ok());
    CHECK(Mentions((*import)->Add(bad[2]), "damaged"));
    // Asked for again, it comes whole.
    CHECK((*import)->Add(records[2]).ok());
    CHECK((*import)->Finish().ok());
  }
  CHECK(Usable(*store) == std::vector<Identifier>{Id(1)});
  CHECK(Scan(*store).empty());
  CHECK(Usable(*store) == std::vector<Identifier>{Id(1)});
  const auto again = store->ImportTape(SomeDigest());
  CHECK(absl::IsAlreadyExists((*again)->Add(records[0])));
  const auto wrong = store->ImportTape(Digest());
  CHECK(Mentions((*wrong)->Add(RecordsOf(HeaderOf(Id(2), 5))[0]), "program: expected 0000"));
  const auto role = store->ImportTape(SomeDigest());
  CHECK(Mentions((*role)->Add(RecordsOf(HeaderOf(Id(2), 5, Role::kP2))[0]),
                 "role: expected p1, found p2"));
  // Consumed by the other party while it came.
  const auto late = store->ImportTape(SomeDigest());
  for (const auto& record : RecordsOf(HeaderOf(Id(3), 6))) REQUIRE((*late)->Add(record).ok());
  REQUIRE(store->Merge(std::vector<Identifier>{Id(3)}).ok());
  CHECK(absl::IsFailedPrecondition((*late)->Finish()));
  CHECK(Usable(*store) == std::vector<Identifier>{Id(1)});
}

TEST_CASE("A disk that is full loses neither tape nor log", "[store][party]") {
  const Folder folder;
  const auto store = OpenStore(folder / "p1");
  PutTape(folder / "p1", HeaderOf(Id(1), 0));
  CHECK(Scan(*store).empty());
  const auto size = fs::file_size(folder / "p1" / "consumed");
  for (const rlim_t room : {0u, 1u, 40u}) {
    const FileSizeLimit limit(size + room);
    const Status status = store->Consume(Id(1));
    CHECK(Mentions(status, "consumed"));
    CHECK(Mentions(status, "cannot write"));
  }
  CHECK(!store->IsConsumed(Id(1)));
  CHECK(Usable(*store) == std::vector<Identifier>{Id(1)});
  CHECK(store->OpenTape(SomeDigest(), Id(1)).ok());
  {
    const FileSizeLimit limit(60);
    CHECK(!store->SetKey(KeyName::kK1, Key{}).ok());
    CHECK(!store->Fingerprint(KeyName::kK1).ok());
    CHECK(!store->Bind(Id(1), Id(2)).ok());
    CHECK(!store->Merge(std::vector<Identifier>{Id(8), Id(9)}).ok());
    const auto import = store->ImportTape(SomeDigest());
    CHECK(!(*import)->Add(RecordsOf(HeaderOf(Id(2), 5))[0]).ok());
  }
  CHECK(!store->ModelOf(Id(1)).has_value());
  CHECK(store->consumed_count() == 0);
  CHECK(store->Bind(Id(1), Id(2)).ok());
  CHECK(store->Consume(Id(1)).ok());
  CHECK(Entries(folder / "p1" / "tapes" / SomeDigest().Hex()) == 1);
}

TEST_CASE("A tape is bound to one model", "[store][party]") {
  const Folder folder;
  {
    const auto store = OpenStore(folder / "p1");
    PutTape(folder / "p1", HeaderOf(Id(1), 0));
    PutTape(folder / "p1", HeaderOf(Id(2), 1));
    CHECK(Scan(*store).empty());
    CHECK(store->Bind(Id(1), Id(100)).ok());
    CHECK(store->Bind(Id(1), Id(100)).ok());
    const Status status = store->Bind(Id(1), Id(101));
    CHECK(absl::IsFailedPrecondition(status));
    CHECK(Mentions(status, Id(100).Hex()));
    CHECK(Mentions(status, Id(101).Hex()));
  }
  const auto store = OpenStore(folder / "p1");
  CHECK(Scan(*store).empty());
  CHECK(store->ModelOf(Id(1)) == Id(100));
  CHECK(!store->ModelOf(Id(2)).has_value());
  CHECK(absl::IsFailedPrecondition(store->Bind(Id(1), Id(101))));
  CHECK(store->Candidates(SomeDigest(), Id(100)) == std::vector<Identifier>{Id(1), Id(2)});
  CHECK(store->Candidates(SomeDigest(), Id(101)) == std::vector<Identifier>{Id(2)});
}

// ---- what parties tell each other ----

TEST_CASE("Parties learn what others have consumed", "[store][party]") {
  const Folder folder;
  const auto p1 = OpenStore(folder / "p1");
  CHECK(p1->Summary() == ConsumedSummary{0, Sha256({})});
  {
    const auto p2 = OpenStore(folder / "p2", Role::kP2);
    CHECK(p1->Summary() == p2->Summary());
    PutTape(folder / "p1", HeaderOf(Id(3), 0));
    CHECK(Scan(*p1).empty());
    for (const int id : {1, 2}) CHECK(p1->Consume(Id(id)).ok());
    for (const int id : {3, 2, 4}) CHECK(p2->Consume(Id(id)).ok());
    CHECK(p1->Summary() != p2->Summary());
    CHECK(p1->Summary().count == 2);
    CHECK(p2->ConsumedSince(0) == std::vector<Identifier>{Id(3), Id(2), Id(4)});
    CHECK(p2->ConsumedSince(2) == std::vector<Identifier>{Id(4)});
    CHECK(p2->ConsumedSince(p2->consumed_count()).empty());
    CHECK(p2->ConsumedSince(99).empty());
    CHECK(*p1->Merge(p2->ConsumedSince(0)) == 2);
    CHECK(Usable(*p1).empty());
    CHECK(*p1->Merge(p2->ConsumedSince(0)) == 0);
    CHECK(*p1->Merge(std::vector<Identifier>{Id(9), Id(9)}) == 1);
    CHECK(*p2->Merge(p1->ConsumedSince(0)) == 2);
    CHECK(p1->Summary() == p2->Summary());
  }
  const ConsumedSummary before = p1->Summary();
  const auto p2 = OpenStore(folder / "p2", Role::kP2);
  CHECK(p2->Summary() == before);
  CHECK(p2->Summary().count == 5);
}

TEST_CASE("The next tape is the first that everybody has", "[store][party]") {
  using Lists = std::vector<std::vector<Identifier>>;
  CHECK(FirstCommon(Lists{{Id(1), Id(2)}, {Id(1), Id(2)}}) == Id(1));
  CHECK(FirstCommon(Lists{{Id(1), Id(2), Id(3)}, {Id(3), Id(2)}}) == Id(2));
  CHECK(FirstCommon(Lists{{Id(1), Id(2), Id(3)}, {Id(3), Id(2)}, {Id(3)}}) == Id(3));
  CHECK(!FirstCommon(Lists{{Id(1)}, {Id(2)}}).has_value());
  CHECK(!FirstCommon(Lists{{}, {Id(2)}}).has_value());
  CHECK(!FirstCommon(Lists{{Id(1)}, {}}).has_value());
  CHECK(!FirstCommon(Lists{}).has_value());
  CHECK(FirstCommon(Lists{{Id(4)}}) == Id(4));
}

TEST_CASE("A consumed log that was cut or damaged", "[store][party]") {
  const Folder folder;
  {
    const auto store = OpenStore(folder / "p1");
    for (const int id : {1, 2, 3}) CHECK(store->Consume(Id(id)).ok());
  }
  const fs::path log = folder / "p1" / "consumed";
  const std::vector<std::byte> whole = Content(log);
  Put(log, std::span(whole).first(whole.size() - 5));
  {
    const auto store = OpenStore(folder / "p1");
    CHECK(store->ConsumedSince(0) == std::vector<Identifier>{Id(1), Id(2)});
    CHECK(store->torn_bytes() > 0);
    CHECK(store->Consume(Id(4)).ok());
  }
  CHECK(OpenStore(folder / "p1")->ConsumedSince(0) == std::vector<Identifier>{Id(1), Id(2), Id(4)});
  std::vector<std::byte> bad = whole;
  bad[bad.size() - 60] ^= std::byte{1};
  Put(log, bad);
  const Status status = PartyStore::Open(folder / "p1", Role::kP1).status();
  CHECK(Mentions(status, "damaged"));
  CHECK(Mentions(status, log.string()));
  CHECK(Content(log) == bad);
}

}  // namespace
}  // namespace lutra
