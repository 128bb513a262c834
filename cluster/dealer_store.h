// What the dealer keeps: programs with the contents of their tables, tapes that were dealt and not
// fetched yet, and which were ever dealt.
//
//   store, lock
//   programs/DIGEST.program, programs/DIGEST.tables
//   dealt                                  log: program and id of every tape that was dealt whole
//   p0/DIGEST/NUMBER-ID.tape, p1/.., p2/.. parts, by the role that gets them
//   ledgers/ID.ledger                      what dealing a tape came to
//
// Directories have mode 0700, files 0600. Not thread-safe.
#ifndef LUTRA_CLUSTER_DEALER_STORE_H_
#define LUTRA_CLUSTER_DEALER_STORE_H_

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "cluster/durable_log.h"
#include "cluster/store_directory.h"
#include "cluster/tape_file.h"
#include "core/status.h"
#include "mpc/builder.h"
#include "mpc/ledger.h"
#include "mpc/program.h"
#include "mpc/trace.h"

namespace lutra {

// What dealing a tape came to.
struct DealRecord {
  Identifier tape;
  Digest program;
  uint64_t number = 0;  // as in the headers
  double seconds = 0;
  Ledger ledger;  // of the phase deal
  Trace trace;    // when, as session 0
};
// Of a file in the folder `ledgers` of a store. Errors name the file.
inline constexpr std::string_view kLedgerExtension = ".ledger";
StatusOr<DealRecord> ReadDealRecord(const std::filesystem::path& file);

class DealerStore {
 public:
  // Makes it where there is none. Parts of tapes that a crash left half dealt are removed.
  static StatusOr<std::unique_ptr<DealerStore>> Open(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return directory_.path(); }
  // Parts that Open removed.
  int removed_parts() const { return removed_parts_; }

  // ---- programs ----

  // Keeps program and tables; those that are there already are fine.
  Status AddProgram(const Program& program, const TableContents& tables);
  std::vector<Digest> programs() const;
  StatusOr<BuiltProgram> LoadProgram(const Registry& registry, const Digest& digest) const;

  // ---- tapes ----

  // How many tapes of a program were ever dealt: the number of the next one.
  uint64_t dealt(const Digest& program) const;
  // The parts of a role that were not removed yet, in the order in which they were dealt.
  StatusOr<std::vector<TapeEntry>> Parts(Role role, const Digest& program) const;
  // Tapes of which every role's part is still there.
  StatusOr<int64_t> Stock(const Digest& program) const;
  StatusOr<TapeReader> OpenPart(Role role, const Digest& program, const Identifier& tape) const;
  // After the role has confirmed that it has it.
  Status RemovePart(Role role, const Digest& program, const Identifier& tape);

  // A tape that is being dealt: its three parts appear together or not at all.
  class NewTape {
   public:
    // Nothing is left of a tape that was not committed.
    ~NewTape();
    // The next words of P1's or P2's stream.
    Status Append(Role role, std::span<const std::byte> words);
    // After the last words. Until here the store is not touched, and other threads may use it.
    Status Finish(const DealRecord& record);
    // After Finish. Durable when it returns OK.
    Status Commit();

   private:
    friend class DealerStore;
    NewTape(DealerStore& store, const Identifier& tape, const Digest& program);
    DealerStore& store_;
    Identifier tape_;
    Digest program_;
    std::array<std::unique_ptr<TapeWriter>, kParties.size()> writers_;
    std::array<std::filesystem::path, kParties.size()> paths_;
    std::filesystem::path ledger_path_;
    bool finished_ = false;
    bool committed_ = false;
  };
  // `headers`: those of P0, P1, P2, of one tape, whose number is dealt(program). An error when a
  // tape of this id was dealt before. The store outlives it; one at a time for a program.
  StatusOr<std::unique_ptr<NewTape>> BeginTape(const std::array<TapeHeader, 3>& headers);
  // A tape whose parts are streamed and never lie here: its name counts as dealt, durably, when it
  // returns OK. `number` is dealt(program).
  Status RecordStream(const Digest& program, const Identifier& tape, uint64_t number);

  // ---- ledgers ----

  // For tapes that are streamed; the others get theirs by NewTape::Finish.
  Status AddLedger(const DealRecord& record);
  // NotFound where there is none.
  StatusOr<DealRecord> LoadLedger(const Identifier& tape) const;

 private:
  DealerStore(StoreDirectory directory, DurableLog dealt);
  Status Load();
  Status RemoveHalfDealt(const std::filesystem::path& folder);
  Status RemoveOrphanedLedgers();
  Status CheckNew(const Identifier& tape) const;
  Status AppendToLog(const Digest& program, const Identifier& tape);
  std::filesystem::path LedgerPath(const Identifier& tape) const;
  std::filesystem::path Folder(Role role, const Digest& program) const;

  StoreDirectory directory_;
  DurableLog dealt_log_;
  std::map<Digest, uint64_t> counts_;
  std::set<Identifier> dealt_;
  int removed_parts_ = 0;
};

}  // namespace lutra

#endif  // LUTRA_CLUSTER_DEALER_STORE_H_
