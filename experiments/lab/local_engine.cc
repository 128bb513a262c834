#include "experiments/lab/local_engine.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <utility>

#include "core/file.h"
#include "core/text.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

constexpr long kTickNanoseconds = 200'000'000;
constexpr std::chrono::seconds kPatience(10);  // until a point that was told to end is killed
constexpr int64_t kMostLogBytes = int64_t{1} << 20;

sigset_t Signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGCHLD}) sigaddset(&signals, signal);
  return signals;
}

// The last line that is not empty.
std::string LastLine(const fs::path& file) {
  const StatusOr<std::string> text = ReadTextFile(file, kMostLogBytes);
  if (!text.ok()) return "";
  std::string last, line;
  for (const char character : *text + "\n") {
    if (character != '\n') {
      line += character;
    } else if (!line.empty()) {
      last = std::exchange(line, "");
    }
  }
  return last;
}

class Runner {
 public:
  Runner(fs::path program, fs::path out, const std::vector<LocalJob>& jobs)
      : program_(std::move(program)), out_(std::move(out)), jobs_(jobs) {}
  ~Runner() {
    for (const Child& child : children_) {
      ::kill(-child.pid, SIGKILL);
      ::waitpid(child.pid, nullptr, 0);
    }
  }
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  LocalOutcome Run(const LocalLimits& limits,
                   const std::function<void(const std::vector<size_t>&,
                                            const std::vector<size_t>&)>& on_change) {
    const sigset_t signals = Signals();
    ::sigprocmask(SIG_BLOCK, &signals, nullptr);
    while (!outcome_.interrupted && (next_ < jobs_.size() || !children_.empty())) {
      while (next_ < jobs_.size() && MayStart(jobs_[next_], limits)) Start(next_++);
      on_change(done_, Running());
      const timespec tick{0, kTickNanoseconds};
      const int signal = ::sigtimedwait(&signals, nullptr, &tick);
      if (signal == SIGINT || signal == SIGTERM) outcome_.interrupted = true;
      Reap();
    }
    if (outcome_.interrupted) EndAll();
    on_change(done_, Running());
    return std::move(outcome_);
  }

 private:
  struct Child {
    pid_t pid;
    size_t job;
  };

  bool MayStart(const LocalJob& job, const LocalLimits& limits) const {
    if (children_.empty()) return true;
    if (children_.size() >= limits.parallel) return false;
    int64_t memory = job.memory_bytes;
    for (const Child& child : children_) memory += jobs_[child.job].memory_bytes;
    return limits.memory_bytes == 0 || memory <= limits.memory_bytes;
  }

  std::vector<size_t> Running() const {
    std::vector<size_t> running;
    for (const Child& child : children_) running.push_back(child.job);
    return running;
  }

  fs::path LogFile(size_t job) const {
    return out_ / "points" / StrCat("run-", jobs_[job].index, ".log");
  }

  void Start(size_t job) {
    std::vector<std::string> words = {program_.string(), "point", "--", out_.string(),
                                      StrCat(jobs_[job].index)};
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    const std::string log = LogFile(job).string();
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log.c_str(),
                                     O_WRONLY | O_CREAT | O_TRUNC, 0666);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigemptyset(&none);
    const sigset_t usual = Signals();
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    pid_t pid = -1;
    const int error =
        ::posix_spawn(&pid, program_.c_str(), &actions, &attributes, arguments.data(), environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) {
      Fail(job, StrCat("cannot start ", program_.string(), ": ", std::strerror(error)));
      return;
    }
    children_.push_back({pid, job});
  }

  void Fail(size_t job, std::string_view why) {
    outcome_.failures.push_back(StrCat(jobs_[job].label, ": ", why));
    done_.push_back(job);
  }

  void Reap() {
    for (size_t i = 0; i < children_.size();) {
      int status = 0;
      if (::waitpid(children_[i].pid, &status, WNOHANG) != children_[i].pid) {
        ++i;
        continue;
      }
      const size_t job = children_[i].job;
      children_.erase(children_.begin() + static_cast<std::ptrdiff_t>(i));
      Ended(job, status);
    }
  }

  void Ended(size_t job, int status) {
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
      done_.push_back(job);
    } else if (!outcome_.interrupted) {
      std::string why = LastLine(LogFile(job));
      if (WIFSIGNALED(status)) {
        why = StrCat("ended by signal ", WTERMSIG(status), " (", ::strsignal(WTERMSIG(status)), ")",
                     why.empty() ? "" : ": ", why);
      } else if (why.empty()) {
        why = StrCat("ended with status ", WEXITSTATUS(status));
      }
      Fail(job, why);
    }
    std::error_code error;
    fs::remove(LogFile(job), error);
  }

  // Tells all to end, waits, and kills what does not. A point ends its own processes.
  void EndAll() {
    for (const Child& child : children_) ::kill(child.pid, SIGTERM);
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (!children_.empty() && std::chrono::steady_clock::now() < until) {
      const timespec tick{0, kTickNanoseconds / 10};
      ::nanosleep(&tick, nullptr);
      Reap();
    }
    for (const Child& child : children_) {
      ::kill(-child.pid, SIGKILL);
      int status = 0;
      ::waitpid(child.pid, &status, 0);
      Ended(child.job, status);
    }
    children_.clear();
  }

  const fs::path program_;
  const fs::path out_;
  const std::vector<LocalJob>& jobs_;
  size_t next_ = 0;
  std::vector<Child> children_;
  std::vector<size_t> done_;
  LocalOutcome outcome_;
};

}  // namespace

void BlockInterrupts() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
}

LocalOutcome RunLocally(
    const fs::path& program, const fs::path& out, const std::vector<LocalJob>& jobs,
    const LocalLimits& limits,
    const std::function<void(const std::vector<size_t>&, const std::vector<size_t>&)>& on_change) {
  return Runner(program, out, jobs).Run(limits, on_change);
}

void EndWithParent() { ::prctl(PR_SET_PDEATHSIG, SIGTERM); }

}  // namespace lutra
