// The safetensors container: 8 bytes of header length (little-endian), a JSON header with metadata
// strings and one entry per tensor, then the tensors' bytes, without gap or overlap.
// https://github.com/huggingface/safetensors (the format section of its README).
//
// The reader trusts nothing: it never allocates more than a small multiple of what the file really
// holds, and every error is one line that names file, tensor, field, expected and found.
#ifndef LUTRA_MODELS_SAFETENSORS_H_
#define LUTRA_MODELS_SAFETENSORS_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/shape.h"
#include "core/status.h"

namespace lutra {

enum class ElementType { kI8, kU8, kI16, kU16, kI32, kI64 };

// "I8", "U8", "I16", "U16", "I32", "I64", as the header spells them.
std::string_view NameOf(ElementType type);
std::optional<ElementType> ElementTypeNamed(std::string_view name);
size_t BytesOf(ElementType type);

// A tensor of integers as it is stored: row-major, little-endian.
class StoredTensor {
 public:
  // All elements 0.
  StoredTensor(ElementType type, Shape shape);
  // bytes.size() must be shape.elements() * BytesOf(type).
  StoredTensor(ElementType type, Shape shape, std::vector<std::byte> bytes);
  // The values, each of which must fit the type; as many as the shape has elements.
  static StoredTensor Of(ElementType type, Shape shape, std::span<const int64_t> values);

  ElementType type() const { return type_; }
  const Shape& shape() const { return shape_; }
  int64_t elements() const { return shape_.elements(); }
  std::span<const std::byte> bytes() const { return bytes_; }

  int64_t At(int64_t element) const;
  // The value must fit the type.
  void Set(int64_t element, int64_t value);
  std::vector<int64_t> Values() const;
  // Smallest and largest value; there must be an element.
  std::pair<int64_t, int64_t> Range() const;
  // The elements of an I8 tensor in place.
  std::span<const int8_t> Int8() const;
  std::span<int8_t> MutableInt8();

 private:
  ElementType type_;
  Shape shape_;
  std::vector<std::byte> bytes_;
};

// The content of one file.
struct Safetensors {
  std::map<std::string, std::string> metadata;
  std::map<std::string, StoredTensor> tensors;
};

// Limits of the reader; files above them are refused by name.
inline constexpr uint64_t kMaxSafetensorsBytes = uint64_t{4} << 30;
inline constexpr uint64_t kMaxSafetensorsHeaderBytes = uint64_t{8} << 20;

StatusOr<Safetensors> ReadSafetensors(const std::filesystem::path& path,
                                      uint64_t max_bytes = kMaxSafetensorsBytes);
// The same from memory; `name` stands for the file in messages.
StatusOr<Safetensors> ParseSafetensors(std::span<const std::byte> content, std::string_view name);

// Writes the file whole or not at all. Tensors are laid out in the order of their names, wider
// element types first, so that each lies on a multiple of its element size.
Status WriteSafetensors(const std::filesystem::path& path, const Safetensors& content);
std::string SerializeSafetensors(const Safetensors& content);

}  // namespace lutra

#endif  // LUTRA_MODELS_SAFETENSORS_H_
