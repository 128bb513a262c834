// Random programs: any operation on any value that it fits, so that what nobody thought of is
// tested too.
#ifndef LUTRA_TESTS_SUPPORT_RANDOM_PROGRAM_H_
#define LUTRA_TESTS_SUPPORT_RANDOM_PROGRAM_H_

#include <cstdint>

#include "tests/support/run_program.h"

namespace lutra {

// The same for the same seed.
Deployment RandomDeployment(uint64_t seed);

// Adds inputs, up to about `steps` operations (lookups and products in every form, top bits,
// reshares, all local ones), and reveals of the results. Values have at most a few hundred
// elements.
void AddRandomProgram(Case& given, uint64_t seed, int steps);

}  // namespace lutra

#endif  // LUTRA_TESTS_SUPPORT_RANDOM_PROGRAM_H_
