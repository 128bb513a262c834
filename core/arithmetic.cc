#include "core/arithmetic.h"

namespace lutra {
namespace {

// Calls function(out, a, b, mask) with lanes; `out` may be `a`.
template <class Function>
void ForLanes(Tensor& out, const Tensor& a, const Tensor& b, Function function) {
  LUTRA_CHECK(a.ring() == b.ring() && a.shape() == b.shape());
  WithLane(a.ring(), [&](auto lane) {
    using Lane = decltype(lane);
    Lane* to = out.lanes<Lane>().data();
    const Lane* from_a = a.lanes<Lane>().data();
    const Lane* from_b = b.lanes<Lane>().data();
    const Lane mask = static_cast<Lane>(a.ring().mask());
    const size_t size = static_cast<size_t>(a.elements());
    for (size_t i = 0; i < size; ++i) {
      to[i] = static_cast<Lane>(function(from_a[i], from_b[i]) & mask);
    }
  });
}

constexpr auto kPlus = [](auto a, auto b) { return static_cast<decltype(a)>(a + b); };
constexpr auto kMinus = [](auto a, auto b) { return static_cast<decltype(a)>(a - b); };

}  // namespace

Tensor Add(const Tensor& a, const Tensor& b) {
  Tensor sum(a.ring(), a.shape());
  ForLanes(sum, a, b, kPlus);
  return sum;
}

Tensor Subtract(const Tensor& a, const Tensor& b) {
  Tensor difference(a.ring(), a.shape());
  ForLanes(difference, a, b, kMinus);
  return difference;
}

void AddInto(Tensor& a, const Tensor& b) { ForLanes(a, a, b, kPlus); }
void SubtractInto(Tensor& a, const Tensor& b) { ForLanes(a, a, b, kMinus); }

}  // namespace lutra
