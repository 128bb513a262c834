// An owner's value becomes a replicated one.
#ifndef LUTRA_MPC_PROTOCOLS_INPUT_H_
#define LUTRA_MPC_PROTOCOLS_INPUT_H_

#include <memory>
#include <string_view>

#include "mpc/builder.h"
#include "mpc/protocol.h"

namespace lutra {

inline constexpr std::string_view kInput = "input";

// A value that an owner (model owner or data owner) shares: <x> over `ring`, masks known. The run
// is given it by its path, which is `name` in the scopes that are open. The model owner's lives as
// long as the model.
Value Input(Builder& builder, std::string_view name, Role owner, Ring ring, const Shape& shape);

// Whether the node brings in a value, of whom, and under which name.
bool IsInput(const Node& node);
Role OwnerOf(const Node& node);
std::string_view NameOf(const Node& node);

std::unique_ptr<Protocol> MakeInput();

}  // namespace lutra

#endif  // LUTRA_MPC_PROTOCOLS_INPUT_H_
