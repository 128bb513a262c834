// A process's place on the network: authenticated links to the other roles over ZeroMQ, on which
// sessions in any number of threads send and await whole messages.
//
// Links. A server (dealer, p0, p1, p2) listens on one address. To each server that a process sends
// to it opens one connection, on demand; messages between two servers thus take two connections,
// one for each direction. An owner listens nowhere: servers answer it on its own connection. Both
// ends of a new connection first say hello (protocol version and role); nothing else is read
// before.
//
// Security. CURVE (https://rfc.zeromq.org/spec/26) on every connection. The connecting side pins
// the server's public key; the server admits the public keys it was given, each for one role, and a
// connection whose hello names another role is ignored. What is refused is logged and disturbs
// nobody. Without CURVE (insecure_plaintext) roles are believed, on loopback addresses only.
//
// Messages. A *channel* has a random identifier that both ends know, and is used once: by one
// session, one transfer of a tape. On it, messages from one peer are told apart by a tag that the
// caller chooses; one (channel, peer, tag) is used for one message. They travel in chunks of
// kChunkBytes (kShapedChunkBytes on shaped links); chunks of different channels take turns on a
// link.
//
// Memory. Of a channel, a sender has at most `window_bytes` on the way that the reader has not yet
// taken by Receive (credit, which the reader's side gives back as it takes chunks); the rest waits
// in the sender's queue. Send blocks while more than `queue_bytes` wait there already. So per
// channel and peer a process holds at most window_bytes that it has not asked for, and the sender
// at most queue_bytes and one message. ZeroMQ's own high-water marks count messages; at kChunkBytes
// each they bound what is between a queue and the socket: kHighWater chunks per connection and
// direction. A reader takes a peer's messages of a channel in about the order in which they were
// sent: one that waits for a message behind more than window_bytes of others waits until its
// deadline.
#ifndef LUTRA_CLUSTER_ENDPOINT_H_
#define LUTRA_CLUSTER_ENDPOINT_H_

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cluster/address.h"
#include "cluster/cluster_file.h"
#include "cluster/curve_key.h"
#include "core/status.h"
#include "mpc/keys.h"
#include "mpc/message.h"
#include "mpc/network.h"
#include "mpc/role.h"

namespace lutra {

using Deadline = std::chrono::steady_clock::time_point;
Deadline After(double seconds);

// Whom to send to or receive from: a server by its role, over this process's own connection to it;
// or, in a request's `from`, whoever is at the other end of one connection to this server.
struct PeerId {
  Role role = Role::kDealer;
  uint64_t connection = 0;  // 0: the server of this role

  friend auto operator<=>(const PeerId&, const PeerId&) = default;
};

// Something that whoever runs the process should know: a refused connection, a lost one.
struct LinkEvent {
  std::chrono::system_clock::time_point when;
  std::string address;     // of the peer, as far as known
  std::string public_key;  // likewise
  std::string what;

  // On one line, without the time.
  std::string Line() const;
};

struct EndpointOptions {
  // Everything that a cluster file says, for one role in it. Without keys: insecure_plaintext.
  static EndpointOptions ForRole(const Cluster& cluster, Role role,
                                 std::optional<CurveKeyPair> keys);

  Role role = Role::kDataOwner;
  std::optional<Address> listen;  // servers; port 0: the system chooses
  std::optional<CurveKeyPair> keys;
  bool insecure_plaintext = false;
  std::array<std::optional<Cluster::Server>, kServers.size()> servers;  // to connect to
  struct Admitted {
    std::string public_key;
    Role role;
  };
  std::vector<Admitted> admitted;  // who may connect
  double connect_seconds = 10;     // until a peer has answered the hello
  double silence_seconds = 30;     // a connection without a sign of life for so long is lost
  double linger_seconds = 2;       // what a destructor waits for bytes on their way

  int64_t window_bytes = int64_t{64} << 20;  // unread, per channel and peer; at least a chunk
  int64_t queue_bytes = int64_t{32} << 20;   // waiting to be sent, per channel and peer
  int64_t request_bytes = int64_t{1} << 20;  // the longest request that is accepted; up to 64 MiB
  int64_t unread_bytes = int64_t{1} << 30;   // per connection, all channels and requests together

  // Makes what this process sends as slow as the network says (cluster/shaper.h): latency and
  // bandwidth of its links, header_bytes. Each link's round trip must be below connect_seconds.
  std::optional<Network> network;

  // Called from the endpoint's thread: must return quickly and not call the endpoint. At most about
  // a hundred events a minute; of more only their number is told.
  std::function<void(const LinkEvent&)> on_event;
};

// What went over the links with one role. Framing is everything else that ZeroMQ puts on its
// connections for these messages (frame.h has the sizes and their source): headers, frame lengths,
// what CURVE adds. Greetings and handshakes of connections, heartbeats, TCP and IP are not counted.
struct Traffic {
  int64_t messages = 0;       // whole messages on channels
  int64_t payload_bytes = 0;  // of those
  int64_t control_bytes = 0;  // hellos, requests, credit, cancellations
  int64_t framing_bytes = 0;
};
struct LinkTraffic {
  Traffic sent;
  Traffic received;
};

// A request on a channel that this process did not know; the answer goes back on it.
struct Request {
  PeerId from;
  Identifier channel;
  Bytes body;
};

class Exchange;
class LinkThread;

class Endpoint {
 public:
  static constexpr int64_t kChunkBytes = int64_t{256} << 10;
  // On shaped links: small, so that they carry a message while its beginning is being received, as
  // packets do.
  static constexpr int64_t kShapedChunkBytes = int64_t{32} << 10;
  static constexpr int kHighWater = 16;

  // Checks the options, binds, and starts the endpoint's thread.
  static StatusOr<std::unique_ptr<Endpoint>> Make(EndpointOptions options);
  // Everybody who waits is woken with an error first. No other call may be under way after that.
  ~Endpoint();
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  // Where this server listens, with the port that the system chose.
  const Address& address() const;
  // Where a server is, from the next connection to it on.
  Status SetServer(Role role, const Cluster::Server& server);

  // All of the following may be called from any thread. A failure of a link (refused, silent, lost)
  // fails what waits for that peer on channels that used the link, now and later: those channels
  // are broken. New channels connect anew.

  // Connects to a server, if need be, and waits for its hello.
  Status Connect(Role to, Deadline deadline);

  // Queues a message, and opens the channel here. An OK says nothing about its arrival.
  Status Send(PeerId to, const Identifier& channel, uint64_t tag, Bytes payload, Deadline deadline);
  // Waits for a message; at most max_bytes, a longer one is an error. Opens the channel here.
  StatusOr<Bytes> Receive(PeerId from, const Identifier& channel, uint64_t tag, int64_t max_bytes,
                          Deadline deadline);
  // Waits until the operating system has everything that was sent to this peer on this channel.
  Status Flush(PeerId to, const Identifier& channel, Deadline deadline);
  // An error when what is sent to this peer on this channel can no more arrive: the link was lost,
  // the peer cancelled. For who has nothing to send at the moment.
  Status LinkStatus(PeerId to, const Identifier& channel) const;
  // Everybody who waits or will wait on the channel gets this error, here and at the peers that
  // were sent to or received from on it (as "p1 cancelled: message"). Nothing more is sent on it.
  void Cancel(const Identifier& channel, const Status& status);
  // Forgets the channel. What was sent still goes out; what still arrives is dropped.
  void Close(const Identifier& channel);

  // A request to a server and its answer, at most max_bytes.
  StatusOr<Bytes> Call(Role to, Bytes request, int64_t max_bytes, Deadline deadline);
  // Sends a request on a channel of the caller's, who receives any number of answers on it from
  // `to`: by the same connection, so also where the caller is an owner.
  Status Ask(Role to, const Identifier& channel, Bytes request, Deadline deadline);
  // The next request of anybody; DeadlineExceeded if there is none in time.
  StatusOr<Request> NextRequest(Deadline deadline);
  // The answer that Call gets: tag 0 on the request's channel, which is closed afterwards. An error
  // arrives as an error with the same code and message, behind the name of this role.
  Status Reply(const Request& request, StatusOr<Bytes> answer, Deadline deadline);

  // Ends every wait, now and later, with this error (the first one given): for shutting down.
  void Stop(const Status& status);

  LinkTraffic traffic(Role peer) const;
  // Whether there is a connection with a peer of this role that has said hello.
  bool Connected(Role peer) const;

 private:
  Endpoint(std::unique_ptr<Exchange> exchange, std::unique_ptr<LinkThread> links,
           bool insecure_plaintext);

  // The state that sessions share with the thread that owns the sockets, and that thread.
  std::unique_ptr<Exchange> exchange_;
  std::unique_ptr<LinkThread> links_;
  const bool insecure_plaintext_;
};

}  // namespace lutra

#endif  // LUTRA_CLUSTER_ENDPOINT_H_
