#include "experiments/micro/one_party.h"

#include <utility>

#include "core/packing.h"
#include "core/prg.h"
#include "dealer/generator.h"
#include "mpc/fields.h"
#include "mpc/protocols/input.h"
#include "mpc/protocols/local.h"
#include "mpc/protocols/lookup.h"

namespace lutra::micro {
namespace {

constexpr uint64_t kSeed = 1;

BuiltProgram BuildCopies(const Registry& registry, Ring ring, const Shape& shape, int copies,
                         const OneParty::AddNodes& add) {
  Builder builder(registry);
  const Value input = Input(builder, "x", Role::kDataOwner, ring, shape);
  const Value additive = ToAdditive(builder, input);
  for (int copy = 0; copy < copies; ++copy) add(builder, additive);
  StatusOr<BuiltProgram> built = std::move(builder).Build();
  LUTRA_CHECK(built.ok());
  return *std::move(built);
}

KeyRing KeysOf(Role role, const Program& program) {
  return KeyRing::ForTape(LongTermKeysFromSeed(kSeed).For(role), program.digest(), Identifier());
}

}  // namespace

OneParty::OneParty(std::string_view protocol, Ring ring, const Shape& shape, int copies,
                   const AddNodes& add)
    : registry_(Registry::WithBuiltins()),
      built_(BuildCopies(registry_, ring, shape, copies, add)),
      layout_(built_.program),
      pool_(1),
      dealer_keys_(KeysOf(Role::kDealer, built_.program)),
      party_keys_(KeysOf(Role::kP1, built_.program)),
      outbox_(pool_),
      inbox_(pool_) {
  const Prg prg(KeyFromSeed(kSeed));
  input_.parts[0] = prg.ExpandTensor({0, 0}, ring, shape);
  for (const Node& node : built_.program.nodes()) {
    if (node.spec.protocol != protocol) continue;
    nodes_.push_back(&node);
    // Any words will do: what the party gets is uniform.
    const Cost cost = node.protocol->ClosedForm(node);
    int64_t bits = 0;
    for (const LinkCost& link : cost.links) {
      if (link.phase == Phase::kOnline && link.to == Role::kP1) bits += link.bits;
    }
    Bytes message(static_cast<size_t>(BitsToBytes(bits)));
    prg.Expand<uint8_t>({1, node.id}, Ring(8), 0,
                        {reinterpret_cast<uint8_t*>(message.data()), message.size()});
    received_.push_back(std::move(message));
  }
  LUTRA_CHECK(!nodes_.empty());
  Deal();
}

void OneParty::Deal() {
  lutra::Deal(built_.program, layout_, built_.tables, dealer_keys_, tape_, pool_,
              /*listener=*/nullptr);
}

void OneParty::Online(size_t index) {
  const Node& node = *nodes_[index];
  const Fields fields(node, Role::kP1, party_keys_, &layout_,
                      std::as_const(tape_).to(Role::kP1).bytes(), pool_);
  Kept model;
  Kept session;
  std::vector<Share> outputs(node.outputs.size());
  PartyView view{node, Role::kP1, pool_, fields, {&input_}, {}, model, session, outbox_, inbox_};
  for (Share& output : outputs) view.outputs.push_back(&output);
  node.protocol->Before(view);
  outbox_.EndNode();
  const Bytes sent = outbox_.Take(Role::kP2);
  inbox_.Deliver(Role::kP2, received_[index]);
  if (node.has_round) node.protocol->After(view);
  inbox_.EndNode();
  LUTRA_CHECK(!inbox_.overrun().has_value() && !inbox_.unread().has_value());
  LUTRA_CHECK(!outputs[0].parts[0].empty() || !outputs[0].parts[1].empty());
}

OneParty LookupParty(int index_bits, int bits, const Shape& shape, int copies) {
  return OneParty(kLookup, Ring(index_bits), shape, copies, [=](Builder& builder, Value input) {
    const Prg prg(KeyFromSeed(kSeed));
    const TableId table = builder.AddTable(
        "T", {index_bits}, prg.ExpandTensor({2, 0}, Ring(bits), Shape{1, int64_t{1} << index_bits}),
        /*is_private=*/true);
    Lookup(builder, {input}, table);
  });
}

}  // namespace lutra::micro
