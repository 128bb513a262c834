// Lookup in tables at a shared index: multi-input, multi-output, per-channel, public or private.
#ifndef LUTRA_MPC_PROTOCOLS_LOOKUP_H_
#define LUTRA_MPC_PROTOCOLS_LOOKUP_H_

#include <memory>
#include <string_view>
#include <vector>

#include "mpc/builder.h"
#include "mpc/protocol.h"

namespace lutra {

inline constexpr std::string_view kLookup = "lookup";

// Where the replicated result of a lookup comes from: an additive lookup and a reshare (two
// rounds), or a lookup whose tables are dealt replicated (one round; the opened index goes to P0
// too, so not where P0 shares a machine with the dealer; masks not known).
enum class LookupForm { kReshare, kDirect };

// [T1(i1, .., im)], [T2(i1, .., im)], ..: one opening, a result for each table. The indices are
// additive (replicated ones are made so), index j over Z_2^kj of every table, and broadcast against
// each other; an index that is broadcast is masked and opened once. Tables per channel have as many
// channels as the last axis of the result.
std::vector<Value> LookupAll(Builder& builder, const std::vector<Value>& indices,
                             const std::vector<TableId>& tables);
Value Lookup(Builder& builder, const std::vector<Value>& indices, TableId table);

// <T(i1, .., im)>, in either form.
Value LookupReplicated(Builder& builder, const std::vector<Value>& indices, TableId table,
                       LookupForm form);

std::unique_ptr<Protocol> MakeLookup();

}  // namespace lutra

#endif  // LUTRA_MPC_PROTOCOLS_LOOKUP_H_
