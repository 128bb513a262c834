#include "analysis/markup.h"

#include <array>
#include <cstddef>

#include "analysis/picture.h"
#include "core/text.h"

namespace lutra {
namespace {

struct Symbol {
  std::string_view character;
  std::string_view latex;
};

constexpr std::array kSymbols = {
    Symbol{"\\", "\\textbackslash{}"},
    Symbol{"{", "\\{"},
    Symbol{"}", "\\}"},
    Symbol{"$", "\\$"},
    Symbol{"&", "\\&"},
    Symbol{"#", "\\#"},
    Symbol{"%", "\\%"},
    Symbol{"_", "\\_"},
    Symbol{"^", "\\textasciicircum{}"},
    Symbol{"~", "\\textasciitilde{}"},
    Symbol{"<", "\\textless{}"},
    Symbol{">", "\\textgreater{}"},
    Symbol{"|", "\\textbar{}"},
    Symbol{"\"", "''"},
    Symbol{"`", "{`}"},  // not the second half of a ligature
    Symbol{"[", "{[}"},
    Symbol{"]", "{]}"},
    Symbol{"*", "{*}"},
    Symbol{"–", "--"},
    Symbol{"—", "---"},
    Symbol{"…", "\\dots{}"},
    Symbol{"‘", "`"},
    Symbol{"’", "'"},
    Symbol{"“", "``"},
    Symbol{"”", "''"},
    Symbol{"×", "$\\times$"},
    Symbol{"·", "$\\cdot$"},
    Symbol{"±", "$\\pm$"},
    Symbol{"≤", "$\\le$"},
    Symbol{"≥", "$\\ge$"},
    Symbol{"→", "$\\to$"},
    Symbol{"µ", "$\\mu$"},
    Symbol{"μ", "$\\mu$"},
    Symbol{"λ", "$\\lambda$"},
    Symbol{"²", "$^2$"},
    Symbol{"°", "$^\\circ$"},
    Symbol{"ß", "\\ss{}"},
    Symbol{"Æ", "\\AE{}"},
    Symbol{"æ", "\\ae{}"},
    Symbol{"Œ", "\\OE{}"},
    Symbol{"œ", "\\oe{}"},
    Symbol{"Ø", "\\O{}"},
    Symbol{"ø", "\\o{}"},
    Symbol{"Ł", "\\L{}"},
    Symbol{"ł", "\\l{}"},
    Symbol{"ı", "\\i{}"},
};

// Letters of two bytes that carry the same mark, and the letters below it.
struct Accent {
  char command;
  std::string_view letters;
  std::string_view bases;
};

constexpr std::array kAccents = {
    Accent{'`', "ÀÈÌÒÙàèìòù", "AEIOUaeiou"},
    Accent{'\'', "ÁÉÍÓÚÝáéíóúýĆćĹĺŃńŔŕŚśŹź", "AEIOUYaeiouyCcLlNnRrSsZz"},
    Accent{'^', "ÂÊÎÔÛâêîôûĈĉĜĝĤĥĴĵŜŝŴŵŶŷ", "AEIOUaeiouCcGgHhJjSsWwYy"},
    Accent{'~', "ÃÑÕãñõĨĩŨũ", "ANOanoIiUu"},
    Accent{'"', "ÄËÏÖÜŸäëïöüÿ", "AEIOUYaeiouy"},
    Accent{'r', "ÅåŮů", "AaUu"},
    Accent{'c', "ÇçĢĶķĻļŅņŖŗŞşŢţ", "CcGKkLlNnRrSsTt"},
    Accent{'v', "ČčĎďĚěŇňŘřŠšŤťŽž", "CcDdEeNnRrSsTtZz"},
    Accent{'u', "ĂăĔĕĞğĬĭŎŏŬŭ", "AaEeGgIiOoUu"},
    Accent{'=', "ĀāĒēĪīŌōŪū", "AaEeIiOoUu"},
    Accent{'H', "ŐőŰű", "OoUu"},
    Accent{'.', "ĊċĖėĠġİŻż", "CcEeGgIZz"},
};

// How many bytes the first character of a text takes.
size_t FirstCharacter(std::string_view text) {
  size_t size = 1;
  while (size < text.size() && ContinuesCharacter(text[size])) ++size;
  return size;
}

std::string LatexOf(std::string_view character) {
  for (const Symbol& symbol : kSymbols) {
    if (symbol.character == character) return std::string(symbol.latex);
  }
  if (static_cast<unsigned char>(character[0]) < 0x80) return std::string(character);
  for (const Accent& accent : kAccents) {
    const size_t at = character.size() == 2 ? accent.letters.find(character) : accent.letters.npos;
    if (at == accent.letters.npos) continue;
    return StrCat("\\", std::string(1, accent.command), "{", accent.bases.substr(at / 2, 1), "}");
  }
  return "?";
}

}  // namespace

std::string InMarkdown(std::string_view text) {
  static constexpr std::string_view kSpecial = "\\`*_{}[]<>#|~$&";
  std::string escaped;
  for (const char character : CleanText(text)) {
    if (kSpecial.find(character) != kSpecial.npos) escaped += '\\';
    escaped += character;
  }
  return escaped;
}

std::string InLatex(std::string_view text) {
  const std::string clean = CleanText(text);
  std::string escaped;
  for (size_t i = 0; i < clean.size();) {
    const std::string_view rest = std::string_view(clean).substr(i);
    const std::string_view character = rest.substr(0, FirstCharacter(rest));
    // Two dashes would become one that is longer.
    if (character == "-" && escaped.ends_with('-')) escaped += "{}";
    escaped += LatexOf(character);
    i += character.size();
  }
  return escaped;
}

}  // namespace lutra
