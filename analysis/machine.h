// What a run was measured on.
#ifndef LUTRA_ANALYSIS_MACHINE_H_
#define LUTRA_ANALYSIS_MACHINE_H_

#include <cstdint>
#include <string>

namespace lutra {

struct MachineFacts {
  std::string processor;     // as the kernel names it; "unknown" where it does not
  int cores = 1;             // that this process may use
  int64_t memory_bytes = 0;  // of the machine; 0 if unknown
};
MachineFacts ThisMachine();

// The most memory that this process has held so far; 0 if unknown.
int64_t PeakMemoryBytes();

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_MACHINE_H_
