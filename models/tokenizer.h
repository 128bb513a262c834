// WordPiece as bert-base-uncased does it, with a shortened vocabulary: text to token ids.
//
//   1. lower-case, decompose (Unicode NFD), drop combining marks (Mn)
//   2. letters and numeric characters join a word; white space and everything below U+0020 ends
//      it; any other character is a word of its own
//   3. each word is split into the longest pieces, left to right; pieces inside a word are looked
//      up as ##piece; a word with a rest that matches none, or of more than 100 characters, is
//      [UNK]
//   4. a piece that the vocabulary lacks gets the id of [UNK]
//   5. [CLS], the first n-2 ids, [SEP], then [PAD]
#ifndef LUTRA_MODELS_TOKENIZER_H_
#define LUTRA_MODELS_TOKENIZER_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/status.h"

namespace lutra {

// An error unless the text is strict UTF-8 without NUL; names the first bad byte.
Status CheckText(std::string_view text);

// The lines of a text file, without their line feeds (a carriage return before one is dropped).
// Strict UTF-8, at most max_bytes, not empty; errors name file and line.
StatusOr<std::vector<std::string>> ReadTextLines(const std::filesystem::path& path,
                                                 uint64_t max_bytes);
// The same from memory; `name` stands for the file in messages.
StatusOr<std::vector<std::string>> SplitLines(std::string_view text, std::string_view name);

class Tokenizer {
 public:
  static constexpr int64_t kPadding = 0;
  static constexpr int64_t kUnknown = 1;
  static constexpr int64_t kStart = 2;
  static constexpr int64_t kEnd = 3;
  static constexpr int64_t kMinLength = 3;

  // The vocabulary: one piece a line, in the order of the embedding's rows, beginning with [PAD],
  // [UNK], [CLS], [SEP]. The pieces: all that words are split into, one a line.
  static StatusOr<Tokenizer> Load(const std::filesystem::path& vocabulary,
                                  const std::filesystem::path& pieces);
  // The same from memory; the names stand for the files in messages.
  static StatusOr<Tokenizer> Make(const std::vector<std::string>& vocabulary,
                                  const std::vector<std::string>& pieces,
                                  std::string_view vocabulary_name = "vocabulary",
                                  std::string_view pieces_name = "pieces");

  int64_t vocabulary_size() const { return static_cast<int64_t>(ids_.size()); }

  // Exactly `length` >= kMinLength ids; an error when the text fails CheckText.
  StatusOr<std::vector<int64_t>> Encode(std::string_view text, int64_t length) const;

 private:
  Tokenizer() = default;
  void AppendWord(std::u32string_view word, std::vector<int64_t>& ids) const;

  std::unordered_map<std::string, int64_t> ids_;
  std::unordered_set<std::string> pieces_;
};

}  // namespace lutra

#endif  // LUTRA_MODELS_TOKENIZER_H_
