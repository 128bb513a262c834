#include "mpc/protocols/lookup.h"

#include <array>
#include <cstring>
#include <span>
#include <utility>

#include "core/arithmetic.h"
#include "mpc/protocols/local.h"
#include "mpc/protocols/reshare.h"

namespace lutra {
namespace {

constexpr std::string_view kAdditiveResult = "additive";
constexpr std::string_view kReplicatedResult = "replicated";
constexpr int64_t kGrain = 4096;  // elements looked up at a time

bool IsDirect(const Node& node) { return node.spec.attributes.text("result") == kReplicatedResult; }

// Of one input: where each element of the result finds its index, and how far up it goes in a row.
struct Input {
  BroadcastIndex source;
  int shift;
  int bits;
};

std::vector<Input> InputsOf(const Node& node) {
  std::vector<Input> inputs;
  int shift = node.tables[0]->index_width();
  for (size_t i = 0; i < node.input_types.size(); ++i) {
    const int bits = node.tables[0]->index_bits[i];
    shift -= bits;
    inputs.push_back(
        {BroadcastIndex(node.input_types[i].shape, node.output_types[0].shape), shift, bits});
  }
  return inputs;
}

// rows[i] |= indices[source of element begin + i] << shift.
void AddRows(const Input& input, const Tensor& indices, int64_t begin, std::span<uint32_t> rows) {
  WithLane(indices.ring(), [&](auto lane) {
    using Lane = decltype(lane);
    const Lane* index = indices.lanes<Lane>().data();
    if (input.source.identity()) {
      for (size_t i = 0; i < rows.size(); ++i) {
        rows[i] |= static_cast<uint32_t>(index[begin + static_cast<int64_t>(i)]) << input.shift;
      }
      return;
    }
    std::array<int64_t, kGrain> sources;
    input.source.Fill(begin, std::span(sources).first(rows.size()));
    for (size_t i = 0; i < rows.size(); ++i) {
      rows[i] |= static_cast<uint32_t>(index[sources[i]]) << input.shift;
    }
  });
}

// Calls body(begin, rows) for all elements of the result, a few thousand at a time, in parallel.
template <class Body>
void ForRows(const Node& node, const std::vector<const Tensor*>& indices, ThreadPool& pool,
             const Body& body) {
  const std::vector<Input> inputs = InputsOf(node);
  pool.ParallelFor(node.output_types[0].shape.elements(), kGrain, [&](int64_t begin, int64_t end) {
    std::array<uint32_t, kGrain> buffer;
    for (int64_t first = begin; first < end; first += kGrain) {
      const auto rows = std::span(buffer).first(static_cast<size_t>(std::min(kGrain, end - first)));
      std::fill(rows.begin(), rows.end(), 0);
      for (size_t i = 0; i < inputs.size(); ++i) AddRows(inputs[i], *indices[i], first, rows);
      body(first, std::span<const uint32_t>(rows));
    }
  });
}

template <class Lane>
std::span<Lane> LanesAt(Tensor& tensor, int64_t begin, size_t size) {
  return tensor.lanes<Lane>().subspan(static_cast<size_t>(begin), size);
}

// Copies of table rows, turned by an element's masks.
//
// `table` is one channel's [outer][inner]: inner = 2^(bits of the last input), outer the rest.
template <class Lane>
class Rotation {
 public:
  Rotation(const Node& node, const Tensor& table)
      : table_(table.lanes<Lane>().data()),
        channels_(table.shape().size(0)),
        rows_(table.shape().size(1)),
        inner_(int64_t{1} << node.tables[0]->index_bits.back()),
        outer_bits_(node.tables[0]->index_width() - node.tables[0]->index_bits.back()),
        index_bits_(node.tables[0]->index_bits) {
    // A short table is laid out twice, so that a turned row is one copy of known length.
    if (channels_ == 1 && inner_ <= 256) {
      const int64_t outer = rows_ / inner_;
      for (int64_t row = 0; row < outer; ++row) {
        for (int copy = 0; copy < 2; ++copy) {
          doubled_.insert(doubled_.end(), table_ + row * inner_, table_ + (row + 1) * inner_);
        }
      }
    }
  }

  // Writes T(i + masks) for every row i. masks[j] is the mask of input j.
  void Write(int64_t element, std::span<const uint32_t> masks, Lane* out) const {
    const Lane* channel = table_ + (element % channels_) * rows_;
    const int64_t outer = int64_t{1} << outer_bits_;
    for (int64_t row = 0; row < outer; ++row, out += inner_) {
      CopyTurned(channel, TurnedOuter(row, masks), masks.back(), out);
    }
  }

 private:
  // The outer part of the row that the masks turn `row` into, each input by itself.
  int64_t TurnedOuter(int64_t row, std::span<const uint32_t> masks) const {
    int64_t turned = 0;
    int shift = outer_bits_;
    for (size_t i = 0; i + 1 < index_bits_.size(); ++i) {
      shift -= index_bits_[i];
      const int64_t mask = (int64_t{1} << index_bits_[i]) - 1;
      turned |= (((row >> shift) + masks[i]) & mask) << shift;
    }
    return turned;
  }

  void CopyTurned(const Lane* channel, int64_t outer, uint32_t turn, Lane* out) const {
    if (doubled_.empty()) {
      const Lane* row = channel + outer * inner_;
      const int64_t first = inner_ - turn;
      std::memcpy(out, row + turn, static_cast<size_t>(first) * sizeof(Lane));
      std::memcpy(out + first, row, static_cast<size_t>(turn) * sizeof(Lane));
      return;
    }
    const Lane* row = doubled_.data() + 2 * outer * inner_ + turn;
    switch (inner_) {
      case 16:
        std::memcpy(out, row, 16 * sizeof(Lane));
        return;
      case 32:
        std::memcpy(out, row, 32 * sizeof(Lane));
        return;
      case 64:
        std::memcpy(out, row, 64 * sizeof(Lane));
        return;
      default:
        std::memcpy(out, row, static_cast<size_t>(inner_) * sizeof(Lane));
    }
  }

  const Lane* table_;
  int64_t channels_;
  int64_t rows_;
  int64_t inner_;
  int outer_bits_;
  std::vector<int32_t> index_bits_;
  std::vector<Lane> doubled_;
};

// The lines of the box for one node, with a letter for each of its inputs and tables.
class LookupFigure {
 public:
  explicit LookupFigure(const Node& node)
      : node_(node),
        inputs_(node.input_types.size()),
        tables_(node.tables.size()),
        elements_(node.output_types[0].shape.elements()),
        every_input_(inputs_ > kIndices.size()),
        every_table_(tables_ > kTables.size()) {}

  std::vector<FigureLine> Lines() && {
    Deal();
    Open();
    Pick();
    return std::move(lines_);
  }

 private:
  // As many as have letters of their own; more are written once, for each.
  static constexpr std::string_view kIndices = "ijkh";
  static constexpr std::string_view kRows = "rstu";
  static constexpr std::string_view kTables = "TUVW";

  size_t letters_of_inputs() const { return every_input_ ? 1 : inputs_; }
  size_t letters_of_tables() const { return every_table_ ? 1 : tables_; }

  static std::string Marks(size_t number) { return std::string(number, '\''); }
  static std::string Letter(std::string_view letters, size_t number) {
    return std::string(letters.substr(number, 1));
  }

  // name of input or table 0, of 1, ..: "a, a', a''".
  template <class NameOf>
  static std::string List(size_t count, const NameOf& name_of) {
    std::vector<std::string> names;
    for (size_t i = 0; i < count; ++i) names.push_back(name_of(i));
    return CommaSeparated(names);
  }

  void Work(Phase phase, Role role, std::string text, bool after = false) {
    lines_.push_back({phase, role, std::move(text), std::nullopt, after});
  }
  void Send(Phase phase, Role from, std::string text, Role to) {
    lines_.push_back({phase, from, std::move(text), to});
  }

  std::string Share(size_t table, std::string_view component) const {
    return StrCat("S", Marks(table), component);
  }
  std::string Shares(std::string_view component) const {
    return List(letters_of_tables(), [&](size_t table) { return Share(table, component); });
  }
  // "Delta1 = F(d1)" of every input.
  void Expand(Role role, std::string_view share) {
    for (size_t i = 0; i < letters_of_inputs(); ++i) {
      Work(Phase::kDeal, role, StrCat("Delta", Marks(i), share, " = F(d", share, ")"));
    }
  }

  void Deal() {
    for (const Role role : {Role::kDealer, Role::kP1, Role::kP2}) {
      if (every_input_) Work(Phase::kDeal, role, StrCat("for each of ", inputs_, " inputs i:"));
      if (role != Role::kP2) Expand(role, "1");
      if (role != Role::kP1) Expand(role, "2");
    }
    for (size_t i = 0; i < letters_of_inputs(); ++i) {
      const std::string mask = StrCat("Delta", Marks(i));
      Work(Phase::kDeal, Role::kDealer,
           StrCat(mask, " = ", mask, "1 + ", mask, "2 in Z_2^", node_.input_types[i].ring.bits()));
    }
    const std::string rows = List(letters_of_inputs(), [](size_t i) { return Letter(kRows, i); });
    const std::string turned = List(letters_of_inputs(), [](size_t i) {
      return StrCat(Letter(kRows, i), " + Delta", Marks(i));
    });
    if (every_table_) {
      Work(Phase::kDeal, Role::kDealer, StrCat("for each of ", tables_, " tables T:"));
    }
    for (size_t table = 0; table < letters_of_tables(); ++table) {
      const std::string_view channel = node_.tables[table]->channels > 1 ? ", by channel" : "";
      Work(Phase::kDeal, Role::kDealer,
           StrCat(Share(table, ""), "[", rows, "] = ", Letter(kTables, table), "(", turned,
                  ") for every ", rows, channel));
    }
    if (IsDirect(node_)) {
      ShareAmongThree();
    } else {
      ShareInHalves();
    }
  }

  void ShareAmongThree() {
    for (size_t table = 0; table < letters_of_tables(); ++table) {
      const std::string low = Share(table, "0"), high = Share(table, "1");
      Work(Phase::kDeal, Role::kDealer, StrCat(low, " = F(g0), ", high, " = F(g1)"));
      Work(Phase::kDeal, Role::kDealer,
           StrCat(Share(table, "2"), " = ", Share(table, ""), " - ", low, " - ", high));
      Work(Phase::kDeal, Role::kP0, StrCat(low, " = F(g0), ", high, " = F(g1)"));
      Work(Phase::kDeal, Role::kP1, StrCat(high, " = F(g1)"));
      Work(Phase::kDeal, Role::kP2, StrCat(low, " = F(g0)"));
    }
    Send(Phase::kDeal, Role::kDealer, Shares("2"), Role::kP1);
    Send(Phase::kDeal, Role::kDealer, Shares("2"), Role::kP2);
  }

  // Of one element P2's half is all.
  void ShareInHalves() {
    const bool has_halves = elements_ > 1;
    const std::string first = has_halves ? ", first half" : "";
    const std::string second = ", second half";
    for (size_t table = 0; table < letters_of_tables(); ++table) {
      const std::string whole = Share(table, ""), one = Share(table, "1"), two = Share(table, "2");
      Work(Phase::kDeal, Role::kDealer,
           StrCat(one, " = F(d1), ", two, " = ", whole, " - ", one, first));
      Work(Phase::kDeal, Role::kP1, StrCat(one, " = F(d1)", first));
      if (!has_halves) continue;
      Work(Phase::kDeal, Role::kDealer,
           StrCat(two, " = F(d2), ", one, " = ", whole, " - ", two, second));
      Work(Phase::kDeal, Role::kP2, StrCat(two, " = F(d2)", second));
    }
    if (has_halves) Send(Phase::kDeal, Role::kDealer, StrCat(Shares("1"), second), Role::kP1);
    Send(Phase::kDeal, Role::kDealer, StrCat(Shares("2"), first), Role::kP2);
  }

  std::string Opened(std::string_view share) const {
    return List(letters_of_inputs(),
                [&](size_t input) { return StrCat("delta", Marks(input), share); });
  }

  void Open() {
    for (const Role party : {Role::kP1, Role::kP2}) {
      const std::string share = party == Role::kP1 ? "1" : "2";
      for (size_t i = 0; i < letters_of_inputs(); ++i) {
        Work(Phase::kOnline, party,
             StrCat("delta", Marks(i), share, " = ", Letter(kIndices, i), share, " - Delta",
                    Marks(i), share));
      }
      Send(Phase::kOnline, party, Opened(share), party == Role::kP1 ? Role::kP2 : Role::kP1);
      if (IsDirect(node_)) Send(Phase::kOnline, party, Opened(share), Role::kP0);
    }
  }

  void Pick() {
    for (const Role party : kParties) {
      if (party == Role::kP0 && !IsDirect(node_)) continue;
      for (size_t i = 0; i < letters_of_inputs(); ++i) {
        const std::string delta = StrCat("delta", Marks(i));
        Work(Phase::kOnline, party, StrCat(delta, " = ", delta, "1 + ", delta, "2"), true);
      }
      const size_t c = FirstComponent(party), next = (c + 1) % 3;
      for (size_t table = 0; table < letters_of_tables(); ++table) {
        std::string text = Picked(table, c);
        if (IsDirect(node_)) text += ", " + Picked(table, next);
        Work(Phase::kOnline, party, std::move(text), true);
      }
    }
  }

  // "y1 = S1[delta]".
  std::string Picked(size_t table, size_t component) const {
    return StrCat("y", Marks(table), component, " = ", Share(table, StrCat(component)), "[",
                  Opened(""), "]");
  }

  const Node& node_;
  const size_t inputs_;
  const size_t tables_;
  const int64_t elements_;
  const bool every_input_;
  const bool every_table_;
  std::vector<FigureLine> lines_;
};

// One-time lookup tables.                                   [Beaver 98], [protocols.md, "Lookup"]
//
//   F_Lookup(T, U, ..):  [i1]^k1, .., [im]^km  ->  [T(i1, .., im)]^l, [U(i1, .., im)]^l', ..
//
//   offline (dealer)                             online (P1, P2)
//   1. Delta_j <- Z_2^kj for every input         1. open delta_j = i_j - Delta_j, all at once
//   2. S[r] = T(r + Delta) for every row r       2. [y] = [S][delta]                local
//
// An input that is broadcast has one mask for all the elements that share it and is opened once.
// Tables per channel: step 2 takes the table of the element's channel.
//
// result = additive:    S shared between P1 and P2, halves. Per element 2^(k1+..+km) l bits from D;
//                       k1 + .. + km bits each way, 1 round.
// result = replicated:  ("direct") S shared among three: a0 = F(g0), a1 = F(g1) per row, D sends
//                       the rest to both P1 and P2. The opened halves go to P0 too. Masks unknown.
//
// Privacy: delta_j is uniform because Delta_j is. A correlation serves one lookup, never two.
class LookupProtocol final : public Protocol {
 public:
  std::string_view name() const override { return kLookup; }

  StatusOr<Signature> Check(const NodeDescription& node) const override {
    LUTRA_RETURN_IF_ERROR(node.spec.attributes.CheckOnly({"result"}));
    LUTRA_ASSIGN_OR_RETURN(
        const std::string result,
        node.spec.attributes.Choice("result", {kAdditiveResult, kReplicatedResult}));
    const bool direct = result == kReplicatedResult;
    if (direct && node.deployment == Deployment::kSharedDealer) {
      return InvalidArgument(
          "attribute result: expected additive where D and P0 share a machine, found replicated: "
          "it sends to P0 online");
    }
    if (node.tables.empty()) return InvalidArgument("tables: expected at least 1, found 0");
    LUTRA_ASSIGN_OR_RETURN(const Shape shape, CheckInputs(node));
    LUTRA_RETURN_IF_ERROR(CheckTables(node, shape));

    Signature signature;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      signature.correlation.push_back(Field::UniformAdditive(
          StrCat("Delta", i + 1), node.inputs[i].ring, node.inputs[i].shape.elements()));
    }
    for (const Table* table : node.tables) {
      const Ring ring = table->ring();
      signature.outputs.push_back(
          {ring, shape, direct ? Sharing::kReplicated : Sharing::kAdditive});
      signature.correlation.push_back(
          direct ? Field::DerivedReplicated(table->name, ring, shape.elements(), table->rows())
                 : Field::DerivedAdditive(table->name, ring, shape.elements(), table->rows()));
    }
    signature.has_round = true;
    return signature;
  }

  Cost ClosedForm(const Node& node) const override {
    const int64_t elements = node.output_types[0].shape.elements();
    int64_t opened = 0;
    for (const ValueType& input : node.input_types) {
      opened += input.shape.elements() * input.ring.bits();
    }
    int64_t row_bits = 0;
    for (const Table* table : node.tables) row_bits += table->rows() * table->bits;
    Cost cost;
    cost.AddExchange(Phase::kOnline, opened);
    if (IsDirect(node)) {
      for (const Role party : {Role::kP1, Role::kP2}) {
        cost.Add(Phase::kDeal, Role::kDealer, party, elements * row_bits);
        cost.Add(Phase::kOnline, party, Role::kP0, opened);
      }
    } else {
      cost.AddHalves(Phase::kDeal, Role::kDealer, elements, row_bits);
    }
    cost.rounds = 1;
    return cost;
  }

  std::string_view Privacy(const Node&, Phase phase, Role to) const override {
    if (phase != Phase::kOnline) return "";
    switch (to) {
      case Role::kP1:
        return "delta2 = i2 - Delta2, where Delta2 = F(d2), a key that P1 lacks: uniform";
      case Role::kP2:
        return "delta1 = i1 - Delta1, where Delta1 = F(d1), a key that P2 lacks: uniform";
      default:
        return "delta1 and delta2, masked by F(d1) and F(d2), keys that P0 lacks: uniform";
    }
  }

  std::vector<FigureLine> Figure(const Node& node) const override {
    return LookupFigure(node).Lines();
  }

  void Ideal(ClearView& view) const override {
    for (size_t i = 0; i < view.outputs.size(); ++i) {
      view.outputs[i] = Tensor(view.node.output_types[i].ring, view.node.output_types[i].shape);
    }
    ForRows(view.node, view.inputs, view.pool, [&](int64_t begin, std::span<const uint32_t> rows) {
      for (size_t output = 0; output < view.outputs.size(); ++output) {
        const Tensor& table = view.table(output);
        WithLane(table.ring(), [&](auto lane) {
          using Lane = decltype(lane);
          const int64_t channels = table.shape().size(0);
          const int64_t height = table.shape().size(1);
          const Lane* entries = table.lanes<Lane>().data();
          const auto out = LanesAt<Lane>(view.outputs[output], begin, rows.size());
          for (size_t i = 0; i < rows.size(); ++i) {
            const int64_t channel = (begin + static_cast<int64_t>(i)) % channels;
            out[i] = entries[channel * height + rows[i]];
          }
        });
      }
    });
  }

  void Deal(const DealView& view) const override {
    const std::vector<Input> inputs = InputsOf(view.node);
    const auto size = static_cast<size_t>(view.range.size());
    std::vector<uint32_t> masks(size * inputs.size());  // [element][input]
    for (size_t i = 0; i < inputs.size(); ++i) {
      ExpandMasks(view, i, inputs[i].source, std::span(masks).subspan(i), inputs.size());
    }
    const Tensor& table = view.table(view.field - inputs.size());
    WithLane(table.ring(), [&](auto lane) {
      using Lane = decltype(lane);
      const Rotation<Lane> rotation(view.node, table);
      Lane* out = view.lanes<Lane>().data();
      const int64_t rows = table.shape().size(1);
      for (size_t i = 0; i < size; ++i, out += rows) {
        rotation.Write(view.range.begin + static_cast<int64_t>(i),
                       std::span(masks).subspan(i * inputs.size(), inputs.size()), out);
      }
    });
  }

  void Before(PartyView& view) const override {
    if (view.role != Role::kP1 && view.role != Role::kP2) return;
    for (size_t i = 0; i < view.inputs.size(); ++i) {
      Tensor masked =
          lutra::Subtract(view.additive(i), view.fields.Uniform(i, view.node.input_types[i].shape));
      view.outbox.Send(Peer(view.role), masked);
      if (IsDirect(view.node)) view.outbox.Send(Role::kP0, masked);
      view.session.tensors.push_back(std::move(masked));
    }
  }

  void After(PartyView& view) const override {
    if (!IsParty(view.role)) return;
    const bool direct = IsDirect(view.node);
    if (view.role == Role::kP0 && !direct) return;
    std::vector<Tensor> opened;
    std::vector<const Tensor*> indices;
    for (size_t i = 0; i < view.inputs.size(); ++i) {
      const ValueType& type = view.node.input_types[i];
      if (view.role == Role::kP0) {
        opened.push_back(view.inbox.Receive(Role::kP1, type.ring, type.shape));
        AddInto(opened[i], view.inbox.Receive(Role::kP2, type.ring, type.shape));
      } else {
        opened.push_back(view.inbox.Receive(Peer(view.role), type.ring, type.shape));
        AddInto(opened[i], view.session.tensors[i]);
      }
    }
    for (const Tensor& tensor : opened) indices.push_back(&tensor);
    const size_t parts = direct ? 2 : 1;
    for (size_t output = 0; output < view.outputs.size(); ++output) {
      const ValueType& type = view.node.output_types[output];
      for (size_t part = 0; part < parts; ++part) {
        view.outputs[output]->parts[part] = Tensor(type.ring, type.shape);
      }
    }
    ForRows(view.node, indices, view.pool, [&](int64_t begin, std::span<const uint32_t> rows) {
      for (size_t output = 0; output < view.outputs.size(); ++output) {
        for (size_t part = 0; part < parts; ++part) Pick(view, output, part, begin, rows);
      }
    });
  }

 private:
  // Checks the indices; the shape of the result.
  static StatusOr<Shape> CheckInputs(const NodeDescription& node) {
    const std::vector<int32_t>& bits = node.tables[0]->index_bits;
    if (node.inputs.size() != bits.size()) {
      return InvalidArgument("inputs: expected ", bits.size(), " as table ", node.tables[0]->name,
                             " has, found ", node.inputs.size());
    }
    Shape shape;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      LUTRA_RETURN_IF_ERROR(node.CheckSharing(i, Sharing::kAdditive));
      if (node.inputs[i].ring.bits() != bits[i]) {
        return InvalidArgument("input ", i, ": expected ring Z_2^", bits[i], " for table ",
                               node.tables[0]->name, ", found ", node.inputs[i].ToString());
      }
      LUTRA_ASSIGN_OR_RETURN(shape, Broadcast(shape, node.inputs[i].shape));
    }
    return shape;
  }

  static Status CheckTables(const NodeDescription& node, const Shape& shape) {
    for (const Table* table : node.tables) {
      if (table->index_bits != node.tables[0]->index_bits) {
        return InvalidArgument("table ", table->name, ": expected the index bits of table ",
                               node.tables[0]->name, ", found others");
      }
      const int64_t last = shape.rank() > 0 ? shape.size(-1) : 1;
      if (table->channels != 1 && table->channels != last) {
        return InvalidArgument("table ", table->name, ": expected 1 or ", last,
                               " channels for shape ", shape.ToString(), ", found ",
                               table->channels);
      }
    }
    return absl::OkStatus();
  }

  // The masks of input `input` for the elements of the range, to masks[0], masks[stride], ...
  static void ExpandMasks(const DealView& view, size_t input, const BroadcastIndex& source,
                          std::span<uint32_t> masks, size_t stride) {
    WithLane(view.node.correlation[input].ring, [&](auto lane) {
      using Lane = decltype(lane);
      std::vector<Lane> found(static_cast<size_t>(view.range.size()));
      if (source.identity()) {
        view.fields.Expand<Lane>(input, view.range.begin, found);
      } else {
        std::vector<int64_t> sources(found.size());
        source.Fill(view.range.begin, sources);
        const std::vector<uint64_t> elements(sources.begin(), sources.end());
        view.fields.Gather<Lane>(input, elements, found);
      }
      for (size_t i = 0; i < found.size(); ++i) masks[i * stride] = static_cast<uint32_t>(found[i]);
    });
  }

  static void Pick(const PartyView& view, size_t output, size_t part, int64_t begin,
                   std::span<const uint32_t> rows) {
    const size_t field = view.inputs.size() + output;
    Tensor& result = view.outputs[output]->parts[part];
    WithLane(result.ring(), [&](auto lane) {
      using Lane = decltype(lane);
      const auto out = LanesAt<Lane>(result, begin, rows.size());
      if (IsDirect(view.node)) {
        const size_t component = (FirstComponent(view.role) + part) % 3;
        view.fields.PickReplicated<Lane>(field, component, begin, rows, out);
      } else {
        view.fields.PickAdditive<Lane>(field, begin, rows, out);
      }
    });
  }
};

std::vector<Value> AddLookup(Builder& builder, const std::vector<Value>& indices,
                             const std::vector<TableId>& tables, std::string_view result) {
  std::vector<Value> additive;
  for (const Value index : indices) additive.push_back(ToAdditive(builder, index));
  return builder.Add(kLookup, additive, Attributes().SetText("result", result), tables,
                     tables.size());
}

}  // namespace

std::vector<Value> LookupAll(Builder& builder, const std::vector<Value>& indices,
                             const std::vector<TableId>& tables) {
  return AddLookup(builder, indices, tables, kAdditiveResult);
}

Value Lookup(Builder& builder, const std::vector<Value>& indices, TableId table) {
  return AddLookup(builder, indices, {table}, kAdditiveResult)[0];
}

Value LookupReplicated(Builder& builder, const std::vector<Value>& indices, TableId table,
                       LookupForm form) {
  if (form == LookupForm::kReshare) return Reshare(builder, Lookup(builder, indices, table));
  return AddLookup(builder, indices, {table}, kReplicatedResult)[0];
}

std::unique_ptr<Protocol> MakeLookup() { return std::make_unique<LookupProtocol>(); }

}  // namespace lutra
