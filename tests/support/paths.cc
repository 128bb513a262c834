#include "tests/support/paths.h"

namespace lutra {

std::string SourcePath(std::string_view name) { return LUTRA_SOURCE_ROOT "/" + std::string(name); }

std::string BuildPath(std::string_view name) { return LUTRA_BUILD_ROOT "/" + std::string(name); }

}  // namespace lutra
