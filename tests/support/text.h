// What tests ask of texts.
#ifndef LUTRA_TESTS_SUPPORT_TEXT_H_
#define LUTRA_TESTS_SUPPORT_TEXT_H_

#include <string_view>

namespace lutra {

inline bool Has(std::string_view text, std::string_view part) {
  return text.find(part) != text.npos;
}

}  // namespace lutra

#endif  // LUTRA_TESTS_SUPPORT_TEXT_H_
