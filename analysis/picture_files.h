// Where pictures are written.
#ifndef LUTRA_ANALYSIS_PICTURE_FILES_H_
#define LUTRA_ANALYSIS_PICTURE_FILES_H_

#include <filesystem>
#include <string>
#include <string_view>

#include "core/output_directory.h"
#include "core/status.h"

namespace lutra {

// Whether a name is one that the commands that draw give to a picture.
bool IsPicture(std::string_view name);

// Writes pictures by name into a directory: a new one, which is made, a run directory, or one in
// which there are such pictures only (program.svg, layer-3.dot, trace-lookup.pdf). An empty path
// means the current directory, whatever is in it. Returns the paths written, one a line.
StatusOr<std::string> WritePictures(const std::filesystem::path& directory,
                                    const DirectoryFiles& pictures);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_PICTURE_FILES_H_
