#include "cluster/zap.h"

#include <array>
#include <utility>

#include "cluster/socket.h"

namespace lutra {
namespace {

// Frames of a request: version, request id, domain, address, routing id, mechanism, credentials.
constexpr size_t kRequestFrames = 7;
enum : size_t { kVersion, kRequestId, kDomain, kAddress, kRoutingId, kMechanism, kCredentials };

std::string_view Text(const zmq::message_t& frame) { return {frame.data<char>(), frame.size()}; }

}  // namespace

Authenticator::Authenticator(zmq::context_t& context,
                             const std::vector<EndpointOptions::Admitted>& admitted,
                             std::function<void(LinkEvent)> on_refusal)
    : socket_(context, zmq::socket_type::rep), on_refusal_(std::move(on_refusal)) {
  for (const EndpointOptions::Admitted& one : admitted) roles_.emplace(one.public_key, one.role);
  socket_.set(zmq::sockopt::linger, 0);
  socket_.bind("inproc://zeromq.zap.01");
}

void Authenticator::Answer() {
  std::vector<zmq::message_t> request;
  while (ReceiveFrames(socket_, request, kRequestFrames)) AnswerOne(request);
}

void Authenticator::AnswerOne(const std::vector<zmq::message_t>& request) {
  LinkEvent refusal;
  std::string_view user;
  std::string_view id;
  if (request.size() != kRequestFrames || Text(request[kVersion]) != "1.0") {
    refusal.what = "refused a connection: an authentication request of another form";
    if (request.size() > kRequestId) id = Text(request[kRequestId]);
  } else {
    id = Text(request[kRequestId]);
    refusal.address = WithoutMapping(Text(request[kAddress]));
    std::array<char, kCurveKeyCharacters + 1> key{};
    const zmq::message_t& credentials = request[kCredentials];
    const bool curve = Text(request[kMechanism]) == "CURVE" && credentials.size() == 32;
    if (curve) zmq_z85_encode(key.data(), credentials.data<uint8_t>(), credentials.size());
    refusal.public_key = key.data();
    const auto found = roles_.find(std::string_view(key.data()));
    if (!curve) {
      refusal.what = "refused a connection without CURVE";
    } else if (Text(request[kDomain]) != kZapDomain) {
      refusal.what = "refused a connection to another domain";
    } else if (found == roles_.end()) {
      refusal.what = "refused a connection: unknown public key";
    } else {
      user = Name(found->second);
    }
  }
  const bool admitted = !user.empty();
  // Version, request id, status, text, user id, metadata.
  const std::array<std::string_view, 6> reply = {
      "1.0", id, admitted ? "200" : "400", admitted ? "OK" : "refused", user, ""};
  for (size_t i = 0; i < reply.size(); ++i) {
    zmq::message_t frame(reply[i].data(), reply[i].size());
    if (SendFrame(socket_, frame, i + 1 < reply.size()) != 0) return;
  }
  if (!admitted) on_refusal_(std::move(refusal));
}

}  // namespace lutra
