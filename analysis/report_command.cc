#include "analysis/report_command.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "analysis/networks.h"
#include "analysis/replay.h"
#include "analysis/report.h"
#include "analysis/report_experiment.h"
#include "analysis/report_pictures.h"
#include "analysis/report_run.h"
#include "analysis/run_directory.h"
#include "analysis/run_facts.h"
#include "analysis/run_tables.h"
#include "core/command_line.h"
#include "core/file.h"
#include "core/output_directory.h"
#include "mpc/protocol.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 3> kTexts = {"report.html", "report.md", "tables.tex"};
// The folders of a report; those of an experiment are its own.
constexpr std::array<std::string_view, 2> kFolders = {"figures", "comparisons"};

CommandLine ReportCommandLine() {
  CommandLine command_line(
      "lutra-analyze report",
      "Turns a run directory, or the results of an experiment, into report.html (one file that\n"
      "needs no network), report.md, tables.tex (for LaTeX with booktabs), figures/ (SVG and\n"
      "PDF) and pictures of the program.");
  command_line.SetPositionals("RUN", 1, 1)
      .AddFlag("out", "DIR",
               "where to: a new directory, or one with a report only; default: RUN itself")
      .AddFlag("network", "LIST",
               "of a run, the networks to predict for: names of shipped ones and TOML files, with "
               "commas; default: all shipped ones")
      .AddExample("lutra-analyze report runs/quickstart")
      .AddExample("lutra-analyze report runs/quickstart --out pages --network wan-400m,mine.toml");
  return command_line;
}

StatusOr<std::vector<NetworkReplay>> Replays(const Trace& trace, std::vector<Network> networks,
                                             const fs::path& directory) {
  std::vector<NetworkReplay> replays;
  for (Network& network : networks) {
    StatusOr<Replay> replay = ReplayTrace(trace, network);
    if (!replay.ok()) return Annotate(replay.status(), StrCat("'", directory.string(), "'"));
    replays.push_back({std::move(network), *std::move(replay)});
  }
  return replays;
}

StatusOr<Report> ReportOfRun(const Registry& registry, const fs::path& directory,
                             std::vector<Network> networks) {
  LUTRA_ASSIGN_OR_RETURN(const RunFiles files, ReadRunDirectory(registry, directory));
  LUTRA_ASSIGN_OR_RETURN(
      const RunFacts facts,
      RunFactsOf(files.run, StrCat("'", (directory / "run.json").string(), "'")));
  LUTRA_ASSIGN_OR_RETURN(const RunTables tables, ReadRunTables(directory, *files.program));
  LUTRA_ASSIGN_OR_RETURN(const std::vector<NetworkReplay> replays,
                         Replays(files.trace, std::move(networks), directory));
  const ProgramCost cost(*files.program);
  LUTRA_ASSIGN_OR_RETURN(std::vector<ReportDrawing> drawings,
                         ProgramDrawings(facts.model, cost, files.trace));
  return RunReport({facts, cost, tables, replays}, std::move(drawings));
}

// Whether a file of this name in the folder of a report, or in a folder of its pictures, is a part
// of it.
bool IsReportFile(std::string_view name) {
  const bool is_drawing =
      name == "program.svg" || name == "trace.svg" ||
      ((name.starts_with("layer-") || name.starts_with("trace-")) && name.ends_with(".svg"));
  return is_drawing || std::find(kTexts.begin(), kTexts.end(), name) != kTexts.end();
}
bool IsPicture(std::string_view name) { return name.ends_with(".svg") || name.ends_with(".pdf"); }

Status HasMore(const fs::path& directory, const fs::path& what) {
  return InvalidArgument("--out: '", directory.string(),
                         "' exists and has more in it than a report: ", what.string());
}

// An error unless a directory has nothing in it but what reports are made of.
Status HoldsReport(const fs::path& directory) {
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    const fs::path name = entry->path().filename();
    if (std::find(kFolders.begin(), kFolders.end(), name.string()) == kFolders.end()) {
      if (!IsReportFile(name.string())) return HasMore(directory, name);
      continue;
    }
    for (fs::directory_iterator inner(entry->path(), error); !error && inner != end;
         inner.increment(error)) {
      const fs::path picture = inner->path().filename();
      if (!IsPicture(picture.string())) return HasMore(directory, name / picture);
    }
  }
  if (!error) return absl::OkStatus();
  return InvalidArgument("--out: cannot read '", directory.string(), "': ", error.message());
}

// Each file whole or not at all: pictures first, then what shows them. What else is there stays.
Status WriteFiles(const fs::path& directory, const ReportFiles& report) {
  std::vector<const ReportFiles::value_type*> files;
  for (const auto& file : report) files.push_back(&file);
  std::stable_partition(files.begin(), files.end(), [](const auto* file) {
    return file->first.find('/') != std::string::npos;
  });
  for (const auto* file : files) {
    const fs::path path = directory / file->first;
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    if (error) {
      return Unavailable("cannot make '", path.parent_path().string(), "': ", error.message());
    }
    LUTRA_RETURN_IF_ERROR(WriteFile(path, file->second));
  }
  return absl::OkStatus();
}

Status WriteNew(const fs::path& directory, const ReportFiles& report) {
  const auto fill = [&](const fs::path& place) {
    // Of the path that was asked for, not of the temporary one.
    return Annotate(WriteFiles(place, report), StrCat("'", directory.string(), "'"));
  };
  return WriteOutputDirectory(directory, fill, HoldsReport,
                              [](const std::string&) { return true; });
}

// What was written, file by file; of pictures their number.
std::string Written(const fs::path& place, const ReportFiles& files) {
  std::string written;
  for (const auto& [name, contents] : files) {
    if (name.find('/') == name.npos) written += StrCat((place / name).string(), "\n");
  }
  for (const std::string_view folder : kFolders) {
    const std::string inside = StrCat(folder, "/");
    const auto count = std::count_if(files.begin(), files.end(), [&](const auto& file) {
      return file.first.starts_with(inside);
    });
    if (count == 0) continue;
    written +=
        StrCat((place / folder).string(), "/: ", count, count == 1 ? " file" : " files", "\n");
  }
  return written;
}

}  // namespace

StatusOr<std::string> RunReportCommand(const Registry& registry,
                                       std::span<const std::string> arguments) {
  LUTRA_ASSIGN_OR_RETURN(const Arguments parsed, ReportCommandLine().Parse(arguments));
  if (!parsed.information().empty()) return parsed.information();
  const fs::path run = parsed.positionals()[0];
  const bool is_experiment = IsExperimentDirectory(run);
  if (is_experiment && parsed.Has("network")) {
    return InvalidArgument("--network: expected a run; '", run.string(),
                           "' is an experiment, whose file names its networks");
  }
  std::vector<Network> networks = ShippedNetworks();
  if (parsed.Has("network")) {
    LUTRA_ASSIGN_OR_RETURN(networks, NamedNetworks(parsed.Text("network", "")));
  }
  LUTRA_ASSIGN_OR_RETURN(
      const Report report,
      is_experiment ? ExperimentReport(run) : ReportOfRun(registry, run, std::move(networks)));
  LUTRA_ASSIGN_OR_RETURN(ReportFiles files, WriteReport(report));
  const fs::path place = parsed.Text("out", run.string());
  std::error_code ignored;
  if (fs::equivalent(place, run, ignored)) {
    // An experiment has its pictures already.
    if (is_experiment) {
      std::erase_if(files,
                    [](const auto& file) { return file.first.find('/') != std::string::npos; });
    }
    LUTRA_RETURN_IF_ERROR(WriteFiles(place, files));
  } else {
    LUTRA_RETURN_IF_ERROR(WriteNew(place, files));
  }
  return Written(place, files);
}

Status RemoveReport(const fs::path& directory) {
  for (const std::string_view name : kTexts) LUTRA_RETURN_IF_ERROR(RemoveFile(directory / name));
  return absl::OkStatus();
}

}  // namespace lutra
