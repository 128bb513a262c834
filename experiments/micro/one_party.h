// What one party does online in nodes of one kind, and what the dealer does for them: the engine's
// own faces, without the other parties. For benchmarks and for counting instructions.
#ifndef LUTRA_EXPERIMENTS_MICRO_ONE_PARTY_H_
#define LUTRA_EXPERIMENTS_MICRO_ONE_PARTY_H_

#include <functional>
#include <vector>

#include "core/memory.h"
#include "core/thread_pool.h"
#include "mpc/builder.h"
#include "mpc/keys.h"
#include "mpc/message.h"
#include "mpc/protocol.h"
#include "mpc/tape.h"

namespace lutra::micro {

class OneParty {
 public:
  // Adds one or more nodes that work on an additive value.
  using AddNodes = std::function<void(Builder& builder, Value input)>;

  // The nodes of that protocol, `copies` times what `add` adds, on an additive input; dealt.
  OneParty(std::string_view protocol, Ring ring, const Shape& shape, int copies,
           const AddNodes& add);
  OneParty(const OneParty&) = delete;
  OneParty& operator=(const OneParty&) = delete;

  size_t nodes() const { return nodes_.size(); }
  // Bytes that the dealer sends, to both parties.
  int64_t tape_bytes() const { return layout_.bytes(); }

  // The dealer, for all nodes: into the memory where the tape lies already.
  void Deal();
  // P1's online work in a node: what it sends, what it receives, and its outputs.
  void Online(size_t node);

 private:
  Registry registry_;
  BuiltProgram built_;
  TapeLayout layout_;
  ThreadPool pool_;
  KeyRing dealer_keys_;
  KeyRing party_keys_;
  Tape tape_;
  std::vector<const Node*> nodes_;
  Share input_;
  std::vector<Bytes> received_;  // by node, from P2
  Outbox outbox_;
  Inbox inbox_;
};

// A lookup of that many index bits in a table over Z_2^l, as often as `shape` says and `copies`
// times.
OneParty LookupParty(int index_bits, int bits, const Shape& shape, int copies);

}  // namespace lutra::micro

#endif  // LUTRA_EXPERIMENTS_MICRO_ONE_PARTY_H_
