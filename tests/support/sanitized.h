// Whether the tests are built with a sanitizer, which makes them many times slower and larger:
// those that repeat one thing in many ways do it in fewer ways then.
#ifndef LUTRA_TESTS_SUPPORT_SANITIZED_H_
#define LUTRA_TESTS_SUPPORT_SANITIZED_H_

// As g++ tells it, and as clang++ does.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LUTRA_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define LUTRA_SANITIZED 1
#endif
#endif

namespace lutra {

#ifdef LUTRA_SANITIZED
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace lutra

#endif  // LUTRA_TESTS_SUPPORT_SANITIZED_H_
