// One role's walk over a program: a party's or an owner's. It computes what to send and takes what
// came; who carries the messages (a simulation, sockets) is not its business.
//
//   model:    for each level: Before, deliver, After                once per model
//   prepare:  Before, deliver, After                                offline, per session
//   online:   for each level: Before, deliver, After, Release       per session
#ifndef LUTRA_PARTIES_WALKER_H_
#define LUTRA_PARTIES_WALKER_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "core/status.h"
#include "core/thread_pool.h"
#include "mpc/keys.h"
#include "mpc/listener.h"
#include "mpc/message.h"
#include "mpc/program.h"
#include "mpc/protocol.h"
#include "mpc/share.h"
#include "mpc/tape.h"

namespace lutra {

class Walker {
 public:
  // All arguments outlive the walker; the listener may be null.
  Walker(const Program& program, Role role, ThreadPool& pool, Listener* listener);
  // A walker beside this one, on the same model: once its model phase has ended, for sessions that
  // run at the same time.
  std::unique_ptr<Walker> Fork(Listener* listener) const;

  // Computes with another pool from now on; it outlives the walker.
  void UsePool(ThreadPool& pool);

  // Errors when an input of this owner is missing or has another ring or shape; the inputs outlive
  // the phase.
  Status StartModel(KeyRing keys, const NamedTensors& owned);
  // Ends the model phase: what the role can do with the model's values alone is done.
  void FinishModel();

  // A session on its own tape, of which these are the keys.
  Status StartSession(KeyRing keys, const NamedTensors& owned);
  // The words that the dealer sent this role for the levels of the layout, before the first of
  // them; both outlive these levels. An error when the tape is not as long as the layout says.
  Status SetTape(const TapeLayout& layout, std::span<const std::byte> tape);
  // Forgets everything of the session.
  void EndSession();

  // The messages that this role sends in a round, by receiver; none is empty.
  std::vector<std::pair<Role, Bytes>> Before(Phase phase, int level);
  // Takes the messages of a round, by sender. An error names sender, phase and level.
  Status After(Phase phase, int level, std::vector<std::pair<Role, Bytes>> messages);
  // Frees the session's values that no later level uses.
  void Release(int level);

  Role role() const { return role_; }
  // What the role holds of a wire; parts that it does not hold are without elements.
  const Share& value(WireId wire) const;

 private:
  bool RunsIn(const Node& node, Phase phase) const;
  void FindActiveNodes();
  void FindLastUses();
  Status CheckOwned(Lifetime lifetime, const NamedTensors& owned) const;
  Share& slot(WireId wire);
  void CheckOutputs(const Node& node);
  // Calls function(view) with the view of a face, times it, and ends the node's parts.
  void OnNode(const Node& node, Phase phase,
              const std::function<void(const Protocol&, PartyView&)>& function);

  const Program& program_;
  const TapeLayout* layout_ = nullptr;
  Role role_;
  ThreadPool* pool_;
  Listener* listener_;

  std::vector<bool> active_;   // by node: whether this role runs it in its own phase
  std::vector<int> last_use_;  // by wire: the last online level that uses it
  // By wire: the node after whose PrepareModel a value of the model is not needed any more.
  std::vector<NodeId> last_model_use_;
  // What the role holds of the model: common to all forks, which only read it.
  struct Model {
    KeyRing keys;
    std::vector<Share> values;  // by wire
    std::vector<Kept> kept;     // by node
  };
  std::shared_ptr<Model> model_;
  KeyRing session_keys_;
  std::span<const std::byte> tape_;
  const NamedTensors* owned_ = nullptr;
  std::vector<Share> session_values_;  // by wire
  std::vector<Kept> session_kept_;     // by node
  Status fault_;                       // of a protocol in this round, reported by After
  Outbox outbox_;
  Inbox inbox_;
};

}  // namespace lutra

#endif  // LUTRA_PARTIES_WALKER_H_
