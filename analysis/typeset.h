// Text of pictures that Graphviz draws: escaped, with the letters and signs of formulas, measured.
#ifndef LUTRA_ANALYSIS_TYPESET_H_
#define LUTRA_ANALYSIS_TYPESET_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "mpc/role.h"

namespace lutra {

// Text as Graphviz's labels and tooltips want it: never empty, UTF-8 without control characters.
std::string EscapeLabel(std::string_view text);

// A line of a figure (FigureLine) with its letters and signs, escaped.
std::string Typeset(std::string_view line);

// At least what escaped text takes in sans-serif fonts, in the unit of its size.
double TextWidth(std::string_view text, double size, bool bold = false);

// Names, separated by commas, in lines of about so many characters; at most `lines`, and then how
// many there are besides.
std::vector<std::string> Wrap(const std::vector<std::string>& names, size_t characters,
                              size_t lines);

// "dealer", "P0", "data owner".
std::string_view Title(Role role);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_TYPESET_H_
