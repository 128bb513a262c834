// A pseudorandom generator with random access: AES-128 in counter mode [NIST SP 800-38A], where
// the counter block says which stream and where in it.
//
//   counter block = node (u32) | field (u32) | block index (u64), all big endian
//
// Element e of a stream over a ring whose lanes have w bytes is lane e mod (16 / w) of block
// e div (16 / w), little endian, reduced to l bits. An element never straddles blocks, so any one
// of them costs one block, and a range costs its bytes.
#ifndef LUTRA_CORE_PRG_H_
#define LUTRA_CORE_PRG_H_

#include <compare>
#include <cstdint>
#include <memory>
#include <span>

#include "core/key.h"
#include "core/ring.h"
#include "core/shape.h"
#include "core/tensor.h"

namespace lutra {

// Names one of the 2^64 independent streams of a key.
struct Stream {
  uint32_t node = 0;
  uint32_t field = 0;

  friend auto operator<=>(const Stream&, const Stream&) = default;
};

// All const methods may be called from many threads at once. What the object holds of the key is
// wiped when it is destroyed. A moved-from Prg may only be assigned to or destroyed.
class Prg {
 public:
  explicit Prg(const Key& key);
  ~Prg();
  Prg(Prg&&) noexcept;
  Prg& operator=(Prg&&) noexcept;

  // Writes the elements begin, begin + 1, ... of the stream. Lane (uint8_t, uint16_t, uint32_t,
  // uint64_t) must be the ring's lane type.
  template <class Lane>
  void Expand(Stream stream, Ring ring, uint64_t begin, std::span<Lane> out) const;

  // Writes element elements[i] of the stream to out[i]; any order, repetitions allowed. One block
  // of AES an element. Both spans have one size.
  template <class Lane>
  void Gather(Stream stream, Ring ring, std::span<const uint64_t> elements,
              std::span<Lane> out) const;

  // The elements begin, begin + 1, ... of the stream, in row-major order.
  Tensor ExpandTensor(Stream stream, Ring ring, Shape shape, uint64_t begin = 0) const;

 private:
  class Ciphers;
  std::unique_ptr<Ciphers> ciphers_;
};

}  // namespace lutra

#endif  // LUTRA_CORE_PRG_H_
