// Whether the tests are built with a sanitizer, which makes them many times slower and larger:
// those that repeat one thing in many ways do it in fewer ways then.
#ifndef LUTRA_TESTS_SUPPORT_SANITIZED_H_
#define LUTRA_TESTS_SUPPORT_SANITIZED_H_

namespace lutra {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace lutra

#endif  // LUTRA_TESTS_SUPPORT_SANITIZED_H_
