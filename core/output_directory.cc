#include "core/output_directory.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include "core/file.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

Status Failed(std::string_view verb, const fs::path& path, int cause) {
  return absl::ErrnoToStatus(cause, ToAbsl(StrCat(verb, " '", path.string(), "'")));
}

// The path itself: without links in it, "." or a slash at its end.
StatusOr<fs::path> Resolve(const fs::path& path) {
  std::error_code error;
  fs::path resolved = fs::weakly_canonical(fs::absolute(path, error), error);
  if (error) return Failed("cannot write", path, error.value());
  if (resolved.filename().empty()) resolved = resolved.parent_path();
  return resolved;
}

enum class Existing { kNothing, kReplaceable };

StatusOr<Existing> Examine(const fs::path& path, const MayReplace& may_replace) {
  struct stat info;
  if (lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return Existing::kNothing;
    return Failed("cannot examine", path, errno);
  }
  if (!S_ISDIR(info.st_mode)) {
    return InvalidArgument("'", path.string(), "' exists and is not a directory");
  }
  LUTRA_RETURN_IF_ERROR(may_replace(path));
  return Existing::kReplaceable;
}

// Directories made for a result: taken away again unless they are kept.
class Scaffold {
 public:
  Scaffold() = default;
  ~Scaffold() {
    std::error_code ignored;
    if (!temporary_.empty()) fs::remove_all(temporary_, ignored);
    for (size_t i = parents_.size(); i-- > 0;) fs::remove(parents_[i], ignored);
  }
  Scaffold(const Scaffold&) = delete;
  Scaffold& operator=(const Scaffold&) = delete;

  // Makes the parents of `path` that are missing and an empty directory beside it.
  Status Raise(const fs::path& path) {
    std::vector<fs::path> missing;
    std::error_code error;
    for (fs::path parent = path.parent_path(); !fs::exists(parent, error) && !error;
         parent = parent.parent_path()) {
      missing.push_back(parent);
    }
    if (error) return Failed("cannot write", path, error.value());
    for (size_t i = missing.size(); i-- > 0;) {
      if (mkdir(missing[i].c_str(), 0777) != 0 && errno != EEXIST) {
        return Failed("cannot create", missing[i], errno);
      }
      parents_.push_back(missing[i]);
    }
    std::string name = (path.parent_path() / ".lutra-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) return Failed("cannot create", path, errno);
    temporary_ = std::move(name);
    return absl::OkStatus();
  }

  const fs::path& temporary() const { return temporary_; }
  // The result has its place: what the temporary name holds now is not part of it.
  void Keep() { parents_.clear(); }
  void Forget() { temporary_.clear(); }

 private:
  std::vector<fs::path> parents_;
  fs::path temporary_;
};

void FlushDirectory(const fs::path& path) {
  const int directory = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return;  // asked for, not required
  fsync(directory);
  close(directory);
}

// mkdtemp makes directories for their owner alone; a result has the process's default permissions.
Status OpenToOthers(const fs::path& directory) {
  const mode_t mask = umask(0);
  umask(mask);
  if (chmod(directory.c_str(), 0777 & ~mask) == 0) return absl::OkStatus();
  return Failed("cannot set the permissions of", directory, errno);
}

bool CannotExchange(int cause) { return cause == EINVAL || cause == ENOSYS || cause == ENOTSUP; }

// `fresh` and `path`, which exist both, change places.
Status Exchange(const fs::path& fresh, const fs::path& path) {
  if (renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, path.c_str(), RENAME_EXCHANGE) == 0) {
    return absl::OkStatus();
  }
  if (!CannotExchange(errno)) return Failed("cannot replace", path, errno);
  const fs::path aside = fresh.string() + "-old";
  if (rename(path.c_str(), aside.c_str()) != 0) return Failed("cannot replace", path, errno);
  if (rename(fresh.c_str(), path.c_str()) != 0) {
    const int cause = errno;
    if (rename(aside.c_str(), path.c_str()) != 0) {
      return Failed(StrCat("what was there is now '", aside.string(), "'; cannot replace"), path,
                    cause);
    }
    return Failed("cannot replace", path, cause);
  }
  if (rename(aside.c_str(), fresh.c_str()) != 0) return Failed("cannot rename", aside, errno);
  return absl::OkStatus();
}

// `path` did not exist when it was examined; what came since stays.
Status Place(const fs::path& fresh, const fs::path& path) {
  if (renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) == 0) {
    return absl::OkStatus();
  }
  if (!CannotExchange(errno)) return Failed("cannot create", path, errno);
  if (rename(fresh.c_str(), path.c_str()) != 0) return Failed("cannot create", path, errno);
  return absl::OkStatus();
}

// What others put beside an earlier result moves into the new one.
Status KeepForeign(const fs::path& old, const fs::path& path,
                   const std::function<bool(const std::string& name)>& is_own) {
  std::error_code error;
  std::vector<fs::path> foreign;
  for (fs::directory_iterator entry(old, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    std::error_code ignored;
    if (!is_own(name) && !fs::exists(path / name, ignored)) foreign.push_back(entry->path());
  }
  for (const fs::path& entry : foreign) {
    if (!error) fs::rename(entry, path / entry.filename(), error);
  }
  if (!error) return absl::OkStatus();
  return Failed(StrCat("what else was in '", path.string(), "' is now in"), old, error.value());
}

}  // namespace

Status CheckOutputDirectory(const fs::path& path, const MayReplace& may_replace) {
  LUTRA_ASSIGN_OR_RETURN(const fs::path resolved, Resolve(path));
  LUTRA_RETURN_IF_ERROR(Examine(resolved, may_replace).status());
  Scaffold scaffold;
  return scaffold.Raise(resolved);
}

Status WriteOutputDirectory(const fs::path& path, const DirectoryFiles& files,
                            const MayReplace& may_replace,
                            const std::function<bool(const std::string& name)>& is_own) {
  const auto fill = [&](const fs::path& directory) {
    for (const auto& [name, contents] : files) {
      const Status status = WriteFile(directory / name, contents);
      // Of the path that was asked for, not of the temporary one.
      if (!status.ok()) return Annotate(status, StrCat("'", path.string(), "': ", name));
    }
    return absl::OkStatus();
  };
  return WriteOutputDirectory(path, fill, may_replace, is_own);
}

Status WriteOutputDirectory(const fs::path& path,
                            const std::function<Status(const fs::path& directory)>& fill,
                            const MayReplace& may_replace,
                            const std::function<bool(const std::string& name)>& is_own) {
  LUTRA_ASSIGN_OR_RETURN(const fs::path resolved, Resolve(path));
  LUTRA_ASSIGN_OR_RETURN(const Existing existing, Examine(resolved, may_replace));
  Scaffold scaffold;
  LUTRA_RETURN_IF_ERROR(scaffold.Raise(resolved));
  LUTRA_RETURN_IF_ERROR(fill(scaffold.temporary()));
  LUTRA_RETURN_IF_ERROR(OpenToOthers(scaffold.temporary()));
  FlushDirectory(scaffold.temporary());
  if (existing == Existing::kNothing) {
    LUTRA_RETURN_IF_ERROR(Place(scaffold.temporary(), resolved));
  } else {
    LUTRA_RETURN_IF_ERROR(Exchange(scaffold.temporary(), resolved));
  }
  scaffold.Keep();
  FlushDirectory(resolved.parent_path());
  const Status kept = existing == Existing::kNothing
                          ? absl::OkStatus()
                          : KeepForeign(scaffold.temporary(), resolved, is_own);
  if (!kept.ok()) scaffold.Forget();
  return kept;
}

}  // namespace lutra
