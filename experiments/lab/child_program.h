// Programs that are run for what they print.
#ifndef LUTRA_EXPERIMENTS_LAB_CHILD_PROGRAM_H_
#define LUTRA_EXPERIMENTS_LAB_CHILD_PROGRAM_H_

#include <filesystem>
#include <string>
#include <vector>

#include "core/status.h"

namespace lutra {

struct ProgramOutput {
  int exit_status = 0;  // 128 + its number after a signal
  std::string text;     // stdout and stderr, the first 1 MiB
};

// Runs a program of the PATH in `folder` and waits for it. kNotFound where there is no such
// program; that it fails is no error here.
StatusOr<ProgramOutput> RunChildProgram(const std::vector<std::string>& arguments,
                                        const std::filesystem::path& folder);

}  // namespace lutra

#endif  // LUTRA_EXPERIMENTS_LAB_CHILD_PROGRAM_H_
