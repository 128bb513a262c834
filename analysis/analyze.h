// The commands of lutra-analyze.
#ifndef LUTRA_ANALYSIS_ANALYZE_H_
#define LUTRA_ANALYSIS_ANALYZE_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"
#include "mpc/protocol.h"

namespace lutra {

// What the command (its name first) prints to stdout. The registry has the protocols of programs
// and runs: the built-in ones, and one's own.
StatusOr<std::string> Analyze(const Registry& registry, std::span<const std::string> arguments);
// The same with the built-in ones.
StatusOr<std::string> Analyze(std::span<const std::string> arguments);

// The models of "A,B,...": a comma within a synthetic shape ("bert-tiny:layers=1,heads=2") belongs
// to the shape.
std::vector<std::string> SplitModels(std::string_view text);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_ANALYZE_H_
