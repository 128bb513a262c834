// A folder with what a role can say about sessions that have ended: which they were, seconds, what
// it sent, and when. No value, key or word of a tape is in it.
//
//   NUMBER-ID.session   in the order in which they were added
//
// The folder has mode 0700, files 0600. Not thread-safe.
#ifndef LUTRA_CLUSTER_SESSION_FOLDER_H_
#define LUTRA_CLUSTER_SESSION_FOLDER_H_

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/status.h"
#include "mpc/keys.h"
#include "mpc/ledger.h"
#include "mpc/role.h"
#include "mpc/trace.h"

namespace lutra {

// Of a session; or of the sharing of a model, whose id is then that of the session, too.
struct SessionRecord {
  Identifier session;
  Identifier model;
  Identifier tape;
  Digest program;
  std::array<double, kPhases.size()> seconds{};  // by Phase
  // "framing_bytes"; "offline_nanoseconds", see SessionSummary::offline_seconds; of the data owner,
  // "examples".
  std::map<std::string, int64_t> counters;
  Ledger ledger;  // what this role sent, and its work
  Trace trace;    // when, as session 0
};

inline constexpr std::string_view kSessionExtension = ".session";

class SessionFolder {
 public:
  // Makes it where there is none. Errors name it.
  static StatusOr<SessionFolder> Open(const std::filesystem::path& path);

  Status Add(const SessionRecord& session);
  // In the order in which they were added.
  StatusOr<std::vector<Identifier>> Sessions() const;
  StatusOr<SessionRecord> Load(const Identifier& session) const;

 private:
  explicit SessionFolder(std::filesystem::path path) : path_(std::move(path)) {}

  std::filesystem::path path_;
  uint64_t next_ = 0;
};

// Errors name the file.
StatusOr<SessionRecord> ReadSessionRecord(const std::filesystem::path& file);

}  // namespace lutra

#endif  // LUTRA_CLUSTER_SESSION_FOLDER_H_
