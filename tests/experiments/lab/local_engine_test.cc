#include "experiments/lab/local_engine.h"

#include <signal.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "core/file.h"
#include "tests/support/folder.h"

namespace lutra {
namespace {

// A program that is run as points are: "point -- OUT INDEX".
std::filesystem::path Script(const Folder& folder, const std::string& text) {
  const std::filesystem::path script = folder / "script";
  REQUIRE(WriteFile(script, StrCat("#!/bin/sh\nout=$3\nindex=$4\n", text), 0777).ok());
  return script;
}

LocalOutcome Run(const std::filesystem::path& script, const Folder& folder,
                 const std::vector<LocalJob>& jobs, const LocalLimits& limits) {
  std::filesystem::create_directories(folder / "points");
  sigset_t before;
  sigprocmask(SIG_BLOCK, nullptr, &before);
  LocalOutcome outcome = RunLocally(script, folder.path(), jobs, limits,
                                    [](const std::vector<size_t>&, const std::vector<size_t>&) {});
  sigprocmask(SIG_SETMASK, &before, nullptr);  // it leaves signals blocked
  return outcome;
}

TEST_CASE("A run that fails or is killed is told of, and the others go on", "[local-engine]") {
  const Folder folder;
  const auto script = Script(folder,
                             "[ $index = 0 ] && kill -9 $$\n"
                             "[ $index = 1 ] && { echo first >&2; echo last word >&2; exit 1; }\n"
                             "[ $index = 2 ] && exit 7\n"
                             "touch $out/done-$index\n");
  const LocalOutcome outcome =
      Run(script, folder, {{0, "a"}, {1, "b"}, {2, "c"}, {3, "d"}, {4, "e"}}, {2, 0});
  CHECK(!outcome.interrupted);
  std::vector<std::string> failures = outcome.failures;
  std::sort(failures.begin(), failures.end());
  CHECK(failures == std::vector<std::string>{"a: ended by signal 9 (Killed)", "b: last word",
                                             "c: ended with status 7"});
  CHECK(std::filesystem::exists(folder / "done-3"));
  CHECK(std::filesystem::exists(folder / "done-4"));
  CHECK(Entries(folder / "points") == 0);  // no log stays
}

TEST_CASE("Runs wait until their estimates fit the memory together", "[local-engine]") {
  const Folder folder;
  // Fails where another runs at the same time.
  const auto script = Script(folder, "mkdir $out/lock || exit 1\nsleep 0.02\nrmdir $out/lock\n");
  std::vector<LocalJob> jobs;
  for (size_t i = 0; i < 6; ++i) jobs.push_back({i, StrCat(i), i == 3 ? 100 : 6});
  CHECK(Run(script, folder, jobs, {4, 10}).failures.empty());
}

}  // namespace
}  // namespace lutra
