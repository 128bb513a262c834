// Random programs agree with their twins at every node, their closed forms with the wire, and a
// second run of the same seed with the first to the bit. A seed that fails is printed; it fails
// again.
#include "tests/support/random_program.h"

#include <catch2/catch.hpp>
#include <set>

namespace lutra {
namespace {

// What the programs of a test were made of.
using Seen = std::set<std::string>;

void CheckPrograms(uint64_t begin, uint64_t end, int steps, Seen& seen) {
  for (uint64_t seed = begin; seed < end; ++seed) {
    INFO("seed " << seed << ", " << steps << " steps");
    std::vector<Transcript::Message> first;
    for (const int threads : {1, 2}) {
      Case given(RandomDeployment(seed));
      AddRandomProgram(given, seed, steps);
      Outcome outcome = RunCase(given, seed, threads);
      if (threads == 1) {
        first = std::move(outcome.transcript.messages);
      } else if (outcome.transcript.messages != first) {
        FAIL("another transcript");
      }
      for (const Node& node : outcome.program().nodes()) {
        std::string name = node.spec.protocol;
        if (name == "lookup") name += "/" + node.spec.attributes.text("result");
        if (name.find("product") != std::string::npos || name == "sum_of_squares") {
          name += "/" + node.spec.attributes.text("form");
        }
        seen.insert(std::move(name));
      }
    }
  }
}

TEST_CASE("Random programs agree with their twins, twice over", "[sim][random]") {
  Seen seen;
  CheckPrograms(0, 400, 12, seen);
  CheckPrograms(1000, 1030, 50, seen);
  // Every operation in every form was among them.
  CHECK(seen.size() == 13 + 2 + 2 * 3 + 4);
}

TEST_CASE("A bounded slice of many random programs", "[sim][random][slow][ci]") {
  Seen seen;
  CheckPrograms(10000, 11000, 15, seen);
}

TEST_CASE("Thousands of random programs", "[sim][random][slow]") {
  Seen seen;
  CheckPrograms(20000, 24000, 15, seen);
  CheckPrograms(30000, 30300, 80, seen);
}

}  // namespace
}  // namespace lutra
