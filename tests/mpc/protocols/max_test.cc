#include "mpc/protocols/max.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "mpc/protocols/reveal.h"
#include "tests/support/run_program.h"

namespace lutra {
namespace {

int64_t Decoded(const Tensor& tensor, int64_t element, Codes codes) {
  return codes == Codes::kSigned ? tensor.SignedAt(element)
                                 : static_cast<int64_t>(tensor.At(element));
}

int CeilLog2(int64_t n) {
  int log = 0;
  while ((int64_t{1} << log) < n) ++log;
  return log;
}

TEST_CASE("The maximum of a row is that of its codes, in logarithmic rounds", "[mpc][max]") {
  for (const Codes codes : {Codes::kUnsigned, Codes::kSigned}) {
    for (const int bits : {1, 3, 4}) {
      for (const int64_t size : {1, 2, 3, 7, 8, 13}) {
        INFO("bits " << bits << ", row of " << size);
        Case given;
        const Tensor x = RandomTensor(Ring(bits), Shape{5, size}, static_cast<uint64_t>(size));
        const Value input = given.Given("x", Role::kDataOwner, x.Clone());
        Reveal(given.builder, "maximum", Maximum(given.builder, input, codes));
        const Outcome outcome = RunCase(given);
        const Tensor& found = outcome.revealed.at("maximum");
        REQUIRE(found.shape() == Shape{5, 1});
        for (int64_t row = 0; row < 5; ++row) {
          int64_t expected = Decoded(x, row * size, codes);
          for (int64_t i = 1; i < size; ++i) {
            expected = std::max(expected, Decoded(x, row * size + i, codes));
          }
          CHECK(Decoded(found, row, codes) == expected);
        }
        CHECK(outcome.rounds == 2 + CeilLog2(size));
      }
    }
  }
}

TEST_CASE("The maximum of codes too wide for a table is an error", "[mpc][max]") {
  Case given;
  const Value x = given.Random("x", Role::kDataOwner, Ring(11), Shape{4}, 1);
  Reveal(given.builder, "maximum", Maximum(given.builder, x, Codes::kUnsigned));
  const auto built = std::move(given.builder).Build();
  REQUIRE_FALSE(built.ok());
  CHECK(OneLine(built.status()).find("at most 10 bits") != std::string::npos);
}

}  // namespace
}  // namespace lutra
