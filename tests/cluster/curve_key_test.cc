// Key files and lutra-keygen as its users call it.
#include "cluster/curve_key.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <filesystem>
#include <string>

#include "core/file.h"
#include "tests/models/random_model.h"
#include "tests/support/paths.h"
#include "tests/support/text.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

mode_t ModeOf(const std::string& path) {
  struct stat info;
  REQUIRE(stat(path.c_str(), &info) == 0);
  return info.st_mode & 07777;
}

std::string Content(const std::string& path) {
  const StatusOr<std::string> text = ReadTextFile(path, 1 << 20);
  REQUIRE(text.ok());
  return *text;
}

std::string ErrorOf(const std::string& path) { return OneLine(CurveKeyPair::Read(path).status()); }

TEST_CASE("A key pair is read back as it was written", "[cluster][keys]") {
  const TemporaryFolder folder;
  const StatusOr<CurveKeyPair> pair = CurveKeyPair::Generate();
  REQUIRE(pair.ok());
  const StatusOr<CurveKeyPair> other = CurveKeyPair::Generate();
  REQUIRE(other.ok());
  CHECK(pair->public_key() != other->public_key());
  const std::string secret = folder.File("p1.key");
  const std::string open_part = folder.File("p1.pub");
  REQUIRE(pair->Write(secret, open_part).ok());
  CHECK(ModeOf(secret) == 0600);
  CHECK(ModeOf(open_part) == 0644);
  CHECK_FALSE(Has(Content(open_part), pair->secret_key()));
  const StatusOr<CurveKeyPair> read = CurveKeyPair::Read(secret);
  REQUIRE(read.ok());
  CHECK(read->public_key() == pair->public_key());
  CHECK(std::string(read->secret_key()) == pair->secret_key());
  const StatusOr<std::string> key = ReadCurvePublicKey(open_part);
  CHECK((key.ok() && *key == pair->public_key()));

  // Nothing is overwritten, and nothing is left behind.
  const std::string before = Content(secret);
  CHECK(Has(OneLine(other->Write(secret, folder.File("x.pub"))), "is there already"));
  CHECK_FALSE(fs::exists(folder.File("x.pub")));
  CHECK(Has(OneLine(other->Write(folder.File("x.key"), open_part)), "is there already"));
  CHECK_FALSE(fs::exists(folder.File("x.key")));
  CHECK(Content(secret) == before);
}

TEST_CASE("A key file that others may read or that is damaged is refused", "[cluster][keys]") {
  const TemporaryFolder folder;
  const StatusOr<CurveKeyPair> pair = CurveKeyPair::Generate();
  const StatusOr<CurveKeyPair> other = CurveKeyPair::Generate();
  const std::string path = folder.File("p1.key");
  REQUIRE(pair->Write(path, folder.File("p1.pub")).ok());
  for (const mode_t mode : {0640U, 0604U, 0660U, 0610U}) {
    REQUIRE(chmod(path.c_str(), mode) == 0);
    CHECK(Has(ErrorOf(path), "run: chmod 600"));
  }
  REQUIRE(chmod(path.c_str(), 0600) == 0);
  const std::string good = Content(path);
  const auto error_of = [&](const std::string& content) {
    folder.Write("p1.key", content);
    chmod(path.c_str(), 0600);
    const std::string error = ErrorOf(path);
    CHECK_FALSE(Has(error, pair->secret_key()));
    return error;
  };
  CHECK(ErrorOf(path) == "");
  std::string changed = good;
  changed.replace(changed.find(pair->public_key()), 40, other->public_key());
  CHECK(Has(error_of(changed), "does not belong to the secret key"));
  changed = good;
  changed.replace(changed.find("key/1"), 5, "key/2");
  CHECK(Has(error_of(changed), "found lutra-curve-secret-key/2"));
  // Whatever byte is missing or too much.
  for (size_t size = 0; size < good.size(); ++size) CHECK(error_of(good.substr(0, size)) != "");
  CHECK(Has(error_of(good + "\n"), "and nothing else"));
  CHECK(Has(error_of(good + std::string(5000, 'x')), "and nothing else"));
  CHECK(error_of(std::string(300, '\0')) != "");
  CHECK(Has(error_of(Content(folder.File("p1.pub"))), "found something else"));
  CHECK(Has(ErrorOf(folder.File("missing")), "cannot open"));
  const fs::path directory = fs::path(path).parent_path();
  CHECK(Has(ErrorOf(directory.string()), "not a regular file"));
  error_of(good);
  if (geteuid() == 0) {
    REQUIRE(chown(path.c_str(), 12345, 0) == 0);
    CHECK(Has(ErrorOf(path), "belongs to user 12345"));
  }
}

TEST_CASE("Only Z85 of 32 bytes is a key", "[cluster][keys]") {
  const StatusOr<CurveKeyPair> pair = CurveKeyPair::Generate();
  CHECK(IsCurveKey(pair->public_key()));
  CHECK_FALSE(IsCurveKey(""));
  CHECK_FALSE(IsCurveKey(pair->public_key().substr(1)));
  CHECK_FALSE(IsCurveKey(pair->public_key() + "0"));
  CHECK_FALSE(IsCurveKey(std::string(40, '"')));
  CHECK_FALSE(IsCurveKey(std::string(40, '\0')));
  CHECK_FALSE(IsCurveKey(std::string(40, '\xff')));
}

struct Ended {
  int status = 0;
  std::string output;  // stdout and stderr
};

Ended Keygen(const std::string& arguments) {
  const std::string command = BuildPath("lutra-keygen ") + arguments + " 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  Ended ended;
  char buffer[4096];
  while (const size_t count = fread(buffer, 1, sizeof buffer, pipe)) {
    ended.output.append(buffer, count);
  }
  const int status = pclose(pipe);
  REQUIRE(WIFEXITED(status));
  ended.status = WEXITSTATUS(status);
  return ended;
}

TEST_CASE("lutra-keygen makes keys and overwrites none", "[cluster][keys]") {
  const TemporaryFolder folder;
  const std::string out = "--out " + folder.File("");
  const Ended made = Keygen(out + " p1 p2");
  INFO(made.output);
  REQUIRE(made.status == 0);
  for (const std::string name : {"p1", "p2"}) {
    const StatusOr<CurveKeyPair> pair = CurveKeyPair::Read(folder.File(name + ".key"));
    REQUIRE(pair.ok());
    CHECK(Has(made.output, name + ": public key " + pair->public_key() + " in "));
    CHECK_FALSE(Has(made.output, pair->secret_key()));
  }
  const Ended again = Keygen(out + " p1");
  CHECK(again.status == 1);
  CHECK(Has(again.output, "lutra-keygen: '"));
  CHECK(Has(again.output, "is there already"));
  CHECK(Keygen(out).status == 1);
  CHECK(Has(Keygen(out + " a/b").output, "without '/'"));
  CHECK(Has(Keygen("--out " + folder.File("missing") + " p1").output, "cannot create"));
  CHECK(Has(Keygen("--help").output, "lutra-keygen --out keys"));
  CHECK(Keygen("--version").status == 0);
  CHECK(Keygen(out + " p9 > /dev/full").status == 1);
}

}  // namespace
}  // namespace lutra
