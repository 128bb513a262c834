#include "mpc/trace.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include "core/archive.h"
#include "core/clock.h"
#include "core/file.h"

namespace lutra {
namespace {

constexpr std::string_view kMagic = "LUTRATRC";
constexpr uint32_t kVersion = 1;

using Checksum = std::array<std::byte, 16>;
constexpr size_t kHeaderBytes = kMagic.size() + sizeof(kVersion) + sizeof(Checksum);

Checksum ChecksumOf(std::span<const std::byte> bytes) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes.data(), bytes.size()));
  Checksum checksum;
  std::memcpy(checksum.data(), canonical.digest, checksum.size());
  return checksum;
}

// Numbers of as many bytes as they need: seven bits in each, the lowest first, the top bit set
// where more follow.
void PutNumber(std::vector<std::byte>& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<std::byte>(value | 0x80));
  out.push_back(static_cast<std::byte>(value));
}

// Reads them, and remembers when they ended early or did not fit.
class NumberReader {
 public:
  explicit NumberReader(std::span<const std::byte> bytes) : rest_(bytes) {}

  uint64_t Take() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) break;
      const auto byte = static_cast<uint64_t>(rest_.front());
      rest_ = rest_.subspan(1);
      const uint64_t bits = byte & 0x7f;
      if (shift == 63 && bits > 1) break;
      value |= bits << shift;
      if (byte < 0x80) return value;
    }
    failed_ = true;
    return 0;
  }
  // One that is at most `most`.
  int64_t Take(int64_t most) {
    const uint64_t value = Take();
    if (value > static_cast<uint64_t>(most)) failed_ = true;
    return failed_ ? 0 : static_cast<int64_t>(value);
  }
  bool empty() const { return rest_.empty(); }
  bool failed() const { return failed_; }

 private:
  std::span<const std::byte> rest_;
  bool failed_ = false;
};

// A track as it is stored. Of events: kind and peer, node or level and bytes, then begin as the
// distance from the begin before (the sign in the lowest bit), duration, and CPU time of work.
struct StoredTrack {
  int32_t session = 0;
  uint32_t phase = 0, role = 0;
  uint64_t count = 0;
  std::vector<std::byte> events;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(session, phase, role, count, events);
  }
};
struct StoredThreads {
  uint32_t role = 0;
  int32_t threads = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(role, threads);
  }
};
struct StoredTrace {
  std::array<std::byte, sizeof(Digest::bytes)> program{};
  std::vector<StoredThreads> threads;
  std::vector<StoredTrack> tracks;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(cereal::binary_data(program.data(), program.size()), threads, tracks);
  }
};

constexpr int64_t kMostTime = std::numeric_limits<int64_t>::max() / 4;
constexpr int64_t kMostBytes = int64_t{1} << 60;
constexpr int32_t kMostSessions = 1 << 30;

void PutEvent(std::vector<std::byte>& out, const TraceEvent& event, int64_t& previous) {
  PutNumber(out, static_cast<uint64_t>(event.kind) * kRoles.size() + Index(event.peer));
  PutNumber(out, static_cast<uint64_t>(event.level));
  const bool is_work = event.kind == TraceEvent::Kind::kWork;
  PutNumber(out, is_work ? event.node : static_cast<uint64_t>(event.bytes));
  const int64_t step = event.span.begin - previous;
  previous = event.span.begin;
  PutNumber(out,
            step < 0 ? (static_cast<uint64_t>(-step) << 1 | 1) : static_cast<uint64_t>(step) << 1);
  if (event.kind != TraceEvent::Kind::kSend) {
    PutNumber(out, static_cast<uint64_t>(event.span.end - event.span.begin));
  }
  if (is_work) PutNumber(out, static_cast<uint64_t>(event.span.cpu));
}

// None where the bytes are not an event.
std::optional<TraceEvent> TakeEvent(NumberReader& reader, int64_t& previous) {
  TraceEvent event;
  const auto head = static_cast<size_t>(reader.Take(3 * int64_t{kRoles.size()} - 1));
  event.kind = static_cast<TraceEvent::Kind>(head / kRoles.size());
  event.peer = kRoles[head % kRoles.size()];
  event.level = static_cast<int32_t>(reader.Take(std::numeric_limits<int32_t>::max()));
  const bool is_work = event.kind == TraceEvent::Kind::kWork;
  if (is_work) {
    event.node = static_cast<NodeId>(reader.Take(std::numeric_limits<NodeId>::max()));
  } else {
    event.bytes = reader.Take(kMostBytes);
  }
  const uint64_t step = reader.Take();
  if (step >> 1 > static_cast<uint64_t>(kMostTime)) return std::nullopt;
  const auto distance = static_cast<int64_t>(step >> 1);
  event.span.begin = previous + ((step & 1) != 0 ? -distance : distance);
  if (event.span.begin < 0 || event.span.begin > kMostTime) return std::nullopt;
  previous = event.span.begin;
  event.span.end = event.span.begin;
  if (event.kind != TraceEvent::Kind::kSend) event.span.end += reader.Take(kMostTime);
  if (is_work) event.span.cpu = reader.Take(kMostTime);
  if (reader.failed()) return std::nullopt;
  return event;
}

StatusOr<std::vector<TraceEvent>> ReadEvents(const StoredTrack& stored, std::string_view where) {
  constexpr size_t kLeastEventBytes = 4;  // of a send
  std::vector<TraceEvent> events;
  events.reserve(std::min<uint64_t>(stored.count, stored.events.size() / kLeastEventBytes));
  NumberReader reader(stored.events);
  int64_t previous = 0;
  for (uint64_t i = 0; i < stored.count; ++i) {
    const std::optional<TraceEvent> event = TakeEvent(reader, previous);
    if (!event.has_value()) {
      return InvalidArgument(where, ": event ", i, ": expected an event, found other bytes");
    }
    events.push_back(*event);
  }
  if (!reader.empty()) {
    return InvalidArgument(where, ": expected ", stored.count, " events, found more bytes");
  }
  return events;
}

}  // namespace

TraceStream StreamOf(const TraceEvent& event, Role role) {
  const bool is_send = event.kind == TraceEvent::Kind::kSend;
  return {event.level, is_send ? role : event.peer, is_send ? event.peer : role, event.bytes == 0};
}

int64_t AmountOf(const TraceEvent& event) { return event.bytes == 0 ? 1 : event.bytes; }

int Trace::sessions() const {
  int sessions = 0;
  for (const auto& [id, events] : tracks) sessions = std::max(sessions, id.session + 1);
  return sessions;
}

Span Trace::Extent() const {
  Span extent{std::numeric_limits<int64_t>::max(), 0, 0};
  for (const auto& [id, events] : tracks) {
    for (const TraceEvent& event : events) {
      extent.begin = std::min(extent.begin, event.span.begin);
      extent.end = std::max(extent.end, event.span.end);
    }
  }
  return extent.begin > extent.end ? Span{} : extent;
}

void Trace::Add(const Trace& other, int32_t first_session) {
  threads.insert(other.threads.begin(), other.threads.end());
  for (const auto& [id, events] : other.tracks) {
    std::vector<TraceEvent>& track = tracks[{id.session + first_session, id.phase, id.role}];
    track.insert(track.end(), events.begin(), events.end());
  }
}

void TraceRecorder::OnMessage(Phase phase, int level, Role from, Role to,
                              std::span<const std::byte> payload, bool) {
  const int64_t now = MonotonicNanoseconds();
  Add({session_, phase, from},
      {TraceEvent::Kind::kSend, 0, to, level, static_cast<int64_t>(payload.size()), {now, now, 0}});
}

void TraceRecorder::OnReceive(Phase phase, int level, Role from, Role to, int64_t bytes,
                              const Span& wait) {
  Add({session_, phase, to}, {TraceEvent::Kind::kReceive, 0, from, level, bytes, wait});
}

void TraceRecorder::OnWork(const Node& node, Phase phase, Role role, const Span& span) {
  const int level = node.phase == phase ? node.level : 0;
  Add({session_, phase, role}, {TraceEvent::Kind::kWork, node.id, role, level, 0, span});
}

void TraceRecorder::Add(const Trace::TrackId& id, TraceEvent event) {
  std::vector<TraceEvent>& track = trace_.tracks[id];
  const int64_t between = event.span.begin - end_;
  if (roles_ == Roles::kOne && !track.empty() && !hands_over_ && between > 0) {
    TraceEvent& before = track.back();
    if (event.kind == TraceEvent::Kind::kWork) {
      event.span.begin = end_;
      event.span.cpu += between;
    } else if (before.kind == TraceEvent::Kind::kWork && before.span.end == end_) {
      before.span.end = event.span.begin;
      before.span.cpu += between;
    }
  }
  end_ = event.span.end;
  hands_over_ = event.kind == TraceEvent::Kind::kSend;
  track.push_back(event);
}

std::vector<std::byte> WriteTrace(const Trace& trace) {
  StoredTrace stored;
  std::memcpy(stored.program.data(), trace.program.bytes.data(), stored.program.size());
  for (const auto& [role, threads] : trace.threads) {
    stored.threads.push_back({static_cast<uint32_t>(Index(role)), threads});
  }
  for (const auto& [id, events] : trace.tracks) {
    StoredTrack& track = stored.tracks.emplace_back();
    track.session = id.session;
    track.phase = static_cast<uint32_t>(id.phase);
    track.role = static_cast<uint32_t>(Index(id.role));
    track.count = events.size();
    int64_t previous = 0;
    for (const TraceEvent& event : events) PutEvent(track.events, event, previous);
  }
  return WriteArchive(stored);
}

StatusOr<Trace> ReadTrace(std::span<const std::byte> bytes, std::string_view where) {
  LUTRA_ASSIGN_OR_RETURN(const StoredTrace stored, ReadArchive<StoredTrace>(bytes, where));
  Trace trace;
  std::memcpy(trace.program.bytes.data(), stored.program.data(), stored.program.size());
  for (const StoredThreads& each : stored.threads) {
    if (each.role >= kRoles.size() || each.threads < 1) {
      return InvalidArgument(where, ": threads: expected a role and at least 1 thread");
    }
    trace.threads[kRoles[each.role]] = each.threads;
  }
  for (size_t i = 0; i < stored.tracks.size(); ++i) {
    const StoredTrack& track = stored.tracks[i];
    const std::string name = StrCat(where, ": track ", i);
    if (track.session < 0 || track.session > kMostSessions || track.phase >= kPhases.size() ||
        track.role >= kRoles.size()) {
      return InvalidArgument(name, ": no such session, phase or role");
    }
    LUTRA_ASSIGN_OR_RETURN(std::vector<TraceEvent> events, ReadEvents(track, name));
    const Trace::TrackId id{track.session, kPhases[track.phase], kRoles[track.role]};
    if (!trace.tracks.emplace(id, std::move(events)).second) {
      return InvalidArgument(name, ": expected a track once, found it twice");
    }
  }
  return trace;
}

std::vector<std::byte> TraceFile(const Trace& trace) {
  const std::vector<std::byte> body = WriteTrace(trace);
  const Checksum checksum = ChecksumOf(body);
  std::vector<std::byte> file(kHeaderBytes + body.size());
  std::memcpy(file.data(), kMagic.data(), kMagic.size());
  std::memcpy(file.data() + kMagic.size(), &kVersion, sizeof(kVersion));
  std::memcpy(file.data() + kMagic.size() + sizeof(kVersion), checksum.data(), checksum.size());
  std::memcpy(file.data() + kHeaderBytes, body.data(), body.size());
  return file;
}

StatusOr<Trace> ReadTraceFile(const std::filesystem::path& path) {
  LUTRA_ASSIGN_OR_RETURN(const std::vector<std::byte> file, ReadFile(path, kMostTraceBytes));
  const std::string where = StrCat("'", path.string(), "'");
  if (file.size() < kHeaderBytes || std::memcmp(file.data(), kMagic.data(), kMagic.size()) != 0) {
    return InvalidArgument(where, ": magic: expected a trace (", kMagic, ")");
  }
  uint32_t version;
  std::memcpy(&version, file.data() + kMagic.size(), sizeof(version));
  if (version != kVersion) {
    return InvalidArgument(where, ": version: expected ", kVersion, ", found ", version);
  }
  const std::span<const std::byte> body = std::span(file).subspan(kHeaderBytes);
  const Checksum checksum = ChecksumOf(body);
  if (std::memcmp(file.data() + kMagic.size() + sizeof(version), checksum.data(),
                  checksum.size()) != 0) {
    return absl::DataLossError(StrCat(where, ": damaged: its checksum is another"));
  }
  return ReadTrace(body, where);
}

}  // namespace lutra
