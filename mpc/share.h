// What one role holds of a shared value.
#ifndef LUTRA_MPC_SHARE_H_
#define LUTRA_MPC_SHARE_H_

#include <array>
#include <cstddef>

#include "core/tensor.h"
#include "mpc/role.h"

namespace lutra {

// Additive: P1 and P2 hold one part. Replicated: P0, P1 and P2 hold two parts, the components c and
// c + 1 (mod 3) with c = FirstComponent(role). Revealed: the owner holds one part, the value. A
// part that is not there (a role without a share; before the data is there, a component that is not
// a mask) is a tensor without elements.
struct Share {
  std::array<Tensor, 2> parts;
};

// 0, 1, 2 of P0, P1, P2.
constexpr size_t FirstComponent(Role party) { return Index(party) - Index(Role::kP0); }

// The part of a replicated share that is component c; the role must hold it.
inline size_t PartOf(Role party, size_t component) {
  const size_t part = (component + 3 - FirstComponent(party)) % 3;
  LUTRA_CHECK(part < 2);
  return part;
}
inline const Tensor& Component(const Share& share, Role party, size_t component) {
  return share.parts[PartOf(party, component)];
}
inline Tensor& Component(Share& share, Role party, size_t component) {
  return share.parts[PartOf(party, component)];
}

}  // namespace lutra

#endif  // LUTRA_MPC_SHARE_H_
