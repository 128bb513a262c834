#include "analysis/report_experiment.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "analysis/cost_table.h"
#include "analysis/excerpt.h"
#include "analysis/experiment_results.h"
#include "analysis/report_cells.h"
#include "analysis/report_comparison.h"
#include "analysis/report_result_table.h"
#include "analysis/result_column.h"
#include "core/file.h"
#include "core/text.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMostTextBytes = int64_t{4} << 20;
constexpr int64_t kMostFigureBytes = int64_t{1} << 20;
constexpr size_t kMostFigures = 60;
constexpr int64_t kMostColumns = 160;  // of a fact

std::string Joined(const std::vector<std::string>& texts, std::string_view separator) {
  std::string joined;
  for (const std::string& text : texts) joined += StrCat(joined.empty() ? "" : separator, text);
  return joined;
}

bool Has(const CsvTable& csv, std::string_view column) {
  return std::find(csv.head.begin(), csv.head.end(), column) != csv.head.end();
}

// A column of the table by the name of its result; null where nothing is known of it.
std::optional<size_t> Find(const ReportTable& table, std::string name) {
  std::replace(name.begin(), name.end(), '_', ' ');
  for (size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].name == name) return i;
  }
  return std::nullopt;
}

double NumberIn(const ReportCell& cell) {
  if (const auto* integer = std::get_if<int64_t>(&cell)) return static_cast<double>(*integer);
  const auto* number = std::get_if<double>(&cell);
  return number == nullptr ? 0 : *number;
}

// The least and the largest cell of a column, of the rows that are kept; nothing where none has
// one.
struct Range {
  ReportCell low, high;
};
template <class Keep>
std::optional<Range> RangeOf(const ReportTable& table, size_t column, const Keep& keep) {
  std::optional<Range> range;
  for (const auto& row : table.rows) {
    const ReportCell& cell = row[column];
    if (std::holds_alternative<std::monostate>(cell) || !keep(row)) continue;
    if (!range.has_value()) range = Range{cell, cell};
    if (NumberIn(cell) < NumberIn(range->low)) range->low = cell;
    if (NumberIn(cell) > NumberIn(range->high)) range->high = cell;
  }
  return range;
}

class Writer {
 public:
  Writer(fs::path directory, ExperimentResults results)
      : directory_(std::move(directory)), results_(std::move(results)) {}

  StatusOr<Report> Write() && {
    report_.subject = Subject::kExperiment;
    report_.title = file().title;
    report_.lead = Lead();
    AddFacts();
    LUTRA_RETURN_IF_ERROR(MakePoints());
    AddResults();
    LUTRA_RETURN_IF_ERROR(ReadFigures());
    LUTRA_RETURN_IF_ERROR(AddOverview());
    LUTRA_RETURN_IF_ERROR(AddTables());
    LUTRA_RETURN_IF_ERROR(AddComparisons());
    AddFigures();
    LUTRA_RETURN_IF_ERROR(AddPoints());
    AddPrograms();
    return std::move(report_);
  }

 private:
  const ExperimentFile& file() const { return results_.file; }
  const ExperimentEnvironment& environment() const { return results_.environment; }
  bool runs() const { return Has(results_.runs, "online_seconds"); }

  // ------------------------------------------------------------------------------- first screen

  std::string Lead() const {
    const auto points = static_cast<int64_t>(environment().points.size());
    std::string lead = StrCat("An experiment of ", Counted(points, "point"));
    if (!runs()) return lead + ": the closed form says all, and nothing runs.";
    lead += file().repetitions > 1 ? StrCat(", each run ", file().repetitions, " times") : "";
    const bool processes = file().measure == "processes";
    return StrCat(lead, processes ? ", every role a process" : ", all roles in one process",
                  ". Numbers of a point are medians of its runs, all sessions together.");
  }

  void AddFact(std::string_view name, std::string_view value) {
    if (!value.empty()) report_.facts.emplace_back(name, Excerpt(value, kMostColumns));
  }

  void AddFacts() {
    std::string settings = StrCat("measure ", file().measure);
    for (const auto& [name, value] : file().settings) settings += StrCat(", ", name, " ", value);
    AddFact("settings", settings);
    for (const ExperimentAxis& axis : file().axes) {
      AddFact("swept", StrCat(axis.name, ": ", Joined(axis.steps, "; ")));
    }
    AddFact("networks", CommaSeparated(file().networks));
    AddFact("seeds", StrCat(environment().seeds.size() > 1 ? "by repetition: " : "",
                            CommaSeparated(environment().seeds)));
    AddFact("programs", Digests());
    AddFact("machine", environment().machine);
    for (const std::string& origin : environment().origins) AddFact("runs by", origin);
    AddFact("versions", environment().versions);
    AddFact("command", Joined(environment().command, " "));
    AddFact("started", environment().started);
    AddFact("written", environment().written);
  }

  std::string Digests() const {
    std::set<std::string> digests;
    for (const ExperimentPoint& point : environment().points) digests.insert(point.program);
    if (digests.size() == 1) return StrCat("digest ", digests.begin()->substr(0, 16));
    return StrCat(digests.size(), ", with their digests at the end");
  }

  // Medians of each point, under each network: what the first screen sums up.
  Status MakePoints() {
    ExperimentTable spec;
    spec.name = "all";
    spec.rows = {"point"};
    for (const ResultColumn& column : ResultColumns()) spec.columns.emplace_back(column.name);
    const size_t all = results_.runs.rows.size();
    LUTRA_ASSIGN_OR_RETURN(points_, ResultTable(results_.runs, spec, Statistic::kMedian, all));
    for (const char* name : {"network", "round_trip_ms", "bandwidth_mbit"}) {
      if (Has(results_.runs, name)) spec.rows.emplace_back(name);
    }
    LUTRA_ASSIGN_OR_RETURN(cases_, ResultTable(results_.runs, spec, Statistic::kMedian, all));
    return absl::OkStatus();
  }

  // "32.0 MB", "32.0 MB to 8.57 GB"; empty where nothing is known.
  static std::string RangeText(const ReportTable& table, const std::string& result) {
    const std::optional<size_t> column = Find(table, result);
    if (!column.has_value()) return "";
    const std::optional<Range> range = RangeOf(table, *column, [](const auto&) { return true; });
    if (!range.has_value()) return "";
    const Format format = table.columns[*column].format;
    const std::string low = Shown(range->low, format), high = Shown(range->high, format);
    return low == high ? low : StrCat(low, " to ", high);
  }

  void AddResult(std::string_view label, const ReportTable& table, const std::string& result,
                 std::string_view detail) {
    std::string text = RangeText(table, result);
    if (text.empty()) return;
    const Source source = table.columns[*Find(table, result)].source;
    report_.results.push_back({std::string(label), std::move(text), std::string(detail), source});
  }

  void AddResults() {
    const int64_t planned = environment().planned, finished = environment().finished;
    if (runs()) {
      report_.results.push_back(
          {"Runs finished", StrCat(Grouped(finished), " of ", Grouped(planned)),
           finished < planned ? "the numbers are of those that are finished" : "all of them",
           Source::kRecorded, finished < planned});
      AddAgreement();
    }
    const bool several = points_.rows.size() > 1;
    const std::string_view points = several ? ", from point to point" : "";
    AddResult("Offline", points_, "offline_bytes", StrCat("bytes, deal and prepare", points));
    const std::string rounds = RangeText(points_, "rounds");
    AddResult("Online", points_, "online_bytes",
              StrCat(rounds.empty() ? "bytes" : StrCat("bytes; rounds: ", rounds), points));
    AddResult("Offline time", points_, "offline_seconds", StrCat("on this machine", points));
    AddResult("Online time", points_, "online_seconds", StrCat("on this machine", points));
    AddResult("Predicted online", cases_, "predicted_online_seconds",
              StrCat("from network to network", several ? " and point to point" : ""));
    AddResult("Accuracy", points_, "accuracy", StrCat("of the secure runs", points));
    AddResult("Peak memory", points_, "peak_memory_bytes", StrCat("of a run", points));
  }

  void AddAgreement() {
    const std::optional<size_t> column = Find(points_, "agrees");
    if (!column.has_value()) {
      report_.results.push_back({"Agreement", "not checked",
                                 "no run was compared node by node with its clear twin",
                                 Source::kRecorded});
      return;
    }
    int64_t checked = 0, agree = 0;
    for (const auto& row : points_.rows) {
      const auto* text = std::get_if<std::string>(&row[*column]);
      if (text == nullptr) continue;
      ++checked;
      agree += *text == "yes" ? 1 : 0;
    }
    report_.results.push_back(
        {"Agreement", agree == checked ? "yes" : "no",
         StrCat(agree, " of ", Counted(checked, "point"), " checked equal their clear twins"),
         Source::kRecorded, agree != checked});
  }

  Status AddOverview() {
    ReportSection section{"overview", "What ran, and what came out", "Overview", {}};
    LUTRA_RETURN_IF_ERROR(AddPredicted(section));
    std::vector<ReportImage>& pictures = figures_.empty() ? compared_ : figures_;
    if (!pictures.empty()) {
      section.items.emplace_back(pictures[0]);
      shown_first_ = pictures[0].file;
    }
    report_.sections.push_back(std::move(section));
    return absl::OkStatus();
  }

  // By network, the time of the fastest and of the slowest point.
  Status AddPredicted(ReportSection& section) const {
    const std::optional<size_t> network = Find(cases_, "network");
    if (!network.has_value()) return absl::OkStatus();
    ReportTable table;
    table.id = "predicted";
    table.title = "Predicted time by network";
    table.columns.push_back({"network"});
    std::vector<std::string> names;
    for (const auto& row : cases_.rows) {
      const std::string name = Shown(row[*network], Format::kText);
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
    std::vector<std::vector<ReportCell>> rows;
    for (const std::string& name : names) rows.push_back({name});
    const bool several = cases_.rows.size() > names.size();
    for (const std::string phase : {"offline", "online"}) {
      const std::optional<size_t> column = Find(cases_, StrCat("predicted_", phase, "_seconds"));
      if (!column.has_value()) return absl::OkStatus();
      table.columns.push_back(
          {several ? StrCat(phase, " least") : phase, Format::kSeconds, Source::kReplayed});
      if (several) {
        table.columns.push_back({StrCat(phase, " most"), Format::kSeconds, Source::kReplayed});
      }
      for (size_t i = 0; i < names.size(); ++i) {
        const auto is_own = [&](const auto& row) {
          return Shown(row[*network], Format::kText) == names[i];
        };
        const Range range = RangeOf(cases_, *column, is_own).value_or(Range());
        rows[i].push_back(range.low);
        if (several) rows[i].push_back(range.high);
      }
    }
    for (auto& row : rows) table.Add(std::move(row));
    section.items.emplace_back(std::move(table));
    return absl::OkStatus();
  }

  // ----------------------------------------------------------------------------------- sections

  void AddSection(ReportSection section) {
    if (!section.items.empty()) report_.sections.push_back(std::move(section));
  }

  // results.csv, or breakdown.csv.
  StatusOr<ReportTable> TableOf(const ExperimentTable& spec, Statistic statistic) const {
    const bool by_group = !spec.by.empty() && results_.breakdown.has_value();
    return ResultTable(by_group ? *results_.breakdown : results_.runs, spec, statistic);
  }

  Status AddTables() {
    ReportSection section{"tables", "Tables", "Tables", {}};
    for (const ExperimentTable& spec : file().tables) {
      LUTRA_ASSIGN_OR_RETURN(ReportTable table, TableOf(spec, Statistic::kMedian));
      table.id = StrCat("table-", spec.name);
      section.items.emplace_back(std::move(table));
    }
    AddSection(std::move(section));
    return absl::OkStatus();
  }

  // Pictures that are there; gnuplot may have been missing, or have had nothing to draw.
  StatusOr<std::vector<ReportImage>> ReadPictures(const std::vector<ExperimentFigure>& figures,
                                                  std::string_view folder,
                                                  int64_t& left_out) const {
    std::vector<ReportImage> images;
    for (const ExperimentFigure& figure : figures) {
      ReportImage image;
      image.file = StrCat(folder, "/", figure.name);
      image.caption = figure.title;
      std::error_code ignored;
      const fs::path svg = directory_ / (image.file + ".svg");
      const fs::path pdf = directory_ / (image.file + ".pdf");
      if (!fs::exists(svg, ignored)) continue;
      if (images.size() == kMostFigures) {
        ++left_out;
        continue;
      }
      LUTRA_ASSIGN_OR_RETURN(image.svg, ReadTextFile(svg, kMostFigureBytes));
      if (fs::exists(pdf, ignored)) {
        LUTRA_ASSIGN_OR_RETURN(image.pdf, ReadTextFile(pdf, kMostFigureBytes));
      }
      images.push_back(std::move(image));
    }
    return images;
  }

  Status ReadFigures() {
    LUTRA_ASSIGN_OR_RETURN(figures_, ReadPictures(file().figures, "figures", pictures_left_out_));
    LUTRA_ASSIGN_OR_RETURN(compared_,
                           ReadPictures(file().comparisons, "comparisons", pictures_left_out_));
    return absl::OkStatus();
  }

  Status AddComparisons() {
    ReportSection section{"comparisons", "Beside published figures", "Comparisons", {}};
    for (const ExperimentFigure& comparison : file().comparisons) {
      const fs::path path = directory_ / "comparisons" / (comparison.name + ".md");
      LUTRA_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(path, kMostTextBytes));
      LUTRA_ASSIGN_OR_RETURN(ReportTable table,
                             ComparisonTable(text, StrCat("'", path.string(), "'")));
      table.id = StrCat("comparison-", comparison.name);
      table.title = comparison.title;
      section.items.emplace_back(std::move(table));
      for (const ReportImage& image : compared_) {
        const bool is_own = image.file == StrCat("comparisons/", comparison.name);
        if (is_own && image.file != shown_first_) section.items.emplace_back(image);
      }
    }
    AddSection(std::move(section));
    return absl::OkStatus();
  }

  void AddFigures() {
    ReportSection section{"figures", "Figures", "Figures", {}};
    for (const ReportImage& image : figures_) {
      if (image.file != shown_first_) section.items.emplace_back(image);
    }
    if (pictures_left_out_ > 0) {
      section.items.emplace_back(
          StrCat("Not shown: ", Counted(pictures_left_out_, "picture"), "."));
    }
    AddSection(std::move(section));
  }

  // The axes that change what runs; the others, and networks, change what is predicted.
  std::vector<std::string> Axes(bool of_networks) const {
    std::vector<std::string> names;
    for (const ExperimentAxis& axis : file().axes) {
      const bool replays = axis.name == "round_trip_ms" || axis.name == "bandwidth_mbit";
      if (of_networks || !replays) names.push_back(axis.name);
    }
    if (of_networks && Has(results_.runs, "network")) names.emplace_back("network");
    return names;
  }

  Status AddPointsOf(ExperimentTable spec, const std::vector<std::string>& results,
                     Statistic statistic, ReportSection& section) const {
    spec.columns = results;
    LUTRA_ASSIGN_OR_RETURN(ReportTable table, TableOf(spec, statistic));
    const bool has_results = table.columns.size() > spec.rows.size();
    if (has_results && !table.rows.empty()) section.items.emplace_back(std::move(table));
    return absl::OkStatus();
  }

  static std::vector<std::string> ResultsFrom(ResultColumn::Source source, bool of_groups) {
    std::vector<std::string> names;
    for (const ResultColumn& column : ResultColumns()) {
      if (column.source == source && (!of_groups || column.in_breakdown))
        names.emplace_back(column.name);
    }
    return names;
  }

  Status AddPoints() {
    using From = ResultColumn::Source;
    ReportSection section{"points", "All points", "Points", {}};
    const auto add = [&](std::string_view name, std::string_view title, bool of_networks, From from,
                         Statistic statistic) {
      ExperimentTable spec;
      spec.name = name;
      spec.title = title;
      spec.rows = Axes(of_networks);
      return AddPointsOf(spec, ResultsFrom(from, false), statistic, section);
    };
    LUTRA_RETURN_IF_ERROR(add("points-cost", "Bytes, rounds and sizes by point", false,
                              From::kClosedForm, Statistic::kMedian));
    LUTRA_RETURN_IF_ERROR(
        add("points-runs", "Runs by point: medians", false, From::kRun, Statistic::kMedian));
    LUTRA_RETURN_IF_ERROR(add("points-runs-quartiles", "Runs by point: quartiles", false,
                              From::kRun, Statistic::kQuartiles));
    LUTRA_RETURN_IF_ERROR(add("points-predicted", "Predicted by point and network: medians", true,
                              From::kReplay, Statistic::kMedian));
    LUTRA_RETURN_IF_ERROR(add("points-predicted-quartiles",
                              "Predicted by point and network: quartiles", true, From::kReplay,
                              Statistic::kQuartiles));
    for (const std::string& by : file().breakdown) {
      ExperimentTable spec;
      spec.by = by;
      spec.rows = Axes(false);
      spec.rows.push_back(by);
      spec.name = StrCat("points-", by);
      spec.title = StrCat("Bytes and rounds by ", by);
      LUTRA_RETURN_IF_ERROR(
          AddPointsOf(spec, ResultsFrom(From::kClosedForm, true), Statistic::kMedian, section));
      spec.name = StrCat("points-", by, "-seconds");
      spec.title = StrCat("Seconds of work by ", by, ", all roles together: medians");
      LUTRA_RETURN_IF_ERROR(
          AddPointsOf(spec, ResultsFrom(From::kRun, true), Statistic::kMedian, section));
    }
    section.items.emplace_back(
        std::string("Every run is in results.csv and results.jsonl, with medians and quartiles in "
                    "summary.csv."));
    AddSection(std::move(section));
    return absl::OkStatus();
  }

  void AddPrograms() {
    ReportTable table;
    table.id = "programs";
    table.title = "Points and their programs";
    table.note = "The digest is the SHA-256 of the program, here its beginning: environment.json.";
    table.columns = {{"point", Format::kNumber}, {"settings"}, {"program"}};
    for (const ExperimentPoint& point : environment().points) {
      if (table.rows.size() == kMostTableRows) {
        ++table.left_out;
        continue;
      }
      table.Add(
          {static_cast<int64_t>(table.rows.size()), point.settings, point.program.substr(0, 16)});
    }
    if (!table.rows.empty()) {
      report_.sections.push_back({"programs", "Programs", "Programs", {std::move(table)}});
    }
  }

  const fs::path directory_;
  const ExperimentResults results_;
  Report report_;
  ReportTable points_;                 // a row for each point
  ReportTable cases_;                  // a row for each point and network
  std::vector<ReportImage> figures_;   // of the experiment
  std::vector<ReportImage> compared_;  // of its comparisons
  std::string shown_first_;            // the picture of the first screen
  int64_t pictures_left_out_ = 0;
};

}  // namespace

bool IsExperimentDirectory(const fs::path& directory) {
  std::error_code error;
  return !fs::exists(directory / "run.json", error) &&
         fs::exists(directory / "experiment.toml", error);
}

StatusOr<Report> ExperimentReport(const fs::path& directory) {
  LUTRA_ASSIGN_OR_RETURN(ExperimentResults results, ReadExperimentResults(directory));
  return Writer(directory, std::move(results)).Write();
}

}  // namespace lutra
