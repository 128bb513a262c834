#include <cstdio>
#include <new>
#include <string>
#include <string_view>

#include "analysis/analyze.h"
#include "core/command_line.h"

namespace lutra {
namespace {

constexpr std::string_view kProgram = "lutra-analyze";

int Main(int count, char** values) {
  const StatusOr<std::string> text = Analyze(ArgumentsOfMain(count, values));
  if (!text.ok()) return ReportError(kProgram, text.status());
  const bool written = std::fwrite(text->data(), 1, text->size(), stdout) == text->size();
  if (written && std::fflush(stdout) == 0) return 0;
  return ReportError(kProgram, Unavailable("cannot write to stdout"));
}

}  // namespace
}  // namespace lutra

int main(int count, char** values) {
  try {
    return lutra::Main(count, values);
  } catch (const std::bad_alloc&) {
    return lutra::ReportError(lutra::kProgram, lutra::Unavailable("not enough memory"));
  }
}
