#include "core/key.h"

#include <catch2/catch.hpp>
#include <string_view>
#include <vector>

namespace lutra {
namespace {

std::span<const std::byte> Bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

std::string Hex(const Key& key) {
  Digest digest;
  std::copy(key.bytes.begin(), key.bytes.end(), digest.bytes.begin());
  return digest.Hex().substr(0, 32);
}

TEST_CASE("SHA-256 of the examples of FIPS 180-4", "[core][key]") {
  CHECK(Sha256(Bytes("abc")).Hex() ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(Sha256({}).Hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST_CASE("Derived keys depend on key, purpose, context and the border between them",
          "[core][key]") {
  const Key key = KeyFromSeed(1);
  const Key derived = DeriveKey(key, "tape", Bytes("7"));
  CHECK(derived == DeriveKey(key, "tape", Bytes("7")));
  CHECK(derived != key);
  CHECK(derived != DeriveKey(KeyFromSeed(2), "tape", Bytes("7")));
  CHECK(derived != DeriveKey(key, "tapf", Bytes("7")));
  CHECK(derived != DeriveKey(key, "tape", Bytes("8")));
  CHECK(derived != DeriveKey(key, "tape7", Bytes("")));
  CHECK(derived != DeriveKey(key, "tap", Bytes("e7")));
}

TEST_CASE("A derived key is a truncated HMAC-SHA256", "[core][key]") {
  // Python: hmac.new(bytes(range(16)), struct.pack('>Q', 4) + b'tape' + b'\x00\x01', 'sha256')
  Key key;
  for (size_t i = 0; i < key.bytes.size(); ++i) key.bytes[i] = static_cast<uint8_t>(i);
  const std::byte context[] = {std::byte{0}, std::byte{1}};
  CHECK(Hex(DeriveKey(key, "tape", context)) == "75dbcc10b8f01e464e2e5c5b01ac6f95");
}

TEST_CASE("Keys from seeds are reproducible and differ", "[core][key]") {
  // Python: hashlib.sha256(b'lutra simulation seed' + struct.pack('>Q', 258))
  CHECK(Hex(KeyFromSeed(258)) == "b70bead5954438d20e7d733f3c7dd303");
  CHECK(KeyFromSeed(258) != KeyFromSeed(259));
}

TEST_CASE("Random keys differ", "[core][key]") {
  const StatusOr<Key> a = RandomKey();
  const StatusOr<Key> b = RandomKey();
  REQUIRE(a.ok());
  REQUIRE(b.ok());
  CHECK(*a != *b);
  CHECK(*a != Key{});
}

TEST_CASE("Wiping leaves zeros", "[core][key]") {
  std::vector<std::byte> secret(33, std::byte{0xa5});
  Wipe(std::span(secret).subspan(1, 31));
  CHECK(secret.front() == std::byte{0xa5});
  CHECK(secret.back() == std::byte{0xa5});
  for (size_t i = 1; i < 32; ++i) CHECK(secret[i] == std::byte{0});
}

}  // namespace
}  // namespace lutra
