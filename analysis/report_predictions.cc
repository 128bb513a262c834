// What came out, example by example.
#include <algorithm>
#include <map>
#include <utility>

#include "analysis/report_cells.h"
#include "analysis/report_sections.h"
#include "core/text.h"

namespace lutra {
namespace {

constexpr size_t kMostLogits = 16;

ReportTable ConfusionTable(const RunFacts& facts) {
  std::map<std::pair<int64_t, int64_t>, int64_t> counts;
  for (const OutputSummary& output : facts.outputs) {
    if (output.label.has_value()) ++counts[{*output.label, output.prediction}];
  }
  ReportTable table;
  table.id = "confusion";
  table.title = "Predictions by label";
  table.columns = {{"label"}, {"predicted"}, {"examples", Format::kCount, Source::kRecorded, true}};
  for (const auto& [pair, count] : counts) {
    table.Add({ClassName(facts, pair.first), ClassName(facts, pair.second), count});
  }
  return table;
}

std::string LogitsOf(const OutputSummary& output) {
  std::string logits;
  for (size_t i = 0; i < std::min(kMostLogits, output.logits.size()); ++i) {
    logits += StrCat(logits.empty() ? "" : ", ", output.logits[i]);
  }
  return output.logits.size() > kMostLogits ? logits + ", …" : logits;
}

ReportTable ExampleTable(const RunFacts& facts, bool labelled) {
  ReportTable table;
  table.id = "predictions";
  table.title = "Example by example";
  table.columns = {{"example", Format::kCount, Source::kRecorded},
                   {"prediction", Format::kText, Source::kRecorded}};
  if (labelled) {
    table.columns.push_back({"label", Format::kText, Source::kRecorded});
    table.columns.push_back({"right", Format::kText, Source::kRecorded});
  }
  table.columns.push_back({"logits", Format::kText, Source::kRecorded});
  const size_t shown = std::min(kMostTableRows, facts.outputs.size());
  for (size_t i = 0; i < shown; ++i) {
    const OutputSummary& output = facts.outputs[i];
    ReportCells cells = {static_cast<int64_t>(i) + 1, ClassName(facts, output.prediction)};
    if (labelled) {
      const bool known = output.label.has_value();
      cells.push_back(known ? ReportCell(ClassName(facts, *output.label)) : ReportCell());
      cells.push_back(known ? TextCell(*output.label == output.prediction ? "yes" : "no")
                            : ReportCell());
    }
    cells.emplace_back(LogitsOf(output));
    table.Add(std::move(cells));
  }
  table.left_out = static_cast<int64_t>(facts.outputs.size() - shown);
  return table;
}

}  // namespace

std::string ClassName(const RunFacts& facts, int64_t number) {
  const auto index = static_cast<size_t>(number);
  return number >= 0 && index < facts.labels.size() ? facts.labels[index]
                                                    : StrCat("class ", number);
}

OptionalSection PredictionsSection(const RunToReport& run) {
  if (run.facts.outputs.empty()) return std::nullopt;
  ReportSection section{"outputs", "Predictions", "Predictions", {}};
  const bool labelled = std::any_of(run.facts.outputs.begin(), run.facts.outputs.end(),
                                    [](const auto& output) { return output.label.has_value(); });
  if (labelled) section.items.emplace_back(ConfusionTable(run.facts));
  section.items.emplace_back(ExampleTable(run.facts, labelled));
  return section;
}

}  // namespace lutra
