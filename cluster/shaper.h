// Links as slow as a network says (mpc/network.h), made so by whoever sends. For each peer there is
// a link of this role's own, whatever connections lead to that peer; of owners, who may be several
// machines, each connection has one.
//
// A frame that is ready at t, on a link that is free at f, occupies it from s = max(t, f) for
// bytes / bandwidth, and is handed to the socket one latency after that, in the order in which the
// frames of a connection were taken. What counts is the body, and header_bytes of the network once
// for each message: at its first chunk. So a message on an idle link is there at the earliest when
// the network says, and what the machine's own links take comes on top of it. Everything is shaped
// that goes out as a frame: data, requests, credit, cancellations, hellos. Not shaped are what
// ZeroMQ says by itself (handshakes of connections, heartbeats), and refusals before a hello.
//
// Nothing is taken from the exchange before its link is free, so what waits there is still under
// the rules of endpoint.h (turns, credit, queues); between the exchange and the socket are at most
// bandwidth * latency bytes of a link and one frame. Of a link with more than one connection they
// take turns. Time is given by the caller; frames tell since when they are ready, so that a thread
// that comes late makes no link slower.
#ifndef LUTRA_CLUSTER_SHAPER_H_
#define LUTRA_CLUSTER_SHAPER_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "cluster/endpoint.h"
#include "cluster/exchange.h"
#include "mpc/network.h"
#include "mpc/role.h"

namespace lutra {

class Shaper {
 public:
  // The next frame of a connection, if there is one.
  using Source = std::function<std::optional<OutgoingFrame>(uint64_t connection)>;

  Shaper(const Network& network, Role self) : network_(network), self_(self) {}

  void Open(uint64_t connection, Role peer);
  // Drops the connection and what waits on it. One that is not open is no error.
  void Close(uint64_t connection);

  // Puts a frame behind those that were taken, whether or not the link is free.
  void Push(uint64_t connection, OutgoingFrame frame);
  // The connection has frames at the source, until the source says that there are none.
  void Offer(uint64_t connection);
  // Takes from the source what the links have time for until `now`. A connection with a frame that
  // is due and was not popped gets nothing: its socket is full.
  void Take(Deadline now, const Source& source);

  // The connections that have a frame to be handed to the socket.
  std::vector<uint64_t> Due(Deadline now) const;
  std::optional<OutgoingFrame> Pop(uint64_t connection, Deadline now);

  // Of the links of this role.
  double LongestLatencySeconds() const;
  // Whether nothing is under way.
  bool empty() const;
  // When a frame that is not due at `now` will be, or a link is free for one that is offered; or
  // never. For who sleeps until then, `now` is when it last asked what was due.
  Deadline Next(Deadline now) const;

 private:
  struct Link {
    Network::Link speed;
    Deadline free;
    std::deque<uint64_t> offered;  // connections, in turn
  };
  struct Waiting {
    OutgoingFrame frame;
    Deadline due;
  };
  struct Line {
    PeerId link;
    bool offered = false;
    std::deque<Waiting> waiting;
    bool Blocked(Deadline now) const { return !waiting.empty() && waiting.front().due <= now; }
  };

  void TakeOn(Link& link, Deadline now, const Source& source);
  void Transmit(Link& link, Line& line, OutgoingFrame frame) const;

  const Network network_;
  const Role self_;
  std::map<PeerId, Link> links_;
  std::map<uint64_t, Line> lines_;
};

}  // namespace lutra

#endif  // LUTRA_CLUSTER_SHAPER_H_
