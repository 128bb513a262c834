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

constexpr std::string_view kFigures = "figures";

CommandLine ReportCommandLine() {
  CommandLine command_line(
      "lutra-analyze report",
      "Turns a run directory, or the results of an experiment, into report.html (one file that\n"
      "needs no network), report.md, tables.tex (for LaTeX with booktabs), figures/ (SVG and\n"
      "PDF) and pictures of the program.");
  command_line.SetPositionals("RUN", 1, 1)
      .AddFlag("out", "DIR",
               "where to: a new directory, a run directory, or one with a report only; "
               "default: RUN itself")
      .AddFlag("network", "LIST",
               "the networks to predict for: names of shipped ones and TOML files, with commas; "
               "default: all shipped ones")
      .AddExample("lutra-analyze report runs/quickstart")
      .AddExample("lutra-analyze report runs/quickstart --out pages --network wan-400m,mine.toml");
  return command_line;
}

StatusOr<std::vector<NetworkReplay>> Replays(const Trace& trace, std::vector<Network> networks) {
  std::vector<NetworkReplay> replays;
  for (Network& network : networks) {
    LUTRA_ASSIGN_OR_RETURN(Replay replay, ReplayTrace(trace, network));
    replays.push_back({std::move(network), std::move(replay)});
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
                         Replays(files.trace, std::move(networks)));
  const ProgramCost cost(*files.program);
  LUTRA_ASSIGN_OR_RETURN(std::vector<ReportDrawing> drawings,
                         ProgramDrawings(facts.model, cost, files.trace));
  return RunReport({facts, cost, tables, replays}, std::move(drawings));
}

// Whether a directory has nothing in it but what reports are made of.
Status HoldsReport(const fs::path& directory) {
  static constexpr std::array<std::string_view, 6> kNames = {
      "report.html", "report.md", "tables.tex", "program.svg", "trace.svg", kFigures};
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const bool is_drawing =
        (name.starts_with("layer-") || name.starts_with("trace-")) && name.ends_with(".svg");
    if (!is_drawing && std::find(kNames.begin(), kNames.end(), name) == kNames.end()) {
      return InvalidArgument("--out: '", directory.string(),
                             "' exists and has more in it than a report: ", name);
    }
  }
  if (!error) return absl::OkStatus();
  return InvalidArgument("--out: cannot read '", directory.string(), "': ", error.message());
}

bool IsFigure(const std::string& name) { return name.ends_with(".svg") || name.ends_with(".pdf"); }

// Figures first, then what shows them: each file, and the figures together, whole or not at all.
Status WriteFiles(const fs::path& directory, const ReportFiles& report) {
  const auto may_replace = [](const fs::path&) { return absl::OkStatus(); };
  if (!report.figures.empty()) {
    LUTRA_RETURN_IF_ERROR(
        WriteOutputDirectory(directory / kFigures, report.figures, may_replace, IsFigure));
  }
  for (const auto& [name, contents] : report.files) {
    LUTRA_RETURN_IF_ERROR(WriteFile(directory / name, contents));
  }
  return absl::OkStatus();
}

Status WriteNew(const fs::path& directory, const ReportFiles& report) {
  return WriteOutputDirectory(
      directory, [&](const fs::path& place) { return WriteFiles(place, report); }, HoldsReport,
      [](const std::string&) { return true; });
}

}  // namespace

StatusOr<std::string> RunReportCommand(const Registry& registry,
                                       std::span<const std::string> arguments) {
  LUTRA_ASSIGN_OR_RETURN(const Arguments parsed, ReportCommandLine().Parse(arguments));
  if (!parsed.information().empty()) return parsed.information();
  const fs::path run = parsed.positionals()[0];
  std::vector<Network> networks = ShippedNetworks();
  if (parsed.Has("network")) {
    LUTRA_ASSIGN_OR_RETURN(networks, NamedNetworks(parsed.Text("network", "")));
  }
  const bool is_experiment = IsExperimentDirectory(run);
  LUTRA_ASSIGN_OR_RETURN(
      const Report report,
      is_experiment ? ExperimentReport(run) : ReportOfRun(registry, run, std::move(networks)));
  LUTRA_ASSIGN_OR_RETURN(ReportFiles files, WriteReport(report));
  const fs::path place = parsed.Text("out", run.string());
  // An experiment has its figures already.
  if (is_experiment && !parsed.Has("out")) files.figures.clear();
  if (parsed.Has("out") && !ReadRunJson(place).ok()) {
    LUTRA_RETURN_IF_ERROR(WriteNew(place, files));
  } else {
    LUTRA_RETURN_IF_ERROR(WriteFiles(place, files));
  }
  std::string written;
  for (const auto& [name, contents] : files.files) {
    written += StrCat((place / name).string(), "\n");
  }
  if (files.figures.empty()) return written;
  return StrCat(written, (place / kFigures).string(), "/: ", files.figures.size(), " figures\n");
}

}  // namespace lutra
