// Where the tests find the repository and what was built: absolute paths. They are compiled into
// one file, so that all others are the same wherever a clone lies, and the compiler cache has them.
#ifndef LUTRA_TESTS_SUPPORT_PATHS_H_
#define LUTRA_TESTS_SUPPORT_PATHS_H_

#include <string>
#include <string_view>

namespace lutra {

// Of a file or folder of the repository, named from its root.
std::string SourcePath(std::string_view name);
// Of a program or file of the build directory.
std::string BuildPath(std::string_view name);

}  // namespace lutra

#endif  // LUTRA_TESTS_SUPPORT_PATHS_H_
