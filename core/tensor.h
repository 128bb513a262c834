// A tensor over Z_2^l: row-major elements, each in the smallest native lane. Invariant: elements
// are reduced, i.e. the bits of a lane above l are zero.
#ifndef LUTRA_CORE_TENSOR_H_
#define LUTRA_CORE_TENSOR_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "core/ring.h"
#include "core/shape.h"

namespace lutra {

class Tensor {
 public:
  // No elements: "not there" (a share component that a role does not hold).
  Tensor() : Tensor(Ring(1), Shape{0}) {}
  // Elements are not initialized; the caller writes each of them. Aligned to 64 bytes.
  Tensor(Ring ring, Shape shape);

  static Tensor Zeros(Ring ring, Shape shape);
  // The values modulo 2^l; as many as the shape has elements.
  static Tensor Of(Ring ring, Shape shape, std::span<const int64_t> values);
  static Tensor Of(Ring ring, Shape shape, std::initializer_list<int64_t> values) {
    return Of(ring, std::move(shape), std::span<const int64_t>(values.begin(), values.size()));
  }

  Tensor(Tensor&&) noexcept = default;
  Tensor& operator=(Tensor&&) noexcept = default;
  // Copies are asked for by name.
  Tensor Clone() const;

  Ring ring() const { return ring_; }
  const Shape& shape() const { return shape_; }
  int64_t elements() const { return shape_.elements(); }
  size_t bytes() const { return static_cast<size_t>(elements()) * ring_.lane_bytes(); }
  bool empty() const { return elements() == 0; }

  // The elements; Lane must be the ring's lane type.
  template <class Lane>
  std::span<Lane> lanes() {
    LUTRA_CHECK(sizeof(Lane) == ring_.lane_bytes());
    return {reinterpret_cast<Lane*>(data_.get()), static_cast<size_t>(elements())};
  }
  template <class Lane>
  std::span<const Lane> lanes() const {
    LUTRA_CHECK(sizeof(Lane) == ring_.lane_bytes());
    return {reinterpret_cast<const Lane*>(data_.get()), static_cast<size_t>(elements())};
  }
  std::span<std::byte> raw() { return {data_.get(), bytes()}; }
  std::span<const std::byte> raw() const { return {data_.get(), bytes()}; }

  // One element, whatever the lane: for tests, tables and output, not for loops over data.
  uint64_t At(int64_t element) const;
  int64_t SignedAt(int64_t element) const { return ring_.Signed(At(element)); }
  void Set(int64_t element, uint64_t value);

  // The same elements under another shape of as many elements.
  Tensor Reshaped(Shape shape) &&;

  // Same ring, shape and elements.
  friend bool operator==(const Tensor& a, const Tensor& b);

 private:
  struct Free {
    size_t bytes;
    void operator()(std::byte* data) const;
  };

  Ring ring_;
  Shape shape_;
  std::unique_ptr<std::byte[], Free> data_;
};

}  // namespace lutra

#endif  // LUTRA_CORE_TENSOR_H_
