#include "cluster/store_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <system_error>

#include "cluster/tape_file.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kVersion = "lutra-store/1";
constexpr std::string_view kStore = "store";
constexpr std::string_view kLock = "lock";
// There from before the first file of a new store is made until all are.
constexpr std::string_view kMaking = "making";
constexpr int64_t kMaxStoreBytes = 4096;
constexpr size_t kChecksumDigits = 16;

StatusOr<OpenFile> Lock(const fs::path& path) {
  LUTRA_ASSIGN_OR_RETURN(OpenFile lock,
                         OpenFile::Open(path / kLock, O_RDWR | O_CREAT, kSecretMode));
  while (flock(lock.number(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno == EWOULDBLOCK) {
      return absl::FailedPreconditionError(
          StrCat("'", path.string(), "': another process has this store open"));
    }
    return absl::ErrnoToStatus(errno, ToAbsl(StrCat("cannot lock '", path.string(), "'")));
  }
  return lock;
}

std::string ChecksumOf(std::string_view text) {
  const uint64_t hash = XXH3_64bits(text.data(), text.size());
  std::array<char, kChecksumDigits + 1> digits;
  std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(hash));
  return digits.data();
}

// The words of the one line of the file `store`: version, role, id, checksum.
StatusOr<Identifier> ParseStore(std::string_view line, Role role) {
  const std::string_view version = line.substr(0, line.find_first_of(" \n"));
  if (version != kVersion) {
    return InvalidArgument(
        "version: expected ", kVersion, ", found '",
        std::all_of(version.begin(), version.end(), [](char c) { return c > 0x20 && c < 0x7f; })
            ? version.substr(0, 80)
            : std::string_view("something else"),
        "'");
  }
  if (line.size() < kChecksumDigits + 2 || !line.ends_with('\n')) {
    return absl::DataLossError("damaged: ends early");
  }
  const std::string_view text = line.substr(0, line.size() - kChecksumDigits - 2);
  if (line != StrCat(text, " ", ChecksumOf(text), "\n")) {
    return absl::DataLossError("damaged: its checksum is another");
  }
  const std::string_view rest = text.substr(version.size() + 1);
  const std::string_view found = rest.substr(0, rest.find(' '));
  if (found != Name(role)) {
    return InvalidArgument("role: expected ", Name(role), ", found ", found);
  }
  return ParseIdentifier(rest.substr(std::min(rest.size(), found.size() + 1)), "id");
}

// A number of bytes from hexadecimal digits of either case; false if it is not that.
template <size_t n>
bool ParseHex(std::string_view hex, std::array<uint8_t, n>& bytes) {
  if (hex.size() != 2 * n) return false;
  for (size_t i = 0; i < n; ++i) {
    const char* digits = hex.data() + 2 * i;
    const auto result = std::from_chars(digits, digits + 2, bytes[i], 16);
    if (result.ec != std::errc() || result.ptr != digits + 2) return false;
  }
  return true;
}

}  // namespace

StatusOr<StoreDirectory> StoreDirectory::Open(
    const fs::path& path, Role role,
    const std::function<Status(const StoreDirectory& directory)>& create) {
  LUTRA_RETURN_IF_ERROR(MakePrivateDirectory(path));
  StoreDirectory store;
  store.path_ = path;
  store.role_ = role;
  LUTRA_ASSIGN_OR_RETURN(store.lock_, Lock(path));
  LUTRA_RETURN_IF_ERROR(RemoveTemporaries(path));
  LUTRA_ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(path));
  const auto is_there = [&](std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (!is_there(kStore)) {
    const auto foreign = std::find_if(names.begin(), names.end(),
                                      [](const std::string& name) { return name != kLock; });
    if (foreign != names.end() && !is_there(kMaking)) {
      return InvalidArgument("'", path.string(),
                             "': expected a store or an empty directory, found '", *foreign, "'");
    }
    LUTRA_RETURN_IF_ERROR(store.Make(create));
  } else if (is_there(kMaking)) {
    LUTRA_RETURN_IF_ERROR(RemoveFile(path / kMaking));
  }
  LUTRA_RETURN_IF_ERROR(CheckPrivate(path / kStore));
  LUTRA_ASSIGN_OR_RETURN(const std::string line, ReadTextFile(path / kStore, kMaxStoreBytes));
  const StatusOr<Identifier> id = ParseStore(line, role);
  if (!id.ok()) return Annotate(id.status(), StrCat("'", (path / kStore).string(), "'"));
  store.id_ = *id;
  return store;
}

Status StoreDirectory::Make(const std::function<Status(const StoreDirectory& directory)>& create) {
  LUTRA_ASSIGN_OR_RETURN(id_, RandomIdentifier());
  LUTRA_RETURN_IF_ERROR(WriteFile(path_ / kMaking, std::string_view(), kSecretMode));
  LUTRA_RETURN_IF_ERROR(SyncDirectory(path_));
  LUTRA_RETURN_IF_ERROR(create(*this));
  LUTRA_RETURN_IF_ERROR(SyncDirectory(path_));
  const std::string text = StrCat(kVersion, " ", Name(role_), " ", id_.Hex());
  LUTRA_RETURN_IF_ERROR(
      WriteFile(path_ / kStore, StrCat(text, " ", ChecksumOf(text), "\n"), kSecretMode));
  LUTRA_RETURN_IF_ERROR(SyncDirectory(path_));
  return RemoveFile(path_ / kMaking);
}

StatusOr<std::vector<std::string>> NamesIn(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code error;
  fs::directory_iterator entry(directory, error);
  if (error == std::errc::no_such_file_or_directory) return names;
  for (const fs::directory_iterator end; !error && entry != end; entry.increment(error)) {
    if (!IsTemporaryName(entry->path())) names.push_back(entry->path().filename().string());
  }
  if (error) {
    return absl::ErrnoToStatus(error.value(),
                               ToAbsl(StrCat("cannot list '", directory.string(), "'")));
  }
  std::sort(names.begin(), names.end());
  return names;
}

Status RemoveTemporaries(const fs::path& directory) {
  std::vector<fs::path> temporaries;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    if (IsTemporaryName(entry->path())) temporaries.push_back(entry->path());
  }
  for (const fs::path& path : temporaries) LUTRA_RETURN_IF_ERROR(RemoveFile(path));
  return absl::OkStatus();
}

StatusOr<fs::path> FindPart(const fs::path& folder, const Identifier& tape) {
  LUTRA_ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(folder));
  for (const std::string& name : names) {
    const StatusOr<TapeEntry> entry = ParseTapeName(name);
    if (entry.ok() && entry->tape == tape) return folder / name;
  }
  return absl::NotFoundError(
      StrCat("'", folder.string(), "': expected a part of tape ", tape.Hex(), ", found none"));
}

StatusOr<Identifier> ParseIdentifier(std::string_view hex, std::string_view where) {
  Identifier id;
  if (ParseHex(hex, id.bytes)) return id;
  return InvalidArgument(where, ": expected 32 hexadecimal digits");
}

StatusOr<Digest> ParseDigest(std::string_view hex, std::string_view where) {
  Digest digest;
  if (ParseHex(hex, digest.bytes)) return digest;
  return InvalidArgument(where, ": expected 64 hexadecimal digits");
}

}  // namespace lutra
