#include "sim/model_report.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <vector>

#include "analysis/cost_table.h"
#include "analysis/machine.h"
#include "analysis/prediction_table.h"
#include "analysis/profile.h"

namespace lutra {
namespace {

void Print(const std::string& text) { std::fputs(text.c_str(), stdout); }

// Predictions of the run and of the clear twin, as far as there are any.
void PrintExamples(const ModelJob& job, const ModelRunResult& result) {
  std::vector<PredictionColumn> columns = {{"secure", result.secure}};
  if (!result.clear.empty()) columns.push_back({"clear", result.clear});
  Print(PredictionTable(job.examples, job.model.shape().labels, columns) + "\n");
}

void PrintCosts(const ModelJob& job, const ModelRunResult& result) {
  PhaseSeconds seconds{};
  for (const SessionSummary& session : result.summary.sessions) {
    for (size_t phase = 0; phase < seconds.size(); ++phase) {
      seconds[phase] += session.seconds[phase];
    }
  }
  const auto sessions = static_cast<int64_t>(result.summary.sessions.size());
  const int64_t count = job.examples.count();
  const int64_t padding = sessions * job.plan.batch - count;
  const std::string_view unit = UnitOf(job.examples);
  Print(StrCat("Cost of ", Counted(sessions, "session"), " of ", Counted(job.plan.batch, unit),
               padding > 0 ? StrCat(", ", padding, " of the last only to fill it up") : "", "\n"));
  const auto costs = PhaseCosts(result.ledger.traffic());
  Print(CostTable(costs, seconds));
  std::string each;
  for (const PhaseCost& cost : costs) {
    if (cost.phase == Phase::kModel) continue;
    each += StrCat(each.empty() ? "" : ", ", Name(cost.phase), " ",
                   HumanBytes(cost.bytes / std::max<int64_t>(count, 1)));
  }
  Print(StrCat("For each ", unit, ": ", each, ".\n"));
  Print(
      "The model is shared once. The dealer's tapes (deal) and P0's products (prepare)\n"
      "come before any input is known; online is from input to result. Rounds are those\n"
      "of one session.\n");
  Print("\n");
}

}  // namespace

void PrintHead(const ModelJob& job, const ModelRunOptions& options, std::string_view where) {
  const IntegerModelShape& shape = job.model.shape();
  Print(StrCat("Model     ", options.model, "\n"));
  Print(StrCat("          ", Counted(shape.layers, "layer"), ", hidden ", shape.hidden, ", ",
               Counted(shape.heads, "head"), ", sequence ", shape.sequence, "\n"));
  Print(StrCat("Input     ", Counted(job.examples.count(), UnitOf(job.examples)),
               job.examples.labels.empty() ? "" : " with labels", "\n"));
  Print(StrCat("Roles     dealer, P0, P1, P2, model owner and data owner, ", where, "\n"));
  Print(StrCat("Threads   ", options.threads, "\n\n"));
  std::fflush(stdout);
}

void PrintModelRun(const ModelJob& job, const ModelRunOptions& options,
                   const ModelRunResult& result, const std::optional<std::filesystem::path>& out) {
  PrintExamples(job, result);
  const RunSummary& summary = result.summary;
  if (summary.accuracy.has_value()) {
    Print(StrCat("Accuracy  secure ", Fixed(*summary.accuracy, 4), ", clear ",
                 Fixed(*summary.accuracy_ideal, 4), "\n"));
  }
  if (options.check && result.disagreement.empty()) {
    Print("Check     every node of every session agrees with the clear twin\n");
  }
  if (summary.peak_memory_bytes.has_value()) {
    Print(StrCat("Memory    ", HumanBytes(*summary.peak_memory_bytes),
                 " at most, dealer and parties together\n\n"));
  } else {
    Print(StrCat("Memory    ", HumanBytes(PeakMemoryBytes()), " at most (estimated ",
                 HumanBytes(job.plan.estimate), ")\n\n"));
  }
  PrintCosts(job, result);
  if (summary.peaks.has_value()) Print(ProfileTable(summary.profile, *summary.peaks) + "\n");
  Print(out.has_value() ? StrCat("Run directory: ", out->string(), "\n")
                        : "No run directory was asked for (--out DIR).\n");
}

// What was printed has arrived, or the reader wanted no more of it.
Status FinishOutput() {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return absl::OkStatus();
  if (errno == EPIPE) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, "cannot write to the standard output");
}

}  // namespace lutra
