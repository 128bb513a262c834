#include "cluster/curve_key.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "core/key.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSecretFormat = "lutra-curve-secret-key/1";
constexpr std::string_view kPublicFormat = "lutra-curve-public-key/1";
constexpr std::string_view kPublicField = "public ";
constexpr std::string_view kSecretField = "secret ";
constexpr size_t kLongestFile = 256;

// Text with a secret in it, of bounded length and wiped when it goes.
class SecretText {
 public:
  SecretText() = default;
  ~SecretText() { Wipe(std::as_writable_bytes(std::span(characters_))); }
  SecretText(const SecretText&) = delete;
  SecretText& operator=(const SecretText&) = delete;

  void Append(std::string_view text) {
    LUTRA_CHECK(size_ + text.size() <= characters_.size());
    std::copy(text.begin(), text.end(), characters_.begin() + static_cast<ptrdiff_t>(size_));
    size_ += text.size();
  }
  // Reads to the end of the file, or to one character more than may be there.
  bool ReadFrom(int file) {
    while (size_ < characters_.size()) {
      const ssize_t count = read(file, characters_.data() + size_, characters_.size() - size_);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return count == 0;
      size_ += static_cast<size_t>(count);
    }
    return true;
  }
  std::string_view text() const { return {characters_.data(), size_}; }

 private:
  std::array<char, kLongestFile + 1> characters_{};
  size_t size_ = 0;
};

Status Failed(std::string_view verb, const fs::path& path) {
  const int cause = errno;
  return absl::ErrnoToStatus(cause, ToAbsl(StrCat(verb, " '", path.string(), "'")));
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }
  bool open() const { return number_ >= 0; }

 private:
  int number_;
};

// The next line of the text, which is shortened by it; nothing where no line ends.
std::optional<std::string_view> TakeLine(std::string_view& text) {
  const size_t end = text.find('\n');
  if (end == text.npos) return std::nullopt;
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

// The key in the line "field KEY".
std::optional<std::string_view> KeyIn(std::optional<std::string_view> line,
                                      std::string_view field) {
  if (!line || !line->starts_with(field)) return std::nullopt;
  line->remove_prefix(field.size());
  if (!IsCurveKey(*line)) return std::nullopt;
  return line;
}

// What precedes the keys.
Status CheckFormat(std::string_view& text, std::string_view format, const fs::path& path) {
  const std::optional<std::string_view> line = TakeLine(text);
  if (line == format) return absl::OkStatus();
  // The first line of another file may be anything, a secret too.
  const std::string_view name = format.substr(0, format.rfind('/') + 1);
  const bool other_version = line && line->starts_with(name) && line->size() < name.size() + 10;
  return InvalidArgument("'", path.string(), "': expected '", format, "' in the first line, found ",
                         other_version ? *line : "something else");
}

Status CheckOwner(const Descriptor& file, const fs::path& path) {
  struct stat info;
  if (fstat(file.number(), &info) != 0) return Failed("cannot examine", path);
  if (!S_ISREG(info.st_mode)) {
    return InvalidArgument("'", path.string(), "' is not a regular file");
  }
  if (info.st_uid != geteuid()) {
    return InvalidArgument("'", path.string(), "' holds a secret key and belongs to user ",
                           info.st_uid, ": expected this user, ", geteuid());
  }
  if ((info.st_mode & 077) != 0) {
    constexpr char kDigits[] = "01234567";
    const unsigned mode = info.st_mode & 0777;
    const char octal[] = {'0', kDigits[mode >> 6], kDigits[(mode >> 3) & 7], kDigits[mode & 7], 0};
    return InvalidArgument("'", path.string(),
                           "' holds a secret key and is open to others: expected mode 0600, found ",
                           octal, "; run: chmod 600 '", path.string(), "'");
  }
  return absl::OkStatus();
}

Status WriteNew(const fs::path& path, std::string_view text, mode_t mode) {
  const Descriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!file.open()) {
    if (errno == EEXIST) {
      return absl::AlreadyExistsError(ToAbsl(StrCat("'", path.string(),
                                                    "' is there already; keys are not "
                                                    "overwritten")));
    }
    return Failed("cannot create", path);
  }
  // From here on the file is this call's own.
  const auto failed = [&](std::string_view verb) {
    const Status status = Failed(verb, path);
    unlink(path.c_str());
    return status;
  };
  if (fchmod(file.number(), mode) != 0) return failed("cannot set the mode of");
  while (!text.empty()) {
    const ssize_t count = write(file.number(), text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed("cannot write");
    text.remove_prefix(static_cast<size_t>(count));
  }
  if (fsync(file.number()) != 0) return failed("cannot flush");
  return absl::OkStatus();
}

Status FlushFolder(const fs::path& file) {
  const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  const Descriptor descriptor(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!descriptor.open() || fsync(descriptor.number()) != 0) return Failed("cannot flush", folder);
  return absl::OkStatus();
}

}  // namespace

bool IsCurveKey(std::string_view text) {
  if (text.size() != kCurveKeyCharacters) return false;
  if (text.find('\0') != text.npos) return false;
  std::array<uint8_t, 32> bytes{};
  const bool valid = zmq_z85_decode(bytes.data(), std::string(text).c_str()) != nullptr;
  lutra::Wipe(std::as_writable_bytes(std::span(bytes)));
  return valid;
}

CurveKeyPair::CurveKeyPair(CurveKeyPair&& other) noexcept
    : public_key_(std::move(other.public_key_)), secret_key_(other.secret_key_) {
  other.Wipe();
}

CurveKeyPair& CurveKeyPair::operator=(CurveKeyPair&& other) noexcept {
  if (this == &other) return *this;
  public_key_ = std::move(other.public_key_);
  secret_key_ = other.secret_key_;
  other.Wipe();
  return *this;
}

CurveKeyPair::~CurveKeyPair() { Wipe(); }

void CurveKeyPair::Wipe() { lutra::Wipe(std::as_writable_bytes(std::span(secret_key_))); }

CurveKeyPair CurveKeyPair::Clone() const {
  CurveKeyPair copy;
  copy.public_key_ = public_key_;
  copy.secret_key_ = secret_key_;
  return copy;
}

StatusOr<CurveKeyPair> CurveKeyPair::Generate() {
  CurveKeyPair pair;
  Text text{};
  if (zmq_curve_keypair(text.data(), pair.secret_key_.data()) != 0) {
    return Unavailable("cannot make a CURVE key pair: ", zmq_strerror(errno));
  }
  pair.public_key_ = text.data();
  return pair;
}

StatusOr<CurveKeyPair> CurveKeyPair::Read(const fs::path& path) {
  // Without O_NONBLOCK, opening a pipe waits for a writer.
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.open()) return Failed("cannot open", path);
  LUTRA_RETURN_IF_ERROR(CheckOwner(file, path));
  SecretText content;
  if (!content.ReadFrom(file.number())) return Failed("cannot read", path);

  std::string_view text = content.text();
  LUTRA_RETURN_IF_ERROR(CheckFormat(text, kSecretFormat, path));
  const std::optional<std::string_view> public_key = KeyIn(TakeLine(text), kPublicField);
  const std::optional<std::string_view> secret_key = KeyIn(TakeLine(text), kSecretField);
  if (!public_key || !secret_key || !text.empty()) {
    return InvalidArgument("'", path.string(),
                           "': expected a line 'public KEY' and a line 'secret KEY', each KEY ",
                           kCurveKeyCharacters, " characters of Z85, and nothing else");
  }
  CurveKeyPair pair;
  std::copy(secret_key->begin(), secret_key->end(), pair.secret_key_.begin());
  Text derived{};
  const bool possible = zmq_curve_public(derived.data(), pair.secret_key_.data()) == 0;
  if (!possible || *public_key != derived.data()) {
    return InvalidArgument("'", path.string(), "': the public key ", *public_key,
                           " does not belong to the secret key");
  }
  pair.public_key_ = derived.data();
  return pair;
}

Status CurveKeyPair::Write(const fs::path& secret_file, const fs::path& public_file) const {
  SecretText secret;
  for (const std::string_view piece :
       {kSecretFormat, std::string_view("\n"), kPublicField, std::string_view(public_key_),
        std::string_view("\n"), kSecretField,
        std::string_view(secret_key_.data(), kCurveKeyCharacters), std::string_view("\n")}) {
    secret.Append(piece);
  }
  LUTRA_RETURN_IF_ERROR(WriteNew(secret_file, secret.text(), 0600));
  Status status =
      WriteNew(public_file, StrCat(kPublicFormat, "\n", kPublicField, public_key_, "\n"), 0644);
  if (!status.ok()) {
    unlink(secret_file.c_str());
    return status;
  }
  status.Update(FlushFolder(secret_file));
  status.Update(FlushFolder(public_file));
  if (!status.ok()) {
    unlink(secret_file.c_str());
    unlink(public_file.c_str());
  }
  return status;
}

StatusOr<std::string> ReadCurvePublicKey(const fs::path& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.open()) return Failed("cannot open", path);
  SecretText content;
  if (!content.ReadFrom(file.number())) return Failed("cannot read", path);
  std::string_view text = content.text();
  LUTRA_RETURN_IF_ERROR(CheckFormat(text, kPublicFormat, path));
  const std::optional<std::string_view> key = KeyIn(TakeLine(text), kPublicField);
  if (!key || !text.empty()) {
    return InvalidArgument("'", path.string(), "': expected a line 'public KEY', KEY ",
                           kCurveKeyCharacters, " characters of Z85, and nothing else");
  }
  return std::string(*key);
}

}  // namespace lutra
