// Who may connect: answers ZeroMQ's authentication requests (ZAP,
// https://rfc.zeromq.org/spec/27) from a list of public keys.
#ifndef LUTRA_CLUSTER_ZAP_H_
#define LUTRA_CLUSTER_ZAP_H_

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <zmq.hpp>

#include "cluster/endpoint.h"
#include "mpc/role.h"

namespace lutra {

inline constexpr const char* kZapDomain = "lutra";

class Authenticator {
 public:
  // Binds in the context; to be made before any socket of it listens. Throws zmq::error_t.
  Authenticator(zmq::context_t& context, const std::vector<EndpointOptions::Admitted>& admitted,
                std::function<void(LinkEvent)> on_refusal);

  zmq::socket_t& socket() { return socket_; }
  // Answers what waits. An admitted connection's messages carry its role's name as "User-Id".
  void Answer();

 private:
  void AnswerOne(const std::vector<zmq::message_t>& request);

  zmq::socket_t socket_;
  std::map<std::string, Role, std::less<>> roles_;  // by public key
  const std::function<void(LinkEvent)> on_refusal_;
};

}  // namespace lutra

#endif  // LUTRA_CLUSTER_ZAP_H_
