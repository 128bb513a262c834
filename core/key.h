// Keys of 128 bits, how they are drawn and derived, and the hash behind that. All on OpenSSL.
#ifndef LUTRA_CORE_KEY_H_
#define LUTRA_CORE_KEY_H_

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/status.h"

namespace lutra {

// A secret of 128 bits. Comparison takes a time that depends on the bytes; it is for containers and
// tests, not for deciding whether somebody knows a key.
struct Key {
  std::array<uint8_t, 16> bytes{};

  friend auto operator<=>(const Key&, const Key&) = default;
};

// A fresh key from the operating system's generator; an error when that has none to give.
StatusOr<Key> RandomKey();

// The first 16 bytes of HMAC-SHA256(key, length of purpose (u64, big endian) || purpose ||
// context). Keys for different purposes or contexts are independent to whoever does not know `key`.
Key DeriveKey(const Key& key, std::string_view purpose, std::span<const std::byte> context);

// The same key for the same seed, which anybody can guess: for reproducible simulation only.
Key KeyFromSeed(uint64_t seed);

// What SHA-256 returns.
struct Digest {
  std::array<uint8_t, 32> bytes{};

  // 64 lower-case hexadecimal digits.
  std::string Hex() const;

  friend auto operator<=>(const Digest&, const Digest&) = default;
};

Digest Sha256(std::span<const std::byte> data);

// Overwrites with zeros; the compiler does not remove it.
void Wipe(std::span<std::byte> secret);

}  // namespace lutra

#endif  // LUTRA_CORE_KEY_H_
