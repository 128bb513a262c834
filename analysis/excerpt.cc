#include "analysis/excerpt.h"

#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <cstddef>

namespace lutra {
namespace {

constexpr std::string_view kCut = "...";

int64_t ColumnsOf(UChar32 character) {
  const auto type = u_charType(character);
  if (type == U_NON_SPACING_MARK || type == U_ENCLOSING_MARK) return 0;
  const int32_t width = u_getIntPropertyValue(character, UCHAR_EAST_ASIAN_WIDTH);
  return width == U_EA_WIDE || width == U_EA_FULLWIDTH ? 2 : 1;
}

bool IsShown(UChar32 character) {
  switch (u_charType(character)) {
    case U_UNASSIGNED:
    case U_CONTROL_CHAR:
    case U_LINE_SEPARATOR:
    case U_PARAGRAPH_SEPARATOR:
    case U_PRIVATE_USE_CHAR:
    case U_SURROGATE:
      return false;
    default:
      return true;
  }
}

}  // namespace

std::string Excerpt(std::string_view text, int64_t columns) {
  const auto characters = icu::UnicodeString::fromUTF8(
      icu::StringPiece(text.data(), static_cast<int32_t>(text.size())));
  const int64_t room = columns - static_cast<int64_t>(kCut.size());
  std::string excerpt;
  size_t cut = 0;  // where the dots would go
  int64_t used = 0;
  for (int32_t i = 0; i < characters.length(); i = characters.moveIndex32(i, 1)) {
    const UChar32 character = characters.char32At(i);
    if (u_charType(character) == U_FORMAT_CHAR) continue;
    const bool shown = IsShown(character);
    used += shown ? ColumnsOf(character) : 1;
    if (used > columns) {
      excerpt.resize(cut);
      return excerpt.append(kCut);
    }
    icu::UnicodeString(shown ? character : UChar32{' '}).toUTF8String(excerpt);
    if (used <= room) cut = excerpt.size();
  }
  return excerpt;
}

}  // namespace lutra
