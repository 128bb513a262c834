// Who takes part, when, and in what form values are held. protocols.md: "Roles and trust".
#ifndef LUTRA_MPC_ROLE_H_
#define LUTRA_MPC_ROLE_H_

#include <array>
#include <cstddef>
#include <string_view>

namespace lutra {

enum class Role { kDealer, kP0, kP1, kP2, kModelOwner, kDataOwner };
inline constexpr std::array kRoles = {Role::kDealer, Role::kP0,         Role::kP1,
                                      Role::kP2,     Role::kModelOwner, Role::kDataOwner};
inline constexpr std::array kParties = {Role::kP0, Role::kP1, Role::kP2};

// "dealer", "p0", "p1", "p2", "model-owner", "data-owner".
std::string_view Name(Role role);

constexpr size_t Index(Role role) { return static_cast<size_t>(role); }
constexpr bool IsParty(Role role) {
  return role == Role::kP0 || role == Role::kP1 || role == Role::kP2;
}
// P1 of P2 and P2 of P1: the two that run the online phase.
constexpr Role Peer(Role role) { return role == Role::kP1 ? Role::kP2 : Role::kP1; }

// Sharing a model (once), dealing, the parties' own offline work, and the data-dependent part.
enum class Phase { kModel, kDeal, kPrepare, kOnline };
inline constexpr std::array kPhases = {Phase::kModel, Phase::kDeal, Phase::kPrepare,
                                       Phase::kOnline};
constexpr size_t Index(Phase phase) { return static_cast<size_t>(phase); }

// "model", "deal", "prepare", "online".
std::string_view Name(Phase phase);

// Additive: P1 holds x1, P2 holds x2, x = x1 + x2. Replicated: x = x0 + x1 + x2; P0 holds (x0, x1),
// P1 (x1, x2), P2 (x2, x0). Revealed: an owner alone holds the value, in clear.
enum class Sharing { kAdditive, kReplicated, kRevealed };

std::string_view Name(Sharing sharing);

// Whether a value is shared once with a model or anew for every inference.
enum class Lifetime { kModel, kInference };

// Four processes on machines apart, or D and P0 on one machine of one operator, which must then be
// sent nothing online.
enum class Deployment { kFourProcess, kSharedDealer };

// "four-process", "shared-dealer".
std::string_view Name(Deployment deployment);

}  // namespace lutra

#endif  // LUTRA_MPC_ROLE_H_
