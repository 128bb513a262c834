#include "core/key.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <string.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace lutra {
namespace {

// value as 8 bytes, most significant first.
void AppendBigEndian(uint64_t value, std::vector<uint8_t>& out) {
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<uint8_t>(value >> shift));
}

Key Truncate(std::span<const uint8_t> hash) {
  Key key;
  std::copy_n(hash.begin(), key.bytes.size(), key.bytes.begin());
  return key;
}

}  // namespace

StatusOr<Key> RandomKey() {
  Key key;
  if (getentropy(key.bytes.data(), key.bytes.size()) != 0) {
    return absl::ErrnoToStatus(errno, "no random bytes from the operating system");
  }
  return key;
}

Key DeriveKey(const Key& key, std::string_view purpose, std::span<const std::byte> context) {
  std::vector<uint8_t> message;
  message.reserve(8 + purpose.size() + context.size());
  AppendBigEndian(purpose.size(), message);
  message.insert(message.end(), purpose.begin(), purpose.end());
  for (const std::byte byte : context) message.push_back(std::to_integer<uint8_t>(byte));

  std::array<uint8_t, SHA256_DIGEST_LENGTH> hash;
  unsigned int size = 0;
  const bool done = HMAC(EVP_sha256(), key.bytes.data(), static_cast<int>(key.bytes.size()),
                         message.data(), message.size(), hash.data(), &size) != nullptr;
  LUTRA_CHECK(done && size == hash.size());
  const Key derived = Truncate(hash);
  Wipe(std::as_writable_bytes(std::span(hash)));
  return derived;
}

Key KeyFromSeed(uint64_t seed) {
  constexpr std::string_view kPurpose = "lutra simulation seed";
  std::vector<uint8_t> message(kPurpose.begin(), kPurpose.end());
  AppendBigEndian(seed, message);
  return Truncate(Sha256(std::as_bytes(std::span(message))).bytes);
}

std::string Digest::Hex() const {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const uint8_t byte : bytes) {
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 15]);
  }
  return text;
}

Digest Sha256(std::span<const std::byte> data) {
  Digest digest;
  SHA256(reinterpret_cast<const unsigned char*>(data.data()), data.size(), digest.bytes.data());
  return digest;
}

void Wipe(std::span<std::byte> secret) {
  if (!secret.empty()) ::explicit_bzero(secret.data(), secret.size());
}

}  // namespace lutra
