// Which build of this program ran, and what it was built from.
#ifndef LUTRA_EXPERIMENTS_LAB_BUILD_H_
#define LUTRA_EXPERIMENTS_LAB_BUILD_H_

#include <nlohmann/json.hpp>
#include <string>

#include "core/status.h"

namespace lutra {

// The first 16 hexadecimal digits of the SHA-256 of this executable: another after any change of
// the code or of the compiler's flags.
StatusOr<std::string> ThisBuild();

// By name, the versions of what a run depends on: Lutra, compiler, OpenSSL, ZeroMQ, kernel, and
// gnuplot ("none" where it is not installed).
nlohmann::ordered_json Versions();

}  // namespace lutra

#endif  // LUTRA_EXPERIMENTS_LAB_BUILD_H_
