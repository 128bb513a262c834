// What happened in a run and in which order, role by role: what a timeline shows and what a replay
// under another network starts from. No value, key or word of a tape is in it: times, sizes, nodes.
//
// A track is what one role did in one phase of one session, one event after the other. An event
// depends on the one before it in its track; a receipt also on what was sent. Of each link, phase,
// level and session bytes arrive in the order in which they were sent, so a receipt of n bytes is
// complete when the first (receipts so far + n) bytes are there. Messages without payload are
// counted beside them: the k-th receipt of no bytes takes the k-th of these.
#ifndef LUTRA_MPC_TRACE_H_
#define LUTRA_MPC_TRACE_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string_view>
#include <vector>

#include "core/key.h"
#include "core/status.h"
#include "mpc/listener.h"
#include "mpc/program.h"
#include "mpc/role.h"

namespace lutra {

struct TraceEvent {
  enum class Kind : uint8_t { kWork, kSend, kReceive };

  Kind kind = Kind::kWork;
  NodeId node = 0;            // of work
  Role peer = Role::kDealer;  // of a message: to whom, from whom
  int32_t level = 0;          // of a message, and of work that belongs to a level
  int64_t bytes = 0;          // of a message: payload
  // Work: while it went on, and its CPU time. A receipt: from when it was wanted until it was
  // there. A message is sent at `begin`, which is its `end`.
  Span span;

  friend bool operator==(const TraceEvent& a, const TraceEvent& b) {
    return a.kind == b.kind && a.node == b.node && a.peer == b.peer && a.level == b.level &&
           a.bytes == b.bytes && a.span.begin == b.span.begin && a.span.end == b.span.end &&
           a.span.cpu == b.span.cpu;
  }
};

// What arrives in the order in which it was sent, in one phase of a session: the bytes of a level
// and link, or its messages without payload.
struct TraceStream {
  int32_t level = 0;
  Role from = Role::kDealer;
  Role to = Role::kDealer;
  bool is_empty = false;  // without payload
  friend auto operator<=>(const TraceStream&, const TraceStream&) = default;
};
// Where a message or receipt in a track of `role` belongs.
TraceStream StreamOf(const TraceEvent& event, Role role);
// What it adds to its stream: its bytes, or one message without payload.
int64_t AmountOf(const TraceEvent& event);

struct Trace {
  struct TrackId {
    int32_t session = 0;  // from 0; a model is shared before session 0, and counted to it
    Phase phase = Phase::kModel;
    Role role = Role::kDealer;
    friend auto operator<=>(const TrackId&, const TrackId&) = default;
  };

  Digest program{};                 // whose nodes are named
  std::map<Role, int32_t> threads;  // that a role computed with
  std::map<TrackId, std::vector<TraceEvent>> tracks;

  int sessions() const;  // one more than the highest; 0 of an empty trace
  // The earliest begin and the latest end of anything.
  Span Extent() const;
  // Takes over the tracks of another one, of other roles or sessions; its session 0 becomes
  // `first_session`.
  void Add(const Trace& other, int32_t first_session = 0);
};

// Records a trace. Of one thread at a time.
class TraceRecorder final : public Listener {
 public:
  // Of whom: of roles that take turns, as in a simulation, or of one role that does nothing else.
  // Of such a role, what it did between two events of a track was local work, too: it counts to the
  // work before or after it. Not so what comes after a send: to hand a message over is part of what
  // the message costs.
  enum class Roles { kAll, kOne };
  explicit TraceRecorder(Roles roles = Roles::kAll) : roles_(roles) {}

  // What follows belongs to this session. 0 before the first call.
  void SetSession(int32_t session) { session_ = session; }

  void OnPart(const Node&, Phase, int, Role, Role, int64_t) override {}
  void OnMessage(Phase phase, int level, Role from, Role to, std::span<const std::byte> payload,
                 bool continues) override;
  void OnReceive(Phase phase, int level, Role from, Role to, int64_t bytes,
                 const Span& wait) override;
  void OnWork(const Node& node, Phase phase, Role role, const Span& span) override;

  Trace& trace() { return trace_; }
  const Trace& trace() const { return trace_; }

 private:
  void Add(const Trace::TrackId& id, TraceEvent event);

  const Roles roles_;
  int32_t session_ = 0;
  int64_t end_ = 0;          // of the last event
  bool hands_over_ = false;  // it was a send
  Trace trace_;
};

// A trace as bytes, a few for each event. What is read is checked: roles, phases, no negative size,
// no end before its begin; `where` names its origin in errors.
std::vector<std::byte> WriteTrace(const Trace& trace);
StatusOr<Trace> ReadTrace(std::span<const std::byte> bytes, std::string_view where);

// The same as a file: "LUTRATRC", version (u32, 1), XXH3-128 of the rest, the bytes above.
// A session takes some 10 to 300 KiB, so these are at least some 900; in memory ten times as much.
inline constexpr int64_t kMostTraceBytes = int64_t{1} << 28;
std::vector<std::byte> TraceFile(const Trace& trace);
StatusOr<Trace> ReadTraceFile(const std::filesystem::path& path);

}  // namespace lutra

#endif  // LUTRA_MPC_TRACE_H_
