// The program as its users call it, with servers of this process.
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/version.h"
#include "models/inputs.h"
#include "models/safetensors.h"
#include "parties/compile_model.h"
#include "sim/model_run.h"
#include "tests/parties/fake_servers.h"
#include "tests/parties/given.h"
#include "tests/support/child.h"
#include "tests/support/folder.h"
#include "tests/support/paths.h"
#include "tests/support/text.h"
#include "tests/support/tiny_model.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

const std::string kSms = SourcePath("models/pretrained/sms-spam-tiny.safetensors");
const std::string kSomeId(32, 'a');

Child::Ended Run(std::vector<std::string> arguments) {
  return Child("lutra-client", std::move(arguments)).Wait();
}

// One line on stderr that says all of `words`; nothing on stdout; status 1.
void CheckError(const Child::Ended& ended, const std::vector<std::string>& words) {
  INFO(ended.err);
  CHECK(ended.status == 1);
  CHECK(ended.out == "");
  CHECK(ended.err.starts_with("lutra-client: "));
  CHECK(ended.err.find('\n') == ended.err.size() - 1);
  for (const std::string& word : words) {
    INFO(word);
    CHECK(Has(ended.err, word));
  }
}

// A compiled model, servers that run it, and the files of its owners.
struct Deployed {
  explicit Deployed(std::vector<Role> absent = {}) {
    BertProgramOptions options;
    options.batch = 2;
    StatusOr<CompiledModel> made = CompileModel(registry, kTiny, options);
    REQUIRE(made.ok());
    compiled = std::make_unique<CompiledModel>(*std::move(made));
    servers = std::make_unique<FakeServers>(*compiled->built, kSeed, /*curve=*/true, absent);
    cluster_file = (folder / "cluster.toml").string();
    WriteCluster(servers->cluster());
    for (const Role owner : kOwners) {
      const std::string name(Name(owner));
      REQUIRE(servers->keys(owner).Write(folder / (name + ".key"), folder / (name + ".pub")).ok());
    }
    directory = (folder / "tiny").string();
    const Child::Ended ended = Run({"compile", kTiny, "--batch=2", "--out", directory, "--quiet"});
    INFO(ended.err);
    REQUIRE(ended.status == 0);
    REQUIRE(ended.out + ended.err == "");
    Safetensors cases;
    cases.tensors.emplace(
        "tokens", StoredTensor::Of(ElementType::kI32, Shape{3, 4},
                                   std::vector<int64_t>{1, 2, 3, 4, 0, 8, 7, 6, 5, 4, 3, 2}));
    cases.tensors.emplace(
        "labels", StoredTensor::Of(ElementType::kI32, Shape{3}, std::vector<int64_t>{0, 1, 1}));
    input = (folder / "cases.safetensors").string();
    REQUIRE(WriteSafetensors(input, cases).ok());
  }

  void WriteCluster(const Cluster& cluster) const {
    REQUIRE(WriteFile(cluster_file, FormatCluster(cluster)).ok());
  }
  std::vector<std::string> Infer(const std::string& model) const {
    return {"infer", directory, "--model", model, "--input", input, "--cluster", cluster_file};
  }

  Registry registry = Registry::WithBuiltins();
  Folder folder;
  std::unique_ptr<CompiledModel> compiled;
  std::unique_ptr<FakeServers> servers;
  std::string cluster_file, directory, input;
};

TEST_CASE("lutra-client explains itself", "[parties][program]") {
  const Child::Ended help = Run({"--help"});
  CHECK(help.status == 0);
  CHECK(help.err == "");
  for (const char* command : {"compile", "share-model", "infer", "status"}) {
    CHECK(Has(help.out, command));
    const Child::Ended more = Run({command, "--help"});
    CHECK(more.status == 0);
    CHECK(Has(more.out, std::string("lutra-client ") + command));
    std::istringstream lines(more.out);
    for (std::string line; std::getline(lines, line);) CHECK(line.size() <= 100);
  }
  const Child::Ended version = Run({"--version"});
  CHECK(version.status == 0);
  CHECK(Has(version.out, Version()));
}

TEST_CASE("A bad command line of lutra-client is one line of error", "[parties][program]") {
  const Folder folder;
  const std::string nowhere = (folder / "nowhere").string();
  struct Bad {
    std::vector<std::string> arguments;
    std::vector<std::string> words;
  };
  for (const Bad& bad : std::vector<Bad>{
           {{}, {"COMMAND"}},
           {{"statu"}, {"statu", "did you mean 'status'"}},
           {{"compile", kTiny}, {"--out"}},
           {{"compile", "--out", nowhere}, {"MODEL"}},
           {{"compile", kTiny, "--out", nowhere, "--batch", "0"}, {"--batch", "0"}},
           {{"compile", kTiny, "--out", nowhere, "--seed", "1"}, {"--seed", "--insecure-seed"}},
           {{"compile", "synthetic:hidden=17", "--out", nowhere}, {"hidden", "17"}},
           {{"compile", "synthetic:hidden=16384,layers=1000", "--out", nowhere}, {"memory"}},
           {{"compile", "/nowhere/model.safetensors", "--out", nowhere}, {"/nowhere/model"}},
           {{"share-model", "x", "--seed=1"}, {"--seed", "--insecure-seed"}},
           {{"share-model", nowhere, "--cluster", "x"}, {nowhere}},
           {{"share-model", "x", "--to", "p0,p7", "--cluster", "x"}, {"--to", "p7"}},
           {{"share-model", "x", "--to", "p0,,p1", "--cluster", "x"}, {"--to", "''"}},
           {{"share-model", "x", "--insecure-seed", "x", "--cluster", "x"}, {"--insecure-seed"}},
           {{"infer", "x", "--input", "y", "--cluster", "z"}, {"--model"}},
           {{"infer", "x", "--model", kSomeId, "--cluster", "z"}, {"--input"}},
           {{"infer", "x", "--model", "12", "--input", "y"}, {"--model", "32"}},
           {{"infer", nowhere, "--model", kSomeId, "--input", "y"}, {nowhere}},
           {{"status"}, {"--cluster"}},
           {{"status", "--cluster", nowhere}, {nowhere}},
           {{"status", "more", "--cluster", nowhere}, {"more"}},
       }) {
    CheckError(Run(bad.arguments), bad.words);
  }
  CHECK(Entries(folder.path()) == 0);
}

TEST_CASE("A model is compiled, and what is no compiled model is not touched",
          "[parties][program]") {
  const Folder folder;
  const std::string out = (folder / "a/sms").string();
  for (int round = 0; round < 2; ++round) {  // the second replaces the first
    const Child::Ended ended = Run({"compile", kSms, "--out", out});
    INFO(ended.err);
    REQUIRE(ended.status == 0);
    CHECK(ended.err == "");
    for (const char* word : {"program", "tables", "weights", "client", "tape", "Program"}) {
      CHECK(Has(ended.out, word));
    }
    std::istringstream lines(ended.out);
    for (std::string line; std::getline(lines, line);) {
      if (!Has(line, "/")) CHECK(line.size() <= 80);
    }
  }
  CHECK(Entries(out) == 4);
  CHECK(Entries(folder / "a") == 1);
  const auto mode = [&](const char* name) {
    struct stat found {};
    REQUIRE(stat((fs::path(out) / name).c_str(), &found) == 0);
    return found.st_mode & 0777;
  };
  CHECK(mode("tables") == 0600);
  CHECK(mode("weights") == 0600);
  CHECK((mode("program") & 0400) != 0);
  const Registry registry = Registry::WithBuiltins();
  const StatusOr<Program> program = ReadCompiledProgram(registry, out);
  REQUIRE(program.ok());
  const StatusOr<ClientModel> client = ReadCompiledClient(out, *program);
  REQUIRE(client.ok());
  CHECK(client->MakeTokenizer().ok());

  const std::string other = (folder / "other").string();
  REQUIRE(fs::create_directory(other));
  REQUIRE(WriteFile(fs::path(other) / "mine", "mine").ok());
  CheckError(Run({"compile", kTiny, "--out", other}), {other, "no compiled model"});
  CHECK(Entries(other) == 1);
}

TEST_CASE("A model beside a broken tokenizer is not compiled", "[parties][program]") {
  const Folder folder;
  const std::string model = (folder / "m.safetensors").string();
  fs::copy_file(kSms, model);
  fs::copy_file(fs::path(kSms).parent_path() / "wordpiece.txt", folder / "wordpiece.txt");
  REQUIRE(WriteFile(folder / "m.vocab.txt", "too\nshort\n").ok());
  CheckError(Run({"compile", model, "--out", (folder / "out").string()}), {"m.vocab.txt"});
  CHECK(Entries(folder.path()) == 3);
  // Without one it takes files of cases.
  fs::remove(folder / "m.vocab.txt");
  const Child::Ended ended = Run({"compile", model, "--out", (folder / "out").string()});
  CHECK(ended.status == 0);
  CHECK(Has(ended.out, "files of cases only"));
}

TEST_CASE("A model is shared and run by the program, as in the simulation", "[parties][program]") {
  const Deployed deployed;
  const Child::Ended shared = Run({"share-model", deployed.directory, "--cluster",
                                   deployed.cluster_file, "--insecure-seed=5", "--quiet"});
  INFO(shared.err);
  REQUIRE(shared.status == 0);
  const std::string model = IdentifierFromSeed(kSeed, "model id", 0).Hex();
  CHECK(shared.out == model + "\n");
  CHECK(shared.err == "");

  ModelRunOptions options;
  options.model = kTiny;
  options.input = deployed.input;
  options.seed = kSeed;
  options.batch = 2;
  const StatusOr<ModelJob> job = LoadModelJob(options);
  REQUIRE(job.ok());
  const StatusOr<ModelRunResult> simulated = RunModel(*job, options);
  REQUIRE(simulated.ok());

  // What a data owner does not have.
  fs::remove(fs::path(deployed.directory) / "tables");
  fs::remove(fs::path(deployed.directory) / "weights");
  std::vector<std::string> infer = deployed.Infer(model);
  infer.emplace_back("--json");
  const Child::Ended ended = Run(infer);
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  const auto json = nlohmann::json::parse(ended.out);
  CHECK(json["format"] == "lutra-infer/1");
  CHECK(json["model"] == model);
  CHECK(json["batch"] == 2);
  REQUIRE(json["sessions"].size() == 2);
  for (size_t i = 0; i < 2; ++i) {
    const auto& session = json["sessions"][i];
    CHECK(session["tape"] == IdentifierFromSeed(kSeed, "tape id", i + 1).Hex());
    CHECK(session["examples"] == (i == 0 ? 2 : 1));
    CHECK(session["sent_bytes"] > 0);
    CHECK(session["framing_bytes"] > 0);
  }
  const auto& outputs = simulated->summary.outputs;
  REQUIRE(json["outputs"].size() == outputs.size());
  for (size_t i = 0; i < outputs.size(); ++i) {
    CHECK(json["outputs"][i]["logits"] == outputs[i].logits);
    CHECK(json["outputs"][i]["prediction"] == outputs[i].prediction);
    CHECK(json["outputs"][i]["label"] == *outputs[i].label);
  }
  CHECK(json["accuracy"] == *simulated->summary.accuracy);

  const Child::Ended text = Run(deployed.Infer(model));
  REQUIRE(text.status == 0);
  CHECK(text.err == "");
  for (const char* word : {"secure", "label", "example", "Accuracy", "2 sessions of 2 examples",
                           "1 of the last only to fill it up", "Seconds", "Bytes"}) {
    INFO(word);
    CHECK(Has(text.out, word));
  }
  CheckError(Run(deployed.Infer(kSomeId)), {"no such model here", "examples from 1 on"});
}

TEST_CASE("The status has a row for every server", "[parties][program]") {
  for (const bool whole : {true, false}) {
    const Deployed deployed(whole ? std::vector<Role>{} : std::vector<Role>{Role::kP1});
    Cluster cluster = deployed.servers->cluster();
    cluster.connect_seconds = whole ? 60 : 5;
    deployed.WriteCluster(cluster);
    const Child::Ended text = Run({"status", "--cluster", deployed.cluster_file});
    INFO(text.err << text.out);
    CHECK(text.status == (whole ? 0 : 1));
    CHECK(text.err == "");
    for (const char* role : {"\ndealer", "\np0", "\np1", "\np2"}) CHECK(Has(text.out, role));
    CHECK(Has(text.out, "\np1: ") != whole);
    const Child::Ended ended = Run({"status", "--cluster", deployed.cluster_file, "--key",
                                    (deployed.folder / "data-owner.key").string(), "--json"});
    CHECK(ended.status == (whole ? 0 : 1));
    const auto json = nlohmann::json::parse(ended.out);
    CHECK(json["format"] == "lutra-status/1");
    REQUIRE(json["servers"].size() == 4);
    for (size_t i = 0; i < 4; ++i) {
      const auto& server = json["servers"][i];
      CHECK(server["role"] == Name(kServers[i]));
      const bool alive = whole || kServers[i] != Role::kP1;
      CHECK(server["alive"] == alive);
      CHECK(server.contains("error") == !alive);
      CHECK(server.contains("version") == alive);
    }
  }
}

TEST_CASE("A key that is not the owner's is an error that names it", "[parties][program]") {
  const Deployed deployed;
  const std::string key = (deployed.folder / "p0.key").string();
  REQUIRE(deployed.servers->keys(Role::kP0).Write(key, deployed.folder / "p0.pub").ok());
  CheckError(Run({"status", "--cluster", deployed.cluster_file, "--key", key}),
             {key, "model-owner or data-owner", deployed.servers->keys(Role::kP0).public_key()});
  std::vector<std::string> infer = deployed.Infer(kSomeId);
  infer.insert(infer.end(), {"--key", (deployed.folder / "model-owner.key").string()});
  CheckError(Run(infer), {"model-owner.key", "data-owner"});
  infer.emplace_back("--insecure-plaintext");
  CheckError(Run(infer), {"--key", "--insecure-plaintext"});
  fs::remove(deployed.folder / "data-owner.key");
  CheckError(Run(deployed.Infer(kSomeId)), {"data-owner.key"});
}

TEST_CASE("Plain text to servers with CURVE fails in time", "[parties][program]") {
  const Deployed deployed;
  Cluster cluster = deployed.servers->cluster();
  cluster.connect_seconds = 0.5;
  deployed.WriteCluster(cluster);
  const Child::Ended ended =
      Run({"status", "--cluster", deployed.cluster_file, "--insecure-plaintext"});
  INFO(ended.out << ended.err);
  CHECK(ended.status == 1);
  for (const char* role : {"\ndealer: ", "\np0: ", "\np1: ", "\np2: "}) CHECK(Has(ended.out, role));
}

TEST_CASE("An interrupted session is cancelled at the parties", "[parties][program]") {
  std::mutex mutex;
  std::condition_variable changed;
  int waiting = 0;
  std::vector<Status> ends;
  const Deployed deployed;
  for (const Role party : {Role::kP1, Role::kP2}) {
    deployed.servers->SetBehaviour(party, [&](Endpoint& endpoint, const Request& request) {
      {
        const std::lock_guard lock(mutex);
        ++waiting;
        changed.notify_all();
      }
      const Status end = endpoint.Receive(request.from, request.channel, 99, 1, After(10)).status();
      const std::lock_guard lock(mutex);
      ends.push_back(end);
      changed.notify_all();
      return true;
    });
  }
  Child child("lutra-client", deployed.Infer(kSomeId));
  std::unique_lock lock(mutex);
  REQUIRE(changed.wait_until(lock, After(10), [&] { return waiting == 2; }));
  child.Signal(SIGINT);
  const Child::Ended ended = child.Wait();
  CHECK(ended.status == 130);
  CHECK(ended.out == "");
  CHECK(ended.err == "lutra-client: interrupted\n");
  REQUIRE(changed.wait_until(lock, After(10), [&] { return ends.size() == 2; }));
  for (const Status& end : ends) {
    INFO(OneLine(end));
    // The process may be gone before its last words are read.
    CHECK((Mentions(end, "interrupted") || Mentions(end, "the connection was lost")));
  }
}

}  // namespace
}  // namespace lutra
