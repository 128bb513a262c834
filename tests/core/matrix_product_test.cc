#include "core/matrix_product.h"

#include <hwy/targets.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "core/prg.h"

namespace lutra {
namespace {

Tensor Uniform(Ring ring, Shape shape, uint32_t node) {
  return Prg(KeyFromSeed(6)).ExpandTensor({node, 0}, ring, std::move(shape));
}

Shape Join(const std::vector<int64_t>& leading, int64_t rows, int64_t columns) {
  std::vector<int64_t> sizes = leading;
  sizes.push_back(rows);
  sizes.push_back(columns);
  return Shape(sizes);
}

struct Sizes {
  std::vector<int64_t> leading;
  int64_t m, n, depth;
  bool shared;
};

// Whether both ways to multiply give what the reference gives.
bool Agrees(Ring ring, const Sizes& sizes, bool accumulate, ThreadPool& pool) {
  const Tensor x = Uniform(ring, Join(sizes.leading, sizes.m, sizes.depth), 1);
  const Tensor y = Uniform(
      ring, Join(sizes.shared ? std::vector<int64_t>{} : sizes.leading, sizes.n, sizes.depth), 2);
  const Tensor before = Uniform(ring, Join(sizes.leading, sizes.m, sizes.n), 3);
  Tensor expected = before.Clone();
  MatrixProductReference(x, y, expected, accumulate);
  Tensor unpacked = before.Clone();
  MatrixProduct(x, y, unpacked, accumulate, pool);
  Tensor packed = before.Clone();
  MatrixProduct(x, PackedMatrix::Pack(y), packed, accumulate, pool);
  return unpacked == expected && packed == expected;
}

// Shapes around the borders of tiles, panels, tasks and steps of the depth.
const std::vector<Sizes>& Cases() {
  static const std::vector<Sizes>* const cases = new std::vector<Sizes>{
      {{}, 1, 1, 1, true},       {{}, 1, 130, 9, true},      {{}, 7, 5, 3, true},
      {{}, 6, 64, 8, true},      {{}, 13, 129, 131, true},   {{}, 97, 33, 17, true},
      {{}, 5, 16, 0, true},      {{}, 0, 16, 4, true},       {{}, 4, 0, 4, true},
      {{2, 3}, 5, 31, 10, true}, {{2, 3}, 5, 31, 10, false}, {{3}, 1, 127, 33, false},
      {{4}, 9, 40, 16, false},   {{0}, 2, 3, 4, false},      {{2}, 0, 3, 4, true},
      {{2}, 27, 96, 20, false},  {{}, 15, 64, 300, true},
  };
  return *cases;
}

TEST_CASE("The reference multiplies", "[core][matrix_product]") {
  const Tensor x = Tensor::Of(Ring(5), Shape{2, 3}, {1, 2, 3, -4, 5, 6});
  const Tensor y = Tensor::Of(Ring(5), Shape{1, 3}, {7, 8, 9});
  Tensor z = Tensor::Of(Ring(5), Shape{2, 1}, {1, 2});
  MatrixProductReference(x, y, z, /*accumulate=*/true);
  CHECK(z == Tensor::Of(Ring(5), Shape{2, 1}, {1 + 50, 2 + 66}));
  MatrixProductReference(x, y, z, /*accumulate=*/false);
  CHECK(z == Tensor::Of(Ring(5), Shape{2, 1}, {50, 66}));
}

TEST_CASE("Products agree with the reference", "[core][matrix_product]") {
  const int threads = GENERATE(1, 3);
  ThreadPool pool(threads);
  for (const int bits : {1, 3, 8, 9, 16, 17, 32, 33, 64}) {
    for (const Sizes& sizes : Cases()) {
      CAPTURE(bits, sizes.leading, sizes.m, sizes.n, sizes.depth, sizes.shared);
      CHECK(Agrees(Ring(bits), sizes, false, pool));
      CHECK(Agrees(Ring(bits), sizes, true, pool));
    }
  }
}

TEST_CASE("Every instruction set of this machine agrees", "[core][matrix_product]") {
  ThreadPool pool(2);
  const std::vector<std::string_view> targets = SimdTargets();
  for (const std::string_view target : targets) {
    REQUIRE(UseSimdTarget(target).ok());
    CHECK(SimdTarget() == target);
    CHECK(SimdTargets() == targets);
    for (const int bits : {1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 17, 20, 31, 32, 33, 63, 64}) {
      for (const Sizes& sizes : Cases()) {
        CAPTURE(bits, sizes.m, sizes.n, sizes.depth, SimdTarget());
        CHECK(Agrees(Ring(bits), sizes, false, pool));
        CHECK(Agrees(Ring(bits), sizes, true, pool));
      }
    }
  }
  REQUIRE(UseSimdTarget(targets.front()).ok());
}

TEST_CASE("Instruction sets are listed best first and chosen by name", "[core][matrix_product]") {
  const std::vector<std::string_view> targets = SimdTargets();
  REQUIRE(!targets.empty());
  CHECK(SimdTarget() == targets.front());
  CHECK(targets.back() == hwy::TargetName(HWY_STATIC_TARGET));
  // What Highway says of the processor, and no better.
  for (const int64_t target : {HWY_AVX3, HWY_AVX2, HWY_SSE4}) {
    const bool listed =
        std::find(targets.begin(), targets.end(), hwy::TargetName(target)) != targets.end();
    CHECK(listed == ((hwy::SupportedTargets() & target) != 0));
  }

  REQUIRE(UseSimdTarget(targets.back()).ok());
  for (const std::string_view name : {"", "AVX", "avx2", "AVX2 ", "Unknown"}) {
    const Status status = UseSimdTarget(name);
    CHECK(status.code() == absl::StatusCode::kInvalidArgument);
    for (const std::string_view target : targets) {
      CHECK(OneLine(status).find(target) != std::string::npos);
    }
    CHECK(OneLine(status).find(StrCat("found '", name, "'")) != std::string::npos);
    CHECK(SimdTarget() == targets.back());
  }
  REQUIRE(UseSimdTarget(targets.front()).ok());
}

TEST_CASE("A packed matrix knows what it holds, and moves", "[core][matrix_product]") {
  ThreadPool pool(1);
  const Tensor y = Uniform(Ring(12), Shape{2, 3, 5}, 1);
  PackedMatrix from = PackedMatrix::Pack(y);
  const PackedMatrix packed = std::move(from);
  CHECK(packed.ring() == Ring(12));
  CHECK(packed.leading() == std::vector<int64_t>{2});
  CHECK(packed.batch() == 2);
  CHECK(packed.n() == 3);
  CHECK(packed.depth() == 5);

  const Tensor x = Uniform(Ring(12), Shape{2, 4, 5}, 2);
  Tensor expected(Ring(12), Shape{2, 4, 3});
  MatrixProductReference(x, y, expected, false);
  Tensor z(Ring(12), Shape{2, 4, 3});
  MatrixProduct(x, packed, z, false, pool);
  CHECK(z == expected);
}

}  // namespace
}  // namespace lutra
