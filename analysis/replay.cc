#include "analysis/replay.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <limits>
#include <map>
#include <queue>
#include <string>
#include <utility>

namespace lutra {
namespace {

constexpr size_t kNone = std::numeric_limits<size_t>::max();
constexpr int64_t kMostBytes = int64_t{1} << 60;  // on a channel

int32_t TracedThreads(const Trace& trace, Role role) {
  const auto threads = trace.threads.find(role);
  return threads == trace.threads.end() ? 1 : threads->second;
}

// A step that happened, and the one that it waited for last.
struct Step {
  CriticalStep step;
  size_t before = kNone;
};

// A stream of messages on its way. One track sends it and one takes it. Amounts are bytes, or
// messages where these are without payload.
struct Channel {
  struct Arrival {
    int64_t amount;  // that is there, of all messages so far
    double time;
    size_t step;
  };
  std::vector<Arrival> arrivals;
  size_t next = 0;        // the first arrival that no receipt is done with
  int64_t taken = 0;      // by receipts so far
  size_t reader = kNone;  // the track that waits for more
  int64_t sent_in_all = 0;
  int64_t taken_in_all = 0;
};

struct Track {
  Phase phase;
  Role role;
  const std::vector<TraceEvent>* events;
  std::vector<size_t> channels;  // by event; of messages
  size_t next = 0;               // event
  double time = 0;               // when it is ready for it
  size_t step = kNone;           // that made it ready
  bool arrived = false;          // what the next event, a receipt, waits for
};

// One stage of one session.
class StageRun {
 public:
  StageRun(const Trace& trace, const Network& network, int32_t session)
      : trace_(trace), network_(network), session_(session) {}

  // Errors are found here, before anything happens, but for cycles.
  Status Add(Phase phase, Role role, const std::vector<TraceEvent>& events);
  StatusOr<StageReplay> Run();

 private:
  using ChannelKey = std::pair<Phase, TraceStream>;
  struct Server {  // does one thing at a time
    double free = 0;
    size_t step = kNone;  // the last one
  };

  std::string Where(const ChannelKey& key) const;
  Status AddMessage(const TraceEvent& event, Track& track);
  Status CheckSent() const;
  Status CycleError() const;

  void Push(size_t track) { ready_.emplace(tracks_[track].time, track); }
  void Next(size_t index);
  void Receive(Track& track, size_t index);
  // Sets when and why the bytes are there that a receipt waits for; false if they are not sent yet.
  bool Arrive(Track& track, Channel& channel, int64_t amount);
  void Transmit(const Track& track, const TraceEvent& event, Channel& channel);
  // The role of the track is busy for so long as soon as it is free; the track goes on afterwards.
  void Occupy(Track& track, CriticalStep step, double seconds);
  // Puts a step on a server that was asked for at `time` because of `before`; returns its number.
  size_t Put(Server& server, CriticalStep step, double time, size_t before, double seconds);
  size_t Append(const CriticalStep& step, size_t before);

  StageReplay Result() const;

  const Trace& trace_;
  const Network& network_;
  const int32_t session_;
  std::map<ChannelKey, size_t> channel_numbers_;
  std::vector<Channel> channels_;
  std::vector<Track> tracks_;
  std::vector<Step> steps_;
  std::array<Server, kRoles.size()> computers_;
  std::array<std::array<Server, kRoles.size()>, kRoles.size()> links_;  // [from][to]
  // Tracks by when they are ready for their next event; of equals, the first in the trace's order.
  std::priority_queue<std::pair<double, size_t>, std::vector<std::pair<double, size_t>>,
                      std::greater<>>
      ready_;
};

std::string StageRun::Where(const ChannelKey& key) const {
  const auto& [phase, stream] = key;
  return StrCat("trace: session ", session_, ", ", Name(phase), " level ", stream.level, ", ",
                Name(stream.from), " -> ", Name(stream.to));
}

Status StageRun::AddMessage(const TraceEvent& event, Track& track) {
  const ChannelKey key = {track.phase, StreamOf(event, track.role)};
  const auto [found, is_new] = channel_numbers_.emplace(key, channels_.size());
  if (is_new) channels_.emplace_back();
  Channel& channel = channels_[found->second];
  const bool is_send = event.kind == TraceEvent::Kind::kSend;
  int64_t& sum = is_send ? channel.sent_in_all : channel.taken_in_all;
  if (event.bytes < 0 || AmountOf(event) > kMostBytes - sum) {
    return InvalidArgument(Where(key), ": expected 0 to 2^60 bytes, found more or less");
  }
  sum += AmountOf(event);
  track.channels.back() = found->second;
  return absl::OkStatus();
}

Status StageRun::Add(Phase phase, Role role, const std::vector<TraceEvent>& events) {
  Track& track = tracks_.emplace_back(Track{phase, role, &events, {}});
  track.channels.reserve(events.size());
  for (const TraceEvent& event : events) {
    track.channels.push_back(kNone);
    if (event.kind != TraceEvent::Kind::kWork) {
      LUTRA_RETURN_IF_ERROR(AddMessage(event, track));
    } else if (event.span.end < event.span.begin) {
      return InvalidArgument("trace: session ", session_, ", ", Name(phase), ", ", Name(role),
                             ": node ", event.node, ": expected an end after its begin");
    }
  }
  return absl::OkStatus();
}

Status StageRun::CheckSent() const {
  for (const auto& [key, number] : channel_numbers_) {
    const Channel& channel = channels_[number];
    if (channel.taken_in_all <= channel.sent_in_all) continue;
    return InvalidArgument(Where(key), ": expected ", channel.taken_in_all,
                           key.second.is_empty ? " messages without payload" : " bytes",
                           " to be sent, as many as are received, found ", channel.sent_in_all);
  }
  return absl::OkStatus();
}

Status StageRun::CycleError() const {
  for (const auto& [key, number] : channel_numbers_) {
    if (channels_[number].reader == kNone) continue;
    return InvalidArgument(Where(key), ": ", Name(key.second.to),
                           " waits for what is sent only after it went on");
  }
  LUTRA_CHECK(false);  // every track that did not end waits on a channel
}

StatusOr<StageReplay> StageRun::Run() {
  LUTRA_RETURN_IF_ERROR(CheckSent());
  for (size_t i = 0; i < tracks_.size(); ++i) Push(i);
  while (!ready_.empty()) {
    const size_t track = ready_.top().second;
    ready_.pop();
    Next(track);
  }
  const bool all_ended = std::all_of(tracks_.begin(), tracks_.end(), [](const Track& track) {
    return track.next == track.events->size();
  });
  if (!all_ended) return CycleError();
  return Result();
}

// Does what the track is ready for. Tracks come here in the order of their times, so that computers
// and links are asked in that order, too.
void StageRun::Next(size_t index) {
  Track& track = tracks_[index];
  if (track.next == track.events->size()) return;
  const TraceEvent& event = (*track.events)[track.next];
  CriticalStep step{
      .role = track.role, .peer = event.peer, .phase = track.phase, .level = event.level};
  switch (event.kind) {
    case TraceEvent::Kind::kWork: {
      step.node = event.node;
      Occupy(track, step,
             WorkSeconds(event.span, TracedThreads(trace_, track.role),
                         network_.compute[Index(track.role)]));
      break;
    }
    case TraceEvent::Kind::kSend:
      step.kind = CriticalStep::Kind::kOverhead;
      Occupy(track, step, network_.overhead_seconds);
      Transmit(track, event, channels_[track.channels[track.next]]);
      break;
    case TraceEvent::Kind::kReceive:
      Receive(track, index);
      return;
  }
  ++track.next;
  Push(index);
}

void StageRun::Receive(Track& track, size_t index) {
  const TraceEvent& event = (*track.events)[track.next];
  Channel& channel = channels_[track.channels[track.next]];
  if (!track.arrived) {
    channel.reader = index;
    if (!Arrive(track, channel, AmountOf(event))) return;  // who sends it wakes the track
    Push(index);                                           // others may be ready before it arrives
    return;
  }
  Occupy(track,
         {.kind = CriticalStep::Kind::kOverhead,
          .role = track.role,
          .peer = event.peer,
          .phase = track.phase,
          .level = event.level},
         network_.overhead_seconds);
  track.arrived = false;
  ++track.next;
  Push(index);
}

bool StageRun::Arrive(Track& track, Channel& channel, int64_t amount) {
  const int64_t needed = channel.taken + amount;
  while (channel.next < channel.arrivals.size() && channel.arrivals[channel.next].amount < needed) {
    ++channel.next;
  }
  if (channel.next == channel.arrivals.size()) return false;
  const Channel::Arrival& arrival = channel.arrivals[channel.next];
  if (arrival.time > track.time) {
    track.time = arrival.time;
    track.step = arrival.step;
  }
  channel.taken = needed;
  channel.reader = kNone;
  track.arrived = true;
  return true;
}

void StageRun::Transmit(const Track& track, const TraceEvent& event, Channel& channel) {
  CriticalStep step{.kind = CriticalStep::Kind::kTransmission,
                    .role = track.role,
                    .peer = event.peer,
                    .phase = track.phase,
                    .level = event.level};
  const size_t sent =
      Put(links_[Index(track.role)][Index(event.peer)], step, track.time, track.step,
          network_.TransmissionSeconds(track.role, event.peer, event.bytes, track.phase));
  step.kind = CriticalStep::Kind::kLatency;
  step.begin = steps_[sent].step.end;
  step.end = step.begin + network_.link(track.role, event.peer).latency_seconds;
  const size_t arrived = Append(step, sent);
  const int64_t before = channel.arrivals.empty() ? 0 : channel.arrivals.back().amount;
  channel.arrivals.push_back({before + AmountOf(event), step.end, arrived});
  if (channel.reader == kNone) return;
  const size_t reader = channel.reader;
  Track& other = tracks_[reader];
  if (Arrive(other, channel, AmountOf((*other.events)[other.next]))) Push(reader);
}

void StageRun::Occupy(Track& track, CriticalStep step, double seconds) {
  track.step = Put(computers_[Index(track.role)], step, track.time, track.step, seconds);
  track.time = steps_[track.step].step.end;
}

size_t StageRun::Put(Server& server, CriticalStep step, double time, size_t before,
                     double seconds) {
  const bool has_to_wait = server.free > time;
  step.begin = has_to_wait ? server.free : time;
  step.end = step.begin + seconds;
  server.step = Append(step, has_to_wait ? server.step : before);
  server.free = step.end;
  return server.step;
}

size_t StageRun::Append(const CriticalStep& step, size_t before) {
  steps_.push_back({step, before});
  return steps_.size() - 1;
}

StageReplay StageRun::Result() const {
  StageReplay result;
  size_t last = kNone;
  for (const Track& track : tracks_) {
    if (!track.events->empty()) result.roles[Index(track.role)].takes_part = true;
    if (track.time <= result.seconds) continue;
    result.seconds = track.time;
    last = track.step;
  }
  for (const Step& each : steps_) {
    StageReplay::RoleTime& role = result.roles[Index(each.step.role)];
    if (each.step.kind == CriticalStep::Kind::kWork) role.work += each.step.seconds();
    if (each.step.kind == CriticalStep::Kind::kOverhead) role.overhead += each.step.seconds();
  }
  for (StageReplay::RoleTime& role : result.roles) {
    if (role.takes_part) role.idle = std::max(0.0, result.seconds - role.work - role.overhead);
  }
  for (size_t i = last; i != kNone; i = steps_[i].before) {
    if (steps_[i].step.end > steps_[i].step.begin) result.critical.push_back(steps_[i].step);
  }
  std::reverse(result.critical.begin(), result.critical.end());
  return result;
}

// Whether it worked with one thread, which tells no parallel part, and has others now.
bool IgnoresThreads(const Trace& trace, const Network& network, Role role) {
  const int32_t traced = TracedThreads(trace, role);
  const int32_t threads = network.compute[Index(role)].threads.value_or(traced);
  if (threads == traced || traced > 1) return false;
  return std::any_of(trace.tracks.begin(), trace.tracks.end(), [role](const auto& track) {
    const auto& [id, events] = track;
    return id.role == role && std::any_of(events.begin(), events.end(), [](const TraceEvent& each) {
             return each.kind == TraceEvent::Kind::kWork;
           });
  });
}

StatusOr<StageReplay> ReplayStage(const Trace& trace, const Network& network, int32_t session,
                                  Stage stage) {
  StageRun run(trace, network, session);
  for (auto track = trace.tracks.lower_bound({session, kPhases.front(), kRoles.front()});
       track != trace.tracks.end() && track->first.session == session; ++track) {
    if (StageOf(track->first.phase) != stage) continue;
    LUTRA_RETURN_IF_ERROR(run.Add(track->first.phase, track->first.role, track->second));
  }
  return run.Run();
}

}  // namespace

std::string_view Name(Stage stage) {
  static constexpr std::array<std::string_view, kStages.size()> kNames = {"model", "offline",
                                                                          "online"};
  return kNames[Index(stage)];
}

std::string_view Name(CriticalStep::Kind kind) {
  static constexpr std::array<std::string_view, 4> kNames = {"work", "overhead", "transmission",
                                                             "latency"};
  return kNames[static_cast<size_t>(kind)];
}

Stage StageOf(Phase phase) {
  if (phase == Phase::kModel) return Stage::kModel;
  return phase == Phase::kOnline ? Stage::kOnline : Stage::kOffline;
}

double Replay::seconds(Stage stage) const {
  double sum = 0;
  for (const auto& stages : sessions) sum += stages[Index(stage)].seconds;
  return sum;
}

double WorkSeconds(const Span& span, int32_t traced_threads, const Network::Compute& compute) {
  const double wall = span.seconds();
  const int32_t threads = compute.threads.value_or(traced_threads);
  if (threads == traced_threads || traced_threads < 2) return wall / compute.speed;
  const double cpu = std::clamp(1e-9 * static_cast<double>(span.cpu), wall, wall * traced_threads);
  const double parallel = (cpu - wall) * traced_threads / (traced_threads - 1);
  const double serial = std::max(0.0, cpu - parallel);
  return (serial + parallel / threads) / compute.speed;
}

StatusOr<Replay> ReplayTrace(const Trace& trace, const Network& network) {
  Replay replay;
  for (const auto& [id, events] : trace.tracks) {
    const auto known = static_cast<int64_t>(replay.sessions.size());
    if (id.session == known) replay.sessions.emplace_back();
    if (id.session < 0 || id.session > known) {
      return InvalidArgument("trace: expected a track of session ", known,
                             ", found one of session ", id.session);
    }
  }
  for (size_t session = 0; session < replay.sessions.size(); ++session) {
    for (const Stage stage : kStages) {
      LUTRA_ASSIGN_OR_RETURN(replay.sessions[session][Index(stage)],
                             ReplayStage(trace, network, static_cast<int32_t>(session), stage));
    }
  }
  std::copy_if(kRoles.begin(), kRoles.end(), std::back_inserter(replay.threads_ignored),
               [&](Role role) { return IgnoresThreads(trace, network, role); });
  return replay;
}

}  // namespace lutra
