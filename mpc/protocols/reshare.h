// Additive to replicated.
#ifndef LUTRA_MPC_PROTOCOLS_RESHARE_H_
#define LUTRA_MPC_PROTOCOLS_RESHARE_H_

#include <memory>
#include <string_view>

#include "mpc/builder.h"
#include "mpc/protocol.h"

namespace lutra {

inline constexpr std::string_view kReshare = "reshare";

// [v] -> <v>, masks known.
Value Reshare(Builder& builder, Value v);

std::unique_ptr<Protocol> MakeReshare();

}  // namespace lutra

#endif  // LUTRA_MPC_PROTOCOLS_RESHARE_H_
