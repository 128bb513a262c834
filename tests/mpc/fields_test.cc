// Fields of every kind, several in one node, at bit offsets that are no multiples of 8: shares of
// both parties against what was dealt. And the tape's layout.
#include "mpc/fields.h"

#include <catch2/catch.hpp>
#include <numeric>

#include "mpc/protocols/local.h"
#include "mpc/protocols/lookup.h"
#include "tests/support/dealt.h"
#include "tests/support/run_program.h"

namespace lutra {
namespace {

// What every derived entry of the node below is: easily told apart, and far from reduced by chance.
uint64_t EntryOf(size_t field, int64_t element, int64_t entry) {
  return static_cast<uint64_t>((static_cast<int64_t>(field) + 1) * 1000003 + element * 10007 +
                               entry * 101);
}

// A node that has fields and does nothing with them; their description is in its attributes:
// [kind, bits, elements, entries] for each, kinds in the order of Field::Kind, the last twice.
class FieldsOnly final : public Protocol {
 public:
  std::string_view name() const override { return "fields_only"; }

  StatusOr<Signature> Check(const NodeDescription& node) const override {
    LUTRA_ASSIGN_OR_RETURN(const std::vector<int64_t> list, node.spec.attributes.List("fields"));
    Signature signature;
    signature.outputs = {node.inputs[0]};
    for (size_t i = 0; i + 3 < list.size(); i += 4) {
      const Ring ring(static_cast<int>(list[i + 1]));
      const int64_t elements = list[i + 2], entries = list[i + 3];
      const std::string field_name = StrCat("f", i / 4);
      switch (list[i]) {
        case 0:
          signature.correlation.push_back(
              Field::Uniform(field_name, KeyName::kG0, ring, elements, entries));
          break;
        case 1:
          signature.correlation.push_back(Field::UniformAdditive(field_name, ring, elements));
          break;
        case 2:
          signature.correlation.push_back(
              Field::DerivedAdditive(field_name, ring, elements, entries));
          break;
        case 3:
          signature.correlation.push_back(
              Field::DerivedReplicated(field_name, ring, elements, entries));
          break;
        default:
          signature.correlation.push_back(Field::DerivedFor(
              field_name, list[i] == 4 ? Role::kP1 : Role::kP2, ring, elements, entries));
      }
    }
    return signature;
  }
  Cost ClosedForm(const Node& node) const override {
    Cost cost;
    for (const Field& field : node.correlation) {
      for (const Role party : {Role::kP1, Role::kP2}) {
        cost.Add(Phase::kDeal, Role::kDealer, party,
                 DealtTo(party, field).size() * field.entries * field.ring.bits());
      }
    }
    return cost;
  }
  void Ideal(ClearView& view) const override { view.outputs[0] = view.inputs[0]->Clone(); }
  void Deal(const DealView& view) const override {
    const Field& field = view.node.correlation[view.field];
    WithLane(field.ring, [&](auto lane) {
      using Lane = decltype(lane);
      size_t next = 0;
      for (int64_t element = view.range.begin; element < view.range.end; ++element) {
        for (int64_t entry = 0; entry < field.entries; ++entry) {
          view.lanes<Lane>()[next++] =
              static_cast<Lane>(field.ring.Reduce(EntryOf(view.field, element, entry)));
        }
      }
      LUTRA_CHECK(next == view.lanes<Lane>().size());
    });
  }
};

struct Built {
  explicit Built(const std::vector<std::vector<int64_t>>& nodes) {
    LUTRA_CHECK(given.registry.Register(std::make_unique<FieldsOnly>()).ok());
    const Value x = given.Random("x", Role::kDataOwner, Ring(3), Shape{1}, 1);
    for (const std::vector<int64_t>& fields : nodes) {
      given.builder.AddOne("fields_only", {x}, Attributes().SetList("fields", fields));
    }
    StatusOr<BuiltProgram> made = std::move(given.builder).Build();
    REQUIRE(made.ok());
    built.emplace(*std::move(made));
  }
  Case given;
  std::optional<BuiltProgram> built;
};

void CheckNode(const Dealt& dealt, const Node& node) {
  for (size_t f = 0; f < node.correlation.size(); ++f) {
    const Field& field = node.correlation[f];
    for (int64_t entry = 0; entry < (field.derived() ? field.entries : 0); ++entry) {
      const auto row = static_cast<uint32_t>(entry);
      std::vector<uint64_t> found;
      if (field.kind == Field::Kind::kDerivedAdditive) {
        found = dealt.Additive(node, f, row);
      } else if (field.kind == Field::Kind::kDerivedReplicated) {
        found = dealt.Replicated(node, f, row);
      } else {
        const std::vector<uint32_t> rows(static_cast<size_t>(field.elements), row);
        WithLane(field.ring, [&](auto lane) {
          using Lane = decltype(lane);
          std::vector<Lane> out(rows.size());
          dealt.fields(node, field.holder).PickOwn<Lane>(f, 0, rows, std::span(out));
          found.assign(out.begin(), out.end());
        });
      }
      int64_t wrong = 0;
      for (int64_t i = 0; i < field.elements; ++i) {
        wrong += found[static_cast<size_t>(i)] == field.ring.Reduce(EntryOf(f, i, entry)) ? 0 : 1;
      }
      INFO(node.ToString() << " field " << f << " entry " << entry);
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("Derived fields of every kind and ring are shared and dealt right", "[mpc][fields]") {
  std::vector<std::vector<int64_t>> nodes;
  for (int64_t bits = 1; bits <= 64; ++bits) {
    // Several fields to a node, with odd sizes: offsets of every remainder.
    nodes.push_back({2, bits, 3,    5,    4,         65 - bits, 1,  1, 1,
                     7, 5,    1,    3,    65 - bits, 5,         3,  2, (bits * 7) % 64 + 1,
                     1, 3,    5,    bits, 7,         2,         0,  9, 3,
                     1, 3,    bits, 1,    1,         2,         13, 9, 4});
  }
  const Built built(nodes);
  for (const int threads : {1, 3}) {
    ThreadPool pool(threads);
    const Dealt dealt(*built.built, pool, 4);
    for (const Node& node : built.built->program.nodes()) {
      if (node.spec.protocol == "fields_only") CheckNode(dealt, node);
    }
  }
}

TEST_CASE("Large fields are dealt the same by any number of threads", "[mpc][fields]") {
  // The second field of the second node starts within a byte.
  const Built built({{2, 11, 30001, 4, 3, 16, 5003, 4, 2, 8, 20001, 16},
                     {4, 3, 1, 1, 2, 5, 40001, 4, 5, 23, 9001, 3}});
  ThreadPool one(1);
  const Dealt first(*built.built, one, 4);
  for (const Node& node : built.built->program.nodes()) {
    if (node.spec.protocol == "fields_only") CheckNode(first, node);
  }
  for (const int threads : {2, 3}) {
    ThreadPool pool(threads);
    const Dealt again(*built.built, pool, 4);
    for (const Role party : {Role::kP1, Role::kP2}) {
      const auto a = first.tape.to(party).bytes();
      const auto b = again.tape.to(party).bytes();
      CHECK(std::equal(a.begin(), a.end(), b.begin(), b.end()));
    }
  }
}

TEST_CASE("Any range and any row of a field can be picked", "[mpc][fields]") {
  const Built built({{2, 13, 41, 6, 3, 5, 41, 6}});
  ThreadPool pool(1);
  const Dealt dealt(*built.built, pool, 4);
  const Node& node = built.built->program.nodes().back();
  for (int64_t begin = 0; begin <= 41; begin += 3) {
    for (int64_t end = begin; end <= 41; end += 7) {
      std::vector<uint32_t> rows;
      for (int64_t i = begin; i < end; ++i) rows.push_back(static_cast<uint32_t>(i * 5 % 6));
      std::vector<uint16_t> p1(rows.size()), p2(rows.size());
      dealt.fields(node, Role::kP1).PickAdditive<uint16_t>(0, begin, rows, std::span(p1));
      dealt.fields(node, Role::kP2).PickAdditive<uint16_t>(0, begin, rows, std::span(p2));
      std::vector<std::vector<uint8_t>> parts;
      for (const auto& [role, component] :
           std::vector<std::pair<Role, size_t>>{{Role::kP2, 0}, {Role::kP1, 1}, {Role::kP2, 2}}) {
        parts.emplace_back(rows.size());
        dealt.fields(node, role)
            .PickReplicated<uint8_t>(1, component, begin, rows, std::span(parts.back()));
      }
      bool right = true;
      for (size_t i = 0; i < rows.size(); ++i) {
        const int64_t element = begin + static_cast<int64_t>(i);
        right = right &&
                (p1[i] + p2[i]) % 8192 == static_cast<int>(EntryOf(0, element, rows[i]) % 8192);
        right = right && (parts[0][i] + parts[1][i] + parts[2][i]) % 32 ==
                             static_cast<int>(EntryOf(1, element, rows[i]) % 32);
      }
      CHECK(right);
    }
  }
}

TEST_CASE("Uniform fields: dealer and holders see the same, in any order", "[mpc][fields]") {
  const Built built({{1, 11, 1000, 1, 0, 37, 500, 2}});
  ThreadPool pool(2);
  const Dealt dealt(*built.built, pool, 4);
  const Node& node = built.built->program.nodes().back();
  const Tensor p1 = dealt.fields(node, Role::kP1).Uniform(0, Shape{10, 100});
  const Tensor p2 = dealt.fields(node, Role::kP2).Uniform(0, Shape{1000});
  std::vector<uint16_t> sum(1000), first(1000), second(1000), gathered(1000);
  std::vector<uint64_t> backwards(1000);
  std::iota(backwards.rbegin(), backwards.rend(), 0);
  dealt.dealer(node).Expand<uint16_t>(0, 0, sum);
  dealt.dealer(node).ExpandSummand<uint16_t>(Role::kP1, 0, 0, first);
  dealt.dealer(node).ExpandSummand<uint16_t>(Role::kP2, 0, 0, second);
  dealt.dealer(node).Gather<uint16_t>(0, backwards, gathered);
  const Tensor at_p0 = dealt.fields(node, Role::kP0).Uniform(1, Shape{1000});
  const Tensor at_p2 = dealt.fields(node, Role::kP2).Uniform(1, Shape{1000});
  std::vector<uint64_t> of_dealer(7);
  dealt.dealer(node).Expand<uint64_t>(1, 990, of_dealer);
  CHECK(at_p0 == at_p2);
  int64_t wrong = 0;
  for (int64_t i = 0; i < 1000; ++i) {
    const auto index = static_cast<size_t>(i);
    wrong += p1.At(i) == first[index] && p2.At(i) == second[index] ? 0 : 1;
    wrong += sum[index] == (first[index] + second[index]) % 2048 ? 0 : 1;
    wrong += gathered[999 - index] == sum[index] ? 0 : 1;
    if (i >= 990 && i < 997) wrong += of_dealer[index - 990] == at_p0.At(i) ? 0 : 1;
  }
  CHECK(wrong == 0);
}

TEST_CASE("The only entry of every element, as a tensor", "[mpc][fields]") {
  const Built built({{4, 3, 1, 1, 2, 19, 7, 1}});
  ThreadPool pool(1);
  const Dealt dealt(*built.built, pool, 4);
  const Node& node = built.built->program.nodes().back();
  const Tensor p1 = dealt.fields(node, Role::kP1).Additive(1, Shape{7});
  const Tensor p2 = dealt.fields(node, Role::kP2).Additive(1, Shape{7});
  CheckElements(p1, Ring(19), Shape{7}, [&](int64_t i) { return EntryOf(1, i, 0) - p2.At(i); });
}

TEST_CASE("A tape's layout: nodes on bytes, fields without gaps", "[mpc][tape]") {
  const Built built({{2, 3, 3, 1, 4, 5, 1, 1}, {3, 7, 1, 1}});
  const TapeLayout layout(built.built->program);
  // Node 1: P2 has elements 0 and 1 of the first field (6 bits); P1 has element 2 (3 bits) and the
  // second field (5 bits). Node 2: 7 bits to both.
  CHECK(layout.bits(Role::kP1, 0) == 0);
  CHECK(layout.bits(Role::kP1, 1) == 8);
  CHECK(layout.bits(Role::kP2, 1) == 6);
  CHECK(layout.first_bit(Role::kP1, 1, 1) == 3);
  CHECK(layout.first_bit(Role::kP2, 1, 1) == 6);
  CHECK(layout.first_bit(Role::kP1, 2, 0) == 8);
  CHECK(layout.first_bit(Role::kP2, 2, 0) == 8);
  CHECK(layout.bytes(Role::kP1) == 2);
  CHECK(layout.bytes(Role::kP2) == 2);
  CHECK(layout.bytes(Role::kP0) == 0);
  CHECK(layout.bytes(Role::kDataOwner) == 0);
  CHECK(layout.bytes() == 4);
}

TEST_CASE("Another seed or tape is another tape, word for word", "[mpc][tape]") {
  const Built built({{2, 16, 4000, 1, 3, 16, 4000, 1}});
  ThreadPool pool(1);
  const Dealt first(*built.built, pool, 1);
  const Dealt other_seed(*built.built, pool, 2);
  const Dealt other_tape(*built.built, pool, 1, 1);
  const auto equal_words = [](const Dealt& a, const Dealt& b) {
    int64_t equal = 0;
    for (const Role party : {Role::kP1, Role::kP2}) {
      const auto x = a.tape.to(party).bytes();
      const auto y = b.tape.to(party).bytes();
      for (size_t i = 0; i + 1 < x.size(); i += 2) equal += x[i] == y[i] && x[i + 1] == y[i + 1];
    }
    return equal;
  };
  CHECK(equal_words(first, first) == 12000);
  CHECK(equal_words(first, other_seed) < 5);
  CHECK(equal_words(first, other_tape) < 5);
}

}  // namespace
}  // namespace lutra
