#include "models/quoted.h"

#include "absl/strings/escaping.h"
#include "core/text.h"

namespace lutra {
namespace {

// The bytes of the first character, or 0 if it is not well-formed (Unicode standard, table 3-7: no
// overlong forms, no surrogates, nothing above U+10FFFF).
size_t SequenceLength(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  const size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (text.size() < length) return 0;
  const unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (byte(1) < low || byte(1) > high) return 0;
  for (size_t i = 2; i < length; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xBF) return 0;
  }
  return length;
}

}  // namespace

std::string Quoted(std::string_view text) {
  constexpr size_t kMaxBytes = 60;
  const bool valid = FirstInvalidUtf8(text) == std::string_view::npos;
  size_t size = text.size();
  if (size > kMaxBytes) {
    size = kMaxBytes;
    while (valid && size > 0 && ContinuesCharacter(text[size])) --size;
  }
  const absl::string_view shown = ToAbsl(text.substr(0, size));
  const std::string escaped = valid ? absl::Utf8SafeCEscape(shown) : absl::CHexEscape(shown);
  return StrCat("'", escaped, size < text.size() ? "...'" : "'");
}

size_t FirstInvalidUtf8(std::string_view text) {
  for (size_t position = 0; position < text.size();) {
    const size_t length = SequenceLength(text.substr(position));
    if (length == 0) return position;
    position += length;
  }
  return std::string_view::npos;
}

}  // namespace lutra
