// The clocks that runs are measured by.
#ifndef LUTRA_CORE_CLOCK_H_
#define LUTRA_CORE_CLOCK_H_

#include <cstdint>

namespace lutra {

// Of the machine's monotonic clock (CLOCK_MONOTONIC): the same for all processes of one machine.
int64_t MonotonicNanoseconds();

// CPU time of the calling thread, and of the workers of thread pools in loops that it started.
int64_t CpuNanoseconds();

// The same for pieces of work of which there are many: to read a thread's CPU clock is a system
// call of a microsecond or more. `now` is what MonotonicNanoseconds just said. For kCpuReadEvery
// after a reading the calling thread is taken to have worked all the time, so a difference of two
// calls may be wrong by as much, where it waited. Never less than what the call before said.
inline constexpr int64_t kCpuReadEvery = 100'000;  // ns
int64_t CoarseCpuNanoseconds(int64_t now);

namespace clock_internal {
// CPU time of the calling thread alone.
int64_t ThreadNanoseconds();
// Credits the calling thread with what workers took for it.
void AddWorkers(int64_t nanoseconds);
}  // namespace clock_internal

}  // namespace lutra

#endif  // LUTRA_CORE_CLOCK_H_
