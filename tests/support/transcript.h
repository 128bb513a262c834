// Records every message of a run, and what each node's part of it says.
#ifndef LUTRA_TESTS_SUPPORT_TRANSCRIPT_H_
#define LUTRA_TESTS_SUPPORT_TRANSCRIPT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "mpc/listener.h"

namespace lutra {

class Transcript final : public Listener {
 public:
  struct Part {
    const Node* node;
    Phase phase;
    int level;
    Role from;
    Role to;
    int64_t bits;
  };
  struct Message {
    Phase phase;
    int level;
    Role from;
    Role to;
    std::vector<std::byte> payload;
    friend bool operator==(const Message&, const Message&) = default;
  };

  void OnPart(const Node& node, Phase phase, int level, Role from, Role to, int64_t bits) override {
    parts.push_back({&node, phase, level, from, to, bits});
  }
  void OnMessage(Phase phase, int level, Role from, Role to, std::span<const std::byte> payload,
                 bool continues) override {
    if (!continues) {
      messages.push_back({phase, level, from, to, {payload.begin(), payload.end()}});
      return;
    }
    // The latest message of this link: a later session's tape is not this one's.
    const auto latest = std::find_if(messages.rbegin(), messages.rend(), [&](const Message& sent) {
      return sent.phase == phase && sent.from == from && sent.to == to;
    });
    latest->payload.insert(latest->payload.end(), payload.begin(), payload.end());
  }
  void OnReceive(Phase, int, Role, Role, int64_t, const Span&) override {}
  void OnWork(const Node&, Phase, Role, const Span&) override {}

  std::vector<Part> parts;
  std::vector<Message> messages;
};

}  // namespace lutra

#endif  // LUTRA_TESTS_SUPPORT_TRANSCRIPT_H_
