// What this machine can do at best, on one thread: rates that kernels are measured against. Each
// call measures anew, some twenty milliseconds, and gives the best of several runs, so that a
// benchmark has its peak from just before.
#ifndef LUTRA_ANALYSIS_CALIBRATION_H_
#define LUTRA_ANALYSIS_CALIBRATION_H_

#include <cstddef>

namespace lutra {

// Multiplications and additions a second in lanes of 2, 4 or 8 bytes, with everything in registers,
// under the instruction set in use (SimdTarget()).
double PeakProducts(size_t lane_bytes);
// Bytes a second of OpenSSL's AES-128 in counter mode, 4 MiB in one call.
double PeakCipher();
// Bytes a second read from, or written to, memory that no cache holds.
double PeakRead();
double PeakWrite();
// Bytes a second that memcpy reads, on a block of this size again and again.
double PeakCopy(size_t bytes);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_CALIBRATION_H_
