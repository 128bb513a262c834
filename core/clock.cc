#include "core/clock.h"

#include <algorithm>
#include <ctime>

namespace lutra {
namespace {

thread_local int64_t workers_nanoseconds = 0;

int64_t Read(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

int64_t MonotonicNanoseconds() { return Read(CLOCK_MONOTONIC); }

int64_t CpuNanoseconds() { return clock_internal::ThreadNanoseconds() + workers_nanoseconds; }

int64_t CoarseCpuNanoseconds(int64_t now) {
  thread_local int64_t read_at = now - kCpuReadEvery;
  thread_local int64_t read = 0;
  thread_local int64_t said = 0;
  if (now - read_at >= kCpuReadEvery) {
    read = clock_internal::ThreadNanoseconds();
    read_at = now;
  }
  said = std::max(said, read + (now - read_at) + workers_nanoseconds);
  return said;
}

namespace clock_internal {

int64_t ThreadNanoseconds() { return Read(CLOCK_THREAD_CPUTIME_ID); }

void AddWorkers(int64_t nanoseconds) { workers_nanoseconds += nanoseconds; }

}  // namespace clock_internal
}  // namespace lutra
