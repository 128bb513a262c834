// A directory that one process at a time keeps its state in.
//
//   store     format, role, random id; what says that the rest was made
//   lock      held while a process has it open
#ifndef LUTRA_CLUSTER_STORE_DIRECTORY_H_
#define LUTRA_CLUSTER_STORE_DIRECTORY_H_

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/file.h"
#include "core/status.h"
#include "mpc/keys.h"
#include "mpc/role.h"

namespace lutra {

// Locked while it lives.
class StoreDirectory {
 public:
  // Opens the store of a role, or makes it (the directory too, but not its parent) where there is
  // nothing yet: `create` then makes what every store of this role has, before the store counts as
  // made. An error names the path and: permissions (0700, this user's), that another process has
  // it open, another role or version, or files without a store.
  static StatusOr<StoreDirectory> Open(
      const std::filesystem::path& path, Role role,
      const std::function<Status(const StoreDirectory& directory)>& create);

  const std::filesystem::path& path() const { return path_; }
  Role role() const { return role_; }
  // Random, made with the store.
  const Identifier& id() const { return id_; }

 private:
  StoreDirectory() = default;
  Status Make(const std::function<Status(const StoreDirectory& directory)>& create);

  std::filesystem::path path_;
  Role role_ = Role::kP0;
  Identifier id_;
  OpenFile lock_;
};

// The names in a directory, sorted, without temporary ones; none if it is not there.
StatusOr<std::vector<std::string>> NamesIn(const std::filesystem::path& directory);
// The part of a tape in a folder; an error when it is not there.
StatusOr<std::filesystem::path> FindPart(const std::filesystem::path& folder,
                                         const Identifier& tape);
// Removes what writes that were cut short have left.
Status RemoveTemporaries(const std::filesystem::path& directory);

// What Hex gives, back; an error names `where`.
StatusOr<Identifier> ParseIdentifier(std::string_view hex, std::string_view where);
StatusOr<Digest> ParseDigest(std::string_view hex, std::string_view where);

}  // namespace lutra

#endif  // LUTRA_CLUSTER_STORE_DIRECTORY_H_
