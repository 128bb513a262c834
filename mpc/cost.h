// What a node costs, in closed form, as a paper would state it.
#ifndef LUTRA_MPC_COST_H_
#define LUTRA_MPC_COST_H_

#include <cstdint>
#include <vector>

#include "mpc/role.h"

namespace lutra {

struct LinkCost {
  Phase phase;
  Role from;
  Role to;
  int64_t bits;  // payload, before each node's part of a message is rounded up to a byte
};

struct Cost {
  std::vector<LinkCost> links;  // at most one for a phase and link; none of zero bits
  int rounds = 0;               // 0 or 1

  // Adds to the entry of this phase and link; zero bits add nothing.
  void Add(Phase phase, Role from, Role to, int64_t bits);
  // `bits_per_element` for each element, in halves to P1 and P2.
  void AddHalves(Phase phase, Role from, int64_t elements, int64_t bits_per_element);
  // The same from P1 to P2 and from P2 to P1.
  void AddExchange(Phase phase, int64_t bits);
};

}  // namespace lutra

#endif  // LUTRA_MPC_COST_H_
