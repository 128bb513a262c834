#include "core/tensor.h"

#include <cstring>
#include <utility>

#include "core/memory.h"

namespace lutra {

void Tensor::Free::operator()(std::byte* data) const { FreeBlock(data, bytes); }

Tensor::Tensor(Ring ring, Shape shape) : ring_(ring), shape_(std::move(shape)) {
  if (bytes() > 0)
    data_ = std::unique_ptr<std::byte[], Free>(AllocateBlock(bytes()), Free{bytes()});
}

Tensor Tensor::Zeros(Ring ring, Shape shape) {
  Tensor tensor(ring, std::move(shape));
  if (tensor.bytes() > 0) std::memset(tensor.data_.get(), 0, tensor.bytes());
  return tensor;
}

Tensor Tensor::Of(Ring ring, Shape shape, std::span<const int64_t> values) {
  Tensor tensor(ring, std::move(shape));
  LUTRA_CHECK(static_cast<size_t>(tensor.elements()) == values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    tensor.Set(static_cast<int64_t>(i), static_cast<uint64_t>(values[i]));
  }
  return tensor;
}

Tensor Tensor::Clone() const {
  Tensor copy(ring_, shape_);
  if (bytes() > 0) std::memcpy(copy.data_.get(), data_.get(), bytes());
  return copy;
}

uint64_t Tensor::At(int64_t element) const {
  LUTRA_CHECK(element >= 0 && element < elements());
  return WithLane(ring_, [&](auto lane) -> uint64_t {
    return lanes<decltype(lane)>()[static_cast<size_t>(element)];
  });
}

void Tensor::Set(int64_t element, uint64_t value) {
  LUTRA_CHECK(element >= 0 && element < elements());
  WithLane(ring_, [&](auto lane) {
    using Lane = decltype(lane);
    lanes<Lane>()[static_cast<size_t>(element)] = static_cast<Lane>(ring_.Reduce(value));
  });
}

Tensor Tensor::Reshaped(Shape shape) && {
  LUTRA_CHECK(shape.elements() == elements());
  Tensor tensor = std::move(*this);
  tensor.shape_ = std::move(shape);
  return tensor;
}

bool operator==(const Tensor& a, const Tensor& b) {
  return a.ring_ == b.ring_ && a.shape_ == b.shape_ &&
         (a.bytes() == 0 || std::memcmp(a.data_.get(), b.data_.get(), a.bytes()) == 0);
}

}  // namespace lutra
