// Small programs that the tests of analysis/ have in common.
#ifndef LUTRA_TESTS_ANALYSIS_PROGRAMS_H_
#define LUTRA_TESTS_ANALYSIS_PROGRAMS_H_

#include <string_view>
#include <vector>

#include "mpc/builder.h"
#include "mpc/protocols/local.h"
#include "mpc/protocols/lookup.h"
#include "mpc/protocols/product.h"
#include "mpc/protocols/reshare.h"
#include "mpc/protocols/reveal.h"
#include "mpc/protocols/top_bits.h"
#include "tests/support/run_program.h"

namespace lutra {

inline TableId AddSquares(Builder& builder, std::string_view name, int index_bits, Ring ring) {
  Tensor contents(ring, Shape{1, int64_t{1} << index_bits});
  for (int64_t row = 0; row < contents.elements(); ++row) {
    contents.Set(row, static_cast<uint64_t>(row * row));
  }
  return builder.AddTable(name, {index_bits}, std::move(contents), /*is_private=*/true);
}

// A linear layer and a table on its top bits, `layers` times, with a model's input in each; sizes
// are odd, so that no part of a message fills its last byte.
inline void AddLayers(Case& given, int layers, LinearForm linear, LookupForm lookup) {
  Builder& builder = given.builder;
  const Ring ring(16);
  const TableId table = AddSquares(builder, "square", 3, ring);
  Value x = given.Random("x", Role::kDataOwner, ring, Shape{3, 5}, 1);
  for (int layer = 0; layer < layers; ++layer) {
    Builder::Scope scope(builder, StrCat("layers.", layer));
    Value sum;
    {
      Builder::Scope inner(builder, "product");
      const Value weight = given.Random(StrCat("w", layer), Role::kModelOwner, ring, Shape{5, 5},
                                        static_cast<uint64_t>(layer) + 2);
      sum = MatrixProduct(builder, x, weight, linear);
    }
    Builder::Scope inner(builder, "activation");
    x = LookupReplicated(builder, {TopBitsUnbiased(builder, sum, 3)}, table, lookup);
  }
  Builder::Scope scope(builder, "result");
  Reveal(builder, "y", x);
}

}  // namespace lutra

#endif  // LUTRA_TESTS_ANALYSIS_PROGRAMS_H_
