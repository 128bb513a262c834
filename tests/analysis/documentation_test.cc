// The documentation names what is in the code: protocols, keys, headers of tables, fields of
// run.json, tables and tensors of models, and the costs that it states. Links, files and flags are
// tested by tests/style/docs_test.py.
#include <catch2/catch.hpp>
#include <regex>
#include <set>
#include <string>

#include "analysis/cost.h"
#include "analysis/cost_table.h"
#include "analysis/run_directory.h"
#include "core/file.h"
#include "models/bert_program.h"
#include "models/integer_model.h"
#include "models/synthetic.h"
#include "mpc/protocol.h"
#include "tests/support/paths.h"

namespace lutra {
namespace {

std::string Page(const std::string& name) {
  const StatusOr<std::string> text = ReadTextFile(SourcePath(name), int64_t{1} << 20);
  INFO(OneLine(text.status()));
  REQUIRE(text.ok());
  return *text;
}

// Whether the page has it between backticks.
bool Names(const std::string& page, std::string_view what) {
  return page.find(StrCat("`", what, "`")) != page.npos;
}

Program ProgramOf(const Registry& registry, const IntegerModelShape& shape, int64_t batch) {
  BertProgramOptions options;
  options.batch = batch;
  StatusOr<Program> program = BuildBertShape(registry, shape, options);
  REQUIRE(program.ok());
  return *std::move(program);
}

IntegerModelShape Synthetic(std::string_view name) {
  const StatusOr<SyntheticShape> shape = ParseSyntheticShape(name);
  REQUIRE(shape.ok());
  return ModelShapeOf(*shape);
}

// Names as the pages write them: layer I, NORM for any LayerNorm, query for its three likes.
std::string AsDocumented(std::string name) {
  name = std::regex_replace(name, std::regex("^layers\\.[0-9]+\\."), "layers.I.");
  name = std::regex_replace(name, std::regex("^.*\\bnorm\\."), "NORM.");
  return std::regex_replace(name, std::regex("\\.(key|value|output)\\.(weight|scale|bias)$"),
                            ".query.$2");
}

TEST_CASE("Every protocol of the registry is documented", "[analysis][documentation]") {
  const std::string page = Page("docs/protocols.md");
  const Registry registry = Registry::WithBuiltins();
  REQUIRE(registry.names().size() > 10);
  for (const std::string_view name : registry.names()) {
    INFO(name);
    CHECK(Names(page, name));
  }
  CHECK_FALSE(Names(page, "no_such_protocol"));
}

TEST_CASE("Keys, roles and phases are documented", "[analysis][documentation]") {
  const std::string page = Page("docs/architecture.md");
  for (size_t key = 0; key < kKeyCount; ++key) {
    INFO(Name(static_cast<KeyName>(key)));
    CHECK(Names(page, Name(static_cast<KeyName>(key))));
  }
  for (const Role role : kRoles) CHECK(Names(page, Name(role)));
  for (const Phase phase : kPhases) CHECK(Names(page, Name(phase)));
}

TEST_CASE("A run directory is what its page says", "[analysis][documentation]") {
  const std::string page = Page("docs/architecture.md");
  const Registry registry = Registry::WithBuiltins();
  const Program program = ProgramOf(registry, Synthetic("bert-tiny:layers=1,sequence=4"), 1);
  const Ledger ledger;
  for (const std::string& csv : {LedgerCsv(program, ledger), LevelsCsv(ledger), WorkCsv(ledger)}) {
    const std::string header = csv.substr(0, csv.find('\n'));
    INFO(header);
    CHECK(Names(page, header));
  }
  CHECK(Names(page, kRunFormat));
  RunSummary summary;
  summary.sessions.resize(1);
  summary.outputs.resize(1);
  const nlohmann::ordered_json run = RunJson(summary, program, ledger);
  std::set<std::string> fields;
  const auto add = [&](const nlohmann::ordered_json& object) {
    for (const auto& [name, value] : object.items()) fields.insert(name);
  };
  for (const auto* object : {&run, &run["program"], &run["model"], &run["machine"],
                             &run["outputs"][0], &run["sessions"][0]["online"]}) {
    add(*object);
  }
  for (const auto& [name, value] : run["sessions"][0]["offline"].items()) {
    fields.insert("offline." + name);
  }
  REQUIRE(fields.size() > 30);
  for (const std::string& field : fields) {
    INFO(field);
    CHECK(Names(page, field));
  }
}

TEST_CASE("Every tensor and field of a model file is documented", "[analysis][documentation]") {
  const std::string page = Page("docs/quantized-bert.md");
  IntegerModelShape token = Synthetic("bert-tiny");
  IntegerModelShape patch = token;
  patch.embedding = Embedding::kPatch;
  patch.vocabulary = 0;
  patch.patch_size = 16;
  for (const IntegerModelShape& shape : {token, patch}) {
    for (const auto& [name, tensor] : ExpectedTensors(shape)) {
      INFO(AsDocumented(name));
      CHECK(Names(page, AsDocumented(name)));
    }
    for (const auto& [name, value] : MetadataOf(shape)) {
      INFO(name);
      CHECK(Names(page, name));
    }
  }
}

TEST_CASE("Every table of BERT's program is documented", "[analysis][documentation]") {
  const std::string page = Page("docs/quantized-bert.md");
  const Registry registry = Registry::WithBuiltins();
  const Program program = ProgramOf(registry, Synthetic("bert-base:layers=2,sequence=4"), 1);
  for (const Table& table : program.tables()) {
    INFO(AsDocumented(table.name));
    CHECK(Names(page, AsDocumented(table.name)));
  }
}

// The bytes and rounds of the table in README.md: of so many sessions, the model shared once.
void CheckStatedCost(const IntegerModelShape& shape, int64_t batch, int64_t sessions) {
  const std::string readme = Page("README.md");
  const Registry registry = Registry::WithBuiltins();
  const Program program = ProgramOf(registry, shape, batch);
  for (const PhaseCost& phase : ProgramCost(program).phases()) {
    const int64_t bytes = phase.phase == Phase::kModel ? phase.bytes : sessions * phase.bytes;
    INFO(Name(phase.phase) << " takes " << Grouped(bytes));
    CHECK(readme.find(StrCat(" ", Grouped(bytes), " |")) != readme.npos);
  }
  CHECK(readme.find(StrCat("| ", program.rounds(Phase::kOnline), " |")) != readme.npos);
}

TEST_CASE("The costs that are stated are those of the closed form", "[analysis][documentation]") {
  const StatusOr<IntegerModel> model =
      LoadIntegerModel(SourcePath("models/pretrained/sms-spam-tiny.safetensors"));
  REQUIRE(model.ok());
  CheckStatedCost(model->shape(), 17, 12);
  CheckStatedCost(Synthetic("bert-base"), 1, 1);
  const Registry registry = Registry::WithBuiltins();
  const Program one = ProgramOf(registry, model->shape(), 1);
  const ProgramCost cost(one);
  const std::string readme = Page("README.md");
  CHECK(readme.find(Grouped(cost.tape_bytes()) + " bytes of tape") != readme.npos);
  const int64_t online = cost.phases()[static_cast<size_t>(Phase::kOnline)].bytes;
  CHECK(readme.find(Grouped(online) + " bytes\nonline") != readme.npos);
  const Program base = ProgramOf(registry, Synthetic("bert-base"), 1);
  CHECK(Page("docs/protocols.md").find(Grouped(ProgramCost(base).tape_bytes())) !=
        std::string::npos);
}

}  // namespace
}  // namespace lutra
