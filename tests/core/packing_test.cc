#include "core/packing.h"

#include <catch2/catch.hpp>
#include <random>
#include <vector>

namespace lutra {
namespace {

bool Bit(const std::vector<std::byte>& bytes, int64_t bit) {
  return (std::to_integer<int>(bytes[static_cast<size_t>(bit / 8)]) >> (bit % 8) & 1) != 0;
}

void SetBit(std::vector<std::byte>& bytes, int64_t bit, bool value) {
  std::byte& byte = bytes[static_cast<size_t>(bit / 8)];
  const std::byte mask{static_cast<uint8_t>(1 << (bit % 8))};
  byte = value ? byte | mask : byte & ~mask;
}

// Pack, one bit at a time.
template <class Lane>
std::vector<std::byte> Packed(const std::vector<Lane>& elements, int bits,
                              std::vector<std::byte> out, int64_t first_bit) {
  for (size_t i = 0; i < elements.size(); ++i) {
    for (int b = 0; b < bits; ++b) {
      SetBit(out, first_bit + static_cast<int64_t>(i) * bits + b, (elements[i] >> b & 1) != 0);
    }
  }
  return out;
}

TEST_CASE("Bits round up to bytes", "[core][packing]") {
  static_assert(BitsToBytes(0) == 0 && BitsToBytes(1) == 1 && BitsToBytes(8) == 1 &&
                BitsToBytes(9) == 2);
  const std::vector<uint8_t> elements = {0x1, 0x2, 0x3};
  std::vector<std::byte> out(2);
  Pack<uint8_t>(elements, 4, out, 0);
  CHECK(out == std::vector{std::byte{0x21}, std::byte{0x03}});
}

TEMPLATE_TEST_CASE("Packing is exact at every width, offset and length", "[core][packing]", uint8_t,
                   uint16_t, uint32_t, uint64_t) {
  using Lane = TestType;
  std::mt19937_64 random(1);
  int wrong = 0;
  for (int bits = 1; bits <= static_cast<int>(8 * sizeof(Lane)); ++bits) {
    for (const int64_t first_bit : {0, 1, 2, 3, 4, 5, 6, 7, 8, 61, 64}) {
      for (const size_t count : std::initializer_list<size_t>{0, 1, 2, 3, 7, 8, 9, 17, 65}) {
        std::vector<Lane> elements(count);
        for (Lane& element : elements) {
          element = static_cast<Lane>(random() & packing_internal::LowBits(bits));
        }
        const int64_t end = first_bit + static_cast<int64_t>(count) * bits;
        std::vector<std::byte> before(static_cast<size_t>(BitsToBytes(end)));
        for (std::byte& byte : before) byte = static_cast<std::byte>(random());
        std::vector<std::byte> out = before;
        Pack<Lane>(elements, bits, out, first_bit);
        wrong += out != Packed(elements, bits, before, first_bit);

        std::vector<Lane> back(count, static_cast<Lane>(~Lane{0}));
        Unpack<Lane>(out, first_bit, bits, back);
        wrong += back != elements;
      }
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("Bits are read at every place and width", "[core][packing]") {
  std::mt19937_64 random(2);
  std::vector<std::byte> bytes(21);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  int wrong = 0;
  for (int bits = 1; bits <= 64; ++bits) {
    for (int64_t first_bit = 0; first_bit + bits <= 8 * 21; ++first_bit) {
      uint64_t expected = 0;
      for (int b = 0; b < bits; ++b) expected |= uint64_t{Bit(bytes, first_bit + b)} << b;
      wrong += ReadBits(bytes, first_bit, bits) != expected;
    }
  }
  CHECK(wrong == 0);
}

}  // namespace
}  // namespace lutra
