#include "analysis/typeset.h"

#include <array>
#include <utility>

#include "analysis/picture.h"
#include "core/text.h"

namespace lutra {
namespace {

std::string Superscript(char digit) {
  static constexpr std::array<std::string_view, 10> kDigits = {
      "\u2070", "\u00b9", "\u00b2", "\u00b3", "\u2074",
      "\u2075", "\u2076", "\u2077", "\u2078", "\u2079"};
  return std::string(kDigits[static_cast<size_t>(digit - '0')]);
}

std::string Subscript(char digit) {
  static constexpr std::array<std::string_view, 10> kDigits = {
      "\u2080", "\u2081", "\u2082", "\u2083", "\u2084",
      "\u2085", "\u2086", "\u2087", "\u2088", "\u2089"};
  return std::string(kDigits[static_cast<size_t>(digit - '0')]);
}

bool IsDigit(char character) { return character >= '0' && character <= '9'; }
bool IsLetter(char character) {
  return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z');
}

// A line of a figure (FigureLine) with its letters and signs, escaped.
class Typesetter {
 public:
  explicit Typesetter(std::string_view line) : line_(line) {}

  std::string Set() && {
    while (at_ < line_.size()) {
      const char character = line_[at_];
      if (line_.substr(at_).starts_with(kRing)) {  // two levels of subscripts there are not
        text_ += "Z/2";
        at_ += kRing.size();
        SetDigits(Superscript);
      } else if (IsLetter(character)) {
        SetWord();
      } else if ((character == '_' || character == '^') && IsDigit(Next())) {
        ++at_;
        SetDigits(character == '_' ? Subscript : Superscript);
      } else {
        SetSign(character);
      }
    }
    return std::move(text_);
  }

 private:
  static constexpr std::string_view kRing = "Z_2^";

  char Next() const { return at_ + 1 < line_.size() ? line_[at_ + 1] : '\0'; }

  void SetDigits(std::string (*form)(char)) {
    for (; at_ < line_.size() && IsDigit(line_[at_]); ++at_) text_ += form(line_[at_]);
  }

  void SetWord() {
    size_t end = at_;
    while (end < line_.size() && IsLetter(line_[end])) ++end;
    const std::string_view word = line_.substr(at_, end - at_);
    at_ = end;
    if (word == "Delta") {
      text_ += "\u0394";
    } else if (word == "delta") {
      text_ += "\u03b4";
    } else if (word == "alpha") {
      text_ += "\u03b1";
    } else {
      text_ += word;
    }
    for (; at_ < line_.size() && line_[at_] == '\''; ++at_) text_ += "\u2032";
    SetDigits(Subscript);
  }

  void SetSign(char character) {
    ++at_;
    if (character == '<' && at_ < line_.size() && line_[at_] == '-') {
      ++at_;
      text_ += "\u2190";
    } else if (character == '-') {
      text_ += "\u2212";
    } else if (character == '*') {
      text_ += "\u00d7";
    } else if (character == '.') {
      text_ += "\u00b7";
    } else {  // a whole character of UTF-8
      const size_t begin = at_ - 1;
      while (at_ < line_.size() && ContinuesCharacter(line_[at_])) ++at_;
      text_ += EscapeLabel(line_.substr(begin, at_ - begin));
    }
  }

  std::string_view line_;
  size_t at_ = 0;
  std::string text_;
};

// What a character takes of the font's size, in wide sans-serif fonts.
double CharacterWidth(char character) {
  constexpr std::string_view kNarrow = "iljt.,:;'|![]() ";
  constexpr std::string_view kWide = "mwMW";
  if (kNarrow.find(character) != kNarrow.npos) return 0.4;
  if (kWide.find(character) != kWide.npos) return 0.95;
  return character >= 'A' && character <= 'Z' ? 0.72 : 0.63;
}

}  // namespace

std::string Typeset(std::string_view line) { return Typesetter(line).Set(); }

std::string EscapeLabel(std::string_view text) {
  if (text.empty()) return "(no path)";
  std::string escaped;
  for (const char character : EscapeXml(text)) {
    if (character == '\\') {
      escaped += "&#92;";
    } else {
      escaped += character;
    }
  }
  return escaped;
}

double TextWidth(std::string_view text, double size, bool bold) {
  double width = 0;
  for (const char character : text) {
    if (ContinuesCharacter(character)) continue;  // goes on
    width += CharacterWidth(character);
  }
  return width * size * (bold ? 1.12 : 1);
}

std::vector<std::string> Wrap(const std::vector<std::string>& names, size_t characters,
                              size_t lines) {
  std::vector<std::string> wrapped;
  for (size_t i = 0; i < names.size(); ++i) {
    const bool is_last = i + 1 == names.size();
    const std::string name = names[i] + (is_last ? "" : ",");
    const bool fits = !wrapped.empty() && wrapped.back().size() + 1 + name.size() <= characters;
    if (fits) {
      wrapped.back() += " " + name;
    } else if (wrapped.size() == lines) {
      wrapped.back() += StrCat(" and ", names.size() - i, " more");
      return wrapped;
    } else {
      wrapped.push_back(name);
    }
  }
  return wrapped;
}

std::string_view Title(Role role) {
  constexpr std::array<std::string_view, kRoles.size()> kTitles = {
      "dealer", "P0", "P1", "P2", "model owner", "data owner"};
  return kTitles[Index(role)];
}

}  // namespace lutra
