// The ring Z_2^l of integers modulo 2^l, for l from 1 to 64, and the native words ("lanes") that
// hold its elements.
#ifndef LUTRA_CORE_RING_H_
#define LUTRA_CORE_RING_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "core/status.h"

namespace lutra {

class Ring {
 public:
  static constexpr int kMaxBits = 64;

  constexpr Ring() = default;
  // 1 <= bits <= 64; what comes from outside is checked before, with Valid.
  explicit constexpr Ring(int bits) : bits_(bits) { LUTRA_CHECK(Valid(bits)); }

  static constexpr bool Valid(int64_t bits) { return bits >= 1 && bits <= kMaxBits; }

  constexpr int bits() const { return bits_; }
  // The smallest of 1, 2, 4, 8 that holds an element.
  constexpr size_t lane_bytes() const {
    return bits_ <= 8 ? 1 : bits_ <= 16 ? 2 : bits_ <= 32 ? 4 : 8;
  }
  // 2^l - 1.
  constexpr uint64_t mask() const { return ~uint64_t{0} >> (64 - bits_); }
  // Whether every value of a lane is an element.
  constexpr bool fills_lane() const { return static_cast<size_t>(bits_) == 8 * lane_bytes(); }
  constexpr uint64_t Reduce(uint64_t value) const { return value & mask(); }
  // The representative in [-2^(l-1), 2^(l-1)) of a reduced element.
  constexpr int64_t Signed(uint64_t element) const {
    const int unused = 64 - bits_;
    return static_cast<int64_t>(element << unused) >> unused;
  }

  friend constexpr auto operator<=>(const Ring&, const Ring&) = default;

 private:
  int bits_ = 1;
};

// Calls function(Lane{}) with the lane type of the ring: uint8_t, uint16_t, uint32_t or uint64_t.
template <class Function>
decltype(auto) WithLane(Ring ring, Function&& function) {
  switch (ring.lane_bytes()) {
    case 1:
      return std::forward<Function>(function)(uint8_t{});
    case 2:
      return std::forward<Function>(function)(uint16_t{});
    case 4:
      return std::forward<Function>(function)(uint32_t{});
    default:
      return std::forward<Function>(function)(uint64_t{});
  }
}

}  // namespace lutra

#endif  // LUTRA_CORE_RING_H_
