#include "core/packing.h"

#include <algorithm>

namespace lutra {
namespace {

using packing_internal::LowBits;

// A mask of `bits` ones at the bottom of every group of `period` bits.
constexpr uint64_t Repeated(int bits, int period) {
  uint64_t mask = 0;
  for (int at = 0; at < 64; at += period) mask |= LowBits(bits) << at;
  return mask;
}

// Eight bytes of kBits bits (1, 2 or 4) <-> 8 * kBits adjacent bits, by halving the gaps.
template <int kBits>
uint64_t Squeeze(uint64_t word) {
  word = (word | word >> (8 - kBits)) & Repeated(2 * kBits, 16);
  word = (word | word >> (16 - 2 * kBits)) & Repeated(4 * kBits, 32);
  return (word | word >> (32 - 4 * kBits)) & LowBits(8 * kBits);
}
template <int kBits>
uint64_t Spread(uint64_t word) {
  word = (word | word << (32 - 4 * kBits)) & Repeated(4 * kBits, 32);
  word = (word | word << (16 - 2 * kBits)) & Repeated(2 * kBits, 16);
  return (word | word << (8 - kBits)) & Repeated(kBits, 8);
}

// Appends bits to bytes, keeping what lies before the first and after the last.
class BitWriter {
 public:
  BitWriter(std::byte* out, int64_t first_bit)
      : next_(out + first_bit / 8), filled_(static_cast<int>(first_bit % 8)) {
    if (filled_ > 0) word_ = std::to_integer<uint64_t>(*next_) & LowBits(filled_);
  }

  void Put(uint64_t value, int bits) {
    word_ |= value << filled_;
    filled_ += bits;
    if (filled_ < 64) return;
    std::memcpy(next_, &word_, sizeof(word_));
    next_ += sizeof(word_);
    filled_ -= 64;
    word_ = filled_ == 0 ? 0 : value >> (bits - filled_);
  }

  void Finish() {
    for (; filled_ >= 8; filled_ -= 8, word_ >>= 8) *next_++ = static_cast<std::byte>(word_);
    if (filled_ == 0) return;
    const uint64_t kept = std::to_integer<uint64_t>(*next_) & ~LowBits(filled_);
    *next_ = static_cast<std::byte>(word_ | kept);
  }

 private:
  std::byte* next_;
  uint64_t word_ = 0;
  int filled_;
};

template <int kBits>
void PutBytes(std::span<const uint8_t> elements, BitWriter& writer) {
  size_t i = 0;
  for (; i + 8 <= elements.size(); i += 8) {
    uint64_t word;
    std::memcpy(&word, elements.data() + i, sizeof(word));
    writer.Put(Squeeze<kBits>(word), 8 * kBits);
  }
  for (; i < elements.size(); ++i) writer.Put(elements[i], kBits);
}

template <int kBits>
void GetBytes(std::span<const std::byte> in, int64_t first_bit, std::span<uint8_t> elements) {
  size_t i = 0;
  for (; i + 8 <= elements.size(); i += 8, first_bit += 8 * kBits) {
    const uint64_t word = Spread<kBits>(ReadBits(in, first_bit, 8 * kBits));
    std::memcpy(elements.data() + i, &word, sizeof(word));
  }
  for (; i < elements.size(); ++i, first_bit += kBits) {
    elements[i] = static_cast<uint8_t>(ReadBits(in, first_bit, kBits));
  }
}

// Whether `elements` of `bits` bits from first_bit on lie within `bytes`.
bool Fits(size_t elements, int bits, int64_t first_bit, size_t bytes) {
  return first_bit >= 0 && BitsToBytes(first_bit + static_cast<int64_t>(elements) * bits) <=
                               static_cast<int64_t>(bytes);
}

}  // namespace

uint64_t packing_internal::ReadBitsBytewise(std::span<const std::byte> in, int64_t first_bit,
                                            int bits) {
  uint64_t value = 0;
  for (int done = 0; done < bits;) {
    const size_t byte = static_cast<size_t>((first_bit + done) / 8);
    const int shift = static_cast<int>((first_bit + done) % 8);
    const int count = std::min(8 - shift, bits - done);
    value |= (std::to_integer<uint64_t>(in[byte]) >> shift & LowBits(count)) << done;
    done += count;
  }
  return value;
}

template <class Lane>
void Pack(std::span<const Lane> elements, int bits, std::span<std::byte> out, int64_t first_bit) {
  LUTRA_CHECK(bits >= 1 && bits <= static_cast<int>(8 * sizeof(Lane)));
  LUTRA_CHECK(Fits(elements.size(), bits, first_bit, out.size()));
  if (elements.empty()) return;
  if (bits == static_cast<int>(8 * sizeof(Lane)) && first_bit % 8 == 0) {
    std::memcpy(out.data() + first_bit / 8, elements.data(), elements.size_bytes());
    return;
  }
  BitWriter writer(out.data(), first_bit);
  if constexpr (sizeof(Lane) == 1) {
    if (bits == 1) PutBytes<1>(elements, writer);
    if (bits == 2) PutBytes<2>(elements, writer);
    if (bits == 4) PutBytes<4>(elements, writer);
    if (bits == 1 || bits == 2 || bits == 4) return writer.Finish();
  }
  for (const Lane element : elements) writer.Put(element, bits);
  writer.Finish();
}

template <class Lane>
void Unpack(std::span<const std::byte> in, int64_t first_bit, int bits, std::span<Lane> elements) {
  LUTRA_CHECK(bits >= 1 && bits <= static_cast<int>(8 * sizeof(Lane)));
  LUTRA_CHECK(Fits(elements.size(), bits, first_bit, in.size()));
  if (elements.empty()) return;
  if (bits == static_cast<int>(8 * sizeof(Lane)) && first_bit % 8 == 0) {
    std::memcpy(elements.data(), in.data() + first_bit / 8, elements.size_bytes());
    return;
  }
  if constexpr (sizeof(Lane) == 1) {
    if (bits == 1) return GetBytes<1>(in, first_bit, elements);
    if (bits == 2) return GetBytes<2>(in, first_bit, elements);
    if (bits == 4) return GetBytes<4>(in, first_bit, elements);
  }
  for (Lane& element : elements) {
    element = static_cast<Lane>(ReadBits(in, first_bit, bits));
    first_bit += bits;
  }
}

#define LUTRA_INSTANTIATE(Lane)                                                        \
  template void Pack<Lane>(std::span<const Lane>, int, std::span<std::byte>, int64_t); \
  template void Unpack<Lane>(std::span<const std::byte>, int64_t, int, std::span<Lane>);
LUTRA_INSTANTIATE(uint8_t)
LUTRA_INSTANTIATE(uint16_t)
LUTRA_INSTANTIATE(uint32_t)
LUTRA_INSTANTIATE(uint64_t)
#undef LUTRA_INSTANTIATE

}  // namespace lutra
