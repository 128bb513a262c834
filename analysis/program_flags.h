// The flags that choose the form of a model's program, the same for all programs.
#ifndef LUTRA_ANALYSIS_PROGRAM_FLAGS_H_
#define LUTRA_ANALYSIS_PROGRAM_FLAGS_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "core/command_line.h"
#include "core/status.h"
#include "models/bert_program.h"

namespace lutra {

// With more, a tensor of the largest model could have more elements than a shape may have.
inline constexpr int64_t kMostBatch = 2048;

// --batch, --linear, --lookup, --embedding, --deployment, --tables, --rounding.
void AddProgramFlags(CommandLine& command_line);

// An error for the first of the program's flags that was given and is not in `taken`: "--batch:
// expected of a model only".
Status RefuseProgramFlags(const Arguments& arguments, std::span<const std::string_view> taken,
                          std::string_view why);

// What they say; `batch` where it is not given. An error names the flag.
StatusOr<BertProgramOptions> ProgramOptions(const Arguments& arguments, int64_t batch);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_PROGRAM_FLAGS_H_
