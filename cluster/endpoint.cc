#include "cluster/endpoint.h"

#include <set>
#include <utility>
#include <zmq.hpp>

#include "cluster/exchange.h"
#include "cluster/frame.h"
#include "cluster/link_thread.h"

namespace lutra {
namespace {

constexpr int64_t kLargestRequest = int64_t{64} << 20;

Status CheckPlaintext(const Address& address) {
  if (address.IsLoopback()) return absl::OkStatus();
  return InvalidArgument(
      "without CURVE, expected a loopback address (127.0.0.0/8, ::1, localhost), "
      "found ",
      address.Endpoint());
}

Status CheckServer(const EndpointOptions& options, Role role, const Cluster::Server& server) {
  if (options.insecure_plaintext) return Annotate(CheckPlaintext(server.address), Name(role));
  if (IsCurveKey(server.public_key)) return absl::OkStatus();
  return InvalidArgument(Name(role), ": expected a public key, found '", server.public_key, "'");
}

Status CheckRange(std::string_view name, int64_t value, int64_t low, int64_t high) {
  if (value >= low && value <= high) return absl::OkStatus();
  return InvalidArgument(name, ": expected ", low, " to ", high, ", found ", value);
}

Status CheckSeconds(std::string_view name, double value) {
  if (value > 0 && value <= 86400) return absl::OkStatus();
  return InvalidArgument(name, ": expected more than 0 and at most 86400, found ", value);
}

Status CheckAdmitted(const EndpointOptions& options) {
  std::set<std::string> keys;
  for (const EndpointOptions::Admitted& admitted : options.admitted) {
    if (!IsCurveKey(admitted.public_key)) {
      return InvalidArgument(Name(admitted.role), ": expected a public key, found '",
                             admitted.public_key, "'");
    }
    if (!keys.insert(admitted.public_key).second) {
      return InvalidArgument(Name(admitted.role), ": the public key ", admitted.public_key,
                             " is there twice");
    }
  }
  return absl::OkStatus();
}

// With a longer one no hello is answered in time.
Status CheckNetwork(const EndpointOptions& options) {
  if (!options.network) return absl::OkStatus();
  const Network& network = *options.network;
  const auto hello = [&network](Role from, Role to) {
    const Network::Link& link = network.link(from, to);
    const auto bytes = static_cast<double>(int64_t{kHelloBytes} + network.header_bytes);
    return link.latency_seconds + bytes / link.bytes_per_second;
  };
  for (const Role peer : kRoles) {
    if (peer == options.role || !(IsServer(peer) || IsServer(options.role))) continue;
    const double round_trip = hello(options.role, peer) + hello(peer, options.role);
    if (round_trip < options.connect_seconds) continue;
    return InvalidArgument("network '", network.name, "': between ", Name(options.role), " and ",
                           Name(peer), ": expected a round trip of hellos below connect_seconds, ",
                           options.connect_seconds, ", found ", round_trip);
  }
  return absl::OkStatus();
}

Status Check(const EndpointOptions& options) {
  if (options.insecure_plaintext == options.keys.has_value()) {
    return InvalidArgument("expected either CURVE keys or insecure_plaintext, found ",
                           options.insecure_plaintext ? "both" : "neither");
  }
  if (!options.insecure_plaintext && zmq_has("curve") == 0) {
    return Unavailable("this ZeroMQ has no CURVE");
  }
  if (options.listen.has_value() != IsServer(options.role)) {
    return InvalidArgument(Name(options.role), ": servers listen, and owners do not");
  }
  if (options.listen && options.insecure_plaintext) {
    LUTRA_RETURN_IF_ERROR(CheckPlaintext(*options.listen));
  }
  for (const Role role : kServers) {
    const auto& server = options.servers[Index(role)];
    if (server && role != options.role) {
      LUTRA_RETURN_IF_ERROR(CheckServer(options, role, *server));
    }
  }
  LUTRA_RETURN_IF_ERROR(CheckAdmitted(options));
  LUTRA_RETURN_IF_ERROR(CheckSeconds("connect_seconds", options.connect_seconds));
  LUTRA_RETURN_IF_ERROR(CheckSeconds("silence_seconds", options.silence_seconds));
  LUTRA_RETURN_IF_ERROR(CheckSeconds("linger_seconds", options.linger_seconds));
  LUTRA_RETURN_IF_ERROR(CheckNetwork(options));
  constexpr int64_t kMost = int64_t{1} << 40;
  LUTRA_RETURN_IF_ERROR(
      CheckRange("window_bytes", options.window_bytes, 2 * Endpoint::kChunkBytes, kMost));
  LUTRA_RETURN_IF_ERROR(CheckRange("queue_bytes", options.queue_bytes, 0, kMost));
  LUTRA_RETURN_IF_ERROR(CheckRange("request_bytes", options.request_bytes, 1, kLargestRequest));
  return CheckRange("unread_bytes", options.unread_bytes, options.window_bytes, kMost);
}

}  // namespace

std::string LinkEvent::Line() const {
  std::string line = what;
  if (!address.empty()) line += StrCat(", from ", address);
  if (!public_key.empty()) line += StrCat(", public key ", public_key);
  return line;
}

EndpointOptions EndpointOptions::ForRole(const Cluster& cluster, Role role,
                                         std::optional<CurveKeyPair> keys) {
  EndpointOptions options;
  options.role = role;
  options.insecure_plaintext = !keys.has_value();
  options.keys = std::move(keys);
  if (IsServer(role)) options.listen = cluster.server(role).address;
  options.connect_seconds = cluster.connect_seconds;
  options.silence_seconds = cluster.silence_seconds;
  for (const Role server : kServers) {
    if (server == role) continue;
    options.servers[Index(server)] = cluster.server(server);
    options.admitted.push_back({cluster.server(server).public_key, server});
  }
  for (const Role owner : kOwners) {
    for (const std::string& key : cluster.keys(owner)) options.admitted.push_back({key, owner});
  }
  if (options.insecure_plaintext) options.admitted.clear();
  return options;
}

Endpoint::Endpoint(std::unique_ptr<Exchange> exchange, std::unique_ptr<LinkThread> links,
                   bool insecure_plaintext)
    : exchange_(std::move(exchange)),
      links_(std::move(links)),
      insecure_plaintext_(insecure_plaintext) {}

Endpoint::~Endpoint() { exchange_->Stop(absl::CancelledError("the endpoint is closing")); }

StatusOr<std::unique_ptr<Endpoint>> Endpoint::Make(EndpointOptions options) {
  LUTRA_RETURN_IF_ERROR(Annotate(Check(options), "endpoint"));
  const bool insecure_plaintext = options.insecure_plaintext;
  auto exchange = std::make_unique<Exchange>(options);
  if (exchange->wake_descriptor() < 0) return Unavailable("cannot make an event descriptor");
  LUTRA_ASSIGN_OR_RETURN(std::unique_ptr<LinkThread> links,
                         LinkThread::Start(std::move(options), *exchange));
  return std::unique_ptr<Endpoint>(
      new Endpoint(std::move(exchange), std::move(links), insecure_plaintext));
}

const Address& Endpoint::address() const { return links_->address(); }

Status Endpoint::SetServer(Role role, const Cluster::Server& server) {
  EndpointOptions options;
  options.insecure_plaintext = insecure_plaintext_;
  LUTRA_RETURN_IF_ERROR(CheckServer(options, role, server));
  return exchange_->SetServer(role, server);
}

Status Endpoint::Connect(Role to, Deadline deadline) { return exchange_->Connect(to, deadline); }

Status Endpoint::Send(PeerId to, const Identifier& channel, uint64_t tag, Bytes payload,
                      Deadline deadline) {
  return exchange_->Send(to, channel, tag, std::move(payload), deadline);
}

StatusOr<Bytes> Endpoint::Receive(PeerId from, const Identifier& channel, uint64_t tag,
                                  int64_t max_bytes, Deadline deadline) {
  return exchange_->Receive(from, channel, tag, max_bytes, deadline);
}

Status Endpoint::Flush(PeerId to, const Identifier& channel, Deadline deadline) {
  return exchange_->Flush(to, channel, deadline);
}

Status Endpoint::LinkStatus(PeerId to, const Identifier& channel) const {
  return exchange_->LinkStatus(to, channel);
}

void Endpoint::Cancel(const Identifier& channel, const Status& status) {
  exchange_->Cancel(channel, status);
}

void Endpoint::Close(const Identifier& channel) { exchange_->Close(channel); }

StatusOr<Bytes> Endpoint::Call(Role to, Bytes request, int64_t max_bytes, Deadline deadline) {
  LUTRA_ASSIGN_OR_RETURN(const Identifier channel, RandomIdentifier());
  const Status asked = exchange_->Ask(to, channel, std::move(request), deadline);
  StatusOr<Bytes> answer =
      asked.ok() ? exchange_->Receive({to, 0}, channel, 0, max_bytes, deadline) : asked;
  exchange_->Close(channel);
  return answer;
}

Status Endpoint::Ask(Role to, const Identifier& channel, Bytes request, Deadline deadline) {
  return exchange_->Ask(to, channel, std::move(request), deadline);
}

StatusOr<Request> Endpoint::NextRequest(Deadline deadline) {
  return exchange_->NextRequest(deadline);
}

Status Endpoint::Reply(const Request& request, StatusOr<Bytes> answer, Deadline deadline) {
  return exchange_->Reply(request, std::move(answer), deadline);
}

void Endpoint::Stop(const Status& status) { exchange_->Stop(status); }

LinkTraffic Endpoint::traffic(Role peer) const { return exchange_->traffic(peer); }

bool Endpoint::Connected(Role peer) const { return exchange_->Connected(peer); }

}  // namespace lutra
