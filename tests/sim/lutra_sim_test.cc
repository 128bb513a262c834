// The program as its users call it.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "core/matrix_product.h"
#include "core/version.h"
#include "models/inputs.h"
#include "models/synthetic.h"
#include "tests/models/random_model.h"
#include "tests/support/paths.h"
#include "tests/support/sanitized.h"
#include "tests/support/tiny_model.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

std::string Content(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

// Names of what is in a directory, hidden files too.
std::set<std::string> Listing(const fs::path& directory) {
  std::set<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory)) {
    names.insert(entry.path().filename().string());
  }
  return names;
}

struct Call {
  std::vector<std::string> arguments;
  std::map<std::string, std::string> environment;
  std::function<void()> in_child;        // before the program starts
  std::function<void(pid_t)> meanwhile;  // in the parent
};

struct Ended {
  int status = -1;  // of exit; -1 after a signal
  int signal = 0;
  std::string out, err;
  int64_t peak_bytes = 0;
};

void RedirectTo(const std::string& path, int descriptor) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
  dup2(file, descriptor);
  close(file);
}

// Signals wait in the parent around a fork, so that the child never runs the parent's handlers.
class SignalsWait {
 public:
  SignalsWait() {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before_);
  }
  ~SignalsWait() { sigprocmask(SIG_SETMASK, &before_, nullptr); }
  SignalsWait(const SignalsWait&) = delete;
  SignalsWait& operator=(const SignalsWait&) = delete;

 private:
  sigset_t before_;
};

[[noreturn]] void Become(const Call& call, const TemporaryFolder& streams) {
  RedirectTo(streams.File("out"), STDOUT_FILENO);
  RedirectTo(streams.File("err"), STDERR_FILENO);
  for (const auto& [name, value] : call.environment) setenv(name.c_str(), value.c_str(), 1);
  if (call.in_child) call.in_child();
  std::string program = BuildPath("lutra-sim");
  std::vector<char*> argv = {program.data()};
  std::vector<std::string> arguments = call.arguments;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execv(program.c_str(), argv.data());
  _exit(127);
}

Ended Run(const Call& call) {
  const TemporaryFolder streams;
  pid_t child = -1;
  {
    const SignalsWait wait;
    child = fork();
    if (child == 0) Become(call, streams);
  }
  REQUIRE(child >= 0);
  if (call.meanwhile) call.meanwhile(child);
  int status = 0;
  struct rusage usage;
  REQUIRE(wait4(child, &status, 0, &usage) == child);
  Ended ended;
  if (WIFEXITED(status)) ended.status = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) ended.signal = WTERMSIG(status);
  ended.out = Content(streams.File("out"));
  ended.err = Content(streams.File("err"));
  ended.peak_bytes = 1024 * static_cast<int64_t>(usage.ru_maxrss);
  return ended;
}

Ended Run(std::vector<std::string> arguments) { return Run({std::move(arguments), {}, {}, {}}); }

// One line on stderr that says all of `words`; nothing on stdout; status 1.
void CheckError(const Ended& ended, const std::vector<std::string>& words) {
  INFO(ended.err);
  CHECK(ended.signal == 0);
  CHECK(ended.status == 1);
  CHECK(ended.out == "");
  CHECK(ended.err.starts_with("lutra-sim: "));
  CHECK(ended.err.find('\n') == ended.err.size() - 1);
  CHECK(ended.err.size() < 600);
  for (const std::string& word : words) CHECK(ended.err.find(word) != std::string::npos);
}

void LimitMemory() {
  if (kSanitized) return;  // shadow memory is no measure of the program's
  const rlimit limit = {rlim_t{1} << 30, rlim_t{1} << 30};
  setrlimit(RLIMIT_AS, &limit);
}

TEST_CASE("lutra-sim explains itself", "[sim][program]") {
  const Ended help = Run({"--help"});
  CHECK(help.status == 0);
  CHECK(help.err == "");
  for (const char* flag :
       {"--input", "--out", "--seed", "--threads", "--batch", "--tables", "--no-check", "--quiet",
        "--linear", "--lookup", "--embedding", "--deployment", "bert-base"}) {
    INFO(flag);
    CHECK(help.out.find(flag) != std::string::npos);
  }
  std::istringstream lines(help.out);
  for (std::string line; std::getline(lines, line);) CHECK(line.size() <= 100);
  const Ended version = Run({"--version"});
  CHECK(version.status == 0);
  CHECK(version.out.find(Version()) != std::string::npos);
}

TEST_CASE("A run takes no more memory than it estimated, nor than its limit", "[sim][program]") {
  if (kSanitized) return;  // shadow memory is no measure of the program's
  for (const std::string model :
       {kTiny, "bert-tiny", "bert-tiny:hidden=512,layers=3,sequence=64"}) {
    for (const std::string limit : {"", "500M"}) {
      const TemporaryFolder folder;
      std::vector<std::string> arguments = {model, "--out", folder.File("run"), "--quiet"};
      if (!limit.empty()) arguments.push_back("--memory-limit=" + limit);
      INFO(model << " " << limit);
      const Ended ended = Run(arguments);
      REQUIRE(ended.status == 0);
      const auto run = nlohmann::json::parse(Content(folder.File("run/run.json")));
      const int64_t estimate = run["memory"]["estimate_bytes"], peak = run["peak_memory_bytes"];
      CHECK(peak <= estimate);
      CHECK(run["memory"]["limit_bytes"].is_null() == limit.empty());
      if (!limit.empty()) CHECK(estimate <= int64_t{500} << 20);
    }
  }
}

TEST_CASE("A profile is printed, and written beside the run", "[sim][program]") {
  const TemporaryFolder folder;
  const Ended ended = Run({kTiny, "--profile", "--out", folder.File("run")});
  REQUIRE(ended.status == 0);
  CHECK(ended.out.find("Peaks of this run: ") != std::string::npos);
  CHECK(ended.out.find("lookup") != std::string::npos);
  std::istringstream lines(ended.out);
  for (std::string line; std::getline(lines, line);) CHECK(line.size() <= 90);
  CHECK(Content(folder.File("run/profile.csv")).starts_with("phase,operation,role,seconds,"));
  const auto run = nlohmann::json::parse(Content(folder.File("run/run.json")));
  CHECK(run["peaks"]["memory_bytes_per_second"] > 0);
  // A run without a profile leaves none of an earlier one.
  REQUIRE(Run({kTiny, "--quiet", "--out", folder.File("run")}).status == 0);
  CHECK_FALSE(fs::exists(folder.File("run/profile.csv")));
}

TEST_CASE("Every instruction set gives the same run", "[sim][program]") {
  std::set<std::string> logits;
  for (const std::string_view target : SimdTargets()) {
    const TemporaryFolder folder;
    const Ended ended = Run({kTiny, "--seed=3", "--quiet", "--out", folder.File("run"),
                             "--simd=" + std::string(target)});
    INFO(target << ": " << ended.err);
    REQUIRE(ended.status == 0);
    const auto run = nlohmann::json::parse(Content(folder.File("run/run.json")));
    CHECK(run["simd"] == target);
    CHECK(run["agrees_with_ideal"] == true);
    logits.insert(run["outputs"].dump());
  }
  CHECK(logits.size() == 1);
}

TEST_CASE("A bad command line is one line of error", "[sim][program]") {
  struct Bad {
    std::vector<std::string> arguments;
    std::vector<std::string> words;
  };
  for (const Bad& bad : std::vector<Bad>{
           {{}, {"MODEL"}},
           {{kTiny, "bert-tiny"}, {"unexpected", "bert-tiny"}},
           {{kTiny, "--tread", "2"}, {"--tread", "--threads"}},
           {{kTiny, "--seed", "1", "--seed", "2"}, {"--seed"}},
           {{kTiny, "--quiet=yes"}, {"--quiet"}},
           {{kTiny, "--seed"}, {"--seed"}},
           {{kTiny, "--seed", "-1"}, {"--seed", "-1"}},
           {{kTiny, "--seed", "1e3"}, {"--seed", "1e3"}},
           {{kTiny, "--seed", "18446744073709551616"}, {"--seed", "18446744073709551616"}},
           {{kTiny, "--threads", "0"}, {"--threads", "0"}},
           {{kTiny, "--threads", "1 "}, {"--threads"}},
           {{kTiny, "--threads", "99999"}, {"--threads", "99999"}},
           {{kTiny, "--batch", "0"}, {"--batch", "0"}},
           {{kTiny, "--batch", "1.5"}, {"--batch", "1.5"}},
           {{kTiny, "--tables", "secret"}, {"--tables", "secret", "private", "public"}},
           {{kTiny, "--memory-limit", "4X"}, {"--memory-limit", "4X"}},
           {{kTiny, "--memory-limit", "50M"}, {"memory", "--memory-limit", "at least"}},
           {{kTiny, "--simd", "AVX9"}, {"--simd", "AVX9"}},
           {{kTiny, "--lookup", "direct", "--deployment", "shared-dealer"},
            {"embedding.norm.variance", "P0"}},
           {{"bert-tiny:layers=x"}, {"layers", "x"}},
           {{"synthetic:hidden=8192,layers=50"}, {"memory"}},
           {{"/nowhere/model.safetensors"}, {"/nowhere/model.safetensors"}},
           {{"/"}, {"/"}},
           {{kTiny, "--input", "/nowhere/in"}, {"/nowhere/in"}},
           {{kTiny, "--input", "/dev/zero"}, {"/dev/zero"}},
       }) {
    CheckError(Run(bad.arguments), bad.words);
  }
}

// ---- files ----

// A header of so many bytes (its own length unless given) and what follows it.
std::string SafetensorsBytes(const std::string& header, const std::string& data,
                             std::optional<uint64_t> length = std::nullopt) {
  uint64_t size = length.value_or(header.size());
  std::string bytes;
  for (int i = 0; i < 8; ++i, size >>= 8) bytes += static_cast<char>(size & 0xff);
  return bytes + header + data;
}

// Runs on the file; nothing may be left, whether it stood for the model or for the input.
void CheckBadFile(const std::string& path, const std::vector<std::string>& arguments,
                  const std::vector<std::string>& words) {
  const TemporaryFolder results;
  Call call;
  call.arguments = arguments;
  call.arguments.insert(call.arguments.end(), {"--out", results.File("run")});
  call.in_child = LimitMemory;
  const Ended ended = Run(call);
  std::vector<std::string> all = words;
  all.push_back(fs::path(path).filename().string());
  CheckError(ended, all);
  CHECK(Listing(results.File("")).empty());
  if (!kSanitized) CHECK(ended.peak_bytes < int64_t{400} << 20);
}

TEST_CASE("A bad model file is one line of error, and leaves nothing", "[sim][program]") {
  const TemporaryFolder folder;
  const std::string good = Content(PretrainedFile("sms-spam-tiny.safetensors"));
  const auto altered = [&](const std::string& from, const std::string& to) {
    std::string bytes = good;
    const size_t at = bytes.find(from);
    REQUIRE(at != std::string::npos);
    REQUIRE(from.size() == to.size());
    return bytes.replace(at, from.size(), to);
  };
  struct Bad {
    std::string content;
    std::vector<std::string> words;
  };
  const std::string tensor = R"("t":{"dtype":"I8","shape":)";
  for (const Bad& bad : std::vector<Bad>{
           {"", {}},
           {"garbage", {}},
           {std::string(100, '\0'), {}},
           {good.substr(0, 5), {}},
           {good.substr(0, 1000), {"header"}},
           {good.substr(0, good.size() - 1), {}},
           {good + "x", {}},
           {SafetensorsBytes("{}", "", ~uint64_t{0}), {"header"}},
           {SafetensorsBytes("{}", "", uint64_t{1} << 62), {"header"}},
           {SafetensorsBytes("[]", ""), {}},
           {SafetensorsBytes("{}", ""), {}},
           {SafetensorsBytes(std::string(100000, '['), ""), {}},
           {altered("lutra-integer-bert/1", "lutra-integer-bert/9"),
            {"format", "lutra-integer-bert/1", "lutra-integer-bert/9"}},
           {altered("\"hidden\":\"128\"", "\"hidden\":\"129\""), {"hidden"}},
           {altered("\"hidden\":\"128\"", "\"hidden\":\"1x8\""), {"hidden", "1x8"}},
           {altered("\"layers\":\"2\"", "\"layers\":\"3\""), {"layers.2"}},
           {altered("\"heads\":\"2\"", "\"heads\":\"0\""), {"heads"}},
           {SafetensorsBytes("{" + tensor + "[1000000000,1000000000],\"data_offsets\":[0,4]}}",
                             "abcd"),
            {"t"}},
           {SafetensorsBytes("{" + tensor + "[4],\"data_offsets\":[0,4]}," + tensor +
                                 "[4],\"data_offsets\":[0,4]}}",
                             "abcd"),
            {"t"}},
           {SafetensorsBytes("{" + tensor +
                                 "[4],\"data_offsets\":[0,4]},\"u\":{\"dtype\":\"I8\",\"shape\":[4]"
                                 ",\"data_offsets\":[2,6]}}",
                             "abcdef"),
            {"u"}},
           {SafetensorsBytes("{" + tensor + "[-4],\"data_offsets\":[0,4]}}", "abcd"), {"t"}},
           {SafetensorsBytes("{" + tensor + "[\"4\"],\"data_offsets\":[0,4]}}", "abcd"), {"t"}},
           {SafetensorsBytes("{" + tensor + "[4],\"data_offsets\":[4,0]}}", "abcd"), {"t"}},
       }) {
    INFO(bad.content.substr(0, 200));
    const std::string path = folder.Write("bad.safetensors", bad.content);
    CheckBadFile(path, {path}, bad.words);
  }
}

TEST_CASE("A bad text file is one line of error, and leaves nothing", "[sim][program]") {
  const TemporaryFolder folder;
  struct Bad {
    std::string content;
    std::vector<std::string> words;
  };
  for (const Bad& bad : std::vector<Bad>{
           {"", {}},
           {std::string("\x7f"
                        "ELF\0\1\2",
                        7),
            {"line 1"}},
           {"hello\n\xff\xfe\n", {"line 2"}},
           {"ham\thello\nspma\tbye\n", {"line 2", "spma"}},
           {std::string(20 << 20, 'x'), {}},
       }) {
    INFO(bad.content.substr(0, 50));
    const std::string path = folder.Write("bad.txt", bad.content);
    CheckBadFile(path, {PretrainedFile("sms-spam-tiny.safetensors"), "--input", path}, bad.words);
  }
}

TEST_CASE("A bad file of cases is one line of error, and leaves nothing", "[sim][program]") {
  const TemporaryFolder folder;
  const auto check = [&](const std::string& name, const Shape& shape,
                         const std::vector<int64_t>& values, std::vector<std::string> words) {
    Safetensors cases;
    cases.tensors.emplace("tokens", StoredTensor::Of(ElementType::kI32, Shape{1, 4},
                                                     std::vector<int64_t>{1, 2, 3, 4}));
    cases.tensors.insert_or_assign(name, StoredTensor::Of(ElementType::kI32, shape, values));
    const std::string path = folder.File("bad.safetensors");
    REQUIRE(WriteSafetensors(path, cases).ok());
    words.push_back(name);
    CheckBadFile(path, {kTiny, "--input", path}, words);
  };
  check("tokens", Shape{1, 5}, {0, 0, 0, 0, 0}, {"[1, 4]", "[1, 5]"});
  check("tokens", Shape{1, 4}, {0, 0, 9, 0}, {"9"});
  check("tokens", Shape{1, 4}, {0, 0, -1, 0}, {"-1"});
  check("tokens", Shape{0, 4}, {}, {"[0, 4]"});
  check("labels", Shape{2}, {0, 1}, {"[1]", "[2]"});
  check("labels", Shape{1}, {7}, {"7"});
  check("logits", Shape{1, 3}, {0, 0, 0}, {"[1, 2]", "[1, 3]"});
  check("logits", Shape{1, 2}, {0, 32768}, {"32768"});
}

// ---- results ----

std::vector<std::string> TinyRun(const std::string& out) {
  return {kTiny, "--seed", "1", "--threads", "1", "--out", out};
}

const std::set<std::string> kRunFiles = {"ledger.csv", "levels.csv", "run.json", "run.program",
                                         "run.trace",  "trace.json", "work.csv"};

TEST_CASE("A run prints plain text and leaves a run directory", "[sim][program]") {
  const TemporaryFolder folder;
  for (int round = 0; round < 2; ++round) {  // the second replaces the first
    const Ended ended = Run(TinyRun(folder.File("a/b/run")));
    INFO(ended.err);
    CHECK(ended.status == 0);
    CHECK(ended.err == "");
    CHECK(ended.out.find_first_of("\r\x1b") == std::string::npos);
    for (const char* word : {"model", "deal", "prepare", "online", "rounds", "agrees", "a/b/run"}) {
      CHECK(ended.out.find(word) != std::string::npos);
    }
    std::istringstream lines(ended.out);
    for (std::string line; std::getline(lines, line);) {
      if (line.find('/') == std::string::npos) CHECK(line.size() <= 80);
    }
    CHECK(Listing(folder.File("a/b/run")) == kRunFiles);
    CHECK(Listing(folder.File("a/b")) == std::set<std::string>{"run"});
  }
  const Ended quiet = Run({kTiny, "--quiet"});
  CHECK(quiet.status == 0);
  CHECK(quiet.out + quiet.err == "");
}

TEST_CASE("The example of a table fits 80 columns", "[sim][program]") {
  const TemporaryFolder folder;
  std::string text = "ham\t";
  for (int i = 0; i < 100; ++i) text += "漢字 and words ";
  const std::string input = folder.Write("in.tsv", text + "\nspam\t\x1b[31mred\n");
  const Ended ended =
      Run({PretrainedFile("sms-spam-tiny.safetensors"), "--input", input, "--no-check"});
  CHECK(ended.status == 0);
  CHECK(ended.out.find("2 messages with labels") != std::string::npos);
  CHECK(ended.out.find('\x1b') == std::string::npos);
  CHECK(ended.out.find("...\n") != std::string::npos);
}

TEST_CASE("Expected logits that are wrong end with status 3", "[sim][program]") {
  const TemporaryFolder folder;
  Safetensors cases;
  cases.tensors.emplace(
      "tokens", StoredTensor::Of(ElementType::kI32, Shape{1, 4}, std::vector<int64_t>{1, 2, 3, 4}));
  cases.tensors.emplace(
      "logits", StoredTensor::Of(ElementType::kI32, Shape{1, 2}, std::vector<int64_t>{1, 30000}));
  const std::string path = folder.File("cases.safetensors");
  REQUIRE(WriteSafetensors(path, cases).ok());
  const Ended ended = Run({kTiny, "--input", path});
  CHECK(ended.status == 3);
  CHECK(ended.err.find("logits") != std::string::npos);
  CHECK(std::count(ended.err.begin(), ended.err.end(), '\n') == 1);
}

TEST_CASE("What is not a run directory is left alone", "[sim][program]") {
  const TemporaryFolder folder;
  fs::create_directory(folder.File("mine"));
  std::ofstream(folder.File("mine/data")) << "precious";
  CheckError(Run(TinyRun(folder.File("mine"))), {"mine", "not a run directory"});
  CHECK(Content(folder.File("mine/data")) == "precious");
  CHECK(Listing(folder.File("mine")) == std::set<std::string>{"data"});

  std::ofstream(folder.File("file")) << "precious";
  CheckError(Run(TinyRun(folder.File("file"))), {"file"});
  CheckError(Run(TinyRun(folder.File("file/run"))), {"file/run"});
  CHECK(Content(folder.File("file")) == "precious");
  CheckError(Run(TinyRun("/proc/run")), {"/proc/run"});
  CHECK(Listing(folder.File("")) == std::set<std::string>{"file", "mine"});
}

TEST_CASE("A file that may not grow leaves nothing", "[sim][program]") {
  const TemporaryFolder folder;
  Call call;
  call.arguments = TinyRun(folder.File("run"));
  call.arguments.emplace_back("--quiet");
  call.in_child = [] {
    const rlimit limit = {2000, 2000};
    setrlimit(RLIMIT_FSIZE, &limit);
  };
  CheckError(Run(call), {"run", "ledger.csv"});
  CHECK(Listing(folder.File("")).empty());
}

TEST_CASE("A full disk leaves nothing", "[sim][program]") {
  const TemporaryFolder folder;
  const std::string disk = folder.File("disk");
  fs::create_directory(disk);
  if (mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=16k") != 0) return;  // takes root
  Call call;
  call.arguments = TinyRun(disk + "/run");
  call.arguments.emplace_back("--quiet");
  const Ended ended = Run(call);
  const std::set<std::string> left = Listing(disk);
  CHECK(umount(disk.c_str()) == 0);
  CheckError(ended, {"disk/run", "No space left"});
  CHECK(left.empty());
}

TEST_CASE("A reader that goes away does not stop a run", "[sim][program]") {
  const TemporaryFolder folder;
  Call call;
  call.arguments = TinyRun(folder.File("run"));
  call.in_child = [] {
    int ends[2];
    if (pipe(ends) != 0) _exit(126);
    close(ends[0]);
    dup2(ends[1], STDOUT_FILENO);
    close(ends[1]);
  };
  const Ended ended = Run(call);
  CHECK(ended.signal == 0);
  CHECK(ended.status == 0);
  CHECK(ended.err == "");
  CHECK(Listing(folder.File("run")) == kRunFiles);

  // Where there is no room for the output, though, that is an error.
  call.in_child = [] { RedirectTo("/dev/full", STDOUT_FILENO); };
  CheckError(Run(call), {"standard output"});
}

TEST_CASE("Numbers do not depend on the locale", "[sim][program]") {
  const TemporaryFolder folder;
  Call call;
  call.arguments = TinyRun(folder.File("c"));
  call.environment["LC_ALL"] = "C";
  REQUIRE(Run(call).status == 0);
  call.arguments = TinyRun(folder.File("de"));
  call.environment["LC_ALL"] = "de_DE.UTF-8";
  call.environment["LANG"] = "de_DE.UTF-8";
  const Ended ended = Run(call);
  REQUIRE(ended.status == 0);
  CHECK(ended.out.find(". kB") == std::string::npos);
  for (const char* name : {"ledger.csv", "levels.csv"}) {
    CHECK(Content(folder.File(std::string("c/") + name)) ==
          Content(folder.File(std::string("de/") + name)));
  }
  CHECK(Content(folder.File("de/work.csv")).find(",0.0") != std::string::npos);
}

// ---- terminals ----

// What a program writes to a terminal.
std::string OnTerminal(std::map<std::string, std::string> environment) {
  const int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  REQUIRE(terminal >= 0);
  REQUIRE(grantpt(terminal) == 0);
  REQUIRE(unlockpt(terminal) == 0);
  const std::string name = ptsname(terminal);
  // Kept open, so that what is written stays to be read.
  const int held = open(name.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC);
  Call call;
  call.arguments = {kTiny, "--seed", "1"};
  call.environment = std::move(environment);
  call.environment["TERM"] = "xterm";
  call.in_child = [&] { dup2(held, STDOUT_FILENO); };
  std::string text;
  CHECK(Run(call).status == 0);
  CHECK(fcntl(terminal, F_SETFL, O_NONBLOCK) == 0);
  char buffer[4096];
  for (ssize_t size = 0; (size = read(terminal, buffer, sizeof(buffer))) > 0;) {
    text.append(buffer, static_cast<size_t>(size));
  }
  close(held);
  close(terminal);
  return text;
}

TEST_CASE("A terminal gets a bar unless NO_COLOR is set", "[sim][program]") {
  const std::string bar = OnTerminal({{"NO_COLOR", ""}, {"LC_ALL", "C.UTF-8"}});
  CHECK(bar.find("\x1b[K") != std::string::npos);
  CHECK(bar.find("█") != std::string::npos);
  CHECK(OnTerminal({{"NO_COLOR", ""}, {"LC_ALL", "C"}}).find("#") != std::string::npos);
  CHECK(OnTerminal({{"NO_COLOR", "1"}}).find('\x1b') == std::string::npos);
}

// ---- interrupts ----

void SleepFor(double seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

TEST_CASE("An interrupt ends a run with status 130", "[sim][program]") {
  const TemporaryFolder folder;
  for (const int signal : {SIGINT, SIGTERM}) {
    Call call;
    call.arguments = {"bert-tiny:layers=200,sequence=64", "--batch", "1", "--out",
                      folder.File("run")};
    call.meanwhile = [signal](pid_t child) {
      SleepFor(kSanitized ? 2.0 : 0.3);
      kill(child, signal);
    };
    const Ended ended = Run(call);
    CHECK(ended.status == 130);
    CHECK(ended.err == "lutra-sim: interrupted\n");
    CHECK(Listing(folder.File("")).empty());
  }
}

TEST_CASE("An interrupt at any time leaves a run directory whole or not at all", "[sim][program]") {
  const TemporaryFolder folder;
  const auto start = std::chrono::steady_clock::now();
  REQUIRE(Run(TinyRun(folder.File("run"))).status == 0);
  const std::chrono::duration<double> whole = std::chrono::steady_clock::now() - start;
  constexpr int kTimes = kSanitized ? 6 : 30;
  for (int i = 0; i < kTimes; ++i) {
    fs::remove_all(folder.File("run"));
    Call call;
    call.arguments = TinyRun(folder.File("run"));
    call.meanwhile = [&](pid_t child) {
      SleepFor(whole.count() * 1.2 * i / kTimes);
      kill(child, SIGINT);
    };
    const Ended ended = Run(call);
    // Before main the signal has its usual effect.
    CHECK((ended.status == 130 || ended.status == 0 || ended.signal == SIGINT));
    const std::set<std::string> left = Listing(folder.File(""));
    CHECK((left.empty() || left == std::set<std::string>{"run"}));
    if (!left.empty()) CHECK(Listing(folder.File("run")) == kRunFiles);
    if (ended.status == 0) CHECK(!left.empty());
  }
}

}  // namespace
}  // namespace lutra
