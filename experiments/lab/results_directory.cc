#include "experiments/lab/results_directory.h"

#include <fcntl.h>
#include <sys/file.h>

#include <functional>
#include <system_error>
#include <vector>

namespace lutra {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kLock = "points/.lock";
constexpr std::string_view kArrays = "slurm/arrays.txt";

void ForEachFile(const fs::path& folder, const std::function<void(const fs::path&)>& visit) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    visit(entry->path());
  }
}

bool IsLog(const fs::path& path) {
  return path.filename().string().starts_with("run-") && path.extension() == ".log";
}

void RemoveLeftovers(const fs::path& folder) {
  std::vector<fs::path> leftovers;
  ForEachFile(folder, [&](const fs::path& path) {
    if (IsTemporaryName(path) || IsLog(path)) leftovers.push_back(path);
  });
  std::error_code ignored;  // one that stays does no harm
  for (const fs::path& path : leftovers) fs::remove(path, ignored);
}

}  // namespace

Status ResultsDirectory::Check() const {
  std::error_code error;
  if (!fs::exists(path_, error)) return absl::OkStatus();
  if (!fs::is_directory(path_, error)) {
    return InvalidArgument("--out: '", path_.string(), "' exists and is not a directory");
  }
  const bool is_empty = fs::is_empty(path_, error);
  if (error) return Unavailable("--out: '", path_.string(), "': ", error.message());
  // The lock alone where a process was killed before it wrote its plan.
  if (is_empty || Has("plan.json") || Has(kLock)) return absl::OkStatus();
  return InvalidArgument("--out: '", path_.string(),
                         "' exists and does not hold the results of an experiment");
}

Status ResultsDirectory::Open() {
  LUTRA_RETURN_IF_ERROR(Check());
  std::error_code error;
  fs::create_directories(path_ / "points", error);
  if (error) return Unavailable("--out: cannot make '", path_.string(), "': ", error.message());
  LUTRA_ASSIGN_OR_RETURN(lock_, OpenFile::Open(path_ / kLock, O_CREAT | O_RDWR, 0666));
  if (::flock(lock_.number(), LOCK_EX | LOCK_NB) != 0) {
    return Unavailable("--out: '", path_.string(), "' is in use by another lutra-experiment");
  }
  RemoveLeftovers(path_);
  if (!Has(kArrays)) RemoveLeftovers(path_ / "points");
  return absl::OkStatus();
}

bool ResultsDirectory::Has(std::string_view name) const {
  std::error_code error;
  return fs::exists(path_ / name, error);
}

Status ResultsDirectory::Write(std::string_view name, std::string_view text) const {
  return WriteFile(path_ / name, text);
}

size_t ResultsDirectory::PointFiles() const {
  size_t count = 0;
  ForEachFile(path_ / "points",
              [&](const fs::path& path) { count += path.extension() == ".json" ? 1 : 0; });
  return count;
}

}  // namespace lutra
