#include <cstdio>
#include <string>
#include <vector>

#include "analysis/analyze.h"
#include "core/command_line.h"

int main(int count, char** values) {
  const std::vector<std::string> arguments = lutra::ArgumentsOfMain(count, values);
  const lutra::StatusOr<std::string> text = lutra::Analyze(arguments);
  if (!text.ok()) return lutra::ReportError("lutra-analyze", text.status());
  const bool written = std::fwrite(text->data(), 1, text->size(), stdout) == text->size();
  if (written && std::fflush(stdout) == 0) return 0;
  return lutra::ReportError("lutra-analyze", lutra::Unavailable("cannot write to stdout"));
}
