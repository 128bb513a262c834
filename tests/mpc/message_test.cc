// Messages: packed parts, every ring, and what a wrong length does.
#include "mpc/message.h"

#include <catch2/catch.hpp>

#include "tests/support/run_program.h"

namespace lutra {
namespace {

TEST_CASE("Tensors of several nodes go through one message", "[mpc][message]") {
  for (const int threads : {1, 3}) {
    ThreadPool pool(threads);
    Outbox outbox(pool);
    std::vector<Tensor> sent;
    int64_t bytes = 0;
    for (int node = 0; node < 8; ++node) {
      int64_t bits = 0;
      for (int tensor = 0; tensor <= node % 3; ++tensor) {
        const Ring ring(1 + (node * 13 + tensor * 7) % 64);
        sent.push_back(RandomTensor(ring, Shape{node == 3 ? 200003 : node + 1}, 1));
        outbox.Send(Role::kP2, sent.back());
        bits += sent.back().elements() * ring.bits();
      }
      CHECK(outbox.EndNode()[Index(Role::kP2)] == bits);
      bytes += (bits + 7) / 8;
    }
    Bytes message = outbox.Take(Role::kP2);
    CHECK(static_cast<int64_t>(message.size()) == bytes);
    CHECK(outbox.Take(Role::kP2).empty());
    CHECK(outbox.Take(Role::kP1).empty());

    Inbox inbox(pool);
    inbox.Deliver(Role::kP1, std::move(message));
    size_t next = 0;
    for (int node = 0; node < 8; ++node) {
      for (int tensor = 0; tensor <= node % 3; ++tensor, ++next) {
        CHECK(inbox.Receive(Role::kP1, sent[next].ring(), sent[next].shape()) == sent[next]);
      }
      inbox.EndNode();
    }
    CHECK(!inbox.overrun());
    CHECK(!inbox.unread());
  }
}

TEST_CASE("Ranges are sent and added", "[mpc][message]") {
  ThreadPool pool(1);
  const Tensor x = RandomTensor(Ring(11), Shape{9}, 1);
  Outbox outbox(pool);
  outbox.Send(Role::kP1, x, {5, 9});
  outbox.Send(Role::kP1, x, {2, 2});
  outbox.Send(Role::kP1, x, {0, 5});
  CHECK(outbox.EndNode()[Index(Role::kP1)] == 9 * 11);
  Inbox inbox(pool);
  inbox.Deliver(Role::kP0, outbox.Take(Role::kP1));
  Tensor sum = x.Clone();
  inbox.ReceiveAndAdd(Role::kP0, sum, {5, 9});
  inbox.ReceiveAndAdd(Role::kP0, sum, {3, 3});
  inbox.ReceiveAndAdd(Role::kP0, sum, {0, 5});
  inbox.EndNode();
  CheckElements(sum, Ring(11), Shape{9}, [&](int64_t i) { return 2 * x.At(i); });
  CHECK(!inbox.overrun());
  CHECK(!inbox.unread());
}

TEST_CASE("A message too short or too long names its sender", "[mpc][message]") {
  ThreadPool pool(1);
  Inbox inbox(pool);
  inbox.Deliver(Role::kP2, Bytes(2));
  CHECK(inbox.unread() == Role::kP2);
  CHECK(inbox.Receive(Role::kP2, Ring(9), Shape{2}) == Tensor::Zeros(Ring(9), Shape{2}));
  CHECK(inbox.overrun() == Role::kP2);
  // The next message starts anew.
  inbox.Deliver(Role::kP2, Bytes(3));
  CHECK(!inbox.overrun());
  inbox.Receive(Role::kP2, Ring(9), Shape{2});
  inbox.EndNode();
  CHECK(!inbox.unread());
  CHECK(!inbox.overrun());
  // A role that sent nothing at all.
  inbox.Receive(Role::kDataOwner, Ring(64), Shape{1000});
  CHECK(inbox.overrun() == Role::kDataOwner);
}

}  // namespace
}  // namespace lutra
