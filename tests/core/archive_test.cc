#include "core/archive.h"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cereal/types/array.hpp>
#include <cereal/types/map.hpp>
#include <cereal/types/optional.hpp>
#include <map>
#include <optional>
#include <string>

namespace lutra {
namespace {

enum class Colour : uint8_t { kRed, kBlue };

struct Inner {
  std::string name;
  std::vector<int64_t> sizes;
  bool flag = false;

  friend bool operator==(const Inner&, const Inner&) = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(name, sizes, flag);
  }
};

struct Outer {
  uint32_t version = 0;
  std::vector<Inner> inner;
  std::vector<std::vector<uint16_t>> nested;
  std::vector<std::byte> bytes;
  std::vector<bool> flags;
  std::array<uint8_t, 3> key{};
  std::map<std::string, double> numbers;
  std::optional<Inner> maybe;
  Colour colour = Colour::kRed;

  friend bool operator==(const Outer&, const Outer&) = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(CEREAL_NVP(version), inner, nested, bytes, flags, key, numbers, maybe, colour);
  }
};

struct Tree {
  std::vector<Tree> children;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(children);
  }
};

struct Nothing {
  template <class Archive>
  void serialize(Archive&) {}
};

Outer Example() {
  return {.version = 7,
          .inner = {{"softmax", {1, 2, 3}, true}, {"", {}, false}},
          .nested = {{1, 2}, {}, {65535}},
          .bytes = {std::byte{1}, std::byte{255}},
          .flags = {true, false, true},
          .key = {9, 8, 7},
          .numbers = {{"a", 0.5}, {"b", -1}},
          .maybe = Inner{"x", {-5}, true},
          .colour = Colour::kBlue};
}

bool Mentions(const Status& status, std::string_view text) {
  return std::string_view(status.message().data(), status.message().size()).find(text) !=
         std::string_view::npos;
}

TEST_CASE("Archives give back what was written", "[core][archive]") {
  CHECK(*ReadArchive<Outer>(WriteArchive(Example()), "here") == Example());
  CHECK(*ReadArchive<Outer>(WriteArchive(Outer{}), "here") == Outer{});
  CHECK(*ReadArchive<uint32_t>(WriteArchive(uint32_t{5}), "here") == 5);
}

TEST_CASE("The form is little endian with sizes of eight bytes", "[core][archive]") {
  const Inner inner{"ab", {258}, true};
  const std::vector<uint8_t> expected = {2, 0, 0, 0, 0, 0, 0, 0, 'a', 'b',  // name
                                         1, 0, 0, 0, 0, 0, 0, 0,            // size of sizes
                                         2, 1, 0, 0, 0, 0, 0, 0, 1};        // 258, flag
  const std::vector<std::byte> bytes = WriteArchive(inner);
  REQUIRE(bytes.size() == expected.size());
  CHECK(std::memcmp(bytes.data(), expected.data(), bytes.size()) == 0);
}

TEST_CASE("Every truncation and anything left over is an error", "[core][archive]") {
  std::vector<std::byte> bytes = WriteArchive(Example());
  for (size_t size = 0; size < bytes.size(); ++size) {
    CAPTURE(size);
    const StatusOr<Outer> read = ReadArchive<Outer>(std::span(bytes).first(size), "file 'x'");
    CHECK(absl::IsInvalidArgument(read.status()));
    CHECK(Mentions(read.status(), "file 'x': "));
  }
  bytes.push_back(std::byte{0});
  CHECK(Mentions(ReadArchive<Outer>(bytes, "x").status(), "1 bytes after the end"));
}

TEST_CASE("Every change of one byte is read or refused", "[core][archive]") {
  const std::vector<std::byte> original = WriteArchive(Example());
  int64_t refused = 0;
  for (size_t place = 0; place < original.size(); ++place) {
    std::vector<std::byte> bytes = original;
    for (int change = 1; change < 256; ++change) {
      bytes[place] = original[place] ^ static_cast<std::byte>(change);
      const StatusOr<Outer> read = ReadArchive<Outer>(bytes, "x");
      if (!read.ok()) {
        ++refused;
      } else if (WriteArchive(*read).size() != bytes.size()) {
        // Only equal keys of a map are dropped; all else is kept.
        CHECK(read->numbers.size() < 2);
      }
    }
  }
  CHECK(refused > 0);
}

// Remembers the most that all vectors with it held at once.
int64_t held = 0;
int64_t most_held = 0;
template <class T>
struct Counting {
  using value_type = T;
  Counting() = default;
  template <class U>
  explicit Counting(const Counting<U>&) {}
  T* allocate(size_t count) {
    held += static_cast<int64_t>(count * sizeof(T));
    most_held = std::max(most_held, held);
    return std::allocator<T>().allocate(count);
  }
  void deallocate(T* data, size_t count) {
    held -= static_cast<int64_t>(count * sizeof(T));
    std::allocator<T>().deallocate(data, count);
  }
  friend bool operator==(const Counting&, const Counting&) { return true; }
};

TEST_CASE("Memory is bounded by the input, not by what it says", "[core][archive]") {
  // A thousand bytes that promise as many structs of 500 bytes, and hold twenty.
  using Large = std::array<Inner, 8>;
  std::vector<std::byte> bytes(8 + 20 * 8 * 17, std::byte{0});
  const uint64_t size = bytes.size() - 8;
  std::memcpy(bytes.data(), &size, sizeof(size));
  most_held = 0;
  CHECK_FALSE(ReadArchive<std::vector<Large, Counting<Large>>>(bytes, "x").ok());
  CHECK(most_held > 0);
  CHECK(most_held < 16 * static_cast<int64_t>(bytes.size()));
  CHECK(held == 0);

  most_held = 0;
  CHECK_FALSE(ReadArchive<std::vector<uint64_t, Counting<uint64_t>>>(bytes, "x").ok());
  CHECK(most_held == 0);
}

// A first size that cannot be true.
template <class T>
void RefusesSizes(size_t input) {
  for (const uint64_t size :
       {uint64_t{input}, uint64_t{1} << 32, uint64_t{1} << 61, ~uint64_t{0}}) {
    std::vector<std::byte> bytes(input);
    std::memcpy(bytes.data(), &size, sizeof(size));
    const StatusOr<std::vector<T>> read = ReadArchive<std::vector<T>>(bytes, "x");
    CHECK(absl::IsInvalidArgument(read.status()));
  }
}

TEST_CASE("Sizes beyond the input are refused", "[core][archive]") {
  RefusesSizes<uint8_t>(100);
  RefusesSizes<uint64_t>(100);
  RefusesSizes<bool>(100);
  RefusesSizes<Inner>(100);
  RefusesSizes<std::vector<Inner>>(100);
  RefusesSizes<Nothing>(100);
}

TEST_CASE("A truth value is 0 or 1, in a vector too", "[core][archive]") {
  CHECK(*ReadArchive<bool>(std::vector{std::byte{1}}, "x"));
  CHECK_FALSE(ReadArchive<bool>(std::vector{std::byte{2}}, "x").ok());
  std::vector<std::byte> bytes = WriteArchive(std::vector<bool>{true, false});
  bytes.back() = std::byte{3};
  CHECK_FALSE(ReadArchive<std::vector<bool>>(bytes, "x").ok());
}

TEST_CASE("Recursion is bounded", "[core][archive]") {
  const auto chain = [](size_t depth) {
    std::vector<std::byte> bytes(8 * (depth + 1), std::byte{0});
    for (size_t level = 0; level < depth; ++level) bytes[8 * level] = std::byte{1};
    return bytes;
  };
  CHECK(ReadArchive<Tree>(chain(10), "x").ok());
  CHECK(Mentions(ReadArchive<Tree>(chain(1000000), "x").status(), "nested too deeply"));
}

}  // namespace
}  // namespace lutra
