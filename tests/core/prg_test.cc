#include "core/prg.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <cstring>
#include <string_view>
#include <thread>
#include <vector>

namespace lutra {
namespace {

uint8_t Nibble(char digit) {
  return static_cast<uint8_t>(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

std::vector<uint8_t> FromHex(std::string_view hex) {
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(Nibble(hex[i]) << 4 | Nibble(hex[i + 1])));
  }
  return bytes;
}

Key ExampleKey() {
  const std::vector<uint8_t> bytes = FromHex("2b7e151628aed2a6abf7158809cf4f3c");
  Key key;
  std::copy(bytes.begin(), bytes.end(), key.bytes.begin());
  return key;
}

// AES-128-CTR by OpenSSL itself, of zeros, from a counter block on.
std::vector<uint8_t> CounterMode(const Key& key, const std::vector<uint8_t>& counter,
                                 size_t bytes) {
  std::vector<uint8_t> stream(bytes, 0);
  EVP_CIPHER_CTX* cipher = EVP_CIPHER_CTX_new();
  int written = 0;
  EVP_EncryptInit_ex(cipher, EVP_aes_128_ctr(), nullptr, key.bytes.data(), counter.data());
  EVP_EncryptUpdate(cipher, stream.data(), &written, stream.data(), static_cast<int>(bytes));
  EVP_CIPHER_CTX_free(cipher);
  return stream;
}

TEST_CASE("The reference gives the key stream of NIST SP 800-38A, F.5.1", "[core][prg]") {
  const auto plain = FromHex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");
  const auto cipher = FromHex("874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff");
  const auto stream = CounterMode(ExampleKey(), FromHex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"), 32);
  for (size_t i = 0; i < 32; ++i) CHECK((plain[i] ^ stream[i]) == cipher[i]);
}

TEST_CASE("A block is AES-128 of node, field and index", "[core][prg]") {
  // FIPS 197, appendix B: 3243f6a8885a308d313198a2e0370734 becomes this.
  const auto expected = FromHex("3925841d02dc09fbdc118597196a0b32");
  const Prg prg(ExampleKey());
  std::array<uint64_t, 2> lanes{};
  prg.Expand<uint64_t>({0x3243f6a8, 0x885a308d}, Ring(64), 2 * 0x313198a2e0370734, lanes);
  CHECK(std::memcmp(lanes.data(), expected.data(), 16) == 0);
}

TEST_CASE("A stream is counter mode", "[core][prg]") {
  const auto counter = FromHex("0102030405060708000000000000fffe");
  const auto expected = CounterMode(ExampleKey(), counter, 100000);
  std::vector<uint8_t> bytes(expected.size());
  Prg(ExampleKey()).Expand<uint8_t>({0x01020304, 0x05060708}, Ring(8), 0xfffe * 16, bytes);
  CHECK(bytes == expected);
}

TEST_CASE("Keys, nodes and fields have streams of their own", "[core][prg]") {
  const auto first = [](const Key& key, Stream stream) {
    return Prg(key).ExpandTensor(stream, Ring(64), Shape{1}).At(0);
  };
  const Key key = KeyFromSeed(1);
  CHECK(first(key, {1, 2}) == first(key, {1, 2}));
  CHECK(first(key, {1, 2}) != first(key, {2, 1}));
  CHECK(first(key, {1, 2}) != first(key, {1, 3}));
  CHECK(first(key, {1, 2}) != first(KeyFromSeed(2), {1, 2}));
}

// Elements begin .. begin + count one by one, from whole blocks.
template <class Lane>
std::vector<Lane> Elements(const Prg& prg, Stream stream, Ring ring, uint64_t begin, size_t count) {
  std::vector<Lane> elements;
  for (uint64_t element = begin; element < begin + count; ++element) {
    constexpr uint64_t kLanes = 16 / sizeof(Lane);
    std::array<Lane, kLanes> block;
    const Ring full(static_cast<int>(8 * sizeof(Lane)));
    prg.Expand<Lane>(stream, full, element / kLanes * kLanes, block);
    elements.push_back(static_cast<Lane>(block[element % kLanes] & ring.mask()));
  }
  return elements;
}

TEMPLATE_TEST_CASE("Ranges and gathers agree at any offset", "[core][prg]", uint8_t, uint16_t,
                   uint32_t, uint64_t) {
  using Lane = TestType;
  constexpr int kWidth = 8 * static_cast<int>(sizeof(Lane));
  const Prg prg(KeyFromSeed(3));
  const Stream stream{5, 9};
  for (const int bits : {kWidth, kWidth - 1, kWidth / 2 + 1}) {
    const Ring ring(bits);
    for (const uint64_t begin : std::initializer_list<uint64_t>{0, 1, 3, 15, 16, 17, 1001}) {
      for (const size_t count : std::initializer_list<size_t>{0, 1, 2, 7, 16, 31, 257}) {
        const std::vector<Lane> expected = Elements<Lane>(prg, stream, ring, begin, count);
        std::vector<Lane> range(count);
        prg.Expand<Lane>(stream, ring, begin, range);
        CHECK(range == expected);

        std::vector<uint64_t> backwards;
        for (size_t i = count; i-- > 0;) backwards.push_back(begin + i);
        std::vector<Lane> gathered(count);
        prg.Gather<Lane>(stream, ring, backwards, gathered);
        CHECK(std::equal(gathered.rbegin(), gathered.rend(), expected.begin(), expected.end()));
      }
    }
  }
}

TEMPLATE_TEST_CASE("Threads share a generator", "[core][prg]", uint8_t, uint16_t, uint32_t,
                   uint64_t) {
  using Lane = TestType;
  const Ring ring(8 * static_cast<int>(sizeof(Lane)) - 3);
  const Prg prg(KeyFromSeed(4));
  std::vector<Lane> expected(20011);
  prg.Expand<Lane>({1, 1}, ring, 77, expected);

  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (size_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      std::vector<uint64_t> places;
      for (size_t i = thread; i < expected.size(); i += 5) places.push_back(77 + i);
      std::vector<Lane> gathered(places.size());
      for (int round = 0; round < 5; ++round) {
        std::vector<Lane> range(expected.size() - thread);
        prg.Expand<Lane>({1, 1}, ring, 77 + thread, range);
        if (!std::equal(range.begin(), range.end(), expected.begin() + static_cast<int>(thread))) {
          ++wrong;
        }
        prg.Gather<Lane>({1, 1}, ring, places, gathered);
        for (size_t i = 0; i < places.size(); ++i) wrong += gathered[i] != expected[places[i] - 77];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
}

TEST_CASE("Generators move, tensors are ranges", "[core][prg]") {
  Prg from(KeyFromSeed(5));
  const Tensor all = from.ExpandTensor({1, 2}, Ring(13), Shape{10});
  Prg to = std::move(from);
  const Tensor part = to.ExpandTensor({1, 2}, Ring(13), Shape{2, 3}, 4);
  for (int64_t i = 0; i < 6; ++i) CHECK(part.At(i) == all.At(4 + i));
  CHECK(part.ring() == Ring(13));
}

}  // namespace
}  // namespace lutra
