// What was counted on the wire: a listener that adds up.
#ifndef LUTRA_MPC_LEDGER_H_
#define LUTRA_MPC_LEDGER_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string_view>
#include <tuple>
#include <vector>

#include "core/status.h"
#include "mpc/listener.h"

namespace lutra {

class Ledger final : public Listener {
 public:
  struct Part {
    NodeId node;
    Phase phase;
    int level;
    Role from;
    Role to;
    friend auto operator<=>(const Part&, const Part&) = default;
  };
  struct Link {
    Phase phase;
    int level;
    Role from;
    Role to;
    friend auto operator<=>(const Link&, const Link&) = default;
  };
  struct Traffic {
    int64_t bytes = 0;
    int64_t messages = 0;
    friend bool operator==(const Traffic&, const Traffic&) = default;
  };
  struct Work {
    NodeId node;
    Phase phase;
    Role role;
    friend auto operator<=>(const Work&, const Work&) = default;
  };

  void OnPart(const Node& node, Phase phase, int level, Role from, Role to, int64_t bits) override;
  void OnMessage(Phase phase, int level, Role from, Role to, std::span<const std::byte> payload,
                 bool continues) override;
  void OnReceive(Phase, int, Role, Role, int64_t, const Span&) override {}
  void OnWork(const Node& node, Phase phase, Role role, const Span& span) override;

  const std::map<Part, int64_t>& bits() const { return bits_; }
  const std::map<Link, Traffic>& traffic() const { return traffic_; }
  const std::map<Work, double>& seconds() const { return seconds_; }

  // Takes over what another one has counted: of another role, or of another session.
  void Add(const Ledger& other);

  // Payload of a phase, all links together.
  int64_t bytes(Phase phase) const;
  // Payload by phase and link, all levels together.
  std::map<std::tuple<Phase, Role, Role>, Traffic> links() const;
  // Rounds of a phase: its levels in which anything was sent.
  int rounds(Phase phase) const;

 private:
  friend std::vector<std::byte> WriteLedger(const Ledger& ledger);
  friend StatusOr<Ledger> ReadLedger(std::span<const std::byte> bytes, std::string_view where);

  std::map<Part, int64_t> bits_;
  std::map<Link, Traffic> traffic_;
  std::map<Work, double> seconds_;
};

// A ledger as bytes. What is read is checked (roles, phases, no negative count), `where` names its
// origin in errors.
std::vector<std::byte> WriteLedger(const Ledger& ledger);
StatusOr<Ledger> ReadLedger(std::span<const std::byte> bytes, std::string_view where);

}  // namespace lutra

#endif  // LUTRA_MPC_LEDGER_H_
