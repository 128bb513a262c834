#include "experiments/lab/slurm_engine.h"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <system_error>
#include <utility>

#include "core/file.h"
#include "experiments/lab/child_program.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

// Slurm's own default allows 1001.
constexpr size_t kMostTasks = 1000;
// Looks are a second apart at first, then a tenth of the time so far, up to this: a controller has
// other users.
constexpr time_t kMostPollSeconds = 10;
// One that restarts does not answer for a while.
constexpr int kMostSilentPolls = 30;
// Files that a node has written may be seen late over a network.
constexpr int kPollsForFiles = 15;
constexpr int64_t kMostLogBytes = int64_t{1} << 20;
constexpr int64_t kMebibyte = int64_t{1} << 20;

// For a shell, whatever is in it.
std::string ShellQuoted(std::string_view text) {
  std::string quoted = "'";
  for (const char character : text) {
    if (character == '\'') {
      quoted += "'\\''";
    } else {
      quoted += character;
    }
  }
  return quoted + "'";
}

// How long to wait between two looks, so long after the first.
time_t PollSeconds(std::chrono::steady_clock::time_point start) {
  const auto waited = std::chrono::steady_clock::now() - start;
  const auto tenth = std::chrono::duration_cast<std::chrono::seconds>(waited / 10).count();
  return std::clamp<time_t>(tenth, 1, kMostPollSeconds);
}

// Waits for the next look, or for an interrupt: whether there was one.
bool Interrupted(time_t seconds) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  const timespec tick{seconds, 0};
  const int signal = ::sigtimedwait(&signals, nullptr, &tick);
  return signal == SIGINT || signal == SIGTERM;
}

std::string Trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  const size_t line = text.rfind('\n');
  return line == text.npos ? text : text.substr(line + 1);
}

std::vector<std::string> LinesOf(const std::string& text) {
  std::vector<std::string> lines;
  std::string line;
  for (const char character : text) {
    if (character != '\n') {
      line += character;
    } else if (!line.empty()) {
      lines.push_back(std::exchange(line, ""));
    }
  }
  return lines;
}

bool IsNumber(std::string_view text) {
  return !text.empty() && text.size() < 20 && text.find_first_not_of("0123456789") == text.npos;
}

}  // namespace

std::string SlurmScript(const fs::path& program, const fs::path& out, const fs::path& plan,
                        const SlurmRequest& request, size_t first, size_t count) {
  std::string name;
  for (const char character : request.name) {
    const bool plain = (character >= 'a' && character <= 'z') || character == '-' ||
                       (character >= 'A' && character <= 'Z') ||
                       (character >= '0' && character <= '9');
    name += plain ? character : '-';
  }
  // Slurm reads %A and the like in the name of a log; the folder of the logs is the working one.
  std::string text = StrCat("#!/bin/bash\n", "#SBATCH --job-name=lutra-", name, "\n",
                            "#SBATCH --array=0-", count - 1);
  if (request.parallel.has_value()) text += StrCat("%", *request.parallel);
  text += StrCat("\n#SBATCH --output=task-", first, "-%a.log\n");
  text += StrCat("#SBATCH --cpus-per-task=", request.threads, "\n");
  // A quarter more than is estimated.
  const int64_t mebibytes = std::max<int64_t>(256, request.memory_bytes / kMebibyte * 5 / 4);
  text += StrCat("#SBATCH --mem=", mebibytes, "M\n");
  if (!request.parallel.has_value()) text += "#SBATCH --exclusive\n";
  text +=
      StrCat("exec ", ShellQuoted(program.string()), " point --plan ", ShellQuoted(plan.string()),
             " -- ", ShellQuoted(out.string()), " $((", first, " + SLURM_ARRAY_TASK_ID))\n");
  return text;
}

SlurmEngine::SlurmEngine(fs::path program, fs::path out)
    : program_(std::move(program)), out_(fs::absolute(out)) {}

Status SlurmEngine::Check() const {
  for (const std::string program : {"sbatch", "squeue", "scancel"}) {
    const StatusOr<ProgramOutput> output = RunChildProgram({program, "--version"}, "/");
    if (!output.ok()) {
      return Unavailable("--engine slurm: ", OneLine(output.status()), " (Debian: slurm-client)");
    }
  }
  const StatusOr<ProgramOutput> queue = RunChildProgram({"squeue", "--noheader", "--me"}, "/");
  if (!queue.ok()) return queue.status();
  if (queue->exit_status == 0) return absl::OkStatus();
  return Unavailable("--engine slurm: squeue: ", Trimmed(queue->text));
}

StatusOr<std::string> SlurmEngine::Submit(const fs::path& script) const {
  LUTRA_ASSIGN_OR_RETURN(
      const ProgramOutput output,
      RunChildProgram({"sbatch", "--parsable", script.string()}, out_ / "slurm"));
  // "17" or "17;cluster", in a line of its own: plugins may have something to say before and after.
  for (const std::string& line : LinesOf(output.text + "\n")) {
    const std::string id = line.substr(0, line.find(';'));
    if (output.exit_status == 0 && IsNumber(id)) return id;
  }
  return Unavailable("sbatch ", script.string(), ": ", Trimmed(output.text));
}

StatusOr<bool> SlurmEngine::InQueue(const std::vector<std::string>& arrays) const {
  // Of all jobs of this user: an array that has left is no error then.
  LUTRA_ASSIGN_OR_RETURN(
      const ProgramOutput output,
      RunChildProgram({"squeue", "--noheader", "--me", "--format=%F", "--array"}, "/"));
  if (output.exit_status != 0) return Unavailable("squeue: ", Trimmed(output.text));
  for (const std::string& line : LinesOf(output.text)) {
    const std::string id = line.substr(0, line.find(' '));
    if (std::find(arrays.begin(), arrays.end(), id) != arrays.end()) return true;
  }
  return false;
}

StatusOr<bool> SlurmEngine::StillInQueue(const std::vector<std::string>& arrays) {
  StatusOr<bool> in_queue = InQueue(arrays);
  silent_polls_ = in_queue.ok() ? 0 : silent_polls_ + 1;
  if (!in_queue.ok() && silent_polls_ < kMostSilentPolls) return true;
  return in_queue;
}

StatusOr<bool> SlurmEngine::WaitForEarlier(const std::function<void()>& on_tick) {
  const StatusOr<std::string> text = ReadTextFile(ArraysFile(), kMostLogBytes);
  if (!text.ok()) return false;
  const std::vector<std::string> arrays = LinesOf(*text);
  const auto start = std::chrono::steady_clock::now();
  while (true) {
    LUTRA_ASSIGN_OR_RETURN(const bool waiting, StillInQueue(arrays));
    if (!waiting) break;
    on_tick();
    if (Interrupted(PollSeconds(start))) return true;
  }
  LUTRA_RETURN_IF_ERROR(RemoveFile(ArraysFile()));
  return false;
}

StatusOr<LocalOutcome> SlurmEngine::Run(
    const fs::path& plan, const std::vector<LocalJob>& jobs, const SlurmRequest& request,
    const std::function<bool(size_t job)>& is_done,
    const std::function<void(const std::vector<size_t>& done)>& on_tick) {
  std::error_code error;
  fs::create_directories(out_ / "slurm", error);
  if (error) return Unavailable(out_.string(), ": cannot make slurm/: ", error.message());
  std::vector<std::string> arrays;
  std::string text;
  for (size_t first = 0; first < jobs.size(); first += kMostTasks) {
    const size_t count = std::min(kMostTasks, jobs.size() - first);
    const fs::path script = out_ / "slurm" / StrCat("job-", first, ".sh");
    LUTRA_RETURN_IF_ERROR(
        WriteFile(script, SlurmScript(program_, out_, fs::absolute(plan), request, first, count)));
    LUTRA_ASSIGN_OR_RETURN(const std::string id, Submit(script));
    arrays.push_back(id);
    text += id + "\n";
    LUTRA_RETURN_IF_ERROR(WriteFile(ArraysFile(), text));
  }
  LocalOutcome outcome;
  std::vector<bool> finished(jobs.size(), false);
  std::vector<size_t> done;
  const auto look = [&] {
    for (size_t i = 0; i < jobs.size(); ++i) {
      if (finished[i] || !is_done(i)) continue;
      finished[i] = true;
      done.push_back(i);
    }
    on_tick(done);
  };
  const auto start = std::chrono::steady_clock::now();
  bool waiting = true;
  for (int late = 0; done.size() < jobs.size() && late < kPollsForFiles; late += waiting ? 0 : 1) {
    look();
    if (done.size() == jobs.size()) break;
    if (Interrupted(waiting ? PollSeconds(start) : 1)) {
      outcome.interrupted = true;
      std::vector<std::string> cancel = arrays;
      cancel.insert(cancel.begin(), "scancel");
      const StatusOr<ProgramOutput> cancelled = RunChildProgram(cancel, "/");
      if (!cancelled.ok()) return cancelled.status();
      break;
    }
    LUTRA_ASSIGN_OR_RETURN(waiting, StillInQueue(arrays));
  }
  if (outcome.interrupted) return outcome;
  LUTRA_RETURN_IF_ERROR(RemoveFile(ArraysFile()));
  for (size_t i = 0; i < jobs.size(); ++i) {
    if (finished[i]) continue;
    const size_t first = i / kMostTasks * kMostTasks;
    const fs::path log = out_ / "slurm" / StrCat("task-", first, "-", i - first, ".log");
    const StatusOr<std::string> said = ReadTextFile(log, kMostLogBytes);
    const std::string why = said.ok() ? Trimmed(*said) : "";
    outcome.failures.push_back(StrCat(
        jobs[i].label, ": ", why.empty() ? StrCat("left no result; see ", log.string()) : why));
  }
  return outcome;
}

}  // namespace lutra
