// All roles of a program in one process: dealer, P0, P1, P2, model owner, data owner. Messages are
// really packed, delivered and counted; only the channel is missing.
#ifndef LUTRA_SIM_SIMULATION_H_
#define LUTRA_SIM_SIMULATION_H_

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/status.h"
#include "core/thread_pool.h"
#include "mpc/builder.h"
#include "mpc/keys.h"
#include "mpc/listener.h"
#include "mpc/tape.h"
#include "parties/walker.h"
#include "sim/twin.h"

namespace lutra {

struct SimulationOptions {
  // Keys and identifiers follow from it; without one they come from the operating system.
  std::optional<uint64_t> seed;
  // Compare every node's revealed value with the replayed twin.
  bool check = true;
  // The tape is dealt and used window by window, of about this size where no single level takes
  // more: memory that is used again and again is faster than memory that is touched once.
  int64_t tape_window_bytes = int64_t{1} << 28;
  // Counts and watches; may be null; outlives the simulation.
  Listener* listener = nullptr;
  // Called in every online level, before values that are not used any more are freed, with that
  // level; for tests that look into a run.
  std::function<void(int level)> on_level;
};

struct SessionResult {
  NamedTensors revealed;     // what the data owner learnt
  bool agrees = true;        // with the replayed twin at every node; true if not checked
  std::string disagreement;  // the first node that does not, and where
  // Wall seconds by Phase; what the check takes is not in it.
  std::array<double, kPhases.size()> seconds{};
};

class Simulation {
 public:
  // `built` and `pool` outlive the simulation.
  static StatusOr<std::unique_ptr<Simulation>> Make(const BuiltProgram& built, ThreadPool& pool,
                                                    SimulationOptions options);
  ~Simulation();

  // Once: the model owner's inputs are shared among the parties. Its result has no revealed values.
  StatusOr<SessionResult> ShareModel(const NamedTensors& model);
  // A session on a tape of its own: deal, prepare, online.
  StatusOr<SessionResult> Run(const NamedTensors& data);

  // What a role holds of a wire, while it is held.
  const Share& value(Role role, WireId wire) const { return walker(role).value(wire); }
  // The value that the shares of a wire add up to; an error if two roles hold different words of
  // one component.
  StatusOr<Tensor> Reconstruct(WireId wire) const;

 private:
  Simulation(const BuiltProgram& built, ThreadPool& pool, SimulationOptions options);
  Walker& walker(Role role) { return *walkers_[Index(role)]; }
  const Walker& walker(Role role) const { return *walkers_[Index(role)]; }
  Status DealWindow(TapeLayout::Levels levels, const KeyRing& keys);
  // Every walker sends, every message arrives, every walker receives.
  Status Exchange(Phase phase, int level);
  void Received(Phase phase, int level, Role from, Role to, int64_t bytes);
  void Check(Phase phase, int level, const NamedTensors& owned, SessionResult& result);
  void CheckNode(const Node& node, const NamedTensors& owned, SessionResult& result);
  StatusOr<Identifier> NextIdentifier(std::string_view purpose);

  const Program& program_;
  const TableContents& tables_;
  ThreadPool& pool_;
  SimulationOptions options_;
  std::vector<TapeLayout::Window> windows_;
  std::optional<TapeLayout> layout_;  // of the window in memory
  LongTermKeys keys_;
  bool has_model_;  // or needs none
  uint64_t identifiers_ = 0;
  Tape tape_;
  Twin twin_;
  std::array<std::unique_ptr<Walker>, kRoles.size()> walkers_;  // none for the dealer
};

}  // namespace lutra

#endif  // LUTRA_SIM_SIMULATION_H_
