// A program dealt by hand: keys, tape, and the fields as every role sees them.
#ifndef LUTRA_TESTS_SUPPORT_DEALT_H_
#define LUTRA_TESTS_SUPPORT_DEALT_H_

#include <vector>

#include "dealer/generator.h"
#include "mpc/builder.h"
#include "mpc/fields.h"
#include "mpc/keys.h"
#include "mpc/tape.h"

namespace lutra {

struct Dealt {
  Dealt(const BuiltProgram& dealt, ThreadPool& threads, uint64_t seed, uint8_t tape_number = 0)
      : built(dealt), pool(threads), layout(dealt.program) {
    const LongTermKeys keys = LongTermKeysFromSeed(seed);
    Identifier id;
    id.bytes[0] = tape_number;
    for (const Role role : kRoles) {
      rings.push_back(KeyRing::ForTape(keys.For(role), built.program.digest(), id));
    }
    Deal(built.program, layout, built.tables, rings[Index(Role::kDealer)], tape, pool, nullptr);
  }

  Fields fields(const Node& node, Role role) const {
    const bool has_tape = role == Role::kP1 || role == Role::kP2;
    return Fields(node, role, rings[Index(role)], &layout,
                  has_tape ? tape.to(role).bytes() : std::span<const std::byte>(), pool);
  }
  DealerFields dealer(const Node& node) const {
    return DealerFields(node, rings[Index(Role::kDealer)]);
  }

  // Entry `row` of every element of a DerivedAdditive field: both shares added.
  std::vector<uint64_t> Additive(const Node& node, size_t field, uint32_t row) const {
    return Sum(node, field, row, [&](auto lane, auto rows, auto add) {
      using Lane = decltype(lane);
      for (const Role party : {Role::kP1, Role::kP2}) {
        std::vector<Lane> out(rows.size());
        fields(node, party).template PickAdditive<Lane>(field, 0, rows, std::span(out));
        add(out);
      }
    });
  }
  // The same of a DerivedReplicated field, each component from a role that holds it.
  std::vector<uint64_t> Replicated(const Node& node, size_t field, uint32_t row) const {
    return Sum(node, field, row, [&](auto lane, auto rows, auto add) {
      using Lane = decltype(lane);
      for (const size_t component : {size_t{0}, size_t{1}, size_t{2}}) {
        const Role holder = component == 2 ? Role::kP1 : Role::kP0;
        std::vector<Lane> out(rows.size());
        fields(node, holder)
            .template PickReplicated<Lane>(field, component, 0, rows, std::span(out));
        add(out);
      }
    });
  }

  const BuiltProgram& built;
  ThreadPool& pool;
  TapeLayout layout;
  std::vector<KeyRing> rings;  // by role
  Tape tape;

 private:
  template <class Function>
  std::vector<uint64_t> Sum(const Node& node, size_t field, uint32_t row, Function function) const {
    const Field& description = node.correlation[field];
    const std::vector<uint32_t> rows(static_cast<size_t>(description.elements), row);
    std::vector<uint64_t> sum(rows.size(), 0);
    WithLane(description.ring, [&](auto lane) {
      function(lane, std::span<const uint32_t>(rows), [&](const auto& out) {
        for (size_t i = 0; i < sum.size(); ++i) {
          sum[i] = description.ring.Reduce(sum[i] + out[i]);
        }
      });
    });
    return sum;
  }
};

}  // namespace lutra

#endif  // LUTRA_TESTS_SUPPORT_DEALT_H_
