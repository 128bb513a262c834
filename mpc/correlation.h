// Correlations, declared field by field. Uniform fields come from keys and cost nothing; derived
// fields are functions of uniform ones and are what the dealer sends. Sharing, expanding, packing
// and counting them is the engine's work, not a protocol's.
#ifndef LUTRA_MPC_CORRELATION_H_
#define LUTRA_MPC_CORRELATION_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/ring.h"
#include "mpc/role.h"

namespace lutra {

// The keys that roles have in common (protocols.md, "Keys and randomness"). k0 {P0,P2}, k1 {P0,P1},
// k2 {P1,P2}; d1 {D,P1}, d2 {D,P2}; g0 {D,P0,P2}, g1 {D,P0,P1}; of each owner, e0 {owner,P0,P2} and
// e1 {owner,P0,P1}.
enum class KeyName { kK0, kK1, kK2, kD1, kD2, kG0, kG1, kModel0, kModel1, kData0, kData1 };
inline constexpr size_t kKeyCount = 11;

// "k0", ..., "data1".
std::string_view Name(KeyName key);
bool Holds(Role role, KeyName key);

struct Field {
  enum class Kind {
    kUniform,            // F(key), known to the holders of the key
    kUniformAdditive,    // F(d1) + F(d2): P1 and P2 hold a summand each, the dealer both
    kDerivedAdditive,    // dealt, shared additively between P1 and P2
    kDerivedReplicated,  // dealt, shared among P0, P1, P2; masks under g0 and g1
    kDerivedFor,         // dealt, in clear to one of P1, P2
  };

  std::string name;
  Kind kind = Kind::kUniform;
  Ring ring;
  int64_t elements = 0;        // what ranges are counted in, and what halves are halves of
  int64_t entries = 1;         // ring elements per element: the rows of a table, say
  KeyName key = KeyName::kK0;  // kUniform
  Role holder = Role::kP1;     // kDerivedFor

  bool derived() const {
    return kind == Kind::kDerivedAdditive || kind == Kind::kDerivedReplicated ||
           kind == Kind::kDerivedFor;
  }

  static Field Uniform(std::string name, KeyName key, Ring ring, int64_t elements,
                       int64_t entries = 1) {
    return {std::move(name), Kind::kUniform, ring, elements, entries, key, Role::kP1};
  }
  static Field UniformAdditive(std::string name, Ring ring, int64_t elements) {
    return {std::move(name), Kind::kUniformAdditive, ring, elements, 1, KeyName::kD1, Role::kP1};
  }
  static Field DerivedAdditive(std::string name, Ring ring, int64_t elements, int64_t entries) {
    return {std::move(name), Kind::kDerivedAdditive, ring,     elements,
            entries,         KeyName::kD1,           Role::kP1};
  }
  static Field DerivedReplicated(std::string name, Ring ring, int64_t elements, int64_t entries) {
    return {std::move(name), Kind::kDerivedReplicated, ring, elements, entries, KeyName::kG0,
            Role::kP1};
  }
  static Field DerivedFor(std::string name, Role holder, Ring ring, int64_t elements,
                          int64_t entries) {
    return {std::move(name), Kind::kDerivedFor, ring, elements, entries, KeyName::kD1, holder};
  }
};

// What one node needs. A field is addressed by its position.
using Correlation = std::vector<Field>;

// Halves: where something derived goes to one of P1, P2, flat elements below ceil(N/2) go to P2 and
// the rest to P1, so that both store and receive the same.
struct ElementRange {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t size() const { return end - begin; }
};
ElementRange HalfOf(Role party, int64_t elements);

// The elements of a derived field of which the party receives words from the dealer.
ElementRange DealtTo(Role party, const Field& field);

}  // namespace lutra

#endif  // LUTRA_MPC_CORRELATION_H_
