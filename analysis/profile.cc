#include "analysis/profile.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>

#include "analysis/calibration.h"
#include "analysis/cost_table.h"
#include "core/packing.h"
#include "mpc/correlation.h"
#include "mpc/protocol.h"

namespace lutra {
namespace {

constexpr int64_t kCacheLine = 64;
constexpr int64_t kBlock = 16;  // of AES

// Lanes of 8 bits are multiplied as 16.
size_t LaneIndex(Ring ring) {
  const size_t bytes = ring.lane_bytes();
  return bytes <= 2 ? 0 : bytes == 4 ? 1 : 2;
}

int64_t LaneBytes(Ring ring) { return static_cast<int64_t>(ring.lane_bytes()); }

int64_t BytesOf(const ValueType& type) { return type.shape.elements() * LaneBytes(type.ring); }

// How many components of a value a role works on in a phase.
int64_t PartsAt(const ValueType& type, Role role, Phase phase) {
  const bool online_party = role == Role::kP1 || role == Role::kP2;
  switch (type.sharing) {
    case Sharing::kAdditive:
      return online_party && phase != Phase::kPrepare ? 1 : 0;
    case Sharing::kReplicated:
      if (phase != Phase::kPrepare) return IsParty(role) ? 2 : 0;
      if (type.lifetime == Lifetime::kModel || !type.masks_known) return 0;
      return role == Role::kP0 ? 2 : online_party ? 1 : 0;
    case Sharing::kRevealed:
      return role == Role::kDataOwner && phase != Phase::kPrepare ? 1 : 0;
  }
  return 0;
}

int64_t ValueBytes(const Node& node, Phase phase, Role role) {
  int64_t bytes = 0;
  for (const ValueType& type : node.input_types)
    bytes += BytesOf(type) * PartsAt(type, role, phase);
  for (const ValueType& type : node.output_types) {
    bytes += BytesOf(type) * PartsAt(type, role, phase);
  }
  return bytes;
}

// Dealing: every uniform field that tables depend on, and a mask for every word that is sent.
LeastWork DealerWork(const Node& node) {
  LeastWork work;
  for (const Field& field : node.correlation) {
    const int64_t elements = field.elements * field.entries;
    const int64_t bytes = elements * LaneBytes(field.ring);
    if (field.kind == Field::Kind::kUniformAdditive) work.cipher += 2 * bytes;
    if (field.kind == Field::Kind::kDerivedAdditive) work.cipher += bytes;
    if (field.kind == Field::Kind::kDerivedReplicated) work.cipher += 2 * bytes;
    for (const Role party : {Role::kP1, Role::kP2}) {
      work.messages +=
          BitsToBytes(DealtTo(party, field).size() * field.entries * field.ring.bits());
    }
  }
  return work;
}

// What a party draws from its keys, and reads of its tape.
LeastWork FieldWork(const Node& node, Phase phase, Role role) {
  LeastWork work;
  // The shares of zero in a product whose masks are known are used up in Prepare.
  const bool before = node.protocol->Multiplications(node, role, Phase::kPrepare) > 0;
  for (const Field& field : node.correlation) {
    const int64_t elements = field.elements * field.entries;
    if (field.kind == Field::Kind::kUniform) {
      const bool here = phase == Phase::kPrepare || !before;
      if (here && Holds(role, field.key)) work.cipher += elements * LaneBytes(field.ring);
      continue;
    }
    if (phase != Phase::kOnline || (role != Role::kP1 && role != Role::kP2)) continue;
    if (field.kind == Field::Kind::kUniformAdditive) {
      work.cipher += elements * LaneBytes(field.ring);
      continue;
    }
    const int64_t dealt = DealtTo(role, field).size();
    const int64_t row = BitsToBytes(field.entries * field.ring.bits());
    work.memory += dealt * std::min(kCacheLine, row);
    if (field.kind != Field::Kind::kDerivedAdditive) continue;
    const int64_t drawn = field.elements - dealt;
    work.cipher += drawn * (field.entries == 1 ? LaneBytes(field.ring) : kBlock);
  }
  return work;
}

struct Times {
  double products, cipher, memory, messages;
};

Times LeastTimes(const LeastWork& work, const Peaks& peaks) {
  const auto over = [](double amount, double rate) { return rate > 0 ? amount / rate : 0; };
  Times times{};
  for (size_t lane = 0; lane < work.products.size(); ++lane) {
    times.products += over(static_cast<double>(work.products[lane]), peaks.products[lane]);
  }
  times.cipher = over(static_cast<double>(work.cipher), peaks.cipher);
  times.memory = over(static_cast<double>(work.memory), peaks.memory);
  times.messages = over(2 * static_cast<double>(work.messages), peaks.memory);
  return times;
}

void SetBound(ProfileRow& row, const Peaks& peaks) {
  const Times times = LeastTimes(row.work, peaks);
  row.least_seconds = times.memory;
  row.bound = Bound::kMemory;
  const auto consider = [&row](double seconds, Bound bound) {
    if (seconds <= row.least_seconds) return;
    row.least_seconds = seconds;
    row.bound = bound;
  };
  consider(times.messages, Bound::kMessages);
  consider(times.cipher, Bound::kCipher);
  consider(times.products, Bound::kProducts);
}

int64_t Products(const LeastWork& work) {
  return std::accumulate(work.products.begin(), work.products.end(), int64_t{0});
}

}  // namespace

std::string_view Name(Bound bound) {
  switch (bound) {
    case Bound::kProducts:
      return "products";
    case Bound::kCipher:
      return "cipher";
    case Bound::kMemory:
      return "memory";
    case Bound::kMessages:
      return "messages";
  }
  return "";
}

Peaks MeasurePeaks(int threads) {
  Peaks peaks;
  for (size_t lane = 0; lane < peaks.products.size(); ++lane) {
    peaks.products[lane] = threads * PeakProducts(size_t{2} << lane);
  }
  peaks.cipher = threads * PeakCipher();
  peaks.memory = threads * PeakRead();
  return peaks;
}

LeastWork& LeastWork::operator+=(const LeastWork& other) {
  for (size_t lane = 0; lane < products.size(); ++lane) products[lane] += other.products[lane];
  cipher += other.cipher;
  memory += other.memory;
  messages += other.messages;
  return *this;
}

LeastWork operator*(LeastWork work, int64_t times) {
  for (int64_t& products : work.products) products *= times;
  work.cipher *= times;
  work.memory *= times;
  work.messages *= times;
  return work;
}

LeastWork LeastWorkOf(const Node& node, Phase phase, Role role) {
  if (phase == Phase::kDeal) return role == Role::kDealer ? DealerWork(node) : LeastWork{};
  LeastWork work;
  // Of a node of the online phase, the phase `model` does what it can with the model's values.
  if (phase == Phase::kModel && node.phase == Phase::kOnline) {
    for (const ValueType& type : node.input_types) {
      if (type.lifetime == Lifetime::kModel)
        work.memory += BytesOf(type) * PartsAt(type, role, phase);
    }
    return work;
  }
  if (phase == Phase::kPrepare && ValueBytes(node, phase, role) == 0) return work;
  if (node.phase == phase || phase == Phase::kPrepare) work = FieldWork(node, phase, role);
  work.memory += ValueBytes(node, phase, role);
  if (!node.input_types.empty()) {
    work.products[LaneIndex(node.input_types[0].ring)] =
        node.protocol->Multiplications(node, role, phase);
  }
  return work;
}

std::vector<ProfileRow> MakeProfile(const Program& program, const Ledger& ledger, int64_t sessions,
                                    const Peaks& peaks) {
  const auto times_of = [sessions](Phase phase) { return phase == Phase::kModel ? 1 : sessions; };
  std::map<std::tuple<Phase, std::string, Role>, ProfileRow> rows;
  const auto row_of = [&](NodeId node, Phase phase, Role role) -> ProfileRow& {
    const std::string& operation = program.nodes()[node].spec.protocol;
    ProfileRow& row = rows[{phase, operation, role}];
    row.phase = phase;
    row.operation = operation;
    row.role = role;
    return row;
  };
  for (const auto& [work, seconds] : ledger.seconds()) {
    ProfileRow& row = row_of(work.node, work.phase, work.role);
    row.seconds += seconds;
    row.work +=
        LeastWorkOf(program.nodes()[work.node], work.phase, work.role) * times_of(work.phase);
  }
  for (const auto& [part, bits] : ledger.bits()) {
    if (part.phase == Phase::kDeal) continue;  // exact already
    const int64_t times = times_of(part.phase);
    // Each session rounds a node's part up to a byte.
    row_of(part.node, part.phase, part.from).work.messages += times * BitsToBytes(bits / times);
  }
  std::vector<ProfileRow> profile;
  for (auto& [key, row] : rows) {
    SetBound(row, peaks);
    profile.push_back(std::move(row));
  }
  std::stable_sort(profile.begin(), profile.end(), [](const ProfileRow& a, const ProfileRow& b) {
    return a.phase != b.phase ? a.phase < b.phase : a.seconds > b.seconds;
  });
  return profile;
}

std::string ProfileTable(const std::vector<ProfileRow>& rows, const Peaks& peaks) {
  constexpr double kShown = 0.01;  // of the time of all
  constexpr double kGiga = 1e9;
  std::string text = StrCat(
      "Peaks of this run: ", Fixed(peaks.products[0] / kGiga, 0), ", ",
      Fixed(peaks.products[1] / kGiga, 0), " and ", Fixed(peaks.products[2] / kGiga, 0),
      " billion products a second in lanes of 16,\n32 and 64 bits; AES ",
      Fixed(peaks.cipher / kGiga, 1), " GB/s; memory ", Fixed(peaks.memory / kGiga, 1), " GB/s\n");
  const double all =
      std::accumulate(rows.begin(), rows.end(), 0.0,
                      [](double sum, const ProfileRow& row) { return sum + row.seconds; });
  TextTable table({"phase", "operation", "role", "seconds", "sent", "least", "of peak", "bound"},
                  {1, 2, 7});
  double others = 0;
  for (const ProfileRow& row : rows) {
    if (row.seconds < kShown * all) {
      others += row.seconds;
      continue;
    }
    table.AddRow({std::string(Name(row.phase)), row.operation, std::string(Name(row.role)),
                  Fixed(row.seconds, 3), HumanBytes(row.work.messages), Fixed(row.least_seconds, 3),
                  StrCat(Fixed(100 * row.share(), 0), " %"), std::string(Name(row.bound))});
  }
  table.AddRow({"", "others", "", Fixed(others, 3), "", "", "", ""});
  return text + table.ToString() +
         "least: what the work takes at the peak of its bound. Where the share is small, the time\n"
         "goes into many small steps, several passes over the values, or memory touched first.\n";
}

std::string ProfileCsv(const std::vector<ProfileRow>& rows) {
  std::string csv =
      "phase,operation,role,seconds,products,cipher_bytes,memory_bytes,message_bytes,"
      "least_seconds,bound\n";
  for (const ProfileRow& row : rows) {
    csv += StrCat(Name(row.phase), ",", row.operation, ",", Name(row.role), ",",
                  Fixed(row.seconds, 9), ",", Products(row.work), ",", row.work.cipher, ",");
    csv += StrCat(row.work.memory, ",", row.work.messages, ",", Fixed(row.least_seconds, 9), ",",
                  Name(row.bound), "\n");
  }
  return csv;
}

}  // namespace lutra
