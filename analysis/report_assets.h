// The style sheet and the script of reports, as analysis/report/ had them when this was built.
#ifndef LUTRA_ANALYSIS_REPORT_ASSETS_H_
#define LUTRA_ANALYSIS_REPORT_ASSETS_H_

#include <string_view>

namespace lutra {

std::string_view ReportStyle();
std::string_view ReportScript();

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_REPORT_ASSETS_H_
