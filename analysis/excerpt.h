// Foreign text in a table on a terminal.
#ifndef LUTRA_ANALYSIS_EXCERPT_H_
#define LUTRA_ANALYSIS_EXCERPT_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace lutra {

// The beginning of a text (UTF-8) that takes at most so many columns (3 or more), "..." at its end
// if it was cut. Spaces stand for control characters and for what is no character; marks that would
// change the direction of the line are left out.
std::string Excerpt(std::string_view text, int64_t columns);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_EXCERPT_H_
