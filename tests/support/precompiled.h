// As core/precompiled.h, for the tests.
#ifndef LUTRA_TESTS_SUPPORT_PRECOMPILED_H_
#define LUTRA_TESTS_SUPPORT_PRECOMPILED_H_

#include <catch2/catch.hpp>

#include "core/precompiled.h"

#endif  // LUTRA_TESTS_SUPPORT_PRECOMPILED_H_
