// The fields of a node's correlation as a role sees them. Everything is random access: any thread
// may deal or use any element in any order, and the tape is the same to the byte.
#ifndef LUTRA_MPC_FIELDS_H_
#define LUTRA_MPC_FIELDS_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/tensor.h"
#include "core/thread_pool.h"
#include "mpc/keys.h"
#include "mpc/program.h"
#include "mpc/share.h"
#include "mpc/tape.h"

namespace lutra {

// The fields as an owner or a party sees them.
class Fields {
 public:
  // `tape` is the party's stream, empty for roles that get none; all arguments outlive the object.
  Fields(const Node& node, Role role, const KeyRing& keys, const TapeLayout* layout,
         std::span<const std::byte> tape, ThreadPool& pool)
      : node_(node), role_(role), keys_(keys), layout_(layout), tape_(tape), pool_(pool) {}

  // A uniform field: all of it, under the given shape. The role must hold its key. Of a
  // UniformAdditive field, the summand of this role.
  Tensor Uniform(size_t field, const Shape& shape) const;

  // Of a DerivedAdditive field: this party's share of entry rows[i] of element begin + i. Expands
  // and reads only these entries.
  template <class Lane>
  void PickAdditive(size_t field, int64_t begin, std::span<const uint32_t> rows,
                    std::span<Lane> out) const;
  // Of a DerivedReplicated field: component c (which the party holds) of those entries.
  template <class Lane>
  void PickReplicated(size_t field, size_t component, int64_t begin, std::span<const uint32_t> rows,
                      std::span<Lane> out) const;
  // Of a DerivedFor field that this party holds: those entries.
  template <class Lane>
  void PickOwn(size_t field, int64_t begin, std::span<const uint32_t> rows,
               std::span<Lane> out) const;

  // The only entry of every element of a DerivedAdditive field: this party's share.
  Tensor Additive(size_t field, const Shape& shape) const;

 private:
  const Field& at(size_t field) const;
  Stream stream(size_t field) const { return {node_.id, static_cast<uint32_t>(field)}; }
  template <class Lane>
  void ReadTape(size_t field, int64_t begin, std::span<const uint32_t> rows,
                std::span<Lane> out) const;
  template <class Lane>
  void ReadStream(KeyName key, size_t field, int64_t begin, std::span<const uint32_t> rows,
                  std::span<Lane> out) const;

  const Node& node_;
  Role role_;
  const KeyRing& keys_;
  const TapeLayout* layout_;
  std::span<const std::byte> tape_;
  ThreadPool& pool_;
};

// The fields as the dealer sees them: uniform ones in clear.
class DealerFields {
 public:
  DealerFields(const Node& node, const KeyRing& keys) : node_(node), keys_(keys) {}

  // Elements begin, begin + 1, ... of a uniform field; of a UniformAdditive field, the sum.
  template <class Lane>
  void Expand(size_t field, int64_t begin, std::span<Lane> out) const;
  // Any elements of it.
  template <class Lane>
  void Gather(size_t field, std::span<const uint64_t> elements, std::span<Lane> out) const;
  // Of a UniformAdditive field, the summand of P1 or P2.
  template <class Lane>
  void ExpandSummand(Role party, size_t field, int64_t begin, std::span<Lane> out) const;

  // The mask under this key of entries begin, begin + 1, ... (counted over all elements) of a
  // derived field: what the engine subtracts before it sends.
  template <class Lane>
  void ExpandMask(KeyName key, size_t field, int64_t begin, std::span<Lane> out) const;

 private:
  Stream stream(size_t field) const { return {node_.id, static_cast<uint32_t>(field)}; }

  const Node& node_;
  const KeyRing& keys_;
};

}  // namespace lutra

#endif  // LUTRA_MPC_FIELDS_H_
