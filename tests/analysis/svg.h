// Reading pictures as tests do: whether they are XML, where their text is.
#ifndef LUTRA_TESTS_ANALYSIS_SVG_H_
#define LUTRA_TESTS_ANALYSIS_SVG_H_

#include <algorithm>
#include <cstddef>
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

struct SvgBox {
  double left, right, top, bottom;
};

// What a text takes in a narrow font.
inline SvgBox BoxOf(const SvgText& text) {
  double width = 0;
  bool in_entity = false;
  for (const char character : text.text) {
    constexpr std::string_view kNarrow = " .,:;'|!()[]/fijlrt";
    const bool goes_on = ContinuesCharacter(character);
    if (!in_entity && !goes_on) {
      width += text.size * (kNarrow.find(character) == kNarrow.npos ? 0.45 : 0.2);
    }
    if (character == '&') in_entity = true;
    if (character == ';') in_entity = false;
  }
  const double left = text.middle ? text.x - width / 2 : text.x;
  return {left, left + width, text.y - 0.7 * text.size, text.y};
}

// The first two texts that lie on each other, in a narrow font; empty where none do.
inline std::string OverlapIn(const std::vector<SvgText>& texts) {
  for (size_t i = 0; i < texts.size(); ++i) {
    const SvgBox a = BoxOf(texts[i]);
    for (size_t j = i + 1; j < texts.size(); ++j) {
      const SvgBox b = BoxOf(texts[j]);
      const bool apart =
          a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;
      if (!apart) return StrCat(texts[i].text, ", ", texts[j].text);
    }
  }
  return "";
}

// The first label of an edge of Graphviz that its edge goes through; empty where none does.
inline std::string CrossedIn(const std::string& svg) {
  static const std::regex kNumber("-?[0-9.]+");
  for (size_t at = svg.find("class=\"edge\""); at != svg.npos;
       at = svg.find("class=\"edge\"", at + 1)) {
    const size_t next = std::min(svg.find("class=\"", at + 1), svg.find("<rect ", at));
    const std::vector<SvgText> texts = TextsOf(svg.substr(at, next - at));
    const size_t begin = svg.find(" d=\"", at) + 4, end = svg.find('"', begin);
    std::vector<double> values;
    for (std::sregex_iterator number(svg.begin() + static_cast<std::ptrdiff_t>(begin),
                                     svg.begin() + static_cast<std::ptrdiff_t>(end), kNumber),
         last;
         number != last; ++number) {
      values.push_back(std::stod(number->str()));
    }
    // Cubic curves, each from where the last ended.
    for (size_t i = 0; i + 7 < values.size(); i += 6) {
      for (double t = 0; t <= 1; t += 1.0 / 64) {
        const auto at_time = [&](size_t axis) {
          const double* const p = &values[i + axis];
          const double u = 1 - t;
          return u * u * u * p[0] + 3 * u * u * t * p[2] + 3 * u * t * t * p[4] + t * t * t * p[6];
        };
        const double x = at_time(0), y = at_time(1);
        for (const SvgText& text : texts) {
          const SvgBox box = BoxOf(text);
          if (x > box.left && x < box.right && y > box.top && y < box.bottom) return text.text;
        }
      }
    }
  }
  return "";
}

}  // namespace lutra

#endif  // LUTRA_TESTS_ANALYSIS_SVG_H_
