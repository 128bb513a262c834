// What the sessions of a process share with the thread that owns its sockets: channels, what waits
// to be sent and to be read on them, and credit. No socket is touched here, and one lock guards all
// of it; bytes are copied outside the lock.
#ifndef LUTRA_CLUSTER_EXCHANGE_H_
#define LUTRA_CLUSTER_EXCHANGE_H_

#include <array>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>
#include <zmq.hpp>

#include "cluster/endpoint.h"
#include "cluster/frame.h"

namespace lutra {

struct OutgoingFrame {
  FrameHeader header;
  std::span<const std::byte> body;
  // Of the body. A reader lets go of its share only when it has read, and so before the bytes go.
  std::shared_ptr<const void> owner;
  Deadline ready;  // since when nothing but its link kept it here
};

// A frame with a body of its own, ready now.
OutgoingFrame OwnFrame(const FrameHeader& header, std::span<const std::byte> body);

// What a message that came has behind the header of its frame.
class FrameBody {
 public:
  // The message is at least as long as a header.
  explicit FrameBody(zmq::message_t message);

  size_t size() const { return bytes().size(); }
  std::span<const std::byte> bytes() const {
    return std::span(message_.data<std::byte>(), message_.size()).subspan(kHeaderBytes);
  }
  std::string_view text() const {
    return std::string_view(message_.data<char>(), message_.size()).substr(kHeaderBytes);
  }

 private:
  zmq::message_t message_;
};

class Exchange {
 public:
  explicit Exchange(const EndpointOptions& options);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // For sessions: as in endpoint.h.
  Status SetServer(Role role, const Cluster::Server& server);
  Status Connect(Role to, Deadline deadline);
  Status Send(PeerId to, const Identifier& channel, uint64_t tag, Bytes payload, Deadline deadline);
  StatusOr<Bytes> Receive(PeerId from, const Identifier& channel, uint64_t tag, int64_t max_bytes,
                          Deadline deadline);
  Status Flush(PeerId to, const Identifier& channel, Deadline deadline);
  Status LinkStatus(PeerId to, const Identifier& channel) const;
  void Cancel(const Identifier& channel, const Status& status);
  void Close(const Identifier& channel);
  Status Ask(Role to, const Identifier& channel, Bytes request, Deadline deadline);
  StatusOr<Request> NextRequest(Deadline deadline);
  Status Reply(const Request& request, StatusOr<Bytes> answer, Deadline deadline);
  void Stop(const Status& status);
  LinkTraffic traffic(Role peer) const;
  bool Connected(Role peer) const;

  // For the thread that owns the sockets.

  // Readable when there is something to do.
  int wake_descriptor() const { return wake_; }
  struct Chores {
    struct NewLink {
      uint64_t connection;
      Role role;
      Cluster::Server server;
    };
    std::vector<NewLink> links;      // to be opened
    std::vector<uint64_t> sendable;  // connections that have something to send
  };
  Chores TakeChores();
  // Tells the thread to look at its chores.
  void Wake();

  // Somebody connected and said a valid hello; returns the new connection's number.
  uint64_t Admit(Role role, uint64_t window);
  // A server answered the hello on one of our connections.
  void Ready(uint64_t connection, uint64_t window);
  void Lost(uint64_t connection, const Status& status);
  // The next frame for a connection; its bytes are counted as sent.
  std::optional<OutgoingFrame> NextFrame(uint64_t connection);
  // Counts what went over a connection besides the frames of NextFrame and Deliver: hellos.
  void CountHello(Role peer, size_t body, bool sent);
  // Takes in a frame. An error tells what the peer did wrong, for the log; the channel is broken
  // then, and the connection stays.
  Status Deliver(uint64_t connection, const FrameHeader& header, FrameBody body);
  // To be called about once a second. Drops channels on which data came that nobody has opened for
  // too long, and returns how many; wakes who waits for a server that left and did not come back.
  int Sweep();
  // Whether something can still be sent now.
  bool HasSendable() const;
  int64_t window() const { return window_; }

 private:
  using Lock = std::unique_lock<std::mutex>;

  // How many messages of a flow are not yet with the operating system.
  class Flight;
  struct Parcel;

  // What goes to one peer on one channel.
  struct Outflow {
    struct Message {
      FrameKind kind;
      uint64_t tag;
      std::shared_ptr<Parcel> parcel;
      Deadline queued_at;
      size_t sent = 0;
    };
    Identifier channel;
    uint64_t connection = 0;
    std::deque<Message> queue;
    int64_t queued = 0;  // bytes
    int64_t credit = 0;
    bool starved = false;  // had its turn, and no credit
    Deadline allowed_at;   // when it last got a connection, or credit that it had waited for
    bool in_turn = false;  // listed in its connection's turn
    bool closed = false;   // goes when the queue is empty
    Status broken;
    std::shared_ptr<Flight> flight;
  };

  // A message that arrives.
  struct Incoming {
    uint64_t total = 0;
    uint64_t arrived = 0;
    std::deque<FrameBody> chunks;  // arrived, not taken
  };

  // What comes from one peer on one channel.
  struct Inflow {
    std::map<uint64_t, Incoming> messages;  // by tag
    uint64_t connection = 0;                // 0: nothing came yet
    int64_t unread = 0;                     // cost of the chunks that wait
    int64_t owed = 0;                       // credit to be given back
    int readers = 0;
    Status broken;
  };

  struct Channel {
    Identifier id;
    bool opened = false;  // by somebody here
    bool closed = false;
    Deadline since;
    Status cancelled;
    std::map<PeerId, std::shared_ptr<Outflow>> out;
    std::map<PeerId, Inflow> in;
    std::condition_variable changed;
  };

  struct Connection {
    uint64_t id = 0;
    Role role = Role::kDealer;
    bool ours = false;
    bool ready = false;
    Status gone;
    int64_t window = 0;
    std::deque<OutgoingFrame> control;
    std::deque<std::shared_ptr<Outflow>> turn;
    std::map<Identifier, std::shared_ptr<Outflow>> flows;
    std::map<Identifier, Incoming> requests;  // arriving
    int64_t unread = 0;                       // of all channels and requests
    bool listed = false;                      // in sendable_
  };

  struct PendingRequest {
    PeerId from;
    Identifier channel;
    Incoming message;
  };

  static bool Complete(const Incoming& message) { return message.arrived == message.total; }
  // Where Receive looks: servers are one peer, by whatever connection they come.
  static PeerId Reader(PeerId peer);
  static PeerId ReaderOf(const Connection& connection);

  std::shared_ptr<Channel> Open(const Identifier& id);
  Channel& Unopened(const Identifier& id);
  StatusOr<Connection*> ConnectionTo(PeerId peer);
  StatusOr<std::shared_ptr<Outflow>> FlowTo(Channel& channel, PeerId peer);
  Status Blocked(const Channel& channel) const;
  Status SendParcel(PeerId to, const Identifier& channel, FrameKind kind, uint64_t tag,
                    Bytes payload, Deadline deadline);
  void List(Connection& connection);
  void List(const std::shared_ptr<Outflow>& flow);
  void SendControl(Connection& connection, const FrameHeader& header, std::string_view body);
  void SendAbort(Connection& connection, const Identifier& channel, const Status& status);
  void Drop(Outflow& flow);
  void BreakPeer(Channel& channel, PeerId reader, const Status& status);
  void GiveCredit(const Channel& channel, Inflow& inflow, int64_t cost);
  void Forget(Channel& channel);
  void WakeLocked();
  Status Silence(const Channel& channel, PeerId from, uint64_t tag, Deadline started) const;

  Status DeliverData(Connection& connection, const FrameHeader& header, FrameBody body);
  Status DeliverRequest(Connection& connection, const FrameHeader& header, FrameBody body);
  void DeliverCredit(Connection& connection, const FrameHeader& header);
  void DeliverAbort(Connection& connection, const FrameHeader& header, const FrameBody& body);
  Status Violation(Connection& connection, Channel& channel, const Status& status);
  void BreakForsaken();
  static Status Append(Incoming& message, const FrameHeader& header, FrameBody body);

  const Role role_;
  const bool curve_;
  const double silence_seconds_;
  const int64_t window_;
  const int64_t queue_bytes_;
  const int64_t request_bytes_;
  const int64_t unread_bytes_;
  const size_t chunk_bytes_;
  const int wake_;

  mutable std::mutex mutex_;
  bool woken_ = false;
  Status stopped_;
  std::array<std::optional<Cluster::Server>, kServers.size()> servers_;
  uint64_t next_connection_ = 1;
  std::map<uint64_t, Connection> connections_;
  std::array<uint64_t, kServers.size()> links_{};  // our connection to each server, 0: none
  std::vector<Chores::NewLink> new_links_;
  std::vector<uint64_t> sendable_;
  std::map<Identifier, std::shared_ptr<Channel>> channels_;
  // Recently closed, so that what comes late is known as such.
  std::set<Identifier> closed_;
  std::deque<Identifier> closed_in_order_;
  std::deque<PendingRequest> requests_;
  std::condition_variable requests_changed_;
  std::condition_variable links_changed_;
  std::map<uint64_t, Status> failures_;  // of links that somebody in Connect waits for
  std::map<uint64_t, int> connecting_;   // how many wait
  struct Suspect {
    Deadline due;
    Status status;
  };
  std::map<Role, Suspect> suspects_;  // servers whose connection was lost
  std::array<LinkTraffic, kRoles.size()> traffic_{};
};

}  // namespace lutra

#endif  // LUTRA_CLUSTER_EXCHANGE_H_
