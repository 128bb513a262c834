#include "sim/simulation.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "core/arithmetic.h"
#include "core/clock.h"
#include "dealer/generator.h"
#include "mpc/protocols/reveal.h"

namespace lutra {
namespace {

// Adds the time from its construction, less pauses, to a figure.
class Stopwatch {
 public:
  explicit Stopwatch(double& seconds) : seconds_(seconds), start_(Now()) {}
  ~Stopwatch() { Pause(); }
  void Pause() {
    if (running_) seconds_ += std::chrono::duration<double>(Now() - start_).count();
    running_ = false;
  }
  void Resume() {
    start_ = Now();
    running_ = true;
  }

 private:
  static std::chrono::steady_clock::time_point Now() { return std::chrono::steady_clock::now(); }
  double& seconds_;
  std::chrono::steady_clock::time_point start_;
  bool running_ = true;
};

double& SecondsOf(SessionResult& result, Phase phase) { return result.seconds[Index(phase)]; }

// Where two tensors of one type first differ.
std::string FirstDifference(const Tensor& found, const Tensor& expected) {
  for (int64_t i = 0; i < found.elements(); ++i) {
    if (found.At(i) != expected.At(i)) {
      return StrCat("element ", i, " of ", found.shape().ToString(), " is another");
    }
  }
  return "no element differs";
}

// That a role holds the first parts of a share, each of the wire's ring and shape.
Status CheckParts(Role role, const Share& share, size_t parts, const ValueType& type) {
  for (size_t part = 0; part < parts; ++part) {
    const Tensor& held = share.parts[part];
    if (held.ring() == type.ring && held.shape() == type.shape) continue;
    return InvalidArgument(Name(role), " holds Z_2^", held.ring().bits(), " ",
                           held.shape().ToString(), " of ", type.ToString());
  }
  return absl::OkStatus();
}

}  // namespace

StatusOr<std::unique_ptr<Simulation>> Simulation::Make(const BuiltProgram& built, ThreadPool& pool,
                                                       SimulationOptions options) {
  auto simulation = std::unique_ptr<Simulation>(new Simulation(built, pool, std::move(options)));
  for (TableId id = 0; id < built.tables.size(); ++id) {
    if (!built.tables[id].empty()) continue;
    return InvalidArgument("table ", id, " (", built.program.tables()[id].name,
                           "): expected its contents, found none");
  }
  if (simulation->options_.seed.has_value()) {
    simulation->keys_ = LongTermKeysFromSeed(*simulation->options_.seed);
  } else {
    LUTRA_ASSIGN_OR_RETURN(simulation->keys_, RandomLongTermKeys());
  }
  return simulation;
}

Simulation::Simulation(const BuiltProgram& built, ThreadPool& pool, SimulationOptions options)
    : program_(built.program),
      tables_(built.tables),
      pool_(pool),
      options_(std::move(options)),
      windows_(TapeLayout::Windows(built.program, options_.tape_window_bytes)),
      has_model_(std::none_of(built.program.nodes().begin(), built.program.nodes().end(),
                              [](const Node& node) { return node.phase == Phase::kModel; })),
      twin_(built.program, built.tables, pool) {
  for (const Role role : kRoles) {
    if (role == Role::kDealer) continue;
    walkers_[Index(role)] = std::make_unique<Walker>(program_, role, pool_, options_.listener);
  }
}

Simulation::~Simulation() = default;

StatusOr<Identifier> Simulation::NextIdentifier(std::string_view purpose) {
  if (!options_.seed.has_value()) return RandomIdentifier();
  return IdentifierFromSeed(*options_.seed, purpose, identifiers_++);
}

Status Simulation::Exchange(Phase phase, int level) {
  std::array<std::vector<std::pair<Role, Bytes>>, kRoles.size()> arrived;
  for (const std::unique_ptr<Walker>& sender : walkers_) {
    if (sender == nullptr) continue;
    for (auto& [to, message] : sender->Before(phase, level)) {
      if (options_.listener != nullptr) {
        options_.listener->OnMessage(phase, level, sender->role(), to, message,
                                     /*continues=*/false);
      }
      arrived[Index(to)].emplace_back(sender->role(), std::move(message));
    }
  }
  for (const std::unique_ptr<Walker>& receiver : walkers_) {
    if (receiver == nullptr) continue;
    auto& messages = arrived[Index(receiver->role())];
    for (const auto& [from, message] : messages) {
      Received(phase, level, from, receiver->role(), static_cast<int64_t>(message.size()));
    }
    LUTRA_RETURN_IF_ERROR(receiver->After(phase, level, std::move(messages)));
  }
  return absl::OkStatus();
}

// Whoever receives does not wait here: its message is there.
void Simulation::Received(Phase phase, int level, Role from, Role to, int64_t bytes) {
  if (options_.listener == nullptr) return;
  const int64_t now = MonotonicNanoseconds();
  options_.listener->OnReceive(phase, level, from, to, bytes, {now, now, 0});
}

StatusOr<SessionResult> Simulation::ShareModel(const NamedTensors& model) {
  LUTRA_ASSIGN_OR_RETURN(const Identifier id, NextIdentifier("model id"));
  SessionResult result;
  Stopwatch watch(SecondsOf(result, Phase::kModel));
  for (const std::unique_ptr<Walker>& walker : walkers_) {
    if (walker == nullptr) continue;
    LUTRA_RETURN_IF_ERROR(
        walker->StartModel(KeyRing::ForModel(keys_.For(walker->role()), id), model));
  }
  for (int level = 0; level < program_.levels(Phase::kModel); ++level) {
    LUTRA_RETURN_IF_ERROR(Exchange(Phase::kModel, level));
    watch.Pause();
    Check(Phase::kModel, level, model, result);
    watch.Resume();
  }
  for (const std::unique_ptr<Walker>& walker : walkers_) {
    if (walker != nullptr) walker->FinishModel();
  }
  has_model_ = true;
  return result;
}

StatusOr<SessionResult> Simulation::Run(const NamedTensors& data) {
  if (!has_model_) return InvalidArgument("session: expected a model that is shared, found none");
  LUTRA_ASSIGN_OR_RETURN(const Identifier id, NextIdentifier("tape id"));
  const auto keys_of = [&](Role role) {
    return KeyRing::ForTape(keys_.For(role), program_.digest(), id);
  };
  SessionResult result;
  {
    Stopwatch watch(SecondsOf(result, Phase::kPrepare));
    for (const std::unique_ptr<Walker>& walker : walkers_) {
      if (walker == nullptr) continue;
      LUTRA_RETURN_IF_ERROR(walker->StartSession(keys_of(walker->role()), data));
    }
    LUTRA_RETURN_IF_ERROR(Exchange(Phase::kPrepare, 0));
  }
  const KeyRing dealer_keys = keys_of(Role::kDealer);
  size_t window = 0;
  for (int level = 0; level < program_.levels(Phase::kOnline); ++level) {
    if (level == windows_[window].levels.end) ++window;
    if (level == windows_[window].levels.begin) {
      Stopwatch watch(SecondsOf(result, Phase::kDeal));
      LUTRA_RETURN_IF_ERROR(DealWindow(windows_[window].levels, dealer_keys));
    }
    Stopwatch watch(SecondsOf(result, Phase::kOnline));
    LUTRA_RETURN_IF_ERROR(Exchange(Phase::kOnline, level));
    watch.Pause();
    Check(Phase::kOnline, level, data, result);
    for (const Node& node : program_.nodes()) {
      if (node.level != level || !IsReveal(node)) continue;
      result.revealed.insert_or_assign(
          node.spec.attributes.text("name"),
          walker(Role::kDataOwner).value(node.outputs[0]).parts[0].Clone());
    }
    if (options_.on_level) options_.on_level(level);
    watch.Resume();
    for (const std::unique_ptr<Walker>& walker : walkers_) {
      if (walker != nullptr) walker->Release(level);
    }
    twin_.Release(level);
  }
  for (const std::unique_ptr<Walker>& walker : walkers_) {
    if (walker != nullptr) walker->EndSession();
  }
  return result;
}

Status Simulation::DealWindow(TapeLayout::Levels levels, const KeyRing& keys) {
  layout_.emplace(program_, levels);
  Deal(program_, *layout_, tables_, keys, tape_, pool_, options_.listener);
  for (const Role party : {Role::kP1, Role::kP2}) {
    if (layout_->bytes(party) > 0) {
      Received(Phase::kDeal, 0, Role::kDealer, party, layout_->bytes(party));
    }
    LUTRA_RETURN_IF_ERROR(walker(party).SetTape(*layout_, std::as_const(tape_).to(party).bytes()));
  }
  return absl::OkStatus();
}

StatusOr<Tensor> Simulation::Reconstruct(WireId wire) const {
  const ValueType& type = program_.type(wire);
  const Share& p1 = value(Role::kP1, wire);
  const Share& p2 = value(Role::kP2, wire);
  const size_t parts = type.sharing == Sharing::kReplicated ? 2 : 1;
  if (type.sharing == Sharing::kRevealed) {
    LUTRA_RETURN_IF_ERROR(CheckParts(Role::kDataOwner, value(Role::kDataOwner, wire), 1, type));
  } else {
    LUTRA_RETURN_IF_ERROR(CheckParts(Role::kP1, p1, parts, type));
    LUTRA_RETURN_IF_ERROR(CheckParts(Role::kP2, p2, parts, type));
  }
  switch (type.sharing) {
    case Sharing::kRevealed:
      return value(Role::kDataOwner, wire).parts[0].Clone();
    case Sharing::kAdditive:
      return Add(p1.parts[0], p2.parts[0]);
    case Sharing::kReplicated: {
      if (!(Component(p1, Role::kP1, 2) == Component(p2, Role::kP2, 2))) {
        return InvalidArgument("P1 and P2 hold different words of component 2");
      }
      const Share& p0 = value(Role::kP0, wire);
      const bool p0_holds = !p0.parts[0].empty() || !p0.parts[1].empty();
      if (p0_holds && !(Component(p0, Role::kP0, 0) == Component(p2, Role::kP2, 0) &&
                        Component(p0, Role::kP0, 1) == Component(p1, Role::kP1, 1))) {
        return InvalidArgument("P0 holds other words of component 0 or 1 than P2 or P1");
      }
      Tensor sum = Add(p1.parts[0], p1.parts[1]);
      AddInto(sum, Component(p2, Role::kP2, 0));
      return sum;
    }
  }
  return InvalidArgument("unknown sharing");
}

void Simulation::Check(Phase phase, int level, const NamedTensors& owned, SessionResult& result) {
  if (!options_.check || !result.agrees) return;
  for (const Node& node : program_.nodes()) {
    if (node.phase == phase && node.level == level && result.agrees) {
      CheckNode(node, owned, result);
    }
  }
}

void Simulation::CheckNode(const Node& node, const NamedTensors& owned, SessionResult& result) {
  Tensor coins;
  if (!node.spec.inputs.empty()) {
    const WireId input = node.spec.inputs[0];
    coins = node.protocol->ReadCoins(node, value(Role::kP1, input), value(Role::kP2, input));
  }
  twin_.Run(node, owned, coins.empty() ? nullptr : &coins);
  for (const WireId wire : node.outputs) {
    const StatusOr<Tensor> found = Reconstruct(wire);
    if (!found.ok()) {
      result.disagreement = StrCat(node.ToString(), ": ", OneLine(found.status()));
    } else if (!(*found == twin_.value(wire))) {
      result.disagreement =
          StrCat(node.ToString(), ": ", FirstDifference(*found, twin_.value(wire)));
    }
  }
  result.agrees = result.disagreement.empty();
}

}  // namespace lutra
