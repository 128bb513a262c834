// Random models of the format, for the tests: any table and any scale that a file may hold, so most
// accumulators wrap.
#ifndef LUTRA_TESTS_MODELS_RANDOM_MODEL_H_
#define LUTRA_TESTS_MODELS_RANDOM_MODEL_H_

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "models/integer_model.h"

namespace lutra {

// A shape drawn from the generator: token or patch, R 2..8, X 0..4, several classes, sequence up to
// `max_sequence`; the work of one example stays near `budget` multiplications.
IntegerModelShape RandomShape(std::mt19937_64& generator, int64_t max_sequence, int64_t budget);

// Random tensors of a shape.
Safetensors RandomContent(const IntegerModelShape& shape, std::mt19937_64& generator);

// The models/pretrained folder of the source tree, and the folder of the oracle beside the tree.
std::string PretrainedFile(const std::string& name);
std::string ReferenceFile(const std::string& name);

// A folder of its own under the system's one for temporary files, removed with all it holds.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string File(const std::string& name) const { return path_ + "/" + name; }
  // Writes a file; returns its path.
  std::string Write(const std::string& name, const std::string& content) const;

 private:
  std::string path_;
};

}  // namespace lutra

#endif  // LUTRA_TESTS_MODELS_RANDOM_MODEL_H_
