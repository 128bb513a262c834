// The commands of lutra-analyze that draw and compare. Each is given the arguments after its name
// and returns what it prints to stdout.
#ifndef LUTRA_ANALYSIS_PICTURE_COMMANDS_H_
#define LUTRA_ANALYSIS_PICTURE_COMMANDS_H_

#include <span>
#include <string>

#include "core/status.h"
#include "mpc/protocol.h"

namespace lutra {

// graph: the program of a model, collapsed and layer by layer.
StatusOr<std::string> RunGraph(const Registry& registry, std::span<const std::string> arguments);

// trace: the figure of a protocol, or of a part of a model.
StatusOr<std::string> RunTrace(const Registry& registry, std::span<const std::string> arguments);

// compare: run directories side by side.
StatusOr<std::string> RunCompare(const Registry& registry, std::span<const std::string> arguments);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_PICTURE_COMMANDS_H_
