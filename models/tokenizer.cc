#include "models/tokenizer.h"

#include <unicode/locid.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <array>
#include <utility>

#include "core/file.h"
#include "models/quoted.h"

namespace lutra {
namespace {

constexpr int64_t kMaxListBytes = int64_t{16} << 20;
constexpr size_t kMaxWordCharacters = 100;
constexpr std::array<std::string_view, 4> kSpecialPieces = {"[PAD]", "[UNK]", "[CLS]", "[SEP]"};

// What a character does to the words around it. The classes are those of Python's str.isalnum and
// str.isspace, which the training used.
bool JoinsWord(UChar32 character) {
  return (U_GET_GC_MASK(character) & U_GC_L_MASK) != 0 ||
         u_getIntPropertyValue(character, UCHAR_NUMERIC_TYPE) != U_NT_NONE;
}

bool EndsWord(UChar32 character) {
  if (character < 0x20 || u_charType(character) == U_SPACE_SEPARATOR) return true;
  const UCharDirection direction = u_charDirection(character);
  return direction == U_WHITE_SPACE_NEUTRAL || direction == U_BLOCK_SEPARATOR ||
         direction == U_SEGMENT_SEPARATOR;
}

// Lower-cased (full mappings, final sigma by context), then decomposed.
StatusOr<icu::UnicodeString> Folded(std::string_view text) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* decompose = icu::Normalizer2::getNFDInstance(error);
  if (U_FAILURE(error)) return Unavailable("Unicode tables: ", u_errorName(error));
  icu::UnicodeString lower = icu::UnicodeString::fromUTF8(
      icu::StringPiece(text.data(), static_cast<int32_t>(text.size())));
  lower.toLower(icu::Locale::getRoot());
  icu::UnicodeString folded = decompose->normalize(lower, error);
  if (U_FAILURE(error)) return Unavailable("text: decomposition: ", u_errorName(error));
  return folded;
}

std::vector<std::u32string> SplitWords(const icu::UnicodeString& text) {
  std::vector<std::u32string> words;
  std::u32string word;
  const auto finish = [&] {
    if (!word.empty()) words.push_back(std::exchange(word, {}));
  };
  for (int32_t i = 0; i < text.length(); i = text.moveIndex32(i, 1)) {
    const UChar32 character = text.char32At(i);
    if (u_charType(character) == U_NON_SPACING_MARK) continue;
    if (JoinsWord(character)) {
      word += static_cast<char32_t>(character);
      continue;
    }
    finish();
    if (!EndsWord(character)) words.emplace_back(1, static_cast<char32_t>(character));
  }
  finish();
  return words;
}

void AppendUtf8(char32_t character, std::string& text) {
  icu::UnicodeString(static_cast<UChar32>(character)).toUTF8String(text);
}

Status CheckVocabulary(const std::vector<std::string>& vocabulary, std::string_view name) {
  for (size_t i = 0; i < kSpecialPieces.size(); ++i) {
    if (i < vocabulary.size() && vocabulary[i] == kSpecialPieces[i]) continue;
    return InvalidArgument(name, ": line ", i + 1, ": expected '", kSpecialPieces[i], "', found ",
                           i < vocabulary.size() ? Quoted(vocabulary[i]) : "the end");
  }
  return absl::OkStatus();
}

Status CheckPiece(const std::string& piece, std::string_view name, size_t index) {
  if (!piece.empty()) return CheckText(piece);
  return InvalidArgument(name, ": line ", index + 1, ": expected a piece, found an empty line");
}

}  // namespace

Status CheckText(std::string_view text) {
  const size_t nul = text.find('\0');
  const size_t invalid = FirstInvalidUtf8(text);
  if (nul != std::string_view::npos && nul < invalid) {
    return InvalidArgument("expected text, found a NUL at byte ", nul);
  }
  if (invalid == std::string_view::npos) return absl::OkStatus();
  return InvalidArgument("expected UTF-8, found something else at byte ", invalid);
}

StatusOr<std::vector<std::string>> ReadTextLines(const std::filesystem::path& path,
                                                 uint64_t max_bytes) {
  LUTRA_ASSIGN_OR_RETURN(const std::string text,
                         ReadTextFile(path, static_cast<int64_t>(max_bytes)));
  return SplitLines(text, path.string());
}

StatusOr<std::vector<std::string>> SplitLines(std::string_view text, std::string_view name) {
  if (text.empty()) return InvalidArgument(name, ": expected lines of text, found an empty file");
  if (text.ends_with('\n')) text.remove_suffix(1);
  std::vector<std::string> lines;
  while (true) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    const Status status = CheckText(line);
    if (!status.ok()) return Annotate(status, StrCat(name, ": line ", lines.size() + 1));
    lines.emplace_back(line);
    if (end == std::string_view::npos) return lines;
    text.remove_prefix(end + 1);
  }
}

StatusOr<Tokenizer> Tokenizer::Load(const std::filesystem::path& vocabulary,
                                    const std::filesystem::path& pieces) {
  LUTRA_ASSIGN_OR_RETURN(const std::vector<std::string> vocabulary_lines,
                         ReadTextLines(vocabulary, kMaxListBytes));
  LUTRA_ASSIGN_OR_RETURN(const std::vector<std::string> piece_lines,
                         ReadTextLines(pieces, kMaxListBytes));
  return Make(vocabulary_lines, piece_lines, vocabulary.string(), pieces.string());
}

StatusOr<Tokenizer> Tokenizer::Make(const std::vector<std::string>& vocabulary,
                                    const std::vector<std::string>& pieces,
                                    std::string_view vocabulary_name,
                                    std::string_view pieces_name) {
  Tokenizer tokenizer;
  LUTRA_RETURN_IF_ERROR(CheckVocabulary(vocabulary, vocabulary_name));
  for (size_t i = 0; i < vocabulary.size(); ++i) {
    LUTRA_RETURN_IF_ERROR(CheckPiece(vocabulary[i], vocabulary_name, i));
    if (!tokenizer.ids_.emplace(vocabulary[i], static_cast<int64_t>(i)).second) {
      return InvalidArgument(vocabulary_name, ": line ", i + 1, ": expected a new piece, found ",
                             Quoted(vocabulary[i]), " again");
    }
  }
  for (size_t i = 0; i < pieces.size(); ++i) {
    LUTRA_RETURN_IF_ERROR(CheckPiece(pieces[i], pieces_name, i));
    tokenizer.pieces_.insert(pieces[i]);
  }
  return tokenizer;
}

StatusOr<std::vector<int64_t>> Tokenizer::Encode(std::string_view text, int64_t length) const {
  LUTRA_CHECK(length >= kMinLength);
  if (text.size() > static_cast<size_t>(kMaxListBytes)) {
    return InvalidArgument("expected at most ", kMaxListBytes, " bytes, found ", text.size());
  }
  LUTRA_RETURN_IF_ERROR(CheckText(text));
  LUTRA_ASSIGN_OR_RETURN(const icu::UnicodeString folded, Folded(text));
  const size_t limit = static_cast<size_t>(length) - 1;  // all but [SEP]
  std::vector<int64_t> ids = {kStart};
  for (const std::u32string& word : SplitWords(folded)) {
    if (ids.size() >= limit) break;
    AppendWord(word, ids);
  }
  ids.resize(std::min(ids.size(), limit));
  ids.push_back(kEnd);
  ids.resize(static_cast<size_t>(length), kPadding);
  return ids;
}

void Tokenizer::AppendWord(std::u32string_view word, std::vector<int64_t>& ids) const {
  if (word.size() > kMaxWordCharacters) {
    ids.push_back(kUnknown);
    return;
  }
  std::string text;
  std::vector<size_t> ends = {0};  // ends[i]: the bytes of the first i characters
  for (const char32_t character : word) {
    AppendUtf8(character, text);
    ends.push_back(text.size());
  }
  std::vector<int64_t> found;
  for (size_t begin = 0; begin < word.size();) {
    size_t end = word.size();
    std::string piece;
    for (; end > begin; --end) {
      piece = StrCat(begin > 0 ? "##" : "", text.substr(ends[begin], ends[end] - ends[begin]));
      if (pieces_.contains(piece)) break;
    }
    if (end == begin) {
      ids.push_back(kUnknown);
      return;
    }
    const auto id = ids_.find(piece);
    found.push_back(id == ids_.end() ? kUnknown : id->second);
    begin = end;
  }
  ids.insert(ids.end(), found.begin(), found.end());
}

}  // namespace lutra
