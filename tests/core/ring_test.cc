#include "core/ring.h"

#include <catch2/catch.hpp>

namespace lutra {
namespace {

TEST_CASE("Rings have 1 to 64 bits", "[core][ring]") {
  CHECK(Ring::Valid(1));
  CHECK(Ring::Valid(64));
  CHECK_FALSE(Ring::Valid(0));
  CHECK_FALSE(Ring::Valid(65));
  CHECK_FALSE(Ring::Valid(-1));
  CHECK_FALSE(Ring::Valid(int64_t{1} << 32 | 8));
}

TEST_CASE("A lane is the smallest native word", "[core][ring]") {
  for (int bits = 1; bits <= 64; ++bits) {
    const Ring ring(bits);
    const int width = static_cast<int>(8 * ring.lane_bytes());
    CHECK(width >= bits);
    CHECK((width == 8 || width / 2 < bits));
    CHECK(ring.fills_lane() == (width == bits));
    const size_t size = WithLane(ring, []<class Lane>(Lane) { return sizeof(Lane); });
    CHECK(size == ring.lane_bytes());
  }
}

TEST_CASE("Elements are reduced and have a signed representative", "[core][ring]") {
  CHECK(Ring(1).mask() == 1);
  CHECK(Ring(64).mask() == ~uint64_t{0});
  CHECK(Ring(5).Reduce(37) == 5);
  CHECK(Ring(5).Reduce(static_cast<uint64_t>(-1)) == 31);
  CHECK(Ring(5).Signed(15) == 15);
  CHECK(Ring(5).Signed(16) == -16);
  CHECK(Ring(1).Signed(1) == -1);
  CHECK(Ring(64).Signed(uint64_t{1} << 63) == INT64_MIN);
  for (int bits = 1; bits <= 64; ++bits) {
    const Ring ring(bits);
    const int64_t least = ring.Signed(uint64_t{1} << (bits - 1));
    CHECK(least < 0);
    CHECK(ring.Reduce(static_cast<uint64_t>(least)) == uint64_t{1} << (bits - 1));
  }
}

TEST_CASE("Rings are ordered by their bits", "[core][ring]") {
  CHECK(Ring(8) == Ring(8));
  CHECK(Ring(8) < Ring(9));
}

}  // namespace
}  // namespace lutra
