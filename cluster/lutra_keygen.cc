// lutra-keygen: makes the CURVE key pairs by which the processes of a cluster know each other.

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <new>
#include <string>

#include "cluster/curve_key.h"
#include "core/command_line.h"
#include "core/status.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kProgram = "lutra-keygen";

CommandLine MakeCommandLine() {
  CommandLine line(
      kProgram,
      "Makes a CURVE key pair for each NAME: the secret key in NAME.key, which nobody but this\n"
      "user may read and which stays on its machine, and the public key in NAME.pub, which goes\n"
      "into the cluster file. Files that exist are not overwritten.");
  line.SetPositionals("NAME...", 1, 256)
      .AddFlag("out", "DIR", "the folder to write to, which must exist; default: this one")
      .AddExample("lutra-keygen p1")
      .AddExample("lutra-keygen --out keys dealer p0 p1 p2 model-owner data-owner");
  return line;
}

Status CheckName(const std::string& name) {
  const bool plain = !name.empty() && name[0] != '.' && name.find('/') == name.npos &&
                     name.find('\0') == name.npos && name.size() <= 200;
  if (plain) return absl::OkStatus();
  return InvalidArgument("expected a NAME without '/' that does not start with '.', found '", name,
                         "' (--out names the folder)");
}

Status Run(const Arguments& arguments) {
  const fs::path folder = arguments.Text("out", ".");
  for (const std::string& name : arguments.positionals()) LUTRA_RETURN_IF_ERROR(CheckName(name));
  for (const std::string& name : arguments.positionals()) {
    const fs::path secret_file = folder / (name + ".key");
    const fs::path public_file = folder / (name + ".pub");
    LUTRA_ASSIGN_OR_RETURN(const CurveKeyPair pair, CurveKeyPair::Generate());
    LUTRA_RETURN_IF_ERROR(pair.Write(secret_file, public_file));
    std::printf("%s: public key %s in %s, secret key in %s\n", name.c_str(),
                pair.public_key().c_str(), public_file.c_str(), secret_file.c_str());
  }
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  const StatusOr<Arguments> arguments = MakeCommandLine().Parse(ArgumentsOfMain(argc, argv));
  if (!arguments.ok()) return ReportError(kProgram, arguments.status());
  if (!arguments->information().empty()) {
    std::fputs(arguments->information().c_str(), stdout);
  } else {
    const Status status = Run(*arguments);
    if (!status.ok()) {
      std::fflush(stdout);
      return ReportError(kProgram, status);
    }
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    return ReportError(kProgram, Unavailable("cannot write to stdout"));
  }
  return 0;
}

}  // namespace
}  // namespace lutra

int main(int argc, char** argv) {
  try {
    return lutra::Main(argc, argv);
  } catch (const std::bad_alloc&) {
    return lutra::ReportError(lutra::kProgram, lutra::Unavailable("not enough memory"));
  }
}
