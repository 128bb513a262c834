#include "tests/models/random_model.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "core/status.h"
#include "tests/support/paths.h"

namespace lutra {
namespace {

int64_t Draw(std::mt19937_64& generator, int64_t low, int64_t high) {
  return low + static_cast<int64_t>(generator() % static_cast<uint64_t>(high - low + 1));
}

int64_t DrawValue(const std::string& name, ElementType type, std::mt19937_64& generator) {
  const std::string_view view = name;
  if (view.ends_with(".weight") && view != "classifier.weight") {
    return (generator() & 1) != 0 ? 1 : -1;
  }
  if (view == "saturate_table") return Draw(generator, -8, 7);
  if (view.ends_with(".sum_table")) return Draw(generator, 0, 15);
  switch (type) {
    case ElementType::kI8:
      return Draw(generator, -128, 127);
    case ElementType::kU8:
      return Draw(generator, 0, 255);
    case ElementType::kU16:
      return Draw(generator, 0, 65535);
    default:
      return Draw(generator, -32768, 32767);
  }
}

}  // namespace

IntegerModelShape RandomShape(std::mt19937_64& generator, int64_t max_sequence, int64_t budget) {
  constexpr int64_t kHidden[] = {16, 32, 64, 128, 192, 256, 320, 512, 768, 1024};
  IntegerModelShape shape;
  shape.task = "random";
  while (true) {
    shape.hidden = kHidden[Draw(generator, 0, 9)];
    shape.layers = Draw(generator, 1, 3);
    shape.sequence = Draw(generator, 2, max_sequence);
    const int64_t linear = 12 * shape.hidden * shape.hidden * shape.sequence;
    const int64_t attention = 2 * shape.sequence * shape.sequence * shape.hidden;
    if (shape.layers * (linear + attention) <= budget) break;
  }
  do {
    shape.heads = int64_t{1} << Draw(generator, 0, 4);
  } while (shape.hidden % shape.heads != 0);
  shape.residual_bits = static_cast<int>(Draw(generator, 2, 8));
  shape.extra_bits = static_cast<int>(Draw(generator, 0, 4));
  shape.ffn_bits = static_cast<int>(Draw(generator, 4, 6));
  while (shape.sequence * 255 > (int64_t{256} << shape.sum_shift)) ++shape.sum_shift;
  // Now and then too few bits, so that the sum wraps.
  if (Draw(generator, 0, 3) == 0) shape.sum_shift = std::max(0, shape.sum_shift - 2);
  for (int64_t c = Draw(generator, 1, 6); c > 0; --c) shape.labels.push_back("class" + StrCat(c));
  const bool token = Draw(generator, 0, 1) == 0;
  shape.embedding = token ? Embedding::kToken : Embedding::kPatch;
  (token ? shape.vocabulary : shape.patch_size) = Draw(generator, 1, 40);
  return shape;
}

Safetensors RandomContent(const IntegerModelShape& shape, std::mt19937_64& generator) {
  Safetensors content;
  content.metadata = MetadataOf(shape);
  for (const auto& [name, expected] : ExpectedTensors(shape)) {
    StoredTensor tensor(expected.type, expected.shape);
    for (int64_t i = 0; i < tensor.elements(); ++i) {
      tensor.Set(i, DrawValue(name, expected.type, generator));
    }
    content.tensors.emplace(name, std::move(tensor));
  }
  return content;
}

std::string PretrainedFile(const std::string& name) {
  return SourcePath("models/pretrained/" + name);
}

std::string ReferenceFile(const std::string& name) {
  return SourcePath("../shared/reference/" + name);
}

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "lutra-models-XXXXXX").string();
  LUTRA_CHECK(mkdtemp(pattern.data()) != nullptr);
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TemporaryFolder::Write(const std::string& name, const std::string& content) const {
  std::ofstream file(File(name), std::ios::binary);
  file << content;
  file.close();
  LUTRA_CHECK(file.good());
  return File(name);
}

}  // namespace lutra
