// Small structured data (headers, programs, ledgers) as bytes, by cereal, for input that may be
// hostile. A type takes part as cereal has it: a member or free function `serialize` (or `save` and
// `load`); include <cereal/types/...> for the standard types used. Sequences are std::vector;
// pointers are not supported.
//
// The form is cereal's binary one: numbers in little endian, sizes as u64, nothing between.
#ifndef LUTRA_CORE_ARCHIVE_H_
#define LUTRA_CORE_ARCHIVE_H_

#include <bit>
#include <cereal/cereal.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/vector.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/status.h"

namespace lutra {

static_assert(std::endian::native == std::endian::little, "numbers are copied as they lie");

namespace archive_internal {

// Arithmetic types are stored as they lie in memory; a bool is a byte that is 0 or 1.
template <class T>
inline constexpr bool kIsNumber = std::is_arithmetic_v<T> && !std::is_same_v<T, bool>;
// Elements of vectors that are stored in one piece.
template <class T>
inline constexpr bool kIsBulk = kIsNumber<T> || std::is_same_v<T, std::byte>;

}  // namespace archive_internal

// Appends to a vector of bytes. Used through WriteArchive.
class ArchiveWriter : public cereal::OutputArchive<ArchiveWriter> {
 public:
  explicit ArchiveWriter(std::vector<std::byte>& out) : OutputArchive(this), out_(out) {}

  void Write(const void* data, size_t size) {
    const size_t end = out_.size();
    out_.resize(end + size);
    if (size > 0) std::memcpy(out_.data() + end, data, size);
  }

 private:
  std::vector<std::byte>& out_;
};

// Reads from bytes that it does not trust: throws cereal::Exception when they end early, and before
// anything is allocated when a size cannot be true. Used through ReadArchive.
class ArchiveReader : public cereal::InputArchive<ArchiveReader> {
 public:
  // How deep vectors may lie in vectors; bounds the stack that recursive types take.
  static constexpr int kMaxDepth = 64;

  explicit ArchiveReader(std::span<const std::byte> bytes) : InputArchive(this), rest_(bytes) {}

  size_t remaining() const { return rest_.size(); }

  void Read(void* data, size_t size) {
    if (size > rest_.size()) {
      throw cereal::Exception(
          StrCat("ends early: ", size, " bytes expected, ", rest_.size(), " left"));
    }
    if (size > 0) std::memcpy(data, rest_.data(), size);
    rest_ = rest_.subspan(size);
  }

  // `count` elements follow, of at least `bytes_each` bytes.
  void CheckSize(uint64_t count, uint64_t bytes_each) const {
    if (count > rest_.size() / bytes_each) {
      throw cereal::Exception(
          StrCat("a size of ", count, " elements, but ", rest_.size(), " bytes left"));
    }
  }

  void Enter() {
    if (++depth_ > kMaxDepth) throw cereal::Exception("nested too deeply");
  }
  void Leave() { --depth_; }

 private:
  std::span<const std::byte> rest_;
  int depth_ = 0;
};

// What cereal calls, found by argument-dependent lookup; its names.

template <class T>
requires archive_internal::kIsNumber<T>
void CEREAL_SAVE_FUNCTION_NAME(ArchiveWriter& archive, const T& value) {
  archive.Write(&value, sizeof(value));
}
template <class T>
requires archive_internal::kIsNumber<T>
void CEREAL_LOAD_FUNCTION_NAME(ArchiveReader& archive, T& value) {
  archive.Read(&value, sizeof(value));
}

template <class T>
requires std::is_same_v<T, bool>
void CEREAL_SAVE_FUNCTION_NAME(ArchiveWriter& archive, const T& value) {
  const uint8_t byte = value ? 1 : 0;
  archive.Write(&byte, 1);
}
template <class T>
requires std::is_same_v<T, bool>
void CEREAL_LOAD_FUNCTION_NAME(ArchiveReader& archive, T& value) {
  uint8_t byte;
  archive.Read(&byte, 1);
  if (byte > 1) throw cereal::Exception("a truth value that is neither 0 nor 1");
  value = byte == 1;
}

template <class T>
void CEREAL_SAVE_FUNCTION_NAME(ArchiveWriter& archive, const cereal::BinaryData<T>& data) {
  archive.Write(data.data, static_cast<size_t>(data.size));
}
template <class T>
void CEREAL_LOAD_FUNCTION_NAME(ArchiveReader& archive, cereal::BinaryData<T>& data) {
  archive.Read(data.data, static_cast<size_t>(data.size));
}

template <class T>
void CEREAL_SERIALIZE_FUNCTION_NAME(ArchiveWriter& archive, cereal::NameValuePair<T>& pair) {
  archive(pair.value);
}
template <class T>
void CEREAL_SERIALIZE_FUNCTION_NAME(ArchiveReader& archive, cereal::NameValuePair<T>& pair) {
  archive(pair.value);
}

template <class T>
void CEREAL_SERIALIZE_FUNCTION_NAME(ArchiveWriter& archive, cereal::SizeTag<T>& tag) {
  const uint64_t size = tag.size;
  archive.Write(&size, sizeof(size));
}
template <class T>
void CEREAL_SERIALIZE_FUNCTION_NAME(ArchiveReader& archive, cereal::SizeTag<T>& tag) {
  uint64_t size;
  archive.Read(&size, sizeof(size));
  archive.CheckSize(size, 1);
  tag.size = size;
}

// Vectors in place of cereal's: those grow to the size they are told before they read an element.
template <class T, class Allocator>
requires(!std::is_same_v<T, bool>) void CEREAL_SAVE_FUNCTION_NAME(
    ArchiveWriter& archive, const std::vector<T, Allocator>& vector) {
  const uint64_t size = vector.size();
  archive.Write(&size, sizeof(size));
  if constexpr (archive_internal::kIsBulk<T>) {
    archive.Write(vector.data(), vector.size() * sizeof(T));
  } else {
    for (const T& element : vector) archive(element);
  }
}
template <class T, class Allocator>
requires(!std::is_same_v<T, bool>) void CEREAL_LOAD_FUNCTION_NAME(
    ArchiveReader& archive, std::vector<T, Allocator>& vector) {
  uint64_t size;
  archive.Read(&size, sizeof(size));
  vector.clear();
  if constexpr (archive_internal::kIsBulk<T>) {
    archive.CheckSize(size, sizeof(T));
    vector.resize(static_cast<size_t>(size));
    archive.Read(vector.data(), vector.size() * sizeof(T));
  } else {
    archive.CheckSize(size, 1);
    archive.Enter();
    for (uint64_t i = 0; i < size; ++i) archive(vector.emplace_back());
    archive.Leave();
  }
}

// The bytes of a value.
template <class T>
std::vector<std::byte> WriteArchive(const T& value) {
  std::vector<std::byte> bytes;
  ArchiveWriter writer(bytes);
  writer(value);
  return bytes;
}

// The value that WriteArchive turned into these bytes. `where` names their origin (a file, a
// message) in errors: bytes missing or left over, sizes beyond the input, values that are not of
// their type. Takes memory for at most a small multiple of the input. T is default-constructible.
template <class T>
StatusOr<T> ReadArchive(std::span<const std::byte> bytes, std::string_view where) {
  try {
    ArchiveReader reader(bytes);
    T value{};
    reader(value);
    if (reader.remaining() > 0) {
      return InvalidArgument(where, ": ", reader.remaining(), " bytes after the end");
    }
    return value;
  } catch (const std::exception& error) {
    return InvalidArgument(where, ": ", error.what());
  }
}

}  // namespace lutra

CEREAL_SETUP_ARCHIVE_TRAITS(lutra::ArchiveReader, lutra::ArchiveWriter)

#endif  // LUTRA_CORE_ARCHIVE_H_
