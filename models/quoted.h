// Foreign text in messages.
#ifndef LUTRA_MODELS_QUOTED_H_
#define LUTRA_MODELS_QUOTED_H_

#include <string>
#include <string_view>

namespace lutra {

// The text in single quotes, control characters and bytes that are not UTF-8 as escapes, cut
// ("...") after about 60 bytes: a message stays one line whatever a file holds.
std::string Quoted(std::string_view text);

// The byte at which the text stops being strict UTF-8, or npos.
size_t FirstInvalidUtf8(std::string_view text);

}  // namespace lutra

#endif  // LUTRA_MODELS_QUOTED_H_
