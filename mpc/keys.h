// The keys of one role and the streams that they give.
#ifndef LUTRA_MPC_KEYS_H_
#define LUTRA_MPC_KEYS_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/key.h"
#include "core/prg.h"
#include "mpc/correlation.h"
#include "mpc/role.h"

namespace lutra {

// What names a tape or a model: 128 random bits, unique for ever.
struct Identifier {
  std::array<uint8_t, 16> bytes{};
  std::string Hex() const;
  friend auto operator<=>(const Identifier&, const Identifier&) = default;
};
StatusOr<Identifier> RandomIdentifier();
// The same one for the same seed, purpose ("tape id", "model id") and number: for reproducible
// simulation only. A run numbers what it names from 0, of whatever purpose, in its order.
Identifier IdentifierFromSeed(uint64_t seed, std::string_view purpose, uint64_t number);

// Long-term keys as one role holds them; never used directly.
struct LongTermKeys {
  std::array<std::optional<Key>, kKeyCount> keys;

  // Only what this role may hold of all keys.
  LongTermKeys For(Role role) const;
};

// Fresh keys from the operating system's generator.
StatusOr<LongTermKeys> RandomLongTermKeys();
// The same keys for the same seed: for reproducible simulation only.
LongTermKeys LongTermKeysFromSeed(uint64_t seed);

// What a long-term key gives for one tape: KDF(key, program digest, tape id).
Key TapeKey(const Key& key, const Digest& program, const Identifier& tape);

// The streams of a tape or of a model. A key that the role does not hold is not there.
class KeyRing {
 public:
  // Every key but those of the model owner, as TapeKey has them.
  static KeyRing ForTape(const LongTermKeys& keys, const Digest& program, const Identifier& tape);
  // The keys of the model owner, in the domain of a model: what outlives a tape.
  static KeyRing ForModel(const LongTermKeys& keys, const Identifier& model);

  // Keys as TapeKey gave them: for a role that has no others.
  static KeyRing OfTapeKeys(const LongTermKeys& keys);

  // The stream of a key that this role must hold.
  const Prg& prg(KeyName key) const;
  bool has(KeyName key) const { return prgs_[static_cast<size_t>(key)].has_value(); }

 private:
  std::array<std::optional<Prg>, kKeyCount> prgs_;
};

}  // namespace lutra

#endif  // LUTRA_MPC_KEYS_H_
