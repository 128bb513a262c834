// What lutra-analyze makes of a command line, in the process of the test.
#ifndef LUTRA_TESTS_ANALYSIS_ANALYZED_H_
#define LUTRA_TESTS_ANALYSIS_ANALYZED_H_

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "analysis/analyze.h"
#include "core/status.h"

namespace lutra {

inline std::string Output(const std::vector<std::string>& arguments) {
  const auto text = Analyze(arguments);
  INFO(OneLine(text.status()));
  REQUIRE(text.ok());
  return *text;
}

inline std::string ErrorOf(const std::vector<std::string>& arguments) {
  const auto text = Analyze(arguments);
  REQUIRE(!text.ok());
  return OneLine(text.status());
}

}  // namespace lutra

#endif  // LUTRA_TESTS_ANALYSIS_ANALYZED_H_
