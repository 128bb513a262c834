#include "mpc/correlation.h"

#include <array>

namespace lutra {

std::string_view Name(KeyName key) {
  static constexpr std::array<std::string_view, kKeyCount> kNames = {
      "k0", "k1", "k2", "d1", "d2", "g0", "g1", "model0", "model1", "data0", "data1"};
  return kNames[static_cast<size_t>(key)];
}

bool Holds(Role role, KeyName key) {
  const bool p0 = role == Role::kP0, p1 = role == Role::kP1, p2 = role == Role::kP2;
  const bool dealer = role == Role::kDealer;
  switch (key) {
    case KeyName::kK0:
      return p0 || p2;
    case KeyName::kK1:
      return p0 || p1;
    case KeyName::kK2:
      return p1 || p2;
    case KeyName::kD1:
      return dealer || p1;
    case KeyName::kD2:
      return dealer || p2;
    case KeyName::kG0:
      return dealer || p0 || p2;
    case KeyName::kG1:
      return dealer || p0 || p1;
    case KeyName::kModel0:
      return role == Role::kModelOwner || p0 || p2;
    case KeyName::kModel1:
      return role == Role::kModelOwner || p0 || p1;
    case KeyName::kData0:
      return role == Role::kDataOwner || p0 || p2;
    case KeyName::kData1:
      return role == Role::kDataOwner || p0 || p1;
  }
  return false;
}

ElementRange HalfOf(Role party, int64_t elements) {
  const int64_t middle = (elements + 1) / 2;
  if (party == Role::kP2) return {0, middle};
  if (party == Role::kP1) return {middle, elements};
  return {0, 0};
}

ElementRange DealtTo(Role party, const Field& field) {
  switch (field.kind) {
    case Field::Kind::kDerivedAdditive:
      return HalfOf(party, field.elements);
    case Field::Kind::kDerivedReplicated:
      return party == Role::kP1 || party == Role::kP2 ? ElementRange{0, field.elements}
                                                      : ElementRange{0, 0};
    case Field::Kind::kDerivedFor:
      return party == field.holder ? ElementRange{0, field.elements} : ElementRange{0, 0};
    default:
      return {0, 0};
  }
}

}  // namespace lutra
