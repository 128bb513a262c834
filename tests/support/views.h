// What each role sees of a run, as samples: a test on whether they are uniform, alone and in pairs.
#ifndef LUTRA_TESTS_SUPPORT_VIEWS_H_
#define LUTRA_TESTS_SUPPORT_VIEWS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "mpc/builder.h"
#include "tests/support/transcript.h"

namespace lutra {

// One place of a message, tape or share over all samples. Sample s of `samples` is what belongs to
// index s of the leading axis; values[i] is that of sample first + i.
struct Symbols {
  std::string name;
  int bits = 1;
  int64_t first = 0;
  std::vector<uint64_t> values;
};
using View = std::vector<Symbols>;

// Splits elements [begin, ..) of a tensor with `elements` elements into places. The elements of
// every sample follow each other.
void AddSymbols(View& view, std::string_view name, int bits, int64_t samples, int64_t elements,
                int64_t begin, const std::vector<uint64_t>& values);

// What the role received, in all phases, from the parts of the built-in protocols; the dealer's
// words by field, element and row.
View ReceivedView(const Program& program, const Transcript& transcript, Role role, int64_t samples);

// The largest deviation from uniform of any place, and of any two places together; where it is.
struct Deviation {
  double largest = -1e9;
  std::string where;
};
Deviation LargestDeviation(const View& view, bool pairs);

}  // namespace lutra

#endif  // LUTRA_TESTS_SUPPORT_VIEWS_H_
