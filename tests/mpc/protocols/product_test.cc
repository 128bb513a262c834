// Products in both forms, of every pairing of model and data, against plain arithmetic.
#include "mpc/protocols/product.h"

#include <catch2/catch.hpp>

#include "mpc/protocols/local.h"
#include "mpc/protocols/lookup.h"
#include "mpc/protocols/reshare.h"
#include "mpc/protocols/reveal.h"
#include "tests/support/run_program.h"

namespace lutra {
namespace {

constexpr int kRings[] = {1, 4, 8, 11, 16, 19, 32, 41, 64};
constexpr LinearForm kForms[] = {LinearForm::kMasked, LinearForm::kReplicated};
constexpr Role kOwners[] = {Role::kDataOwner, Role::kModelOwner};

struct Operands {
  Role x;
  Role y;
};

// Every pairing of owners and both forms; the cost of each: P0 sends l bits an element, offline
// when masked.
template <class Product, class Expected>
void CheckProduct(Ring ring, const Shape& x_shape, const Shape& y_shape, const Shape& z_shape,
                  Product product, Expected expected) {
  uint64_t seed = static_cast<uint64_t>(ring.bits());
  for (const LinearForm form : kForms) {
    for (const Role x_owner : kOwners) {
      for (const Role y_owner : kOwners) {
        Case given;
        const Value x = given.Random("x", x_owner, ring, x_shape, ++seed);
        const Value y = given.Random("y", y_owner, ring, y_shape, ++seed);
        const Value z = product(given.builder, x, y, form);
        CHECK(given.builder.type(z).sharing == Sharing::kAdditive);
        Reveal(given.builder, "z", z);
        const Outcome outcome = RunCase(given, seed, 1 + static_cast<int>(seed % 2));
        const Tensor& a = given.owned(x_owner).at("x");
        const Tensor& b = given.owned(y_owner).at("y");
        CheckElements(outcome.revealed.at("z"), ring, z_shape,
                      [&](int64_t i) { return expected(a, b, i); });
        const bool masked = form == LinearForm::kMasked;
        int64_t total = 0;
        for (const Transcript::Part& part : outcome.transcript.parts) {
          if (part.from != Role::kP0) continue;
          CHECK(part.phase == (masked ? Phase::kPrepare : Phase::kOnline));
          total += part.bits;
        }
        CHECK(total == z_shape.elements() * ring.bits());
        const bool data = x_owner == Role::kDataOwner || y_owner == Role::kDataOwner;
        CHECK(outcome.rounds == 1 + (data ? 1 : 0) + (masked ? 0 : 1));
      }
    }
  }
}

TEST_CASE("Matrix products", "[mpc][product]") {
  for (const int bits : kRings) {
    CheckProduct(
        Ring(bits), Shape{3, 5}, Shape{7, 5}, Shape{3, 7},
        [](Builder& b, Value x, Value y, LinearForm f) { return MatrixProduct(b, x, y, f); },
        [](const Tensor& a, const Tensor& b, int64_t i) {
          uint64_t sum = 0;
          for (int64_t k = 0; k < 5; ++k) {
            sum += a.At(i / 7 * 5 + k) * b.At(i % 7 * 5 + k);
          }
          return sum;
        });
  }
}

TEST_CASE("Batched matrix products, and a matrix shared by a batch", "[mpc][product]") {
  const auto product = [](Builder& b, Value x, Value y, LinearForm f) {
    return MatrixProduct(b, x, y, f);
  };
  for (const int bits : {1, 12, 33}) {
    CheckProduct(Ring(bits), Shape{2, 3, 1, 4}, Shape{2, 3, 5, 4}, Shape{2, 3, 1, 5}, product,
                 [](const Tensor& a, const Tensor& b, int64_t i) {
                   uint64_t sum = 0;
                   for (int64_t k = 0; k < 4; ++k) sum += a.At(i / 5 * 4 + k) * b.At(i * 4 + k);
                   return sum;
                 });
    CheckProduct(
        Ring(bits), Shape{3, 2, 1}, Shape{5, 1}, Shape{3, 2, 5}, product,
        [](const Tensor& a, const Tensor& b, int64_t i) { return a.At(i / 5) * b.At(i % 5); });
    CheckProduct(Ring(bits), Shape{1, 1}, Shape{1, 1}, Shape{1, 1}, product,
                 [](const Tensor& a, const Tensor& b, int64_t) { return a.At(0) * b.At(0); });
  }
}

TEST_CASE("Element products broadcast", "[mpc][product]") {
  const auto product = [](Builder& b, Value x, Value y, LinearForm f) {
    return ElementProduct(b, x, y, f);
  };
  for (const int bits : kRings) {
    CheckProduct(Ring(bits), Shape{3, 1, 5}, Shape{2, 1}, Shape{3, 2, 5}, product,
                 [](const Tensor& a, const Tensor& b, int64_t i) {
                   return a.At(i / 10 * 5 + i % 5) * b.At(i / 5 % 2);
                 });
  }
  CheckProduct(Ring(9), Shape{}, Shape{}, Shape{}, product,
               [](const Tensor& a, const Tensor& b, int64_t) { return a.At(0) * b.At(0); });
  CheckProduct(Ring(16), Shape{700}, Shape{1}, Shape{700}, product,
               [](const Tensor& a, const Tensor& b, int64_t i) { return a.At(i) * b.At(0); });
}

TEST_CASE("Sums of squares", "[mpc][product]") {
  for (const int bits : kRings) {
    for (const LinearForm form : kForms) {
      for (const Role owner : kOwners) {
        Case given;
        const Value x = given.Random("x", owner, Ring(bits), Shape{3, 7}, 1);
        Reveal(given.builder, "z", SumOfSquares(given.builder, x, form));
        const Outcome outcome = RunCase(given);
        CheckElements(outcome.revealed.at("z"), Ring(bits), Shape{3, 1}, [&](int64_t i) {
          uint64_t sum = 0;
          for (int64_t k = 0; k < 7; ++k) {
            const uint64_t element = given.owned(owner).at("x").At(7 * i + k);
            sum += element * element;
          }
          return sum;
        });
      }
    }
  }
}

TEST_CASE("Of a value whose masks are unknown the replicated form is taken", "[mpc][product]") {
  for (const bool first : {true, false}) {
    Case given;
    Builder& builder = given.builder;
    const Value x = given.Random("x", Role::kDataOwner, Ring(4), Shape{5, 3}, 1);
    const Value w = given.Random("w", Role::kModelOwner, Ring(9), Shape{5, 3}, 2);
    const TableId table = builder.AddTable("T", {4}, RandomTensor(Ring(9), Shape{1, 16}, 3), true);
    const Value y = LookupReplicated(builder, {x}, table, LookupForm::kDirect);
    Reveal(builder, "z", first ? ElementProduct(builder, y, w) : ElementProduct(builder, w, y));
    const Outcome outcome = RunCase(given);
    CHECK(outcome.program().nodes()[4].spec.attributes.text("form") == "replicated");
    CHECK(BitsOf(outcome, "element_product", Phase::kOnline, Role::kP0, Role::kP1) == 7 * 9);
    CHECK(BitsOf(outcome, "element_product", Phase::kOnline, Role::kP0, Role::kP2) == 8 * 9);
    CHECK(outcome.rounds == 4);  // input, lookup, product, reveal
  }
}

TEST_CASE("P0 walks as far as a replicated product needs it", "[mpc][product]") {
  Case given(Deployment::kSharedDealer);
  Builder& builder = given.builder;
  const Value x = given.Random("x", Role::kDataOwner, Ring(8), Shape{5}, 1);
  const Value y = given.Random("y", Role::kModelOwner, Ring(8), Shape{5}, 2);
  Value z = ElementProduct(builder, x, y, LinearForm::kReplicated);
  z = Reshare(builder, AddConstants(builder, z, {3}));
  z = ElementProduct(builder, Scale(builder, z, {5}), x, LinearForm::kMasked);
  z = SumOfSquares(builder, Reshare(builder, z), LinearForm::kReplicated);
  Reveal(builder, "z", z);
  const Outcome outcome = RunCase(given);
  CHECK(outcome.rounds == 6);
  for (const Transcript::Message& message : outcome.transcript.messages) {
    CHECK(message.to != Role::kP0);
    CHECK(message.to != Role::kDealer);
  }
}

TEST_CASE("Products refuse what does not fit, naming the node", "[mpc][product]") {
  const auto error_of = [](const auto& describe) {
    Case given;
    int count = 0;
    describe(given.builder, [&](int bits, const Shape& shape) {
      return given.Random(StrCat("x", count++), Role::kDataOwner, Ring(bits), shape, 1);
    });
    const StatusOr<BuiltProgram> built = std::move(given.builder).Build();
    return built.ok() ? std::string("none") : OneLine(built.status());
  };
  const auto matrices = [&](const Shape& x, const Shape& y) {
    return error_of(
        [&](Builder& b, const auto& input) { MatrixProduct(b, input(8, x), input(8, y)); });
  };
  CHECK(matrices(Shape{2, 3}, Shape{4, 3}) == "none");
  CHECK_THAT(matrices(Shape{2, 3}, Shape{4, 2}),
             Catch::Contains("node 2 (, matrix_product)") && Catch::Contains("[2, 3] and [4, 2]"));
  CHECK_THAT(matrices(Shape{3}, Shape{4, 3}), Catch::Contains("shapes"));
  CHECK_THAT(matrices(Shape{2, 3}, Shape{1, 4, 3}), Catch::Contains("shapes"));
  CHECK_THAT(matrices(Shape{2, 2, 3}, Shape{1, 4, 3}), Catch::Contains("shapes"));
  CHECK_THAT(matrices(Shape{}, Shape{}), Catch::Contains("shapes"));
  CHECK_THAT(error_of([](Builder& b, const auto& input) {
               ElementProduct(b, input(8, Shape{2}), input(7, Shape{2}));
             }),
             Catch::Contains("node 2 (, element_product): input 1: expected ring Z_2^8"));
  CHECK_THAT(error_of([](Builder& b, const auto& input) {
               ElementProduct(b, input(8, Shape{2}), input(8, Shape{3}));
             }),
             Catch::Contains("broadcast"));
  CHECK_THAT(error_of([](Builder& b, const auto& input) { SumOfSquares(b, input(8, Shape{})); }),
             Catch::Contains("axis"));
  CHECK_THAT(error_of([](Builder& b, const auto& input) {
               SumOfSquares(b, ToAdditive(b, input(8, Shape{2})));
             }),
             Catch::Contains("sharing"));
  CHECK_THAT(error_of([](Builder& b, const auto& input) {
               b.AddOne("sum_of_squares", {input(8, Shape{2})}, Attributes().SetText("form", "x"));
             }),
             Catch::Contains("attribute form: expected masked or replicated, found x"));
  CHECK_THAT(
      error_of([](Builder& b, const auto& input) {
        const TableId table = b.AddTable("T", {2}, RandomTensor(Ring(8), Shape{1, 4}, 3), false);
        const Value y = LookupReplicated(b, {input(2, Shape{2})}, table, LookupForm::kDirect);
        b.AddOne("sum_of_squares", {y}, Attributes().SetText("form", "masked"));
      }),
      Catch::Contains("masks are known offline"));
}

}  // namespace
}  // namespace lutra
