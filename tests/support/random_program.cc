#include "tests/support/random_program.h"

#include <algorithm>
#include <vector>

#include "mpc/protocols/local.h"
#include "mpc/protocols/lookup.h"
#include "mpc/protocols/product.h"
#include "mpc/protocols/reshare.h"
#include "mpc/protocols/reveal.h"
#include "mpc/protocols/top_bits.h"

namespace lutra {
namespace {

constexpr int64_t kMaxElements = 300;
constexpr int kMaxIndexBits = 6;

class Writer {
 public:
  Writer(Case& given, uint64_t seed)
      : given_(given),
        builder_(given.builder),
        random_(seed),
        deployment_(RandomDeployment(seed)) {}

  void Write(int steps) {
    const int64_t inputs = Between(1, 3);
    for (int64_t i = 0; i < inputs; ++i) {
      values_.push_back(Fresh(RandomRing(), RandomShape(), OneIn(4)));
    }
    for (int step = 0; step < steps; ++step) Step();
    // The last values, and some others.
    int number = 0;
    for (size_t i = 0; i < values_.size(); ++i) {
      if (i + 2 < values_.size() && !OneIn(4)) continue;
      Reveal(builder_, StrCat("result", number++), values_[i]);
    }
  }

 private:
  int64_t Between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random_() % static_cast<uint64_t>(high - low + 1));
  }
  bool OneIn(int64_t n) { return Between(1, n) == 1; }

  Ring RandomRing() {
    constexpr int kCommon[] = {1, 4, 8, 9, 16, 17, 32, 33, 64};
    return OneIn(2) ? Ring(static_cast<int>(Between(1, 64))) : Ring(kCommon[Between(0, 8)]);
  }

  Shape RandomShape() {
    std::vector<int64_t> sizes;
    int64_t elements = 1;
    for (int64_t axis = Between(0, 4); axis > 0; --axis) {
      const int64_t size = OneIn(3) ? 1 : Between(1, 7);
      if (elements * size > kMaxElements / 4) break;
      elements *= size;
      sizes.push_back(size);
    }
    return Shape(sizes);
  }

  Value Fresh(Ring ring, const Shape& shape, bool of_model) {
    return given_.Random(StrCat("input", number_++),
                         of_model ? Role::kModelOwner : Role::kDataOwner, ring, shape, random_());
  }

  Value Any() {
    // Late values more often: programs become deep.
    const auto size = static_cast<int64_t>(values_.size());
    return values_[static_cast<size_t>(std::max(Between(0, size - 1), Between(0, size - 1)))];
  }

  Value InRing(Value x, Ring ring) {
    const int bits = builder_.ring(x).bits();
    if (bits > ring.bits()) return KeepLowBits(builder_, x, ring.bits());
    return bits < ring.bits() ? ShiftUp(builder_, x, ring.bits() - bits) : x;
  }

  Value Replicated(Value x) {
    return builder_.type(x).sharing == Sharing::kReplicated ? x : Reshare(builder_, x);
  }

  // Another value that broadcasts with x: an old one, or a new one with some axes of size 1.
  Value Partner(Value x) {
    for (int attempt = 0; attempt < 3; ++attempt) {
      const Value y = Any();
      const StatusOr<Shape> shape = Broadcast(builder_.shape(x), builder_.shape(y));
      if (shape.ok() && shape->elements() <= kMaxElements) return y;
    }
    std::vector<int64_t> sizes = builder_.shape(x).sizes();
    for (int64_t& size : sizes) size = OneIn(3) ? 1 : size;
    if (!sizes.empty() && OneIn(3)) sizes.erase(sizes.begin());
    return Fresh(builder_.ring(x), Shape(sizes), OneIn(2));
  }

  LinearForm AnyLinearForm() { return OneIn(3) ? LinearForm::kReplicated : LinearForm::kMasked; }

  void Step() {
    const Value x = Any();
    const int64_t kind = Between(0, 19);
    if (kind < 9) {
      values_.push_back(Local(x, kind));
    } else if (kind < 11) {
      values_.push_back(Rounded(x));
    } else if (kind < 15) {
      AddLookup(x);
    } else if (kind < 17) {
      values_.push_back(Product(x));
    } else if (kind < 18) {
      values_.push_back(Reshare(builder_, ToAdditive(builder_, x)));
    } else if (kind < 19) {
      values_.push_back(ToAdditive(builder_, x));
    } else {
      values_.push_back(Fresh(RandomRing(), RandomShape(), OneIn(2)));
    }
  }

  std::vector<int64_t> Constants(Value x) {
    const Shape& shape = builder_.shape(x);
    const int64_t count = shape.rank() > 0 && OneIn(2) ? shape.size(-1) : 1;
    std::vector<int64_t> constants;
    for (int64_t i = 0; i < count; ++i) constants.push_back(Between(-1000, 1000));
    return constants;
  }

  Value Local(Value x, int64_t kind) {
    const Shape shape = builder_.shape(x);
    const int bits = builder_.ring(x).bits();
    const auto rank = static_cast<int64_t>(shape.rank());
    switch (kind) {
      case 0: {
        const Value y = InRing(Partner(x), Ring(bits));
        return OneIn(2) ? Add(builder_, x, y) : Subtract(builder_, y, x);
      }
      case 1:
        return OneIn(2) ? AddConstants(builder_, x, Constants(x))
                        : Scale(builder_, x, Constants(x));
      case 2:
        return ShiftUp(builder_, x, static_cast<int>(Between(0, 64 - bits)));
      case 3:
        return KeepLowBits(builder_, x, static_cast<int>(Between(1, bits)));
      case 4:
        if (rank > 0) return Sum(builder_, x, static_cast<int>(Between(-rank, rank - 1)));
        return BroadcastTo(builder_, x, Shape{Between(1, 5)});
      case 5: {
        std::vector<int64_t> axes;
        for (int64_t axis = 0; axis < rank; ++axis) axes.push_back(axis);
        std::shuffle(axes.begin(), axes.end(), random_);
        return Transpose(builder_, x, axes);
      }
      case 6: {
        if (rank == 0) return Reshape(builder_, x, Shape{1, 1});
        const auto axis = static_cast<int>(Between(0, rank - 1));
        const int64_t begin = Between(0, shape.size(axis) - 1);
        return Slice(builder_, x, axis, begin, Between(begin + 1, shape.size(axis)));
      }
      case 7: {
        if (rank == 0 || shape.elements() * 2 > kMaxElements) return x;
        const Value y = AddConstants(builder_, x, {7});
        return Concatenate(builder_, {y, x}, static_cast<int>(Between(-rank, rank - 1)));
      }
      default: {
        if (shape.elements() * 3 > kMaxElements || rank > 5) {
          return Reshape(builder_, x, Shape{shape.elements()});
        }
        std::vector<int64_t> sizes = shape.sizes();
        sizes.insert(sizes.begin(), Between(1, 3));
        return BroadcastTo(builder_, x, Shape(sizes));
      }
    }
  }

  Value Rounded(Value x) {
    const int bits = builder_.ring(x).bits();
    if (bits == 1) return x;
    const auto to = static_cast<int>(Between(1, bits - 1));
    if (OneIn(3)) return TopBitsUnbiased(builder_, x, to);
    if (OneIn(2)) return TopBitsCentred(builder_, x, to);
    const int64_t largest = static_cast<int64_t>((uint64_t{1} << (bits - to)) - 1);
    return TopBits(builder_, x, to, Between(0, std::min<int64_t>(largest, 1 << 20)));
  }

  // In a ring of at most so many bits.
  Value AsIndex(Value x, int bits) {
    if (builder_.ring(x).bits() <= bits) return x;
    return OneIn(2) ? TopBitsUnbiased(builder_, x, bits) : KeepLowBits(builder_, x, bits);
  }

  void AddLookup(Value x) {
    const int64_t count = OneIn(2) ? 1 : Between(2, 3);
    std::vector<Value> indices = {AsIndex(x, kMaxIndexBits / static_cast<int>(count))};
    Shape shape = builder_.shape(x);
    while (static_cast<int64_t>(indices.size()) < count) {
      const Value y = Partner(x);
      const StatusOr<Shape> common = Broadcast(shape, builder_.shape(y));
      if (!common.ok() || common->elements() > kMaxElements) break;
      shape = *common;
      indices.push_back(AsIndex(y, kMaxIndexBits / static_cast<int>(count)));
    }
    std::vector<int32_t> index_bits;
    int width = 0;
    for (const Value index : indices) {
      index_bits.push_back(builder_.ring(index).bits());
      width += index_bits.back();
    }
    const auto table = [&] {
      const int64_t channels = shape.rank() > 0 && OneIn(4) ? shape.size(-1) : 1;
      return builder_.AddTable(
          StrCat("table", number_++), index_bits,
          RandomTensor(RandomRing(), Shape{channels, int64_t{1} << width}, random_()), OneIn(2));
    };
    if (OneIn(2)) {
      const bool direct = deployment_ == Deployment::kFourProcess && OneIn(2);
      values_.push_back(LookupReplicated(builder_, indices, table(),
                                         direct ? LookupForm::kDirect : LookupForm::kReshare));
      return;
    }
    std::vector<TableId> tables;
    for (int64_t i = Between(1, 3); i > 0; --i) tables.push_back(table());
    for (const Value y : LookupAll(builder_, indices, tables)) values_.push_back(y);
  }

  Value Product(Value x) {
    x = Replicated(x);
    const Shape shape = builder_.shape(x);
    const Ring ring = builder_.ring(x);
    const int64_t kind = Between(0, 2);
    if (kind == 0 && shape.rank() > 0) return SumOfSquares(builder_, x, AnyLinearForm());
    if (kind == 1 && shape.rank() >= 2) {
      std::vector<int64_t> sizes = shape.sizes();
      if (OneIn(2)) sizes.erase(sizes.begin(), sizes.end() - 2);
      sizes[sizes.size() - 2] = Between(1, 4);
      const int64_t result = shape.elements() / shape.size(-1) * sizes[sizes.size() - 2];
      if (result <= kMaxElements) {
        return MatrixProduct(builder_, x, Fresh(ring, Shape(sizes), OneIn(2)), AnyLinearForm());
      }
    }
    const Value y = Replicated(InRing(Partner(x), ring));
    return OneIn(2) ? ElementProduct(builder_, x, y, AnyLinearForm())
                    : ElementProduct(builder_, y, x, AnyLinearForm());
  }

  Case& given_;
  Builder& builder_;
  std::mt19937_64 random_;
  Deployment deployment_;
  std::vector<Value> values_;
  int number_ = 0;
};

}  // namespace

Deployment RandomDeployment(uint64_t seed) {
  return seed % 3 == 0 ? Deployment::kSharedDealer : Deployment::kFourProcess;
}

void AddRandomProgram(Case& given, uint64_t seed, int steps) { Writer(given, seed).Write(steps); }

}  // namespace lutra
