// Where a server listens: tcp://HOST:PORT, HOST a name, an IPv4 address or an IPv6 address in
// brackets.
#ifndef LUTRA_CLUSTER_ADDRESS_H_
#define LUTRA_CLUSTER_ADDRESS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "core/status.h"

namespace lutra {

struct Address {
  std::string host;  // without brackets
  uint16_t port = 0;

  // As ZeroMQ takes it.
  std::string Endpoint() const;
  // 127.0.0.0/8, ::1, or the name localhost.
  bool IsLoopback() const;

  friend bool operator==(const Address&, const Address&) = default;
};

// Port 0, which lets the system choose when a server binds, only if it is allowed.
StatusOr<Address> ParseAddress(std::string_view endpoint, bool allow_port_0 = false);

}  // namespace lutra

#endif  // LUTRA_CLUSTER_ADDRESS_H_
