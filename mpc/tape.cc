#include "mpc/tape.h"

#include <algorithm>

#include "core/packing.h"

namespace lutra {

namespace {

// By level, and in a level as they stand: so levels that follow each other are one piece of a
// stream, also where nodes do not stand in the order of their levels.
std::vector<const Node*> InTapeOrder(const Program& program) {
  std::vector<const Node*> nodes;
  for (const Node& node : program.nodes()) nodes.push_back(&node);
  std::stable_sort(nodes.begin(), nodes.end(),
                   [](const Node* a, const Node* b) { return a->level < b->level; });
  return nodes;
}

}  // namespace

TapeLayout::TapeLayout(const Program& program, Levels levels) {
  size_t fields = 0;
  for (const Node& node : program.nodes()) {
    first_field_.push_back(fields);
    fields += node.correlation.size();
  }
  for (PartyLayout& layout : parties_) {
    layout.first_bit.resize(fields);
    layout.bits.resize(program.nodes().size());
  }
  for (const Node* next : InTapeOrder(program)) {
    const Node& node = *next;
    const bool inside = node.level >= levels.begin && node.level < levels.end;
    for (const Role party : {Role::kP1, Role::kP2}) {
      PartyLayout& layout = parties_[Index(party) - Index(Role::kP0)];
      int64_t bit = 8 * layout.bytes;
      size_t index = first_field_[node.id];
      for (const Field& field : node.correlation) {
        layout.first_bit[index++] = bit;
        const int64_t bits = DealtTo(party, field).size() * field.entries * field.ring.bits();
        if (inside) bit += bits;
        layout.continues = layout.continues || (node.level < levels.begin && bits > 0);
      }
      layout.bits[node.id] = bit - 8 * layout.bytes;
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
