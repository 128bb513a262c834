// What a machine takes for messages by itself, beside latency and bandwidth of its links: system
// calls, encryption, wake-ups. A replay cannot know it from a network; runs of processes on links
// that were shaped to one (lutra-launch --network) tell it by their traces.
//
// A message that its receiver waited for when it was sent took the latency and the transmission of
// its link, and what it took longer is the machine's. Of messages of up to kShortBytes the mean of
// that is the overhead, half of it at each end. Of those of kLongBytes and more, on links without a
// limit of bandwidth, all bytes over all time beyond the overhead are the throughput. So the sums
// are right, which are what a run waits for. Of the online phase only, in which roles send one
// message a round on a link.
//
// Tapes are measured for themselves: they go to both parties at once, and are checked and stored as
// they come. Of those that a party took whole and wanted before the last window of them was sent,
// on links without a limit of bandwidth, all bytes over all time from the first that was sent to
// the last that was there, less the latency, are their throughput.
#ifndef LUTRA_ANALYSIS_MESSAGE_COSTS_H_
#define LUTRA_ANALYSIS_MESSAGE_COSTS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "core/status.h"
#include "mpc/network.h"
#include "mpc/trace.h"

namespace lutra {

inline constexpr int64_t kShortBytes = 4096;
inline constexpr int64_t kLongBytes = 65536;

struct MessageCosts {
  double overhead_seconds = 0;             // of each end, for each message
  std::optional<double> bytes_per_second;  // none: not seen
  std::optional<double> tape_bytes_per_second;
  int64_t short_messages = 0;  // by which the overhead was measured
  int64_t long_messages = 0;   // by which the throughput was
  int64_t tapes = 0;           // parts, by which theirs was
};

// A run whose links were as slow as those of the network; both outlive it.
struct ShapedTrace {
  const Trace* trace;
  const Network* network;
};

// Of all runs together. An error where no short message was waited for, and where messages took
// less time than their links do: then times or network are not those of the run.
StatusOr<MessageCosts> MeasureMessageCosts(std::span<const ShapedTrace> runs);

// As the table [messages] of a network file.
std::string FormatMessageCosts(const MessageCosts& costs);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_MESSAGE_COSTS_H_
