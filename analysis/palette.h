// The colours of pictures and reports: those of Okabe and Ito (jfly.uni-koeln.de/color), which stay
// apart for readers who are blind to some colour. A phase has the colour of the role that is heard
// in it: deal of the dealer, prepare of P0, model of the model owner, online of P1.
#ifndef LUTRA_ANALYSIS_PALETTE_H_
#define LUTRA_ANALYSIS_PALETTE_H_

#include <array>
#include <string_view>

#include "mpc/role.h"

namespace lutra {

inline constexpr std::string_view kOrange = "#E69F00";
inline constexpr std::string_view kSkyBlue = "#56B4E9";
inline constexpr std::string_view kGreen = "#009E73";
inline constexpr std::string_view kYellow = "#F0E442";
inline constexpr std::string_view kBlue = "#0072B2";
inline constexpr std::string_view kVermilion = "#D55E00";
inline constexpr std::string_view kPurple = "#CC79A7";

// For lines, bars and marks, on white and on black.
constexpr std::string_view Color(Role role) {
  constexpr std::array kColors = {kOrange, kGreen, kBlue, kSkyBlue, kPurple, kVermilion};
  return kColors[Index(role)];
}
constexpr std::string_view Color(Phase phase) {
  constexpr std::array kColors = {kPurple, kOrange, kGreen, kBlue};
  return kColors[Index(phase)];
}
// Additive, replicated, revealed.
constexpr std::string_view Color(Sharing sharing) {
  constexpr std::array kColors = {kSkyBlue, kBlue, kVermilion};
  return kColors[static_cast<size_t>(sharing)];
}

// Light grounds under black text, of the same hues.
constexpr std::string_view Tint(Role role) {
  constexpr std::array<std::string_view, kRoles.size()> kTints = {"#FBE6BF", "#BFE7DC", "#BFDCEC",
                                                                  "#D5ECFA", "#F2DDE9", "#F5D7BF"};
  return kTints[Index(role)];
}
constexpr std::string_view Tint(Phase phase) {
  constexpr std::array kRolesOfPhases = {Role::kModelOwner, Role::kDealer, Role::kP0, Role::kP1};
  return Tint(kRolesOfPhases[Index(phase)]);
}

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_PALETTE_H_
