// A program in a process of its own, with what it printed.
#ifndef LUTRA_TESTS_SUPPORT_CHILD_H_
#define LUTRA_TESTS_SUPPORT_CHILD_H_

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "core/file.h"
#include "tests/support/folder.h"
#include "tests/support/paths.h"

namespace lutra {

class Child {
 public:
  // A program of the build directory.
  Child(const std::string& name, std::vector<std::string> arguments) {
    const std::string program = BuildPath(name);
    arguments.insert(arguments.begin(), program);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    REQUIRE(posix_spawn_file_actions_init(&actions) == 0);
    for (const auto& [descriptor, file] : {std::pair(1, folder_ / "out"), {2, folder_ / "err"}}) {
      REQUIRE(posix_spawn_file_actions_addopen(&actions, descriptor, file.c_str(),
                                               O_WRONLY | O_CREAT | O_TRUNC, 0666) == 0);
    }
    REQUIRE(posix_spawn(&pid_, program.c_str(), &actions, nullptr, argv.data(), environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
  }
  ~Child() {
    if (pid_ < 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void Signal(int signal) const { REQUIRE(kill(pid_, signal) == 0); }
  pid_t pid() const { return pid_; }

  // Waits for its end. `status` is that of exit, or -1 after a signal.
  struct Ended {
    int status = -1;
    std::string out;
    std::string err;
  };
  Ended Wait() {
    int status = 0;
    REQUIRE(waitpid(pid_, &status, 0) == pid_);
    pid_ = -1;
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, Text("out"), Text("err")};
  }

 private:
  std::string Text(const char* name) const {
    StatusOr<std::string> text = ReadTextFile(folder_ / name, int64_t{1} << 26);
    REQUIRE(text.ok());
    return *std::move(text);
  }

  Folder folder_;
  pid_t pid_ = -1;
};

}  // namespace lutra

#endif  // LUTRA_TESTS_SUPPORT_CHILD_H_
