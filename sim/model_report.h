// What a terminal shows of a run of a model.
#ifndef LUTRA_SIM_MODEL_REPORT_H_
#define LUTRA_SIM_MODEL_REPORT_H_

#include <filesystem>
#include <optional>
#include <string_view>

#include "core/status.h"
#include "sim/model_run.h"

namespace lutra {

// Before the run. `where`: "all in this process".
void PrintHead(const ModelJob& job, const ModelRunOptions& options, std::string_view where);
// Afterwards; `out` is the run directory that was written.
void PrintModelRun(const ModelJob& job, const ModelRunOptions& options,
                   const ModelRunResult& result, const std::optional<std::filesystem::path>& out);
// What was printed has arrived, or the reader wanted no more of it.
Status FinishOutput();

}  // namespace lutra

#endif  // LUTRA_SIM_MODEL_REPORT_H_
