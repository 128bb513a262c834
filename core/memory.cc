#include "core/memory.h"

#include <malloc.h>
#include <string.h>
#include <sys/mman.h>

#include <atomic>

namespace lutra {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kLine = 64;

std::atomic<bool> wipe_freed = false;  // of the process, like the allocator's own settings

std::align_val_t AlignmentOf(size_t bytes) {
  return std::align_val_t{bytes >= 2 * kHugePage ? kHugePage : kLine};
}

}  // namespace

std::byte* AllocateBlock(size_t bytes) {
  void* block = ::operator new(bytes, AlignmentOf(bytes));
  if (bytes >= 2 * kHugePage) {
    ::madvise(block, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);  // a wish; small pages do too
  }
  return static_cast<std::byte*>(block);
}

void FreeBlock(std::byte* block, size_t bytes) {
  if (block != nullptr && wipe_freed.load(std::memory_order_relaxed))
    ::explicit_bzero(block, bytes);
  ::operator delete(block, AlignmentOf(bytes));
}

void WipeFreedMemory() { wipe_freed.store(true, std::memory_order_relaxed); }

void KeepFreedMemory() {
  constexpr int kLargest = 32 << 20;  // the most that the allocator takes for a threshold
  ::mallopt(M_MMAP_THRESHOLD, kLargest);
  ::mallopt(M_TRIM_THRESHOLD, 1 << 30);
}

}  // namespace lutra
