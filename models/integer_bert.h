// The plain exact twin: evaluates an integer model in the clear, with every extraction a floor.
#ifndef LUTRA_MODELS_INTEGER_BERT_H_
#define LUTRA_MODELS_INTEGER_BERT_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "core/status.h"
#include "core/tensor.h"
#include "core/thread_pool.h"
#include "models/integer_model.h"

namespace lutra {

// Receives every intermediate tensor by its golden name, such as "layers.0.attention.score", in the
// order of evaluation. Per-head tensors are [B, A, n, n] or [B, A, n]. Values are signed codes,
// or unsigned where the page says so; `sum` is the whole sum, before any reduction.
using IntegerTrace =
    std::function<void(std::string_view name, const Shape& shape, std::span<const int64_t> values)>;

class IntegerBert {
 public:
  explicit IntegerBert(IntegerModel model) : model_(std::move(model)) {}

  // Logits [B, classes] over Z_2^16, to be read with SignedAt, of inputs [B, n] (token ids) or
  // [B, n-1, K] (pixels), over any ring, read as unsigned. An error names what is out of shape or
  // range. Works in bounded memory whatever B, unless there is a trace, which sees all B at once.
  StatusOr<Tensor> Logits(const Tensor& inputs, ThreadPool& pool,
                          const IntegerTrace& trace = nullptr) const;

 private:
  IntegerModel model_;
};

// The index of the largest of each row's logits [B, classes], the first if several are equal.
std::vector<int> Predictions(const Tensor& logits);

}  // namespace lutra

#endif  // LUTRA_MODELS_INTEGER_BERT_H_
