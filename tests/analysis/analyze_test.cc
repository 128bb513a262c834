#include "analysis/analyze.h"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "analysis/cost.h"
#include "models/bert_program.h"
#include "models/synthetic.h"
#include "tests/analysis/analyzed.h"
#include "tests/support/folder.h"
#include "tests/support/paths.h"
#include "tests/support/sanitized.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;
using Arguments = std::vector<std::string>;

constexpr char kSmall[] = "synthetic:hidden=16,layers=2,heads=2,sequence=5,vocabulary=11";

TEST_CASE("Commas in shapes belong to the shape", "[analysis][analyze]") {
  using Models = std::vector<std::string>;
  CHECK(SplitModels("a.safetensors,bert-tiny") == Models{"a.safetensors", "bert-tiny"});
  CHECK(SplitModels("bert-tiny:layers=1,heads=2,bert-base:extra=0,x=y:z,b=c") ==
        Models{"bert-tiny:layers=1,heads=2", "bert-base:extra=0", "x=y:z", "b=c"});
  CHECK(SplitModels("bert-tiny,layers=1") == Models{"bert-tiny", "layers=1"});
  CHECK(SplitModels("") == Models{""});
}

TEST_CASE("cost prints what the closed form says", "[analysis][analyze]") {
  const std::string text = Output({"cost", kSmall});
  for (const char* word : {kSmall, "nodes", "prepare", "dealer -> p1", "layers.1",
                           "attention.query", "matrix_product"}) {
    INFO(word);
    CHECK(text.find(word) != std::string::npos);
  }
  const auto json = nlohmann::json::parse(Output({"cost", kSmall, "--json", "--batch=3"}));
  const Registry registry = Registry::WithBuiltins();
  BertProgramOptions options;
  options.batch = 3;
  const auto program =
      BuildBertShape(registry, ModelShapeOf(*ParseSyntheticShape(kSmall)), options);
  REQUIRE(program.ok());
  const ProgramCost cost(*program);
  CHECK(json["format"] == "lutra-cost/1");
  CHECK(json["batch"] == 3);
  REQUIRE(json["models"].size() == 1);
  const auto& model = json["models"][0];
  CHECK(model["name"] == kSmall);
  CHECK(model["program"]["digest"] == program->digest().Hex());
  CHECK(model["totals"]["tape_bytes"] == cost.tape_bytes());
  CHECK(model["totals"]["rounds"] == program->rounds(Phase::kOnline));
  CHECK(model["totals"]["online_bytes"] == cost.phases()[3].bytes);
  for (const char* grouping : {"layers", "steps", "protocols"}) {
    INFO(grouping);
    int64_t bytes = 0;
    for (const auto& group : model[grouping]) bytes += group["deal"]["bytes"].get<int64_t>();
    CHECK(bytes == cost.tape_bytes());
  }
  int64_t linked = 0;
  for (const auto& link : model["links"]) linked += link["bytes"].get<int64_t>();
  int64_t sent = 0;
  for (const PhaseCost& phase : cost.phases()) sent += phase.bytes;
  CHECK(linked == sent);
}

TEST_CASE("Flags change the cost, several models are compared", "[analysis][analyze]") {
  const auto totals = [](const Arguments& flags) {
    Arguments arguments = {"cost", kSmall, "--json"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    const auto json = nlohmann::json::parse(Output(arguments));
    return json["models"][0]["totals"];
  };
  // One round less, for the replicated form that both take.
  CHECK(totals({"--linear=replicated", "--lookup=direct"})["rounds"] <
        totals({"--linear=replicated"})["rounds"]);
  CHECK(totals({"--linear=replicated"})["prepare_bytes"] == 0);
  CHECK(totals({"--embedding=client"})["model_bytes"] < totals({})["model_bytes"]);
  const std::string text = Output({"cost", StrCat("bert-tiny,", kSmall), "bert-tiny:layers=1"});
  CHECK(text.starts_with("MODEL "));
  CHECK(text.find("\nbert-tiny:layers=1: ") != std::string::npos);
  const auto json = nlohmann::json::parse(Output({"cost", "bert-tiny,bert-base", "--json"}));
  CHECK(json["models"].size() == 2);
  CHECK(json["models"][1]["name"] == "bert-base");
}

TEST_CASE("Shapes far too large to run have a cost", "[analysis][analyze]") {
  const auto json = nlohmann::json::parse(Output({"cost", "bert-large:sequence=512", "--json"}));
  CHECK(json["models"][0]["totals"]["lookups"] > 100'000'000);
  CHECK(nlohmann::json::parse(
            Output({"cost", "synthetic:hidden=16384,sequence=512,vocabulary=1000000", "--batch",
                    "2048", "--json"}))["models"][0]["totals"]["tape_bytes"] > int64_t{1} << 40);
}

TEST_CASE("Wrong commands say what is wrong", "[analysis][analyze]") {
  CHECK(ErrorOf({}).find("expected COMMAND") == 0);
  CHECK(ErrorOf({"csot"}).find("found 'csot' (did you mean 'cost'?)") != std::string::npos);
  CHECK(ErrorOf({"cost"}).find("expected MODEL[,MODEL...], found nothing") == 0);
  CHECK(ErrorOf({"cost", "nowhere.safetensors"}).find("nowhere.safetensors") != std::string::npos);
  CHECK(ErrorOf({"cost", "bert-tiny,"}).find("''") != std::string::npos);
  CHECK(ErrorOf({"cost", "bert-tiny:layers=x"}).find("layers") != std::string::npos);
  CHECK(ErrorOf({"cost", "bert-tiny", "--linear=x"}).find("--linear: expected masked") == 0);
  CHECK(ErrorOf({"cost", "bert-tiny", "--batch=0"}).find("--batch: expected") == 0);
  CHECK(ErrorOf({"cost", "bert-tiny", "--lookup=direct", "--deployment=shared-dealer"})
            .find("bert-tiny: node ") == 0);
  CHECK(ErrorOf({"graph", "bert-tiny", "--layer=2"}).find("--layer: expected") == 0);
  for (const char* command : {"cost", "graph", "trace", "compare"}) {
    CHECK(Output({command, "--help"}).find(StrCat("Usage: lutra-analyze ", command)) == 0);
  }
  CHECK(Output({"--help"}).find("Usage: lutra-analyze COMMAND") == 0);
  CHECK(Output({"--version"}).find("lutra-analyze ") == 0);
}

TEST_CASE("graph writes pictures and touches nothing else", "[analysis][analyze]") {
  std::string folder = (fs::temp_directory_path() / "lutra-graph-XXXXXX").string();
  REQUIRE(mkdtemp(folder.data()) != nullptr);
  const fs::path out = fs::path(folder) / "new" / "pictures";
  const std::string written =
      Output({"graph", kSmall, "--out", out.string(), "--layer=1", "--dot"});
  for (const char* name : {"program.svg", "layer-1.svg", "program.dot", "layer-1.dot"}) {
    INFO(name);
    CHECK(fs::file_size(out / name) > 1000);
    CHECK(written.find((out / name).string() + "\n") != std::string::npos);
  }
  CHECK(!fs::exists(out / "layer-0.svg"));
  Output({"graph", kSmall, "--out", out.string()});
  for (const char* name : {"layer-0.svg", "layer-embedding.svg", "layer-classifier.svg"}) {
    INFO(name);
    CHECK(fs::exists(out / name));
  }

  std::ofstream(out / "thesis.tex") << "years";
  fs::remove(out / "program.svg");
  CHECK(ErrorOf({"graph", kSmall, "--out", out.string()}).find("exists and is neither") !=
        std::string::npos);
  CHECK(!fs::exists(out / "program.svg"));
  CHECK(ErrorOf({"graph", kSmall, "--out", (out / "thesis.tex").string()}).find("--out: cannot") ==
        0);
  fs::remove_all(folder);
}

TEST_CASE("lutra-analyze says so where there is not enough memory", "[analysis][program]") {
  if (kSanitized) return;  // shadow memory is no measure of the program's
  const Folder folder;
  std::ofstream(folder / "run.json").close();
  fs::resize_file(folder / "run.json", 250 << 20);
  const std::string command = StrCat("ulimit -v 262144; '", BuildPath("lutra-analyze"), "' replay ",
                                     folder.path().string(), " 2>&1");
  std::FILE* output = popen(command.c_str(), "r");
  REQUIRE(output != nullptr);
  std::string text(1000, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), output));
  const int status = pclose(output);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 1);
  CHECK(text == "lutra-analyze: not enough memory\n");
}

}  // namespace
}  // namespace lutra
