#include "mpc/protocols/softmax.h"

#include <vector>

#include "mpc/protocols/local.h"

namespace lutra {
namespace {
constexpr int kSumCodeBits = 8;
}  // namespace

// Multi-input softmax.                                      [arXiv 2508.01636]
//
//   1. [e], [c'] = Lookup(exp, score; [c])          one opening
//   2. [S] = sum of the row's [e]                   local
//   3. [t] = Lookup(sum_code; top_8 [S])            one lookup a row
//   4. <p> = Lookup(probability; [c'], [t])         t masked and opened once a row
Value Softmax(Builder& builder, Value codes, const SoftmaxTables& tables, LookupForm form,
              Rounding rounding) {
  const std::vector<Value> values = LookupAll(builder, {codes}, {tables.exp, tables.score});
  const Value sum = Sum(builder, values[0], -1);
  const bool narrow = builder.ring(sum).bits() <= kSumCodeBits;
  const Value top = narrow ? sum : TopBits(builder, sum, kSumCodeBits, rounding);
  const Value code = Lookup(builder, {top}, tables.sum_code);
  return LookupReplicated(builder, {values[1], code}, tables.probability, form);
}

}  // namespace lutra
