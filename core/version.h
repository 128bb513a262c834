// The version of the library and of its programs.
#ifndef LUTRA_CORE_VERSION_H_
#define LUTRA_CORE_VERSION_H_

#include <string_view>

namespace lutra {

// "0.1.0": the project's version in meson.build.
std::string_view Version();

}  // namespace lutra

#endif  // LUTRA_CORE_VERSION_H_
