#include "mpc/cost.h"

#include "mpc/correlation.h"

namespace lutra {

void Cost::Add(Phase phase, Role from, Role to, int64_t bits) {
  if (bits == 0) return;
  for (LinkCost& link : links) {
    if (link.phase == phase && link.from == from && link.to == to) {
      link.bits += bits;
      return;
    }
  }
  links.push_back({phase, from, to, bits});
}

void Cost::AddHalves(Phase phase, Role from, int64_t elements, int64_t bits_per_element) {
  for (const Role party : {Role::kP1, Role::kP2}) {
    Add(phase, from, party, HalfOf(party, elements).size() * bits_per_element);
  }
}

void Cost::AddExchange(Phase phase, int64_t bits) {
  Add(phase, Role::kP1, Role::kP2, bits);
  Add(phase, Role::kP2, Role::kP1, bits);
}

}  // namespace lutra
