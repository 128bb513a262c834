// Pictures by gnuplot, in tests that may run where it is not installed.
#ifndef LUTRA_TESTS_SUPPORT_DRAWN_H_
#define LUTRA_TESTS_SUPPORT_DRAWN_H_

#include <catch2/catch.hpp>

#include "core/status.h"

namespace lutra {

// Whether pictures were drawn; without gnuplot, says that the rest is skipped. Errors fail the
// test.
inline bool Drawn(const Status& status) {
  if (status.message().find("is not installed") != absl::string_view::npos) {
    WARN("skipped: gnuplot is not installed");
    return false;
  }
  INFO(OneLine(status));
  REQUIRE(status.ok());
  return true;
}

}  // namespace lutra

#endif  // LUTRA_TESTS_SUPPORT_DRAWN_H_
