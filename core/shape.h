// The shape of a tensor: its sizes, outermost first. A scalar has rank 0 and one element.
#ifndef LUTRA_CORE_SHAPE_H_
#define LUTRA_CORE_SHAPE_H_

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "core/status.h"

namespace lutra {

class Shape {
 public:
  static constexpr int64_t kMaxElements = int64_t{1} << 40;
  static constexpr size_t kMaxRank = 8;

  Shape() = default;
  Shape(std::initializer_list<int64_t> sizes) : Shape(std::vector<int64_t>(sizes)) {}
  // The sizes are checked; what comes from outside goes through Make.
  explicit Shape(std::vector<int64_t> sizes);

  // An error when a size is below 0, the rank above kMaxRank, or the product above kMaxElements.
  static StatusOr<Shape> Make(std::vector<int64_t> sizes);

  size_t rank() const { return sizes_.size(); }
  int64_t elements() const { return elements_; }
  const std::vector<int64_t>& sizes() const { return sizes_; }
  // The size of an axis; negative axes count from the last, which is -1.
  int64_t size(int axis) const;
  // "[2, 3]".
  std::string ToString() const;

  friend bool operator==(const Shape& a, const Shape& b) { return a.sizes_ == b.sizes_; }

 private:
  std::vector<int64_t> sizes_;
  int64_t elements_ = 1;
};

// The shape of a and b broadcast against each other by the usual rule: aligned at the last axis,
// sizes equal or one of them 1. An error names both.
StatusOr<Shape> Broadcast(const Shape& a, const Shape& b);

// For every flat element of `to`, in order, the flat element of `from` that it stands for.
// `from` must broadcast to `to`. Walks without a division per element.
class BroadcastIndex {
 public:
  BroadcastIndex(const Shape& from, const Shape& to);

  // Whether it maps every element to itself.
  bool identity() const { return identity_; }
  // Writes the sources of the elements begin, begin + 1, ... of `to`.
  void Fill(int64_t begin, std::span<int64_t> sources) const;
  int64_t At(int64_t element) const;

 private:
  bool identity_ = false;
  // Per merged axis of `to`, outermost first: its size and the stride in `from` (0 if broadcast).
  std::vector<int64_t> sizes_;
  std::vector<int64_t> strides_;
};

}  // namespace lutra

#endif  // LUTRA_CORE_SHAPE_H_
