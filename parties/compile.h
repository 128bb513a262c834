// A compiled model: a directory with what each role needs to run it.
//
//   program    public; private tables by name, shape and ring only     (parties)
//   tables     0600: the contents of all tables                        (dealer)
//   weights    0600: what the model owner puts into the program        (model owner)
//   client     shape, labels, tokenizer; the embedding where the       (data owners)
//              data owner computes it
#ifndef LUTRA_PARTIES_COMPILE_H_
#define LUTRA_PARTIES_COMPILE_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/status.h"
#include "models/bert_program.h"
#include "models/inputs.h"
#include "models/integer_model.h"
#include "models/tokenizer.h"
#include "mpc/builder.h"

namespace lutra {

// The lines of the files that a tokenizer is made of.
struct TokenizerLines {
  std::vector<std::string> vocabulary;
  std::vector<std::string> pieces;
};
// Those beside a model file; an error when they do not make a tokenizer of its shape.
StatusOr<TokenizerLines> ReadTokenizerLines(const std::filesystem::path& model_path,
                                            const IntegerModelShape& shape);

// What a data owner needs of a model, and nothing that is secret to it.
class ClientModel {
 public:
  ClientModel(const Digest& program, const IntegerModel& model, const BertProgramOptions& options,
              std::optional<TokenizerLines> tokenizer);

  const Digest& program() const { return program_; }
  const IntegerModelShape& shape() const { return shape_; }
  const BertProgramOptions& options() const { return options_; }
  int64_t batch() const { return options_.batch; }
  const std::vector<std::string>& labels() const { return shape_.labels; }

  // An error where the model was compiled without one.
  StatusOr<Tokenizer> MakeTokenizer() const;
  // Texts, labelled texts or a file of cases: see models/inputs.h.
  StatusOr<Examples> ReadInput(const std::filesystem::path& path) const;
  // What the data owner puts into the program for a batch of checked examples.
  NamedTensors DataInputs(const Tensor& examples) const;

 private:
  friend Status WriteClientFile(const std::filesystem::path& path, const ClientModel& client);
  friend StatusOr<ClientModel> ReadClientFile(const std::filesystem::path& path);
  ClientModel() = default;
  static StatusOr<ClientModel> Parse(const std::vector<std::vector<std::byte>>& sections);

  Digest program_;
  IntegerModelShape shape_;
  BertProgramOptions options_;
  std::optional<TokenizerLines> tokenizer_;
  std::vector<int8_t> word_;      // [V, H], with the embedding at the client
  std::vector<int8_t> position_;  // [n, H]
};

// Writes the directory whole or not at all; an earlier compiled model there is replaced, what is
// none is not touched.
Status WriteCompiled(const std::filesystem::path& path, const BuiltProgram& built,
                     const NamedTensors& weights, const ClientModel& client);

// Whether a compiled model could be written there: to be asked before the work.
Status CheckCompiledDirectory(const std::filesystem::path& path);

// Parts of a compiled directory. Every error names the file and what does not fit.
StatusOr<Program> ReadCompiledProgram(const Registry& registry, const std::filesystem::path& path);
StatusOr<TableContents> ReadCompiledTables(const std::filesystem::path& path,
                                           const Program& program);
StatusOr<NamedTensors> ReadCompiledWeights(const std::filesystem::path& path,
                                           const Program& program);
StatusOr<ClientModel> ReadCompiledClient(const std::filesystem::path& path, const Program& program);
// The client part alone, which may lie anywhere: its own file is all that a data owner has.
Status WriteClientFile(const std::filesystem::path& path, const ClientModel& client);
StatusOr<ClientModel> ReadClientFile(const std::filesystem::path& path);

}  // namespace lutra

#endif  // LUTRA_PARTIES_COMPILE_H_
