// Directories of results, written all or nothing. A directory that does not hold an earlier result
// of the same kind is never touched.
#ifndef LUTRA_CORE_OUTPUT_DIRECTORY_H_
#define LUTRA_CORE_OUTPUT_DIRECTORY_H_

#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "core/status.h"

namespace lutra {

// By name, the contents of the files of a directory.
using DirectoryFiles = std::map<std::string, std::string>;

// Says whether an existing directory may be replaced; an error says why not.
using MayReplace = std::function<Status(const std::filesystem::path& directory)>;

// Whether WriteOutputDirectory could write there: an error names the path and the cause. Asks the
// file system by making and removing an empty directory, and leaves nothing behind.
Status CheckOutputDirectory(const std::filesystem::path& path, const MayReplace& may_replace);

// Writes the files into a directory beside `path`, flushes them to the disk, and gives the
// directory its name; missing parents are made. An existing directory that may be replaced is
// exchanged in one step where the file system can, else in two; files in it for which `is_own` is
// false are kept, others are gone. On any failure what was there stays, and nothing is left behind.
Status WriteOutputDirectory(const std::filesystem::path& path, const DirectoryFiles& files,
                            const MayReplace& may_replace,
                            const std::function<bool(const std::string& name)>& is_own);

// The same for files that `fill` writes into the directory that it is given, with permissions of
// their own; its error is returned.
Status WriteOutputDirectory(
    const std::filesystem::path& path,
    const std::function<Status(const std::filesystem::path& directory)>& fill,
    const MayReplace& may_replace, const std::function<bool(const std::string& name)>& is_own);

}  // namespace lutra

#endif  // LUTRA_CORE_OUTPUT_DIRECTORY_H_
