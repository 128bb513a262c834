// What happens in a run, for those who only watch: ledgers, traces, transcripts. Taking a listener
// out changes no result.
#ifndef LUTRA_MPC_LISTENER_H_
#define LUTRA_MPC_LISTENER_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include "mpc/program.h"
#include "mpc/role.h"

namespace lutra {

// When something went on: nanoseconds of the machine's monotonic clock, the same for all processes
// of one machine, and the CPU time it took of all threads together.
struct Span {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t cpu = 0;

  double seconds() const { return 1e-9 * static_cast<double>(end - begin); }
};

class Listener {
 public:
  virtual ~Listener() = default;

  // A node's part of a message, in bits of payload. `level` is the node's round in model and online
  // phase; dealing and preparing have no rounds: level 0.
  virtual void OnPart(const Node& node, Phase phase, int level, Role from, Role to,
                      int64_t bits) = 0;
  // A message as it is sent, or the next chunk of it where it `continues` what was reported before,
  // as a tape does that is dealt in windows. Each node's part is rounded up to a byte.
  virtual void OnMessage(Phase phase, int level, Role from, Role to,
                         std::span<const std::byte> payload, bool continues) = 0;
  // A message, or a chunk of one, that its receiver takes: `wait` begins when the receiver wanted
  // it and ends when it was there.
  virtual void OnReceive(Phase phase, int level, Role from, Role to, int64_t bytes,
                         const Span& wait) = 0;
  // Local work of a role on a node.
  virtual void OnWork(const Node& node, Phase phase, Role role, const Span& span) = 0;
};

// Tells several listeners everything, in their order; they outlive it.
class Listeners final : public Listener {
 public:
  Listeners(std::initializer_list<Listener*> listeners) : listeners_(listeners) {}

  void OnPart(const Node& node, Phase phase, int level, Role from, Role to, int64_t bits) override;
  void OnMessage(Phase phase, int level, Role from, Role to, std::span<const std::byte> payload,
                 bool continues) override;
  void OnReceive(Phase phase, int level, Role from, Role to, int64_t bytes,
                 const Span& wait) override;
  void OnWork(const Node& node, Phase phase, Role role, const Span& span) override;

 private:
  std::vector<Listener*> listeners_;
};

}  // namespace lutra

#endif  // LUTRA_MPC_LISTENER_H_
