#include "experiments/lab/build.h"

#include <openssl/crypto.h>
#include <sys/utsname.h>
#include <zmq.h>

#include "core/file.h"
#include "core/key.h"
#include "core/version.h"
#include "experiments/lab/child_program.h"

namespace lutra {
namespace {

constexpr int64_t kMostBytes = int64_t{1} << 32;
constexpr size_t kDigits = 16;

std::string Compiler() {
#if defined(__clang__)
  return __VERSION__;  // begins with its name
#else
  return "GCC " __VERSION__;
#endif
}

std::string ZeroMq() {
  int major = 0, minor = 0, patch = 0;
  zmq_version(&major, &minor, &patch);
  return StrCat(major, ".", minor, ".", patch);
}

std::string Kernel() {
  utsname name = {};
  if (::uname(&name) != 0) return "unknown";
  return StrCat(std::string(name.sysname), " ", std::string(name.release));
}

// "gnuplot 5.4 patchlevel 4".
std::string Gnuplot() {
  const StatusOr<ProgramOutput> output = RunChildProgram({"gnuplot", "--version"}, "/");
  if (!output.ok() || output->exit_status != 0) return "none";
  return output->text.substr(0, output->text.find('\n'));
}

}  // namespace

StatusOr<std::string> ThisBuild() {
  LUTRA_ASSIGN_OR_RETURN(const auto program, ReadFile("/proc/self/exe", kMostBytes));
  return Sha256(program).Hex().substr(0, kDigits);
}

nlohmann::ordered_json Versions() {
  return {
      {"lutra", Version()}, {"compiler", Compiler()}, {"openssl", OpenSSL_version(OPENSSL_VERSION)},
      {"zeromq", ZeroMq()}, {"kernel", Kernel()},     {"gnuplot", Gnuplot()}};
}

}  // namespace lutra
