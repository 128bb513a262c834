// The tape: the words that the dealer sends for one execution of a program. Each of P1 and P2 gets
// one stream of bytes: level by level, and in a level node by node as they stand in the program.
// Every node's part starts on a byte and its derived fields follow each other without gaps, in
// their order, elements and entries in order, each in exactly l bits.
#ifndef LUTRA_MPC_TAPE_H_
#define LUTRA_MPC_TAPE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "core/buffer.h"
#include "mpc/program.h"

namespace lutra {

class TapeLayout {
 public:
  // Online levels [begin, end).
  struct Levels {
    int begin = 0;
    int end = std::numeric_limits<int>::max();
  };

  // Of the whole tape, or of the window of it that these levels use: a tape may be dealt and used
  // window by window, in memory for the largest.
  explicit TapeLayout(const Program& program) : TapeLayout(program, Levels{}) {}
  TapeLayout(const Program& program, Levels levels);

  // Levels that follow each other, in windows of at most max_bytes where a single level is not
  // larger; at least one window, which ends with the last level.
  struct Window {
    Levels levels;
    int64_t bytes;  // of both streams
  };
  static std::vector<Window> Windows(const Program& program, int64_t max_bytes);

  // Whether something was sent to the party for earlier levels, in the same message.
  bool continues(Role party) const { return of(party).continues; }

  // Bytes of the party's stream; 0 for roles other than P1 and P2.
  int64_t bytes(Role party) const { return of(party).bytes; }
  int64_t bytes() const { return bytes(Role::kP1) + bytes(Role::kP2); }
  // Where a field of a node starts in the party's stream.
  int64_t first_bit(Role party, NodeId node, size_t field) const {
    return of(party).first_bit[first_field_[node] + field];
  }
  // What the dealer sends the party for a node.
  int64_t bits(Role party, NodeId node) const { return of(party).bits[node]; }

 private:
  struct PartyLayout {
    int64_t bytes = 0;
    bool continues = false;
    std::vector<int64_t> first_bit;  // by field, over all nodes
    std::vector<int64_t> bits;       // by node
  };
  const PartyLayout& of(Role party) const;

  std::vector<size_t> first_field_;  // by node
  std::array<PartyLayout, 3> parties_;
};

// A tape in memory.
struct Tape {
  // Makes room for it; streams large enough are used again as they are.
  void Resize(const TapeLayout& layout);

  std::array<Buffer, 2> streams;  // to P1, to P2

  Buffer& to(Role party) { return streams[party == Role::kP1 ? 0 : 1]; }
  const Buffer& to(Role party) const { return streams[party == Role::kP1 ? 0 : 1]; }
};

}  // namespace lutra

#endif  // LUTRA_MPC_TAPE_H_
