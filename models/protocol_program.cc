#include "models/protocol_program.h"

#include <algorithm>
#include <array>
#include <random>
#include <utility>

#include "core/command_line.h"
#include "mpc/protocols/fully_connected.h"
#include "mpc/protocols/input.h"
#include "mpc/protocols/layer_norm.h"
#include "mpc/protocols/local.h"
#include "mpc/protocols/max.h"
#include "mpc/protocols/reshare.h"
#include "mpc/protocols/reveal.h"
#include "mpc/protocols/softmax.h"

namespace lutra {
namespace {

constexpr int64_t kMostElements = int64_t{1} << 26;
constexpr int64_t kMostSize = int64_t{1} << 16;
constexpr uint64_t kTableSeed = 0x4c75747261;  // of all tables' contents

constexpr ProtocolSize kElements{"elements", 1, kMostElements, 1024, "values"};
constexpr ProtocolSize kBits{"bits", 1, 64, 16, "of the ring of a value"};
constexpr ProtocolSize kRows{"rows", 1, kMostSize, 128, "rows of the input"};
constexpr ProtocolSize kWidth{"width", 1, kMostSize, 128, "values of a row"};

constexpr std::array kElementSizes = {kElements, kBits};
constexpr std::array kTopBitsSizes = {
    kElements, ProtocolSize{"bits", 2, 64, 16, "of the ring of a value"},
    ProtocolSize{"keep", 1, 63, 8, "bits that are kept, fewer than bits"}};
constexpr std::array kLookupSizes = {
    kElements, ProtocolSize{"index_bits", 1, 20, 4, "of each index"},
    ProtocolSize{"bits", 1, 64, 16, "of an entry"},
    ProtocolSize{"inputs", 1, 4, 1, "indices of a table; index_bits * inputs is at most 20"},
    ProtocolSize{"outputs", 1, 64, 1, "tables at one index"}};
constexpr std::array kMatrixSizes = {
    ProtocolSize{"batch", 1, kMostSize, 1, "products"}, kRows,
    ProtocolSize{"inner", 1, kMostSize, 128, "terms of a sum"},
    ProtocolSize{"columns", 1, kMostSize, 128, "columns of the result"}, kBits};
constexpr std::array kConnectedSizes = {
    kRows, ProtocolSize{"inner", 1, kMostSize, 128, "inputs of a neuron"},
    ProtocolSize{"columns", 1, kMostSize, 128, "neurons"}, kBits};
constexpr std::array kRowSizes = {kRows, kWidth, kBits};
constexpr std::array kSoftmaxSizes = {kRows, kWidth,
                                      ProtocolSize{"index_bits", 1, 10, 5, "of a score"},
                                      ProtocolSize{"bits", 1, 64, 16, "of a probability"}};
constexpr std::array kNormSizes = {kRows, kWidth,
                                   ProtocolSize{"index_bits", 4, 8, 8, "of the residual stream"}};
constexpr std::array kMaximumSizes = {kRows, kWidth, ProtocolSize{"bits", 1, 10, 4, "of a value"}};

constexpr std::span<const std::string_view> kNoForms;
constexpr std::array<std::string_view, 1> kLinearForm = {"linear"};
constexpr std::array<std::string_view, 2> kLookupForms = {"lookup", "sharing"};
constexpr std::array<std::string_view, 2> kSoftmaxForms = {"lookup", "rounding"};
constexpr std::array<std::string_view, 3> kNormForms = {"linear", "lookup", "rounding"};

// Adds one protocol to a program.
class ProtocolBuilder {
 public:
  using AddFunction = void (ProtocolBuilder::*)();

  ProtocolBuilder(const Registry& registry, const ProtocolParameters& parameters,
                  std::span<const ProtocolSize> sizes, bool table_contents)
      : parameters_(parameters),
        sizes_(sizes),
        table_contents_(table_contents),
        builder_(registry, parameters.deployment) {}

  StatusOr<BuiltProgram> Build(AddFunction add) && {
    (this->*add)();
    return std::move(builder_).Build();
  }

  void AddInput() {
    const Builder::Scope scope(builder_, kProtocolScope);
    Input(builder_, "x", Role::kDataOwner, ValueRing(), Elements());
  }
  void AddReveal() {
    const Value x = Additive("x", ValueRing(), Elements());
    const Builder::Scope scope(builder_, kProtocolScope);
    Reveal(builder_, "result", x);
  }
  void AddReshare() {
    const Value x = Additive("x", ValueRing(), Elements());
    const Builder::Scope scope(builder_, kProtocolScope);
    Reshare(builder_, x);
  }
  void AddTopBits() {
    const Value x = Additive("x", ValueRing(), Elements());
    const Builder::Scope scope(builder_, kProtocolScope);
    const int64_t keep = Size("keep"), bits = Size("bits");
    if (keep >= bits) {
      builder_.Fail(InvalidArgument("keep: expected 1 to ", bits - 1, ", found ", keep));
      return;
    }
    TopBitsUnbiased(builder_, x, static_cast<int>(keep));
  }

  void AddLookup() {
    const auto index_bits = static_cast<int32_t>(Size("index_bits"));
    std::vector<Value> indices;
    for (int64_t i = 0; i < Size("inputs"); ++i) {
      indices.push_back(Additive(StrCat("x", i), Ring(index_bits), Elements()));
    }
    std::vector<TableId> tables;
    for (int64_t i = 0; i < Size("outputs"); ++i) {
      tables.push_back(
          AddTable(StrCat("T", i), std::vector<int32_t>(indices.size(), index_bits), ValueRing()));
    }
    const Builder::Scope scope(builder_, kProtocolScope);
    if (parameters_.sharing == Sharing::kReplicated && parameters_.lookup == LookupForm::kDirect) {
      for (const TableId table : tables) {
        LookupReplicated(builder_, indices, table, LookupForm::kDirect);
      }
      return;
    }
    const std::vector<Value> results = LookupAll(builder_, indices, tables);
    if (parameters_.sharing != Sharing::kReplicated) return;
    for (const Value result : results) Reshare(builder_, result);
  }

  void AddMatrixProduct() {
    const int64_t batch = Size("batch"), inner = Size("inner");
    const StatusOr<Shape> left = Shape::Make({batch, Size("rows"), inner});
    const StatusOr<Shape> right = Shape::Make({batch, Size("columns"), inner});
    if (!left.ok() || !right.ok()) {
      builder_.Fail(left.ok() ? right.status() : left.status());
      return;
    }
    const Value x = Input(builder_, "x", Role::kDataOwner, ValueRing(), *left);
    const Value y = Input(builder_, "y", Role::kDataOwner, ValueRing(), *right);
    const Builder::Scope scope(builder_, kProtocolScope);
    MatrixProduct(builder_, x, y, parameters_.linear);
  }
  void AddElementProduct() {
    const Value x = Input(builder_, "x", Role::kDataOwner, ValueRing(), Elements());
    const Value y = Input(builder_, "y", Role::kDataOwner, ValueRing(), Elements());
    const Builder::Scope scope(builder_, kProtocolScope);
    ElementProduct(builder_, x, y, parameters_.linear);
  }
  void AddSumOfSquares() {
    const Value x = Input(builder_, "x", Role::kDataOwner, ValueRing(), Rows());
    const Builder::Scope scope(builder_, kProtocolScope);
    SumOfSquares(builder_, x, parameters_.linear);
  }
  void AddFullyConnected() {
    const int64_t inner = Size("inner"), columns = Size("columns");
    const Value x = Input(builder_, "x", Role::kDataOwner, ValueRing(), Shape{Size("rows"), inner});
    const Value weight =
        Input(builder_, "weight", Role::kModelOwner, ValueRing(), Shape{columns, inner});
    const Value bias = Input(builder_, "bias", Role::kModelOwner, ValueRing(), Shape{columns});
    const Builder::Scope scope(builder_, kProtocolScope);
    FullyConnected(builder_, x, weight, bias, parameters_.linear);
  }

  // A row's sum of exponentials, of 8 bits each, fits its ring.
  void AddSoftmax() {
    const auto index_bits = static_cast<int32_t>(Size("index_bits"));
    int sum_bits = 8;
    while ((int64_t{1} << (sum_bits - 8)) < Size("width")) ++sum_bits;
    const Value codes = Additive("codes", Ring(index_bits), Rows());
    SoftmaxTables tables;
    tables.exp = AddTable("exp", {index_bits}, Ring(sum_bits), /*entry_bits=*/8);
    tables.score = AddTable("score", {index_bits}, Ring(4));
    tables.sum_code = AddTable("sum", {8}, Ring(4));
    tables.probability = AddTable("probability", {4, 4}, ValueRing());
    const Builder::Scope scope(builder_, kProtocolScope);
    Softmax(builder_, codes, tables, parameters_.lookup, parameters_.rounding);
  }
  void AddLayerNorm() {
    const auto index_bits = static_cast<int32_t>(Size("index_bits"));
    const Ring accumulator(16);
    const Value residual = Additive("residual", Ring(index_bits), Rows());
    LayerNormTables tables;
    tables.extend = AddTable("extend", {index_bits}, accumulator);
    tables.square = AddTable("square", {8}, accumulator);
    tables.centred = AddTable("centred", {8}, accumulator);
    tables.rsqrt = AddTable("rsqrt", {8}, accumulator);
    const int64_t multiplier = std::max<int64_t>(1, 256 / Size("width"));
    const Builder::Scope scope(builder_, kProtocolScope);
    LayerNorm(builder_, residual, multiplier, tables, parameters_.lookup, parameters_.linear,
              parameters_.rounding);
  }
  void AddMaximum() {
    const Value x = Additive("x", ValueRing(), Rows());
    const Builder::Scope scope(builder_, kProtocolScope);
    Maximum(builder_, x, Codes::kSigned);
  }

 private:
  int64_t Size(std::string_view name) const {
    const auto given = parameters_.sizes.find(name);
    if (given != parameters_.sizes.end()) return given->second;
    const auto size = std::find_if(sizes_.begin(), sizes_.end(),
                                   [&](const ProtocolSize& each) { return each.name == name; });
    LUTRA_CHECK(size != sizes_.end());
    return size->value;
  }
  Ring ValueRing() const { return Ring(static_cast<int>(Size("bits"))); }
  Shape Elements() const { return Shape{Size("elements")}; }
  Shape Rows() const { return Shape{Size("rows"), Size("width")}; }

  Value Additive(std::string_view name, Ring ring, const Shape& shape) {
    return ToAdditive(builder_, Input(builder_, name, Role::kDataOwner, ring, shape));
  }

  // Entries are of `entry_bits` bits, or of the whole ring.
  TableId AddTable(std::string_view name, std::vector<int32_t> index_bits, Ring ring,
                   int entry_bits = 64) {
    int width = 0;
    for (const int32_t bits : index_bits) width += bits;
    if (!table_contents_ || width > Table::kMaxIndexBits) {  // the builder has the error
      return builder_.AddPrivateTable(name, std::move(index_bits), 1, ring);
    }
    std::mt19937_64 random(kTableSeed);
    Tensor contents(ring, Shape{1, int64_t{1} << width});
    for (int64_t i = 0; i < contents.elements(); ++i) {
      contents.Set(i, random() >> (64 - entry_bits));
    }
    return builder_.AddTable(name, std::move(index_bits), std::move(contents),
                             parameters_.private_tables);
  }

  const ProtocolParameters& parameters_;
  const std::span<const ProtocolSize> sizes_;
  const bool table_contents_;
  Builder builder_;
};

struct Entry {
  std::string_view name;
  std::string_view meaning;
  std::span<const ProtocolSize> sizes;
  ProtocolBuilder::AddFunction add;
  std::span<const std::string_view> forms;
};

// Sorted by name.
constexpr std::array kEntries = {
    Entry{"element_product", "products element by element, of two values of the data owner",
          kElementSizes, &ProtocolBuilder::AddElementProduct, kLinearForm},
    Entry{"fully_connected", "a layer, with weights and bias of the model owner", kConnectedSizes,
          &ProtocolBuilder::AddFullyConnected, kLinearForm},
    Entry{"input", "an owner's value becomes a replicated one", kElementSizes,
          &ProtocolBuilder::AddInput, kNoForms},
    Entry{"layer_norm", "LayerNorm of rows, by tables", kNormSizes, &ProtocolBuilder::AddLayerNorm,
          kNormForms},
    Entry{"lookup", "lookups in tables at shared indices", kLookupSizes,
          &ProtocolBuilder::AddLookup, kLookupForms},
    Entry{"matrix_product", "matrix products of two values of the data owner", kMatrixSizes,
          &ProtocolBuilder::AddMatrixProduct, kLinearForm},
    Entry{"max", "the maximum of every row, by a tournament of two-input tables", kMaximumSizes,
          &ProtocolBuilder::AddMaximum, kNoForms},
    Entry{"reshare", "additive to replicated", kElementSizes, &ProtocolBuilder::AddReshare,
          kNoForms},
    Entry{"reveal", "a value is opened to the data owner", kElementSizes,
          &ProtocolBuilder::AddReveal, kNoForms},
    Entry{"softmax", "softmax of every row, by a multi-input table", kSoftmaxSizes,
          &ProtocolBuilder::AddSoftmax, kSoftmaxForms},
    Entry{"sum_of_squares", "the sum of squares of every row", kRowSizes,
          &ProtocolBuilder::AddSumOfSquares, kLinearForm},
    Entry{"top_bits", "the top bits of a value, with a rounding coin", kTopBitsSizes,
          &ProtocolBuilder::AddTopBits, kNoForms},
};

StatusOr<const Entry*> FindEntry(std::string_view protocol) {
  for (const Entry& entry : kEntries) {
    if (entry.name == protocol) return &entry;
  }
  std::string names;
  for (const Entry& entry : kEntries) {
    names += StrCat(names.empty() ? "" : ", ", entry.name);
  }
  return InvalidArgument("protocol: expected one of ", names, ", found '", protocol, "'");
}

Status CheckSizes(const Entry& entry, const ProtocolParameters& parameters) {
  for (const auto& [name, value] : parameters.sizes) {
    const auto size =
        std::find_if(entry.sizes.begin(), entry.sizes.end(),
                     [&, &name = name](const ProtocolSize& each) { return each.name == name; });
    if (size == entry.sizes.end()) {
      std::vector<std::string_view> names;
      for (const ProtocolSize& each : entry.sizes) names.push_back(each.name);
      return InvalidArgument(entry.name, ": expected one of the sizes ", CommaSeparated(names),
                             ", found '", name, "'", DidYouMean(name, names));
    }
    if (value < size->low || value > size->high) {
      return InvalidArgument(entry.name, ": ", name, ": expected ", size->low, " to ", size->high,
                             ", found ", value);
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<std::string_view> ProtocolProgramNames() {
  std::vector<std::string_view> names;
  for (const Entry& entry : kEntries) names.push_back(entry.name);
  return names;
}

StatusOr<std::string_view> ProtocolProgramMeaning(std::string_view protocol) {
  LUTRA_ASSIGN_OR_RETURN(const Entry* const entry, FindEntry(protocol));
  return entry->meaning;
}

StatusOr<std::span<const ProtocolSize>> ProtocolSizes(std::string_view protocol) {
  LUTRA_ASSIGN_OR_RETURN(const Entry* const entry, FindEntry(protocol));
  return entry->sizes;
}

StatusOr<std::span<const std::string_view>> ProtocolForms(std::string_view protocol) {
  LUTRA_ASSIGN_OR_RETURN(const Entry* const entry, FindEntry(protocol));
  return entry->forms;
}

StatusOr<BuiltProgram> BuildProtocolProgram(const Registry& registry, std::string_view protocol,
                                            const ProtocolParameters& parameters,
                                            bool table_contents) {
  LUTRA_ASSIGN_OR_RETURN(const Entry* const entry, FindEntry(protocol));
  LUTRA_RETURN_IF_ERROR(CheckSizes(*entry, parameters));
  StatusOr<BuiltProgram> built =
      ProtocolBuilder(registry, parameters, entry->sizes, table_contents).Build(entry->add);
  if (!built.ok()) return Annotate(built.status(), protocol);
  return built;
}

ProgramInputs RandomProgramInputs(const Program& program, uint64_t seed) {
  std::mt19937_64 random(seed);
  ProgramInputs inputs;
  for (const Node& node : program.nodes()) {
    if (!IsInput(node)) continue;
    const ValueType& type = node.output_types[0];
    Tensor tensor(type.ring, type.shape);
    for (int64_t i = 0; i < tensor.elements(); ++i) tensor.Set(i, random());
    NamedTensors& owned = OwnerOf(node) == Role::kModelOwner ? inputs.model : inputs.data;
    owned.insert_or_assign(std::string(NameOf(node)), std::move(tensor));
  }
  return inputs;
}

}  // namespace lutra
