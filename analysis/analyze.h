// The commands of lutra-analyze.
#ifndef LUTRA_ANALYSIS_ANALYZE_H_
#define LUTRA_ANALYSIS_ANALYZE_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"

namespace lutra {

// What the command (its name first) prints to stdout.
StatusOr<std::string> Analyze(std::span<const std::string> arguments);

// The models of "A,B,...": a comma within a synthetic shape ("bert-tiny:layers=1,heads=2") belongs
// to the shape.
std::vector<std::string> SplitModels(std::string_view text);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_ANALYZE_H_
