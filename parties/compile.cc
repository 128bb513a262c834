#include "parties/compile.h"

#include <algorithm>
#include <array>
#include <cereal/types/map.hpp>
#include <cstring>
#include <map>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "cluster/section_file.h"
#include "cluster/tensor_file.h"
#include "core/archive.h"
#include "core/output_directory.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kProgram = "program";
constexpr std::string_view kTables = "tables";
constexpr std::string_view kWeights = "weights";
constexpr std::string_view kClient = "client";
constexpr std::array kFiles = {kProgram, kTables, kWeights, kClient};
constexpr SectionFormat kClientFormat{"LUTRACLI", 1, "a client"};
constexpr uint64_t kMaxListBytes = uint64_t{16} << 20;
constexpr int64_t kMaxBatch = int64_t{1} << 20;

bool IsOwnFile(const std::string& name) {
  return std::find(kFiles.begin(), kFiles.end(), name) != kFiles.end();
}

// An earlier compiled model has all four files.
Status MayReplaceCompiled(const fs::path& directory) {
  for (const std::string_view name : kFiles) {
    std::error_code error;
    if (fs::is_regular_file(directory / name, error)) continue;
    return InvalidArgument("'", directory.string(),
                           "' exists and is no compiled model: expected a file '", name, "'");
  }
  return absl::OkStatus();
}

struct StoredClient {
  std::array<uint8_t, 32> program{};
  std::map<std::string, std::string> metadata;  // of the shape, as a model file has it
  int64_t vocabulary = 0;
  int64_t patch_size = 0;
  int64_t batch = 1;
  bool private_tables = true;
  uint32_t linear = 0, lookup = 0, embedding = 0, deployment = 0;
  bool has_tokenizer = false;
  std::vector<std::string> words;
  std::vector<std::string> pieces;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(cereal::binary_data(program.data(), program.size()), metadata, vocabulary, patch_size,
            batch, private_tables, linear, lookup, embedding, deployment, has_tokenizer, words,
            pieces);
  }
};

// The value of an enumeration of two.
template <class Enumeration>
StatusOr<Enumeration> OneOfTwo(uint32_t value, std::string_view name) {
  if (value <= 1) return static_cast<Enumeration>(value);
  return InvalidArgument(name, ": expected 0 or 1, found ", value);
}

StatusOr<BertProgramOptions> OptionsOf(const StoredClient& stored) {
  BertProgramOptions options;
  if (stored.batch < 1 || stored.batch > kMaxBatch) {
    return InvalidArgument("batch: expected 1 to ", kMaxBatch, ", found ", stored.batch);
  }
  options.batch = stored.batch;
  options.private_tables = stored.private_tables;
  LUTRA_ASSIGN_OR_RETURN(options.linear, OneOfTwo<LinearForm>(stored.linear, "linear"));
  LUTRA_ASSIGN_OR_RETURN(options.lookup, OneOfTwo<LookupForm>(stored.lookup, "lookup"));
  LUTRA_ASSIGN_OR_RETURN(options.embedding, OneOfTwo<EmbeddingForm>(stored.embedding, "embedding"));
  LUTRA_ASSIGN_OR_RETURN(options.deployment, OneOfTwo<Deployment>(stored.deployment, "deployment"));
  return options;
}

bool EmbedsAtClient(const IntegerModelShape& shape, const BertProgramOptions& options) {
  return shape.embedding == Embedding::kToken && options.embedding == EmbeddingForm::kClient;
}

// As many values as rows and columns, or none.
StatusOr<std::vector<int8_t>> EmbeddingOf(std::span<const std::byte> bytes, int64_t rows,
                                          int64_t columns, std::string_view name) {
  if (static_cast<int64_t>(bytes.size()) != rows * columns) {
    return InvalidArgument(name, ": expected ", rows * columns, " values, found ", bytes.size());
  }
  std::vector<int8_t> values(bytes.size());
  if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

StatusOr<Tokenizer> TokenizerOf(const TokenizerLines& lines, const IntegerModelShape& shape) {
  LUTRA_ASSIGN_OR_RETURN(Tokenizer tokenizer, Tokenizer::Make(lines.vocabulary, lines.pieces));
  if (tokenizer.vocabulary_size() == shape.vocabulary) return tokenizer;
  return InvalidArgument("vocabulary: expected ", shape.vocabulary, " lines, found ",
                         tokenizer.vocabulary_size());
}

}  // namespace

StatusOr<TokenizerLines> ReadTokenizerLines(const fs::path& model_path,
                                            const IntegerModelShape& shape) {
  // Checks them together, with messages that name the files.
  LUTRA_RETURN_IF_ERROR(LoadTokenizer(model_path, shape).status());
  const Companions companions = CompanionsOf(model_path);
  TokenizerLines lines;
  LUTRA_ASSIGN_OR_RETURN(lines.vocabulary, ReadTextLines(companions.vocabulary, kMaxListBytes));
  LUTRA_ASSIGN_OR_RETURN(lines.pieces, ReadTextLines(companions.pieces, kMaxListBytes));
  return lines;
}

ClientModel::ClientModel(const Digest& program, const IntegerModel& model,
                         const BertProgramOptions& options, std::optional<TokenizerLines> tokenizer)
    : program_(program),
      shape_(model.shape()),
      options_(options),
      tokenizer_(std::move(tokenizer)) {
  if (!EmbedsAtClient(shape_, options_)) return;
  word_.assign(model.word().begin(), model.word().end());
  position_.assign(model.position().begin(), model.position().end());
}

StatusOr<Tokenizer> ClientModel::MakeTokenizer() const {
  if (tokenizer_.has_value()) return TokenizerOf(*tokenizer_, shape_);
  return InvalidArgument("the model was compiled without a tokenizer: expected a file of cases");
}

StatusOr<Examples> ClientModel::ReadInput(const fs::path& path) const {
  return ReadExamples(path, shape_, [this] { return MakeTokenizer(); });
}

NamedTensors ClientModel::DataInputs(const Tensor& examples) const {
  return BertDataInputs(shape_, {word_, position_}, options_, examples);
}

Status WriteClientFile(const fs::path& path, const ClientModel& client) {
  StoredClient stored;
  stored.program = client.program_.bytes;
  stored.metadata = MetadataOf(client.shape_);
  stored.vocabulary = client.shape_.vocabulary;
  stored.patch_size = client.shape_.patch_size;
  stored.batch = client.options_.batch;
  stored.private_tables = client.options_.private_tables;
  stored.linear = static_cast<uint32_t>(client.options_.linear);
  stored.lookup = static_cast<uint32_t>(client.options_.lookup);
  stored.embedding = static_cast<uint32_t>(client.options_.embedding);
  stored.deployment = static_cast<uint32_t>(client.options_.deployment);
  stored.has_tokenizer = client.tokenizer_.has_value();
  if (stored.has_tokenizer) {
    stored.words = client.tokenizer_->vocabulary;
    stored.pieces = client.tokenizer_->pieces;
  }
  const std::vector<std::byte> header = WriteArchive(stored);
  const std::array<std::span<const std::byte>, 3> sections = {
      header, std::as_bytes(std::span(client.word_)), std::as_bytes(std::span(client.position_))};
  return WriteSections(path, kClientFormat, sections, 0666);
}

StatusOr<ClientModel> ClientModel::Parse(const std::vector<std::vector<std::byte>>& sections) {
  LUTRA_ASSIGN_OR_RETURN(StoredClient stored, ReadArchive<StoredClient>(sections[0], "client"));
  if (sections.size() != 3) {
    return InvalidArgument("expected 3 sections, found ", sections.size());
  }
  ClientModel client;
  client.program_.bytes = stored.program;
  LUTRA_ASSIGN_OR_RETURN(client.shape_,
                         ShapeOfMetadata(stored.metadata, stored.vocabulary, stored.patch_size));
  LUTRA_ASSIGN_OR_RETURN(client.options_, OptionsOf(stored));
  const bool embeds = EmbedsAtClient(client.shape_, client.options_);
  const int64_t hidden = embeds ? client.shape_.hidden : 0;
  LUTRA_ASSIGN_OR_RETURN(
      client.word_, EmbeddingOf(sections[1], client.shape_.vocabulary, hidden, "embedding.word"));
  LUTRA_ASSIGN_OR_RETURN(client.position_, EmbeddingOf(sections[2], client.shape_.sequence, hidden,
                                                       "embedding.position"));
  if (stored.has_tokenizer) {
    client.tokenizer_ = TokenizerLines{std::move(stored.words), std::move(stored.pieces)};
    LUTRA_RETURN_IF_ERROR(client.MakeTokenizer().status());
  }
  return client;
}

StatusOr<ClientModel> ReadClientFile(const fs::path& path) {
  LUTRA_ASSIGN_OR_RETURN(const auto sections, ReadSections(path, kClientFormat, Secrecy::kPublic));
  StatusOr<ClientModel> client = ClientModel::Parse(sections);
  if (!client.ok()) return Annotate(client.status(), StrCat("'", path.string(), "'"));
  return client;
}

Status CheckCompiledDirectory(const fs::path& path) {
  return CheckOutputDirectory(path, MayReplaceCompiled);
}

Status WriteCompiled(const fs::path& path, const BuiltProgram& built, const NamedTensors& weights,
                     const ClientModel& client) {
  LUTRA_CHECK(client.program() == built.program.digest());
  const auto fill = [&](const fs::path& directory) -> Status {
    LUTRA_RETURN_IF_ERROR(WriteFile(directory / kProgram, WriteProgram(built.program)));
    LUTRA_RETURN_IF_ERROR(WriteTables(directory / kTables, built.program, built.tables));
    LUTRA_RETURN_IF_ERROR(WriteWeights(directory / kWeights, built.program, weights));
    return WriteClientFile(directory / kClient, client);
  };
  return WriteOutputDirectory(path, fill, MayReplaceCompiled, IsOwnFile);
}

StatusOr<Program> ReadCompiledProgram(const Registry& registry, const fs::path& path) {
  return ReadProgramFile(registry, path / kProgram);
}

StatusOr<TableContents> ReadCompiledTables(const fs::path& path, const Program& program) {
  return ReadTables(path / kTables, program);
}

StatusOr<NamedTensors> ReadCompiledWeights(const fs::path& path, const Program& program) {
  return ReadWeights(path / kWeights, program);
}

StatusOr<ClientModel> ReadCompiledClient(const fs::path& path, const Program& program) {
  LUTRA_ASSIGN_OR_RETURN(ClientModel client, ReadClientFile(path / kClient));
  if (client.program() == program.digest()) return client;
  return InvalidArgument("'", (path / kClient).string(), "': program: expected ",
                         program.digest().Hex(), ", found ", client.program().Hex());
}

}  // namespace lutra
