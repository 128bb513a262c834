// Ring elements as bits without gaps: what goes over wires and into tapes. Bit b of the packed form
// is bit b mod 8 of byte b div 8; an element's least significant bit comes first.
#ifndef LUTRA_CORE_PACKING_H_
#define LUTRA_CORE_PACKING_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "core/status.h"

namespace lutra {

static_assert(std::endian::native == std::endian::little, "words are read and written as they lie");

// How many bytes hold that many bits. 0 <= bits <= 2^63 - 8.
constexpr int64_t BitsToBytes(int64_t bits) { return (bits + 7) / 8; }

// Writes `bits` bits of every element (reduced: the bits above are zero), one after the other, from
// bit first_bit of `out` on, and keeps all other bits. 1 <= bits <= bits of Lane (uint8_t,
// uint16_t, uint32_t, uint64_t); `out` reaches at least to the last bit written.
template <class Lane>
void Pack(std::span<const Lane> elements, int bits, std::span<std::byte> out, int64_t first_bit);

// The inverse: fills `elements`, reduced. Reads no byte outside `in`.
template <class Lane>
void Unpack(std::span<const std::byte> in, int64_t first_bit, int bits, std::span<Lane> elements);

namespace packing_internal {

constexpr uint64_t LowBits(int bits) { return ~uint64_t{0} >> (64 - bits); }

// The slow path of ReadBits: near the end of `in`, or over nine bytes.
uint64_t ReadBitsBytewise(std::span<const std::byte> in, int64_t first_bit, int bits);

}  // namespace packing_internal

// The element of `bits` bits (1 to 64) that starts at bit first_bit. Reads no byte outside `in`.
inline uint64_t ReadBits(std::span<const std::byte> in, int64_t first_bit, int bits) {
  const size_t byte = static_cast<size_t>(first_bit) / 8;
  const int shift = static_cast<int>(first_bit % 8);
  if (byte + 8 <= in.size() && bits + shift <= 64) [[likely]] {
    uint64_t word;
    std::memcpy(&word, in.data() + byte, sizeof(word));
    return (word >> shift) & packing_internal::LowBits(bits);
  }
  return packing_internal::ReadBitsBytewise(in, first_bit, bits);
}

}  // namespace lutra

#endif  // LUTRA_CORE_PACKING_H_
