// lutra-analyze replay RUN: the time of a run under other networks.
#ifndef LUTRA_ANALYSIS_REPLAY_COMMAND_H_
#define LUTRA_ANALYSIS_REPLAY_COMMAND_H_

#include <span>
#include <string>

#include "core/status.h"
#include "mpc/protocol.h"

namespace lutra {

// What the command prints to stdout; `arguments` are those after its name.
StatusOr<std::string> RunReplayCommand(const Registry& registry,
                                       std::span<const std::string> arguments);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_REPLAY_COMMAND_H_
