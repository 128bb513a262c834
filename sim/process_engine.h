// Processes of this machine in the place of a simulation: the same program, walkers and bytes, over
// ZeroMQ.
#ifndef LUTRA_SIM_PROCESS_ENGINE_H_
#define LUTRA_SIM_PROCESS_ENGINE_H_

#include <memory>

#include "sim/local_cluster.h"
#include "sim/model_run.h"

namespace lutra {

// Starts a cluster and plays both owners. The ledgers of all roles are put together at the end,
// when the processes have ended; so are their seconds, framing and memory.
StatusOr<std::unique_ptr<ModelEngine>> MakeProcessEngine(const EngineParts& parts,
                                                         LocalClusterOptions options);

}  // namespace lutra

#endif  // LUTRA_SIM_PROCESS_ENGINE_H_
