// ZeroMQ sockets as the links use them: options in one place, and calls that do not throw.
#ifndef LUTRA_CLUSTER_SOCKET_H_
#define LUTRA_CLUSTER_SOCKET_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>
#include <zmq.hpp>

#include "cluster/endpoint.h"

namespace lutra {

// Options of every socket that carries messages. Throws zmq::error_t.
void SetCommonOptions(zmq::socket_t& socket, const EndpointOptions& options);

// Receives one message with all its frames without waiting; false if there is none. Frames after
// the first `most` are dropped, but `frames` says that they were there by having one more.
bool ReceiveFrames(zmq::socket_t& socket, std::vector<zmq::message_t>& frames, size_t most);

// 0, or the error's number: EAGAIN where it would have to wait.
int SendFrame(zmq::socket_t& socket, zmq::message_t& frame, bool more);

// What happened on a monitored socket.
struct MonitorEvent {
  uint16_t event = 0;
  uint32_t value = 0;
};
// A socket that tells what happens on another one. Throws zmq::error_t.
zmq::socket_t Monitor(zmq::context_t& context, zmq::socket_t& watched, const std::string& name);
std::optional<MonitorEvent> NextEvent(zmq::socket_t& monitor);

// Readable when a socket has something to tell; only once for all of it, so that whoever uses it
// has to read until there is nothing more (ZMQ_FD).
int DescriptorOf(zmq::socket_t& socket);

// The address at the other end of a TCP connection, as far as known.
std::string PeerAddress(int descriptor);
// An IPv4 address that came through an IPv6 socket (::ffff:192.0.2.1) as such; others as they are.
std::string WithoutMapping(std::string_view host);

}  // namespace lutra

#endif  // LUTRA_CLUSTER_SOCKET_H_
