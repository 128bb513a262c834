#include "cluster/wire.h"

namespace lutra {
namespace {

constexpr std::array<std::string_view, kRequestKinds> kNames = {
    "status", "add program", "take tape", "keep tape", "new stream", "open stream", "share model",
    "meet",   "merge",       "offer",     "prepare",   "open",       "join"};

}  // namespace

StatusOr<RequestKind> KindOf(std::span<const std::byte> request) {
  if (request.empty()) return InvalidArgument("request: expected a kind, found nothing");
  const auto kind = std::to_integer<int>(request[0]);
  if (kind < kRequestKinds) return static_cast<RequestKind>(kind);
  return InvalidArgument("request: expected a kind from 0 to ", kRequestKinds - 1, ", found ",
                         kind);
}

std::string_view Name(RequestKind kind) { return kNames.at(static_cast<size_t>(kind)); }

}  // namespace lutra
