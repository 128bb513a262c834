// Seconds beside the machine's peak.
#include <utility>

#include "analysis/cost_table.h"
#include "analysis/report_cells.h"
#include "analysis/report_sections.h"
#include "core/text.h"

namespace lutra {

OptionalSection ProfileSection(const RunToReport& run) {
  if (run.tables.profile.empty()) return std::nullopt;
  ReportSection section{"profile", "Profile", "Profile", {}};
  if (run.facts.peaks.has_value()) {
    const auto billions = [](double value) { return Fixed(value / 1e9, 1); };
    const auto& products = run.facts.peaks->products;
    section.items.emplace_back(
        StrCat("Peaks of the machine, measured in the same run with ", run.facts.threads,
               run.facts.threads == 1 ? " thread: " : " threads: ", billions(products[0]), ", ",
               billions(products[1]), " and ", billions(products[2]),
               " billion products a second in lanes of 16, 32 and 64 bits; ",
               billions(run.facts.peaks->cipher), " GB/s of AES; ",
               billions(run.facts.peaks->memory), " GB/s of memory."));
  }
  ReportTable table;
  table.id = "profile-rows";
  table.title = "Operations beside the machine's peak";
  table.note =
      "The least is what the work takes at the peak that bounds it; the share is least "
      "over measured, above 100 % where a peak was measured too low.";
  table.columns = {{"phase"},
                   {"operation"},
                   {"role"},
                   {"seconds", Format::kSeconds, Source::kMeasured, true},
                   {"least", Format::kSeconds, Source::kMeasured},
                   {"share of peak", Format::kShare, Source::kMeasured, true},
                   {"bound by"}};
  std::vector<ProfileRow> rows = run.tables.profile;
  table.left_out =
      KeepLargest(rows, kMostTableRows, [](const ProfileRow& row) { return row.seconds; });
  for (const ProfileRow& row : rows) {
    table.Add({TextCell(Name(row.phase)), row.operation, TextCell(Name(row.role)), row.seconds,
               row.least_seconds, row.seconds > 0 ? ReportCell(row.share()) : ReportCell(),
               TextCell(Name(row.bound))});
  }
  section.items.emplace_back(std::move(table));
  return section;
}

}  // namespace lutra
