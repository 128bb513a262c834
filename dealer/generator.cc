#include "dealer/generator.h"

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <span>

#include "core/clock.h"
#include "core/packing.h"
#include "mpc/protocol.h"

namespace lutra {
namespace {

// What a thread computes at a time: small enough for the second cache together with its mask.
constexpr int64_t kChunkBytes = int64_t{1} << 15;

// A derived field of a node, dealt.
class FieldDealer {
 public:
  FieldDealer(const Node& node, size_t field, const TapeLayout& layout, const TableContents& tables,
              const KeyRing& keys, Tape& tape, ThreadPool& pool)
      : node_(node),
        index_(field),
        field_(node.correlation[field]),
        layout_(layout),
        tables_(tables),
        fields_(node, keys),
        tape_(tape),
        pool_(pool) {}

  void Run() {
    switch (field_.kind) {
      case Field::Kind::kDerivedAdditive:
        // Each party gets the value less what the other one expands.
        Send({Role::kP2}, {KeyName::kD1});
        Send({Role::kP1}, {KeyName::kD2});
        break;
      case Field::Kind::kDerivedReplicated:
        Send({Role::kP1, Role::kP2}, {KeyName::kG0, KeyName::kG1});
        break;
      case Field::Kind::kDerivedFor:
        Send({field_.holder}, {});
        break;
      default:
        break;
    }
  }

 private:
  // The elements that are dealt to `parties` (the same to all), less the masks under `keys`.
  void Send(std::initializer_list<Role> parties, std::initializer_list<KeyName> keys) {
    const ElementRange range = DealtTo(*parties.begin(), field_);
    const int64_t element_bits = field_.entries * field_.ring.bits();
    const int64_t element_bytes = field_.entries * static_cast<int64_t>(field_.ring.lane_bytes());
    // Chunks of a multiple of 8 elements start on a byte if the field does; threads may then pack
    // side by side.
    bool aligned = true;
    for (const Role party : parties) {
      aligned = aligned && layout_.first_bit(party, node_.id, index_) % 8 == 0;
    }
    const int64_t chunk = std::max<int64_t>(8, kChunkBytes / element_bytes / 8 * 8);
    const auto body = [&](int64_t begin, int64_t end) {
      for (int64_t first = begin; first < end; first += chunk) {
        const ElementRange part{range.begin + first, range.begin + std::min(end, first + chunk)};
        WithLane(field_.ring, [&](auto lane) {
          SendChunk<decltype(lane)>(parties, keys, part, first * element_bits);
        });
      }
    };
    if (aligned) {
      pool_.ParallelFor(range.size(), chunk, body);
    } else {
      body(0, range.size());
    }
  }

  template <class Lane>
  void SendChunk(std::initializer_list<Role> parties, std::initializer_list<KeyName> keys,
                 ElementRange range, int64_t bit) {
    const auto size = static_cast<size_t>(range.size() * field_.entries);
    const auto words = std::make_unique_for_overwrite<Lane[]>(2 * size);
    const std::span<Lane> values(words.get(), size);
    const std::span<Lane> mask(words.get() + size, size);
    node_.protocol->Deal({node_, fields_, tables_, index_, range, std::as_writable_bytes(values)});
    const Lane ring_mask = static_cast<Lane>(field_.ring.mask());
    for (const KeyName key : keys) {
      fields_.ExpandMask<Lane>(key, index_, range.begin * field_.entries, mask);
      for (size_t i = 0; i < size; ++i) {
        values[i] = static_cast<Lane>((values[i] - mask[i]) & ring_mask);
      }
    }
    for (const Role party : parties) {
      Pack<Lane>(values, field_.ring.bits(), tape_.to(party).bytes(),
                 layout_.first_bit(party, node_.id, index_) + bit);
    }
  }

  const Node& node_;
  size_t index_;
  const Field& field_;
  const TapeLayout& layout_;
  const TableContents& tables_;
  DealerFields fields_;
  Tape& tape_;
  ThreadPool& pool_;
};

// Bits beyond a node's last field, up to the byte, are zero: the tape is the same to the byte.
void ClearLastByte(const Node& node, const TapeLayout& layout, Tape& tape) {
  for (const Role party : {Role::kP1, Role::kP2}) {
    const int64_t bits = layout.bits(party, node.id);
    if (bits % 8 == 0) continue;
    const int64_t last = (layout.first_bit(party, node.id, 0) + bits) / 8;
    tape.to(party).bytes()[static_cast<size_t>(last)] = std::byte{0};
  }
}

}  // namespace

void Deal(const Program& program, const TapeLayout& layout, const TableContents& tables,
          const KeyRing& keys, Tape& tape, ThreadPool& pool, Listener* listener) {
  tape.Resize(layout);
  for (const Node& node : program.nodes()) {
    if (layout.bits(Role::kP1, node.id) + layout.bits(Role::kP2, node.id) == 0) continue;
    Span span;
    span.begin = MonotonicNanoseconds();
    span.cpu = CoarseCpuNanoseconds(span.begin);
    ClearLastByte(node, layout, tape);
    for (size_t field = 0; field < node.correlation.size(); ++field) {
      FieldDealer(node, field, layout, tables, keys, tape, pool).Run();
    }
    if (listener == nullptr) continue;
    span.end = MonotonicNanoseconds();
    span.cpu = CoarseCpuNanoseconds(span.end) - span.cpu;
    listener->OnWork(node, Phase::kDeal, Role::kDealer, span);
    for (const Role party : {Role::kP1, Role::kP2}) {
      const int64_t bits = layout.bits(party, node.id);
      if (bits > 0) listener->OnPart(node, Phase::kDeal, 0, Role::kDealer, party, bits);
    }
  }
  if (listener == nullptr) return;
  for (const Role party : {Role::kP1, Role::kP2}) {
    const std::span<const std::byte> stream = tape.to(party).bytes();
    if (!stream.empty())
      listener->OnMessage(Phase::kDeal, 0, Role::kDealer, party, stream, layout.continues(party));
  }
}

}  // namespace lutra
