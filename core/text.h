// Building messages. The packaged Abseil has its own string_view type, which does not convert from
// std::string_view; this header is the one bridge.
#ifndef LUTRA_CORE_TEXT_H_
#define LUTRA_CORE_TEXT_H_

#include <array>
#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace lutra {

inline absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }

namespace text_internal {
template <class T>
const T& ForAbsl(const T& value) {
  return value;
}
inline absl::string_view ForAbsl(std::string_view value) { return ToAbsl(value); }
}  // namespace text_internal

// The pieces in decimal (numbers) or as they are (text), one after the other.
template <class... T>
std::string StrCat(const T&... pieces) {
  return absl::StrCat(text_internal::ForAbsl(pieces)...);
}

// Whether a text has no control characters, so that it can be shown as it is, on one line.
inline bool IsOneLine(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7f) return false;
    // U+0080 to U+009F, in UTF-8.
    if (byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0) {
      return false;
    }
  }
  return true;
}

// As short as it can be to read back as the same number; "inf", "nan" where it is none.
inline std::string Shortest(double number) {
  std::array<char, 32> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), number).ptr};
}

// Whether a byte of UTF-8 is not the first of its character.
inline bool ContinuesCharacter(char byte) {
  return (static_cast<unsigned char>(byte) & 0xc0) == 0x80;
}

// "a, b, c".
template <class Range>
std::string CommaSeparated(const Range& names) {
  std::string text;
  for (const auto& name : names) text += StrCat(text.empty() ? "" : ", ", name);
  return text;
}

}  // namespace lutra

#endif  // LUTRA_CORE_TEXT_H_
