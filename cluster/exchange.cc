#include "cluster/exchange.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <new>
#include <utility>

namespace lutra {
namespace {

// What a waiting chunk counts besides its bytes, for the memory around it.
constexpr int64_t kChunkCost = 256;
// ZeroMQ hands small messages out as parts of a larger block, which would live as long as they do.
constexpr size_t kSmallMessage = 4096;
constexpr size_t kLongestAbort = 1000;
constexpr size_t kRememberedChannels = 4096;
// How long a server that was here may take to connect anew.
constexpr double kReconnectSeconds = 1;
constexpr uint64_t kLongestMessage = uint64_t{1} << 40;

int64_t Cost(size_t body) { return static_cast<int64_t>(body) + kChunkCost; }

std::string NameOf(PeerId peer) {
  if (peer.connection == 0 || IsServer(peer.role)) return std::string(Name(peer.role));
  return StrCat(Name(peer.role), " (connection ", peer.connection, ")");
}

std::string ShortName(const Identifier& channel) { return channel.Hex().substr(0, 8); }

double SecondsSince(Deadline start) {
  const auto passed = std::chrono::steady_clock::now() - start;
  return std::chrono::duration<double>(passed).count();
}

std::string InSeconds(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f s", seconds);
  return text;
}

}  // namespace

OutgoingFrame OwnFrame(const FrameHeader& header, std::span<const std::byte> body) {
  const auto copy = std::make_shared<const Bytes>(body.begin(), body.end());
  return {header, *copy, copy, std::chrono::steady_clock::now()};
}

FrameBody::FrameBody(zmq::message_t message)
    : message_(message.size() > kSmallMessage ? std::move(message)
                                              : zmq::message_t(message.data(), message.size())) {
  LUTRA_CHECK(message_.size() >= kHeaderBytes);
}

Deadline After(double seconds) {
  const double bounded = std::clamp(seconds, 0.0, 1e9);
  return std::chrono::steady_clock::now() +
         std::chrono::duration_cast<Deadline::duration>(std::chrono::duration<double>(bounded));
}

class Exchange::Flight {
 public:
  void Start() {
    const std::lock_guard lock(mutex_);
    ++messages_;
  }
  void End() {
    // The lock is held while notifying: whoever waits may be the last to know this object.
    const std::lock_guard lock(mutex_);
    if (--messages_ == 0) landed_.notify_all();
  }
  bool WaitUntil(Deadline deadline) {
    std::unique_lock lock(mutex_);
    return landed_.wait_until(lock, deadline, [&] { return messages_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable landed_;
  int64_t messages_ = 0;
};

// A message on its way out; its frames share it until ZeroMQ has written or encrypted them.
struct Exchange::Parcel {
  Parcel(Bytes bytes, std::shared_ptr<Flight> counted)
      : payload(std::move(bytes)), flight(std::move(counted)) {
    flight->Start();
  }
  ~Parcel() { flight->End(); }
  Parcel(const Parcel&) = delete;
  Parcel& operator=(const Parcel&) = delete;

  Bytes payload;
  std::shared_ptr<Flight> flight;
};

Exchange::Exchange(const EndpointOptions& options)
    : role_(options.role),
      curve_(!options.insecure_plaintext),
      silence_seconds_(options.silence_seconds),
      window_(options.window_bytes),
      queue_bytes_(options.queue_bytes),
      request_bytes_(options.request_bytes),
      unread_bytes_(options.unread_bytes),
      chunk_bytes_(options.network ? Endpoint::kShapedChunkBytes : Endpoint::kChunkBytes),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      servers_(options.servers) {}

Exchange::~Exchange() {
  if (wake_ >= 0) close(wake_);
}

PeerId Exchange::Reader(PeerId peer) { return IsServer(peer.role) ? PeerId{peer.role, 0} : peer; }

PeerId Exchange::ReaderOf(const Connection& connection) {
  return Reader({connection.role, connection.id});
}

void Exchange::WakeLocked() {
  if (std::exchange(woken_, true)) return;
  const uint64_t one = 1;
  // Full means readable, which is all that is asked for.
  [[maybe_unused]] const ssize_t written = write(wake_, &one, sizeof one);
}

void Exchange::Wake() {
  const Lock lock(mutex_);
  WakeLocked();
}

Exchange::Chores Exchange::TakeChores() {
  const Lock lock(mutex_);
  if (std::exchange(woken_, false)) {
    uint64_t count;
    [[maybe_unused]] const ssize_t got = read(wake_, &count, sizeof count);
  }
  Chores chores;
  chores.links.swap(new_links_);
  chores.sendable.swap(sendable_);
  for (const uint64_t id : chores.sendable) {
    if (const auto found = connections_.find(id); found != connections_.end()) {
      found->second.listed = false;
    }
  }
  return chores;
}

// ---- Channels and connections, under the lock ----

std::shared_ptr<Exchange::Channel> Exchange::Open(const Identifier& id) {
  std::shared_ptr<Channel>& channel = channels_[id];
  if (channel == nullptr) {
    channel = std::make_shared<Channel>();
    channel->id = id;
    closed_.erase(id);
  }
  channel->opened = true;
  return channel;
}

Exchange::Channel& Exchange::Unopened(const Identifier& id) {
  std::shared_ptr<Channel>& channel = channels_[id];
  if (channel == nullptr) {
    channel = std::make_shared<Channel>();
    channel->id = id;
    channel->since = std::chrono::steady_clock::now();
  }
  return *channel;
}

StatusOr<Exchange::Connection*> Exchange::ConnectionTo(PeerId peer) {
  if (peer.connection != 0) {
    const auto found = connections_.find(peer.connection);
    if (found == connections_.end() || found->second.role != peer.role) {
      return Unavailable(NameOf(peer), ": the connection is gone");
    }
    return &found->second;
  }
  if (!IsServer(peer.role) || peer.role == role_) {
    return InvalidArgument(Name(role_), " cannot connect to ", Name(peer.role));
  }
  uint64_t& link = links_[Index(peer.role)];
  if (link == 0) {
    const std::optional<Cluster::Server>& server = servers_[Index(peer.role)];
    if (!server) return InvalidArgument("the address of ", Name(peer.role), " is not known");
    link = next_connection_++;
    Connection& connection = connections_[link];
    connection.id = link;
    connection.role = peer.role;
    connection.ours = true;
    new_links_.push_back({link, peer.role, *server});
    WakeLocked();
  }
  return &connections_.at(link);
}

StatusOr<std::shared_ptr<Exchange::Outflow>> Exchange::FlowTo(Channel& channel, PeerId peer) {
  const auto found = channel.out.find(peer);
  if (found != channel.out.end()) return found->second;
  if (const auto inflow = channel.in.find(Reader(peer)); inflow != channel.in.end()) {
    LUTRA_RETURN_IF_ERROR(inflow->second.broken);
  }
  LUTRA_ASSIGN_OR_RETURN(Connection * connection, ConnectionTo(peer));
  auto flow = std::make_shared<Outflow>();
  flow->channel = channel.id;
  flow->connection = connection->id;
  flow->credit = connection->window;
  flow->flight = std::make_shared<Flight>();
  channel.out.emplace(peer, flow);
  connection->flows.insert_or_assign(channel.id, flow);
  return flow;
}

Status Exchange::Blocked(const Channel& channel) const {
  if (!stopped_.ok()) return stopped_;
  if (channel.closed) return absl::CancelledError("the channel was closed");
  return channel.cancelled;
}

void Exchange::List(Connection& connection) {
  if (!std::exchange(connection.listed, true)) sendable_.push_back(connection.id);
  WakeLocked();
}

void Exchange::List(const std::shared_ptr<Outflow>& flow) {
  const auto found = connections_.find(flow->connection);
  if (found == connections_.end()) return;
  Connection& connection = found->second;
  if (!std::exchange(flow->in_turn, true)) connection.turn.push_back(flow);
  if (connection.ready) List(connection);
}

void Exchange::SendControl(Connection& connection, const FrameHeader& header,
                           std::string_view body) {
  connection.control.push_back(OwnFrame(header, std::as_bytes(std::span(body))));
  List(connection);
}

void Exchange::SendAbort(Connection& connection, const Identifier& channel, const Status& status) {
  if (!connection.ready) return;
  FrameHeader header;
  header.kind = FrameKind::kAbort;
  header.channel = channel;
  header.tag = static_cast<uint64_t>(status.code());
  const std::string message = OneLine(status).substr(0, kLongestAbort);
  header.total = message.size();
  SendControl(connection, header, message);
}

void Exchange::Drop(Outflow& flow) {
  flow.queue.clear();
  flow.queued = 0;
}

// Both directions of a channel with one peer.
void Exchange::BreakPeer(Channel& channel, PeerId reader, const Status& status) {
  Inflow& inflow = channel.in[reader];
  if (inflow.broken.ok()) inflow.broken = status;
  for (auto& [peer, flow] : channel.out) {
    if (Reader(peer) != reader) continue;
    if (flow->broken.ok()) flow->broken = status;
    Drop(*flow);
  }
  channel.changed.notify_all();
}

void Exchange::GiveCredit(const Channel& channel, Inflow& inflow, int64_t cost) {
  inflow.unread -= cost;
  inflow.owed += cost;
  const auto found = connections_.find(inflow.connection);
  if (found == connections_.end()) return;
  found->second.unread -= cost;
  if (inflow.owed < window_ / 4) return;
  FrameHeader header;
  header.kind = FrameKind::kCredit;
  header.channel = channel.id;
  header.total = static_cast<uint64_t>(std::exchange(inflow.owed, 0));
  SendControl(found->second, header, "");
}

// Takes the channel out of everything but the table.
void Exchange::Forget(Channel& channel) {
  channel.closed = true;
  for (auto& [peer, flow] : channel.out) {
    flow->closed = true;
    const auto found = connections_.find(flow->connection);
    if (flow->queue.empty() && found != connections_.end()) {
      const auto listed = found->second.flows.find(channel.id);
      if (listed != found->second.flows.end() && listed->second == flow) {
        found->second.flows.erase(listed);
      }
    }
  }
  for (auto& [peer, inflow] : channel.in) {
    const auto found = connections_.find(inflow.connection);
    if (found != connections_.end()) found->second.unread -= inflow.unread;
  }
  channel.in.clear();
  channel.changed.notify_all();
  if (closed_.insert(channel.id).second) closed_in_order_.push_back(channel.id);
  if (closed_in_order_.size() > kRememberedChannels) {
    closed_.erase(closed_in_order_.front());
    closed_in_order_.pop_front();
  }
}

// ---- For sessions ----

Status Exchange::SetServer(Role role, const Cluster::Server& server) {
  if (!IsServer(role)) return InvalidArgument(Name(role), " is not a server");
  const Lock lock(mutex_);
  servers_[Index(role)] = server;
  return absl::OkStatus();
}

Status Exchange::Connect(Role to, Deadline deadline) {
  const Deadline started = std::chrono::steady_clock::now();
  Lock lock(mutex_);
  if (!stopped_.ok()) return stopped_;
  LUTRA_ASSIGN_OR_RETURN(const Connection* connection, ConnectionTo({to, 0}));
  const uint64_t id = connection->id;
  ++connecting_[id];
  Status status;
  for (;;) {
    if (const auto failure = failures_.find(id); failure != failures_.end()) {
      status = failure->second;
    } else if (!stopped_.ok()) {
      status = stopped_;
    } else if (!connections_.at(id).ready) {
      if (links_changed_.wait_until(lock, deadline) != std::cv_status::timeout) continue;
      if (failures_.contains(id) || connections_.at(id).ready) continue;
      status = absl::DeadlineExceededError(
          ToAbsl(StrCat(Name(to), ": no answer within ", InSeconds(SecondsSince(started)))));
    }
    break;
  }
  if (--connecting_[id] == 0) {
    connecting_.erase(id);
    failures_.erase(id);
  }
  return status;
}

Status Exchange::SendParcel(PeerId to, const Identifier& id, FrameKind kind, uint64_t tag,
                            Bytes payload, Deadline deadline) {
  const Deadline started = std::chrono::steady_clock::now();
  Lock lock(mutex_);
  const std::shared_ptr<Channel> channel = Open(id);
  LUTRA_RETURN_IF_ERROR(Blocked(*channel));
  LUTRA_ASSIGN_OR_RETURN(const std::shared_ptr<Outflow> flow, FlowTo(*channel, to));
  for (;;) {
    LUTRA_RETURN_IF_ERROR(Blocked(*channel));
    LUTRA_RETURN_IF_ERROR(flow->broken);
    if (flow->queued <= queue_bytes_) break;
    if (std::chrono::steady_clock::now() >= deadline) {
      return absl::DeadlineExceededError(
          ToAbsl(StrCat(NameOf(to), ": took nothing for ", InSeconds(SecondsSince(started)),
                        ", channel ", ShortName(id), ": ", flow->queued, " bytes wait")));
    }
    channel->changed.wait_until(lock, deadline);
  }
  flow->queued += static_cast<int64_t>(payload.size());
  flow->queue.push_back({kind, tag, std::make_shared<Parcel>(std::move(payload), flow->flight),
                         std::chrono::steady_clock::now()});
  List(flow);
  return absl::OkStatus();
}

Status Exchange::Send(PeerId to, const Identifier& channel, uint64_t tag, Bytes payload,
                      Deadline deadline) {
  return SendParcel(to, channel, FrameKind::kData, tag, std::move(payload), deadline);
}

Status Exchange::Ask(Role to, const Identifier& channel, Bytes request, Deadline deadline) {
  return SendParcel({to, 0}, channel, FrameKind::kRequest, 0, std::move(request), deadline);
}

Status Exchange::Silence(const Channel& channel, PeerId from, uint64_t tag,
                         Deadline started) const {
  const bool connected = std::any_of(
      connections_.begin(), connections_.end(),
      [&](const auto& entry) { return entry.second.ready && ReaderOf(entry.second) == from; });
  std::string found = connected ? "it is connected" : "it is not connected";
  const Inflow& inflow = channel.in.at(from);
  if (const auto message = inflow.messages.find(tag); message != inflow.messages.end()) {
    found += StrCat(", ", message->second.arrived, " of ", message->second.total, " bytes came");
  } else if (!inflow.messages.empty()) {
    found += StrCat(", ", inflow.messages.size(), " other messages wait unread");
  }
  return absl::DeadlineExceededError(
      ToAbsl(StrCat(NameOf(from), ": no whole message ", tag, " on channel ", ShortName(channel.id),
                    " within ", InSeconds(SecondsSince(started)), ": ", found)));
}

StatusOr<Bytes> Exchange::Receive(PeerId from, const Identifier& id, uint64_t tag,
                                  int64_t max_bytes, Deadline deadline) {
  const Deadline started = std::chrono::steady_clock::now();
  from = Reader(from);
  if (!IsServer(from.role) && from.connection == 0) {
    return InvalidArgument("which ", Name(from.role), "? It has a connection, not an address");
  }
  Lock lock(mutex_);
  const std::shared_ptr<Channel> channel = Open(id);
  LUTRA_RETURN_IF_ERROR(Blocked(*channel));
  ++channel->in[from].readers;
  // A closed channel has no inflow any more.
  const auto leave = [&](Status status) {
    if (!channel->closed) --channel->in[from].readers;
    return status;
  };
  Bytes payload;
  size_t filled = 0;
  bool sized = false;
  for (;;) {
    if (const Status blocked = Blocked(*channel); !blocked.ok()) return leave(blocked);
    Inflow& inflow = channel->in[from];
    const auto found = inflow.messages.find(tag);
    if (found != inflow.messages.end() && !sized) {
      const uint64_t total = found->second.total;
      if (total > static_cast<uint64_t>(std::max<int64_t>(max_bytes, 0))) {
        return leave(InvalidArgument(NameOf(from), ": message ", tag, " on channel ", ShortName(id),
                                     ": expected at most ", max_bytes, " bytes, found ", total));
      }
      lock.unlock();
      try {
        payload.resize(total);
      } catch (const std::bad_alloc&) {
        lock.lock();
        return leave(Unavailable("no memory for a message of ", total, " bytes"));
      }
      sized = true;
      lock.lock();
      continue;
    }
    if (found != inflow.messages.end() &&
        (!found->second.chunks.empty() || Complete(found->second))) {
      std::deque<FrameBody> chunks;
      chunks.swap(found->second.chunks);
      lock.unlock();
      int64_t cost = 0;
      for (const FrameBody& chunk : chunks) {
        if (chunk.size() > 0) {
          std::memcpy(payload.data() + filled, chunk.bytes().data(), chunk.size());
        }
        filled += chunk.size();
        cost += Cost(chunk.size());
      }
      chunks.clear();
      lock.lock();
      if (const Status blocked = Blocked(*channel); !blocked.ok()) return leave(blocked);
      GiveCredit(*channel, inflow, cost);
      if (filled == payload.size()) {
        inflow.messages.erase(tag);
        --inflow.readers;
        return payload;
      }
      continue;
    }
    if (!inflow.broken.ok()) return leave(inflow.broken);
    if (std::chrono::steady_clock::now() >= deadline) {
      return leave(Silence(*channel, from, tag, started));
    }
    channel->changed.wait_until(lock, deadline);
  }
}

Status Exchange::Flush(PeerId to, const Identifier& id, Deadline deadline) {
  std::shared_ptr<Outflow> flow;
  {
    const Lock lock(mutex_);
    const auto channel = channels_.find(id);
    if (channel == channels_.end()) return absl::OkStatus();
    const auto found = channel->second->out.find(to);
    if (found == channel->second->out.end()) return absl::OkStatus();
    flow = found->second;
  }
  const bool landed = flow->flight->WaitUntil(deadline);
  const Lock lock(mutex_);
  LUTRA_RETURN_IF_ERROR(flow->broken);
  if (landed) return absl::OkStatus();
  return absl::DeadlineExceededError(
      ToAbsl(StrCat(NameOf(to), ": did not take all in time, channel ", ShortName(id), ": ",
                    flow->queued, " bytes wait")));
}

Status Exchange::LinkStatus(PeerId to, const Identifier& id) const {
  const Lock lock(mutex_);
  const auto channel = channels_.find(id);
  if (channel == channels_.end()) return absl::OkStatus();
  LUTRA_RETURN_IF_ERROR(Blocked(*channel->second));
  const auto found = channel->second->out.find(to);
  return found == channel->second->out.end() ? absl::OkStatus() : found->second->broken;
}

void Exchange::Cancel(const Identifier& id, const Status& status) {
  LUTRA_CHECK(!status.ok());
  const Lock lock(mutex_);
  const std::shared_ptr<Channel> channel = Open(id);
  if (!channel->cancelled.ok()) return;
  channel->cancelled = status;
  std::set<uint64_t> told;
  for (auto& [peer, flow] : channel->out) {
    Drop(*flow);
    told.insert(flow->connection);
  }
  for (auto& [peer, inflow] : channel->in) told.insert(inflow.connection);
  const Status message(status.code(),
                       ToAbsl(StrCat("cancelled: ", std::string_view(OneLine(status)))));
  for (const uint64_t connection : told) {
    const auto found = connections_.find(connection);
    if (found != connections_.end()) SendAbort(found->second, id, message);
  }
  channel->changed.notify_all();
}

void Exchange::Close(const Identifier& id) {
  const Lock lock(mutex_);
  const auto found = channels_.find(id);
  if (found == channels_.end()) return;
  Forget(*found->second);
  channels_.erase(found);
}

StatusOr<Request> Exchange::NextRequest(Deadline deadline) {
  Lock lock(mutex_);
  for (;;) {
    if (!stopped_.ok()) return stopped_;
    if (!requests_.empty()) break;
    if (std::chrono::steady_clock::now() >= deadline) {
      return absl::DeadlineExceededError("no request in time");
    }
    requests_changed_.wait_until(lock, deadline);
  }
  PendingRequest pending = std::move(requests_.front());
  requests_.pop_front();
  // From here on it is the caller's; until then nobody could have answered.
  const std::shared_ptr<Channel> channel = Open(pending.channel);
  if (const auto found = connections_.find(pending.from.connection); found != connections_.end()) {
    for (const FrameBody& chunk : pending.message.chunks) {
      found->second.unread -= Cost(chunk.size());
    }
    // Whoever asked takes part in the channel: it may not ask again, and is told of its end.
    channel->in[Reader(pending.from)].connection = pending.from.connection;
  }
  lock.unlock();
  Request request{pending.from, pending.channel, {}};
  request.body.reserve(pending.message.total);
  for (const FrameBody& chunk : pending.message.chunks) {
    request.body.insert(request.body.end(), chunk.bytes().begin(), chunk.bytes().end());
  }
  return request;
}

Status Exchange::Reply(const Request& request, StatusOr<Bytes> answer, Deadline deadline) {
  Status status;
  if (answer.ok()) {
    status = Send(request.from, request.channel, 0, *std::move(answer), deadline);
  } else {
    const Lock lock(mutex_);
    const auto found = connections_.find(request.from.connection);
    if (found != connections_.end()) SendAbort(found->second, request.channel, answer.status());
  }
  Close(request.channel);
  return status;
}

void Exchange::Stop(const Status& status) {
  LUTRA_CHECK(!status.ok());
  const Lock lock(mutex_);
  if (!stopped_.ok()) return;
  stopped_ = status;
  for (auto& [id, channel] : channels_) channel->changed.notify_all();
  requests_changed_.notify_all();
  links_changed_.notify_all();
}

LinkTraffic Exchange::traffic(Role peer) const {
  const Lock lock(mutex_);
  return traffic_[Index(peer)];
}

bool Exchange::Connected(Role peer) const {
  const Lock lock(mutex_);
  return std::any_of(connections_.begin(), connections_.end(), [&](const auto& entry) {
    return entry.second.ready && entry.second.role == peer;
  });
}

// ---- For the thread that owns the sockets ----

uint64_t Exchange::Admit(Role role, uint64_t window) {
  const Lock lock(mutex_);
  const uint64_t id = next_connection_++;
  Connection& connection = connections_[id];
  connection.id = id;
  connection.role = role;
  connection.ready = true;
  connection.window = static_cast<int64_t>(std::min(window, kLongestMessage));
  return id;
}

void Exchange::Ready(uint64_t id, uint64_t window) {
  const Lock lock(mutex_);
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  Connection& connection = found->second;
  connection.ready = true;
  connection.window = static_cast<int64_t>(std::min(window, kLongestMessage));
  for (auto& [channel, flow] : connection.flows) {
    flow->credit = connection.window;
    flow->allowed_at = std::chrono::steady_clock::now();
  }
  List(connection);
  links_changed_.notify_all();
}

void Exchange::Lost(uint64_t id, const Status& status) {
  const Lock lock(mutex_);
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  const PeerId reader = ReaderOf(found->second);
  const bool ours = found->second.ours;
  if (ours) links_[Index(found->second.role)] = 0;
  for (auto& [channel_id, channel] : channels_) {
    bool used = false;
    for (const auto& [peer, flow] : channel->out) used |= flow->connection == id;
    if (const auto inflow = channel->in.find(reader); inflow != channel->in.end()) {
      used |= inflow->second.connection == id;
      used |= reader.connection == id && inflow->second.readers > 0;
    }
    if (used) BreakPeer(*channel, reader, status);
  }
  for (auto& [channel_id, flow] : found->second.flows) Drop(*flow);
  std::erase_if(requests_,
                [&](const PendingRequest& request) { return request.from.connection == id; });
  if (connecting_.contains(id)) failures_.emplace(id, status);
  if (!ours && reader.connection == 0) {
    suspects_.insert_or_assign(reader.role, Suspect{After(kReconnectSeconds), status});
  }
  connections_.erase(found);
  links_changed_.notify_all();
}

std::optional<OutgoingFrame> Exchange::NextFrame(uint64_t id) {
  const Lock lock(mutex_);
  const auto found = connections_.find(id);
  if (found == connections_.end()) return std::nullopt;
  Connection& connection = found->second;
  Traffic& traffic = traffic_[Index(connection.role)].sent;
  if (!connection.control.empty()) {
    OutgoingFrame frame = std::move(connection.control.front());
    connection.control.pop_front();
    traffic.control_bytes += static_cast<int64_t>(frame.body.size());
    traffic.framing_bytes += FramingBytes(frame.body.size(), curve_);
    return frame;
  }
  while (connection.ready && !connection.turn.empty()) {
    const std::shared_ptr<Outflow> flow = std::move(connection.turn.front());
    connection.turn.pop_front();
    flow->in_turn = false;
    if (flow->queue.empty()) continue;
    Outflow::Message& message = flow->queue.front();
    const Bytes& payload = message.parcel->payload;
    const size_t size = std::min(chunk_bytes_, payload.size() - message.sent);
    // Credit, when it comes, gives the flow its turn again.
    if (message.kind == FrameKind::kData && flow->credit < Cost(size)) {
      flow->starved = true;
      continue;
    }

    OutgoingFrame frame;
    frame.header = {message.kind, flow->channel, message.tag, payload.size(), message.sent};
    frame.ready = std::max(message.queued_at, flow->allowed_at);
    frame.body = std::span(payload).subspan(message.sent, size);
    frame.owner = message.parcel;
    message.sent += size;
    flow->queued -= static_cast<int64_t>(size);
    traffic.framing_bytes += FramingBytes(size, curve_);
    if (message.kind == FrameKind::kData) {
      flow->credit -= Cost(size);
      traffic.payload_bytes += static_cast<int64_t>(size);
      traffic.messages += message.sent == payload.size() ? 1 : 0;
    } else {
      traffic.control_bytes += static_cast<int64_t>(size);
    }
    if (message.sent == payload.size()) flow->queue.pop_front();
    if (!flow->queue.empty()) {
      flow->in_turn = true;
      connection.turn.push_back(flow);
    } else if (flow->closed) {
      connection.flows.erase(flow->channel);
    }
    if (const auto channel = channels_.find(flow->channel); channel != channels_.end()) {
      channel->second->changed.notify_all();
    }
    return frame;
  }
  return std::nullopt;
}

void Exchange::CountHello(Role peer, size_t body, bool sent) {
  const Lock lock(mutex_);
  LinkTraffic& link = traffic_[Index(peer)];
  Traffic& traffic = sent ? link.sent : link.received;
  traffic.control_bytes += static_cast<int64_t>(body);
  traffic.framing_bytes += FramingBytes(body, curve_);
}

bool Exchange::HasSendable() const {
  const Lock lock(mutex_);
  return std::any_of(connections_.begin(), connections_.end(), [](const auto& entry) {
    const Connection& connection = entry.second;
    return connection.ready && !(connection.control.empty() && connection.turn.empty());
  });
}

Status Exchange::Append(Incoming& message, const FrameHeader& header, FrameBody body) {
  const bool fits = header.total <= kLongestMessage && header.offset <= header.total &&
                    body.size() <= header.total - header.offset &&
                    body.size() <= Endpoint::kChunkBytes && (body.size() > 0 || header.total == 0);
  const bool first = message.arrived == 0 && message.chunks.empty();
  if (!fits || header.offset != message.arrived || (!first && header.total != message.total) ||
      (!first && Complete(message))) {
    return InvalidArgument("message ", header.tag, ": ", message.arrived, " of ", message.total,
                           " bytes were there, then came ", body.size(), " at ", header.offset,
                           " of ", header.total);
  }
  message.total = header.total;
  message.arrived += body.size();
  message.chunks.push_back(std::move(body));
  return absl::OkStatus();
}

Status Exchange::Violation(Connection& connection, Channel& channel, const Status& status) {
  const Status full = Annotate(status, StrCat(NameOf({connection.role, connection.id}),
                                              ", channel ", ShortName(channel.id)));
  BreakPeer(channel, ReaderOf(connection), full);
  SendAbort(connection, channel.id, status);
  return full;
}

Status Exchange::Deliver(uint64_t id, const FrameHeader& header, FrameBody body) {
  const Lock lock(mutex_);
  const auto found = connections_.find(id);
  if (found == connections_.end()) return absl::OkStatus();
  Connection& connection = found->second;
  Traffic& traffic = traffic_[Index(connection.role)].received;
  traffic.framing_bytes += FramingBytes(body.size(), curve_);
  (header.kind == FrameKind::kData ? traffic.payload_bytes : traffic.control_bytes) +=
      static_cast<int64_t>(body.size());
  switch (header.kind) {
    case FrameKind::kData:
      return DeliverData(connection, header, std::move(body));
    case FrameKind::kRequest:
      return DeliverRequest(connection, header, std::move(body));
    case FrameKind::kCredit:
      DeliverCredit(connection, header);
      return absl::OkStatus();
    case FrameKind::kAbort:
      DeliverAbort(connection, header, body);
      return absl::OkStatus();
    case FrameKind::kHello:
      break;
  }
  return InvalidArgument(NameOf({connection.role, id}), ": said hello twice");
}

Status Exchange::DeliverData(Connection& connection, const FrameHeader& header, FrameBody body) {
  if (closed_.contains(header.channel)) {
    if (header.offset == 0) {
      SendAbort(connection, header.channel, absl::CancelledError("the channel was closed"));
    }
    return absl::OkStatus();
  }
  Channel& channel = Unopened(header.channel);
  Inflow& inflow = channel.in[ReaderOf(connection)];
  if (!channel.cancelled.ok() && header.offset == 0) {
    SendAbort(connection, header.channel, Annotate(channel.cancelled, "cancelled"));
  }
  if (!inflow.broken.ok() || !channel.cancelled.ok()) return absl::OkStatus();
  if (inflow.connection == 0) inflow.connection = connection.id;
  if (inflow.connection != connection.id) {
    return Violation(connection, channel, InvalidArgument("came over two connections"));
  }
  const int64_t cost = Cost(body.size());
  if (inflow.unread + cost > window_) {
    return Violation(connection, channel,
                     InvalidArgument("expected at most ", window_,
                                     " bytes unread, found more sent without credit"));
  }
  if (connection.unread + cost > unread_bytes_) {
    return Violation(connection, channel,
                     absl::ResourceExhaustedError(ToAbsl(StrCat("more than ", unread_bytes_,
                                                                " bytes wait unread on one "
                                                                "connection; refused"))));
  }
  const Status appended = Append(inflow.messages[header.tag], header, std::move(body));
  if (!appended.ok()) {
    inflow.messages.erase(header.tag);
    return Violation(connection, channel, appended);
  }
  inflow.unread += cost;
  connection.unread += cost;
  if (Complete(inflow.messages[header.tag])) {
    ++traffic_[Index(connection.role)].received.messages;
  }
  channel.changed.notify_all();
  return absl::OkStatus();
}

Status Exchange::DeliverRequest(Connection& connection, const FrameHeader& header, FrameBody body) {
  const PeerId from{connection.role, connection.id};
  const auto refuse = [&](const Status& status) {
    const auto partial = connection.requests.find(header.channel);
    if (partial != connection.requests.end()) {
      for (const FrameBody& chunk : partial->second.chunks) {
        connection.unread -= Cost(chunk.size());
      }
      connection.requests.erase(partial);
    }
    SendAbort(connection, header.channel, status);
    return Annotate(status, StrCat(NameOf(from), ", request ", ShortName(header.channel)));
  };
  // Messages of others on the channel may have overtaken the request: a session has several peers.
  const auto known = channels_.find(header.channel);
  if (known != channels_.end() && known->second->in.contains(ReaderOf(connection))) {
    return refuse(InvalidArgument("expected a new channel, found one in use"));
  }
  if (header.total > static_cast<uint64_t>(request_bytes_)) {
    // Of the chunks of a refused request the first is answered, the others are dropped.
    if (header.offset != 0) return absl::OkStatus();
    return refuse(InvalidArgument("a request of ", header.total, " bytes; at most ", request_bytes_,
                                  " are accepted"));
  }
  const int64_t cost = Cost(body.size());
  if (connection.unread + cost > unread_bytes_) {
    return refuse(absl::ResourceExhaustedError("too much waits unread on one connection"));
  }
  if (header.offset != 0 && !connection.requests.contains(header.channel)) {
    return absl::OkStatus();  // of a refused one
  }
  Incoming& message = connection.requests[header.channel];
  const Status appended = Append(message, header, std::move(body));
  if (!appended.ok()) return refuse(appended);
  connection.unread += cost;
  if (!Complete(message)) return absl::OkStatus();
  requests_.push_back({from, header.channel, std::move(message)});
  connection.requests.erase(header.channel);
  requests_changed_.notify_one();
  return absl::OkStatus();
}

void Exchange::DeliverCredit(Connection& connection, const FrameHeader& header) {
  const auto found = connection.flows.find(header.channel);
  if (found == connection.flows.end()) return;
  const std::shared_ptr<Outflow>& flow = found->second;
  const int64_t room = connection.window - flow->credit;
  flow->credit += static_cast<int64_t>(
      std::min(header.total, static_cast<uint64_t>(std::max<int64_t>(room, 0))));
  if (std::exchange(flow->starved, false)) flow->allowed_at = std::chrono::steady_clock::now();
  if (!flow->queue.empty()) List(flow);
}

void Exchange::DeliverAbort(Connection& connection, const FrameHeader& header,
                            const FrameBody& body) {
  if (const auto flow = connection.flows.find(header.channel); flow != connection.flows.end()) {
    Drop(*flow->second);
    if (flow->second->closed) connection.flows.erase(flow);
  }
  if (closed_.contains(header.channel)) return;
  // Without this, a peer could fill the table with channels that cost it nothing.
  const bool known = channels_.contains(header.channel);
  if (!known && connection.unread + kChunkCost > unread_bytes_) return;
  Channel& channel = Unopened(header.channel);
  const PeerId reader = ReaderOf(connection);
  if (!known) {
    Inflow& inflow = channel.in[reader];
    inflow.connection = connection.id;
    inflow.unread += kChunkCost;
    connection.unread += kChunkCost;
  }
  const bool valid = header.tag > 0 && header.tag <= 16;
  const auto code = valid ? static_cast<absl::StatusCode>(header.tag) : absl::StatusCode::kUnknown;
  const std::string_view text = body.text().substr(0, kLongestAbort);
  const Status quoted(code, ToAbsl(text));
  BreakPeer(channel, reader, Status(code, ToAbsl(StrCat(NameOf(reader), ": ", OneLine(quoted)))));
}

void Exchange::BreakForsaken() {
  const auto now = std::chrono::steady_clock::now();
  for (auto entry = suspects_.begin(); entry != suspects_.end();) {
    const auto& [role, suspect] = *entry;
    const bool returned =
        std::any_of(connections_.begin(), connections_.end(), [&](const auto& connection) {
          return connection.second.ready && !connection.second.ours &&
                 connection.second.role == entry->first;
        });
    if (!returned && now < suspect.due) {
      ++entry;
      continue;
    }
    for (auto& [id, channel] : channels_) {
      const auto inflow = channel->in.find({role, 0});
      const bool waits = inflow != channel->in.end() && inflow->second.connection == 0 &&
                         inflow->second.readers > 0;
      if (waits && !returned) BreakPeer(*channel, {role, 0}, suspect.status);
    }
    entry = suspects_.erase(entry);
  }
}

int Exchange::Sweep() {
  const Lock lock(mutex_);
  BreakForsaken();
  int dropped = 0;
  const auto now = std::chrono::steady_clock::now();
  const auto age = std::chrono::duration<double>(silence_seconds_);
  for (auto entry = channels_.begin(); entry != channels_.end();) {
    const std::shared_ptr<Channel> channel = entry->second;
    if (channel->opened || now - channel->since < age) {
      ++entry;
      continue;
    }
    for (const auto& [peer, inflow] : channel->in) {
      const auto found = connections_.find(inflow.connection);
      if (found != connections_.end() && inflow.broken.ok()) {
        SendAbort(found->second, channel->id,
                  absl::DeadlineExceededError("nobody awaits this channel"));
      }
    }
    Forget(*channel);
    entry = channels_.erase(entry);
    ++dropped;
  }
  return dropped;
}

}  // namespace lutra
