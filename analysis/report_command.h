// lutra-analyze report: a run directory as a page, as text, for LaTeX, and as figures.
#ifndef LUTRA_ANALYSIS_REPORT_COMMAND_H_
#define LUTRA_ANALYSIS_REPORT_COMMAND_H_

#include <filesystem>
#include <span>
#include <string>

#include "core/status.h"
#include "mpc/protocol.h"

namespace lutra {

// The arguments after "report"; returns what goes to stdout. The registry has the protocols of the
// run.
StatusOr<std::string> RunReportCommand(const Registry& registry,
                                       std::span<const std::string> arguments);

// Takes the texts of a report away, which are of results that are no longer there. Pictures stay.
Status RemoveReport(const std::filesystem::path& directory);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_REPORT_COMMAND_H_
