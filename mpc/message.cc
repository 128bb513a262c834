#include "mpc/message.h"

#include <utility>

#include "core/packing.h"

namespace lutra {
namespace {

// Ranges of a multiple of 8 elements start on a byte wherever the first one does.
constexpr int64_t kGrain = int64_t{1} << 16;

// Calls body(begin, end, first bit) over a range of packed elements, in parallel where two threads
// never touch one byte.
template <class Body>
void OverPacked(ThreadPool& pool, int64_t elements, int64_t first_bit, int bits, const Body& body) {
  if (first_bit % 8 != 0) {
    body(int64_t{0}, elements, first_bit);
    return;
  }
  pool.ParallelFor(elements, kGrain,
                   [&](int64_t begin, int64_t end) { body(begin, end, first_bit + begin * bits); });
}

}  // namespace

void Outbox::Send(Role to, const Tensor& tensor, ElementRange range) {
  const int bits = tensor.ring().bits();
  Bytes& message = messages_[Index(to)];
  int64_t& node_bits = bits_[Index(to)];
  // The node's part starts on a byte, and its last byte may be partly filled.
  const int64_t start = (static_cast<int64_t>(message.size()) - BitsToBytes(node_bits)) * 8;
  const int64_t first_bit = start + node_bits;
  node_bits += range.size() * bits;
  const auto size = static_cast<size_t>(BitsToBytes(start + node_bits));
  if (size > message.size()) {
    message.resize(size);
    message.back() = std::byte{0};  // packing leaves the bits beyond the last element as they are
  }
  OverPacked(*pool_, range.size(), first_bit, bits, [&](int64_t begin, int64_t end, int64_t bit) {
    WithLane(tensor.ring(), [&](auto lane) {
      using Lane = decltype(lane);
      const auto lanes = tensor.lanes<Lane>().subspan(static_cast<size_t>(range.begin + begin),
                                                      static_cast<size_t>(end - begin));
      Pack<Lane>(lanes, bits, message, bit);
    });
  });
}

std::array<int64_t, kRoles.size()> Outbox::EndNode() {
  const auto bits = bits_;
  bits_.fill(0);
  return bits;
}

Bytes Outbox::Take(Role to) {
  Bytes message = std::move(messages_[Index(to)]);
  messages_[Index(to)].clear();
  return message;
}

std::span<const std::byte> Inbox::Next(Role from, int64_t bits) {
  Message& message = messages_[Index(from)];
  const int64_t end = message.bit + bits;
  if (end > static_cast<int64_t>(message.bytes.size()) * 8) {
    overrun_ = from;
    return {};
  }
  return message.bytes;
}

Tensor Inbox::Receive(Role from, Ring ring, const Shape& shape) {
  const int64_t bits = shape.elements() * ring.bits();
  const std::span<const std::byte> bytes = Next(from, bits);
  if (bytes.empty()) return Tensor::Zeros(ring, shape);
  Tensor tensor(ring, shape);
  int64_t& bit = messages_[Index(from)].bit;
  pool_->ParallelFor(shape.elements(), kGrain, [&](int64_t begin, int64_t end) {
    WithLane(ring, [&](auto lane) {
      using Lane = decltype(lane);
      Unpack<Lane>(bytes, bit + begin * ring.bits(), ring.bits(),
                   tensor.lanes<Lane>().subspan(static_cast<size_t>(begin),
                                                static_cast<size_t>(end - begin)));
    });
  });
  bit += bits;
  return tensor;
}

void Inbox::ReceiveAndAdd(Role from, Tensor& tensor, ElementRange range) {
  if (range.size() == 0) return;
  const Tensor received = Receive(from, tensor.ring(), Shape{range.size()});
  WithLane(tensor.ring(), [&](auto lane) {
    using Lane = decltype(lane);
    const Lane mask = static_cast<Lane>(tensor.ring().mask());
    Lane* to = tensor.lanes<Lane>().data() + range.begin;
    const Lane* add = received.lanes<Lane>().data();
    for (int64_t i = 0; i < range.size(); ++i) {
      to[i] = static_cast<Lane>((to[i] + add[i]) & mask);
    }
  });
}

void Inbox::Deliver(Role from, Bytes message) {
  messages_[Index(from)] = {std::move(message), 0};
  overrun_.reset();
}

void Inbox::EndNode() {
  for (Message& message : messages_) message.bit = BitsToBytes(message.bit) * 8;
}

std::optional<Role> Inbox::unread() const {
  for (const Role from : kRoles) {
    const Message& message = messages_[Index(from)];
    if (message.bit < static_cast<int64_t>(message.bytes.size()) * 8) return from;
  }
  return std::nullopt;
}

}  // namespace lutra
