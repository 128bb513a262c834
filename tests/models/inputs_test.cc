#include "models/inputs.h"

#include <catch2/catch.hpp>
#include <functional>

#include "tests/models/random_model.h"

namespace lutra {
namespace {

IntegerModelShape TokenShape() {
  IntegerModelShape shape;
  shape.hidden = 16;
  shape.sequence = 4;
  shape.vocabulary = 6;
  shape.labels = {"ham", "spam"};
  return shape;
}

IntegerModelShape PatchShape() {
  IntegerModelShape shape = TokenShape();
  shape.embedding = Embedding::kPatch;
  shape.vocabulary = 0;
  shape.patch_size = 2;
  return shape;
}

StatusOr<Tokenizer> SmallTokenizer() {
  return Tokenizer::Make({"[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "b"}, {"a", "b"});
}

std::string MessageOf(const StatusOr<Examples>& examples) {
  return std::string(examples.status().message());
}

TEST_CASE("text files") {
  const TemporaryFolder folder;
  const auto read = [&](const std::string& content) {
    return ReadExamples(folder.Write("in.txt", content), TokenShape(), SmallTokenizer);
  };
  const StatusOr<Examples> texts = read("a b\n\nb\r\nc");
  REQUIRE(texts.ok());
  CHECK(texts->count() == 4);
  CHECK(texts->texts == std::vector<std::string>{"a b", "", "b", "c"});
  CHECK(texts->labels.empty());
  CHECK(texts->expected_logits.empty());
  CHECK(texts->inputs ==
        Tensor::Of(Ring(32), Shape{4, 4}, {2, 4, 5, 3, 2, 3, 0, 0, 2, 5, 3, 0, 2, 1, 3, 0}));

  const StatusOr<Examples> labelled = read("ham\ta\nspam\tb\ta\n");
  REQUIRE(labelled.ok());
  CHECK(labelled->labels == std::vector<int>{0, 1});
  CHECK(labelled->texts == std::vector<std::string>{"a", "b\ta"});

  // Some lines without a tab: plain texts, tabs and all.
  const StatusOr<Examples> mixed = read("ham\ta\nb\n");
  REQUIRE(mixed.ok());
  CHECK(mixed->labels.empty());
  CHECK(mixed->texts[0] == "ham\ta");
  // Tabs, but nowhere a label.
  CHECK(read("a\tb\nb\ta\n")->labels.empty());

  const std::string file = folder.File("in.txt");
  CHECK(MessageOf(read("ham\ta\nspma\tb\n")) ==
        file + ": line 2: label: expected one of ham, spam, found 'spma'");
  CHECK(MessageOf(read("")) == file + ": expected lines of text, found an empty file");
  CHECK(MessageOf(read("a\nb\xff\n")) ==
        file + ": line 2: expected UTF-8, found something else at byte 1");
  CHECK(MessageOf(read(std::string("a\n\0", 3))) ==
        file + ": line 2: expected text, found a NUL at byte 0");
  IntegerModelShape longest = TokenShape();
  longest.sequence = 512;
  const std::string many(131073, '\n');
  CHECK(MessageOf(ReadExamples(folder.Write("in.txt", many), longest, SmallTokenizer)) ==
        file + ": lines: expected at most 131072, found 131073");
  CHECK(MessageOf(ReadExamples(folder.File("none"), TokenShape(), SmallTokenizer))
            .find(folder.File("none")) != std::string::npos);
}

TEST_CASE("slices") {
  const StatusOr<Examples> all =
      ExamplesOfLines({"ham\ta", "spam\tb", "ham\tc"}, "f", TokenShape(), *SmallTokenizer());
  REQUIRE(all.ok());
  const Examples part = all->Slice(1, 3);
  CHECK(part.count() == 2);
  CHECK(part.texts == std::vector<std::string>{"b", "c"});
  CHECK(part.labels == std::vector<int>{1, 0});
  CHECK(part.inputs.At(1) == 5);
  CHECK(all->Slice(3, 3).count() == 0);
}

TEST_CASE("files of cases") {
  const TemporaryFolder folder;
  const auto add = [](Safetensors& cases, const std::string& name, ElementType type, Shape shape,
                      std::vector<int64_t> values) {
    cases.tensors.insert_or_assign(name, StoredTensor::Of(type, std::move(shape), values));
  };
  Safetensors good;
  add(good, "tokens", ElementType::kI32, Shape{2, 4}, {2, 4, 3, 0, 2, 5, 3, 0});
  add(good, "labels", ElementType::kI32, Shape{2}, {1, 0});
  add(good, "logits", ElementType::kI16, Shape{2, 2}, {-5, 5, 6, -6});
  const auto read = [&](const Safetensors& cases, const IntegerModelShape& shape,
                        const std::string& name = "c.safetensors") {
    const std::string path = folder.File(name);
    REQUIRE(WriteSafetensors(path, cases).ok());
    return ReadExamples(path, shape, SmallTokenizer);
  };
  for (const char* name : {"c.safetensors", "no-extension"}) {
    const StatusOr<Examples> cases = read(good, TokenShape(), name);
    REQUIRE(cases.ok());
    CHECK(cases->count() == 2);
    CHECK(cases->labels == std::vector<int>{1, 0});
    CHECK(cases->expected_logits.SignedAt(0) == -5);
    CHECK(cases->inputs.At(5) == 5);
    CHECK(cases->Slice(1, 2).expected_logits.SignedAt(1) == -6);
  }
  Safetensors patches;
  add(patches, "pixels", ElementType::kU8, Shape{1, 3, 2}, {0, 1, 2, 3, 14, 15});
  const StatusOr<Examples> images = read(patches, PatchShape());
  REQUIRE(images.ok());
  CHECK(images->inputs.ring() == Ring(4));
  CHECK(images->inputs.At(5) == 15);

  const std::string file = folder.File("c.safetensors");
  struct Case {
    std::function<void(Safetensors&)> change;
    std::string message;
  };
  const auto with = [&](const std::string& name, Shape shape, std::vector<int64_t> values) {
    return [=](Safetensors& c) { add(c, name, ElementType::kI32, shape, values); };
  };
  const std::vector<Case> cases = {
      {[](Safetensors& c) { c.tensors.erase("tokens"); }, "tensor tokens: missing"},
      {[](Safetensors& c) { c.metadata["format"] = "cases/9"; },
       "metadata: format: expected 'lutra-integer-bert-cases/1', found 'cases/9'"},
      {with("tokens", Shape{2, 3}, {1, 1, 1, 1, 1, 1}),
       "tensor tokens: shape: expected [2, 4], found [2, 3]"},
      {with("tokens", Shape{0, 4}, {}), "tensor tokens: shape: expected [1, 4], found [0, 4]"},
      {with("tokens", Shape{}, {1}), "tensor tokens: shape: expected [1, 4], found []"},
      {with("tokens", Shape{2, 4}, {0, 0, 0, 0, 0, 0, -1, 0}),
       "tensor tokens: expected values from 0 to 5, found -1 at element 6"},
      {with("tokens", Shape{2, 4}, {0, 0, 0, 0, 0, 6, 0, 0}),
       "tensor tokens: expected values from 0 to 5, found 6 at element 5"},
      {with("labels", Shape{3}, {0, 0, 0}), "tensor labels: shape: expected [2], found [3]"},
      {with("labels", Shape{2}, {0, 2}),
       "tensor labels: expected values from 0 to 1, found 2 at element 1"},
      {with("logits", Shape{2, 3}, {0, 0, 0, 0, 0, 0}),
       "tensor logits: shape: expected [2, 2], found [2, 3]"},
      {with("logits", Shape{2, 2}, {0, 0, 0, 40000}),
       "tensor logits: expected values from -32768 to 32767, found 40000 at element 3"},
  };
  for (const Case& c : cases) {
    Safetensors changed = good;
    c.change(changed);
    CHECK(MessageOf(read(changed, TokenShape())) == file + ": " + c.message);
  }
  CHECK(MessageOf(read(good, PatchShape())) == file + ": tensor pixels: missing");
  add(patches, "pixels", ElementType::kU8, Shape{1, 3, 2}, {0, 1, 2, 3, 14, 16});
  CHECK(MessageOf(read(patches, PatchShape())) ==
        file + ": tensor pixels: expected values from 0 to 15, found 16 at element 5");
}

TEST_CASE("a model's tokenizer and texts lie beside it") {
  const TemporaryFolder folder;
  const std::string model = folder.File("m.safetensors");
  const Companions companions = CompanionsOf(model);
  CHECK(companions.vocabulary == folder.File("m.vocab.txt"));
  CHECK(companions.pieces == folder.File("wordpiece.txt"));
  CHECK(companions.texts == folder.File("m.texts.tsv"));
  CHECK(CompanionsOf("m.safetensors").pieces == "wordpiece.txt");

  folder.Write("m.texts.tsv", "ham\ta\n");
  CHECK(MessageOf(LoadExamples(model, TokenShape(), std::nullopt)).find("m.vocab.txt") !=
        std::string::npos);
  folder.Write("wordpiece.txt", "a\nb\n");
  folder.Write("m.vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n");
  CHECK(MessageOf(LoadExamples(model, TokenShape(), std::nullopt)) ==
        folder.File("m.vocab.txt") +
            ": lines: expected 6 as the model's embedding has rows, found 5");
  folder.Write("m.vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\nb\n");
  CHECK(LoadExamples(model, TokenShape(), std::nullopt)->labels == std::vector<int>{0});
  CHECK(MessageOf(LoadExamples(model, PatchShape(), std::nullopt)) ==
        model + ": embedding: expected token for text inputs, found patch");
  IntegerModelShape shortest = TokenShape();
  shortest.sequence = 2;
  CHECK(MessageOf(LoadExamples(model, shortest, std::nullopt)) ==
        model + ": sequence: expected at least 3 for text inputs, found 2");
}

TEST_CASE("random examples are within range and repeat by seed") {
  for (const IntegerModelShape& shape : {TokenShape(), PatchShape()}) {
    const Examples a = RandomExamples(shape, 50, 3);
    CHECK(a.count() == 50);
    CHECK(a.inputs == RandomExamples(shape, 50, 3).inputs);
    CHECK_FALSE(a.inputs == RandomExamples(shape, 50, 4).inputs);
    std::vector<int> seen(static_cast<size_t>(shape.input_limit()));
    for (int64_t i = 0; i < a.inputs.elements(); ++i) ++seen.at(a.inputs.At(i));
    CHECK(*std::min_element(seen.begin(), seen.end()) > 0);
  }
}

}  // namespace
}  // namespace lutra
