// A shared value is opened to its owner alone.
#ifndef LUTRA_MPC_PROTOCOLS_REVEAL_H_
#define LUTRA_MPC_PROTOCOLS_REVEAL_H_

#include <memory>
#include <string_view>

#include "mpc/builder.h"
#include "mpc/protocol.h"

namespace lutra {

inline constexpr std::string_view kReveal = "reveal";

// Opens x to the data owner, under a name by which the run returns it. Replicated values are made
// additive first.
void Reveal(Builder& builder, std::string_view name, Value x);

bool IsReveal(const Node& node);

std::unique_ptr<Protocol> MakeReveal();

}  // namespace lutra

#endif  // LUTRA_MPC_PROTOCOLS_REVEAL_H_
