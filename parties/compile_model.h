// From a model to what WriteCompiled writes.
#ifndef LUTRA_PARTIES_COMPILE_MODEL_H_
#define LUTRA_PARTIES_COMPILE_MODEL_H_

#include <memory>
#include <string>

#include "core/status.h"
#include "models/bert_program.h"
#include "mpc/builder.h"
#include "mpc/program.h"
#include "mpc/protocol.h"
#include "parties/compile.h"

namespace lutra {

struct CompiledModel {
  std::unique_ptr<const BuiltProgram> built;
  NamedTensors weights;
  ClientModel client;
};

// `model`: a model file, with the tokenizer beside it if there is one, or the name of a synthetic
// shape, which has none. Errors name the file or shape; a synthetic shape whose weights would not
// fit into the memory of this machine is refused before they are made. The registry outlives the
// result.
StatusOr<CompiledModel> CompileModel(const Registry& registry, const std::string& model,
                                     const BertProgramOptions& options);

}  // namespace lutra

#endif  // LUTRA_PARTIES_COMPILE_MODEL_H_
