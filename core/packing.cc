#include "core/packing.h"

#include <algorithm>

namespace lutra {
namespace {

using packing_internal::LowBits;

// A mask of `bits` ones, `shift` from the bottom of every group of `period` bits.
constexpr uint64_t Repeated(int bits, int shift, int period) {
  uint64_t mask = 0;
  for (int at = 0; at < 64; at += period) mask |= LowBits(bits) << (at + shift);
  return mask;
}

// A word of lanes of kLane bits, kBits used of each <-> as many adjacent groups of kBits: the gap
// between neighbours is closed, which makes lanes twice as wide, until there is one.
template <int kLane, int kBits>
uint64_t Squeeze(uint64_t word) {
  if constexpr (kLane == 64) {
    return word;
  } else {
    constexpr int kGap = kLane - kBits;
    constexpr uint64_t kLower = Repeated(kBits, 0, 2 * kLane);
    constexpr uint64_t kUpper = Repeated(kBits, kBits, 2 * kLane);
    // Where what is shifted falls into the gap, one mask for both saves an instruction.
    const uint64_t pairs = kBits <= kGap ? (word | word >> kGap) & (kLower | kUpper)
                                         : (word & kLower) | (word >> kGap & kUpper);
    return Squeeze<2 * kLane, 2 * kBits>(pairs);
  }
}
template <int kLane, int kBits>
uint64_t Spread(uint64_t word) {
  if constexpr (kLane == 64) {
    return word;
  } else {
    constexpr int kGap = kLane - kBits;
    constexpr uint64_t kLower = Repeated(kBits, 0, 2 * kLane);
    constexpr uint64_t kUpper = Repeated(kBits, kBits, 2 * kLane);
    const uint64_t pairs = Spread<2 * kLane, 2 * kBits>(word);
    return kBits <= kGap ? (pairs | pairs << kGap) & (kLower | kUpper << kGap)
                         : (pairs & kLower) | (pairs & kUpper) << kGap;
  }
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

// Elements of kBits bits, a word of lanes at a time.
template <class Lane, int kBits>
void PutWords(std::span<const Lane> elements, BitWriter& writer) {
  constexpr size_t kLanes = sizeof(uint64_t) / sizeof(Lane);
  size_t i = 0;
  for (; i + kLanes <= elements.size(); i += kLanes) {
    uint64_t word;
    std::memcpy(&word, elements.data() + i, sizeof(word));
    writer.Put(Squeeze<8 * sizeof(Lane), kBits>(word), static_cast<int>(kLanes) * kBits);
  }
  for (; i < elements.size(); ++i) writer.Put(elements[i], kBits);
}

template <class Lane, int kBits>
void GetWords(std::span<const std::byte> in, int64_t first_bit, std::span<Lane> elements) {
  constexpr size_t kLanes = sizeof(uint64_t) / sizeof(Lane);
  constexpr int kWordBits = static_cast<int>(kLanes) * kBits;
  size_t i = 0;
  for (; i + kLanes <= elements.size(); i += kLanes, first_bit += kWordBits) {
    const uint64_t word = Spread<8 * sizeof(Lane), kBits>(ReadBits(in, first_bit, kWordBits));
    std::memcpy(elements.data() + i, &word, sizeof(word));
  }
  for (; i < elements.size(); ++i, first_bit += kBits) {
    elements[i] = static_cast<Lane>(ReadBits(in, first_bit, kBits));
  }
}

// Calls function(width) for the width that `bits` is, a constant from kFirst to kLast.
template <int kFirst, int kLast, class Function>
void WithWidth(int bits, const Function& function) {
  if constexpr (kFirst <= kLast) {
    if (bits == kFirst) return function(std::integral_constant<int, kFirst>());
    WithWidth<kFirst + 1, kLast>(bits, function);
  }
}

// The widths at which lanes go word by word: 1 to 8, and 9 to 16. Wider elements go one by one.
template <class Lane>
constexpr int kNarrowest = sizeof(Lane) == 1 ? 1 : 9;
template <class Lane>
constexpr int kWidest = sizeof(Lane) <= 2 ? 8 * static_cast<int>(sizeof(Lane)) : 0;

// Whether `elements` of `bits` bits from first_bit on lie within `bytes`.
bool Fits(size_t elements, int bits, int64_t first_bit, size_t bytes) {
  return first_bit >= 0 && BitsToBytes(first_bit + static_cast<int64_t>(elements) * bits) <=
                               static_cast<int64_t>(bytes);
}

}  // namespace

uint64_t packing_internal::ReadBitsBytewise(std::span<const std::byte> in, int64_t first_bit,
                                            int bits) {
  const auto first = static_cast<size_t>(first_bit / 8);
  if (first + 9 <= in.size()) {
    uint64_t word;
    std::memcpy(&word, in.data() + first, sizeof(word));
    const int skipped = static_cast<int>(first_bit % 8);  // not 0, or eight bytes were enough
    const uint64_t above = std::to_integer<uint64_t>(in[first + 8]) << (64 - skipped);
    return ((word >> skipped) | above) & LowBits(bits);
  }
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
  if constexpr (sizeof(Lane) <= 2) {
    WithWidth<kNarrowest<Lane>, kWidest<Lane>>(bits,
                                               [&]<int kBits>(std::integral_constant<int, kBits>) {
                                                 PutWords<Lane, kBits>(elements, writer);
                                               });
  }
  if (bits < kNarrowest<Lane> || bits > kWidest<Lane>) {
    for (const Lane element : elements) writer.Put(element, bits);
  }
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
  if constexpr (sizeof(Lane) <= 2) {
    WithWidth<kNarrowest<Lane>, kWidest<Lane>>(bits,
                                               [&]<int kBits>(std::integral_constant<int, kBits>) {
                                                 GetWords<Lane, kBits>(in, first_bit, elements);
                                               });
  }
  if (bits >= kNarrowest<Lane> && bits <= kWidest<Lane>) return;
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
