// The thread that owns an endpoint's sockets: one that listens, and one for each server that this
// process sends to. It says and checks hellos, notices lost and refused connections, and moves
// frames between the sockets and the exchange.
#ifndef LUTRA_CLUSTER_LINK_THREAD_H_
#define LUTRA_CLUSTER_LINK_THREAD_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>
#include <zmq.hpp>

#include "cluster/endpoint.h"
#include "cluster/exchange.h"
#include "cluster/shaper.h"
#include "cluster/zap.h"

namespace lutra {

class LinkThread {
 public:
  // Binds and starts. The options have been checked.
  static StatusOr<std::unique_ptr<LinkThread>> Start(EndpointOptions options, Exchange& exchange);
  // Sends what can be sent within linger_seconds, and the latency of shaped links, then ends.
  ~LinkThread();
  LinkThread(const LinkThread&) = delete;
  LinkThread& operator=(const LinkThread&) = delete;

  const Address& address() const { return address_; }

 private:
  using Lock = std::unique_lock<std::mutex>;

  // A socket and its monitor.
  struct Line {
    zmq::socket_t socket;
    zmq::socket_t monitor;
    int descriptor = -1;
    int monitor_descriptor = -1;
    bool unread = true;  // there may be something to read, by the rule of DescriptorOf
  };
  // Our connection to a server.
  struct Link {
    Line line;
    Role role;
    std::string where;  // "p1 at tcp://..."
    std::string public_key;
    bool connected = false;  // TCP
    bool ready = false;      // hello answered
    Deadline due;            // of the hello
  };
  // A connection to our listening socket whose hello was valid.
  struct Guest {
    std::string routing_id;
    Role role;
    int descriptor;
  };
  // A TCP connection to our listening socket.
  struct Accepted {
    std::string address;
    uint64_t connection = 0;  // 0: no hello yet
  };

  LinkThread(EndpointOptions options, Exchange& exchange);
  Status Bind();
  void Run();
  void Wait();
  void Log(LinkEvent event);
  Line MakeLine(zmq::socket_t socket);
  void CloseLine(Line& line, int linger_milliseconds);

  void OpenLink(const Exchange::Chores::NewLink& link);
  void ConnectLine(Link& link, uint64_t connection, const Cluster::Server& server);
  void FailLink(uint64_t connection, const Status& status);
  void ReadLinkEvents(uint64_t connection);
  void ReadLink(uint64_t connection);
  void ReadAnswer(uint64_t connection, Link& link, const FrameHeader& header,
                  const FrameBody& body);
  void CheckDue();

  void ReadGuestEvents();
  void LoseAccepted(int descriptor);
  bool ReadGuests();
  void ReadGuestFrame(std::vector<zmq::message_t>& frames);
  void Welcome(zmq::message_t frame, const std::string& routing_id);
  void Answer(const std::string& routing_id, const OutgoingFrame& frame);
  void LoseGuest(uint64_t connection, std::string_view why);

  Hello OurHello() const;
  void SendHello(uint64_t connection, Role peer);
  void Forget(uint64_t connection);
  bool SendDue();
  bool SendListed();
  bool SendAll();
  bool SendTo(uint64_t connection);
  bool ReadAll();
  bool AllSent() const;

  const EndpointOptions options_;
  Exchange& exchange_;
  Address address_;
  zmq::context_t context_;
  std::unique_ptr<Authenticator> authenticator_;
  int authenticator_descriptor_ = -1;
  std::optional<Line> listener_;
  std::map<uint64_t, Link> links_;
  std::map<uint64_t, Guest> guests_;
  std::map<std::string, uint64_t, std::less<>> guest_of_;  // by routing id
  std::map<int, Accepted> accepted_;                       // by descriptor
  std::set<uint64_t> leaving_;    // guests that are gone, but may have unread messages
  std::string failed_handshake_;  // of the connection that is lost next
  std::set<uint64_t> sendable_;
  std::map<uint64_t, zmq::message_t> pending_;  // taken from exchange or shaper, not yet sent
  std::unique_ptr<Shaper> shaper_;              // of shaped links
  Deadline tried_at_;  // what was due on them by then has gone to its socket, or found no room
  uint64_t monitors_ = 0;
  int64_t received_ = 0;  // messages
  int logged_ = 0;
  int unlogged_ = 0;
  Deadline log_window_;
  Deadline next_sweep_;
  std::atomic<bool> ending_ = false;
  std::thread thread_;
};

}  // namespace lutra

#endif  // LUTRA_CLUSTER_LINK_THREAD_H_
