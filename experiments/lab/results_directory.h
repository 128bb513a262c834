// The directory of an experiment's results, held by one process at a time.
#ifndef LUTRA_EXPERIMENTS_LAB_RESULTS_DIRECTORY_H_
#define LUTRA_EXPERIMENTS_LAB_RESULTS_DIRECTORY_H_

#include <filesystem>
#include <string_view>
#include <utility>

#include "core/file.h"
#include "core/status.h"

namespace lutra {

class ResultsDirectory {
 public:
  explicit ResultsDirectory(std::filesystem::path path) : path_(std::move(path)) {}
  const std::filesystem::path& path() const { return path_; }

  // Whether results may go there: it is new, empty, or has those of an experiment.
  Status Check() const;
  // Checks it, makes it, holds it for this process, and removes what a killed one left: files
  // under temporary names, and logs of runs. Those of tasks that a cluster may still run stay.
  Status Open();

  bool Has(std::string_view name) const;
  Status Write(std::string_view name, std::string_view text) const;
  // How many runs have a file in points/, whatever they are of.
  size_t PointFiles() const;

 private:
  const std::filesystem::path path_;
  OpenFile lock_;
};

}  // namespace lutra

#endif  // LUTRA_EXPERIMENTS_LAB_RESULTS_DIRECTORY_H_
