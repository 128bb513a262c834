// Local operations against their definitions, on both sharings, and on a model's values.
#include "mpc/protocols/local.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "mpc/protocols/reveal.h"
#include "tests/support/run_program.h"

namespace lutra {
namespace {

enum class Form { kReplicated, kAdditive, kModel };
constexpr Form kForms[] = {Form::kReplicated, Form::kAdditive, Form::kModel};
constexpr int kRings[] = {1, 3, 8, 13, 16, 29, 32, 47, 64};

// A value in one of the forms.
Value Make(Case& given, std::string_view name, Form form, Ring ring, const Shape& shape,
           uint64_t seed) {
  const Role owner = form == Form::kModel ? Role::kModelOwner : Role::kDataOwner;
  const Value x = given.Random(name, owner, ring, shape, seed);
  return form == Form::kAdditive ? ToAdditive(given.builder, x) : x;
}

// Runs y = f(x) and gives y; nothing but inputs and the reveal may send.
template <class Function>
Tensor Apply(Form form, const Tensor& x, Function function) {
  Case given;
  Value value =
      given.Given("x", form == Form::kModel ? Role::kModelOwner : Role::kDataOwner, x.Clone());
  if (form == Form::kAdditive) value = ToAdditive(given.builder, value);
  Reveal(given.builder, "y", function(given.builder, value));
  Outcome outcome = RunCase(given);
  for (const Transcript::Part& part : outcome.transcript.parts) {
    CHECK((part.node->spec.protocol == "input" || part.node->spec.protocol == "reveal"));
  }
  CHECK(outcome.rounds == (form == Form::kModel ? 1 : 2));
  return std::move(outcome.revealed.at("y"));
}

// The flat element of a tensor of the given sizes at a position.
int64_t Flat(const std::vector<int64_t>& sizes, const std::vector<int64_t>& position) {
  int64_t flat = 0;
  for (size_t i = 0; i < sizes.size(); ++i) flat = flat * sizes[i] + position[i];
  return flat;
}

TEST_CASE("Sums and differences broadcast, on both sharings", "[mpc][local]") {
  for (const Form form : kForms) {
    for (const int bits : kRings) {
      const Ring ring(bits);
      Case given;
      const Value x = Make(given, "x", form, ring, Shape{3, 1, 5}, 1);
      const Value y = Make(given, "y", form, ring, Shape{2, 1}, 2);
      const NamedTensors& owned =
          given.owned(form == Form::kModel ? Role::kModelOwner : Role::kDataOwner);
      const Tensor a = owned.at("x").Clone();
      const Tensor b = owned.at("y").Clone();
      Reveal(given.builder, "sum", Add(given.builder, x, y));
      Reveal(given.builder, "difference", Subtract(given.builder, x, y));
      Reveal(given.builder, "reverse", Subtract(given.builder, y, x));
      const Outcome outcome = RunCase(given);
      const auto x_at = [&](int64_t i) { return a.At(i / 10 * 5 + i % 5); };
      const auto y_at = [&](int64_t i) { return b.At(i / 5 % 2); };
      const Shape shape{3, 2, 5};
      CheckElements(outcome.revealed.at("sum"), ring, shape,
                    [&](int64_t i) { return x_at(i) + y_at(i); });
      CheckElements(outcome.revealed.at("difference"), ring, shape,
                    [&](int64_t i) { return x_at(i) - y_at(i); });
      CheckElements(outcome.revealed.at("reverse"), ring, shape,
                    [&](int64_t i) { return y_at(i) - x_at(i); });
    }
  }
}

TEST_CASE("Of an additive and a replicated value the sum is additive", "[mpc][local]") {
  Case given;
  const Value x = Make(given, "x", Form::kReplicated, Ring(9), Shape{7}, 1);
  const Value y = Make(given, "y", Form::kAdditive, Ring(9), Shape{7}, 2);
  const Value z = Add(given.builder, x, y);
  CHECK(given.builder.type(z).sharing == Sharing::kAdditive);
  CHECK(!given.builder.type(z).masks_known);
  Reveal(given.builder, "z", z);
  RunCase(given);
}

TEST_CASE("Model and data add up", "[mpc][local]") {
  Case given;
  const Value x = Make(given, "x", Form::kReplicated, Ring(9), Shape{7}, 1);
  const Value y = Make(given, "y", Form::kModel, Ring(9), Shape{1}, 2);
  const Value z = Subtract(given.builder, Scale(given.builder, y, {3}), x);
  CHECK(given.builder.type(z).sharing == Sharing::kReplicated);
  CHECK(given.builder.type(z).masks_known);
  CHECK(given.builder.type(z).lifetime == Lifetime::kInference);
  Reveal(given.builder, "z", z);
  RunCase(given);
}

TEST_CASE("Public constants, one or one for each index of the last axis", "[mpc][local]") {
  for (const Form form : kForms) {
    for (const int bits : kRings) {
      const Ring ring(bits);
      const Tensor x = RandomTensor(ring, Shape{4, 3}, 7);
      const std::vector<int64_t> three = {-1, 5, int64_t{1} << 40};
      CheckElements(Apply(form, x, [&](Builder& b, Value v) { return AddConstants(b, v, three); }),
                    ring, x.shape(), [&](int64_t i) {
                      return x.At(i) + static_cast<uint64_t>(three[static_cast<size_t>(i % 3)]);
                    });
      CheckElements(Apply(form, x, [](Builder& b, Value v) { return AddConstants(b, v, {-9}); }),
                    ring, x.shape(), [&](int64_t i) { return x.At(i) - 9; });
      CheckElements(Apply(form, x, [&](Builder& b, Value v) { return Scale(b, v, three); }), ring,
                    x.shape(), [&](int64_t i) {
                      return x.At(i) * static_cast<uint64_t>(three[static_cast<size_t>(i % 3)]);
                    });
      const Tensor scalar = RandomTensor(ring, Shape{}, 8);
      CheckElements(Apply(form, scalar, [](Builder& b, Value v) { return Scale(b, v, {-3}); }),
                    ring, Shape{}, [&](int64_t) { return uint64_t{0} - 3 * scalar.At(0); });
    }
  }
}

TEST_CASE("Shifting up and keeping low bits change the ring", "[mpc][local]") {
  for (const Form form : kForms) {
    for (const int from : kRings) {
      const Tensor x = RandomTensor(Ring(from), Shape{11}, 3);
      for (const int to : kRings) {
        if (to >= from) {
          CheckElements(
              Apply(form, x, [&](Builder& b, Value v) { return ShiftUp(b, v, to - from); }),
              Ring(to), x.shape(), [&](int64_t i) { return x.At(i) << (to - from); });
        }
        if (to <= from) {
          CheckElements(Apply(form, x, [&](Builder& b, Value v) { return KeepLowBits(b, v, to); }),
                        Ring(to), x.shape(), [&](int64_t i) { return x.At(i); });
        }
      }
    }
  }
}

TEST_CASE("A sum along any axis keeps it with size 1", "[mpc][local]") {
  const std::vector<int64_t> sizes = {3, 5, 2, 4};
  const Tensor x = RandomTensor(Ring(11), Shape(sizes), 3);
  for (const Form form : kForms) {
    for (int axis = -4; axis < 4; ++axis) {
      const auto at = static_cast<size_t>((axis + 4) % 4);
      std::vector<int64_t> summed = sizes;
      summed[at] = 1;
      int64_t inner = 1;
      for (size_t i = at + 1; i < sizes.size(); ++i) inner *= sizes[i];
      CheckElements(Apply(form, x, [&](Builder& b, Value v) { return Sum(b, v, axis); }), Ring(11),
                    Shape(summed), [&](int64_t i) {
                      uint64_t sum = 0;
                      for (int64_t j = 0; j < sizes[at]; ++j) {
                        sum += x.At((i / inner * sizes[at] + j) * inner + i % inner);
                      }
                      return sum;
                    });
    }
  }
}

TEST_CASE("Transposition moves every element to its place", "[mpc][local]") {
  const std::vector<int64_t> sizes = {3, 2, 4, 1};
  for (const int bits : {1, 12, 33}) {
    const Tensor x = RandomTensor(Ring(bits), Shape(sizes), 3);
    std::vector<int64_t> permutation = {0, 1, 2, 3};
    do {
      std::vector<int64_t> to;
      for (const int64_t axis : permutation) to.push_back(sizes[static_cast<size_t>(axis)]);
      const Tensor y = Apply(Form::kReplicated, x,
                             [&](Builder& b, Value v) { return Transpose(b, v, permutation); });
      CheckElements(y, Ring(bits), Shape(to), [&](int64_t i) {
        std::vector<int64_t> position(4);
        for (size_t axis = 4; axis-- > 0; i /= to[axis]) {
          position[static_cast<size_t>(permutation[axis])] = i % to[axis];
        }
        return x.At(Flat(sizes, position));
      });
    } while (std::next_permutation(permutation.begin(), permutation.end()));
  }
  const Tensor scalar = RandomTensor(Ring(5), Shape{}, 1);
  CheckElements(
      Apply(Form::kAdditive, scalar, [](Builder& b, Value v) { return Transpose(b, v, {}); }),
      Ring(5), Shape{}, [&](int64_t) { return scalar.At(0); });
}

TEST_CASE("Slices, and concatenation of slices", "[mpc][local]") {
  const std::vector<int64_t> sizes = {3, 5, 2};
  for (const int bits : {1, 8, 13, 64}) {
    const Tensor x = RandomTensor(Ring(bits), Shape(sizes), 4);
    for (const Form form : kForms) {
      const Tensor y = Apply(form, x, [](Builder& b, Value v) { return Slice(b, v, 1, 1, 4); });
      CheckElements(y, Ring(bits), Shape{3, 3, 2},
                    [&](int64_t i) { return x.At(i / 6 * 10 + 2 + i % 6); });
      for (int axis = 0; axis < 3; ++axis) {
        const int64_t size = sizes[static_cast<size_t>(axis)];
        const Tensor same = Apply(form, x, [&](Builder& b, Value v) {
          return Concatenate(b, {Slice(b, v, axis, 0, 1), Slice(b, v, axis - 3, 1, size)}, axis);
        });
        CHECK(same == x);
      }
    }
  }
}

TEST_CASE("Broadcasting and reshaping", "[mpc][local]") {
  for (const Form form : kForms) {
    const Tensor x = RandomTensor(Ring(10), Shape{2, 1, 3}, 4);
    CheckElements(Apply(form, x,
                        [](Builder& b, Value v) {
                          return BroadcastTo(b, v, Shape{4, 2, 5, 3});
                        }),
                  Ring(10), Shape{4, 2, 5, 3},
                  [&](int64_t i) { return x.At(i / 15 % 2 * 3 + i % 3); });
    CheckElements(Apply(form, x, [](Builder& b, Value v) { return Reshape(b, v, Shape{6}); }),
                  Ring(10), Shape{6}, [&](int64_t i) { return x.At(i); });
    const Tensor scalar = RandomTensor(Ring(10), Shape{}, 4);
    CheckElements(Apply(form, scalar,
                        [](Builder& b, Value v) {
                          return BroadcastTo(b, v, Shape{3, 3});
                        }),
                  Ring(10), Shape{3, 3}, [&](int64_t) { return scalar.At(0); });
  }
}

TEST_CASE("Local operations keep what is known of masks", "[mpc][local]") {
  Case given;
  Builder& b = given.builder;
  const Value x = Make(given, "x", Form::kReplicated, Ring(8), Shape{2, 3}, 1);
  for (const Value y :
       {Sum(b, x, 0), Transpose(b, x, {1, 0}), Slice(b, x, 1, 0, 2), KeepLowBits(b, x, 3),
        ShiftUp(b, x, 3), Scale(b, x, {2}), AddConstants(b, x, {2}), Reshape(b, x, Shape{6}),
        BroadcastTo(b, x, Shape{2, 2, 3}), Concatenate(b, {x, x}, 0), Subtract(b, x, x)}) {
    CHECK(b.type(y).sharing == Sharing::kReplicated);
    CHECK(b.type(y).masks_known);
  }
  CHECK(!b.type(ToAdditive(b, x)).masks_known);
  CHECK(b.ok());
}

}  // namespace
}  // namespace lutra
