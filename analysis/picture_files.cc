#include "analysis/picture_files.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <system_error>

#include "analysis/run_directory.h"
#include "core/file.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

// Makes the directory if it is new; else it must be a run's, or hold pictures only.
Status PrepareDirectory(const fs::path& directory) {
  std::error_code error;
  if (fs::create_directories(directory, error)) return absl::OkStatus();
  if (!error && fs::is_directory(directory, error)) {
    if (ReadRunJson(directory).ok()) return absl::OkStatus();
    bool only_pictures = true;
    for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
         entry.increment(error)) {
      only_pictures = only_pictures && IsPicture(entry->path().filename().string());
    }
    if (!error && only_pictures) return absl::OkStatus();
    if (!error) {
      return InvalidArgument("--out: '", directory.string(),
                             "' exists and is neither a run directory nor one of pictures only");
    }
  }
  return InvalidArgument("--out: cannot create '", directory.string(),
                         "': ", error ? error.message() : "it is not a directory");
}

}  // namespace

bool IsPicture(std::string_view name) {
  constexpr std::array<std::string_view, 3> kBegins = {"program.", "layer-", "trace-"};
  constexpr std::array<std::string_view, 3> kEnds = {".svg", ".pdf", ".dot"};
  return std::any_of(kBegins.begin(), kBegins.end(),
                     [&](std::string_view begin) { return name.starts_with(begin); }) &&
         std::any_of(kEnds.begin(), kEnds.end(),
                     [&](std::string_view end) { return name.ends_with(end); });
}

StatusOr<std::string> WritePictures(const fs::path& directory, const DirectoryFiles& pictures) {
  if (!directory.empty()) LUTRA_RETURN_IF_ERROR(PrepareDirectory(directory));
  std::string written;
  for (const auto& [name, content] : pictures) {
    const fs::path file = directory / name;
    LUTRA_RETURN_IF_ERROR(WriteFile(file, content));
    written += StrCat(file.string(), "\n");
  }
  return written;
}

}  // namespace lutra
