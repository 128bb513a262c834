#include "mpc/keys.h"

#include <cstring>
#include <vector>

#include "core/status.h"

namespace lutra {
namespace {

bool IsModelKey(size_t key) {
  return key == static_cast<size_t>(KeyName::kModel0) ||
         key == static_cast<size_t>(KeyName::kModel1);
}

void Append(std::vector<std::byte>& context, std::span<const uint8_t> bytes) {
  const auto* first = reinterpret_cast<const std::byte*>(bytes.data());
  context.insert(context.end(), first, first + bytes.size());
}

}  // namespace

std::string Identifier::Hex() const {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const uint8_t byte : bytes) {
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

StatusOr<Identifier> RandomIdentifier() {
  LUTRA_ASSIGN_OR_RETURN(const Key key, RandomKey());
  return Identifier{key.bytes};
}

Identifier IdentifierFromSeed(uint64_t seed, std::string_view purpose, uint64_t number) {
  return Identifier{
      DeriveKey(KeyFromSeed(seed), purpose, std::as_bytes(std::span(&number, size_t{1}))).bytes};
}

LongTermKeys LongTermKeys::For(Role role) const {
  LongTermKeys held;
  for (size_t key = 0; key < kKeyCount; ++key) {
    if (Holds(role, static_cast<KeyName>(key))) held.keys[key] = keys[key];
  }
  return held;
}

StatusOr<LongTermKeys> RandomLongTermKeys() {
  LongTermKeys all;
  for (std::optional<Key>& key : all.keys) {
    LUTRA_ASSIGN_OR_RETURN(key, RandomKey());
  }
  return all;
}

LongTermKeys LongTermKeysFromSeed(uint64_t seed) {
  const Key root = KeyFromSeed(seed);
  LongTermKeys all;
  for (size_t key = 0; key < kKeyCount; ++key) {
    all.keys[key] = DeriveKey(root, Name(static_cast<KeyName>(key)), {});
  }
  return all;
}

Key TapeKey(const Key& key, const Digest& program, const Identifier& tape) {
  std::vector<std::byte> context;
  Append(context, program.bytes);
  Append(context, tape.bytes);
  return DeriveKey(key, "tape", context);
}

KeyRing KeyRing::ForTape(const LongTermKeys& keys, const Digest& program, const Identifier& tape) {
  KeyRing ring;
  for (size_t key = 0; key < kKeyCount; ++key) {
    if (keys.keys[key].has_value() && !IsModelKey(key)) {
      ring.prgs_[key].emplace(TapeKey(*keys.keys[key], program, tape));
    }
  }
  return ring;
}

KeyRing KeyRing::OfTapeKeys(const LongTermKeys& keys) {
  KeyRing ring;
  for (size_t key = 0; key < kKeyCount; ++key) {
    if (keys.keys[key].has_value()) ring.prgs_[key].emplace(*keys.keys[key]);
  }
  return ring;
}

KeyRing KeyRing::ForModel(const LongTermKeys& keys, const Identifier& model) {
  std::vector<std::byte> context;
  Append(context, model.bytes);
  KeyRing ring;
  for (size_t key = 0; key < kKeyCount; ++key) {
    if (keys.keys[key].has_value() && IsModelKey(key)) {
      ring.prgs_[key].emplace(DeriveKey(*keys.keys[key], "model", context));
    }
  }
  return ring;
}

const Prg& KeyRing::prg(KeyName key) const {
  LUTRA_CHECK(has(key));
  return *prgs_[static_cast<size_t>(key)];
}

}  // namespace lutra
