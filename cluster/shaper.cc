#include "cluster/shaper.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/status.h"

namespace lutra {
namespace {

// Longer than anybody waits; sums of a few still fit the clock.
constexpr double kForever = 1e8;

Deadline::duration Duration(double seconds) {
  return std::chrono::nanoseconds(std::llround(std::clamp(seconds, 0.0, kForever) * 1e9));
}

}  // namespace

void Shaper::Open(uint64_t connection, Role peer) {
  Line& line = lines_[connection];
  line.link = {peer, IsServer(peer) ? 0 : connection};
  Link& link = links_.try_emplace(line.link).first->second;
  link.speed = network_.link(self_, peer);
}

void Shaper::Close(uint64_t connection) {
  const auto found = lines_.find(connection);
  if (found == lines_.end()) return;
  const PeerId id = found->second.link;
  lines_.erase(found);
  std::erase(links_.at(id).offered, connection);
  if (id.connection != 0) links_.erase(id);
}

void Shaper::Transmit(Link& link, Line& line, OutgoingFrame frame) const {
  const size_t header =
      frame.header.offset == 0 ? static_cast<size_t>(network_.header_bytes) : size_t{0};
  const auto bytes = static_cast<double>(frame.body.size() + header);
  link.free = std::max(link.free, frame.ready) + Duration(bytes / link.speed.bytes_per_second);
  line.waiting.push_back({std::move(frame), link.free + Duration(link.speed.latency_seconds)});
}

void Shaper::Push(uint64_t connection, OutgoingFrame frame) {
  Line& line = lines_.at(connection);
  Transmit(links_.at(line.link), line, std::move(frame));
}

void Shaper::Offer(uint64_t connection) {
  const auto found = lines_.find(connection);
  if (found == lines_.end() || std::exchange(found->second.offered, true)) return;
  links_.at(found->second.link).offered.push_back(connection);
}

void Shaper::Take(Deadline now, const Source& source) {
  for (auto& [id, link] : links_) TakeOn(link, now, source);
}

void Shaper::TakeOn(Link& link, Deadline now, const Source& source) {
  // A round in which every connection is blocked or has nothing is the last.
  size_t passed = 0;
  while (link.free <= now && passed < link.offered.size()) {
    const uint64_t connection = link.offered.front();
    link.offered.pop_front();
    Line& line = lines_.at(connection);
    if (line.Blocked(now)) {
      link.offered.push_back(connection);
      ++passed;
      continue;
    }
    std::optional<OutgoingFrame> frame = source(connection);
    if (!frame.has_value()) {
      line.offered = false;
      continue;
    }
    link.offered.push_back(connection);
    Transmit(link, line, *std::move(frame));
    passed = 0;
  }
}

std::vector<uint64_t> Shaper::Due(Deadline now) const {
  std::vector<uint64_t> due;
  for (const auto& [connection, line] : lines_) {
    if (line.Blocked(now)) due.push_back(connection);
  }
  return due;
}

std::optional<OutgoingFrame> Shaper::Pop(uint64_t connection, Deadline now) {
  const auto found = lines_.find(connection);
  if (found == lines_.end() || !found->second.Blocked(now)) return std::nullopt;
  OutgoingFrame frame = std::move(found->second.waiting.front().frame);
  found->second.waiting.pop_front();
  return frame;
}

double Shaper::LongestLatencySeconds() const {
  double longest = 0;
  for (const Role peer : kRoles) {
    longest = std::max(longest, network_.link(self_, peer).latency_seconds);
  }
  return longest;
}

bool Shaper::empty() const {
  return std::all_of(lines_.begin(), lines_.end(),
                     [](const auto& entry) { return entry.second.waiting.empty(); });
}

Deadline Shaper::Next(Deadline now) const {
  Deadline next = Deadline::max();
  for (const auto& [connection, line] : lines_) {
    if (!line.waiting.empty() && !line.Blocked(now)) {
      next = std::min(next, line.waiting.front().due);
    }
    if (line.offered && !line.Blocked(now)) next = std::min(next, links_.at(line.link).free);
  }
  return next;
}

}  // namespace lutra
