#include "parties/gather.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <numeric>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "cluster/store_directory.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFraming = "framing_bytes";
constexpr const char* kOffline = "offline_nanoseconds";
constexpr const char* kExamples = "examples";
constexpr int64_t kMostCount = int64_t{1} << 50;

int64_t CounterOf(const SessionRecord& record, const char* name) {
  const auto found = record.counters.find(name);
  return found == record.counters.end() ? 0 : found->second;
}

// All records that were found, by who made them.
class Records {
 public:
  explicit Records(const Program& program) : program_(program) {}

  Status Read(const fs::path& folder);

  // Of which the data owner recorded sessions with the program.
  std::set<Identifier> models() const;
  // Of the data owner, in the order in which they were read.
  const std::vector<SessionRecord>& sessions() const { return sessions_; }
  StatusOr<SessionRecords> Of(const SessionRecord& session) const;
  // None unless the model owner and all parties have one.
  std::optional<std::vector<SessionRecord>> OfModel(const Identifier& model) const;

 private:
  Status ReadSession(const fs::path& file);
  Status ReadDealt(const fs::path& file);
  const SessionRecord* Find(Role role, const Identifier& session) const;

  const Program& program_;
  std::vector<SessionRecord> sessions_;
  std::map<std::pair<Role, Identifier>, SessionRecord> others_;
  std::map<Identifier, DealRecord> dealt_;  // by tape
};

// Whose record it is; none where nothing is in it.
StatusOr<std::optional<Role>> RoleOf(const SessionRecord& record, const fs::path& file) {
  std::optional<Role> role;
  for (const auto& [id, events] : record.trace.tracks) {
    if (role.has_value() && *role != id.role) {
      return InvalidArgument("'", file.string(), "': trace: expected events of one role, found ",
                             Name(*role), " and ", Name(id.role));
    }
    role = id.role;
  }
  return role;
}

// One session, of the program's nodes.
Status CheckContent(const Trace& trace, const Ledger& ledger, const Program& program,
                    const fs::path& file) {
  NodeId last = 0;
  for (const auto& [id, events] : trace.tracks) {
    if (id.session != 0) {
      return InvalidArgument("'", file.string(), "': trace: expected events of session 0, found ",
                             id.session);
    }
    for (const TraceEvent& event : events) {
      if (event.kind == TraceEvent::Kind::kWork) last = std::max(last, event.node);
    }
  }
  for (const auto& [part, bits] : ledger.bits()) last = std::max(last, part.node);
  for (const auto& [work, seconds] : ledger.seconds()) last = std::max(last, work.node);
  if (last < program.nodes().size()) return absl::OkStatus();
  return InvalidArgument("'", file.string(), "': node: expected fewer than ",
                         program.nodes().size(), ", found ", last);
}

Status CheckFigures(const SessionRecord& record, const fs::path& file) {
  for (const double seconds : record.seconds) {
    if (seconds >= 0 && seconds < 1e12) continue;
    return InvalidArgument("'", file.string(), "': seconds: expected at least 0, found ", seconds);
  }
  for (const auto& [name, count] : record.counters) {
    if (count >= 0 && count <= kMostCount) continue;
    return InvalidArgument("'", file.string(), "': ", name, ": expected at least 0, found ", count);
  }
  return absl::OkStatus();
}

Status Records::ReadSession(const fs::path& file) {
  LUTRA_ASSIGN_OR_RETURN(SessionRecord record, ReadSessionRecord(file));
  if (record.program != program_.digest()) return absl::OkStatus();
  LUTRA_RETURN_IF_ERROR(CheckFigures(record, file));
  LUTRA_RETURN_IF_ERROR(CheckContent(record.trace, record.ledger, program_, file));
  LUTRA_ASSIGN_OR_RETURN(const std::optional<Role> role, RoleOf(record, file));
  if (!role.has_value()) return absl::OkStatus();
  if (*role != Role::kDataOwner) {
    others_.insert_or_assign({*role, record.session}, std::move(record));
    return absl::OkStatus();
  }
  const bool known =
      std::any_of(sessions_.begin(), sessions_.end(),
                  [&](const SessionRecord& each) { return each.session == record.session; });
  if (!known) sessions_.push_back(std::move(record));
  return absl::OkStatus();
}

Status Records::ReadDealt(const fs::path& file) {
  LUTRA_ASSIGN_OR_RETURN(DealRecord record, ReadDealRecord(file));
  if (record.program != program_.digest()) return absl::OkStatus();
  LUTRA_RETURN_IF_ERROR(CheckContent(record.trace, record.ledger, program_, file));
  dealt_.insert_or_assign(record.tape, std::move(record));
  return absl::OkStatus();
}

Status Records::Read(const fs::path& folder) {
  bool found = false;
  for (const fs::path& place : {folder, folder / "sessions", folder / "ledgers"}) {
    LUTRA_ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(place));
    for (const std::string& name : names) {
      const bool session = name.ends_with(kSessionExtension);
      if (!session && !name.ends_with(kLedgerExtension)) continue;
      found = true;
      LUTRA_RETURN_IF_ERROR(session ? ReadSession(place / name) : ReadDealt(place / name));
    }
  }
  if (found) return absl::OkStatus();
  return absl::NotFoundError(StrCat("'", folder.string(),
                                    "': expected a store of a server, or what an owner recorded "
                                    "(--record), found no records of sessions"));
}

std::set<Identifier> Records::models() const {
  std::set<Identifier> models;
  for (const SessionRecord& session : sessions_) models.insert(session.model);
  return models;
}

const SessionRecord* Records::Find(Role role, const Identifier& session) const {
  const auto found = others_.find({role, session});
  return found == others_.end() ? nullptr : &found->second;
}

StatusOr<SessionRecords> Records::Of(const SessionRecord& session) const {
  const auto missing = [&](Role role, std::string_view what) {
    return absl::NotFoundError(StrCat("session ", session.session.Hex(),
                                      ": expected the records of all roles, found none of ",
                                      Name(role), what));
  };
  SessionRecords records;
  records.owner = session;
  const auto dealt = dealt_.find(session.tape);
  if (dealt == dealt_.end()) return missing(Role::kDealer, StrCat(", tape ", session.tape.Hex()));
  records.dealt = dealt->second;
  for (const Role party : kParties) {
    const SessionRecord* record = Find(party, session.session);
    // P0 goes by the tape where it takes no part online.
    if (record == nullptr && party == Role::kP0) record = Find(party, session.tape);
    if (record == nullptr) return missing(party, "");
    records.parties.push_back(*record);
  }
  return records;
}

std::optional<std::vector<SessionRecord>> Records::OfModel(const Identifier& model) const {
  std::vector<SessionRecord> records;
  for (const Role role : {Role::kModelOwner, Role::kP0, Role::kP1, Role::kP2}) {
    const SessionRecord* record = Find(role, model);
    if (record == nullptr) return std::nullopt;
    records.push_back(*record);
  }
  return records;
}

// What is known of how clocks differ: [a][b] is the least by which b's has to be ahead of a's for
// all messages from a to b to arrive after they were sent.
constexpr int64_t kNoMessage = std::numeric_limits<int64_t>::min();
using ClockBounds = std::array<std::array<int64_t, kRoles.size()>, kRoles.size()>;

ClockBounds BoundsOf(const Trace& trace) {
  using Stream = std::tuple<int32_t, Phase, int32_t, Role, Role>;  // session to receiver
  std::map<Stream, int64_t> sent;                                  // the last of it
  std::map<Stream, int64_t> received;                              // all of it
  const auto add = [](std::map<Stream, int64_t>& times, const Stream& stream, int64_t time) {
    int64_t& last = times.emplace(stream, time).first->second;
    last = std::max(last, time);
  };
  for (const auto& [id, events] : trace.tracks) {
    for (const TraceEvent& event : events) {
      if (event.kind == TraceEvent::Kind::kSend) {
        add(sent, {id.session, id.phase, event.level, id.role, event.peer}, event.span.begin);
      } else if (event.kind == TraceEvent::Kind::kReceive) {
        add(received, {id.session, id.phase, event.level, event.peer, id.role}, event.span.end);
      }
    }
  }
  ClockBounds bounds;
  for (auto& row : bounds) row.fill(kNoMessage);
  for (const auto& [stream, time] : received) {
    const auto found = sent.find(stream);
    if (found == sent.end()) continue;
    const auto& [session, phase, level, from, to] = stream;
    int64_t& bound = bounds[Index(from)][Index(to)];
    bound = std::max(bound, found->second - time);
  }
  return bounds;
}

// What moves the clock of a role beside those that are settled; none without messages to them.
struct Move {
  int64_t by = 0;
  bool both_ways = false;
};
std::optional<Move> MoveOf(Role role, const ClockBounds& bounds,
                           const std::array<std::optional<int64_t>, kRoles.size()>& settled) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max() / 4;
  std::optional<int64_t> least;
  std::optional<int64_t> most;
  for (const Role other : kRoles) {
    if (!settled[Index(other)].has_value()) continue;
    const int64_t theirs = *settled[Index(other)];
    if (const int64_t in = bounds[Index(other)][Index(role)]; in != kNoMessage) {
      least = std::max(least.value_or(theirs + in), theirs + in);
    }
    if (const int64_t out = bounds[Index(role)][Index(other)]; out != kNoMessage) {
      most = std::min(most.value_or(theirs - out), theirs - out);
    }
  }
  if (!least.has_value() && !most.has_value()) return std::nullopt;
  Move move{0, least.has_value() && most.has_value()};
  if (!move.both_ways) {
    move.by = least.has_value() ? *least : *most;
  } else if (*least > 0 || *most < 0) {
    move.by = std::midpoint(*least, *most);
  }
  move.by = std::clamp(move.by, -kMost, kMost);
  return move;
}

}  // namespace

SessionRecord RecordOf(const InferResult& result, const Program& program, const Identifier& model,
                       int64_t examples) {
  SessionRecord record;
  record.session = result.session;
  record.model = model;
  record.tape = result.tape;
  record.program = program.digest();
  record.seconds[Index(Phase::kOnline)] = result.seconds;
  record.counters[kExamples] = examples;
  record.counters[kFraming] = result.traffic.sent.framing_bytes + result.traffic.sent.control_bytes;
  record.ledger = result.ledger;
  record.trace = result.trace;
  return record;
}

SessionRecord RecordOf(const SharedModel& shared, const Program& program) {
  LUTRA_CHECK(shared.model.has_value());
  SessionRecord record;
  record.session = record.model = *shared.model;
  record.program = program.digest();
  record.seconds[Index(Phase::kModel)] = shared.seconds;
  record.ledger = shared.ledger;
  record.trace = shared.trace;
  return record;
}

void AddRecords(const SessionRecords& records, int32_t number, SessionSummary& summary,
                Ledger& ledger, Trace& trace) {
  Ledger own = records.owner.ledger;
  trace.Add(records.owner.trace, number);
  own.Add(records.dealt.ledger);
  trace.Add(records.dealt.trace, number);
  // Not DealRecord's: a dealer that streams waits for the parties to take what it has dealt.
  double& deal = summary.seconds[Index(Phase::kDeal)];
  for (const auto& [work, seconds] : records.dealt.ledger.seconds()) deal += seconds;
  summary.framing_bytes = CounterOf(records.owner, kFraming);
  bool timed = true;
  int64_t offline = 0;  // nanoseconds
  for (const SessionRecord& record : records.parties) {
    own.Add(record.ledger);
    trace.Add(record.trace, number);
    double& prepare = summary.seconds[Index(Phase::kPrepare)];
    prepare = std::max(prepare, record.seconds[Index(Phase::kPrepare)]);
    summary.framing_bytes += CounterOf(record, kFraming);
    timed = timed && record.counters.contains(kOffline);
    offline = std::max(offline, CounterOf(record, kOffline));
  }
  if (timed) summary.offline_seconds = 1e-9 * static_cast<double>(offline);
  const PhaseBytes bytes = BytesIn(own);
  for (size_t phase = 0; phase < bytes.size(); ++phase) summary.bytes[phase] += bytes[phase];
  summary.rounds = own.rounds(Phase::kOnline);
  ledger.Add(own);
}

StatusOr<GatheredRun> Gather(const Program& program, const std::optional<Identifier>& model,
                             std::span<const fs::path> folders) {
  Records records(program);
  for (const fs::path& folder : folders) LUTRA_RETURN_IF_ERROR(records.Read(folder));
  const std::set<Identifier> models = records.models();
  if (!model.has_value() && models.size() > 1) {
    std::string names;
    for (const Identifier& each : models) names += StrCat(names.empty() ? "" : ", ", each.Hex());
    return InvalidArgument("records: expected sessions of one model, or --model, found ", names);
  }
  GatheredRun run;
  run.trace.program = program.digest();
  for (const SessionRecord& session : records.sessions()) {
    if (model.has_value() && session.model != *model) continue;
    LUTRA_ASSIGN_OR_RETURN(const SessionRecords all, records.Of(session));
    SessionSummary& summary = run.summary.sessions.emplace_back();
    summary.examples = CounterOf(session, kExamples);
    summary.seconds[Index(Phase::kOnline)] = session.seconds[Index(Phase::kOnline)];
    if (run.summary.sessions.size() == 1) {
      const auto shared = records.OfModel(session.model);
      for (const SessionRecord& record : shared.value_or(std::vector<SessionRecord>())) {
        run.ledger.Add(record.ledger);
        run.trace.Add(record.trace);
        double& seconds = summary.seconds[Index(Phase::kModel)];
        seconds = std::max(seconds, record.seconds[Index(Phase::kModel)]);
      }
      summary.bytes = BytesIn(run.ledger);
    }
    AddRecords(all, static_cast<int32_t>(run.summary.sessions.size()) - 1, summary, run.ledger,
               run.trace);
  }
  if (run.summary.sessions.empty()) {
    return absl::NotFoundError(
        StrCat("records: expected sessions of a data owner with program ", program.digest().Hex(),
               model.has_value() ? StrCat(" and model ", model->Hex()) : "", ", found none"));
  }
  AlignClocks(run.trace);
  for (const auto& [role, threads] : run.trace.threads) {
    run.summary.threads = std::max(run.summary.threads, int{threads});
  }
  return run;
}

void AlignClocks(Trace& trace) {
  const ClockBounds bounds = BoundsOf(trace);
  std::array<std::optional<int64_t>, kRoles.size()> settled;
  settled[Index(Role::kP1)] = 0;
  for (;;) {
    std::optional<std::pair<Role, Move>> next;  // the best known first
    for (const Role role : kRoles) {
      if (settled[Index(role)].has_value()) continue;
      const std::optional<Move> move = MoveOf(role, bounds, settled);
      if (!move.has_value() || (next.has_value() && next->second.both_ways >= move->both_ways)) {
        continue;
      }
      next = {role, *move};
    }
    if (!next.has_value()) break;
    settled[Index(next->first)] = next->second.by;
  }
  int64_t first = 0;
  for (auto& [id, events] : trace.tracks) {
    const int64_t by = settled[Index(id.role)].value_or(0);
    for (TraceEvent& event : events) {
      event.span.begin += by;
      event.span.end += by;
      first = std::min(first, event.span.begin);
    }
  }
  for (auto& [id, events] : trace.tracks) {  // none is negative
    for (TraceEvent& event : events) {
      event.span.begin -= first;
      event.span.end -= first;
    }
  }
}

}  // namespace lutra
