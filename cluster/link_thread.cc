#include "cluster/link_thread.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <memory>
#include <ratio>
#include <utility>

#include "cluster/socket.h"

namespace lutra {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kLoggedPerMinute = 100;
// Messages read from one socket before others, and sending, have their turn.
constexpr int kReadAtOnce = 256;
// By the authenticator.
constexpr std::string_view kToldAlready = "told already";

// Throws zmq::error_t.
void UseServerKeys(zmq::socket_t& socket, const CurveKeyPair& keys) {
  socket.set(zmq::sockopt::curve_server, true);
  socket.set(zmq::sockopt::curve_secretkey, keys.secret_key());
  socket.set(zmq::sockopt::zap_domain, kZapDomain);
}

void UseClientKeys(zmq::socket_t& socket, const CurveKeyPair& keys, const std::string& server) {
  socket.set(zmq::sockopt::curve_serverkey, server);
  socket.set(zmq::sockopt::curve_publickey, keys.public_key());
  socket.set(zmq::sockopt::curve_secretkey, keys.secret_key());
}

std::optional<Role> RoleOf(uint32_t number) {
  if (number >= kRoles.size()) return std::nullopt;
  return kRoles[number];
}

std::string NameOf(uint32_t role) {
  const std::optional<Role> known = RoleOf(role);
  return known ? std::string(Name(*known)) : StrCat("role ", role);
}

std::span<const std::byte> BytesOf(const zmq::message_t& frame) {
  return {frame.data<std::byte>(), frame.size()};
}

// Keeps the body's owner until ZeroMQ has written or encrypted the message.
zmq::message_t ToMessage(const OutgoingFrame& frame) {
  struct Kept {
    std::unique_ptr<std::byte[]> bytes;
    std::shared_ptr<const void> owner;
  };
  const size_t size = kHeaderBytes + frame.body.size();
  auto kept = std::make_unique<Kept>();
  kept->bytes = std::make_unique_for_overwrite<std::byte[]>(size);
  kept->owner = frame.owner;
  const auto header = EncodeHeader(frame.header);
  std::byte* const body = std::copy(header.begin(), header.end(), kept->bytes.get());
  std::copy(frame.body.begin(), frame.body.end(), body);
  std::byte* const bytes = kept->bytes.get();
  return zmq::message_t(
      bytes, size, [](void*, void* hint) { delete static_cast<Kept*>(hint); }, kept.release());
}

// Of an endpoint's own: hello and what refuses one.
OutgoingFrame ControlFrame(FrameKind kind, std::span<const std::byte> body) {
  FrameHeader header;
  header.kind = kind;
  header.total = body.size();
  return OwnFrame(header, body);
}

// The role whose key the connection has, by our own authenticator; "" without CURVE.
std::string_view UserOf(zmq::message_t& frame) {
  const char* user = zmq_msg_gets(frame.handle(), "User-Id");
  return user == nullptr ? "" : user;
}

std::string Seconds(double seconds) { return StrCat(seconds, " s"); }

}  // namespace

LinkThread::LinkThread(EndpointOptions options, Exchange& exchange)
    : options_(std::move(options)),
      exchange_(exchange),
      log_window_(Clock::now() + std::chrono::minutes(1)),
      next_sweep_(Clock::now() + std::chrono::seconds(1)) {
  context_.set(zmq::ctxopt::blocky, false);
  context_.set(zmq::ctxopt::io_threads, 2);
  if (options_.network) shaper_ = std::make_unique<Shaper>(*options_.network, options_.role);
}

StatusOr<std::unique_ptr<LinkThread>> LinkThread::Start(EndpointOptions options,
                                                        Exchange& exchange) {
  std::unique_ptr<LinkThread> links;
  try {
    links.reset(new LinkThread(std::move(options), exchange));
    LUTRA_RETURN_IF_ERROR(links->Bind());
  } catch (const zmq::error_t& error) {
    return Unavailable("cannot set up ZeroMQ: ", error.what());
  }
  // The signals of the process are for its other threads; this one inherits its mask.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  links->thread_ = std::thread([raw = links.get()] { raw->Run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return links;
}

LinkThread::~LinkThread() {
  ending_ = true;
  exchange_.Wake();
  if (thread_.joinable()) thread_.join();
  if (listener_) CloseLine(*listener_, 0);
}

LinkThread::Line LinkThread::MakeLine(zmq::socket_t socket) {
  Line line;
  line.monitor =
      Monitor(context_, socket, StrCat("inproc://monitor-", std::to_string(++monitors_)));
  line.socket = std::move(socket);
  line.descriptor = DescriptorOf(line.socket);
  line.monitor_descriptor = DescriptorOf(line.monitor);
  return line;
}

void LinkThread::CloseLine(Line& line, int linger_milliseconds) {
  if (line.socket.handle() == nullptr) return;
  zmq_setsockopt(line.socket.handle(), ZMQ_LINGER, &linger_milliseconds,
                 sizeof linger_milliseconds);
  zmq_socket_monitor(line.socket.handle(), nullptr, 0);
  line.monitor.close();
  line.socket.close();
}

Status LinkThread::Bind() {
  if (!options_.insecure_plaintext && IsServer(options_.role)) {
    authenticator_ = std::make_unique<Authenticator>(
        context_, options_.admitted, [this](LinkEvent event) { Log(std::move(event)); });
    authenticator_descriptor_ = DescriptorOf(authenticator_->socket());
  }
  if (!options_.listen) return absl::OkStatus();
  zmq::socket_t socket(context_, zmq::socket_type::router);
  SetCommonOptions(socket, options_);
  socket.set(zmq::sockopt::router_mandatory, true);
  socket.set(zmq::sockopt::handshake_ivl,
             std::max(1, static_cast<int>(std::min(options_.connect_seconds, 1e6) * 1000)));
  if (!options_.insecure_plaintext) UseServerKeys(socket, *options_.keys);
  listener_ = MakeLine(std::move(socket));
  const std::string endpoint = options_.listen->Endpoint();
  if (zmq_bind(listener_->socket.handle(), endpoint.c_str()) != 0) {
    return Unavailable("cannot listen on ", endpoint, ": ", zmq_strerror(zmq_errno()));
  }
  address_ = *options_.listen;
  if (address_.port == 0) {
    const std::string bound = listener_->socket.get(zmq::sockopt::last_endpoint);
    const StatusOr<Address> parsed = ParseAddress(bound);
    if (!parsed.ok()) return Annotate(parsed.status(), "the address that the system chose");
    address_.port = parsed->port;
  }
  return absl::OkStatus();
}

void LinkThread::Log(LinkEvent event) {
  if (!options_.on_event) return;
  event.when = std::chrono::system_clock::now();
  if (Clock::now() >= log_window_) {
    if (unlogged_ > 0) {
      options_.on_event({event.when, "", "", StrCat(unlogged_, " more events in the last minute")});
    }
    logged_ = unlogged_ = 0;
    log_window_ = Clock::now() + std::chrono::minutes(1);
  }
  if (logged_ == kLoggedPerMinute) {
    ++unlogged_;
    return;
  }
  ++logged_;
  options_.on_event(event);
}

// ---- Our connections to servers ----

void LinkThread::OpenLink(const Exchange::Chores::NewLink& wanted) {
  Link& link = links_[wanted.connection];
  link.role = wanted.role;
  link.where = StrCat(Name(wanted.role), " at ", wanted.server.address.Endpoint());
  link.public_key = wanted.server.public_key;
  link.due = After(options_.connect_seconds);
  try {
    ConnectLine(link, wanted.connection, wanted.server);
  } catch (const zmq::error_t& error) {
    FailLink(wanted.connection, Unavailable(link.where, ": cannot connect: ", error.what()));
  }
}

void LinkThread::ConnectLine(Link& link, uint64_t connection, const Cluster::Server& server) {
  zmq::socket_t socket(context_, zmq::socket_type::dealer);
  SetCommonOptions(socket, options_);
  socket.set(zmq::sockopt::handshake_ivl, 0);  // link.due has a clearer error
  if (!options_.insecure_plaintext) UseClientKeys(socket, *options_.keys, server.public_key);
  link.line = MakeLine(std::move(socket));
  link.line.socket.connect(server.address.Endpoint());
  SendHello(connection, link.role);
}

Hello LinkThread::OurHello() const {
  Hello hello;
  hello.role = static_cast<uint32_t>(Index(options_.role));
  hello.window = static_cast<uint64_t>(exchange_.window());
  return hello;
}

// The first frame of a connection, before any from the exchange.
void LinkThread::SendHello(uint64_t connection, Role peer) {
  OutgoingFrame frame = ControlFrame(FrameKind::kHello, EncodeHello(OurHello()));
  exchange_.CountHello(peer, frame.body.size(), true);
  if (shaper_) {
    shaper_->Open(connection, peer);
    shaper_->Push(connection, std::move(frame));
  } else {
    pending_.insert_or_assign(connection, ToMessage(frame));
    sendable_.insert(connection);
  }
}

// Nothing more is sent on it.
void LinkThread::Forget(uint64_t connection) {
  pending_.erase(connection);
  sendable_.erase(connection);
  if (shaper_) shaper_->Close(connection);
}

void LinkThread::FailLink(uint64_t connection, const Status& status) {
  const auto found = links_.find(connection);
  if (found == links_.end()) return;
  LinkEvent event;
  event.public_key = found->second.public_key;
  event.what = OneLine(status);
  CloseLine(found->second.line, 0);
  links_.erase(found);
  Forget(connection);
  Log(std::move(event));
  exchange_.Lost(connection, status);
}

void LinkThread::ReadLinkEvents(uint64_t connection) {
  Link& link = links_.at(connection);
  while (const std::optional<MonitorEvent> event = NextEvent(link.line.monitor)) {
    switch (event->event) {
      case ZMQ_EVENT_CONNECTED:
        link.connected = true;
        break;
      case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        return FailLink(connection, absl::PermissionDeniedError(ToAbsl(
                                        StrCat(link.where, ": refused our key ",
                                               options_.keys ? options_.keys->public_key() : ""))));
      case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
      case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        return FailLink(
            connection,
            absl::UnauthenticatedError(ToAbsl(StrCat(
                link.where, ": handshake failed: ",
                options_.insecure_plaintext
                    ? "does it expect CURVE?"
                    : "is its public key right in the cluster file, and does it use CURVE?"))));
      case ZMQ_EVENT_DISCONNECTED:
        // What it sent before is in the socket still.
        ReadLink(connection);
        if (!links_.contains(connection)) return;
        return FailLink(
            connection,
            Unavailable(link.where, link.ready ? ": the connection was lost"
                                               : ": closed the connection before its hello"));
      default:
        break;
    }
  }
}

void LinkThread::ReadLink(uint64_t connection) {
  std::vector<zmq::message_t> frames;
  for (;;) {
    const auto found = links_.find(connection);
    if (found == links_.end()) return;
    Link& link = found->second;
    if (!ReceiveFrames(link.line.socket, frames, 1)) return;
    ++received_;
    const std::optional<FrameHeader> header =
        frames.size() == 1 ? DecodeHeader(BytesOf(frames[0])) : std::nullopt;
    if (!header) {
      Log({{}, link.where, link.public_key, "sent a message of another form; ignored"});
      continue;
    }
    FrameBody body(std::move(frames[0]));
    if (!link.ready) {
      ReadAnswer(connection, link, *header, body);
    } else {
      const Status status = exchange_.Deliver(connection, *header, std::move(body));
      if (!status.ok()) Log({{}, link.where, link.public_key, OneLine(status)});
    }
  }
}

// The answer to our hello.
void LinkThread::ReadAnswer(uint64_t connection, Link& link, const FrameHeader& header,
                            const FrameBody& body) {
  exchange_.CountHello(link.role, body.size(), false);
  if (header.kind == FrameKind::kAbort) {
    const std::string text = OneLine(absl::UnknownError(ToAbsl(body.text().substr(0, 1000))));
    return FailLink(connection,
                    absl::PermissionDeniedError(ToAbsl(StrCat(link.where, ": ", text))));
  }
  const std::optional<Hello> hello = DecodeHello(body.bytes());
  if (header.kind != FrameKind::kHello || !hello) {
    return FailLink(connection,
                    Unavailable(link.where, ": expected a hello, found something else"));
  }
  if (hello->version != kLinkVersion) {
    return FailLink(connection, absl::FailedPreconditionError(ToAbsl(
                                    StrCat(link.where, ": expected protocol version ", kLinkVersion,
                                           " as here, found version ", hello->version))));
  }
  if (hello->role != Index(link.role)) {
    return FailLink(connection, absl::FailedPreconditionError(
                                    ToAbsl(StrCat(link.where, ": expected ", Name(link.role),
                                                  ", found ", NameOf(hello->role)))));
  }
  link.ready = true;
  exchange_.Ready(connection, hello->window);
}

void LinkThread::CheckDue() {
  const Deadline now = Clock::now();
  std::vector<uint64_t> late;
  for (const auto& [connection, link] : links_) {
    if (!link.ready && now >= link.due) late.push_back(connection);
  }
  for (const uint64_t connection : late) {
    const Link& link = links_.at(connection);
    FailLink(connection,
             absl::DeadlineExceededError(ToAbsl(
                 StrCat(link.where, ": no answer within ", Seconds(options_.connect_seconds), " (",
                        link.connected ? "something accepts connections there, but says no hello"
                                       : "nothing accepts connections there",
                        ")"))));
  }
  if (now < next_sweep_) return;
  next_sweep_ = now + std::chrono::seconds(1);
  if (const int dropped = exchange_.Sweep(); dropped > 0) {
    Log({{}, "", "", StrCat("dropped ", dropped, " channels that nobody awaits")});
  }
}

// ---- Connections to our listening socket ----

void LinkThread::ReadGuestEvents() {
  while (const std::optional<MonitorEvent> event = NextEvent(listener_->monitor)) {
    const auto descriptor = static_cast<int>(event->value);
    switch (event->event) {
      case ZMQ_EVENT_ACCEPTED: {
        // Its hello may have been read before: another thread of ZeroMQ tells of this one.
        Accepted& accepted = accepted_[descriptor];
        if (accepted.connection == 0) accepted.address = PeerAddress(descriptor);
        break;
      }
      case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        failed_handshake_ = kToldAlready;
        break;
      case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        failed_handshake_ = options_.insecure_plaintext
                                ? "refused a connection: not plain text ZeroMQ"
                                : "refused a connection: no CURVE, or not with our public key";
        break;
      case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        failed_handshake_ =
            StrCat("a connection ended during its handshake: ",
                   options_.insecure_plaintext ? "does it use plain text?"
                                               : "does it use CURVE, and our public key?");
        break;
      case ZMQ_EVENT_DISCONNECTED:
        LoseAccepted(descriptor);
        break;
      default:
        break;
    }
  }
}

void LinkThread::LoseAccepted(int descriptor) {
  Accepted lost;
  if (auto found = accepted_.extract(descriptor)) lost = std::move(found.mapped());
  const std::string failed = std::exchange(failed_handshake_, "");
  if (lost.connection != 0) {
    leaving_.insert(lost.connection);
  } else if (failed != kToldAlready) {
    // ZeroMQ tells no address; of a connection that was closed at once it is not known any more.
    Log({{},
         lost.address.empty() ? "an unknown address" : lost.address,
         "",
         failed.empty() ? "a connection ended before a valid hello" : failed});
  }
}

// Whether all was read.
bool LinkThread::ReadGuests() {
  std::vector<zmq::message_t> frames;
  for (int i = 0; i < kReadAtOnce; ++i) {
    if (!ReceiveFrames(listener_->socket, frames, 2)) return true;
    ++received_;
    ReadGuestFrame(frames);
  }
  return false;
}

void LinkThread::ReadGuestFrame(std::vector<zmq::message_t>& frames) {
  const std::string routing_id(frames[0].data<char>(), frames[0].size());
  const auto known = guest_of_.find(routing_id);
  const std::optional<FrameHeader> header =
      frames.size() == 2 ? DecodeHeader(BytesOf(frames[1])) : std::nullopt;
  if (known == guest_of_.end()) {
    if (header && header->kind == FrameKind::kHello)
      return Welcome(std::move(frames[1]), routing_id);
    const auto accepted = accepted_.find(zmq_msg_get(frames[0].handle(), ZMQ_SRCFD));
    const std::string address = accepted == accepted_.end() ? "" : accepted->second.address;
    return Log({{}, address, "", "a message before any hello; ignored"});
  }
  const Guest& guest = guests_.at(known->second);
  const std::string_view user = UserOf(frames.back());
  Status status;
  if (!header) {
    status = InvalidArgument(Name(guest.role), ": sent a message of another form; ignored");
  } else if (!options_.insecure_plaintext && user != Name(guest.role)) {
    status = InvalidArgument("a message on the connection of ", Name(guest.role),
                             " from the key of '", user, "'; ignored");
  } else {
    status = exchange_.Deliver(known->second, *header, FrameBody(std::move(frames[1])));
  }
  if (status.ok()) return;
  const auto accepted = accepted_.find(guest.descriptor);
  Log({{}, accepted == accepted_.end() ? "" : accepted->second.address, "", OneLine(status)});
}

void LinkThread::Welcome(zmq::message_t frame, const std::string& routing_id) {
  // All that happened before this message came, so that its descriptor is not taken for an older
  // connection's.
  ReadGuestEvents();
  const int descriptor = zmq_msg_get(frame.handle(), ZMQ_SRCFD);
  const std::string user(UserOf(frame));
  const FrameBody body(std::move(frame));
  // Where the connection is gone already, the answer will fail, and with it the guest.
  auto accepted = accepted_.find(descriptor);
  if (accepted == accepted_.end()) {
    accepted = accepted_.emplace(descriptor, Accepted{PeerAddress(descriptor), 0}).first;
  }
  const auto refuse = [&](const std::string& why) {
    Log({{}, accepted->second.address, "", StrCat("refused a connection: ", why)});
  };
  const std::optional<Hello> hello = DecodeHello(body.bytes());
  if (!hello) return refuse("a hello of another form");

  if (hello->version != kLinkVersion) {
    Answer(routing_id, ControlFrame(FrameKind::kHello, EncodeHello(OurHello())));
    return refuse(StrCat("expected protocol version ", kLinkVersion, " as here, found version ",
                         hello->version, " of ", NameOf(hello->role)));
  }
  const std::string claimed = NameOf(hello->role);
  const std::optional<Role> role = RoleOf(hello->role);
  if (!role || *role == options_.role || (!options_.insecure_plaintext && user != claimed)) {
    const std::string why =
        options_.insecure_plaintext
            ? StrCat(Name(options_.role), " expected another role, found ", claimed)
            : StrCat("expected ", user, ", whose key it is, found a hello of ", claimed);
    Answer(routing_id, ControlFrame(FrameKind::kAbort, std::as_bytes(std::span(why))));
    return refuse(why);
  }
  if (hello->window < 2 * static_cast<uint64_t>(Endpoint::kChunkBytes)) {
    return refuse(StrCat("a window of ", hello->window, " bytes"));
  }
  if (accepted->second.connection != 0) {
    // The descriptor has been used again before we heard that its last connection is gone.
    LoseGuest(accepted->second.connection, "the connection was lost");
  }
  const uint64_t connection = exchange_.Admit(*role, hello->window);
  accepted->second.connection = connection;
  guests_[connection] = {routing_id, *role, descriptor};
  guest_of_[routing_id] = connection;
  exchange_.CountHello(*role, body.size(), false);
  SendHello(connection, *role);
}

// To a connection that is not a guest.
void LinkThread::Answer(const std::string& routing_id, const OutgoingFrame& frame) {
  zmq::message_t to(routing_id.data(), routing_id.size());
  zmq::message_t message = ToMessage(frame);
  // A connection that takes nothing gets no answer.
  if (SendFrame(listener_->socket, to, true) != 0) return;
  SendFrame(listener_->socket, message, false);
  listener_->unread = true;
}

void LinkThread::LoseGuest(uint64_t connection, std::string_view why) {
  const auto found = guests_.find(connection);
  if (found == guests_.end()) return;
  const std::string name(Name(found->second.role));
  guest_of_.erase(found->second.routing_id);
  guests_.erase(found);
  leaving_.erase(connection);
  Forget(connection);
  exchange_.Lost(connection, Unavailable(name, ": ", why));
}

// ---- The loop ----

// Whether the connection has nothing to send any more, for now.
bool LinkThread::SendTo(uint64_t connection) {
  const auto link = links_.find(connection);
  const auto guest = guests_.find(connection);
  if (link == links_.end() && guest == guests_.end()) return true;
  Line& line = link != links_.end() ? link->second.line : *listener_;
  for (;;) {
    auto pending = pending_.find(connection);
    if (pending == pending_.end()) {
      std::optional<OutgoingFrame> next =
          shaper_ ? shaper_->Pop(connection, Clock::now()) : exchange_.NextFrame(connection);
      if (!next) return true;
      pending = pending_.emplace(connection, ToMessage(*next)).first;
    }
    line.unread = true;
    if (guest != guests_.end()) {
      zmq::message_t to(guest->second.routing_id.data(), guest->second.routing_id.size());
      const int error = SendFrame(line.socket, to, true);
      if (error == EAGAIN) return false;
      if (error != 0) {
        LoseGuest(connection, "the connection was lost");
        return true;
      }
    }
    // Once a guest is named, ZeroMQ takes what is for it, even where it is gone by now.
    if (SendFrame(line.socket, pending->second, false) != 0) return false;
    pending_.erase(pending);
  }
}

// Whether something was sent or tried.
bool LinkThread::SendAll() {
  Exchange::Chores chores = exchange_.TakeChores();
  for (const Exchange::Chores::NewLink& link : chores.links) OpenLink(link);
  bool progress = !chores.links.empty();
  if (shaper_) {
    for (const uint64_t connection : chores.sendable) shaper_->Offer(connection);
    // First what is due: whose socket has no room for it gets nothing from the exchange.
    progress |= SendDue();
    shaper_->Take(Clock::now(),
                  [this](uint64_t connection) { return exchange_.NextFrame(connection); });
    progress |= SendDue();
  } else {
    sendable_.insert(chores.sendable.begin(), chores.sendable.end());
    progress |= SendListed();
  }
  return progress;
}

// Whether a frame of a shaped link went to its socket.
bool LinkThread::SendDue() {
  tried_at_ = Clock::now();
  const std::vector<uint64_t> due = shaper_->Due(tried_at_);
  sendable_.insert(due.begin(), due.end());
  return SendListed();
}

// Whether all was sent on some connection of those that have something to send.
bool LinkThread::SendListed() {
  bool progress = false;
  const std::vector<uint64_t> connections(sendable_.begin(), sendable_.end());
  for (const uint64_t connection : connections) {
    // One that is blocked stays listed until its socket tells that it has room.
    if (SendTo(connection)) {
      sendable_.erase(connection);
      progress = true;
    }
  }
  return progress;
}

// Whether something was read.
bool LinkThread::ReadAll() {
  const int64_t before = received_;
  if (authenticator_) authenticator_->Answer();
  if (listener_ && listener_->unread) {
    ReadGuestEvents();
    const bool all = ReadGuests();
    listener_->unread = !all;
    if (all) {
      const std::set<uint64_t> leaving = std::move(leaving_);
      leaving_.clear();
      for (const uint64_t connection : leaving) LoseGuest(connection, "the connection was lost");
    }
  }
  std::vector<uint64_t> unread;
  for (auto& [connection, link] : links_) {
    if (std::exchange(link.line.unread, false)) unread.push_back(connection);
  }
  for (const uint64_t connection : unread) {
    ReadLink(connection);
    if (links_.contains(connection)) ReadLinkEvents(connection);
  }
  return received_ != before;
}

void LinkThread::Wait() {
  std::vector<pollfd> descriptors;
  std::vector<Line*> lines;
  const auto add = [&](int descriptor, Line* line) {
    descriptors.push_back({descriptor, POLLIN, 0});
    lines.push_back(line);
  };
  add(exchange_.wake_descriptor(), nullptr);
  if (authenticator_) add(authenticator_descriptor_, nullptr);
  const auto add_line = [&](Line& line) {
    add(line.descriptor, &line);
    add(line.monitor_descriptor, &line);
  };
  if (listener_) add_line(*listener_);
  Deadline until = next_sweep_;
  for (auto& [connection, link] : links_) {
    add_line(link.line);
    if (!link.ready) until = std::min(until, link.due);
  }
  const Deadline now = Clock::now();
  // Not after `now`: what became due meanwhile has not been tried yet.
  if (shaper_) until = std::min(until, shaper_->Next(tried_at_));
  // What waits for room in a socket is tried again soon, since reading from the socket may have
  // used up the sign that there is some.
  const std::chrono::milliseconds longest(!sendable_.empty() ? 2 : ending_ ? 5 : 1000);
  const std::chrono::nanoseconds left =
      std::clamp<std::chrono::nanoseconds>(until - now, std::chrono::nanoseconds(0), longest);
  const timespec timeout{left.count() / std::nano::den, left.count() % std::nano::den};
  // Where nothing told of itself for long, all sockets are looked at: descriptors tell of a change
  // once, and a sign that was missed would be missed for good.
  const bool all = ppoll(descriptors.data(), descriptors.size(), &timeout, nullptr) <= 0;
  for (size_t i = 0; i < descriptors.size(); ++i) {
    if (lines[i] != nullptr && (all || descriptors[i].revents != 0)) lines[i]->unread = true;
  }
}

bool LinkThread::AllSent() const {
  return !exchange_.HasSendable() && pending_.empty() && (!shaper_ || shaper_->empty());
}

void LinkThread::Run() {
  double linger = options_.linger_seconds;
  if (shaper_) {
    // Frames are due to some microseconds, where the kernel would take 50 of them for granted.
    prctl(PR_SET_TIMERSLACK, 1UL);
    linger += shaper_->LongestLatencySeconds();
  }
  Deadline end = Deadline::max();
  for (;;) {
    bool progress = true;
    while (progress) {
      progress = SendAll();
      progress |= ReadAll();
    }
    CheckDue();
    if (ending_) {
      end = std::min(end, After(linger));
      if (AllSent()) break;
      if (Clock::now() >= end) break;
    }
    Wait();
  }
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
  const int socket_linger = static_cast<int>(std::clamp<int64_t>(left.count(), 0, 1 << 30));
  for (auto& [connection, link] : links_) CloseLine(link.line, link.ready ? socket_linger : 0);
  links_.clear();
  if (listener_) CloseLine(*listener_, socket_linger);
  listener_.reset();
}

}  // namespace lutra
