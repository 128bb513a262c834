// lutra-analyze calibrate RUN...: what a machine takes for messages by itself.
#ifndef LUTRA_ANALYSIS_CALIBRATE_COMMAND_H_
#define LUTRA_ANALYSIS_CALIBRATE_COMMAND_H_

#include <span>
#include <string>

#include "core/status.h"
#include "mpc/protocol.h"

namespace lutra {

// What the command prints to stdout; `arguments` are those after its name. Programs are made of the
// registry's protocols.
StatusOr<std::string> RunCalibrateCommand(const Registry& registry,
                                          std::span<const std::string> arguments);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_CALIBRATE_COMMAND_H_
