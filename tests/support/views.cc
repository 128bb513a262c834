#include "tests/support/views.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "core/packing.h"
#include "core/text.h"
#include "mpc/tape.h"
#include "tests/support/statistics.h"

namespace lutra {
namespace {

// A run of packed elements of one tensor.
struct Piece {
  std::string name;
  int bits;
  int64_t elements;  // of the whole tensor
  ElementRange range;
};

Piece Whole(std::string name, const ValueType& type) {
  return {std::move(name), type.ring.bits(), type.shape.elements(), {0, type.shape.elements()}};
}

// What a part of a message consists of, by the protocol's box.
std::vector<Piece> PiecesOf(const Transcript::Part& part) {
  const Node& node = *part.node;
  const std::string name =
      StrCat(node.ToString(), " ", Name(part.phase), " ", Name(part.from), "->", Name(part.to));
  std::vector<Piece> pieces;
  if (part.from == Role::kDealer) {
    for (const Field& field : node.correlation) {
      const ElementRange range = DealtTo(part.to, field);
      if (range.size() == 0) continue;
      // The rows of an element are places of one sample.
      pieces.push_back({name + " " + field.name,
                        field.ring.bits(),
                        field.elements * field.entries,
                        {range.begin * field.entries, range.end * field.entries}});
    }
  } else if (node.spec.protocol == "lookup") {
    for (const ValueType& type : node.input_types) pieces.push_back(Whole(name, type));
  } else if (part.from == Role::kP0) {
    Piece piece = Whole(name, node.output_types[0]);
    piece.range = HalfOf(part.to, piece.elements);
    pieces.push_back(piece);
  } else {
    pieces.push_back(Whole(name, node.output_types[0]));
  }
  return pieces;
}

double PairDeviation(const Symbols& a, const Symbols& b) {
  const int64_t first = std::max(a.first, b.first);
  const int64_t last = std::min(a.first + static_cast<int64_t>(a.values.size()),
                                b.first + static_cast<int64_t>(b.values.size()));
  const int bits = a.bits + b.bits;
  // Too few samples in a cell make no chi-square.
  if (last - first < (int64_t{5} << bits)) return -1e9;
  std::vector<int64_t> counts(size_t{1} << bits, 0);
  for (int64_t i = first; i < last; ++i) {
    const uint64_t x = a.values[static_cast<size_t>(i - a.first)];
    const uint64_t y = b.values[static_cast<size_t>(i - b.first)];
    ++counts[(x << b.bits) | y];
  }
  return UniformDeviation(counts);
}

}  // namespace

void AddSymbols(View& view, std::string_view name, int bits, int64_t samples, int64_t elements,
                int64_t begin, const std::vector<uint64_t>& values) {
  const int64_t places = elements / samples;
  std::vector<Symbols> found(static_cast<size_t>(places));
  for (size_t i = 0; i < values.size(); ++i) {
    const int64_t element = begin + static_cast<int64_t>(i);
    Symbols& symbols = found[static_cast<size_t>(element % places)];
    if (symbols.values.empty()) {
      symbols.name = StrCat(name, " #", element % places);
      symbols.bits = bits;
      symbols.first = element / places;
    }
    symbols.values.push_back(values[i]);
  }
  for (Symbols& symbols : found) {
    if (!symbols.values.empty()) view.push_back(std::move(symbols));
  }
}

View ReceivedView(const Program& program, const Transcript& transcript, Role role,
                  int64_t samples) {
  const TapeLayout layout(program);
  std::map<std::tuple<Phase, int, Role, Role>, int64_t> next_bit;
  View view;
  for (const Transcript::Part& part : transcript.parts) {
    int64_t& bit = next_bit[{part.phase, part.level, part.from, part.to}];
    const auto message = std::find_if(
        transcript.messages.begin(), transcript.messages.end(), [&](const auto& candidate) {
          return candidate.phase == part.phase && candidate.level == part.level &&
                 candidate.from == part.from && candidate.to == part.to;
        });
    LUTRA_CHECK(message != transcript.messages.end());
    for (const Piece& piece : PiecesOf(part)) {
      std::vector<uint64_t> values(static_cast<size_t>(piece.range.size()));
      for (uint64_t& value : values) {
        value = ReadBits(message->payload, bit, piece.bits);
        bit += piece.bits;
      }
      if (part.to != role) continue;
      AddSymbols(view, piece.name, piece.bits, samples, piece.elements, piece.range.begin, values);
    }
    bit = BitsToBytes(bit) * 8;
  }
  return view;
}

Deviation LargestDeviation(const View& view, bool pairs) {
  Deviation deviation;
  const auto take = [&](double found, const std::string& where) {
    if (found > deviation.largest) deviation = {found, where};
  };
  for (size_t i = 0; i < view.size(); ++i) {
    std::vector<int64_t> counts(size_t{1} << view[i].bits, 0);
    for (const uint64_t value : view[i].values) ++counts[value];
    take(UniformDeviation(counts), view[i].name);
    for (size_t j = 0; pairs && j < i; ++j) {
      take(PairDeviation(view[i], view[j]), view[i].name + " with " + view[j].name);
    }
  }
  return deviation;
}

}  // namespace lutra
