#include "experiments/lab/index_page.h"

#include <vector>

#include "analysis/markup.h"
#include "core/text.h"
#include "experiments/lab/comparison.h"
#include "experiments/lab/figure.h"
#include "experiments/lab/table.h"

namespace lutra {

std::string IndexPage(const Experiment& experiment, const Results& results,
                      const RunCounts& counts) {
  std::string text = StrCat(
      "# ", InMarkdown(experiment.title), "\n\n", "Experiment `", experiment.name,
      "`: ", counts.finished, counts.finished == 1 ? " run" : " runs", " of ", counts.planned,
      ". Every run is in [results.csv](results.csv) and [results.jsonl](results.jsonl), "
      "medians and quartiles in [summary.csv](summary.csv)");
  if (!experiment.breakdown.empty()) {
    text +=
        StrCat(", by ", CommaSeparated(experiment.breakdown), " in [breakdown.csv](breakdown.csv)");
  }
  text += ", machine and seeds in [environment.json](environment.json).\n";
  if (counts.origins > 1) {
    text += StrCat("\nThe runs are not all of one machine, build, engine and number of jobs (",
                   counts.origins, " in environment.json): their seconds are no repetitions of ",
                   "each other.\n");
  }
  for (const FigureSpec& figure : experiment.figures) {
    if (FigureScript(figure, results).empty()) continue;
    text += StrCat("\n![", InMarkdown(figure.title), "](figures/", figure.name, ".svg)\n");
  }
  for (const TableSpec& table : experiment.tables) {
    text += StrCat("\n", RenderTable(table, results).markdown);
  }
  for (const ComparisonSpec& spec : experiment.comparisons) {
    const std::vector<ComparisonRow> rows = CompareRows(spec, experiment, results);
    text += StrCat("\n", RenderComparison(spec, rows).markdown);
    if (ComparisonScript(spec, rows).empty()) continue;
    text += StrCat("\n![", InMarkdown(spec.title), "](comparisons/", spec.name, ".svg)\n");
  }
  return text;
}

}  // namespace lutra
