// What one of P0, P1, P2 keeps between its runs: keys, programs, shares of models, tapes, which
// tapes are consumed, ledgers of sessions.
//
//   store, lock                   role, version, random id; held while a process has it open
//   keys                          long-term keys that parties have with each other
//   programs/DIGEST.program
//   models/ID.model
//   tapes/DIGEST/NUMBER-ID.tape   as fetched, or as copied there by the operator
//   consumed, bound               logs, apart from the tapes
//   sessions/NUMBER-ID.session
//
// Directories have mode 0700, files 0600. Not thread-safe.
#ifndef LUTRA_CLUSTER_PARTY_STORE_H_
#define LUTRA_CLUSTER_PARTY_STORE_H_

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/durable_log.h"
#include "cluster/session_folder.h"
#include "cluster/store_directory.h"
#include "cluster/tape_file.h"
#include "core/status.h"
#include "mpc/keys.h"
#include "mpc/message.h"
#include "mpc/program.h"

namespace lutra {

// What a role got when a model was shared: enough to walk its model phase again.
struct ModelRecord {
  struct Message {
    int level = 0;
    Role from = Role::kModelOwner;
    Bytes payload;
  };
  Identifier id;
  Digest program;
  LongTermKeys keys;  // model0 and model1, where the role holds them
  std::vector<Message> messages;
};

// A part that may not be used, and why: "...: already consumed".
struct RefusedTape {
  std::filesystem::path path;
  Status reason;
};

// All consumed tapes in a few bytes: equal exactly when the sets are.
struct ConsumedSummary {
  uint64_t count = 0;
  Digest hash;  // SHA-256 of the sorted identifiers
  friend bool operator==(const ConsumedSummary&, const ConsumedSummary&) = default;
};

class PartyStore {
 public:
  // Makes it where there is none. Errors: see StoreDirectory::Open; damaged logs.
  static StatusOr<std::unique_ptr<PartyStore>> Open(const std::filesystem::path& path, Role role);
  ~PartyStore();

  Role role() const { return directory_.role(); }
  const Identifier& id() const { return directory_.id(); }
  const std::filesystem::path& path() const { return directory_.path(); }
  // Of the logs, what Open cut off: the begin of an entry that a crash cut short. To be logged.
  int64_t torn_bytes() const { return consumed_log_.torn_bytes() + bound_log_.torn_bytes(); }

  // ---- keys: k0, k1, k2, data0, data1, those that this role holds ----

  const LongTermKeys& keys() const { return keys_; }
  // Durable when it returns. The same key again is fine, another one an error.
  Status SetKey(KeyName name, const Key& key);
  // What two holders may show each other to see that they have the same key; an error without it.
  StatusOr<Key> Fingerprint(KeyName name) const;

  // ---- programs ----

  // Keeps it; one that is there already is fine.
  Status AddProgram(const Program& program);
  std::vector<Digest> programs() const;
  StatusOr<Program> LoadProgram(const Registry& registry, const Digest& digest) const;

  // ---- models ----

  // All or nothing. A model of this id that is there already, and a program that is not, are
  // errors.
  Status AddModel(const ModelRecord& model);
  std::vector<Identifier> models() const;
  // Without the messages.
  StatusOr<ModelRecord> DescribeModel(const Identifier& id) const;
  StatusOr<ModelRecord> LoadModel(const Identifier& id) const;
  Status RemoveModel(const Identifier& id);

  // ---- tapes ----

  // Looks at the folder again: parts that the operator copied there count from now on. Returns
  // those that may not be used: damaged header, wrong length, role, program or name, permissions,
  // a tape that is consumed.
  StatusOr<std::vector<RefusedTape>> ScanTapes(const Digest& program);
  // Those that may be used, in the order in which they were dealt, as of the last scan and what
  // was imported and consumed since; with a model, without those bound to another one.
  std::vector<TapeEntry> Tapes(const Digest& program) const;
  std::vector<Identifier> Candidates(const Digest& program, const Identifier& model) const;
  // Opens a part for a session; an error when it is consumed or not there. The reader stays usable
  // when the tape is consumed or removed afterwards.
  StatusOr<TapeReader> OpenTape(const Digest& program, const Identifier& tape) const;
  // Removes this role's part. It stays in the logs.
  Status RemoveTape(const Digest& program, const Identifier& tape);
  // Removes all parts of consumed tapes that are still or again there; how many.
  StatusOr<int> RemoveConsumedTapes();

  // A part that arrives record by record.
  class Import {
   public:
    ~Import();
    // The next record with its checksum, as TapeReader::NextRecord gave it. With the header: an
    // error when the part is not of this role and program, is there already, or is consumed.
    Status Add(std::span<const std::byte> record);
    bool finished() const { return decoder_.finished(); }
    // After the last record: the part counts from now on. Without it nothing is left.
    Status Finish();

   private:
    friend class PartyStore;
    Import(PartyStore& store, const Digest& program);
    PartyStore& store_;
    Digest program_;
    TapeDecoder decoder_;
    std::unique_ptr<NewFile> file_;
  };
  // The store outlives it.
  StatusOr<std::unique_ptr<Import>> ImportTape(const Digest& program);

  // ---- consumption ----

  // Durable when it returns OK, and only then may anything that depends on the tape leave. An error
  // when the tape is consumed already.
  Status Consume(const Identifier& tape);
  bool IsConsumed(const Identifier& tape) const { return consumed_.contains(tape); }
  // Binds a tape to a model, durably, before its first prepare message leaves. The same model again
  // is fine; another model and a consumed tape are errors.
  Status Bind(const Identifier& tape, const Identifier& model);
  std::optional<Identifier> ModelOf(const Identifier& tape) const;

  ConsumedSummary Summary() const;
  // From a position in the log on, in its order; positions are 0 to consumed_count().
  std::vector<Identifier> ConsumedSince(size_t position) const;
  size_t consumed_count() const { return consumed_.size(); }
  // Takes over what another party has consumed; how many were new.
  StatusOr<size_t> Merge(std::span<const Identifier> consumed);

  // ---- sessions ----

  Status AddSession(const SessionRecord& session) { return sessions_->Add(session); }
  // In the order in which they ended.
  StatusOr<std::vector<Identifier>> Sessions() const { return sessions_->Sessions(); }
  StatusOr<SessionRecord> LoadSession(const Identifier& session) const {
    return sessions_->Load(session);
  }

 private:
  PartyStore(StoreDirectory directory, DurableLog consumed, DurableLog bound);
  Status Load();
  Status LoadLogs();
  Status WriteKeys() const;
  StatusOr<ModelRecord> ReadModel(const Identifier& id, bool with_messages) const;
  std::filesystem::path TapeFolder(const Digest& program) const;
  Status CheckNewPart(const Digest& program, const TapeHeader& header) const;
  StatusOr<TapeEntry> CheckPart(const Digest& program, const std::filesystem::path& path) const;
  void AddTape(const Digest& program, const TapeEntry& entry);
  void DropTape(const Identifier& tape);

  StoreDirectory directory_;
  DurableLog consumed_log_;
  DurableLog bound_log_;
  LongTermKeys keys_;
  std::set<Identifier> consumed_;
  std::map<Identifier, Identifier> bound_;
  std::set<Digest> programs_;
  std::set<Identifier> models_;
  std::map<Digest, std::vector<TapeEntry>> tapes_;  // usable ones, in their order
  std::optional<SessionFolder> sessions_;
};

// The first tape of the first list that is in all others too: what parties agree on when each has
// said what it could use. The first list is P1's, by convention.
std::optional<Identifier> FirstCommon(std::span<const std::vector<Identifier>> candidates);

}  // namespace lutra

#endif  // LUTRA_CLUSTER_PARTY_STORE_H_
