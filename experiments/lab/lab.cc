#include "experiments/lab/lab.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "analysis/cost_table.h"
#include "analysis/machine.h"
#include "core/command_line.h"
#include "core/file.h"
#include "core/matrix_product.h"
#include "core/memory.h"
#include "core/version.h"
#include "experiments/lab/comparison.h"
#include "experiments/lab/expected.h"
#include "experiments/lab/experiment.h"
#include "experiments/lab/figure.h"
#include "experiments/lab/local_engine.h"
#include "experiments/lab/plan.h"
#include "experiments/lab/results.h"
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
constexpr std::string_view kEnvironmentFormat = "lutra-experiment-environment/1";
constexpr int kDisagreement = 3;
constexpr int64_t kMostPlanBytes = int64_t{256} << 20;

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

std::string Text(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string Counted(size_t count, std::string_view one) {
  return StrCat(Grouped(static_cast<int64_t>(count)), " ", one, count == 1 ? "" : "s");
}

// "45 s", "12 min", "3.1 h".
std::string HumanSeconds(double seconds) {
  if (seconds < 120) return StrCat(static_cast<int64_t>(seconds + 0.5), " s");
  if (seconds < 7200) return StrCat(static_cast<int64_t>(seconds / 60 + 0.5), " min");
  return StrCat(Fixed(seconds / 3600, 1), " h");
}

StatusOr<fs::path> ThisProgram() {
  std::error_code error;
  const fs::path path = fs::read_symlink("/proc/self/exe", error);
  if (error) return Unavailable("cannot find this program: ", error.message());
  return path;
}

std::string Now() {
  const std::time_t now = std::time(nullptr);
  std::tm utc = {};
  ::gmtime_r(&now, &utc);
  std::array<char, 32> text;
  const size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return std::string(text.data(), length);
}

// ---- the output directory ----

// A directory of an experiment's results, held by one process at a time.
class OutputDirectory {
 public:
  explicit OutputDirectory(fs::path path) : path_(std::move(path)) {}
  const fs::path& path() const { return path_; }

  // Whether results may go there: it is new, empty, or has those of an experiment.
  Status Check() const {
    std::error_code error;
    if (!fs::exists(path_, error)) return absl::OkStatus();
    if (!fs::is_directory(path_, error)) {
      return InvalidArgument("--out: '", path_.string(), "' exists and is not a directory");
    }
    const bool is_empty = fs::is_empty(path_, error);
    if (error) return Unavailable("--out: '", path_.string(), "': ", error.message());
    if (is_empty || fs::exists(path_ / "plan.json", error)) return absl::OkStatus();
    return InvalidArgument("--out: '", path_.string(),
                           "' exists and does not hold the results of an experiment");
  }

  Status Open() {
    LUTRA_RETURN_IF_ERROR(Check());
    std::error_code error;
    fs::create_directories(path_ / "points", error);
    if (error) return Unavailable("--out: cannot make '", path_.string(), "': ", error.message());
    LUTRA_ASSIGN_OR_RETURN(lock_,
                           OpenFile::Open(path_ / "points" / ".lock", O_CREAT | O_RDWR, 0666));
    if (::flock(lock_.number(), LOCK_EX | LOCK_NB) == 0) return absl::OkStatus();
    return Unavailable("--out: '", path_.string(), "' is in use by another lutra-experiment");
  }

  Status Write(std::string_view name, std::string_view text) const {
    return WriteFile(path_ / name, text);
  }

 private:
  const fs::path path_;
  OpenFile lock_;
};

// ---- one experiment ----

// What --only keeps: by axis, the labels.
StatusOr<RowFilter> ReadOnly(const Experiment& experiment, const std::string& text) {
  RowFilter filter;
  size_t begin = 0;
  while (begin <= text.size()) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const std::string one = text.substr(begin, end - begin);
    begin = end + 1;
    const size_t equals = one.find('=');
    const std::string name = one.substr(0, equals);
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
    std::string label = one.substr(equals + 1);
    const auto known = [&] {
      return std::any_of(axis->steps.begin(), axis->steps.end(),
                         [&](const Axis::Step& step) { return step.label == label; });
    };
    // A label may have commas.
    while (!known() && begin <= text.size()) {
      const size_t more = std::min(text.find(',', begin), text.size());
      label += StrCat(",", text.substr(begin, more - begin));
      begin = more + 1;
    }
    if (!known()) {
      std::vector<std::string> labels;
      for (const Axis::Step& step : axis->steps) labels.push_back(step.label);
      return InvalidArgument("--only: ", name, ": expected one of ", CommaSeparated(labels),
                             ", found '", one.substr(equals + 1), "'");
    }
    filter[name].push_back(std::move(label));
  }
  return filter;
}

bool Keeps(const RowFilter& filter, const Experiment& experiment, const Point& point) {
  for (size_t i = 0; i < experiment.axes.size(); ++i) {
    const auto labels = filter.find(experiment.axes[i].name);
    if (labels == filter.end()) continue;
    const std::string& own = experiment.axes[i].steps[point.steps[i]].label;
    if (std::find(labels->second.begin(), labels->second.end(), own) == labels->second.end()) {
      return false;
    }
  }
  return true;
}

// An experiment from its file to its figures.
class Lab {
 public:
  Lab(Experiment experiment, ExperimentPlan plan, fs::path out, bool quiet)
      : experiment_(std::move(experiment)),
        plan_(std::move(plan)),
        directory_(std::move(out)),
        quiet_(quiet) {}

  const Experiment& experiment() const { return experiment_; }
  Status CheckOut() const { return directory_.Check(); }

  void Select(const RowFilter& only) {
    selected_.clear();
    for (size_t i = 0; i < plan_.runs.size(); ++i) {
      if (Keeps(only, experiment_, experiment_.points[plan_.runs[i].point])) selected_.push_back(i);
    }
  }

  // Which runs are there already; files that are not whole are told of, and run again.
  void FindFinished() {
    finished_.clear();
    for (size_t i = 0; i < plan_.runs.size(); ++i) {
      const PlannedRun& run = plan_.runs[i];
      if (!plan_.specs[run.point].runs()) {
        finished_.emplace(i, FinishedRun{});  // the price is the result
        continue;
      }
      StatusOr<FinishedRun> finished = ReadFinishedRun(directory_.path(), run.key);
      if (finished.ok()) {
        finished_.emplace(i, *std::move(finished));
      } else if (finished.status().code() != absl::StatusCode::kNotFound) {
        ReportError(kProgram, InvalidArgument(OneLine(finished.status()), "; it runs again"));
      }
    }
    pending_.clear();
    for (const size_t i : selected_) {
      if (!finished_.contains(i)) pending_.push_back(i);
    }
  }

  void PrintHead(size_t jobs) const {
    if (quiet_) return;
    std::string text = StrCat(experiment_.title, "\n\n");
    text += StrCat("experiment  ", experiment_.name, "\n");
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
    text += "\n";
    if (!experiment_.runs()) {
      text += "takes       nothing runs: the closed form says all\n";
    } else {
      const size_t before = selected_.size() - pending_.size();
      if (before > 0) text += StrCat("finished    ", Counted(before, "run"), " before\n");
      text += StrCat("takes       about ", HumanSeconds(EstimatedSeconds(jobs)), " for ",
                     Counted(pending_.size(), "run"), "; up to ", HumanBytes(EstimatedMemory(jobs)),
                     " of memory\n");
    }
    text += StrCat("results     ", directory_.path().string(), "\n");
    Print(text);
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

  // The largest that may run at a time.
  int64_t EstimatedMemory(size_t jobs) const {
    std::vector<int64_t> memory;
    for (const size_t i : pending_) memory.push_back(plan_.prices[plan_.runs[i].point].memory);
    std::sort(memory.rbegin(), memory.rend());
    int64_t sum = 0;
    for (size_t i = 0; i < std::min(jobs, memory.size()); ++i) sum += memory[i];
    return sum;
  }

  // Writes what a run is made from.
  Status Begin(const std::vector<std::string>& command) {
    command_ = command;
    started_ = Now();
    LUTRA_RETURN_IF_ERROR(directory_.Open());
    LUTRA_RETURN_IF_ERROR(directory_.Write("experiment.toml", experiment_.text));
    LUTRA_RETURN_IF_ERROR(CopyNamedFiles(experiment_, directory_.path()));
    return directory_.Write("plan.json", PlanJson(experiment_, plan_, pending_, directory_.path()));
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
        RunLocally(*program, directory_.path(), list, jobs,
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
    const StatusOr<int> exit_status = TrySlurm(parallel);
    return exit_status.ok() ? *exit_status : ReportError(kProgram, exit_status.status());
  }

  int Ended(const LocalOutcome& outcome, size_t jobs) {
    for (const std::string& failure : outcome.failures) {
      ReportError(kProgram, Unavailable(failure));
    }
    if (outcome.interrupted) {
      std::fputs(StrCat(kProgram,
                        ": interrupted; what is finished is kept, and the same command "
                        "goes on from there\n")
                     .c_str(),
                 stderr);
      return Interrupts::kExitStatus;
    }
    FindFinished();
    if (outcome.failures.empty()) return 0;
    return ReportError(kProgram, Unavailable(outcome.failures.size(), " of ", jobs,
                                             " runs failed; the others are kept"));
  }

  // Results, tables, figures and the index, from all runs that are there.
  Status Collect() {
    LUTRA_ASSIGN_OR_RETURN(const Results results, CollectResults(experiment_, plan_, finished_));
    LUTRA_RETURN_IF_ERROR(directory_.Write("results.csv", CsvOf(results.runs)));
    LUTRA_RETURN_IF_ERROR(directory_.Write("results.jsonl", JsonLinesOf(results.runs)));
    LUTRA_RETURN_IF_ERROR(directory_.Write("summary.csv", CsvOf(results.summary)));
    if (!experiment_.breakdown.empty()) {
      LUTRA_RETURN_IF_ERROR(directory_.Write("breakdown.csv", CsvOf(results.breakdown)));
    }
    LUTRA_RETURN_IF_ERROR(directory_.Write("environment.json", Environment()));
    LUTRA_RETURN_IF_ERROR(WriteTables(experiment_, results, directory_.path()));
    LUTRA_RETURN_IF_ERROR(directory_.Write("index.md", Index(results)));
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
  std::vector<LocalJob> PendingJobs() const {
    std::vector<LocalJob> list;
    for (size_t i = 0; i < pending_.size(); ++i) {
      const PlannedRun& run = plan_.runs[pending_[i]];
      std::string label = experiment_.Label(experiment_.points[run.point]);
      if (experiment_.repetitions > 1) label += StrCat(", repetition ", run.repetition + 1);
      list.push_back({i, std::move(label)});
    }
    return list;
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
    if (interrupted) return Interrupts::kExitStatus;
    FindFinished();
    if (pending_.empty()) return 0;
    // The plan of the array stays, whatever runs here meanwhile.
    const fs::path plan = directory_.path() / "slurm" / "plan.json";
    std::error_code error;
    fs::create_directories(plan.parent_path(), error);
    LUTRA_RETURN_IF_ERROR(
        WriteFile(plan, PlanJson(experiment_, plan_, pending_, directory_.path())));
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
            plan, list, request,
            [&](size_t job) {
              return ReadFinishedRun(directory_.path(), plan_.runs[pending_[job]].key).ok();
            },
            [&](const std::vector<size_t>& done) {
              progress.Show(static_cast<int64_t>(done.size()), "in the queue");
            }));
    progress.Clear();
    return Ended(outcome, list.size());
  }

  static void Print(const std::string& text) {
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
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

  // What there is, with tables and pictures in it.
  std::string Index(const Results& results) const {
    std::string text = StrCat("# ", experiment_.title, "\n\n", "Experiment `", experiment_.name,
                              "`: ", Counted(finished_.size(), "run"), " of ", plan_.runs.size(),
                              ". Every run is in [results.csv](results.csv) and "
                              "[results.jsonl](results.jsonl), medians and quartiles in "
                              "[summary.csv](summary.csv)");
    if (!experiment_.breakdown.empty()) {
      text += StrCat(", by ", CommaSeparated(experiment_.breakdown),
                     " in [breakdown.csv](breakdown.csv)");
    }
    text += ", machine and seeds in [environment.json](environment.json).\n";
    for (const FigureSpec& figure : experiment_.figures) {
      if (FigureScript(figure, results).empty()) continue;
      text += StrCat("\n![", figure.title, "](figures/", figure.name, ".svg)\n");
    }
    for (const TableSpec& table : experiment_.tables) {
      text += StrCat("\n", RenderTable(table, results).markdown);
    }
    for (const ComparisonSpec& spec : experiment_.comparisons) {
      const std::vector<ComparisonRow> rows = CompareRows(spec, experiment_, results);
      text += StrCat("\n", RenderComparison(spec, rows).markdown);
      if (ComparisonScript(spec, rows).empty()) continue;
      text += StrCat("\n![", spec.title, "](comparisons/", spec.name, ".svg)\n");
    }
    return text;
  }

  std::string Environment() const {
    const MachineFacts machine = ThisMachine();
    Json json;
    json["format"] = kEnvironmentFormat;
    json["experiment"] = experiment_.name;
    json["version"] = Version();
    json["command"] = command_;
    json["started"] = started_;
    json["collected"] = Now();
    json["machine"] = {{"processor", machine.processor},
                       {"cores", machine.cores},
                       {"memory_bytes", machine.memory_bytes}};
    json["simd"] = SimdTarget();
    json["runs"] = {{"planned", plan_.runs.size()}, {"finished", finished_.size()}};
    json["machines_of_runs"] = Json::array();
    std::set<std::string> seen;
    for (const auto& [index, run] : finished_) {
      if (!run.machine.is_object() || !seen.insert(run.machine.dump()).second) continue;
      json["machines_of_runs"].push_back(run.machine);
    }
    json["repetitions"] = experiment_.repetitions;
    json["seeds"] = Json::array();
    for (int64_t i = 0; i < experiment_.repetitions; ++i) {
      json["seeds"].push_back(experiment_.seed.has_value()
                                  ? Json(*experiment_.seed + static_cast<uint64_t>(i))
                                  : Json("operating-system"));
    }
    json["networks"] = experiment_.network_names;
    json["points"] = Json::array();
    for (size_t i = 0; i < experiment_.points.size(); ++i) {
      Json point = Json::object();
      for (const auto& [name, value] : experiment_.points[i].settings) {
        point["settings"][name] = SettingJson(value);
      }
      point["program"] = plan_.prices[i].program;
      json["points"].push_back(std::move(point));
    }
    return Text(json);
  }

  const Experiment experiment_;
  const ExperimentPlan plan_;
  OutputDirectory directory_;
  const bool quiet_;
  std::vector<std::string> command_;
  std::string started_;
  std::vector<size_t> selected_;            // of plan_.runs
  std::vector<size_t> pending_;             // likewise
  std::map<size_t, FinishedRun> finished_;  // by index of plan_.runs
  bool disagrees_ = false;
};

fs::path OutOf(const Arguments& arguments, const Experiment& experiment) {
  return arguments.Text("out", (fs::path("runs/experiments") / experiment.name).string());
}

StatusOr<std::unique_ptr<Lab>> MakeLab(const Arguments& arguments, const fs::path& path,
                                       const std::optional<fs::path>& out, bool to_run) {
  LUTRA_ASSIGN_OR_RETURN(Experiment experiment, ReadExperiment(path));
  std::optional<Peaks> peaks;
  if (to_run && experiment.runs()) peaks = MeasurePeaks(1);
  LUTRA_ASSIGN_OR_RETURN(ExperimentPlan plan, MakePlan(experiment, peaks, to_run));
  const fs::path directory = out.value_or(OutOf(arguments, experiment));
  return std::make_unique<Lab>(std::move(experiment), std::move(plan), directory,
                               arguments.Has("quiet"));
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

int RunExperiment(const Arguments& arguments) {
  std::unique_ptr<Lab> lab;
  size_t jobs = 1;
  bool slurm = false;
  {
    const Interrupts interrupts(kProgram);
    StatusOr<std::unique_ptr<Lab>> made =
        MakeLab(arguments, arguments.positionals()[0], std::nullopt, /*to_run=*/true);
    if (!made.ok()) return ReportError(kProgram, made.status());
    lab = *std::move(made);
    const StatusOr<int64_t> wanted = arguments.Integer("jobs", 1, 1, 1024);
    if (!wanted.ok()) return ReportError(kProgram, wanted.status());
    jobs = static_cast<size_t>(*wanted);
    RowFilter only;
    if (arguments.Has("only")) {
      StatusOr<RowFilter> filter = ReadOnly(lab->experiment(), arguments.Text("only", ""));
      if (!filter.ok()) return ReportError(kProgram, filter.status());
      only = *std::move(filter);
    }
    const StatusOr<std::string> engine = arguments.Choice("engine", "local", {"local", "slurm"});
    if (!engine.ok()) return ReportError(kProgram, engine.status());
    slurm = *engine == "slurm";
    const Status place = lab->CheckOut();
    if (!place.ok()) return ReportError(kProgram, place);
    lab->Select(only);
    lab->FindFinished();
    lab->PrintHead(jobs);
    if (arguments.Has("dry-run")) return 0;
    std::vector<std::string> command = {std::string(kProgram), "run"};
    command.push_back(arguments.positionals()[0]);
    if (arguments.Has("only")) command.push_back(StrCat("--only=", arguments.Text("only", "")));
    const Status begun = lab->Begin(command);
    if (!begun.ok()) return ReportError(kProgram, begun);
  }
  std::optional<size_t> parallel;
  if (arguments.Has("jobs")) parallel = jobs;
  const int exit_status = slurm ? lab->RunPendingOnSlurm(parallel) : lab->RunPending(jobs);
  if (exit_status == Interrupts::kExitStatus) return exit_status;
  const Interrupts interrupts(kProgram);
  return Conclude(*lab, exit_status);
}

// A results directory, or an experiment.
int Render(const Arguments& arguments) {
  const Interrupts interrupts(kProgram);
  fs::path path = arguments.positionals()[0];
  std::optional<fs::path> out;
  std::error_code error;
  if (fs::exists(path / "plan.json", error)) {
    out = path;
    const StatusOr<std::string> plan = ReadTextFile(path / "plan.json", kMostPlanBytes);
    if (!plan.ok()) return ReportError(kProgram, plan.status());
    const Json json = Json::parse(*plan, nullptr, /*allow_exceptions=*/false);
    const auto file = json.is_object() ? json.find("file") : json.end();
    path /= "experiment.toml";
    if (json.is_object() && file != json.end() && file->is_string()) {
      const fs::path original = *out / file->get<std::string>();
      if (fs::exists(original, error)) path = original;
    }
  }
  StatusOr<std::unique_ptr<Lab>> lab = MakeLab(arguments, path, out, /*to_run=*/false);
  if (!lab.ok()) return ReportError(kProgram, lab.status());
  (*lab)->Select({});
  const Status place = (*lab)->CheckOut();
  if (!place.ok()) return ReportError(kProgram, place);
  (*lab)->FindFinished();
  const Status begun = (*lab)->Begin({std::string(kProgram), "render", arguments.positionals()[0]});
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
                    Counted(static_cast<size_t>(compared), "figure"), " as expected\n")
                 .c_str(),
             stdout);
  return absl::OkStatus();
}

int Check(const Arguments& arguments) {
  const Interrupts interrupts(kProgram);
  int exit_status = 0;
  for (const std::string& path : arguments.positionals()) {
    const Status checked = CheckOne(path, arguments.Has("write"));
    if (!checked.ok()) exit_status = ReportError(kProgram, checked);
  }
  return exit_status;
}

int List(const Arguments& arguments) {
  const fs::path folder =
      arguments.positionals().empty() ? "experiments" : arguments.positionals()[0];
  std::error_code error;
  std::vector<fs::path> files;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (fs::exists(entry->path() / "experiment.toml")) files.push_back(entry->path());
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
