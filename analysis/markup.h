// Foreign text in documents: as it stands in a line or in a cell, where nothing of it means more.
#ifndef LUTRA_ANALYSIS_MARKUP_H_
#define LUTRA_ANALYSIS_MARKUP_H_

#include <string>
#include <string_view>

namespace lutra {

// Both take UTF-8; a space stands for each control character, a mark for what is no character.

// For Markdown: what it marks text with is escaped.
std::string InMarkdown(std::string_view text);

// For plain LaTeX, of any font encoding, in ASCII: Latin letters with marks as commands, what it
// has no character for as a question mark. May begin a row of a table: "[" and "*" are no arguments
// of the "\\" before them.
std::string InLatex(std::string_view text);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_MARKUP_H_
