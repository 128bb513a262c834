#include "core/status.h"

#include <cstdio>
#include <cstdlib>
#include <string>

namespace lutra {

Status Annotate(const Status& status, std::string_view where) {
  if (status.ok()) return status;
  const absl::string_view message = status.message();
  return Status(status.code(),
                ToAbsl(StrCat(where, ": ", std::string_view(message.data(), message.size()))));
}

std::string OneLine(const Status& status) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string line;
  for (const char character : status.message()) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte >= 0x20 && byte != 0x7f) {
      line += character;
    } else {
      line += "\\x";
      line += kHex[byte >> 4];
      line += kHex[byte & 15];
    }
  }
  return line;
}

namespace status_internal {

void CheckFailed(const char* file, int line, const char* condition) {
  std::fprintf(stderr, "%s:%d: this is a bug in Lutra: %s does not hold\n", file, line, condition);
  std::abort();
}

}  // namespace status_internal
}  // namespace lutra
