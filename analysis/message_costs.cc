#include "analysis/message_costs.h"

#include <cmath>
#include <map>
#include <tuple>
#include <vector>

#include "analysis/cost_table.h"

namespace lutra {
namespace {

// A message that was waited for.
struct Awaited {
  int64_t bytes;
  double seconds;     // that it took longer than its link does
  bool is_unlimited;  // the link's bandwidth
};

void AddAwaited(const ShapedTrace& run, std::vector<Awaited>& awaited) {
  using Channel = std::tuple<int32_t, int32_t, Role, Role>;  // session, level, from, to
  std::map<Channel, const TraceEvent*> sent;
  for (const auto& [id, events] : run.trace->tracks) {
    if (id.phase != Phase::kOnline) continue;
    for (const TraceEvent& event : events) {
      if (event.kind != TraceEvent::Kind::kSend) continue;
      sent.emplace(Channel{id.session, event.level, id.role, event.peer}, &event);
    }
  }
  for (const auto& [id, events] : run.trace->tracks) {
    if (id.phase != Phase::kOnline) continue;
    for (const TraceEvent& event : events) {
      if (event.kind != TraceEvent::Kind::kReceive) continue;
      const auto found = sent.find({id.session, event.level, event.peer, id.role});
      if (found == sent.end() || found->second->bytes != event.bytes) continue;
      const int64_t send = found->second->span.begin;
      if (event.span.begin > send) continue;
      const Network::Link& link = run.network->link(event.peer, id.role);
      const auto on_the_wire = static_cast<double>(event.bytes + run.network->header_bytes);
      awaited.push_back({event.bytes,
                         1e-9 * static_cast<double>(event.span.end - send) - link.latency_seconds -
                             on_the_wire / link.bytes_per_second,
                         std::isinf(link.bytes_per_second)});
    }
  }
}

// Bytes and the time that they took.
struct Moved {
  int64_t count = 0;
  double bytes = 0;
  double seconds = 0;

  // Beyond what a file may say it is as good as unlimited.
  std::optional<double> Rate() const {
    const double rate = seconds > 0 ? bytes / seconds : 0;
    if (rate * 8 / 1e6 < 0.1 || rate * 8 / 1e6 > 1e9) return std::nullopt;
    return rate;
  }
};

// The part of a tape that a party took, of a session's dealing.
void AddTape(const std::vector<TraceEvent>& dealing, Role party, const TraceEvent& taken,
             const Network::Link& link, Moved& moved) {
  int64_t bytes = 0;
  int64_t first = 0;
  int64_t last = 0;
  for (const TraceEvent& event : dealing) {
    if (event.kind != TraceEvent::Kind::kSend || event.peer != party) continue;
    if (bytes == 0) first = event.span.begin;
    last = event.span.begin;
    bytes += event.bytes;
    if (bytes > taken.bytes) return;
  }
  if (bytes != taken.bytes || bytes < kLongBytes || taken.span.begin > last) return;
  ++moved.count;
  moved.bytes += static_cast<double>(bytes);
  moved.seconds += 1e-9 * static_cast<double>(taken.span.end - first) - link.latency_seconds;
}

Moved MovedTapes(std::span<const ShapedTrace> runs) {
  Moved moved;
  for (const ShapedTrace& run : runs) {
    for (const auto& [id, events] : run.trace->tracks) {
      if (id.phase != Phase::kDeal || id.role == Role::kDealer) continue;
      const Network::Link& link = run.network->link(Role::kDealer, id.role);
      const auto dealing = run.trace->tracks.find({id.session, Phase::kDeal, Role::kDealer});
      if (dealing == run.trace->tracks.end() || std::isfinite(link.bytes_per_second)) continue;
      for (const TraceEvent& event : events) {
        if (event.kind != TraceEvent::Kind::kReceive) continue;
        AddTape(dealing->second, id.role, event, link, moved);
      }
    }
  }
  return moved;
}

}  // namespace

StatusOr<MessageCosts> MeasureMessageCosts(std::span<const ShapedTrace> runs) {
  std::vector<Awaited> awaited;
  for (const ShapedTrace& run : runs) AddAwaited(run, awaited);
  MessageCosts costs;
  double both_ends = 0;
  for (const Awaited& message : awaited) {
    if (message.bytes > kShortBytes) continue;
    both_ends += message.seconds;
    ++costs.short_messages;
  }
  if (costs.short_messages == 0) {
    return InvalidArgument("expected online messages of up to ", kShortBytes,
                           " bytes whose receiver waits for them, found none");
  }
  both_ends /= static_cast<double>(costs.short_messages);
  if (both_ends < 0) {
    return InvalidArgument("expected messages that take at least as long as their links, found ",
                           Fixed(-both_ends * 1e6, 1), " us less in the mean");
  }
  costs.overhead_seconds = both_ends / 2;
  Moved moved;
  for (const Awaited& message : awaited) {
    if (message.bytes < kLongBytes || !message.is_unlimited) continue;
    ++moved.count;
    moved.bytes += static_cast<double>(message.bytes);
    moved.seconds += message.seconds - both_ends;
  }
  costs.long_messages = moved.count;
  costs.bytes_per_second = moved.Rate();
  const Moved tapes = MovedTapes(runs);
  costs.tapes = tapes.count;
  costs.tape_bytes_per_second = tapes.Rate();
  return costs;
}

std::string FormatMessageCosts(const MessageCosts& costs) {
  std::string text =
      StrCat("[messages]\noverhead_us = ", Fixed(costs.overhead_seconds * 1e6, 1), "  # mean of ",
             costs.short_messages, " messages of up to ", kShortBytes, " bytes\n");
  if (costs.bytes_per_second.has_value()) {
    text += StrCat("throughput_mbit = ", Fixed(*costs.bytes_per_second * 8 / 1e6, 1), "  # of ",
                   costs.long_messages, " messages of at least ", kLongBytes, " bytes\n");
  }
  if (costs.tape_bytes_per_second.has_value()) {
    text += StrCat("tape_mbit = ", Fixed(*costs.tape_bytes_per_second * 8 / 1e6, 1), "  # of ",
                   costs.tapes, " parts of tapes\n");
  }
  return text;
}

}  // namespace lutra
