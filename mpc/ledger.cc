#include "mpc/ledger.h"

#include <cmath>
#include <set>

#include "core/archive.h"

namespace lutra {
namespace {

// Entries of a ledger as they are stored.
struct StoredPart {
  uint32_t node = 0;
  uint32_t phase = 0, from = 0, to = 0;
  int32_t level = 0;
  int64_t bits = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(node, phase, from, to, level, bits);
  }
};
struct StoredLink {
  uint32_t phase = 0, from = 0, to = 0;
  int32_t level = 0;
  int64_t bytes = 0, messages = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(phase, from, to, level, bytes, messages);
  }
};
struct StoredWork {
  uint32_t node = 0;
  uint32_t phase = 0, role = 0;
  double seconds = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(node, phase, role, seconds);
  }
};
struct StoredLedger {
  std::vector<StoredPart> parts;
  std::vector<StoredLink> links;
  std::vector<StoredWork> work;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(parts, links, work);
  }
};

template <class Enumeration>
uint32_t ToNumber(Enumeration value) {
  return static_cast<uint32_t>(value);
}

bool IsPhase(uint32_t value) { return value < kPhases.size(); }
bool IsRole(uint32_t value) { return value < kRoles.size(); }

bool IsValid(const StoredPart& part) {
  return IsPhase(part.phase) && IsRole(part.from) && IsRole(part.to) && part.level >= 0 &&
         part.bits >= 0;
}
bool IsValid(const StoredLink& link) {
  return IsPhase(link.phase) && IsRole(link.from) && IsRole(link.to) && link.level >= 0 &&
         link.bytes >= 0 && link.messages >= 0;
}
bool IsValid(const StoredWork& work) {
  return IsPhase(work.phase) && IsRole(work.role) && std::isfinite(work.seconds) &&
         work.seconds >= 0;
}

template <class Entries>
Status CheckAll(const Entries& entries, std::string_view where, std::string_view kind) {
  for (size_t i = 0; i < entries.size(); ++i) {
    if (IsValid(entries[i])) continue;
    return InvalidArgument(where, ": ", kind, " ", i, ": no such phase, role, level or count");
  }
  return absl::OkStatus();
}

}  // namespace

void Ledger::OnPart(const Node& node, Phase phase, int level, Role from, Role to, int64_t bits) {
  bits_[{node.id, phase, level, from, to}] += bits;
}

void Ledger::OnMessage(Phase phase, int level, Role from, Role to,
                       std::span<const std::byte> payload, bool continues) {
  Traffic& traffic = traffic_[{phase, level, from, to}];
  traffic.bytes += static_cast<int64_t>(payload.size());
  if (!continues) ++traffic.messages;
}

void Ledger::OnWork(const Node& node, Phase phase, Role role, const Span& span) {
  seconds_[{node.id, phase, role}] += span.seconds();
}

void Ledger::Add(const Ledger& other) {
  for (const auto& [part, bits] : other.bits_) bits_[part] += bits;
  for (const auto& [link, traffic] : other.traffic_) {
    traffic_[link].bytes += traffic.bytes;
    traffic_[link].messages += traffic.messages;
  }
  for (const auto& [work, seconds] : other.seconds_) seconds_[work] += seconds;
}

int64_t Ledger::bytes(Phase phase) const {
  int64_t total = 0;
  for (const auto& [link, traffic] : traffic_) total += link.phase == phase ? traffic.bytes : 0;
  return total;
}

std::map<std::tuple<Phase, Role, Role>, Ledger::Traffic> Ledger::links() const {
  std::map<std::tuple<Phase, Role, Role>, Traffic> links;
  for (const auto& [link, traffic] : traffic_) {
    Traffic& sum = links[{link.phase, link.from, link.to}];
    sum.bytes += traffic.bytes;
    sum.messages += traffic.messages;
  }
  return links;
}

int Ledger::rounds(Phase phase) const {
  std::set<int> levels;
  for (const auto& [link, traffic] : traffic_) {
    if (link.phase == phase) levels.insert(link.level);
  }
  return static_cast<int>(levels.size());
}

std::vector<std::byte> WriteLedger(const Ledger& ledger) {
  StoredLedger stored;
  for (const auto& [part, bits] : ledger.bits()) {
    stored.parts.push_back({part.node, ToNumber(part.phase), ToNumber(part.from), ToNumber(part.to),
                            part.level, bits});
  }
  for (const auto& [link, traffic] : ledger.traffic()) {
    stored.links.push_back({ToNumber(link.phase), ToNumber(link.from), ToNumber(link.to),
                            link.level, traffic.bytes, traffic.messages});
  }
  for (const auto& [work, seconds] : ledger.seconds()) {
    stored.work.push_back({work.node, ToNumber(work.phase), ToNumber(work.role), seconds});
  }
  return WriteArchive(stored);
}

StatusOr<Ledger> ReadLedger(std::span<const std::byte> bytes, std::string_view where) {
  LUTRA_ASSIGN_OR_RETURN(const StoredLedger stored, ReadArchive<StoredLedger>(bytes, where));
  LUTRA_RETURN_IF_ERROR(CheckAll(stored.parts, where, "part"));
  LUTRA_RETURN_IF_ERROR(CheckAll(stored.links, where, "link"));
  LUTRA_RETURN_IF_ERROR(CheckAll(stored.work, where, "work"));
  Ledger ledger;
  for (const StoredPart& part : stored.parts) {
    ledger.bits_[{part.node, static_cast<Phase>(part.phase), part.level,
                  static_cast<Role>(part.from), static_cast<Role>(part.to)}] += part.bits;
  }
  for (const StoredLink& link : stored.links) {
    Ledger::Traffic& traffic =
        ledger.traffic_[{static_cast<Phase>(link.phase), link.level, static_cast<Role>(link.from),
                         static_cast<Role>(link.to)}];
    traffic.bytes += link.bytes;
    traffic.messages += link.messages;
  }
  for (const StoredWork& work : stored.work) {
    ledger.seconds_[{work.node, static_cast<Phase>(work.phase), static_cast<Role>(work.role)}] +=
        work.seconds;
  }
  return ledger;
}

}  // namespace lutra
