// What the threads of a dealer share: programs with their tables, and the store that tapes are
// dealt into, where there is one.
#ifndef LUTRA_DEALER_DEPOT_H_
#define LUTRA_DEALER_DEPOT_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "cluster/dealer_store.h"
#include "cluster/tape_file.h"
#include "core/status.h"
#include "core/thread_pool.h"
#include "dealer/stock.h"
#include "mpc/builder.h"
#include "mpc/keys.h"
#include "mpc/role.h"

namespace lutra {

struct DepotOptions {
  // How many tapes of each program in all, those of earlier runs included. Without: as many as keep
  // kStock in stock.
  std::optional<int64_t> count;
  // Every key and identifier as the simulation has them: of one program, then.
  std::optional<uint64_t> simulation_seed;
  // That of the cluster: programs of another one are refused.
  std::optional<Deployment> deployment;
  int64_t window_bytes = int64_t{64} << 20;  // what is dealt at a time, see DealOptions
};

// All of it may be called from any thread.
class Depot {
 public:
  static constexpr int64_t kStock = 2;

  // `store` may be null: programs are then kept in memory, and nothing is dealt ahead. Loads every
  // program of the store. The registry outlives the depot.
  static StatusOr<std::unique_ptr<Depot>> Make(const Registry& registry,
                                               std::unique_ptr<DealerStore> store,
                                               DepotOptions options);

  const Registry& registry() const { return registry_; }
  const DepotOptions& options() const { return options_; }
  bool has_store() const { return store_ != nullptr; }

  // ---- programs ----

  // One that is there already, with the same tables, is fine. Whether it was new.
  StatusOr<bool> Add(BuiltProgram built);
  // NotFound names the program.
  StatusOr<std::shared_ptr<const BuiltProgram>> Find(const Digest& program) const;
  struct Entry {
    Digest program;
    int64_t stock = 0;   // tapes of which every party's part is still there
    uint64_t dealt = 0;  // ever
  };
  StatusOr<std::vector<Entry>> List() const;

  // ---- tapes ----

  // Deals a tape of the program that needs one most, if one does. By one thread at a time.
  StatusOr<std::optional<DealRecord>> DealNext(ThreadPool& pool,
                                               const std::function<bool()>& stopped);
  // The first part of a role that is not in `have`, if there is one. A part with a damaged header
  // is set aside, and `damaged` is told why.
  using Damaged = std::function<void(const Status& why)>;
  StatusOr<std::optional<TapeReader>> NextPart(Role role, const Digest& program,
                                               std::span<const Identifier> have,
                                               const Damaged& damaged);
  // The part is damaged: it is not handed out any more, until the next start.
  void SetAside(Role role, const Identifier& tape);
  // The role has it.
  Status RemovePart(Role role, const Digest& program, const Identifier& tape);

  // What makes the next tape of a program, for a stream. Its name counts as dealt.
  StatusOr<TapeSeed> NewStreamSeed(const Digest& program);
  // Of a stream; nothing where there is no store.
  Status AddLedger(const DealRecord& record);

 private:
  Depot(const Registry& registry, std::unique_ptr<DealerStore> store, DepotOptions options)
      : registry_(registry), store_(std::move(store)), options_(std::move(options)) {}
  Status CheckDeployment(const Program& program) const;
  Status CheckSeeded() const;
  uint64_t Dealt(const Digest& program) const;
  StatusOr<Entry> EntryOf(const Digest& program) const;
  StatusOr<std::shared_ptr<const BuiltProgram>> MostNeeded() const;

  const Registry& registry_;
  mutable std::mutex mutex_;
  std::unique_ptr<DealerStore> store_;
  const DepotOptions options_;
  std::map<Digest, std::shared_ptr<const BuiltProgram>> programs_;
  std::map<Digest, uint64_t> streamed_;  // without a store, how many streams there were
  std::set<std::pair<Role, Identifier>> aside_;
};

}  // namespace lutra

#endif  // LUTRA_DEALER_DEPOT_H_
