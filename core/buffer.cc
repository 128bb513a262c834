#include "core/buffer.h"

#include <sys/mman.h>

#include <new>

namespace lutra {

Buffer::~Buffer() {
  if (data_ != nullptr) ::munmap(data_, capacity_);
}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(capacity_, other.capacity_);
  return *this;
}

void Buffer::Resize(size_t size) {
  if (size > capacity_) {
    if (data_ != nullptr) ::munmap(data_, capacity_);
    data_ = nullptr;
    size_ = capacity_ = 0;
    void* mapped =
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) throw std::bad_alloc();
    ::madvise(mapped, size, MADV_HUGEPAGE);  // a wish; small pages do as well
    data_ = static_cast<std::byte*>(mapped);
    capacity_ = size;
  }
  size_ = size;
}

}  // namespace lutra
