#include "core/shape.h"

#include <algorithm>
#include <utility>

namespace lutra {

Shape::Shape(std::vector<int64_t> sizes) {
  StatusOr<Shape> shape = Make(std::move(sizes));
  LUTRA_CHECK(shape.ok());
  *this = *std::move(shape);
}

StatusOr<Shape> Shape::Make(std::vector<int64_t> sizes) {
  if (sizes.size() > kMaxRank) {
    return InvalidArgument("shape: expected at most ", kMaxRank, " axes, found ", sizes.size());
  }
  // Sizes of zero do not excuse large ones: the product of the others is bounded too.
  int64_t product = 1;
  bool empty = false;
  for (const int64_t size : sizes) {
    if (size < 0) return InvalidArgument("shape: expected sizes of at least 0, found ", size);
    empty = empty || size == 0;
    if (size > 0 && product > kMaxElements / size) {
      return InvalidArgument("shape: expected at most ", kMaxElements, " elements, found more");
    }
    product *= std::max<int64_t>(size, 1);
  }
  Shape shape;
  shape.sizes_ = std::move(sizes);
  shape.elements_ = empty ? 0 : product;
  return shape;
}

int64_t Shape::size(int axis) const {
  const int rank = static_cast<int>(sizes_.size());
  const int index = axis < 0 ? axis + rank : axis;
  LUTRA_CHECK(index >= 0 && index < rank);
  return sizes_[static_cast<size_t>(index)];
}

std::string Shape::ToString() const {
  std::string text = "[";
  for (size_t axis = 0; axis < sizes_.size(); ++axis) {
    if (axis > 0) text += ", ";
    text += StrCat(sizes_[axis]);
  }
  return text + "]";
}

StatusOr<Shape> Broadcast(const Shape& a, const Shape& b) {
  const size_t rank = std::max(a.rank(), b.rank());
  std::vector<int64_t> sizes(rank);
  for (size_t i = 0; i < rank; ++i) {  // from the last axis
    const int axis = -1 - static_cast<int>(i);
    const int64_t size_a = i < a.rank() ? a.size(axis) : 1;
    const int64_t size_b = i < b.rank() ? b.size(axis) : 1;
    if (size_a != size_b && size_a != 1 && size_b != 1) {
      return InvalidArgument("shapes ", a.ToString(), " and ", b.ToString(), " do not broadcast");
    }
    sizes[rank - 1 - i] = size_a == 1 ? size_b : size_a;
  }
  return Shape::Make(std::move(sizes));
}

BroadcastIndex::BroadcastIndex(const Shape& from, const Shape& to) : identity_(from == to) {
  LUTRA_CHECK(from.rank() <= to.rank());
  // Neighbouring axes that are both walked, or both broadcast, are one axis.
  int64_t stride = 1;
  for (int axis = -1; axis >= -static_cast<int>(to.rank()); --axis) {
    const int64_t size = to.size(axis);
    const int64_t source = -axis <= static_cast<int>(from.rank()) ? from.size(axis) : 1;
    LUTRA_CHECK(source == size || source == 1);
    if (size == 1) continue;
    const int64_t step = source == 1 ? 0 : stride;
    stride *= source;
    const bool merges = !sizes_.empty() && (step == 0) == (strides_.front() == 0);
    if (merges) {
      sizes_.front() *= size;
    } else {
      sizes_.insert(sizes_.begin(), size);
      strides_.insert(strides_.begin(), step);
    }
  }
  if (from.elements() == to.elements()) identity_ = true;
}

int64_t BroadcastIndex::At(int64_t element) const {
  int64_t source = 0;
  for (size_t axis = sizes_.size(); axis-- > 0;) {
    source += element % sizes_[axis] * strides_[axis];
    element /= sizes_[axis];
  }
  return source;
}

void BroadcastIndex::Fill(int64_t begin, std::span<int64_t> sources) const {
  if (sources.empty()) return;
  if (sizes_.empty()) {
    std::fill(sources.begin(), sources.end(), 0);
    return;
  }
  size_t done = 0;
  while (done < sources.size()) {
    // A run along the innermost merged axis.
    const int64_t element = begin + static_cast<int64_t>(done);
    const int64_t left = sizes_.back() - element % sizes_.back();
    const size_t run = std::min(sources.size() - done, static_cast<size_t>(left));
    const int64_t first = At(element);
    for (size_t i = 0; i < run; ++i) {
      sources[done + i] = first + static_cast<int64_t>(i) * strides_.back();
    }
    done += run;
  }
}

}  // namespace lutra
