#include "mpc/listener.h"

namespace lutra {

void Listeners::OnPart(const Node& node, Phase phase, int level, Role from, Role to, int64_t bits) {
  for (Listener* each : listeners_) each->OnPart(node, phase, level, from, to, bits);
}

void Listeners::OnMessage(Phase phase, int level, Role from, Role to,
                          std::span<const std::byte> payload, bool continues) {
  for (Listener* each : listeners_) each->OnMessage(phase, level, from, to, payload, continues);
}

void Listeners::OnReceive(Phase phase, int level, Role from, Role to, int64_t bytes,
                          const Span& wait) {
  for (Listener* each : listeners_) each->OnReceive(phase, level, from, to, bytes, wait);
}

void Listeners::OnWork(const Node& node, Phase phase, Role role, const Span& span) {
  for (Listener* each : listeners_) each->OnWork(node, phase, role, span);
}

}  // namespace lutra
