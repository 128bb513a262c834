#include "experiments/lab/slurm_engine.h"

#include <stdlib.h>

#include <catch2/catch.hpp>

#include "core/file.h"
#include "tests/support/folder.h"

namespace lutra {
namespace {

// Programs of a cluster that is not there, found before others while it lives.
class FakeSlurm {
 public:
  FakeSlurm() : path_(getenv("PATH")) {
    setenv("PATH", StrCat(folder_.path().string(), ":", path_).c_str(), 1);
  }
  ~FakeSlurm() { setenv("PATH", path_.c_str(), 1); }
  FakeSlurm(const FakeSlurm&) = delete;
  FakeSlurm& operator=(const FakeSlurm&) = delete;

  void Add(std::string_view name, std::string_view script) const {
    REQUIRE(WriteFile(folder_ / name, StrCat("#!/bin/sh\n", script), 0777).ok());
  }

 private:
  const Folder folder_;
  const std::string path_;
};

TEST_CASE("A job array is waited for though plugins talk and the controller is away",
          "[slurm-engine]") {
  const Folder out;
  const FakeSlurm slurm;
  slurm.Add("sbatch", "echo 'sbatch: warning: before' >&2\necho '17;cluster'\necho after >&2\n");
  slurm.Add("squeue", "echo 'Unable to contact slurm controller' >&2\nexit 1\n");
  SlurmEngine engine("/program", out.path());
  int looks = 0;
  const StatusOr<LocalOutcome> outcome = engine.Run(
      out / "plan.json", {{0, "a"}}, SlurmRequest(), [&](size_t) { return ++looks > 1; },
      [](const std::vector<size_t>&) {});
  INFO(OneLine(outcome.status()));
  REQUIRE(outcome.ok());
  CHECK(outcome->failures.empty());
  CHECK(looks == 2);
  CHECK(!std::filesystem::exists(out / "slurm/arrays.txt"));
}

TEST_CASE("What sbatch says instead of a number is the error", "[slurm-engine]") {
  const Folder out;
  const FakeSlurm slurm;
  slurm.Add("sbatch", "echo 'sbatch: error: no such partition' >&2\nexit 1\n");
  SlurmEngine engine("/program", out.path());
  const StatusOr<LocalOutcome> outcome = engine.Run(
      out / "plan.json", {{0, "a"}}, SlurmRequest(), [](size_t) { return false; },
      [](const std::vector<size_t>&) {});
  CHECK(OneLine(outcome.status()).find("sbatch: error: no such partition") != std::string::npos);
}

}  // namespace
}  // namespace lutra
