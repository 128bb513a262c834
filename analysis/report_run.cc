#include "analysis/report_run.h"

#include <initializer_list>
#include <map>
#include <optional>
#include <utility>

#include "analysis/cost_table.h"
#include "analysis/report_sections.h"
#include "core/text.h"

namespace lutra {
namespace {

constexpr size_t kMostClasses = 4;  // of the results

// The last part of a path.
std::string_view FileName(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string LeadOf(const RunToReport& run) {
  const RunFacts& facts = run.facts;
  return StrCat("Secure inference of ", Grouped(facts.examples()),
                facts.examples() == 1 ? " example in " : " examples in ", Grouped(run.sessions()),
                run.sessions() == 1 ? " session" : " sessions", " of at most ",
                Grouped(facts.batch),
                run.facts.runner().empty() ? "" : StrCat(", by ", run.facts.runner()),
                run.in_processes() ? ": every role a process." : ": all roles in one process.");
}

std::vector<std::pair<std::string, std::string>> FactsOf(const RunToReport& run) {
  const RunFacts& facts = run.facts;
  const Program& program = run.program();
  std::vector<std::pair<std::string, std::string>> list;
  std::string command;
  for (const std::string& argument : facts.command) {
    command += StrCat(command.empty() ? "" : " ", argument);
  }
  list.emplace_back("model", facts.model);
  list.emplace_back("program", StrCat(Grouped(static_cast<int64_t>(program.nodes().size())),
                                      " nodes, ", program.rounds(Phase::kOnline),
                                      " rounds online, digest ", facts.digest.substr(0, 12)));
  list.emplace_back("settings", StrCat("deployment ", facts.deployment, ", tables ", facts.tables,
                                       ", plan ", facts.plan));
  list.emplace_back("keys", facts.seed == "operating-system"
                                ? "from the operating system"
                                : StrCat("follow from seed ", facts.seed));
  const std::string threads = StrCat(facts.threads, facts.threads == 1 ? " thread" : " threads");
  list.emplace_back("machine", facts.cores == 0
                                   ? StrCat(facts.processor, "; at most ", threads, " a role")
                                   : StrCat(facts.processor, ", ", facts.cores, " cores, ",
                                            HumanBytes(facts.machine_memory_bytes), "; ", threads,
                                            ", ", facts.simd));
  if (facts.shaped_to.has_value()) {
    list.emplace_back("links", StrCat("as slow as those of ", *facts.shaped_to,
                                      facts.shaped_links == "all" ? "" : ", but for the dealer's"));
  }
  if (facts.peak_memory_bytes.has_value()) {
    list.emplace_back("peak memory", HumanBytes(*facts.peak_memory_bytes));
  }
  list.emplace_back("command", command);
  list.emplace_back("version", StrCat("Lutra ", facts.version));
  list.emplace_back("source", "run.json, and run.program for its nodes and rounds");
  return list;
}

ReportResult AccuracyResult(const RunFacts& facts) {
  std::string detail = "of the predictions are right";
  if (facts.accuracy_ideal.has_value()) {
    detail = StrCat("in the clear, exactly: ", Fixed(100 * *facts.accuracy_ideal, 1), " %");
  }
  return {"Accuracy", StrCat(Fixed(100 * *facts.accuracy, 1), " %"), std::move(detail),
          Source::kRecorded};
}

ReportResult AgreementResult(const RunFacts& facts) {
  if (!facts.agrees_with_ideal.has_value()) {
    return {"Agreement", "not checked", "nodes were not compared with the clear twin",
            Source::kRecorded};
  }
  const bool agrees = *facts.agrees_with_ideal;
  return {"Agreement", agrees ? "every node" : "no",
          agrees ? "of every session equals its clear twin"
                 : "secure inference and its clear twin disagree",
          Source::kRecorded, !agrees};
}

ReportResult PredictionsResult(const RunFacts& facts) {
  std::map<int64_t, int64_t> counts;
  for (const OutputSummary& output : facts.outputs) ++counts[output.prediction];
  std::string text;
  size_t shown = 0;
  for (const auto& [number, count] : counts) {
    if (shown++ == kMostClasses) {
      text += StrCat(", … ", counts.size(), " classes");
      break;
    }
    text += StrCat(text.empty() ? "" : ", ", ClassName(facts, number), ": ", Grouped(count));
  }
  return {"Predictions", std::move(text), "of the secure inference, by class", Source::kRecorded};
}

ReportResult SplitResult(std::string_view label, const RunToReport& run,
                         std::initializer_list<Phase> phases, std::string_view what) {
  const PhaseBytes counted = CountedBytes(run.tables);
  int64_t bytes = 0;
  double seconds = 0;
  for (const Phase phase : phases) {
    bytes += counted[Index(phase)];
    seconds += run.facts.seconds(phase);
  }
  std::string detail = StrCat("measured: ", HumanSeconds(seconds), "; ", what);
  if (run.facts.examples() > 0) {
    detail += StrCat("; ", HumanBytes(bytes / run.facts.examples()), " an example");
  }
  const std::string_view all = run.sessions() > 1 ? ", all sessions" : "";
  return {StrCat(label, all), HumanBytes(bytes), std::move(detail), Source::kCounted};
}

std::vector<ReportResult> ResultsOf(const RunToReport& run) {
  const RunFacts& facts = run.facts;
  std::vector<ReportResult> results;
  if (facts.accuracy.has_value()) results.push_back(AccuracyResult(facts));
  results.push_back(AgreementResult(facts));
  if (!facts.outputs.empty()) results.push_back(PredictionsResult(facts));
  std::string offline = "dealt and prepared before the data is there";
  if (const std::optional<double> waited = facts.offline_seconds(); waited.has_value()) {
    offline += StrCat("; parties had it ", HumanSeconds(*waited), " after they asked");
  }
  results.push_back(SplitResult("Offline", run, {Phase::kDeal, Phase::kPrepare}, offline));
  results.push_back(SplitResult("Online", run, {Phase::kOnline},
                                StrCat(run.program().rounds(Phase::kOnline), " rounds a session")));
  return results;
}

OptionalSection PicturesSection(std::vector<ReportDrawing> drawings) {
  if (drawings.empty()) return std::nullopt;
  ReportSection section{"program", "The program in pictures", "Pictures", {}};
  section.items.emplace_back("A layer with a link opens the picture of its nodes.");
  for (ReportDrawing& drawing : drawings) section.items.emplace_back(std::move(drawing));
  return section;
}

}  // namespace

bool RunToReport::in_processes() const {
  return facts.runner() == "lutra-launch" || facts.runner() == "lutra-client";
}

Report RunReport(const RunToReport& run, std::vector<ReportDrawing> drawings) {
  const NodeSums sums(run.program(), run.tables, run.sessions());
  Report report;
  report.title = FileName(run.facts.model);
  report.lead = LeadOf(run);
  report.facts = FactsOf(run);
  report.results = ResultsOf(run);
  const auto add = [&](OptionalSection section) {
    if (section.has_value()) report.sections.push_back(*std::move(section));
  };
  add(OverviewSection(run));
  add(SplitsSection(run, sums));
  add(ZoomSection(run, sums, report.data));
  add(RoundsSection(run));
  add(CriticalPathSection(run));
  add(TapeSection(run));
  add(ProfileSection(run));
  add(SecuritySection(run));
  add(PicturesSection(std::move(drawings)));
  add(PredictionsSection(run));
  return report;
}

}  // namespace lutra
