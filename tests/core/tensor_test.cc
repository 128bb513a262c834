#include "core/tensor.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <utility>

namespace lutra {
namespace {

TEST_CASE("Elements are kept modulo 2^l in the ring's lane", "[core][tensor]") {
  for (const int bits : {1, 7, 8, 9, 16, 17, 32, 33, 64}) {
    CAPTURE(bits);
    const Ring ring(bits);
    Tensor tensor = Tensor::Of(ring, Shape{2, 2}, {0, 1, -1, 5});
    CHECK(tensor.At(1) == 1);
    CHECK(tensor.At(2) == ring.mask());
    CHECK(tensor.SignedAt(2) == -1);
    CHECK(tensor.At(3) == ring.Reduce(5));
    CHECK(tensor.bytes() == 4 * ring.lane_bytes());
    CHECK(tensor.raw().size() == tensor.bytes());
    tensor.Set(0, ~uint64_t{0} - 1);
    CHECK(tensor.SignedAt(0) == ring.Signed(ring.Reduce(~uint64_t{0} - 1)));
  }
}

TEST_CASE("Lanes are the elements, aligned for vectors", "[core][tensor]") {
  Tensor tensor = Tensor::Zeros(Ring(12), Shape{3, 5});
  CHECK(reinterpret_cast<uintptr_t>(tensor.raw().data()) % 64 == 0);
  const std::span<uint16_t> lanes = tensor.lanes<uint16_t>();
  REQUIRE(lanes.size() == 15);
  CHECK(std::all_of(lanes.begin(), lanes.end(), [](uint16_t lane) { return lane == 0; }));
  lanes[7] = 99;
  CHECK(tensor.At(7) == 99);
}

TEST_CASE("Tensors without elements hold nothing", "[core][tensor]") {
  CHECK(Tensor().empty());
  CHECK(Tensor().raw().empty());
  const Tensor none = Tensor::Zeros(Ring(8), Shape{4, 0});
  CHECK(none.empty());
  CHECK(none.Clone() == none);
  const Tensor scalar = Tensor::Of(Ring(8), Shape{}, {3});
  CHECK_FALSE(scalar.empty());
  CHECK(scalar.elements() == 1);
}

TEST_CASE("Equality is of ring, shape and elements", "[core][tensor]") {
  const Tensor tensor = Tensor::Of(Ring(9), Shape{2, 3}, {1, 2, 3, 4, 5, 6});
  CHECK(tensor == Tensor::Of(Ring(9), Shape{2, 3}, {1, 2, 3, 4, 5, 6}));
  CHECK_FALSE(tensor == Tensor::Of(Ring(10), Shape{2, 3}, {1, 2, 3, 4, 5, 6}));
  CHECK_FALSE(tensor == Tensor::Of(Ring(9), Shape{3, 2}, {1, 2, 3, 4, 5, 6}));
  CHECK_FALSE(tensor == Tensor::Of(Ring(9), Shape{2, 3}, {1, 2, 3, 4, 5, 7}));
}

TEST_CASE("A clone is independent, a reshaped tensor is the same elements", "[core][tensor]") {
  Tensor tensor = Tensor::Of(Ring(9), Shape{2, 3}, {1, 2, 3, 4, 5, 6});
  Tensor clone = tensor.Clone();
  CHECK(clone == tensor);
  clone.Set(0, 9);
  CHECK(tensor.At(0) == 1);
  const std::byte* data = tensor.raw().data();
  const Tensor reshaped = std::move(tensor).Reshaped(Shape{6});
  CHECK(reshaped.raw().data() == data);
  CHECK(reshaped == Tensor::Of(Ring(9), Shape{6}, {1, 2, 3, 4, 5, 6}));
}

}  // namespace
}  // namespace lutra
