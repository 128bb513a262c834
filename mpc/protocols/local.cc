#include "mpc/protocols/local.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <span>
#include <utility>

#include "core/arithmetic.h"

namespace lutra {
namespace {

constexpr std::string_view kAdd = "add";
constexpr std::string_view kSubtract = "subtract";
constexpr std::string_view kAddConstants = "add_constants";
constexpr std::string_view kScale = "scale";
constexpr std::string_view kShiftUp = "shift_up";
constexpr std::string_view kKeepLowBits = "keep_low_bits";
constexpr std::string_view kSum = "sum";
constexpr std::string_view kTranspose = "transpose";
constexpr std::string_view kSlice = "slice";
constexpr std::string_view kConcatenate = "concatenate";
constexpr std::string_view kBroadcast = "broadcast";
constexpr std::string_view kReshape = "reshape";

using Tensors = std::span<const Tensor* const>;

// A linear map f on one or more values of one sharing, plus a public constant.
//
//   F_Local:  x, y, ..  ->  f(x, y, ..) + b
//
//   1. every role: f on each component that it holds;  b goes to P1's share, or into x2
//
// Cost: none.
class LocalProtocol : public Protocol {
 public:
  explicit LocalProtocol(std::string_view name) : name_(name) {}
  std::string_view name() const final { return name_; }

  StatusOr<Signature> Check(const NodeDescription& node) const final {
    if (!node.spec.tables.empty()) return node.CheckCounts(node.inputs.size(), 0);
    if (node.inputs.empty()) return InvalidArgument("inputs: expected at least 1, found 0");
    const Sharing sharing = node.inputs[0].sharing;
    if (sharing == Sharing::kRevealed) return node.CheckSharing(0, Sharing::kAdditive);
    bool masks_known = sharing == Sharing::kReplicated;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      LUTRA_RETURN_IF_ERROR(node.CheckSharing(i, sharing));
      masks_known = masks_known && node.inputs[i].masks_known;
    }
    ValueType output;
    output.sharing = sharing;
    output.masks_known = masks_known;
    LUTRA_RETURN_IF_ERROR(CheckShapes(node, output.ring, output.shape));
    Signature signature;
    signature.outputs = {std::move(output)};
    return signature;
  }

  Cost ClosedForm(const Node&) const final { return {}; }

  void Ideal(ClearView& view) const final {
    view.outputs[0] = Map(view.node, view.inputs);
    AddConstant(view.node, view.outputs[0]);
  }

  void Prepare(PartyView& view) const final { OnComponents(view); }
  void Before(PartyView& view) const final { OnComponents(view); }

 protected:
  // Ring and shape of the result.
  virtual Status CheckShapes(const NodeDescription& node, Ring& ring, Shape& shape) const = 0;
  virtual Tensor Map(const Node& node, Tensors inputs) const = 0;
  virtual void AddConstant(const Node&, Tensor&) const {}

 private:
  void OnComponents(PartyView& view) const {
    if (!IsParty(view.role)) return;
    const bool additive = view.node.input_types[0].sharing == Sharing::kAdditive;
    for (size_t part = 0; part < (additive ? 1 : 2); ++part) {
      std::vector<const Tensor*> inputs;
      for (const Share* share : view.inputs) {
        if (!share->parts[part].empty()) inputs.push_back(&share->parts[part]);
      }
      if (inputs.size() < view.inputs.size()) continue;
      Tensor& result = view.outputs[0]->parts[part];
      result = Map(view.node, inputs);
      const bool takes_constant =
          additive ? view.role == Role::kP1 : (FirstComponent(view.role) + part) % 3 == 2;
      if (takes_constant) AddConstant(view.node, result);
    }
  }

  std::string_view name_;
};

Status CheckInputs(const NodeDescription& node, size_t count,
                   std::initializer_list<std::string_view> attributes) {
  LUTRA_RETURN_IF_ERROR(node.CheckCounts(count, 0));
  return node.spec.attributes.CheckOnly(attributes);
}

Status CheckOneRing(const NodeDescription& node) {
  for (size_t i = 1; i < node.inputs.size(); ++i) {
    if (node.inputs[i].ring != node.inputs[0].ring) {
      return InvalidArgument("input ", i, ": expected ring Z_2^", node.inputs[0].ring.bits(),
                             ", found ", node.inputs[i].ToString());
    }
  }
  return absl::OkStatus();
}

StatusOr<int> Axis(const NodeDescription& node) {
  const auto rank = static_cast<int64_t>(node.inputs[0].shape.rank());
  LUTRA_ASSIGN_OR_RETURN(const int64_t axis, node.spec.attributes.Integer("axis", 0, rank - 1));
  return static_cast<int>(axis);
}

// The product of the sizes before, at and after an axis.
struct AxisView {
  int64_t outer = 1;
  int64_t size = 1;
  int64_t inner = 1;
};
AxisView AtAxis(const Shape& shape, int64_t axis) {
  AxisView view;
  for (size_t i = 0; i < shape.rank(); ++i) {
    const int64_t size = shape.sizes()[i];
    if (static_cast<int64_t>(i) < axis) {
      view.outer *= size;
    } else if (static_cast<int64_t>(i) == axis) {
      view.size = size;
    } else {
      view.inner *= size;
    }
  }
  return view;
}

template <class Lane>
void Gather(const Lane* from, const BroadcastIndex& index, int64_t begin, std::span<Lane> out) {
  std::array<int64_t, 512> sources;
  for (size_t done = 0; done < out.size(); done += sources.size()) {
    const size_t size = std::min(sources.size(), out.size() - done);
    index.Fill(begin + static_cast<int64_t>(done), std::span(sources).first(size));
    for (size_t i = 0; i < size; ++i) out[done + i] = from[sources[i]];
  }
}

Tensor Broadcasted(const Tensor& x, const Shape& shape) {
  Tensor result(x.ring(), shape);
  const BroadcastIndex index(x.shape(), shape);
  WithLane(x.ring(), [&](auto lane) {
    using Lane = decltype(lane);
    Gather<Lane>(x.lanes<Lane>().data(), index, 0, result.lanes<Lane>());
  });
  return result;
}

class AddProtocol final : public LocalProtocol {
 public:
  AddProtocol(std::string_view name, bool subtract) : LocalProtocol(name), subtract_(subtract) {}

 private:
  Status CheckShapes(const NodeDescription& node, Ring& ring, Shape& shape) const override {
    LUTRA_RETURN_IF_ERROR(CheckInputs(node, 2, {}));
    LUTRA_RETURN_IF_ERROR(CheckOneRing(node));
    ring = node.inputs[0].ring;
    LUTRA_ASSIGN_OR_RETURN(shape, Broadcast(node.inputs[0].shape, node.inputs[1].shape));
    return absl::OkStatus();
  }

  Tensor Map(const Node& node, Tensors inputs) const override {
    const Shape& shape = node.output_types[0].shape;
    const Tensor& x = *inputs[0];
    const Tensor& y = *inputs[1];
    Tensor result = x.shape() == shape ? x.Clone() : Broadcasted(x, shape);
    if (y.shape() == shape) {
      subtract_ ? SubtractInto(result, y) : AddInto(result, y);
    } else {
      const Tensor wide = Broadcasted(y, shape);
      subtract_ ? SubtractInto(result, wide) : AddInto(result, wide);
    }
    return result;
  }

  bool subtract_;
};

// Public constants of a node: one, or one for each index of the last axis.
Status CheckConstants(const NodeDescription& node) {
  LUTRA_ASSIGN_OR_RETURN(const std::vector<int64_t> constants,
                         node.spec.attributes.List("constants"));
  const Shape& shape = node.inputs[0].shape;
  const int64_t last = shape.rank() > 0 ? shape.size(-1) : 1;
  const auto count = static_cast<int64_t>(constants.size());
  if (count == 1 || count == last) return absl::OkStatus();
  return InvalidArgument("attribute constants: expected 1 or ", last, ", found ", count);
}

// Calls function(element, constant) for every element of x and writes what it returns.
template <class Function>
void ForConstants(const Node& node, Tensor& x, Function function) {
  const std::vector<int64_t>& constants = node.spec.attributes.list("constants");
  WithLane(x.ring(), [&](auto lane) {
    using Lane = decltype(lane);
    const Lane mask = static_cast<Lane>(x.ring().mask());
    const std::span<Lane> lanes = x.lanes<Lane>();
    for (size_t begin = 0; begin < lanes.size(); begin += constants.size()) {
      for (size_t i = 0; i < constants.size(); ++i) {
        const auto constant = static_cast<uint64_t>(constants[i]);
        lanes[begin + i] = static_cast<Lane>(function(lanes[begin + i], constant) & mask);
      }
    }
  });
}

class AddConstantsProtocol final : public LocalProtocol {
 public:
  AddConstantsProtocol() : LocalProtocol(kAddConstants) {}

 private:
  Status CheckShapes(const NodeDescription& node, Ring& ring, Shape& shape) const override {
    LUTRA_RETURN_IF_ERROR(CheckInputs(node, 1, {"constants"}));
    LUTRA_RETURN_IF_ERROR(CheckConstants(node));
    ring = node.inputs[0].ring;
    shape = node.inputs[0].shape;
    return absl::OkStatus();
  }
  Tensor Map(const Node&, Tensors inputs) const override { return inputs[0]->Clone(); }
  void AddConstant(const Node& node, Tensor& x) const override {
    ForConstants(node, x, [](uint64_t element, uint64_t constant) { return element + constant; });
  }
};

class ScaleProtocol final : public LocalProtocol {
 public:
  ScaleProtocol() : LocalProtocol(kScale) {}

 private:
  Status CheckShapes(const NodeDescription& node, Ring& ring, Shape& shape) const override {
    LUTRA_RETURN_IF_ERROR(CheckInputs(node, 1, {"constants"}));
    LUTRA_RETURN_IF_ERROR(CheckConstants(node));
    ring = node.inputs[0].ring;
    shape = node.inputs[0].shape;
    return absl::OkStatus();
  }
  Tensor Map(const Node& node, Tensors inputs) const override {
    Tensor result = inputs[0]->Clone();
    ForConstants(node, result,
                 [](uint64_t element, uint64_t constant) { return element * constant; });
    return result;
  }
};

// Each element by itself, into another ring.
template <class Function>
Tensor Converted(const Tensor& x, Ring to, Function function) {
  Tensor result(to, x.shape());
  WithLane(x.ring(), [&](auto lane) {
    using Lane = decltype(lane);
    WithLane(to, [&](auto lane_to) {
      using LaneTo = decltype(lane_to);
      const Lane* in = x.lanes<Lane>().data();
      LaneTo* out = result.lanes<LaneTo>().data();
      const int64_t elements = x.elements();  // asked for once: bytes written might be anything
      for (int64_t i = 0; i < elements; ++i) {
        out[i] = static_cast<LaneTo>(function(uint64_t{in[i]}) & to.mask());
      }
    });
  });
  return result;
}

class ShiftUpProtocol final : public LocalProtocol {
 public:
  ShiftUpProtocol() : LocalProtocol(kShiftUp) {}

 private:
  Status CheckShapes(const NodeDescription& node, Ring& ring, Shape& shape) const override {
    LUTRA_RETURN_IF_ERROR(CheckInputs(node, 1, {"bits"}));
    const int from = node.inputs[0].ring.bits();
    LUTRA_ASSIGN_OR_RETURN(const int64_t bits,
                           node.spec.attributes.Integer("bits", 0, Ring::kMaxBits - from));
    ring = Ring(from + static_cast<int>(bits));
    shape = node.inputs[0].shape;
    return absl::OkStatus();
  }
  Tensor Map(const Node& node, Tensors inputs) const override {
    const int64_t bits = node.spec.attributes.integer("bits");
    return Converted(*inputs[0], node.output_types[0].ring,
                     [bits](uint64_t element) { return element << bits; });
  }
};

class KeepLowBitsProtocol final : public LocalProtocol {
 public:
  KeepLowBitsProtocol() : LocalProtocol(kKeepLowBits) {}

 private:
  Status CheckShapes(const NodeDescription& node, Ring& ring, Shape& shape) const override {
    LUTRA_RETURN_IF_ERROR(CheckInputs(node, 1, {"bits"}));
    LUTRA_ASSIGN_OR_RETURN(const int64_t bits,
                           node.spec.attributes.Integer("bits", 1, node.inputs[0].ring.bits()));
    ring = Ring(static_cast<int>(bits));
    shape = node.inputs[0].shape;
    return absl::OkStatus();
  }
  Tensor Map(const Node& node, Tensors inputs) const override {
    return Converted(*inputs[0], node.output_types[0].ring,
                     [](uint64_t element) { return element; });
  }
};

class SumProtocol final : public LocalProtocol {
 public:
  SumProtocol() : LocalProtocol(kSum) {}

 private:
  Status CheckShapes(const NodeDescription& node, Ring& ring, Shape& shape) const override {
    LUTRA_RETURN_IF_ERROR(CheckInputs(node, 1, {"axis"}));
    LUTRA_ASSIGN_OR_RETURN(const int axis, Axis(node));
    std::vector<int64_t> sizes = node.inputs[0].shape.sizes();
    sizes[static_cast<size_t>(axis)] = 1;
    ring = node.inputs[0].ring;
    shape = Shape(std::move(sizes));
    return absl::OkStatus();
  }
  Tensor Map(const Node& node, Tensors inputs) const override {
    const AxisView at = AtAxis(inputs[0]->shape(), node.spec.attributes.integer("axis"));
    Tensor result = Tensor::Zeros(inputs[0]->ring(), node.output_types[0].shape);
    WithLane(result.ring(), [&](auto lane) {
      using Lane = decltype(lane);
      const Lane* in = inputs[0]->lanes<Lane>().data();
      Lane* out = result.lanes<Lane>().data();
      const Lane mask = static_cast<Lane>(result.ring().mask());
      for (int64_t outer = 0; outer < at.outer; ++outer, out += at.inner) {
        for (int64_t i = 0; i < at.size; ++i, in += at.inner) {
          for (int64_t j = 0; j < at.inner; ++j)
            out[j] = static_cast<Lane>((out[j] + in[j]) & mask);
        }
      }
    });
    return result;
  }
};

class TransposeProtocol final : public LocalProtocol {
 public:
  TransposeProtocol() : LocalProtocol(kTranspose) {}

 private:
  Status CheckShapes(const NodeDescription& node, Ring& ring, Shape& shape) const override {
    LUTRA_RETURN_IF_ERROR(CheckInputs(node, 1, {"permutation"}));
    LUTRA_ASSIGN_OR_RETURN(const std::vector<int64_t> permutation,
                           node.spec.attributes.List("permutation"));
    const Shape& from = node.inputs[0].shape;
    std::vector<int64_t> sorted = permutation;
    std::sort(sorted.begin(), sorted.end());
    std::vector<int64_t> axes(from.rank());
    std::iota(axes.begin(), axes.end(), 0);
    if (sorted != axes) {
      return InvalidArgument("attribute permutation: expected the axes of ", from.ToString(),
                             " in some order");
    }
    std::vector<int64_t> sizes;
    for (const int64_t axis : permutation) sizes.push_back(from.size(static_cast<int>(axis)));
    ring = node.inputs[0].ring;
    shape = Shape(std::move(sizes));
    return absl::OkStatus();
  }

  Tensor Map(const Node& node, Tensors inputs) const override {
    const std::vector<int64_t>& permutation = node.spec.attributes.list("permutation");
    const Shape& from = inputs[0]->shape();
    Tensor result(inputs[0]->ring(), node.output_types[0].shape);
    // The stride in x of each axis of the result.
    std::vector<int64_t> strides;
    for (const int64_t axis : permutation) {
      strides.push_back(AtAxis(from, axis).inner);
    }
    WithLane(result.ring(), [&](auto lane) {
      using Lane = decltype(lane);
      Walk<Lane>(inputs[0]->lanes<Lane>().data(), result.shape().sizes(), strides,
                 result.lanes<Lane>().data());
    });
    return result;
  }

  // Writes the elements in the order of the result; the last axis is the inner loop.
  template <class Lane>
  static void Walk(const Lane* from, const std::vector<int64_t>& sizes,
                   const std::vector<int64_t>& strides, Lane* out) {
    const size_t rank = sizes.size();
    if (rank == 0) {
      *out = *from;
      return;
    }
    std::vector<int64_t> position(rank, 0);
    const int64_t run = sizes[rank - 1];
    const int64_t stride = strides[rank - 1];
    for (;;) {
      if (stride == 1) {
        std::memcpy(out, from, static_cast<size_t>(run) * sizeof(Lane));
      } else {
        for (int64_t i = 0; i < run; ++i) out[i] = from[i * stride];
      }
      out += run;
      size_t axis = rank - 1;
      for (;;) {
        if (axis == 0) return;
        --axis;
        from += strides[axis];
        if (++position[axis] < sizes[axis]) break;
        from -= strides[axis] * sizes[axis];
        position[axis] = 0;
      }
    }
  }
};

class SliceProtocol final : public LocalProtocol {
 public:
  SliceProtocol() : LocalProtocol(kSlice) {}

 private:
  Status CheckShapes(const NodeDescription& node, Ring& ring, Shape& shape) const override {
    LUTRA_RETURN_IF_ERROR(CheckInputs(node, 1, {"axis", "begin", "end"}));
    LUTRA_ASSIGN_OR_RETURN(const int axis, Axis(node));
    const int64_t size = node.inputs[0].shape.size(axis);
    LUTRA_ASSIGN_OR_RETURN(const int64_t begin, node.spec.attributes.Integer("begin", 0, size - 1));
    LUTRA_ASSIGN_OR_RETURN(const int64_t end, node.spec.attributes.Integer("end", begin + 1, size));
    std::vector<int64_t> sizes = node.inputs[0].shape.sizes();
    sizes[static_cast<size_t>(axis)] = end - begin;
    ring = node.inputs[0].ring;
    shape = Shape(std::move(sizes));
    return absl::OkStatus();
  }
  Tensor Map(const Node& node, Tensors inputs) const override {
    const AxisView at = AtAxis(inputs[0]->shape(), node.spec.attributes.integer("axis"));
    const int64_t begin = node.spec.attributes.integer("begin");
    const int64_t end = node.spec.attributes.integer("end");
    Tensor result(inputs[0]->ring(), node.output_types[0].shape);
    const size_t unit = static_cast<size_t>(at.inner) * result.ring().lane_bytes();
    const size_t run = static_cast<size_t>(end - begin) * unit;
    for (int64_t outer = 0; outer < at.outer; ++outer) {
      std::memcpy(result.raw().data() + static_cast<size_t>(outer) * run,
                  inputs[0]->raw().data() + static_cast<size_t>(outer * at.size + begin) * unit,
                  run);
    }
    return result;
  }
};

class ConcatenateProtocol final : public LocalProtocol {
 public:
  ConcatenateProtocol() : LocalProtocol(kConcatenate) {}

 private:
  Status CheckShapes(const NodeDescription& node, Ring& ring, Shape& shape) const override {
    LUTRA_RETURN_IF_ERROR(CheckInputs(node, node.inputs.size(), {"axis"}));
    LUTRA_RETURN_IF_ERROR(CheckOneRing(node));
    LUTRA_ASSIGN_OR_RETURN(const int axis, Axis(node));
    const auto index = static_cast<size_t>(axis);
    std::vector<int64_t> sizes = node.inputs[0].shape.sizes();
    int64_t total = 0;
    for (const ValueType& input : node.inputs) {
      std::vector<int64_t> expected = sizes;
      if (input.shape.rank() == sizes.size()) expected[index] = input.shape.sizes()[index];
      if (input.shape.sizes() != expected) {
        return InvalidArgument("shapes ", node.inputs[0].shape.ToString(), " and ",
                               input.shape.ToString(), " differ beyond axis ", axis);
      }
      total += input.shape.sizes()[index];
    }
    sizes[index] = total;
    ring = node.inputs[0].ring;
    LUTRA_ASSIGN_OR_RETURN(shape, Shape::Make(std::move(sizes)));
    return absl::OkStatus();
  }
  Tensor Map(const Node& node, Tensors inputs) const override {
    const int64_t axis = node.spec.attributes.integer("axis");
    Tensor result(inputs[0]->ring(), node.output_types[0].shape);
    const size_t lane_bytes = result.ring().lane_bytes();
    std::byte* out = result.raw().data();
    for (int64_t outer = 0; outer < AtAxis(result.shape(), axis).outer; ++outer) {
      for (const Tensor* input : inputs) {
        const AxisView at = AtAxis(input->shape(), axis);
        const size_t run = static_cast<size_t>(at.size * at.inner) * lane_bytes;
        std::memcpy(out, input->raw().data() + static_cast<size_t>(outer) * run, run);
        out += run;
      }
    }
    return result;
  }
};

class BroadcastProtocol final : public LocalProtocol {
 public:
  BroadcastProtocol() : LocalProtocol(kBroadcast) {}

 private:
  Status CheckShapes(const NodeDescription& node, Ring& ring, Shape& shape) const override {
    LUTRA_RETURN_IF_ERROR(CheckInputs(node, 1, {"shape"}));
    LUTRA_ASSIGN_OR_RETURN(std::vector<int64_t> sizes, node.spec.attributes.List("shape"));
    LUTRA_ASSIGN_OR_RETURN(shape, Shape::Make(std::move(sizes)));
    LUTRA_ASSIGN_OR_RETURN(const Shape common, Broadcast(node.inputs[0].shape, shape));
    if (common != shape || shape.elements() == 0) {
      return InvalidArgument("shape ", node.inputs[0].shape.ToString(), " does not broadcast to ",
                             shape.ToString());
    }
    ring = node.inputs[0].ring;
    return absl::OkStatus();
  }
  Tensor Map(const Node& node, Tensors inputs) const override {
    return Broadcasted(*inputs[0], node.output_types[0].shape);
  }
};

class ReshapeProtocol final : public LocalProtocol {
 public:
  ReshapeProtocol() : LocalProtocol(kReshape) {}

 private:
  Status CheckShapes(const NodeDescription& node, Ring& ring, Shape& shape) const override {
    LUTRA_RETURN_IF_ERROR(CheckInputs(node, 1, {"shape"}));
    LUTRA_ASSIGN_OR_RETURN(std::vector<int64_t> sizes, node.spec.attributes.List("shape"));
    LUTRA_ASSIGN_OR_RETURN(shape, Shape::Make(std::move(sizes)));
    if (shape.elements() != node.inputs[0].shape.elements()) {
      return InvalidArgument("attribute shape: expected ", node.inputs[0].shape.elements(),
                             " elements, found ", shape.ToString());
    }
    ring = node.inputs[0].ring;
    return absl::OkStatus();
  }
  Tensor Map(const Node& node, Tensors inputs) const override {
    return inputs[0]->Clone().Reshaped(node.output_types[0].shape);
  }
};

// Replicated to additive, free.                             [protocols.md, "Two sharings"]
//
//   F_ToAdditive:  <x>^l  ->  [x]^l
//
//   1. P1: x1;  P2: x2 + x0
class ToAdditiveProtocol final : public Protocol {
 public:
  std::string_view name() const override { return kToAdditive; }

  StatusOr<Signature> Check(const NodeDescription& node) const override {
    LUTRA_RETURN_IF_ERROR(node.CheckCounts(1, 0));
    LUTRA_RETURN_IF_ERROR(node.CheckSharing(0, Sharing::kReplicated));
    LUTRA_RETURN_IF_ERROR(node.spec.attributes.CheckOnly({}));
    Signature signature;
    signature.outputs = {{node.inputs[0].ring, node.inputs[0].shape, Sharing::kAdditive}};
    return signature;
  }

  Cost ClosedForm(const Node&) const override { return {}; }
  void Ideal(ClearView& view) const override { view.outputs[0] = view.inputs[0]->Clone(); }

  void Before(PartyView& view) const override {
    if (view.role == Role::kP1) view.outputs[0]->parts[0] = view.input(0, 1).Clone();
    if (view.role == Role::kP2) {
      view.outputs[0]->parts[0] = lutra::Add(view.input(0, 2), view.input(0, 0));
    }
  }
};

Attributes AxisAttribute(const Builder& builder, Value x, int axis) {
  const auto rank = static_cast<int64_t>(builder.shape(x).rank());
  return Attributes().SetInteger("axis", axis < 0 ? axis + rank : axis);
}

// Both values in one sharing.
void Unify(Builder& builder, Value& x, Value& y) {
  if (builder.type(x).sharing == builder.type(y).sharing) return;
  x = ToAdditive(builder, x);
  y = ToAdditive(builder, y);
}

}  // namespace

Value Add(Builder& builder, Value x, Value y) {
  Unify(builder, x, y);
  return builder.AddOne(kAdd, {x, y});
}

Value Subtract(Builder& builder, Value x, Value y) {
  Unify(builder, x, y);
  return builder.AddOne(kSubtract, {x, y});
}

Value AddConstants(Builder& builder, Value x, std::vector<int64_t> constants) {
  return builder.AddOne(kAddConstants, {x},
                        Attributes().SetList("constants", std::move(constants)));
}

Value Scale(Builder& builder, Value x, std::vector<int64_t> constants) {
  return builder.AddOne(kScale, {x}, Attributes().SetList("constants", std::move(constants)));
}

Value ShiftUp(Builder& builder, Value x, int j) {
  return builder.AddOne(kShiftUp, {x}, Attributes().SetInteger("bits", j));
}

Value KeepLowBits(Builder& builder, Value x, int bits) {
  return builder.AddOne(kKeepLowBits, {x}, Attributes().SetInteger("bits", bits));
}

Value Sum(Builder& builder, Value x, int axis) {
  return builder.AddOne(kSum, {x}, AxisAttribute(builder, x, axis));
}

Value Transpose(Builder& builder, Value x, std::vector<int64_t> permutation) {
  return builder.AddOne(kTranspose, {x},
                        Attributes().SetList("permutation", std::move(permutation)));
}

Value Slice(Builder& builder, Value x, int axis, int64_t begin, int64_t end) {
  return builder.AddOne(
      kSlice, {x},
      AxisAttribute(builder, x, axis).SetInteger("begin", begin).SetInteger("end", end));
}

Value Concatenate(Builder& builder, const std::vector<Value>& values, int axis) {
  if (values.empty()) {
    builder.Fail(InvalidArgument("concatenate: expected at least one value, found none"));
    return {};
  }
  return builder.Add(kConcatenate, values, AxisAttribute(builder, values[0], axis))[0];
}

Value BroadcastTo(Builder& builder, Value x, const Shape& shape) {
  return builder.AddOne(kBroadcast, {x}, Attributes().SetList("shape", shape.sizes()));
}

Value Reshape(Builder& builder, Value x, const Shape& shape) {
  return builder.AddOne(kReshape, {x}, Attributes().SetList("shape", shape.sizes()));
}

Value ToAdditive(Builder& builder, Value x) {
  if (builder.type(x).sharing == Sharing::kAdditive) return x;
  return builder.AddOne(kToAdditive, {x});
}

std::vector<std::unique_ptr<Protocol>> MakeLocals() {
  std::vector<std::unique_ptr<Protocol>> protocols;
  protocols.push_back(std::make_unique<AddProtocol>(kAdd, false));
  protocols.push_back(std::make_unique<AddProtocol>(kSubtract, true));
  protocols.push_back(std::make_unique<AddConstantsProtocol>());
  protocols.push_back(std::make_unique<ScaleProtocol>());
  protocols.push_back(std::make_unique<ShiftUpProtocol>());
  protocols.push_back(std::make_unique<KeepLowBitsProtocol>());
  protocols.push_back(std::make_unique<SumProtocol>());
  protocols.push_back(std::make_unique<TransposeProtocol>());
  protocols.push_back(std::make_unique<SliceProtocol>());
  protocols.push_back(std::make_unique<ConcatenateProtocol>());
  protocols.push_back(std::make_unique<BroadcastProtocol>());
  protocols.push_back(std::make_unique<ReshapeProtocol>());
  protocols.push_back(std::make_unique<ToAdditiveProtocol>());
  return protocols;
}

}  // namespace lutra
