// The program as its users call it: every role a process, and nothing left of them.
#include <stdlib.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "core/file.h"
#include "tests/support/child.h"
#include "tests/support/folder.h"
#include "tests/support/paths.h"
#include "tests/support/tiny_model.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

std::string Text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

bool Soon(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

// Where programs put what is temporary, while it lives.
class Temporary {
 public:
  Temporary() {
    if (const char* before = getenv("TMPDIR")) before_ = before;
    setenv("TMPDIR", folder_.path().c_str(), 1);
  }
  ~Temporary() { before_ ? setenv("TMPDIR", before_->c_str(), 1) : unsetenv("TMPDIR"); }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;

  // Of launchers.
  std::set<fs::path> directories() const {
    std::set<fs::path> found;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder_.path())) {
      if (entry.path().filename().string().starts_with("lutra-launch-")) found.insert(entry.path());
    }
    return found;
  }
  // Processes that were told of something in here.
  int processes() const {
    int found = 0;
    for (const fs::directory_entry& entry : fs::directory_iterator("/proc")) {
      const std::string command = Text(entry.path() / "cmdline");
      found += command.find((folder_ / "lutra-launch-").string()) != std::string::npos ? 1 : 0;
    }
    return found;
  }
  bool Clean() const {
    return Soon([this] { return processes() == 0 && directories().empty(); });
  }

 private:
  Folder folder_;
  std::optional<std::string> before_;
};

Child::Ended Launch(std::vector<std::string> arguments) {
  return Child("lutra-launch", std::move(arguments)).Wait();
}

nlohmann::json Run(const fs::path& directory) {
  return nlohmann::json::parse(Text(directory / "run.json"));
}

TEST_CASE("A launched run is the simulation's, byte for byte", "[sim][launch]") {
  const auto [deployment, tapes, plain] = GENERATE(table<std::string, std::string, bool>(
      {{"four-process", "store", true}, {"shared-dealer", "stream", false}}));
  CAPTURE(deployment, tapes, plain);
  const Temporary temporary;
  const Folder folder;
  const fs::path real = folder / "real";
  const fs::path simulated = folder / "simulated";
  std::vector<std::string> arguments = {
      kTiny, "--threads", "1",           "--deployment", deployment,        "--tapes",
      tapes, "--out",     real.string(), "--quiet",      "--insecure-seed", "7"};
  if (plain) arguments.emplace_back("--insecure-plaintext");
  const Child::Ended ended = Launch(arguments);
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  CHECK(ended.out.empty());
  CHECK(temporary.processes() == 0);
  CHECK(temporary.directories().empty());
  const Child::Ended simulation =
      Child("lutra-sim", {kTiny, "--threads", "1", "--deployment", deployment, "--out",
                          simulated.string(), "--quiet", "--seed", "7"})
          .Wait();
  INFO(simulation.err);
  REQUIRE(simulation.status == 0);
  for (const char* file : {"ledger.csv", "levels.csv"}) {
    INFO(file);
    REQUIRE(!Text(real / file).empty());
    CHECK(Text(real / file) == Text(simulated / file));
  }
  nlohmann::json one = Run(real);
  nlohmann::json other = Run(simulated);
  CHECK(one["sessions"][0]["offline"]["seconds"].is_null() == (tapes == "store"));
  CHECK(other["sessions"][0]["offline"]["seconds"].is_null());
  CHECK(one["sessions"][0]["online"]["bytes"] == other["sessions"][0]["online"]["bytes"]);
  CHECK(one["sessions"][0]["online"]["framing_bytes"] > 0);
  // All else is the same, outputs included, but for times, memory and what it was called with.
  for (nlohmann::json* run : {&one, &other}) {
    for (const char* key :
         {"agrees_with_ideal", "command", "memory", "peak_memory_bytes", "predicted", "sessions"}) {
      run->erase(key);
    }
    (*run)["model"].erase("seconds");
  }
  CHECK(one == other);
}

TEST_CASE("Shaped links carry the same bytes, later", "[sim][launch]") {
  const Temporary temporary;
  const Folder folder;
  const fs::path network = folder / "net.toml";
  constexpr double kLatency = 0.002;
  REQUIRE(WriteFile(network, std::string_view("format = \"lutra-network/1\"\nname = \"test\"\n"
                                              "[links]\nlatency_ms = 2\nbandwidth_mbit = 400\n"
                                              "[messages]\nheader_bytes = 64\n"))
              .ok());
  const auto run = [&](const char* name, const std::vector<std::string>& flags) {
    std::vector<std::string> command = {kTiny,
                                        "--threads",
                                        "1",
                                        "--quiet",
                                        "--insecure-plaintext",
                                        "--insecure-seed",
                                        "7",
                                        "--out",
                                        (folder / name).string()};
    command.insert(command.end(), flags.begin(), flags.end());
    const Child::Ended ended = Launch(command);
    INFO(ended.err);
    REQUIRE(ended.status == 0);
  };
  run("plain", {});
  run("parties", {"--network", network.string()});
  run("all", {"--network", network.string(), "--shape", "all"});
  CHECK(temporary.Clean());
  const nlohmann::json plain = Run(folder / "plain");
  CHECK(plain["shaped"].is_null());
  for (const char* name : {"parties", "all"}) {
    INFO(name);
    for (const char* file : {"ledger.csv", "levels.csv"}) {
      INFO(file);
      REQUIRE(!Text(folder / "plain" / file).empty());
      CHECK(Text(folder / "plain" / file) == Text(folder / name / file));
    }
    const nlohmann::json shaped = Run(folder / name);
    CHECK(plain["outputs"] == shaped["outputs"]);
    CHECK(plain["links"] == shaped["links"]);
    const nlohmann::json& online = shaped["sessions"][0]["online"];
    CHECK(online["bytes"] == plain["sessions"][0]["online"]["bytes"]);
    // In every round somebody waits for somebody.
    CHECK(online["seconds"].get<double>() >= online["rounds"].get<double>() * kLatency);
    CHECK(shaped["shaped"] == nlohmann::json({{"network", "test"}, {"links", name}}));
    const double offline = shaped["sessions"][0]["offline"]["seconds"].get<double>();
    // P0's masked products take a latency; with the dealer's links, so do the request for the tape
    // and the tape.
    CHECK(offline >= (name == std::string("all") ? 3 : 1) * kLatency);
    const Child::Ended calibrated =
        Child("lutra-analyze", {"calibrate", (folder / name).string()}).Wait();
    INFO(calibrated.err);
    CHECK(calibrated.status == 0);
    CHECK(calibrated.out.starts_with("[messages]\noverhead_us = "));
  }
}

TEST_CASE("Nothing is left of a launcher that is interrupted or killed", "[sim][launch]") {
  const int signal = GENERATE(SIGINT, SIGTERM, SIGKILL);
  CAPTURE(signal);
  const Temporary temporary;
  Child launcher("lutra-launch", {kTiny, "--threads", "1", "--tapes", "store", "--quiet"});
  REQUIRE(Soon([&] { return temporary.processes() >= 4; }));  // dealer and parties are up
  CHECK(temporary.directories().size() == 1);
  launcher.Signal(signal);
  const Child::Ended ended = launcher.Wait();
  CHECK(ended.status == (signal == SIGKILL ? -1 : 130));
  CHECK(temporary.Clean());
}

TEST_CASE("A launcher without its programs says so and leaves nothing", "[sim][launch]") {
  const Temporary temporary;
  const Folder folder;
  const fs::path build = BuildPath("");
  fs::copy_file(build / "lutra-launch", folder / "lutra-launch");
  std::string missing = "lutra-dealer";
  SECTION("no dealer") {}
  SECTION("no party") {
    fs::create_symlink(build / "lutra-dealer", folder / "lutra-dealer");
    missing = "lutra-party";
  }
  SECTION("a party that ends at once") {
    fs::create_symlink(build / "lutra-dealer", folder / "lutra-dealer");
    fs::create_symlink("/bin/false", folder / "lutra-party");
    missing = "exit status 1";
  }
  const Child::Ended ended =
      Child(fs::relative(folder / "lutra-launch", build).string(), {kTiny, "--quiet"}).Wait();
  CHECK(ended.status == 1);
  INFO(ended.err);
  CHECK(ended.err.find(missing) != std::string::npos);
  CHECK(std::count(ended.err.begin(), ended.err.end(), '\n') == 1);
  CHECK(temporary.processes() == 0);
  CHECK(temporary.directories().empty());
}

TEST_CASE("A launcher refuses what it does not know, before anything starts", "[sim][launch]") {
  const Temporary temporary;
  const Folder folder;
  struct Wrong {
    std::vector<std::string> arguments;
    std::string says;
  };
  const std::vector<Wrong> all = {
      {{}, "MODEL"},
      {{kTiny, "--seed", "3"}, "--insecure-seed"},
      {{kTiny, "--insecure-seed", "x"}, "insecure-seed"},
      {{kTiny, "--threads", "0"}, "threads"},
      {{kTiny, "--tapes", "shop"}, "stream"},
      {{kTiny, "--deployment", "one-process"}, "shared-dealer"},
      {{kTiny, "--out", "/dev/null/run"}, "/dev/null"},
      {{kTiny, "--network", "no-such"}, "no-such"},
      {{kTiny, "--network", "lan-10g,lan-1g"}, "expected one network"},
      {{kTiny, "--network", "lan-1g", "--shape", "some"}, "parties"},
      {{kTiny, "--shape", "all"}, "--network"},
      {{"synthetic:hidden=3"}, "hidden"},
      {{(folder / "none.safetensors").string()}, "none.safetensors"},
  };
  for (const Wrong& wrong : all) {
    const Child::Ended ended = Launch(wrong.arguments);
    INFO(wrong.says << " in " << ended.err);
    CHECK(ended.status == 1);
    CHECK(ended.err.find(wrong.says) != std::string::npos);
    CHECK(ended.out.empty());
  }
  CHECK(temporary.directories().empty());
  const Child::Ended help = Launch({"--help"});
  CHECK(help.status == 0);
  for (const char* flag : {"--tapes", "--insecure-seed", "--insecure-plaintext", "--deployment",
                           "--network", "--shape"}) {
    CHECK(help.out.find(flag) != std::string::npos);
  }
}

}  // namespace
}  // namespace lutra
