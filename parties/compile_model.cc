#include "parties/compile_model.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "analysis/cost_table.h"
#include "analysis/machine.h"
#include "models/inputs.h"
#include "models/integer_model.h"
#include "models/synthetic.h"
#include "mpc/protocols/input.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

// Of what the inputs of the program take; 1.3 were measured for bert-base.
constexpr int64_t kCopiesOfWeights = 2;
constexpr int64_t kAlways = int64_t{64} << 20;

// What the program's inputs of the model owner take, as tensors.
int64_t WeightBytes(const Program& program) {
  int64_t bytes = 0;
  for (const Node& node : program.nodes()) {
    if (!IsInput(node) || OwnerOf(node) != Role::kModelOwner) continue;
    const ValueType& type = node.output_types[0];
    bytes += type.shape.elements() * static_cast<int64_t>(type.ring.lane_bytes());
  }
  return bytes;
}

Status CheckMemory(const Program& program) {
  const int64_t machine = ThisMachine().memory_bytes;
  const int64_t needed = kCopiesOfWeights * WeightBytes(program) + kAlways;
  if (machine <= 0 || needed <= machine) return absl::OkStatus();
  return Unavailable("compiling takes about ", HumanBytes(needed),
                     " of memory, and this machine has ", HumanBytes(machine));
}

StatusOr<IntegerModel> LoadModel(const Registry& registry, const std::string& model,
                                 const BertProgramOptions& options) {
  if (!IsSyntheticName(model)) return LoadIntegerModel(model);
  LUTRA_ASSIGN_OR_RETURN(const SyntheticShape shape, ParseSyntheticShape(model));
  const StatusOr<Program> program = BuildBertShape(registry, ModelShapeOf(shape), options);
  LUTRA_RETURN_IF_ERROR(Annotate(program.status(), model));
  LUTRA_RETURN_IF_ERROR(Annotate(CheckMemory(*program), model));
  return MakeSyntheticModel(shape);
}

StatusOr<std::optional<TokenizerLines>> LoadTokenizerLines(const std::string& model,
                                                           const IntegerModelShape& shape) {
  std::optional<TokenizerLines> lines;
  std::error_code error;
  const bool has_tokenizer = !IsSyntheticName(model) && shape.embedding == Embedding::kToken &&
                             fs::exists(CompanionsOf(model).vocabulary, error);
  if (!has_tokenizer) return lines;
  LUTRA_ASSIGN_OR_RETURN(lines, ReadTokenizerLines(model, shape));
  return lines;
}

}  // namespace

StatusOr<CompiledModel> CompileModel(const Registry& registry, const std::string& model,
                                     const BertProgramOptions& options) {
  LUTRA_ASSIGN_OR_RETURN(const IntegerModel loaded, LoadModel(registry, model, options));
  LUTRA_ASSIGN_OR_RETURN(std::optional<TokenizerLines> tokenizer,
                         LoadTokenizerLines(model, loaded.shape()));
  StatusOr<BuiltProgram> built = BuildBertProgram(registry, loaded, options);
  if (!built.ok()) return Annotate(built.status(), model);
  ClientModel client(built->program.digest(), loaded, options, std::move(tokenizer));
  return CompiledModel{std::make_unique<const BuiltProgram>(*std::move(built)),
                       BertModelInputs(loaded, options), std::move(client)};
}

}  // namespace lutra
