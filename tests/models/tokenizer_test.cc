#include "models/tokenizer.h"

#include <catch2/catch.hpp>

#include "models/inputs.h"
#include "tests/models/random_model.h"

namespace lutra {
namespace {

using Ids = std::vector<int64_t>;

// The words are the vocabulary itself, so every piece has an id of its own, from 4 on.
Tokenizer Small(const std::vector<std::string>& pieces) {
  std::vector<std::string> vocabulary = {"[PAD]", "[UNK]", "[CLS]", "[SEP]"};
  vocabulary.insert(vocabulary.end(), pieces.begin(), pieces.end());
  StatusOr<Tokenizer> tokenizer = Tokenizer::Make(vocabulary, pieces);
  REQUIRE(tokenizer.ok());
  return *std::move(tokenizer);
}

// The ids between [CLS] and [SEP].
Ids Inner(const Tokenizer& tokenizer, const std::string& text) {
  const StatusOr<Ids> ids = tokenizer.Encode(text, 64);
  REQUIRE(ids.ok());
  REQUIRE(ids->size() == 64);
  REQUIRE(ids->front() == Tokenizer::kStart);
  const auto end = std::find(ids->begin(), ids->end(), Tokenizer::kEnd);
  REQUIRE(end != ids->end());
  REQUIRE(std::all_of(end + 1, ids->end(), [](int64_t id) { return id == Tokenizer::kPadding; }));
  return {ids->begin() + 1, end};
}

TEST_CASE("the tokenizer gives the 200 rows of the shipped texts") {
  const std::string model = PretrainedFile("sms-spam-tiny.safetensors");
  IntegerModelShape shape;
  shape.hidden = 128;
  shape.sequence = 32;
  shape.vocabulary = 3424;
  shape.labels = {"ham", "spam"};
  const StatusOr<Examples> texts = LoadExamples(model, shape, std::nullopt);
  REQUIRE(texts.ok());
  const StatusOr<Examples> cases =
      LoadExamples(model, shape, PretrainedFile("sms-spam-tiny.cases.safetensors"));
  REQUIRE(cases.ok());
  REQUIRE(texts->count() == 200);
  CHECK(texts->texts.size() == 200);
  CHECK(texts->labels == cases->labels);
  CHECK(texts->inputs == cases->inputs);
}

TEST_CASE("words and pieces") {
  const Tokenizer t = Small(
      {"un", "##aff", "##able", "a", "/", ",", "day", "150", "##p", "affable", "unaff", "##x"});
  CHECK(Inner(t, "").empty());
  CHECK(Inner(t, "  \t\r \x01 ").empty());
  // Longest first: unaff, not un.
  CHECK(Inner(t, "unaffable") == Ids{14, 6});
  CHECK(Inner(t, "UNx affable") == Ids{4, 15, 13});
  CHECK(Inner(t, "150p/day,") == Ids{11, 12, 8, 10, 9});
  // A rest without a piece makes the whole word unknown.
  CHECK(Inner(t, "unaffq a") == Ids{1, 7});
  // ##p continues a word; it does not begin one.
  CHECK(Inner(t, "p") == Ids{1});
}

TEST_CASE("a piece without a row of the vocabulary is unknown, but still the longest") {
  const StatusOr<Tokenizer> t =
      Tokenizer::Make({"[PAD]", "[UNK]", "[CLS]", "[SEP]", "ab", "##c"}, {"abc", "ab", "##c"});
  REQUIRE(t.ok());
  CHECK(Inner(*t, "abc ab") == Ids{1, 4});
}

TEST_CASE("words longer than 100 characters are unknown") {
  const Tokenizer t = Small({"a", "##a", "ä"});
  CHECK(Inner(t, std::string(40, 'a')).size() == 40);
  const StatusOr<Ids> hundred = t.Encode(std::string(100, 'a'), 128);
  const StatusOr<Ids> more = t.Encode(std::string(101, 'a'), 128);
  REQUIRE((hundred.ok() && more.ok()));
  CHECK((*hundred)[100] == 5);
  CHECK((*more)[1] == Tokenizer::kUnknown);
  CHECK((*more)[2] == Tokenizer::kEnd);
}

TEST_CASE("rows are cut and padded") {
  const Tokenizer t = Small({"a", "b", "##b"});
  CHECK(*t.Encode("a b", 3) == Ids{2, 4, 3});
  CHECK(*t.Encode("abbb b", 4) == Ids{2, 4, 6, 3});
  CHECK(*t.Encode("a", 5) == Ids{2, 4, 3, 0, 0});
}

TEST_CASE("Unicode as Python's str has it") {
  // u-umlaut, composed and decomposed, both cases; final and inner sigma; dotted capital I; a
  // ligature's own letter; a fraction and a superscript (numeric); CJK joins; no-break space, next
  // line and ideographic space end words; currency, ellipsis, DEL and emoji stand alone.
  const Tokenizer t = Small({"u", "οδος", "σοφος", "i", "æ", "½", "²", "中", "##文", "£", "…",
                             "\x7f", "😀", "a", "##²", "ß"});
  CHECK(Inner(t, "ü Ü u\u0308 U\u0308") == Ids{4, 4, 4, 4});
  CHECK(Inner(t, "ΟΔΟΣ ΣΟΦΟΣ") == Ids{5, 6});
  CHECK(Inner(t, "\u0130") == Ids{7});
  CHECK(Inner(t, "Æ ½ ² a²") == Ids{8, 9, 10, 17, 18});
  CHECK(Inner(t, "中文") == Ids{11, 12});
  CHECK(Inner(t, "£a…a") == Ids{13, 17, 14, 17});
  CHECK(Inner(t,
              "a\u00a0a\u0085a\u3000a\x1f"
              "a") == Ids{17, 17, 17, 17, 17});
  CHECK(Inner(t, "\x7f😀") == Ids{15, 16});
  CHECK(Inner(t, "ẞ") == Ids{19});
  // A mark alone is dropped and does not end the word.
  CHECK(Inner(t, "\u0301").empty());
}

TEST_CASE("text must be strict UTF-8 without NUL") {
  const auto message = [](std::string_view text) { return std::string(CheckText(text).message()); };
  CHECK(CheckText("plain, ü, 中, 😀").ok());
  CHECK(message("ab\xff") == "expected UTF-8, found something else at byte 2");
  CHECK(message("\xc0\xaf") == "expected UTF-8, found something else at byte 0");
  CHECK(message("a\xed\xa0\x80") == "expected UTF-8, found something else at byte 1");
  CHECK(message("\xf4\x90\x80\x80") == "expected UTF-8, found something else at byte 0");
  CHECK(message("\xe2\x82") == "expected UTF-8, found something else at byte 0");
  CHECK(message(std::string_view("a\0b", 3)) == "expected text, found a NUL at byte 1");
  CHECK_FALSE(Small({"a"}).Encode("\x80", 8).ok());
}

TEST_CASE("bad vocabularies are errors with file and line") {
  const TemporaryFolder folder;
  const std::string pieces = folder.Write("pieces.txt", "a\nb\n");
  const std::string good = "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n";
  struct Case {
    std::string content;
    std::string message;
  };
  const std::vector<Case> cases = {
      {"", "expected lines of text, found an empty file"},
      {"[PAD]\n[UNK]\n", "line 3: expected '[CLS]', found the end"},
      {"[PAD]\n[CLS]\n[UNK]\n[SEP]\n", "line 2: expected '[UNK]', found '[CLS]'"},
      {good + "a\n", "line 6: expected a new piece, found 'a' again"},
      {good + "\nb\n", "line 6: expected a piece, found an empty line"},
      {good + "b\xff\n", "line 6: expected UTF-8, found something else at byte 1"},
      {good + std::string("\0", 1), "line 6: expected text, found a NUL at byte 0"},
  };
  for (const Case& c : cases) {
    const std::string file = folder.Write("vocabulary.txt", c.content);
    const Status status = Tokenizer::Load(file, pieces).status();
    CHECK(status.message() == file + ": " + c.message);
  }
  const std::string file = folder.Write("vocabulary.txt", good);
  CHECK(Tokenizer::Load(file, pieces)->vocabulary_size() == 5);
  const Status missing = Tokenizer::Load(file, folder.File("nothing.txt")).status();
  CHECK(std::string(missing.message()).find("nothing.txt") != std::string::npos);
}

}  // namespace
}  // namespace lutra
