#include "cluster/address.h"

#include <arpa/inet.h>

#include <charconv>

namespace lutra {
namespace {

bool IsName(std::string_view host) {
  if (host.empty() || host.size() > 253) return false;
  for (const char c : host) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool digit = c >= '0' && c <= '9';
    if (!letter && !digit && c != '-' && c != '.' && c != '_') return false;
  }
  return true;
}

}  // namespace

std::string Address::Endpoint() const {
  const bool ipv6 = host.find(':') != host.npos;
  return StrCat("tcp://", ipv6 ? "[" : "", host, ipv6 ? "]" : "", ":", port);
}

bool Address::IsLoopback() const {
  in_addr ipv4;
  if (inet_pton(AF_INET, host.c_str(), &ipv4) == 1) return ntohl(ipv4.s_addr) >> 24 == 127;
  in6_addr ipv6;
  if (inet_pton(AF_INET6, host.c_str(), &ipv6) == 1) return IN6_IS_ADDR_LOOPBACK(&ipv6);
  return host == "localhost";
}

StatusOr<Address> ParseAddress(std::string_view endpoint, bool allow_port_0) {
  const auto wrong = [&] {
    return InvalidArgument("expected tcp://HOST:PORT with a port from ", allow_port_0 ? 0 : 1,
                           " to 65535, found '", endpoint, "'");
  };
  constexpr std::string_view kScheme = "tcp://";
  if (!endpoint.starts_with(kScheme)) return wrong();
  const std::string_view rest = endpoint.substr(kScheme.size());
  const size_t colon = rest.rfind(':');
  if (colon == rest.npos) return wrong();

  Address address;
  std::string_view host = rest.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    in6_addr ipv6;
    if (inet_pton(AF_INET6, std::string(host).c_str(), &ipv6) != 1) return wrong();
  } else if (!IsName(host)) {
    return wrong();
  }
  address.host = std::string(host);

  const std::string_view port = rest.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc() || end != port.data() + port.size()) return wrong();
  if (address.port == 0 && !allow_port_0) return wrong();
  return address;
}

}  // namespace lutra
