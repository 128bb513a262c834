#include "cluster/socket.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "cluster/frame.h"

namespace lutra {
namespace {

int Milliseconds(double seconds) {
  return std::max(1, static_cast<int>(std::min(seconds, 1e6) * 1000));
}

}  // namespace

void SetCommonOptions(zmq::socket_t& socket, const EndpointOptions& options) {
  socket.set(zmq::sockopt::linger, 0);  // until a message was sent
  socket.set(zmq::sockopt::sndhwm, Endpoint::kHighWater);
  socket.set(zmq::sockopt::rcvhwm, Endpoint::kHighWater);
  socket.set(zmq::sockopt::ipv6, true);
  // Larger than any frame of ours, with what CURVE adds.
  socket.set(zmq::sockopt::maxmsgsize, Endpoint::kChunkBytes + 256);
  // An interval and a time-out after it: within silence_seconds a dead peer is known.
  socket.set(zmq::sockopt::heartbeat_ivl, Milliseconds(options.silence_seconds / 3));
  socket.set(zmq::sockopt::heartbeat_timeout, Milliseconds(options.silence_seconds / 2));
}

bool ReceiveFrames(zmq::socket_t& socket, std::vector<zmq::message_t>& frames, size_t most) {
  frames.clear();
  for (;;) {
    zmq::message_t frame;
    int received;
    do {
      received = zmq_msg_recv(frame.handle(), socket.handle(), ZMQ_DONTWAIT);
    } while (received < 0 && errno == EINTR);
    if (received < 0) return false;
    const bool more = frame.more();
    if (frames.size() <= most) frames.push_back(std::move(frame));
    if (!more) return true;
  }
}

int SendFrame(zmq::socket_t& socket, zmq::message_t& frame, bool more) {
  const int flags = ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0);
  for (;;) {
    if (zmq_msg_send(frame.handle(), socket.handle(), flags) >= 0) return 0;
    if (errno != EINTR) return errno;
  }
}

zmq::socket_t Monitor(zmq::context_t& context, zmq::socket_t& watched, const std::string& name) {
  if (zmq_socket_monitor(watched.handle(), name.c_str(), ZMQ_EVENT_ALL) != 0) {
    throw zmq::error_t();
  }
  zmq::socket_t monitor(context, zmq::socket_type::pair);
  monitor.set(zmq::sockopt::linger, 0);
  monitor.connect(name);
  return monitor;
}

std::optional<MonitorEvent> NextEvent(zmq::socket_t& monitor) {
  std::vector<zmq::message_t> frames;
  if (!ReceiveFrames(monitor, frames, 2)) return std::nullopt;
  MonitorEvent event;
  if (frames[0].size() < 6) return event;
  std::memcpy(&event.event, frames[0].data(), 2);
  std::memcpy(&event.value, frames[0].data<char>() + 2, 4);
  return event;
}

int DescriptorOf(zmq::socket_t& socket) { return socket.get(zmq::sockopt::fd); }

std::string PeerAddress(int descriptor) {
  sockaddr_storage address;
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  char host[NI_MAXHOST];
  char port[NI_MAXSERV];
  if (getpeername(descriptor, generic, &size) != 0 ||
      getnameinfo(generic, size, host, sizeof host, port, sizeof port,
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return "";
  }
  const std::string plain = WithoutMapping(host);
  const bool ipv6 = plain.find(':') != plain.npos;
  return StrCat(ipv6 ? "[" : "", plain, ipv6 ? "]:" : ":", port);
}

std::string WithoutMapping(std::string_view host) {
  constexpr std::string_view kMapped = "::ffff:";
  const bool mapped = host.starts_with(kMapped) && host.find('.') != host.npos;
  return std::string(mapped ? host.substr(kMapped.size()) : host);
}

}  // namespace lutra
