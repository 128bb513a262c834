// Where the time of a run went: seconds and bytes by operation and role, beside the least time that
// the operation's work takes at the peaks of this machine.
#ifndef LUTRA_ANALYSIS_PROFILE_H_
#define LUTRA_ANALYSIS_PROFILE_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mpc/ledger.h"
#include "mpc/program.h"
#include "mpc/role.h"

namespace lutra {

// What a machine does at best with so many threads, a second.
struct Peaks {
  std::array<double, 3> products{};  // of ring elements in lanes of 16, 32 and 64 bits
  double cipher = 0;                 // bytes of AES in counter mode
  double memory = 0;                 // bytes read or written
};

// Measured now, for about a tenth of a second, on one thread; times `threads`.
Peaks MeasurePeaks(int threads);

// The least that a role must do for a node in a phase, and so a bound from below: what is read
// twice, converted or copied is not in it.
struct LeastWork {
  std::array<int64_t, 3> products{};  // multiplications of ring elements, by lane as in Peaks
  int64_t cipher = 0;    // bytes of AES, in whole blocks where single elements are drawn
  int64_t memory = 0;    // bytes of operands, results and the rows of the tape that are opened
  int64_t messages = 0;  // bytes sent, each written once and read once

  LeastWork& operator+=(const LeastWork& other);
};
LeastWork operator*(LeastWork work, int64_t times);
LeastWork LeastWorkOf(const Node& node, Phase phase, Role role);

enum class Bound { kProducts, kCipher, kMemory, kMessages };
// "products", "cipher", "memory", "messages".
std::string_view Name(Bound bound);

struct ProfileRow {
  Phase phase;
  std::string operation;  // the protocol
  Role role;
  double seconds = 0;  // wall time, measured
  LeastWork work;
  double least_seconds = 0;  // the largest of the four at their peaks
  Bound bound = Bound::kMemory;

  // 0 to 1 and a little more where a peak was measured too low.
  double share() const { return seconds > 0 ? least_seconds / seconds : 0; }
};

// All rows with work or time in them, by phase and in it by falling seconds. `sessions` so many
// that the ledger adds up.
std::vector<ProfileRow> MakeProfile(const Program& program, const Ledger& ledger, int64_t sessions,
                                    const Peaks& peaks);

// For a terminal: the peaks, the rows that make up most of the time, and the sum of the others.
std::string ProfileTable(const std::vector<ProfileRow>& rows, const Peaks& peaks);

// phase,operation,role,seconds,products,cipher_bytes,memory_bytes,message_bytes,least_seconds,bound
std::string ProfileCsv(const std::vector<ProfileRow>& rows);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_PROFILE_H_
