#include "cluster/frame.h"

namespace lutra {
namespace {

constexpr uint32_t kMagic = 0x5254554c;  // "LUTR"

template <class T>
void Put(T value, std::byte*& out) {
  for (size_t i = 0; i < sizeof(T); ++i) *out++ = static_cast<std::byte>(value >> (8 * i));
}

template <class T>
T Get(const std::byte*& in) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) {
    value |= static_cast<T>(std::to_integer<T>(*in++) << (8 * i));
  }
  return value;
}

}  // namespace

std::array<std::byte, kHeaderBytes> EncodeHeader(const FrameHeader& header) {
  std::array<std::byte, kHeaderBytes> bytes;
  std::byte* out = bytes.data();
  Put(kMagic, out);
  Put(static_cast<uint32_t>(header.kind), out);
  for (const uint8_t byte : header.channel.bytes) *out++ = std::byte{byte};
  Put(header.tag, out);
  Put(header.total, out);
  Put(header.offset, out);
  return bytes;
}

std::optional<FrameHeader> DecodeHeader(std::span<const std::byte> frame) {
  if (frame.size() < kHeaderBytes) return std::nullopt;
  const std::byte* in = frame.data();
  if (Get<uint32_t>(in) != kMagic) return std::nullopt;
  FrameHeader header;
  const auto kind = Get<uint32_t>(in);
  if (kind < static_cast<uint32_t>(FrameKind::kHello) ||
      kind > static_cast<uint32_t>(FrameKind::kAbort)) {
    return std::nullopt;
  }
  header.kind = static_cast<FrameKind>(kind);
  for (uint8_t& byte : header.channel.bytes) byte = std::to_integer<uint8_t>(*in++);
  header.tag = Get<uint64_t>(in);
  header.total = Get<uint64_t>(in);
  header.offset = Get<uint64_t>(in);
  return header;
}

std::array<std::byte, kHelloBytes> EncodeHello(const Hello& hello) {
  std::array<std::byte, kHelloBytes> bytes;
  std::byte* out = bytes.data();
  Put(hello.version, out);
  Put(hello.role, out);
  Put(hello.window, out);
  return bytes;
}

std::optional<Hello> DecodeHello(std::span<const std::byte> bytes) {
  if (bytes.size() < 8) return std::nullopt;
  const std::byte* in = bytes.data();
  Hello hello;
  hello.version = Get<uint32_t>(in);
  hello.role = Get<uint32_t>(in);
  if (hello.version != kLinkVersion) return hello;
  if (bytes.size() != kHelloBytes) return std::nullopt;
  hello.window = Get<uint64_t>(in);
  return hello;
}

int64_t FramingBytes(size_t body, bool curve) {
  const size_t added = kHeaderBytes + (curve ? 33 : 0);
  return static_cast<int64_t>(1 + (added + body > 255 ? 8 : 1) + added);
}

}  // namespace lutra
