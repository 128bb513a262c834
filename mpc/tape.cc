#include "mpc/tape.h"

#include "core/packing.h"

namespace lutra {

TapeLayout::TapeLayout(const Program& program) {
  size_t fields = 0;
  for (const Node& node : program.nodes()) {
    first_field_.push_back(fields);
    fields += node.correlation.size();
    for (const Role party : {Role::kP1, Role::kP2}) {
      PartyLayout& layout = parties_[Index(party) - Index(Role::kP0)];
      int64_t bit = 8 * layout.bytes;
      for (const Field& field : node.correlation) {
        layout.first_bit.push_back(bit);
        bit += DealtTo(party, field).size() * field.entries * field.ring.bits();
      }
      layout.bits.push_back(bit - 8 * layout.bytes);
      layout.bytes = BitsToBytes(bit);
    }
  }
}

const TapeLayout::PartyLayout& TapeLayout::of(Role party) const {
  static const PartyLayout kNothing;
  return IsParty(party) ? parties_[Index(party) - Index(Role::kP0)] : kNothing;
}

void Tape::Resize(const TapeLayout& layout) {
  for (const Role party : {Role::kP1, Role::kP2}) {
    to(party).Resize(static_cast<size_t>(layout.bytes(party)));
  }
}

}  // namespace lutra
