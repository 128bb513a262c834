// A walker whose messages go over links: one role's walk over a phase of a program, with the other
// roles wherever they are.
#ifndef LUTRA_PARTIES_LINKED_WALKER_H_
#define LUTRA_PARTIES_LINKED_WALKER_H_

#include <functional>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "cluster/endpoint.h"
#include "core/status.h"
#include "mpc/listener.h"
#include "mpc/program.h"
#include "parties/walker.h"

namespace lutra {

// What a program's messages are, from its closed form: who sends whom how much, and when.
class MessagePlan {
 public:
  explicit MessagePlan(const Program& program);

  // Whom a role hears from in a round, and bytes.
  const std::vector<std::pair<Role, int64_t>>& Due(Phase phase, int level, Role to) const;
  // Whether a role sends or receives anything in a phase.
  bool TakesPart(Role role, Phase phase) const;

 private:
  struct Round {
    Phase phase;
    int level;
    Role to;
    friend auto operator<=>(const Round&, const Round&) = default;
  };
  std::map<Round, std::vector<std::pair<Role, int64_t>>> due_;
  std::set<std::pair<Phase, Role>> busy_;
};

class LinkedWalker {
 public:
  struct Links {
    Endpoint* endpoint = nullptr;
    Identifier channel;
    std::map<Role, PeerId> peers;  // where a role is, if not at its own address
    double silence_seconds = 30;   // until a message that is due must have come
  };

  // All outlive the object; the listener, which may be null, is told what is sent and received.
  LinkedWalker(const Program& program, const MessagePlan& plan, Walker& walker, Links links,
               Listener* listener)
      : program_(program),
        plan_(plan),
        walker_(walker),
        links_(std::move(links)),
        listener_(listener) {}

  // All levels of a phase; prepare has one. `before_level` is called before each of them,
  // `after_level` while the walker still has the level's values. Errors name the peer, phase and
  // level; the channel is as it then is: cancel it.
  Status Run(Phase phase, const std::function<Status(int level)>& before_level = nullptr,
             const std::function<void(int level)>& after_level = nullptr);

 private:
  Status RunLevel(Phase phase, int level);
  PeerId PeerOf(Role role) const;

  const Program& program_;
  const MessagePlan& plan_;
  Walker& walker_;
  Links links_;
  Listener* listener_;
};

}  // namespace lutra

#endif  // LUTRA_PARTIES_LINKED_WALKER_H_
