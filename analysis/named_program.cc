#include "analysis/named_program.h"

#include <utility>

#include "models/synthetic.h"

namespace lutra {
namespace {

StatusOr<IntegerModelShape> ShapeOfModel(const std::string& name) {
  if (IsSyntheticName(name)) {
    LUTRA_ASSIGN_OR_RETURN(const SyntheticShape shape, ParseSyntheticShape(name));
    return ModelShapeOf(shape);
  }
  LUTRA_ASSIGN_OR_RETURN(const IntegerModel model, LoadIntegerModel(name));
  return model.shape();
}

}  // namespace

StatusOr<NamedProgram> ProgramOfModel(const Registry& registry, const std::string& name,
                                      const BertProgramOptions& options) {
  NamedProgram named;
  named.name = name;
  LUTRA_ASSIGN_OR_RETURN(named.shape, ShapeOfModel(name));
  StatusOr<Program> program = BuildBertShape(registry, named.shape, options);
  if (!program.ok()) return Annotate(program.status(), name);
  named.program = std::make_unique<Program>(*std::move(program));
  return named;
}

}  // namespace lutra
