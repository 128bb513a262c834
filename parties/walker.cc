#include "parties/walker.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "core/clock.h"
#include "mpc/protocols/input.h"

namespace lutra {
namespace {

// In place of the last node that uses a value of the model.
constexpr NodeId kForEver = std::numeric_limits<NodeId>::max();  // none uses it
constexpr NodeId kRead = kForEver - 1;                           // every session does

bool SendsOrReceives(const Node& node, Role role, Phase phase) {
  const Cost cost = node.protocol->ClosedForm(node);
  return std::any_of(cost.links.begin(), cost.links.end(), [&](const LinkCost& link) {
    return link.phase == phase && (link.from == role || link.to == role);
  });
}

}  // namespace

Walker::Walker(const Program& program, Role role, ThreadPool& pool, Listener* listener)
    : program_(program),
      role_(role),
      pool_(&pool),
      listener_(listener),
      model_(std::make_shared<Model>()),
      session_values_(program.wires()),
      session_kept_(program.nodes().size()),
      outbox_(pool),
      inbox_(pool) {
  model_->values.resize(program.wires());
  model_->kept.resize(program.nodes().size());
  FindActiveNodes();
  FindLastUses();
}

std::unique_ptr<Walker> Walker::Fork(Listener* listener) const {
  auto fork = std::make_unique<Walker>(program_, role_, *pool_, listener);
  fork->model_ = model_;
  return fork;
}

void Walker::UsePool(ThreadPool& pool) {
  pool_ = &pool;
  outbox_.UsePool(pool);
  inbox_.UsePool(pool);
}

void Walker::FindActiveNodes() {
  active_.assign(program_.nodes().size(), false);
  const bool all_online = role_ == Role::kP1 || role_ == Role::kP2;
  for (size_t i = program_.nodes().size(); i-- > 0;) {
    const Node& node = program_.nodes()[i];
    const bool all = node.phase == Phase::kModel ? IsParty(role_) : all_online;
    active_[i] = active_[i] || all || SendsOrReceives(node, role_, node.phase);
    // A party that sends in a node needs the values that the node works on. P0 walks online only
    // where that is so; in the masked form it has nothing to do there.
    if (!active_[i] || !IsParty(role_)) continue;
    for (const WireId wire : node.spec.inputs) active_[program_.producer(wire)] = true;
  }
}

void Walker::FindLastUses() {
  last_use_.assign(program_.wires(), -1);
  last_model_use_.assign(program_.wires(), kForEver);
  for (const Node& node : program_.nodes()) {
    if (node.phase == Phase::kModel) continue;
    for (size_t i = 0; i < node.spec.inputs.size(); ++i) {
      if (node.input_types[i].lifetime == Lifetime::kInference) continue;
      NodeId& last = last_model_use_[node.spec.inputs[i]];
      const bool read_later = node.protocol->ReadsModelInput(node, i);
      last = read_later || last == kRead ? kRead : node.id;
    }
  }
  for (const Node& node : program_.nodes()) {
    if (!active_[node.id] || node.phase != Phase::kOnline) continue;
    // Nodes do not stand in the order of their levels.
    for (const WireId wire : node.outputs) last_use_[wire] = node.level;
    for (const WireId wire : node.spec.inputs) {
      last_use_[wire] = std::max(last_use_[wire], node.level);
    }
  }
}

Status Walker::CheckOwned(Lifetime lifetime, const NamedTensors& owned) const {
  for (const Node& node : program_.nodes()) {
    if (!IsInput(node) || OwnerOf(node) != role_ || node.lifetime() != lifetime) continue;
    const ValueType& type = node.output_types[0];
    const auto found = owned.find(NameOf(node));
    if (found == owned.end()) return InvalidArgument("input ", NameOf(node), ": missing");
    const Tensor& tensor = found->second;
    if (tensor.ring() != type.ring || tensor.shape() != type.shape) {
      return InvalidArgument("input ", NameOf(node), ": expected Z_2^", type.ring.bits(), " ",
                             type.shape.ToString(), ", found Z_2^", tensor.ring().bits(), " ",
                             tensor.shape().ToString());
    }
  }
  return absl::OkStatus();
}

Status Walker::StartModel(KeyRing keys, const NamedTensors& owned) {
  LUTRA_RETURN_IF_ERROR(CheckOwned(Lifetime::kModel, owned));
  for (Kept& kept : model_->kept) kept = {};
  model_->keys = std::move(keys);
  owned_ = &owned;
  return absl::OkStatus();
}

void Walker::FinishModel() {
  owned_ = nullptr;
  if (!IsParty(role_)) return;
  for (const Node& node : program_.nodes()) {
    if (node.phase == Phase::kModel) continue;
    const bool of_model =
        std::any_of(node.input_types.begin(), node.input_types.end(),
                    [](const ValueType& type) { return type.lifetime == Lifetime::kModel; });
    if (!of_model) continue;
    OnNode(node, Phase::kModel,
           [](const Protocol& protocol, PartyView& view) { protocol.PrepareModel(view); });
    // What nobody reads any more is freed at once: weights are the most of a model's memory.
    for (const WireId wire : node.spec.inputs) {
      if (last_model_use_[wire] == node.id) model_->values[wire] = {};
    }
  }
}

Status Walker::StartSession(KeyRing keys, const NamedTensors& owned) {
  LUTRA_RETURN_IF_ERROR(CheckOwned(Lifetime::kInference, owned));
  EndSession();
  session_keys_ = std::move(keys);
  owned_ = &owned;
  return absl::OkStatus();
}

Status Walker::SetTape(const TapeLayout& layout, std::span<const std::byte> tape) {
  if (static_cast<int64_t>(tape.size()) != layout.bytes(role_)) {
    return InvalidArgument(Name(role_), ": tape: expected ", layout.bytes(role_), " bytes, found ",
                           tape.size());
  }
  layout_ = &layout;
  tape_ = tape;
  return absl::OkStatus();
}

void Walker::EndSession() {
  for (Share& share : session_values_) share = {};
  for (Kept& kept : session_kept_) kept = {};
  session_keys_ = {};
  layout_ = nullptr;
  tape_ = {};
  owned_ = nullptr;
}

Share& Walker::slot(WireId wire) {
  return program_.type(wire).lifetime == Lifetime::kModel ? model_->values[wire]
                                                          : session_values_[wire];
}

const Share& Walker::value(WireId wire) const {
  return program_.type(wire).lifetime == Lifetime::kModel ? model_->values[wire]
                                                          : session_values_[wire];
}

bool Walker::RunsIn(const Node& node, Phase phase) const {
  if (phase == Phase::kPrepare) return node.phase == Phase::kOnline && IsParty(role_);
  return node.phase == phase && active_[node.id];
}

void Walker::OnNode(const Node& node, Phase phase,
                    const std::function<void(const Protocol&, PartyView&)>& function) {
  Span span;
  if (listener_ != nullptr) {
    span.begin = MonotonicNanoseconds();
    span.cpu = CoarseCpuNanoseconds(span.begin);
  }
  const KeyRing& keys = node.phase == Phase::kModel ? model_->keys : session_keys_;
  const Fields fields(node, role_, keys, layout_, tape_, *pool_);
  PartyView view{
      node,    role_, *pool_, fields, {}, {}, model_->kept[node.id], session_kept_[node.id],
      outbox_, inbox_};
  for (const WireId wire : node.spec.inputs) view.inputs.push_back(&value(wire));
  for (const WireId wire : node.outputs) view.outputs.push_back(&slot(wire));
  if (IsInput(node) && OwnerOf(node) == role_) {
    const auto found = owned_->find(NameOf(node));
    LUTRA_CHECK(found != owned_->end());
    view.owned = &found->second;
  }
  function(*node.protocol, view);
  CheckOutputs(node);
  const auto bits = outbox_.EndNode();
  inbox_.EndNode();
  if (listener_ == nullptr) return;
  span.end = MonotonicNanoseconds();
  span.cpu = CoarseCpuNanoseconds(span.end) - span.cpu;
  listener_->OnWork(node, phase, role_, span);
  for (const Role to : kRoles) {
    if (bits[Index(to)] == 0) continue;
    const int level = phase == Phase::kPrepare ? 0 : node.level;
    listener_->OnPart(node, phase, level, role_, to, bits[Index(to)]);
  }
}

// Protocols may be anybody's: what does not have its type is an error here, not a crash elsewhere.
void Walker::CheckOutputs(const Node& node) {
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    const ValueType& type = node.output_types[i];
    for (const Tensor& part : value(node.outputs[i]).parts) {
      if (part.empty() || (part.ring() == type.ring && part.shape() == type.shape)) continue;
      fault_.Update(InvalidArgument(Name(role_), ": ", node.ToString(), ": output ", i,
                                    ": expected ", type.ToString(), ", found Z_2^",
                                    part.ring().bits(), " ", part.shape().ToString()));
    }
  }
}

std::vector<std::pair<Role, Bytes>> Walker::Before(Phase phase, int level) {
  for (const Node& node : program_.nodes()) {
    if (!RunsIn(node, phase) || (phase != Phase::kPrepare && node.level != level)) continue;
    OnNode(node, phase, [&](const Protocol& protocol, PartyView& view) {
      phase == Phase::kPrepare ? protocol.Prepare(view) : protocol.Before(view);
    });
  }
  std::vector<std::pair<Role, Bytes>> messages;
  for (const Role to : kRoles) {
    Bytes message = outbox_.Take(to);
    if (!message.empty()) messages.emplace_back(to, std::move(message));
  }
  return messages;
}

Status Walker::After(Phase phase, int level, std::vector<std::pair<Role, Bytes>> messages) {
  for (const Role from : kRoles) inbox_.Deliver(from, {});
  for (auto& [from, message] : messages) inbox_.Deliver(from, std::move(message));
  for (const Node& node : program_.nodes()) {
    if (!RunsIn(node, phase)) continue;
    if (phase != Phase::kPrepare && (node.level != level || !node.has_round)) continue;
    OnNode(node, phase, [&](const Protocol& protocol, PartyView& view) {
      phase == Phase::kPrepare ? protocol.FinishPrepare(view) : protocol.After(view);
    });
    if (const std::optional<Role> sender = inbox_.overrun(); sender.has_value()) {
      return InvalidArgument(Name(role_), ": ", Name(phase), " level ", level, ": ",
                             node.ToString(), ": message from ", Name(*sender),
                             ": expected more bytes than were sent");
    }
  }
  for (const Role to : kRoles) {
    if (outbox_.Take(to).empty()) continue;
    fault_.Update(InvalidArgument(Name(role_), ": ", Name(phase), " level ", level,
                                  ": a node sent to ", Name(to), " after its round"));
  }
  LUTRA_RETURN_IF_ERROR(std::exchange(fault_, absl::OkStatus()));
  if (const std::optional<Role> sender = inbox_.unread(); sender.has_value()) {
    return InvalidArgument(Name(role_), ": ", Name(phase), " level ", level, ": message from ",
                           Name(*sender), ": expected fewer bytes than were sent");
  }
  // Masks were walked for what they give; online they come again with the data.
  if (phase == Phase::kPrepare) {
    for (Share& share : session_values_) share = {};
  }
  return absl::OkStatus();
}

void Walker::Release(int level) {
  for (WireId wire = 0; wire < session_values_.size(); ++wire) {
    if (last_use_[wire] <= level) session_values_[wire] = {};
  }
}

}  // namespace lutra
