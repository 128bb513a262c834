// What happens in a run, for those who only watch: ledgers, traces, transcripts. Taking a listener
// out changes no result.
#ifndef LUTRA_MPC_LISTENER_H_
#define LUTRA_MPC_LISTENER_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "mpc/program.h"
#include "mpc/role.h"

namespace lutra {

class Listener {
 public:
  virtual ~Listener() = default;

  // A node's part of a message, in bits of payload. `level` is the node's round in model and online
  // phase; dealing and preparing have no rounds: level 0.
  virtual void OnPart(const Node& node, Phase phase, int level, Role from, Role to,
                      int64_t bits) = 0;
  // A message, or the next chunk of it where it `continues` what was reported before, as a tape
  // does that is dealt in windows. Each node's part is rounded up to a byte.
  virtual void OnMessage(Phase phase, int level, Role from, Role to,
                         std::span<const std::byte> payload, bool continues) = 0;
  // Local work of a role on a node; wall time, all threads together.
  virtual void OnWork(const Node& node, Phase phase, Role role, double seconds) = 0;
};

}  // namespace lutra

#endif  // LUTRA_MPC_LISTENER_H_
