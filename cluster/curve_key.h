// CURVE key pairs (CurveZMQ, https://rfc.zeromq.org/spec/26), which tell the roles apart: how they
// are made, kept in files and read. Keys are written as 40 characters of Z85
// (https://rfc.zeromq.org/spec/32).
#ifndef LUTRA_CLUSTER_CURVE_KEY_H_
#define LUTRA_CLUSTER_CURVE_KEY_H_

#include <array>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "core/status.h"

namespace lutra {

inline constexpr size_t kCurveKeyCharacters = 40;

// Whether the text is 40 characters of Z85 that stand for 32 bytes.
bool IsCurveKey(std::string_view text);

// A pair whose secret half is wiped when it goes.
class CurveKeyPair {
 public:
  // A fresh pair from the operating system's generator.
  static StatusOr<CurveKeyPair> Generate();
  // Reads a secret key file. It must be a regular file of this user that nobody else may read, in
  // the format and version of `Write`, with a public key that belongs to the secret one.
  static StatusOr<CurveKeyPair> Read(const std::filesystem::path& path);

  CurveKeyPair(CurveKeyPair&& other) noexcept;
  CurveKeyPair& operator=(CurveKeyPair&& other) noexcept;
  ~CurveKeyPair();
  CurveKeyPair Clone() const;

  // Writes the secret key file, mode 0600, and the public key file, mode 0644; both are flushed to
  // the disk, with their folders. A file that exists is an error and stays as it is; on any failure
  // neither file is left behind.
  Status Write(const std::filesystem::path& secret_file,
               const std::filesystem::path& public_file) const;

  const std::string& public_key() const { return public_key_; }
  // For ZeroMQ; ends with a zero.
  const char* secret_key() const { return secret_key_.data(); }

 private:
  using Text = std::array<char, kCurveKeyCharacters + 1>;
  CurveKeyPair() = default;
  void Wipe();

  std::string public_key_;
  Text secret_key_{};
};

// Reads a public key file.
StatusOr<std::string> ReadCurvePublicKey(const std::filesystem::path& path);

}  // namespace lutra

#endif  // LUTRA_CLUSTER_CURVE_KEY_H_
