#include "mpc/fields.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "core/packing.h"

namespace lutra {
namespace {

// Elements that are looked up at a time: their counters and blocks stay in the first cache.
constexpr size_t kChunk = 512;
// How many elements ahead a row of the tape is fetched into the cache: rows are far apart.
constexpr size_t kAhead = 48;
constexpr int64_t kExpandGrain = int64_t{1} << 16;

uint64_t Count(int64_t size) { return static_cast<uint64_t>(size); }

// The part of [begin, begin + size) inside `range`, counted from begin.
ElementRange Inside(ElementRange range, int64_t begin, int64_t size) {
  const int64_t first = std::clamp<int64_t>(range.begin - begin, 0, size);
  const int64_t last = std::clamp<int64_t>(range.end - begin, first, size);
  return {first, last};
}

template <class T>
std::span<T> Sub(std::span<T> all, ElementRange range) {
  return all.subspan(static_cast<size_t>(range.begin), static_cast<size_t>(range.size()));
}

KeyName AdditiveKey(Role party) { return party == Role::kP1 ? KeyName::kD1 : KeyName::kD2; }

}  // namespace

const Field& Fields::at(size_t field) const {
  LUTRA_CHECK(field < node_.correlation.size());
  return node_.correlation[field];
}

Tensor Fields::Uniform(size_t index, const Shape& shape) const {
  const Field& field = at(index);
  LUTRA_CHECK(!field.derived() && shape.elements() == field.elements * field.entries);
  const KeyName key = field.kind == Field::Kind::kUniform ? field.key : AdditiveKey(role_);
  const Prg& prg = keys_.prg(key);
  Tensor tensor(field.ring, shape);
  pool_.ParallelFor(shape.elements(), kExpandGrain, [&](int64_t begin, int64_t end) {
    WithLane(field.ring, [&](auto lane) {
      using Lane = decltype(lane);
      prg.Expand<Lane>(stream(index), field.ring, Count(begin),
                       Sub(tensor.lanes<Lane>(), {begin, end}));
    });
  });
  return tensor;
}

template <class Lane>
void Fields::ReadStream(KeyName key, size_t index, int64_t begin, std::span<const uint32_t> rows,
                        std::span<Lane> out) const {
  const Field& field = at(index);
  const Prg& prg = keys_.prg(key);
  std::array<uint64_t, kChunk> elements;
  for (size_t done = 0; done < rows.size(); done += kChunk) {
    const size_t size = std::min(kChunk, rows.size() - done);
    for (size_t i = 0; i < size; ++i) {
      elements[i] = (Count(begin) + done + i) * Count(field.entries) + rows[done + i];
    }
    prg.Gather<Lane>(stream(index), field.ring, std::span(elements).first(size),
                     out.subspan(done, size));
  }
}

template <class Lane>
void Fields::ReadTape(size_t index, int64_t begin, std::span<const uint32_t> rows,
                      std::span<Lane> out) const {
  if (rows.empty()) return;
  const Field& field = at(index);
  LUTRA_CHECK(layout_ != nullptr);
  const int bits = field.ring.bits();
  const int64_t first_element = DealtTo(role_, field).begin;
  const int64_t first_bit =
      layout_->first_bit(role_, node_.id, index) + (begin - first_element) * field.entries * bits;
  const int64_t element_bits = field.entries * bits;
  if (static_cast<size_t>(bits) == 8 * sizeof(Lane) && first_bit % 8 == 0) {
    const std::byte* words = tape_.data() + first_bit / 8;
    const size_t element_bytes = static_cast<size_t>(field.entries) * sizeof(Lane);
    const auto word = [&](size_t i) { return words + i * element_bytes + rows[i] * sizeof(Lane); };
    for (size_t i = 0; i < rows.size(); ++i) {
      if (i + kAhead < rows.size()) __builtin_prefetch(word(i + kAhead));
      std::memcpy(&out[i], word(i), sizeof(Lane));
    }
    return;
  }
  const auto bit_of = [&](size_t i) {
    return first_bit + static_cast<int64_t>(i) * element_bits + int64_t{rows[i]} * bits;
  };
  for (size_t i = 0; i < rows.size(); ++i) {
    if (i + kAhead < rows.size()) __builtin_prefetch(tape_.data() + bit_of(i + kAhead) / 8);
    out[i] = static_cast<Lane>(ReadBits(tape_, bit_of(i), bits));
  }
}

template <class Lane>
void Fields::PickAdditive(size_t index, int64_t begin, std::span<const uint32_t> rows,
                          std::span<Lane> out) const {
  const Field& field = at(index);
  LUTRA_CHECK(field.kind == Field::Kind::kDerivedAdditive && rows.size() == out.size());
  const auto size = static_cast<int64_t>(rows.size());
  // One half was dealt to this party; its share of the other half comes from its key.
  const ElementRange dealt = Inside(HalfOf(role_, field.elements), begin, size);
  const ElementRange expanded = Inside(HalfOf(Peer(role_), field.elements), begin, size);
  ReadTape<Lane>(index, begin + dealt.begin, Sub(rows, dealt), Sub(out, dealt));
  ReadStream<Lane>(AdditiveKey(role_), index, begin + expanded.begin, Sub(rows, expanded),
                   Sub(out, expanded));
}

template <class Lane>
void Fields::PickReplicated(size_t index, size_t component, int64_t begin,
                            std::span<const uint32_t> rows, std::span<Lane> out) const {
  LUTRA_CHECK(at(index).kind == Field::Kind::kDerivedReplicated);
  LUTRA_CHECK(rows.size() == out.size());
  if (component == 2) {
    ReadTape<Lane>(index, begin, rows, out);
  } else {
    ReadStream<Lane>(component == 0 ? KeyName::kG0 : KeyName::kG1, index, begin, rows, out);
  }
}

template <class Lane>
void Fields::PickOwn(size_t index, int64_t begin, std::span<const uint32_t> rows,
                     std::span<Lane> out) const {
  LUTRA_CHECK(at(index).kind == Field::Kind::kDerivedFor && at(index).holder == role_);
  ReadTape<Lane>(index, begin, rows, out);
}

Tensor Fields::Additive(size_t index, const Shape& shape) const {
  const Field& field = at(index);
  LUTRA_CHECK(field.entries == 1 && shape.elements() == field.elements);
  Tensor tensor(field.ring, shape);
  const std::vector<uint32_t> rows(static_cast<size_t>(shape.elements()), 0);
  WithLane(field.ring, [&](auto lane) {
    using Lane = decltype(lane);
    PickAdditive<Lane>(index, 0, rows, tensor.lanes<Lane>());
  });
  return tensor;
}

template <class Lane>
void DealerFields::Expand(size_t index, int64_t begin, std::span<Lane> out) const {
  const Field& field = node_.correlation[index];
  LUTRA_CHECK(!field.derived());
  if (field.kind == Field::Kind::kUniform) {
    keys_.prg(field.key).Expand<Lane>(stream(index), field.ring, Count(begin), out);
    return;
  }
  ExpandSummand<Lane>(Role::kP1, index, begin, out);
  const Lane mask = static_cast<Lane>(field.ring.mask());
  std::array<Lane, 4096 / sizeof(Lane)> other;
  for (size_t done = 0; done < out.size(); done += other.size()) {
    const size_t size = std::min(other.size(), out.size() - done);
    ExpandSummand<Lane>(Role::kP2, index, begin + static_cast<int64_t>(done),
                        std::span(other).first(size));
    for (size_t i = 0; i < size; ++i) {
      out[done + i] = static_cast<Lane>((out[done + i] + other[i]) & mask);
    }
  }
}

template <class Lane>
void DealerFields::ExpandSummand(Role party, size_t index, int64_t begin,
                                 std::span<Lane> out) const {
  const Field& field = node_.correlation[index];
  LUTRA_CHECK(field.kind == Field::Kind::kUniformAdditive);
  keys_.prg(AdditiveKey(party)).Expand<Lane>(stream(index), field.ring, Count(begin), out);
}

template <class Lane>
void DealerFields::Gather(size_t index, std::span<const uint64_t> elements,
                          std::span<Lane> out) const {
  const Field& field = node_.correlation[index];
  LUTRA_CHECK(!field.derived() && elements.size() == out.size());
  if (field.kind == Field::Kind::kUniform) {
    keys_.prg(field.key).Gather<Lane>(stream(index), field.ring, elements, out);
    return;
  }
  keys_.prg(KeyName::kD1).Gather<Lane>(stream(index), field.ring, elements, out);
  const Lane mask = static_cast<Lane>(field.ring.mask());
  std::array<Lane, kChunk> other;
  for (size_t done = 0; done < out.size(); done += kChunk) {
    const size_t size = std::min(kChunk, out.size() - done);
    keys_.prg(KeyName::kD2)
        .Gather<Lane>(stream(index), field.ring, elements.subspan(done, size),
                      std::span(other).first(size));
    for (size_t i = 0; i < size; ++i) {
      out[done + i] = static_cast<Lane>((out[done + i] + other[i]) & mask);
    }
  }
}

template <class Lane>
void DealerFields::ExpandMask(KeyName key, size_t index, int64_t begin, std::span<Lane> out) const {
  const Field& field = node_.correlation[index];
  LUTRA_CHECK(field.derived());
  keys_.prg(key).Expand<Lane>(stream(index), field.ring, Count(begin), out);
}

#define LUTRA_INSTANTIATE(Lane)                                                                    \
  template void Fields::PickAdditive<Lane>(size_t, int64_t, std::span<const uint32_t>,             \
                                           std::span<Lane>) const;                                 \
  template void Fields::PickReplicated<Lane>(size_t, size_t, int64_t, std::span<const uint32_t>,   \
                                             std::span<Lane>) const;                               \
  template void Fields::PickOwn<Lane>(size_t, int64_t, std::span<const uint32_t>, std::span<Lane>) \
      const;                                                                                       \
  template void DealerFields::Expand<Lane>(size_t, int64_t, std::span<Lane>) const;                \
  template void DealerFields::Gather<Lane>(size_t, std::span<const uint64_t>, std::span<Lane>)     \
      const;                                                                                       \
  template void DealerFields::ExpandSummand<Lane>(Role, size_t, int64_t, std::span<Lane>) const;   \
  template void DealerFields::ExpandMask<Lane>(KeyName, size_t, int64_t, std::span<Lane>) const;

LUTRA_INSTANTIATE(uint8_t)
LUTRA_INSTANTIATE(uint16_t)
LUTRA_INSTANTIATE(uint32_t)
LUTRA_INSTANTIATE(uint64_t)
#undef LUTRA_INSTANTIATE

}  // namespace lutra
