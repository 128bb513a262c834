// Compiled directories: each role's part comes back, fits the others, and is whole or not there.
#include "parties/compile.h"

#include <sys/stat.h>

#include "models/synthetic.h"
#include "mpc/protocol.h"
#include "tests/support/folder.h"
#include "tests/support/paths.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

const fs::path kSms = SourcePath("models/pretrained/sms-spam-tiny.safetensors");

// A model with all that is compiled of it.
struct Compiled {
  explicit Compiled(IntegerModel given, BertProgramOptions with = {},
                    std::optional<TokenizerLines> lines = {})
      : model(std::move(given)), options(with) {
    StatusOr<BuiltProgram> made = BuildBertProgram(registry, model, options);
    INFO(OneLine(made.status()));
    REQUIRE(made.ok());
    built.emplace(*std::move(made));
    weights = BertModelInputs(model, options);
    client.emplace(built->program.digest(), model, options, std::move(lines));
  }
  Status Write(const fs::path& path) const { return WriteCompiled(path, *built, weights, *client); }

  Registry registry = Registry::WithBuiltins();
  IntegerModel model;
  BertProgramOptions options;
  std::optional<BuiltProgram> built;
  NamedTensors weights;
  std::optional<ClientModel> client;
};

IntegerModel Tiny(uint64_t seed = 0) {
  SyntheticShape shape = *ParseSyntheticShape("synthetic:hidden=16,sequence=4,vocabulary=9");
  shape.seed = seed;
  StatusOr<IntegerModel> model = MakeSyntheticModel(shape);
  REQUIRE(model.ok());
  return *std::move(model);
}

bool Same(const NamedTensors& a, const NamedTensors& b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](auto& x, auto& y) {
           return x.first == y.first && x.second == y.second;
         });
}

void CheckParts(const fs::path& path, const Compiled& compiled) {
  const StatusOr<Program> program = ReadCompiledProgram(compiled.registry, path);
  INFO(OneLine(program.status()));
  REQUIRE(program.ok());
  CHECK(program->digest() == compiled.built->program.digest());
  const StatusOr<TableContents> tables = ReadCompiledTables(path, *program);
  INFO(OneLine(tables.status()));
  REQUIRE(tables.ok());
  REQUIRE(tables->size() == compiled.built->tables.size());
  for (size_t i = 0; i < tables->size(); ++i) {
    CHECK((*tables)[i] == compiled.built->tables[i]);
  }
  const StatusOr<NamedTensors> weights = ReadCompiledWeights(path, *program);
  INFO(OneLine(weights.status()));
  REQUIRE(weights.ok());
  CHECK(Same(*weights, compiled.weights));
  const StatusOr<ClientModel> client = ReadCompiledClient(path, *program);
  INFO(OneLine(client.status()));
  REQUIRE(client.ok());
  CHECK(client->labels() == compiled.model.shape().labels);
  CHECK(client->batch() == compiled.options.batch);
  CHECK(client->options().lookup == compiled.options.lookup);
  const Examples examples =
      RandomExamples(compiled.model.shape(), compiled.options.batch, /*seed=*/3);
  CHECK(Same(client->DataInputs(examples.inputs),
             BertDataInputs(compiled.model, compiled.options, examples.inputs)));
}

TEST_CASE("Each role's part of a compiled model comes back", "[store][compile]") {
  const Folder folder;
  BertProgramOptions options;
  options.batch = 2;
  options.lookup = GENERATE(LookupForm::kReshare, LookupForm::kDirect);
  options.embedding = GENERATE(EmbeddingForm::kSecure, EmbeddingForm::kClient);
  options.private_tables = options.lookup == LookupForm::kDirect;
  const Compiled compiled(Tiny(), options);
  const Status written = compiled.Write(folder / "tiny");
  INFO(OneLine(written));
  REQUIRE(written.ok());
  CheckParts(folder / "tiny", compiled);
  CHECK(Entries(folder.path()) == 1);
  CHECK(CheckPrivate(folder / "tiny" / "tables").ok());
  CHECK(CheckPrivate(folder / "tiny" / "weights").ok());
}

TEST_CASE("A client reads texts as the model's owner does", "[store][compile]") {
  const Folder folder;
  StatusOr<IntegerModel> model = LoadIntegerModel(kSms);
  REQUIRE(model.ok());
  const StatusOr<TokenizerLines> lines = ReadTokenizerLines(kSms, model->shape());
  INFO(OneLine(lines.status()));
  REQUIRE(lines.ok());
  const Compiled compiled(*model, {}, *lines);
  REQUIRE(compiled.Write(folder / "sms").ok());
  CheckParts(folder / "sms", compiled);
  // All that a data owner has is this one file.
  fs::copy_file(folder / "sms" / "client", folder / "mine");
  const StatusOr<ClientModel> client = ReadClientFile(folder / "mine");
  REQUIRE(client.ok());
  const StatusOr<Examples> theirs = LoadExamples(kSms, model->shape(), std::nullopt);
  const StatusOr<Examples> mine = client->ReadInput(CompanionsOf(kSms).texts);
  INFO(OneLine(mine.status()));
  REQUIRE(mine.ok());
  CHECK(mine->inputs == theirs->inputs);
  CHECK(mine->labels == theirs->labels);
  CHECK(mine->texts == theirs->texts);
}

TEST_CASE("Without a tokenizer texts are refused", "[store][compile]") {
  const Folder folder;
  const Compiled compiled(Tiny());
  REQUIRE(compiled.Write(folder / "tiny").ok());
  REQUIRE(WriteFile(folder / "texts", std::string_view("some text\n")).ok());
  const StatusOr<ClientModel> client = ReadClientFile(folder / "tiny" / "client");
  CHECK(Mentions(client->ReadInput(folder / "texts").status(), "compiled without a tokenizer"));
}

TEST_CASE("Parts of different models do not fit together", "[store][compile]") {
  const Folder folder;
  BertProgramOptions open;
  open.private_tables = false;
  const Compiled one(Tiny(1), open), other(Tiny(2), open);
  REQUIRE(one.Write(folder / "one").ok());
  REQUIRE(other.Write(folder / "other").ok());
  const Program& program = one.built->program;
  REQUIRE(program.digest() != other.built->program.digest());
  for (const Status& status : {ReadCompiledTables(folder / "other", program).status(),
                               ReadCompiledWeights(folder / "other", program).status(),
                               ReadCompiledClient(folder / "other", program).status()}) {
    CHECK(Mentions(status, program.digest().Hex()));
    CHECK(Mentions(status, other.built->program.digest().Hex()));
    CHECK(Mentions(status, (folder / "other").string()));
  }
}

TEST_CASE("Any flipped byte of a part is an error", "[store][compile]") {
  const Folder folder;
  const Compiled compiled(Tiny());
  REQUIRE(compiled.Write(folder / "tiny").ok());
  const Program& program = compiled.built->program;
  const fs::path path = folder / "tiny";
  for (const char* name : {"program", "tables", "weights", "client"}) {
    const std::vector<std::byte> good = Content(path / name);
    const size_t step = good.size() / 300 + 1;
    for (size_t at = 0; at < good.size(); at += step) {
      std::vector<std::byte> bad = good;
      bad[at] ^= static_cast<std::byte>(1 << (at % 8));
      for (const bool cut : {false, true}) {
        Put(path / name, cut ? std::span(good).first(at) : std::span<const std::byte>(bad));
        const bool ok = ReadCompiledProgram(compiled.registry, path).ok() &&
                        ReadCompiledTables(path, program).ok() &&
                        ReadCompiledWeights(path, program).ok() &&
                        ReadCompiledClient(path, program).ok();
        if (ok) FAIL(name << ": accepted, byte " << at << (cut ? " cut" : " flipped"));
      }
    }
    Put(path / name, good);
  }
  CheckParts(path, compiled);
}

TEST_CASE("An earlier compiled model is replaced, other folders are not", "[store][compile]") {
  const Folder folder;
  const Compiled one(Tiny(1)), other(Tiny(2));
  REQUIRE(one.Write(folder / "model").ok());
  REQUIRE(WriteFile(folder / "model" / "notes", std::string_view("mine")).ok());
  REQUIRE(other.Write(folder / "model").ok());
  CheckParts(folder / "model", other);
  CHECK(*ReadTextFile(folder / "model" / "notes", 10) == "mine");
  fs::create_directory(folder / "letters");
  REQUIRE(WriteFile(folder / "letters" / "client", std::string_view("dear")).ok());
  CHECK(Mentions(one.Write(folder / "letters"), "is no compiled model"));
  CHECK(Mentions(CheckCompiledDirectory(folder / "letters"), "is no compiled model"));
  CHECK(CheckCompiledDirectory(folder / "new" / "place").ok());
  CHECK(!fs::exists(folder / "new"));
  CHECK(Entries(folder / "letters") == 1);
}

TEST_CASE("A disk that is full leaves the earlier compiled model", "[store][compile]") {
  const Folder folder;
  const Compiled one(Tiny(1)), other(Tiny(2));
  REQUIRE(one.Write(folder / "model").ok());
  {
    const FileSizeLimit limit(1000);
    CHECK(!other.Write(folder / "model").ok());
    CHECK(!other.Write(folder / "fresh" / "model").ok());
  }
  CHECK(Entries(folder.path()) == 1);
  CheckParts(folder / "model", one);
}

TEST_CASE("Secrets that others may read are refused", "[store][compile]") {
  const Folder folder;
  const Compiled compiled(Tiny());
  REQUIRE(compiled.Write(folder / "tiny").ok());
  const Program& program = compiled.built->program;
  for (const char* name : {"tables", "weights"}) {
    REQUIRE(chmod((folder / "tiny" / name).c_str(), 0644) == 0);
  }
  CHECK(Mentions(ReadCompiledTables(folder / "tiny", program).status(), "expected 0600"));
  CHECK(Mentions(ReadCompiledWeights(folder / "tiny", program).status(), "expected 0600"));
}

}  // namespace
}  // namespace lutra
