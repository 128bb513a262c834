#include "mpc/role.h"

namespace lutra {

std::string_view Name(Role role) {
  static constexpr std::array<std::string_view, 6> kNames = {"dealer", "p0",          "p1",
                                                             "p2",     "model-owner", "data-owner"};
  return kNames[Index(role)];
}

std::string_view Name(Phase phase) {
  static constexpr std::array<std::string_view, 4> kNames = {"model", "deal", "prepare", "online"};
  return kNames[static_cast<size_t>(phase)];
}

std::string_view Name(Sharing sharing) {
  static constexpr std::array<std::string_view, 3> kNames = {"additive", "replicated", "revealed"};
  return kNames[static_cast<size_t>(sharing)];
}

std::string_view Name(Deployment deployment) {
  return deployment == Deployment::kFourProcess ? "four-process" : "shared-dealer";
}

}  // namespace lutra
