// Memory for values and messages: not initialized, and in huge pages where a block is large and the
// system has them, because the first touch of small pages costs more than filling them.
#ifndef LUTRA_CORE_MEMORY_H_
#define LUTRA_CORE_MEMORY_H_

#include <cstddef>
#include <new>
#include <vector>

namespace lutra {

// A block of this many bytes, aligned to 64 at least. Throws std::bad_alloc.
std::byte* AllocateBlock(size_t bytes);
void FreeBlock(std::byte* block, size_t bytes);

// Elements of trivial types, not initialized when a container grows.
template <class T>
class BlockAllocator {
 public:
  using value_type = T;
  BlockAllocator() = default;
  template <class U>
  explicit BlockAllocator(const BlockAllocator<U>&) {}

  T* allocate(size_t count) { return reinterpret_cast<T*>(AllocateBlock(count * sizeof(T))); }
  void deallocate(T* block, size_t count) {
    FreeBlock(reinterpret_cast<std::byte*>(block), count * sizeof(T));
  }
  template <class U>
  void construct(U* at) {
    ::new (at) U;
  }
  template <class U>
  void construct(U* at, U value) {
    ::new (at) U(value);
  }
  friend bool operator==(BlockAllocator, BlockAllocator) { return true; }
};

// A message. What resize() adds is not initialized.
using Bytes = std::vector<std::byte, BlockAllocator<std::byte>>;

// Tells the allocator to keep what is freed instead of handing it back to the system, which would
// clear every page again. For programs whose values come and go all the time.
void KeepFreedMemory();

// From now on blocks are overwritten when they are freed: for processes that hold secrets.
void WipeFreedMemory();

}  // namespace lutra

#endif  // LUTRA_CORE_MEMORY_H_
