// Figures of other systems on some work, with where they come from: experiments/published/*.toml.
//
//   format = "lutra-published/1"
//   title = "ReLU of 393,216 elements"     # the work
//   elements = 393216                      # with formulas: of how many elements
//   ring_bits = [16, 32]                   # with formulas: the values of l
//   security_bits = 128                    # with formulas: the value of lambda
//
//   [[figures]]                            # one system
//   system = "hpmpc"
//   detail = "3 parties, 32-bit ring"
//   kind = "measured"                      # | extrapolated | printed
//   source = "hpmpc 29c3c54, run for this project"
//   conditions = "2 cores, loopback"
//   partial = true                         # only a part of the work: no ratio; default false
//   offline_seconds = 0.05                 # a number, or [lowest, highest]
//
// and of the same form online_seconds, total_seconds, offline_bytes, online_bytes, total_bytes (of
// all parties together), offline_bytes_per_party, online_rounds, total_rounds and paper_speedup
// (how many times faster the source says that its own system is). offline_bits and online_bits, for
// an element, and online_rounds may be formulas: sums of products of numbers, l, log_l (the
// logarithm to base 2, rounded up) and lambda. They give offline_bytes and online_bytes of all
// elements.
#ifndef LUTRA_EXPERIMENTS_LAB_PUBLISHED_H_
#define LUTRA_EXPERIMENTS_LAB_PUBLISHED_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"

namespace lutra {

// How a figure came to be. What is of different kinds is never put into one ratio.
enum class FigureKind {
  kMeasured,      // run by whoever states it
  kExtrapolated,  // computed from smaller runs
  kPrinted        // stands so in the source
};
std::string_view NameOf(FigureKind kind);

// A figure, or the lowest and the highest of several.
struct Amount {
  double low = 0;
  double high = 0;
  friend bool operator==(const Amount&, const Amount&) = default;
};

struct PublishedFigures {
  std::string system;
  std::string detail;
  FigureKind kind = FigureKind::kPrinted;
  std::string source;
  std::string conditions;
  bool partial = false;                                // of a part of the work only
  int64_t ring_bits = 0;                               // l of the formulas; 0 where there are none
  std::map<std::string, Amount, std::less<>> amounts;  // by the names above
};

struct PublishedWork {
  std::string name;  // of the file, without .toml
  std::string title;
  // In the order of the file; those with formulas once for each l.
  std::vector<PublishedFigures> systems;
};

// Errors name file, line, key, expected and found.
StatusOr<PublishedWork> ReadPublished(const std::filesystem::path& path);
StatusOr<PublishedWork> ParsePublished(std::string_view toml, std::string_view where);

// The names of amounts, as columns of a comparison take them.
std::span<const std::string_view> PublishedAmounts();

// The value of a sum of products of numbers and of these symbols. An error says what is there that
// is none of these.
StatusOr<double> ValueOfFormula(std::string_view formula,
                                const std::map<std::string, double, std::less<>>& symbols);

}  // namespace lutra

#endif  // LUTRA_EXPERIMENTS_LAB_PUBLISHED_H_
