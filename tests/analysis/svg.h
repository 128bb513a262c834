// Reading pictures as tests do: whether they are XML, where their text is.
#ifndef LUTRA_TESTS_ANALYSIS_SVG_H_
#define LUTRA_TESTS_ANALYSIS_SVG_H_

#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "core/text.h"

namespace lutra {

struct SvgText {
  std::string text;
  double x = 0;  // where it begins, or its middle
  double y = 0;  // of its baseline
  double size = 0;
  bool middle = false;
};

// Whether entities end in what follows a '&'.
inline bool EntitiesEnd(std::string_view text) {
  for (size_t at = text.find('&'); at != text.npos; at = text.find('&', at + 1)) {
    const size_t end =
        text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEF0123456789#", at + 1);
    if (end == text.npos || text[end] != ';' || end == at + 1) return false;
  }
  return true;
}

// Whether what stands in a tag is a name and attributes, each in quotes.
inline bool IsTag(std::string_view tag) {
  size_t at = tag.find_first_of(" \n\t");
  if (at == 0 || tag.empty()) return false;
  while (at != tag.npos) {
    at = tag.find_first_not_of(" \n\t", at);
    if (at == tag.npos) return true;
    const size_t equals = tag.find('=', at);
    if (equals == tag.npos || equals + 1 >= tag.size() || tag[equals + 1] != '"') return false;
    const size_t end = tag.find('"', equals + 2);
    if (end == tag.npos || tag.substr(at, end - at).find('<') != tag.npos) return false;
    if (!EntitiesEnd(tag.substr(equals, end - equals))) return false;
    at = end + 1 < tag.size() ? end + 1 : tag.npos;
    if (at != tag.npos && tag[at] != ' ' && tag[at] != '\n') return false;
  }
  return true;
}

// Whether a document is XML: every tag is closed in its order, attributes are quoted, entities end.
inline bool IsWellFormed(std::string_view xml) {
  std::vector<std::string_view> open;
  bool is_empty = true;
  while (!xml.empty()) {
    const size_t begin = xml.find('<');
    if (!EntitiesEnd(xml.substr(0, begin))) return false;
    if (begin == xml.npos) break;
    xml.remove_prefix(begin);
    const std::string_view closing = xml.starts_with("<!--") ? "-->"
                                     : xml.starts_with("<?") ? "?>"
                                                             : ">";
    size_t end = xml.find(closing);
    if (end == xml.npos) return false;
    std::string_view tag = xml.substr(1, end - 1);
    xml.remove_prefix(end + closing.size());
    if (tag.starts_with("!") || tag.starts_with("?")) continue;
    is_empty = false;
    if (tag.starts_with("/")) {
      if (open.empty() || open.back() != tag.substr(1)) return false;
      open.pop_back();
      continue;
    }
    const bool closes = tag.ends_with("/");
    if (closes) tag.remove_suffix(1);
    if (!IsTag(tag)) return false;
    if (!closes) open.push_back(tag.substr(0, tag.find_first_of(" \n\t")));
  }
  return open.empty() && !is_empty;
}

inline std::vector<SvgText> TextsOf(std::string_view svg) {
  static const std::regex kText(
      "<text text-anchor=\"(start|middle)\" x=\"([-0-9.]+)\" y=\"([-0-9.]+)\"[^>]*"
      "font-size=\"([0-9.]+)\"[^>]*>([^<]*)");
  std::vector<SvgText> texts;
  for (size_t at = svg.find("<text "); at != svg.npos; at = svg.find("<text ", at + 1)) {
    const std::string text(svg.substr(at, svg.find("</text>", at) - at));
    std::smatch match;
    if (!std::regex_match(text, match, kText)) return {};
    texts.push_back({match[5], std::stod(match[2]), std::stod(match[3]), std::stod(match[4]),
                     match[1] == "middle"});
  }
  return texts;
}

// The first two texts that lie on each other, in a narrow font; empty where none do.
inline std::string OverlapIn(const std::vector<SvgText>& texts) {
  struct Box {
    double left, right, top, bottom;
  };
  const auto box_of = [](const SvgText& text) {
    double width = 0;
    bool in_entity = false;
    for (const char character : text.text) {
      constexpr std::string_view kNarrow = " .,:;'|!()[]/fijlrt";
      const bool goes_on = (static_cast<unsigned char>(character) & 0xC0) == 0x80;
      if (!in_entity && !goes_on) {
        width += text.size * (kNarrow.find(character) == kNarrow.npos ? 0.45 : 0.2);
      }
      if (character == '&') in_entity = true;
      if (character == ';') in_entity = false;
    }
    const double left = text.middle ? text.x - width / 2 : text.x;
    return Box{left, left + width, text.y - 0.7 * text.size, text.y};
  };
  for (size_t i = 0; i < texts.size(); ++i) {
    const Box a = box_of(texts[i]);
    for (size_t j = i + 1; j < texts.size(); ++j) {
      const Box b = box_of(texts[j]);
      const bool apart =
          a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;
      if (!apart) return StrCat(texts[i].text, ", ", texts[j].text);
    }
  }
  return "";
}

}  // namespace lutra

#endif  // LUTRA_TESTS_ANALYSIS_SVG_H_
