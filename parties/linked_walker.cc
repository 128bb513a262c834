#include "parties/linked_walker.h"

#include "analysis/cost.h"
#include "cluster/wire.h"
#include "core/clock.h"

namespace lutra {

MessagePlan::MessagePlan(const Program& program) {
  const ProgramCost cost(program);
  for (const auto& [link, traffic] : cost.traffic()) {
    if (link.phase == Phase::kDeal) continue;  // a tape
    due_[{link.phase, link.level, link.to}].emplace_back(link.from, traffic.bytes);
    busy_.insert({link.phase, link.from});
    busy_.insert({link.phase, link.to});
  }
}

const std::vector<std::pair<Role, int64_t>>& MessagePlan::Due(Phase phase, int level,
                                                              Role to) const {
  static const std::vector<std::pair<Role, int64_t>> kNothing;
  const auto found = due_.find({phase, level, to});
  return found == due_.end() ? kNothing : found->second;
}

bool MessagePlan::TakesPart(Role role, Phase phase) const { return busy_.contains({phase, role}); }

PeerId LinkedWalker::PeerOf(Role role) const {
  const auto found = links_.peers.find(role);
  return found == links_.peers.end() ? PeerId{role, 0} : found->second;
}

Status LinkedWalker::RunLevel(Phase phase, int level) {
  const uint64_t tag = MessageTag(phase, level);
  for (auto& [to, message] : walker_.Before(phase, level)) {
    if (listener_ != nullptr) {
      listener_->OnMessage(phase, level, walker_.role(), to, message, /*continues=*/false);
    }
    LUTRA_RETURN_IF_ERROR(links_.endpoint->Send(PeerOf(to), links_.channel, tag, std::move(message),
                                                After(links_.silence_seconds)));
  }
  std::vector<std::pair<Role, Bytes>> messages;
  for (const auto& [from, bytes] : plan_.Due(phase, level, walker_.role())) {
    Span wait{MonotonicNanoseconds(), 0, 0};
    StatusOr<Bytes> message = links_.endpoint->Receive(PeerOf(from), links_.channel, tag, bytes,
                                                       After(links_.silence_seconds));
    if (!message.ok()) {
      return Annotate(message.status(), StrCat(Name(phase), " level ", level));
    }
    wait.end = MonotonicNanoseconds();
    if (listener_ != nullptr) {
      listener_->OnReceive(phase, level, from, walker_.role(), bytes, wait);
    }
    messages.emplace_back(from, *std::move(message));
  }
  return walker_.After(phase, level, std::move(messages));
}

Status LinkedWalker::Run(Phase phase, const std::function<Status(int level)>& before_level,
                         const std::function<void(int level)>& after_level) {
  const int levels = phase == Phase::kPrepare ? 1 : program_.levels(phase);
  for (int level = 0; level < levels; ++level) {
    if (before_level) LUTRA_RETURN_IF_ERROR(before_level(level));
    LUTRA_RETURN_IF_ERROR(RunLevel(phase, level));
    if (after_level) after_level(level);
    if (phase == Phase::kOnline) walker_.Release(level);
  }
  return absl::OkStatus();
}

}  // namespace lutra
