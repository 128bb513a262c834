#include "analysis/machine.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "core/file.h"

namespace lutra {
namespace {

// The value of the first line "name : value" of a file of /proc; empty if there is none.
std::string ValueIn(const char* path, std::string_view name) {
  constexpr int64_t kMostBytes = int64_t{64} << 20;
  const auto content = ReadTextFile(path, kMostBytes);
  std::string_view rest = content.ok() ? std::string_view(*content) : "";
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const size_t colon = line.find(':');
    if (colon == line.npos || !line.starts_with(name)) continue;
    const size_t begin = line.find_first_not_of(" \t", colon + 1);
    if (begin != line.npos) return std::string(line.substr(begin));
  }
  return "";
}

}  // namespace

MachineFacts ThisMachine() {
  MachineFacts facts;
  facts.processor = ValueIn("/proc/cpuinfo", "model name");
  if (facts.processor.empty()) facts.processor = "unknown";
  cpu_set_t usable;
  const bool known = sched_getaffinity(0, sizeof(usable), &usable) == 0;
  facts.cores = known ? CPU_COUNT(&usable) : static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  const int64_t pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  facts.memory_bytes = pages > 0 && page > 0 ? pages * page : 0;
  return facts;
}

int64_t PeakMemoryBytes() {
  // Not getrusage, whose figure also covers what ran in this process before exec.
  const std::string peak = ValueIn("/proc/self/status", "VmHWM");
  int64_t kilobytes = 0;
  std::from_chars(peak.data(), peak.data() + peak.size(), kilobytes);
  return 1024 * kilobytes;
}

}  // namespace lutra
