#include "mpc/tape.h"

#include "core/packing.h"

namespace lutra {

TapeLayout::TapeLayout(const Program& program, Levels levels) {
  size_t fields = 0;
  for (const Node& node : program.nodes()) {
    first_field_.push_back(fields);
    fields += node.correlation.size();
    const bool inside = node.level >= levels.begin && node.level < levels.end;
    for (const Role party : {Role::kP1, Role::kP2}) {
      PartyLayout& layout = parties_[Index(party) - Index(Role::kP0)];
      int64_t bit = 8 * layout.bytes;
      for (const Field& field : node.correlation) {
        layout.first_bit.push_back(bit);
        const int64_t bits = DealtTo(party, field).size() * field.entries * field.ring.bits();
        if (inside) bit += bits;
        layout.continues = layout.continues || (node.level < levels.begin && bits > 0);
      }
      layout.bits.push_back(bit - 8 * layout.bytes);
      layout.bytes = BitsToBytes(bit);
    }
  }
}

std::vector<TapeLayout::Window> TapeLayout::Windows(const Program& program, int64_t max_bytes) {
  const TapeLayout whole(program);
  const int levels = program.levels(Phase::kOnline);
  std::vector<int64_t> bytes(static_cast<size_t>(levels), 0);  // by level
  for (const Node& node : program.nodes()) {
    if (node.phase != Phase::kOnline) continue;
    for (const Role party : {Role::kP1, Role::kP2}) {
      bytes[static_cast<size_t>(node.level)] += BitsToBytes(whole.bits(party, node.id));
    }
  }
  std::vector<Window> windows;
  int begin = 0;
  int64_t size = 0;
  for (int level = 0; level < levels; ++level) {
    const int64_t more = bytes[static_cast<size_t>(level)];
    if (level > begin && size + more > max_bytes) {
      windows.push_back({{begin, level}, size});
      begin = level;
      size = 0;
    }
    size += more;
  }
  windows.push_back({{begin, levels}, size});
  return windows;
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
