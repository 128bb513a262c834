// A second, naive implementation of docs/quantized-bert.md for the tests to compare with: nested
// loops over int64, straight from the page's table, one example at a time. It shares no code with
// models/integer_bert.cc and reads the file's tensors by name.
#ifndef LUTRA_TESTS_MODELS_SCALAR_BERT_H_
#define LUTRA_TESTS_MODELS_SCALAR_BERT_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "models/integer_model.h"

namespace lutra {

struct ScalarResult {
  std::vector<int64_t> logits;
  // Every intermediate of the page by its golden name.
  std::map<std::string, std::vector<int64_t>> values;
  // How much of its ring an accumulator used, before any reduction: 1 is all of it, and more has
  // wrapped. Signed accumulators: |value| / 2^15. By name; sums of squares and of exponentials are
  // unsigned, value / 2^16 and value / 2^(8+sh).
  std::map<std::string, double> used;
};

// Of one example: n token ids, or (n-1) * K pixels.
ScalarResult EvaluateScalar(const IntegerModel& model, const std::vector<int64_t>& inputs);

}  // namespace lutra

#endif  // LUTRA_TESTS_MODELS_SCALAR_BERT_H_
