// The program as its users call it.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <random>

#include "cluster/dealer_store.h"
#include "core/version.h"
#include "tests/dealer/support.h"
#include "tests/support/paths.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kSeed = 5;

// A port that nobody listens on.
uint16_t FreePort() {
  const int probe = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(bind(probe, reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  close(probe);
  return ntohs(address.sin_port);
}

// lutra-dealer, running or ended; ends with the object at the latest.
class Process {
 public:
  explicit Process(std::vector<std::string> arguments) {
    child_ = fork();
    if (child_ == 0) Become(arguments);
    REQUIRE(child_ > 0);
  }
  ~Process() {
    if (child_ <= 0) return;
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void Signal(int number) { REQUIRE(kill(child_, number) == 0); }
  // Its exit status; -1 after a signal.
  int Wait() {
    int status = 0;
    REQUIRE(waitpid(child_, &status, 0) == child_);
    child_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  std::string out() const { return Text("out"); }
  std::string err() const { return Text("err"); }

 private:
  [[noreturn]] void Become(std::vector<std::string>& arguments) {
    for (const auto& [name, descriptor] : {std::pair("out", 1), std::pair("err", 2)}) {
      dup2(open((streams_ / name).c_str(), O_WRONLY | O_CREAT, 0600), descriptor);
    }
    std::string program = BuildPath("lutra-dealer");
    std::vector<char*> argv = {program.data()};
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
    execv(program.c_str(), argv.data());
    _exit(127);
  }
  std::string Text(std::string_view name) const {
    return ReadTextFile(streams_ / name, 1 << 20).value_or("");
  }

  Folder streams_;
  pid_t child_ = -1;
};

// One line that says all of the words; nothing else; status 1.
void CheckError(std::vector<std::string> arguments, const std::vector<std::string>& words) {
  Process process(std::move(arguments));
  CHECK(process.Wait() == 1);
  const std::string err = process.err();
  INFO(err);
  CHECK(process.out() == "");
  CHECK(err.starts_with("lutra-dealer: "));
  CHECK(err.find('\n') == err.size() - 1);
  for (const std::string& word : words) CHECK(err.find(word) != std::string::npos);
}

// Every tape in the store is whole; how many there are.
uint64_t CheckStore(const fs::path& path, const Digest& program) {
  for (const Role role : kParties) {
    const fs::path parts = path / Name(role) / program.Hex();
    if (!fs::exists(parts)) continue;
    for (const auto& entry : fs::directory_iterator(parts)) {
      CHECK(ParseTapeName(entry.path().filename().string()).ok());
    }
  }
  const auto store = DealerStore::Open(path);
  INFO(OneLine(store.status()));
  REQUIRE(store.ok());
  CHECK((*store)->removed_parts() == 0);
  const uint64_t dealt = (*store)->dealt(program);
  CHECK(*(*store)->Stock(program) == static_cast<int64_t>(dealt));
  CHECK(Entries(path / "ledgers") == static_cast<int64_t>(dealt));
  return dealt;
}

// Whether a dealer that runs has dealt so many tapes.
bool HasDealt(const fs::path& store, int64_t tapes) {
  return Eventually([&] {
    std::error_code error;
    return fs::exists(store / "ledgers", error) && Entries(store / "ledgers") >= tapes;
  });
}

TEST_CASE("lutra-dealer explains itself", "[dealer][program]") {
  Process help({"--help"});
  CHECK(help.Wait() == 0);
  CHECK(help.err() == "");
  for (const char* flag :
       {"--cluster", "--key", "--store", "--count", "--once", "--stream", "--program", "--threads",
        "--window", "--insecure-plaintext", "--insecure-seed", "--allow-core-dumps", "--quiet"}) {
    INFO(flag);
    CHECK(help.out().find(flag) != std::string::npos);
  }
  std::istringstream lines(help.out());
  for (std::string line; std::getline(lines, line);) CHECK(line.size() <= 100);
  Process version({"--version"});
  CHECK(version.Wait() == 0);
  CHECK(version.out().find(Version()) != std::string::npos);
}

TEST_CASE("What lutra-dealer is told wrong is one line", "[dealer][program]") {
  const Folder folder;
  const std::string store = folder / "store";
  Net net;
  for (const Role role : kServers) net.cluster().server(role).address = {"127.0.0.1", FreePort()};
  const std::string file = folder / "cluster.toml";
  REQUIRE(WriteFile(file, FormatCluster(net.cluster())).ok());
  CheckError({"--seed", "3", "--store", store, "--once"}, {"--seed", "--insecure-seed"});
  CheckError({"--seed=3"}, {"--insecure-seed"});
  CheckError({"--store", store}, {"--cluster", "--once"});
  CheckError({"--once"}, {"--once", "--store"});
  CheckError({"--cluster", file}, {"--store", "--stream"});
  CheckError({"--once", "--store", store, "--stream"}, {"--once", "--stream"});
  CheckError({"--count", "0", "--once", "--store", store}, {"--count", "from 1"});
  CheckError({"--once", "--store", store}, {"expected a program"});
  CheckError({"--cluster", folder / "none", "--store", store}, {"none"});
  CheckError({"--once", "--store", folder / "no" / "store"}, {"no/store"});
  CheckError({"--once", "--store", store, "--program", folder / "nothing"}, {"nothing/program"});
  CheckError({"--cluster", file, "--store", store}, {"dealer.key"});
  // The key of somebody else.
  REQUIRE(net.keys(Role::kP1).Write(folder / "p1.key", folder / "p1.pub").ok());
  CheckError({"--cluster", file, "--store", store, "--key", folder / "p1.key"},
             {"--key", net.keys(Role::kP1).public_key(), net.keys(Role::kDealer).public_key()});
  net.cluster().server(Role::kDealer).address.host = "192.0.2.1";
  REQUIRE(WriteFile(file, FormatCluster(net.cluster())).ok());
  CheckError({"--cluster", file, "--store", store, "--insecure-plaintext"},
             {"loopback", "192.0.2.1"});
}

TEST_CASE("Tapes are dealt first, with no network and no key", "[dealer][program]") {
  const Example example(501);
  const Folder folder;
  const fs::path store = folder / "store";
  example.Write(folder / "model");
  const auto deal = [&](const std::string& count, const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {
        "--store",         store, "--once",   "--count", count,
        "--insecure-seed", "5",   "--window", "1000",    "--quiet"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    Process process(arguments);
    const int status = process.Wait();
    INFO(process.err());
    CHECK(process.err().find("anybody can guess") != std::string::npos);
    REQUIRE(status == 0);
  };
  deal("2", {"--program", folder / "model"});
  CHECK(CheckStore(store, example.digest()) == 2);
  deal("2", {});
  CHECK(CheckStore(store, example.digest()) == 2);
  deal("5", {"--threads", "2"});
  CHECK(CheckStore(store, example.digest()) == 5);
  const auto opened = DealerStore::Open(store);
  REQUIRE(opened.ok());
  for (uint64_t number = 0; number < 5; ++number) {
    const Identifier tape = IdentifierFromSeed(kSeed, "tape id", number + 1);
    auto part = (*opened)->OpenPart(Role::kP1, example.digest(), tape);
    REQUIRE(part.ok());
    Buffer words;
    REQUIRE(part->Read(part->words_left(), words).ok());
    const std::vector<std::byte> expected = example.Words(Role::kP1, number, kSeed);
    CHECK(std::equal(expected.begin(), expected.end(), words.bytes().begin(), words.bytes().end()));
    CHECK((*opened)->LoadLedger(tape)->number == number);
  }
  // One process at a time.
  CheckError({"--store", store, "--once"}, {"another process"});
}

TEST_CASE("Several compiled models, each with its tapes", "[dealer][program]") {
  const Example one(40), two(41);
  const Folder folder;
  one.Write(folder / "one");
  two.Write(folder / "two");
  const std::string programs = (folder / "one").string() + "," + (folder / "two").string();
  Process process({"--store", folder / "store", "--once", "--program", programs});
  REQUIRE(process.Wait() == 0);
  const auto store = DealerStore::Open(folder / "store");
  REQUIRE(store.ok());
  CHECK((*store)->dealt(one.digest()) == 2);
  CHECK((*store)->dealt(two.digest()) == 2);
}

TEST_CASE("A signal in the middle of a tape leaves nothing half-made", "[dealer][program]") {
  const Example example(6000, 3, 8);
  const Folder folder;
  const fs::path store = folder / "store";
  example.Write(folder / "model");
  std::mt19937 random(1);
  uint64_t before = 0;
  for (const int number : {SIGTERM, SIGINT, SIGTERM}) {
    Process process({"--store", store, "--once", "--count", "1000000", "--program",
                     folder / "model", "--window", "10000"});
    REQUIRE(HasDealt(store, static_cast<int64_t>(before) + 1));
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 50));
    process.Signal(number);
    CHECK(process.Wait() == 1);
    CHECK(process.err().find("dealing was stopped") != std::string::npos);
    const uint64_t after = CheckStore(store, example.digest());
    CHECK(after > before);
    before = after;
  }
}

// A cluster file, and the secret key of the dealer beside it.
struct Files {
  Files() {
    net.cluster().server(Role::kDealer).address.port = FreePort();
    for (const Role role : {Role::kP0, Role::kP1, Role::kP2}) {
      net.cluster().server(role).address.port = FreePort();
    }
    REQUIRE(WriteFile(folder / "cluster.toml", FormatCluster(net.cluster())).ok());
    REQUIRE(net.keys(Role::kDealer).Write(folder / "dealer.key", folder / "dealer.pub").ok());
  }
  std::string cluster() const { return folder / "cluster.toml"; }
  std::string store() const { return folder / "store"; }

  Folder folder;
  Net net;
};

TEST_CASE("A dealer serves, is stopped, and goes on", "[dealer][program]") {
  const Example example(501);
  Files files;
  std::set<Identifier> tapes;
  for (int run = 0; run < 2; ++run) {
    Process process({"--cluster", files.cluster(), "--store", files.store(), "--window", "1000"});
    Endpoint& owner = files.net.Start(Role::kModelOwner);
    const Status added = SendProgram(owner, example);
    INFO(OneLine(added));
    REQUIRE(added.ok());
    for (const Role role : kParties) {
      Endpoint& party = files.net.Start(role);
      for (int i = 0; i < 2; ++i) {
        Identifier tape;
        REQUIRE(Eventually([&] {
          Arriving part(party, TakeTape{example.digest(), {}});
          if (!part.offer().found) return false;
          CHECK(part.Finish().ok());
          tape = part.offer().tape;
          return true;
        }));
        tapes.insert(tape);
        REQUIRE(Call<Done>(party, KeepTape{example.digest(), tape}).ok());
      }
    }
    process.Signal(run == 0 ? SIGTERM : SIGINT);
    CHECK(process.Wait() == 0);
    const std::string err = process.err();
    INFO(err);
    CHECK(err.find("listening on tcp://127.0.0.1:") != std::string::npos);
    CHECK(err.find("dealer: ended") != std::string::npos);
    for (const Role role : kRoles) files.net.Stop(role);
  }
  CHECK(tapes.size() == 4);
}

TEST_CASE("A dealer streams, with and without CURVE", "[dealer][program]") {
  const Example example(501);
  const bool plain = GENERATE(false, true);
  INFO((plain ? "plaintext" : "CURVE"));
  Files files;
  example.Write(files.folder / "model");
  std::vector<std::string> arguments = {"--cluster",
                                        files.cluster(),
                                        "--stream",
                                        "--program",
                                        files.folder / "model",
                                        "--insecure-seed",
                                        "5",
                                        "--window",
                                        "1000"};
  if (plain) arguments.push_back("--insecure-plaintext");
  Process process(arguments);
  const auto open = [&](EndpointOptions& options) {
    if (!plain) return;
    options.insecure_plaintext = true;
    options.keys.reset();
    options.admitted.clear();
  };
  for (const Role role : kParties) files.net.Start(role, open);
  const auto offer = Call<TapeOffer>(files.net[Role::kP1], NewStream{example.digest()});
  INFO(OneLine(offer.status()) << "\n" << process.err());
  REQUIRE(offer.ok());
  std::vector<std::unique_ptr<Arriving>> parts;
  for (const Role role : kParties) {
    parts.push_back(
        std::make_unique<Arriving>(files.net[role], OpenStream{example.digest(), offer->tape}));
  }
  for (const Role role : kParties) {
    Arriving& part = *parts[Index(role) - 1];
    const Status status = part.Finish();
    INFO(OneLine(status));
    CHECK(status.ok());
    CHECK(part.words() == example.Words(role, 0, kSeed));
  }
  parts.clear();
  process.Signal(SIGTERM);
  CHECK(process.Wait() == 0);
}

}  // namespace
}  // namespace lutra
