#include "analysis/cost_table.h"

#include <catch2/catch.hpp>
#include <limits>

namespace lutra {
namespace {

TEST_CASE("Bytes in units of 1000", "[analysis][cost_table]") {
  CHECK(HumanBytes(0) == "0 B");
  CHECK(HumanBytes(999) == "999 B");
  CHECK(HumanBytes(1000) == "1.00 kB");
  CHECK(HumanBytes(1236) == "1.24 kB");
  CHECK(HumanBytes(9994) == "9.99 kB");
  CHECK(HumanBytes(9996) == "10.0 kB");
  CHECK(HumanBytes(99960) == "100 kB");
  CHECK(HumanBytes(999499) == "999 kB");
  CHECK(HumanBytes(999500) == "1.00 MB");
  CHECK(HumanBytes(12'345'678'901) == "12.3 GB");
  CHECK(HumanBytes(std::numeric_limits<int64_t>::max()) == "9.22 EB");
}

TEST_CASE("Counts and fixed digits", "[analysis][cost_table]") {
  CHECK(Grouped(0) == "0");
  CHECK(Grouped(999) == "999");
  CHECK(Grouped(1000) == "1,000");
  CHECK(Grouped(-123456) == "-123,456");
  CHECK(Grouped(1234567) == "1,234,567");
  CHECK(Fixed(1.5, 3) == "1.500");
  CHECK(Fixed(-0.126, 2) == "-0.13");
}

TEST_CASE("Columns line up and lines have no space at their end", "[analysis][cost_table]") {
  TextTable table({"name", "n", "what"}, {2});
  table.AddRow({"a", "1", "x"});
  table.AddRow({"longer", "1000", ""});
  CHECK(table.ToString() ==
        "name       n  what\n"
        "a          1  x\n"
        "longer  1000\n");
}

TEST_CASE("The cost table has a row for every phase", "[analysis][cost_table]") {
  std::array<PhaseCost, 4> phases;
  for (size_t i = 0; i < 4; ++i) phases[i].phase = kPhases[i];
  phases[1].bytes = 2'000'000;
  phases[1].rounds = 1;
  phases[1].largest = PhaseCost::LargestLink{Role::kDealer, Role::kP2, 1'000'000};
  CHECK(CostTable(phases, std::nullopt) ==
        "phase      bytes  rounds  largest link\n"
        "model        0 B       0  none\n"
        "deal     2.00 MB       1  dealer -> p2  1.00 MB\n"
        "prepare      0 B       0  none\n"
        "online       0 B       0  none\n");
  const std::string timed = CostTable(phases, std::array<double, 4>{0, 0.25, 0, 12});
  CHECK(timed.find("deal     2.00 MB       1    0.250  dealer -> p2  1.00 MB\n") !=
        std::string::npos);
  CHECK(timed.find("online       0 B       0   12.000  none\n") != std::string::npos);
}

}  // namespace
}  // namespace lutra
