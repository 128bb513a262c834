// What nodes send: one message per link and round, in which each node's part starts on a byte and
// its tensors follow each other without gaps, packed to exactly l bits an element.
#ifndef LUTRA_MPC_MESSAGE_H_
#define LUTRA_MPC_MESSAGE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "core/memory.h"
#include "core/tensor.h"
#include "core/thread_pool.h"
#include "mpc/correlation.h"
#include "mpc/role.h"

namespace lutra {

// The messages that a role writes in one round.
class Outbox {
 public:
  explicit Outbox(ThreadPool& pool) : pool_(&pool) {}
  // From now on.
  void UsePool(ThreadPool& pool) { pool_ = &pool; }

  // Appends a tensor, or a range of its flat elements, to the message to a role.
  void Send(Role to, const Tensor& tensor) { Send(to, tensor, {0, tensor.elements()}); }
  void Send(Role to, const Tensor& tensor, ElementRange range);

  // Engine: ends a node's part; the bits that it sent, by receiver.
  std::array<int64_t, kRoles.size()> EndNode();
  // Engine: takes the message to a role; it is empty afterwards.
  Bytes Take(Role to);

 private:
  ThreadPool* pool_;
  std::array<Bytes, kRoles.size()> messages_;
  std::array<int64_t, kRoles.size()> bits_{};  // of the current node
};

// The messages that a role got in one round, read in the order in which they were written.
class Inbox {
 public:
  explicit Inbox(ThreadPool& pool) : pool_(&pool) {}
  // From now on.
  void UsePool(ThreadPool& pool) { pool_ = &pool; }

  // The next tensor from a role.
  Tensor Receive(Role from, Ring ring, const Shape& shape);
  // The next elements, added to this range of a tensor.
  void ReceiveAndAdd(Role from, Tensor& tensor, ElementRange range);

  // Engine: the message from a role, which replaces the last.
  void Deliver(Role from, Bytes message);
  // Engine: ends a node's part.
  void EndNode();
  // Beyond whose message a node read, and of whose message all nodes left bytes; if any.
  std::optional<Role> overrun() const { return overrun_; }
  std::optional<Role> unread() const;

 private:
  std::span<const std::byte> Next(Role from, int64_t bits);

  ThreadPool* pool_;
  struct Message {
    Bytes bytes;
    int64_t bit = 0;
  };
  std::array<Message, kRoles.size()> messages_;
  std::optional<Role> overrun_;
};

}  // namespace lutra

#endif  // LUTRA_MPC_MESSAGE_H_
