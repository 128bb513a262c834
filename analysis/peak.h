// What the machine could do at best: multiplications and additions of lanes, with the sums in
// registers and nothing else to wait for. What the matrix product is measured against.
#ifndef LUTRA_ANALYSIS_PEAK_H_
#define LUTRA_ANALYSIS_PEAK_H_

#include <cstddef>
#include <cstdint>

namespace lutra {

// What a run of the kernel did: products added up, and a value that depends on all of them.
struct Peak {
  int64_t products;
  uint64_t value;
};

// The inner loop of the matrix product, over and over on the same vectors of lanes of 2, 4 or 8
// bytes, under the instruction set in use.
Peak RunPeak(size_t lane_bytes, int64_t iterations);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_PEAK_H_
