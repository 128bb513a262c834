#include "core/shape.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <vector>

namespace lutra {
namespace {

TEST_CASE("A shape refuses sizes that cannot be", "[core][shape]") {
  CHECK_FALSE(Shape::Make({-1}).ok());
  CHECK_FALSE(Shape::Make({int64_t{1} << 30, int64_t{1} << 30}).ok());
  CHECK_FALSE(Shape::Make({0, int64_t{1} << 30, int64_t{1} << 30}).ok());
  CHECK_FALSE(Shape::Make({1, 1, 1, 1, 1, 1, 1, 1, 1}).ok());
  CHECK(Shape::Make({2, 0, 3})->elements() == 0);
  CHECK(Shape{}.elements() == 1);
  CHECK(Shape({2, 3}).ToString() == "[2, 3]");
}

TEST_CASE("Shapes broadcast from the last axis", "[core][shape]") {
  CHECK(*Broadcast(Shape{2, 1, 4}, Shape{3, 1}) == Shape{2, 3, 4});
  CHECK(*Broadcast(Shape{}, Shape{5}) == Shape{5});
  CHECK_FALSE(Broadcast(Shape{2}, Shape{3}).ok());
}

// Every element of `to`, found by the coordinates, the slow way.
std::vector<int64_t> Sources(const Shape& from, const Shape& to) {
  std::vector<int64_t> sources;
  for (int64_t element = 0; element < to.elements(); ++element) {
    int64_t rest = element;
    int64_t source = 0;
    int64_t stride = 1;
    for (int axis = -1; axis >= -static_cast<int>(to.rank()); --axis) {
      const int64_t coordinate = rest % to.size(axis);
      rest /= to.size(axis);
      if (-axis > static_cast<int>(from.rank())) continue;
      source += from.size(axis) == 1 ? 0 : coordinate * stride;
      stride *= from.size(axis);
    }
    sources.push_back(source);
  }
  return sources;
}

TEST_CASE("The broadcast index finds the source of every element", "[core][shape]") {
  const Shape to{2, 3, 4, 5};
  for (const Shape& from : {Shape{2, 3, 4, 5}, Shape{1, 3, 1, 5}, Shape{4, 1}, Shape{2, 1, 1, 1},
                            Shape{5}, Shape{}, Shape{2, 1, 4, 1}, Shape{3, 4, 5}}) {
    const BroadcastIndex index(from, to);
    const std::vector<int64_t> expected = Sources(from, to);
    for (const int64_t begin : {0, 1, 59, 117}) {
      std::vector<int64_t> found(static_cast<size_t>(to.elements() - begin));
      index.Fill(begin, found);
      CHECK(std::equal(found.begin(), found.end(), expected.begin() + begin));
    }
    CHECK(index.identity() == (from == to));
    CHECK(index.At(77) == expected[77]);
  }
}

}  // namespace
}  // namespace lutra
