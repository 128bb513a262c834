#include "experiments/lab/lab.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "analysis/cost_table.h"
#include "analysis/machine.h"
#include "analysis/report_command.h"
#include "core/command_line.h"
#include "core/file.h"
#include "core/memory.h"
#include "experiments/lab/comparison.h"
#include "experiments/lab/data_table.h"
#include "experiments/lab/environment.h"
#include "experiments/lab/expected.h"
#include "experiments/lab/experiment.h"
#include "experiments/lab/figure.h"
#include "experiments/lab/index_page.h"
#include "experiments/lab/local_engine.h"
#include "experiments/lab/plan.h"
#include "experiments/lab/results.h"
#include "experiments/lab/results_directory.h"
#include "experiments/lab/slurm_engine.h"
#include "experiments/lab/table.h"
#include "sim/interrupts.h"
#include "sim/progress.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using Seconds = std::chrono::duration<double>;

constexpr std::string_view kProgram = "lutra-experiment";
constexpr int kDisagreement = 3;

// ---- command lines ----

CommandLine Overview() {
  CommandLine line("lutra-experiment",
                   "Runs declarative experiments: what is swept, measured and drawn stands in a "
                   "file.\n\n"
                   "Commands:\n"
                   "  run PATH      checks, prices and runs an experiment, and draws its figures\n"
                   "  check PATH... compares the closed form with what is expected\n"
                   "  render PATH   makes tables and figures anew, and runs nothing\n"
                   "  list          the experiments in a folder\n"
                   "  point OUT N   one run of a plan: what run does for each\n\n"
                   "lutra-experiment COMMAND --help says more.");
  line.SetPositionals("COMMAND", 1, 1)
      .AddExample("lutra-experiment run experiments/sequence-scaling")
      .AddExample("lutra-experiment check experiments/*/");
  return line;
}

CommandLine RunCommandLine() {
  CommandLine line("lutra-experiment run",
                   "Runs an experiment: a folder with an experiment.toml, or such a file. What was "
                   "finished\nbefore in the same place is kept, and only the rest runs.");
  line.SetPositionals("PATH", 1, 1)
      .AddFlag("out", "DIR", "where results go; default: runs/experiments/NAME")
      .AddFlag("jobs", "N",
               "runs at a time; default: one, since seconds that others disturb say little; with "
               "slurm, as many as there are nodes, each alone on its own")
      .AddFlag("engine", "local|slurm", "processes of this machine (default), or a Slurm job array")
      .AddFlag("only", "AXIS=VALUE,...",
               "these points only; several values of one axis are alternatives")
      .AddSwitch("dry-run", "check, say what it would take, and stop")
      .AddSwitch("quiet", "print errors only")
      .AddExample("lutra-experiment run experiments/sequence-scaling --dry-run")
      .AddExample("lutra-experiment run experiments/lookup-width --only index_bits=4,index_bits=8");
  return line;
}

CommandLine CheckCommandLine() {
  CommandLine line("lutra-experiment check",
                   "Checks experiments without running them: every file is read, every point "
                   "priced by the\nclosed form, and compared with expected.csv beside the file.");
  line.SetPositionals("PATH...", 1, CommandLine::kAnyNumber)
      .AddSwitch("write", "write expected.csv instead, of all points")
      .AddExample("lutra-experiment check experiments/*/");
  return line;
}

CommandLine RenderCommandLine() {
  CommandLine line("lutra-experiment render",
                   "Makes tables and figures anew from the runs that are finished, by the "
                   "experiment file as\nit is now. PATH is an experiment, or the directory of its "
                   "results.");
  line.SetPositionals("PATH", 1, 1)
      .AddFlag("out", "DIR", "where the results are; default: runs/experiments/NAME")
      .AddSwitch("quiet", "print errors only");
  return line;
}

CommandLine ListCommandLine() {
  CommandLine line("lutra-experiment list", "Lists the experiments in a folder.");
  line.SetPositionals("FOLDER", 0, 1).AddExample("lutra-experiment list experiments");
  return line;
}

CommandLine PointCommandLine() {
  CommandLine line("lutra-experiment point",
                   "Runs one run of OUT/plan.json, by its number from 0, and keeps its result in "
                   "OUT/points/.\nAn experiment does this for every run; so do the tasks of a job "
                   "array.");
  line.SetPositionals("OUT N", 2, 2).AddFlag("plan", "FILE", "another plan than OUT/plan.json");
  return line;
}

// ---- small things ----

// "45 s", "12 min", "3.1 h".
std::string AboutTime(double seconds) {
  if (seconds < 120) return StrCat(static_cast<int64_t>(seconds + 0.5), " s");
  if (seconds < 7200) return StrCat(static_cast<int64_t>(seconds / 60 + 0.5), " min");
  return StrCat(Fixed(seconds / 3600, 1), " h");
}

// A title or label as a terminal may have it.
std::string Printable(std::string_view text) { return OneLine(InvalidArgument(text)); }

StatusOr<fs::path> ThisProgram() {
  std::error_code error;
  const fs::path path = fs::read_symlink("/proc/self/exe", error);
  if (error) return Unavailable("cannot find this program: ", error.message());
  return path;
}

// ---- one experiment ----

// Of a text that begins with one of the axis' labels and then ends or has a comma, the longest such
// label; a label may have commas. Null where there is none.
const std::string* LabelAtStart(std::string_view text, const Axis& axis) {
  const std::string* longest = nullptr;
  for (const Axis::Step& step : axis.steps) {
    const std::string& label = step.label;
    if (!text.starts_with(label) || (text.size() > label.size() && text[label.size()] != ',')) {
      continue;
    }
    if (longest == nullptr || label.size() > longest->size()) longest = &label;
  }
  return longest;
}

// What --only keeps: by axis, the labels.
StatusOr<RowFilter> ReadOnly(const Experiment& experiment, std::string_view text) {
  RowFilter filter;
  for (size_t begin = 0; begin <= text.size();) {
    const std::string_view rest = text.substr(begin);
    const std::string_view one = rest.substr(0, rest.find(','));
    const size_t equals = one.find('=');
    const std::string name(one.substr(0, equals));
    const Axis* axis = nullptr;
    std::vector<std::string_view> names;
    for (const Axis& each : experiment.axes) {
      if (each.is_replay) continue;
      names.push_back(each.name);
      if (each.name == name) axis = &each;
    }
    if (equals == one.npos || axis == nullptr) {
      return InvalidArgument("--only: expected AXIS=VALUE with an axis of ", CommaSeparated(names),
                             ", found '", one, "'");
    }
    const std::string* label = LabelAtStart(rest.substr(equals + 1), *axis);
    if (label == nullptr) {
      std::vector<std::string_view> labels;
      for (const Axis::Step& step : axis->steps) labels.push_back(step.label);
      return InvalidArgument("--only: ", name, ": expected one of ", CommaSeparated(labels),
                             ", found '", one.substr(equals + 1), "'");
    }
    filter[name].push_back(*label);
    begin += equals + 1 + label->size() + 1;
  }
  return filter;
}

// An experiment from its file to its figures.
class Lab {
 public:
  // Runs that `only` does not keep are neither run nor left out of the results.
  Lab(Experiment experiment, ExperimentPlan plan, const RowFilter& only, fs::path out, bool quiet)
      : experiment_(std::move(experiment)),
        plan_(std::move(plan)),
        directory_(std::move(out)),
        quiet_(quiet) {
    for (size_t i = 0; i < plan_.runs.size(); ++i) {
      if (experiment_.Keeps(only, experiment_.points[plan_.runs[i].point])) selected_.push_back(i);
    }
  }

  // Looks which runs are there by now. What is not whole is told of, once: where `to_run`, it runs
  // again.
  void FindFinished(bool to_run) {
    const std::set<size_t> selected(selected_.begin(), selected_.end());
    for (size_t i = 0; i < plan_.runs.size(); ++i) {
      if (finished_.contains(i)) continue;
      const PlannedRun& run = plan_.runs[i];
      if (!plan_.specs[run.point].runs()) {
        finished_.emplace(i, FinishedRun{});  // the price is the result
        continue;
      }
      StatusOr<FinishedRun> finished = ReadFinishedRun(directory_.path(), run.key);
      if (finished.ok()) {
        finished_.emplace(i, *std::move(finished));
      } else if (finished.status().code() != absl::StatusCode::kNotFound &&
                 told_.insert(i).second) {
        const bool again = to_run && selected.contains(i);
        ReportError(kProgram, InvalidArgument(OneLine(finished.status()),
                                              again ? "; it runs again" : "; it is left out"));
      }
    }
    pending_.clear();
    for (const size_t i : selected_) {
      if (!finished_.contains(i)) pending_.push_back(i);
    }
  }

  // An error where there are runs to make results from, but none of them has any.
  Status CheckAnyFinished() const {
    const auto is_run = [&](const PlannedRun& run) { return plan_.specs[run.point].runs(); };
    if (std::none_of(plan_.runs.begin(), plan_.runs.end(), is_run)) return absl::OkStatus();
    for (const auto& [index, run] : finished_) {
      if (is_run(plan_.runs[index])) return absl::OkStatus();
    }
    const size_t others = directory_.PointFiles();
    return absl::NotFoundError(
        StrCat(directory_.path().string(), ": expected finished runs of ",
               experiment_.file.string(), " as it is now, found ",
               others == 0 ? "none"
                           : StrCat("only ", Counted(others, "run"),
                                    " of other settings, seeds, files or versions")));
  }

  void PrintHead(const RunMaker& maker) const {
    if (quiet_) return;
    std::string text = StrCat(Printable(experiment_.title), "\n\n");
    text += StrCat("experiment  ", Printable(experiment_.name), "\n");
    std::string axes;
    for (const Axis& axis : experiment_.axes) {
      axes += StrCat(axes.empty() ? "" : " x ", axis.name, " (", axis.steps.size(), ")");
    }
    if (!axes.empty()) text += StrCat("axes        ", axes, "\n");
    text += StrCat("points      ", Counted(experiment_.points.size(), "point"), ", ",
                   Counted(selected_.size(), "run"));
    if (!experiment_.replays.empty()) {
      text += StrCat(", each under ", Counted(experiment_.replays.size(), "network"));
    }
    text +=
        StrCat("\n", experiment_.runs() ? Needs(maker)
                                        : "takes       nothing runs: the closed form says all\n");
    text += StrCat("results     ", directory_.path().string(), "\n");
    Print(text);
  }

  // Takes the directory for this process, which was called with these words.
  Status Open(std::vector<std::string> words) {
    command_ = CommandCall{std::move(words), TimeNow()};
    return directory_.Open();
  }

  // Writes what runs are made from.
  Status Begin(const RunMaker& maker) {
    maker_ = maker;
    is_run_ = true;
    LUTRA_ASSIGN_OR_RETURN(const std::string plan, Plan());
    LUTRA_RETURN_IF_ERROR(WriteExperiment());
    LUTRA_RETURN_IF_ERROR(directory_.Write("plan.json", plan));
    return WriteEnvironment();
  }

  // The exit status so far: 0, 1 after failures, 130.
  int RunPending(size_t jobs) {
    if (pending_.empty()) return 0;
    const StatusOr<fs::path> program = ThisProgram();
    if (!program.ok()) return ReportError(kProgram, program.status());
    const std::vector<LocalJob> list = PendingJobs();
    Progress progress(quiet_ ? Progress::Style::kNone : Progress::StyleFor(stdout), stdout,
                      static_cast<int64_t>(list.size()), "runs");
    const auto start = std::chrono::steady_clock::now();
    double at_last = 0;  // seconds, when a run was finished last
    size_t last_done = 0;
    const LocalOutcome outcome =
        RunLocally(*program, directory_.path(), list, {jobs, ThisMachine().memory_bytes},
                   [&](const std::vector<size_t>& done, const std::vector<size_t>& running) {
                     const double now = Seconds(std::chrono::steady_clock::now() - start).count();
                     if (done.size() != last_done) at_last = now;
                     last_done = done.size();
                     const std::string activity = running.empty() ? "done" : list[running[0]].label;
                     progress.Show(static_cast<int64_t>(done.size()), activity,
                                   SecondsLeft(done, now, at_last, jobs));
                   });
    progress.Clear();
    return Ended(outcome, list.size());
  }

  // The same on a cluster.
  int RunPendingOnSlurm(std::optional<size_t> parallel) {
    if (pending_.empty()) return 0;
    const StatusOr<int> exit_status = TrySlurm(parallel);
    return exit_status.ok() ? *exit_status : ReportError(kProgram, exit_status.status());
  }

  // Results, tables, figures and the index, from all runs that are there.
  Status Collect() {
    LUTRA_ASSIGN_OR_RETURN(const Results results, CollectResults(experiment_, plan_, finished_));
    LUTRA_RETURN_IF_ERROR(RemoveReport(directory_.path()));  // of earlier results
    LUTRA_RETURN_IF_ERROR(directory_.Write("results.csv", CsvOf(results.runs)));
    LUTRA_RETURN_IF_ERROR(directory_.Write("results.jsonl", JsonLinesOf(results.runs)));
    LUTRA_RETURN_IF_ERROR(directory_.Write("summary.csv", CsvOf(results.summary)));
    if (experiment_.breakdown.empty()) {
      LUTRA_RETURN_IF_ERROR(RemoveFile(directory_.path() / "breakdown.csv"));  // of earlier results
    } else {
      LUTRA_RETURN_IF_ERROR(directory_.Write("breakdown.csv", CsvOf(results.breakdown)));
    }
    if (is_run_ || !directory_.Has("environment.json")) LUTRA_RETURN_IF_ERROR(WriteEnvironment());
    LUTRA_RETURN_IF_ERROR(WriteExperiment());
    LUTRA_RETURN_IF_ERROR(WriteTables(experiment_, results, directory_.path()));
    const RunCounts counts{finished_.size(), plan_.runs.size(), OriginsOf(finished_).size()};
    LUTRA_RETURN_IF_ERROR(directory_.Write("index.md", IndexPage(experiment_, results, counts)));
    for (const DataTable::Row& row : results.runs.rows) {
      const DataTable::Cell& agrees = DataTable::At(row, "agrees");
      disagrees_ = disagrees_ || (agrees.is_boolean() && !agrees.get<bool>());
    }
    const Status comparisons = WriteComparisons(experiment_, results, directory_.path());
    const Status figures = WriteFigures(experiment_, results, directory_.path());
    return comparisons.ok() ? figures : comparisons;
  }

  bool disagrees() const { return disagrees_; }

  void PrintEnd() const {
    if (quiet_) return;
    Print(StrCat("\n", Counted(finished_.size(), "run"), " of ", plan_.runs.size(),
                 " finished; results in ", directory_.path().string(), "/\n"));
  }

 private:
  // The file, and what it names.
  Status WriteExperiment() const {
    LUTRA_RETURN_IF_ERROR(directory_.Write("experiment.toml", experiment_.text));
    return CopyNamedFiles(experiment_, directory_.path());
  }

  static void Print(const std::string& text) {
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
  }

  // ---- estimates ----

  // What is finished, and what the rest takes.
  std::string Needs(const RunMaker& maker) const {
    std::string text;
    const size_t before = selected_.size() - pending_.size();
    if (before > 0) text += StrCat("finished    ", Counted(before, "run"), " before\n");
    const StatusOr<size_t> others = CountOfOtherOrigin(finished_, maker);
    if (others.ok() && *others > 0) {
      text += StrCat("            ", Counted(*others, "run"),
                     " there by another build, machine, engine or --jobs: seconds may differ. "
                     "What is removed\n            from points/ runs again\n");
    }
    const auto jobs = static_cast<size_t>(std::max<int64_t>(maker.jobs, 1));
    return text + StrCat("takes       about ", AboutTime(EstimatedSeconds(jobs)), " for ",
                         Counted(pending_.size(), "run"), "; up to ",
                         HumanBytes(EstimatedMemory(jobs)), " of memory\n");
  }

  double EstimatedSeconds(size_t jobs) const {
    double seconds = 0, longest = 0;
    for (const size_t i : pending_) {
      seconds += plan_.seconds(plan_.runs[i]);
      longest = std::max(longest, plan_.seconds(plan_.runs[i]));
    }
    const double parallel =
        static_cast<double>(std::min(jobs, static_cast<size_t>(std::max(1, ThisMachine().cores))));
    return std::max(longest, seconds / std::max(1.0, parallel));
  }

  // The largest that may run at a time; never more than there is.
  int64_t EstimatedMemory(size_t jobs) const {
    std::vector<int64_t> memory;
    for (const size_t i : pending_) memory.push_back(plan_.prices[plan_.runs[i].point].memory);
    std::sort(memory.rbegin(), memory.rend());
    int64_t sum = 0;
    for (size_t i = 0; i < std::min(jobs, memory.size()); ++i) sum += memory[i];
    const int64_t machine = ThisMachine().memory_bytes;
    return machine > 0 ? std::min(sum, machine) : sum;
  }

  // By the estimates, corrected by how long those took that are done.
  std::optional<int64_t> SecondsLeft(const std::vector<size_t>& done, double now, double at_last,
                                     size_t jobs) const {
    double all = 0, finished = 0;
    for (const size_t i : pending_) all += plan_.seconds(plan_.runs[i]);
    for (const size_t job : done) finished += plan_.seconds(plan_.runs[pending_[job]]);
    const double rate =
        finished > 0 ? at_last / finished : 1.0 / static_cast<double>(std::max<size_t>(jobs, 1));
    const double left = (all - finished) * rate - (now - at_last);
    return static_cast<int64_t>(std::max(0.0, left) + 0.5);
  }

  // ---- runs ----

  StatusOr<std::string> Plan() const {
    return PlanJson(experiment_, plan_, pending_, maker_, directory_.path());
  }

  Status WriteEnvironment() const {
    return directory_.Write("environment.json",
                            EnvironmentJson(experiment_, plan_, finished_, command_));
  }

  std::vector<LocalJob> PendingJobs() const {
    std::vector<LocalJob> list;
    for (size_t i = 0; i < pending_.size(); ++i) {
      const PlannedRun& run = plan_.runs[pending_[i]];
      std::string label = Printable(experiment_.Label(experiment_.points[run.point]));
      if (experiment_.repetitions > 1) label += StrCat(", repetition ", run.repetition + 1);
      list.push_back({i, std::move(label), plan_.prices[run.point].memory});
    }
    return list;
  }

  static int SayInterrupted() {
    std::fputs(StrCat(kProgram,
                      ": interrupted; what is finished is kept, and the same command goes on from "
                      "there\n")
                   .c_str(),
               stderr);
    return Interrupts::kExitStatus;
  }

  int Ended(const LocalOutcome& outcome, size_t jobs) {
    for (const std::string& failure : outcome.failures) {
      ReportError(kProgram, Unavailable(failure));
    }
    if (outcome.interrupted) return SayInterrupted();
    FindFinished(/*to_run=*/false);
    if (outcome.failures.empty()) return 0;
    return ReportError(kProgram, Unavailable(outcome.failures.size(), " of ", jobs,
                                             " runs failed; the others are kept"));
  }

  StatusOr<int> TrySlurm(std::optional<size_t> parallel) {
    LUTRA_ASSIGN_OR_RETURN(const fs::path program, ThisProgram());
    SlurmEngine engine(program, directory_.path());
    LUTRA_RETURN_IF_ERROR(engine.Check());
    Progress progress(quiet_ ? Progress::Style::kNone : Progress::StyleFor(stdout), stdout,
                      static_cast<int64_t>(pending_.size()), "runs");
    LUTRA_ASSIGN_OR_RETURN(const bool interrupted, engine.WaitForEarlier([&] {
      progress.Show(0, "waiting for an earlier job array");
    }));
    if (interrupted) {
      progress.Clear();
      return SayInterrupted();
    }
    FindFinished(/*to_run=*/true);
    if (pending_.empty()) return 0;
    // The plan of the array stays, whatever runs here meanwhile.
    const fs::path file = directory_.path() / "slurm" / "plan.json";
    std::error_code error;
    fs::create_directories(file.parent_path(), error);
    LUTRA_ASSIGN_OR_RETURN(const std::string plan, Plan());
    LUTRA_RETURN_IF_ERROR(WriteFile(file, plan));
    SlurmRequest request;
    request.name = experiment_.name;
    request.parallel = parallel;
    for (const size_t i : pending_) {
      const size_t point = plan_.runs[i].point;
      const int64_t threads =
          IntegerOf(plan_.specs[point].settings, "threads", ThisMachine().cores);
      request.threads = std::max(request.threads, static_cast<int>(threads));
      request.memory_bytes = std::max(request.memory_bytes, plan_.prices[point].memory);
    }
    const std::vector<LocalJob> list = PendingJobs();
    LUTRA_ASSIGN_OR_RETURN(
        const LocalOutcome outcome,
        engine.Run(
            file, list, request,
            [&](size_t job) {
              return ReadFinishedRun(directory_.path(), plan_.runs[pending_[job]].key).ok();
            },
            [&](const std::vector<size_t>& done) {
              progress.Show(static_cast<int64_t>(done.size()), "in the queue");
            }));
    progress.Clear();
    return Ended(outcome, list.size());
  }

  const Experiment experiment_;
  const ExperimentPlan plan_;
  ResultsDirectory directory_;
  const bool quiet_;
  bool is_run_ = false;  // what made the runs is not what renders them
  RunMaker maker_;
  CommandCall command_;
  std::vector<size_t> selected_;            // of plan_.runs
  std::vector<size_t> pending_;             // likewise
  std::map<size_t, FinishedRun> finished_;  // by index of plan_.runs
  std::set<size_t> told_;                   // of plan_.runs, not whole
  bool disagrees_ = false;
};

fs::path OutOf(const Arguments& arguments, const Experiment& experiment) {
  return arguments.Text("out", (fs::path("runs/experiments") / experiment.name).string());
}

StatusOr<std::unique_ptr<Lab>> MakeLab(const Arguments& arguments, const fs::path& path,
                                       const std::optional<fs::path>& out, bool to_run) {
  LUTRA_ASSIGN_OR_RETURN(Experiment experiment, ReadExperiment(path));
  RowFilter only;
  if (to_run && arguments.Has("only")) {
    LUTRA_ASSIGN_OR_RETURN(only, ReadOnly(experiment, arguments.Text("only", "")));
  }
  const fs::path directory = out.value_or(OutOf(arguments, experiment));
  LUTRA_RETURN_IF_ERROR(ResultsDirectory(directory).Check());
  std::optional<Peaks> peaks;
  if (to_run && experiment.runs()) peaks = MeasurePeaks(1);
  LUTRA_ASSIGN_OR_RETURN(ExperimentPlan plan, MakePlan(experiment, peaks, to_run, only));
  auto lab = std::make_unique<Lab>(std::move(experiment), std::move(plan), only, directory,
                                   arguments.Has("quiet"));
  lab->FindFinished(to_run);
  return lab;
}

// ---- commands ----

int Conclude(Lab& lab, int exit_status) {
  const Status collected = lab.Collect();
  if (!collected.ok()) return ReportError(kProgram, collected);
  lab.PrintEnd();
  if (exit_status == 0 && lab.disagrees()) {
    ReportError(kProgram, InvalidArgument("secure and clear disagree: see the column agrees of "
                                          "results.csv"));
    return kDisagreement;
  }
  return exit_status;
}

// --engine and --jobs.
StatusOr<RunMaker> ReadMaker(const Arguments& arguments) {
  RunMaker maker;
  LUTRA_ASSIGN_OR_RETURN(maker.jobs, arguments.Integer("jobs", 1, 1, 1024));
  LUTRA_ASSIGN_OR_RETURN(maker.engine, arguments.Choice("engine", "local", {"local", "slurm"}));
  if (maker.engine == "slurm" && !arguments.Has("jobs")) maker.jobs = 0;
  return maker;
}

// The command line, for who reads the results.
std::vector<std::string> WordsOf(std::string_view command, const Arguments& arguments) {
  std::vector<std::string> words = {std::string(kProgram), std::string(command),
                                    arguments.positionals()[0]};
  for (const std::string_view flag : {"out", "only", "jobs", "engine"}) {
    if (arguments.Has(flag)) words.push_back(StrCat("--", flag, "=", arguments.Text(flag, "")));
  }
  return words;
}

int RunExperiment(const Arguments& arguments) {
  std::unique_ptr<Lab> lab;
  RunMaker maker;
  {
    const Interrupts interrupts(kProgram);
    const StatusOr<RunMaker> wanted = ReadMaker(arguments);
    if (!wanted.ok()) return ReportError(kProgram, wanted.status());
    maker = *wanted;
    StatusOr<std::unique_ptr<Lab>> made =
        MakeLab(arguments, arguments.positionals()[0], std::nullopt, /*to_run=*/true);
    if (!made.ok()) return ReportError(kProgram, made.status());
    lab = *std::move(made);
    lab->PrintHead(maker);
    if (arguments.Has("dry-run")) return 0;
    Status begun = lab->Open(WordsOf("run", arguments));
    if (begun.ok()) begun = lab->Begin(maker);
    if (!begun.ok()) return ReportError(kProgram, begun);
  }
  std::optional<size_t> parallel;
  if (maker.jobs > 0) parallel = static_cast<size_t>(maker.jobs);
  const int exit_status = maker.engine == "slurm" ? lab->RunPendingOnSlurm(parallel)
                                                  : lab->RunPending(parallel.value_or(1));
  if (exit_status == Interrupts::kExitStatus) return exit_status;
  // Where every run failed, what was there before stays.
  if (exit_status != 0 && !lab->CheckAnyFinished().ok()) return exit_status;
  const Interrupts interrupts(kProgram);
  return Conclude(*lab, exit_status);
}

// The experiment of a results directory: the file that it was run from, or else the copy in it.
StatusOr<fs::path> ExperimentOf(const fs::path& out) {
  LUTRA_ASSIGN_OR_RETURN(const std::string plan, ReadTextFile(out / "plan.json", kMostPlanBytes));
  const Json json = Json::parse(plan, nullptr, /*allow_exceptions=*/false);
  const auto file = json.is_object() ? json.find("file") : json.end();
  if (json.is_object() && file != json.end() && file->is_string()) {
    const fs::path original = out / file->get<std::string>();
    std::error_code error;
    if (fs::is_regular_file(original, error)) return original;
  }
  return out / "experiment.toml";
}

// A results directory, or an experiment.
int Render(const Arguments& arguments) {
  const Interrupts interrupts(kProgram);
  fs::path path = arguments.positionals()[0];
  std::optional<fs::path> out;
  std::error_code error;
  if (fs::exists(path / "plan.json", error)) {
    out = path;
    const StatusOr<fs::path> experiment = ExperimentOf(path);
    if (!experiment.ok()) return ReportError(kProgram, experiment.status());
    path = *experiment;
  }
  StatusOr<std::unique_ptr<Lab>> lab = MakeLab(arguments, path, out, /*to_run=*/false);
  if (!lab.ok()) return ReportError(kProgram, lab.status());
  Status begun = (*lab)->CheckAnyFinished();
  if (begun.ok()) begun = (*lab)->Open(WordsOf("render", arguments));
  if (!begun.ok()) return ReportError(kProgram, begun);
  return Conclude(**lab, 0);
}

Status CheckOne(const fs::path& path, bool write) {
  LUTRA_ASSIGN_OR_RETURN(const Experiment experiment, ReadExperiment(path));
  LUTRA_ASSIGN_OR_RETURN(const ExperimentPlan plan, MakePlan(experiment, std::nullopt, false));
  const fs::path file = experiment.file.parent_path() / "expected.csv";
  if (write) {
    LUTRA_RETURN_IF_ERROR(WriteFile(file, ExpectedCsv(experiment, plan)));
    std::fputs(StrCat(file.string(), "\n").c_str(), stdout);
    return absl::OkStatus();
  }
  LUTRA_ASSIGN_OR_RETURN(const int64_t compared, CheckExpected(experiment, plan, file));
  std::fputs(StrCat(experiment.name, ": ", Counted(experiment.points.size(), "point"), ", ",
                    Counted(compared, "figure"), " as expected\n")
                 .c_str(),
             stdout);
  return absl::OkStatus();
}

int Check(const Arguments& arguments) {
  const Interrupts interrupts(kProgram);
  int exit_status = 0;
  size_t experiments = 0;
  for (const std::string& path : arguments.positionals()) {
    // Of several folders, as a pattern gives them, those that have an experiment.
    std::error_code error;
    if (fs::is_directory(path, error) && !fs::exists(fs::path(path) / "experiment.toml", error)) {
      continue;
    }
    ++experiments;
    const Status checked = CheckOne(path, arguments.Has("write"));
    if (!checked.ok()) exit_status = ReportError(kProgram, checked);
  }
  if (experiments > 0) return exit_status;
  return ReportError(kProgram, InvalidArgument("expected a folder with an experiment.toml, found ",
                                               CommaSeparated(arguments.positionals())));
}

int List(const Arguments& arguments) {
  const fs::path folder =
      arguments.positionals().empty() ? "experiments" : arguments.positionals()[0];
  std::error_code error;
  std::vector<fs::path> files;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code hidden;  // a folder that may not be searched has none
    if (fs::exists(entry->path() / "experiment.toml", hidden)) files.push_back(entry->path());
  }
  if (error) {
    return ReportError(kProgram, Unavailable(folder.string(), ": ", error.message()));
  }
  std::sort(files.begin(), files.end());
  TextTable table({"experiment", "points", "repetitions", "title"}, {0, 3});
  int exit_status = 0;
  for (const fs::path& file : files) {
    const StatusOr<Experiment> experiment = ReadExperiment(file);
    if (!experiment.ok()) {
      exit_status = ReportError(kProgram, experiment.status());
      continue;
    }
    table.AddRow({experiment->name, StrCat(experiment->points.size()),
                  StrCat(experiment->repetitions), experiment->title});
  }
  std::fputs(table.ToString().c_str(), stdout);
  return exit_status;
}

int RunOnePoint(const Arguments& arguments) {
  EndWithParent();
  const Interrupts interrupts(kProgram);
  KeepFreedMemory();
  const std::string& number = arguments.positionals()[1];
  if (number.empty() || number.size() > 9 ||
      number.find_first_not_of("0123456789") != number.npos) {
    return ReportError(kProgram,
                       InvalidArgument("N: expected a number of a run, found '", number, "'"));
  }
  const StatusOr<fs::path> program = ThisProgram();
  if (!program.ok()) return ReportError(kProgram, program.status());
  const fs::path out = arguments.positionals()[0];
  const fs::path plan = arguments.Text("plan", (out / "plan.json").string());
  const Status done =
      RunPlannedPoint(plan, out, static_cast<size_t>(std::stoul(number)), program->parent_path());
  return done.ok() ? 0 : ReportError(kProgram, done);
}

using Command = int (*)(const Arguments&);

int Parse(const CommandLine& line, std::span<const std::string> arguments, Command command) {
  const StatusOr<Arguments> parsed = line.Parse(arguments);
  if (!parsed.ok()) return ReportError(kProgram, parsed.status());
  const int exit_status = parsed->information().empty() ? command(*parsed) : 0;
  if (!parsed->information().empty()) std::fputs(parsed->information().c_str(), stdout);
  if (std::fflush(stdout) == 0 || exit_status != 0) return exit_status;
  return ReportError(kProgram, Unavailable("cannot write to stdout"));
}

}  // namespace

int RunLab(const std::vector<std::string>& arguments) {
  static constexpr std::array<std::string_view, 5> kCommands = {"run", "check", "render", "list",
                                                                "point"};
  BlockInterrupts();
  const std::span<const std::string> all(arguments);
  const std::string first = arguments.empty() ? "" : arguments[0];
  if (first == "run") return Parse(RunCommandLine(), all.subspan(1), RunExperiment);
  if (first == "check") return Parse(CheckCommandLine(), all.subspan(1), Check);
  if (first == "render") return Parse(RenderCommandLine(), all.subspan(1), Render);
  if (first == "list") return Parse(ListCommandLine(), all.subspan(1), List);
  if (first == "point") return Parse(PointCommandLine(), all.subspan(1), RunOnePoint);
  return Parse(Overview(), all, [](const Arguments& parsed) {
    const std::string& command = parsed.positionals()[0];
    return ReportError(kProgram,
                       InvalidArgument("expected one of ", CommaSeparated(kCommands), ", found '",
                                       command, "'", DidYouMean(command, kCommands)));
  });
}

}  // namespace lutra
