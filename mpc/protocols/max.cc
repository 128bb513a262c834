#include "mpc/protocols/max.h"

#include <algorithm>

#include "mpc/protocols/local.h"
#include "mpc/protocols/lookup.h"

namespace lutra {
namespace {

// T(i, j) = the larger of the codes i and j.
Tensor LargerOfTwo(Ring ring, Codes codes) {
  const int64_t size = int64_t{1} << ring.bits();
  Tensor table(ring, Shape{1, size * size});
  const auto value = [&](int64_t code) {
    return codes == Codes::kSigned ? ring.Signed(static_cast<uint64_t>(code)) : code;
  };
  for (int64_t i = 0; i < size; ++i) {
    for (int64_t j = 0; j < size; ++j) {
      table.Set(i * size + j, static_cast<uint64_t>(std::max(value(i), value(j))));
    }
  }
  return table;
}

}  // namespace

// Tournament.
//
//   while the row has more than one code:
//     [x_i] = Lookup(larger of two; [x_i], [x_(i + n/2)])     one round for all pairs
//     (an odd one out waits)
Value Maximum(Builder& builder, Value x, Codes codes) {
  const Ring ring = builder.ring(x);
  if (!builder.ok()) return x;
  if (builder.shape(x).rank() == 0 || 2 * ring.bits() > Table::kMaxIndexBits) {
    builder.Fail(InvalidArgument("maximum: expected rows of codes of at most ",
                                 Table::kMaxIndexBits / 2, " bits, found ",
                                 builder.type(x).ToString()));
    return x;
  }
  x = ToAdditive(builder, x);
  if (builder.shape(x).size(-1) == 1) return x;
  const TableId larger =
      builder.AddTable(codes == Codes::kSigned ? "larger_signed" : "larger_unsigned",
                       {ring.bits(), ring.bits()}, LargerOfTwo(ring, codes), /*is_private=*/false);
  while (builder.ok() && builder.shape(x).size(-1) > 1) {
    const int64_t size = builder.shape(x).size(-1);
    const int64_t half = size / 2;
    const Value first = Slice(builder, x, -1, 0, half);
    const Value second = Slice(builder, x, -1, half, 2 * half);
    Value winners = Lookup(builder, {first, second}, larger);
    if (size % 2 == 1) {
      const Value odd_one = Slice(builder, x, -1, size - 1, size);
      winners = Concatenate(builder, {winners, odd_one}, -1);
    }
    x = winners;
  }
  return x;
}

}  // namespace lutra
