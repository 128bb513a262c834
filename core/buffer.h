// A large block of bytes, for tapes: not initialized, in huge pages where the system has them,
// because the first touch of small pages costs more than filling them.
#ifndef LUTRA_CORE_BUFFER_H_
#define LUTRA_CORE_BUFFER_H_

#include <cstddef>
#include <span>
#include <utility>

namespace lutra {

class Buffer {
 public:
  Buffer() = default;
  ~Buffer();
  Buffer(Buffer&& other) noexcept { *this = std::move(other); }
  Buffer& operator=(Buffer&& other) noexcept;

  // Makes it this long. Memory that is large enough stays, with whatever is in it.
  void Resize(size_t size);

  std::span<std::byte> bytes() { return {data_, size_}; }
  std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  std::byte* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace lutra

#endif  // LUTRA_CORE_BUFFER_H_
