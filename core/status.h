// Errors. What the outside world can cause is a Status; what only a bug can break is a LUTRA_CHECK.
#ifndef LUTRA_CORE_STATUS_H_
#define LUTRA_CORE_STATUS_H_

#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/text.h"

namespace lutra {

using absl::Status;
using absl::StatusOr;

// A Status whose message is the concatenation of the pieces: where, which field, expected, found.
template <class... T>
Status InvalidArgument(const T&... pieces) {
  return absl::InvalidArgumentError(StrCat(pieces...));
}

// For resources of the system: files, memory, processes.
template <class... T>
Status Unavailable(const T&... pieces) {
  return absl::UnavailableError(StrCat(pieces...));
}

// Puts "where: " before the message of an error; OK stays OK.
Status Annotate(const Status& status, std::string_view where);

// The message of a status on one line, whatever bytes it quotes: control characters become escapes.
std::string OneLine(const Status& status);

namespace status_internal {
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition);
}  // namespace status_internal

}  // namespace lutra

// For what only a bug can break. Prints file, line and condition, then aborts. Also in release
// builds.
#define LUTRA_CHECK(condition)                                               \
  do {                                                                       \
    if (!(condition)) [[unlikely]] {                                         \
      ::lutra::status_internal::CheckFailed(__FILE__, __LINE__, #condition); \
    }                                                                        \
  } while (false)

#define LUTRA_RETURN_IF_ERROR(expression)                                  \
  do {                                                                     \
    if (::lutra::Status lutra_status = (expression); !lutra_status.ok()) { \
      return lutra_status;                                                 \
    }                                                                      \
  } while (false)

#define LUTRA_CONCATENATE_INNER(a, b) a##b
#define LUTRA_CONCATENATE(a, b) LUTRA_CONCATENATE_INNER(a, b)
#define LUTRA_ASSIGN_OR_RETURN(declaration, expression) \
  LUTRA_ASSIGN_OR_RETURN_INNER(LUTRA_CONCATENATE(lutra_or_, __LINE__), declaration, expression)
#define LUTRA_ASSIGN_OR_RETURN_INNER(temporary, declaration, expression) \
  auto temporary = (expression);                                         \
  if (!temporary.ok()) return temporary.status();                        \
  declaration = *std::move(temporary)

#endif  // LUTRA_CORE_STATUS_H_
