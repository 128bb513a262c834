// The programs of models, named by the user.
#ifndef LUTRA_ANALYSIS_NAMED_PROGRAM_H_
#define LUTRA_ANALYSIS_NAMED_PROGRAM_H_

#include <memory>
#include <string>
#include <string_view>

#include "core/status.h"
#include "models/bert_program.h"
#include "models/integer_model.h"
#include "mpc/program.h"
#include "mpc/protocol.h"

namespace lutra {

// What --help says of the argument MODEL.
inline constexpr std::string_view kModelsHelp =
    "A model is a .safetensors file, or a synthetic shape: bert-tiny, bert-base, bert-large or\n"
    "synthetic, with :key=value,... for hidden, layers, heads, sequence, vocabulary, residual,\n"
    "extra, seed.";

struct NamedProgram {
  std::string name;
  IntegerModelShape shape;
  std::unique_ptr<Program> program;
};

// A model file or a synthetic shape. An error names it. The registry outlives the program.
StatusOr<NamedProgram> ProgramOfModel(const Registry& registry, const std::string& name,
                                      const BertProgramOptions& options);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_NAMED_PROGRAM_H_
