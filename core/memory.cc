#include "core/memory.h"

#include <malloc.h>
#include <sys/mman.h>

namespace lutra {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kLine = 64;

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

void FreeBlock(std::byte* block, size_t bytes) { ::operator delete(block, AlignmentOf(bytes)); }

void KeepFreedMemory() {
  constexpr int kLargest = 32 << 20;  // the most that the allocator takes for a threshold
  ::mallopt(M_MMAP_THRESHOLD, kLargest);
  ::mallopt(M_TRIM_THRESHOLD, 1 << 30);
}

}  // namespace lutra
