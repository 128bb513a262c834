// What goes over a connection: ZeroMQ messages of one frame, a header and a body behind it. Numbers
// are little endian. Header of 48 bytes:
//
//   magic "LUTR" | kind (u32) | channel (16 bytes) | tag (u64) | total (u64) | offset (u64)
//
// The header and the first 8 bytes of a hello's body are the same in every protocol version from 2
// on; version 1 had header and body in two frames. A message of several frames may be half sent
// when its connection is lost, and libzmq ends the process when both ends close it then
// (https://github.com/zeromq/libzmq/issues/3442), or leaks the half that came.
#ifndef LUTRA_CLUSTER_FRAME_H_
#define LUTRA_CLUSTER_FRAME_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "mpc/keys.h"
#include "mpc/role.h"

namespace lutra {

inline constexpr uint32_t kLinkVersion = 2;

enum class FrameKind : uint32_t {
  kHello = 1,  // body: Hello
  kData,       // a chunk of a message: `total` bytes, from `offset` on
  kRequest,    // likewise of a request, which opens the channel at the server
  kCredit,     // the reader of the channel took `total` bytes: as many more may be sent
  kAbort,      // the channel is broken: `tag` is the status code, the body its message
};

struct FrameHeader {
  FrameKind kind = FrameKind::kHello;
  Identifier channel;
  uint64_t tag = 0;
  uint64_t total = 0;
  uint64_t offset = 0;
};
inline constexpr size_t kHeaderBytes = 48;

std::array<std::byte, kHeaderBytes> EncodeHeader(const FrameHeader& header);
// Of a frame, which may be too short or begin otherwise: none then.
std::optional<FrameHeader> DecodeHeader(std::span<const std::byte> frame);

// The body of a hello: version (u32), role (u32, index in kRoles), window (u64).
struct Hello {
  uint32_t version = kLinkVersion;
  uint32_t role = 0;
  uint64_t window = 0;  // bytes that may be on the way unread, per channel
};
inline constexpr size_t kHelloBytes = 16;

std::array<std::byte, kHelloBytes> EncodeHello(const Hello& hello);
// Of another version, only version and role are read.
std::optional<Hello> DecodeHello(std::span<const std::byte> bytes);

// The bytes that a frame takes on a ZeroMQ connection, less those of its body: the header, a flags
// byte and a length of 1 byte, 8 above 255 (ZMTP 3.1, https://rfc.zeromq.org/spec/37), and with
// CURVE 33 bytes more: the name of the command (8), a short nonce (8), the authenticator (16) and
// flags (1), as https://rfc.zeromq.org/spec/26 describes the MESSAGE command.
int64_t FramingBytes(size_t body, bool curve);

}  // namespace lutra

#endif  // LUTRA_CLUSTER_FRAME_H_
