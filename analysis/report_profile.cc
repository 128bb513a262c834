// Seconds beside the machine's peak.
#include <algorithm>

#include "analysis/cost_table.h"
#include "analysis/report_cells.h"
#include "analysis/report_sections.h"
#include "core/text.h"

namespace lutra {
namespace {

std::string PeaksNote(const Peaks& peaks, int64_t threads) {
  const auto billions = [](double value) { return Fixed(value / 1e9, 1); };
  return StrCat(
      "Peaks of the machine, measured in the same run on one thread",
      threads == 1 ? "" : StrCat(" and multiplied by its ", threads, " threads"), ": ",
      billions(peaks.products[0]), ", ", billions(peaks.products[1]), " and ",
      billions(peaks.products[2]), " billion products a second in lanes of 16, 32 and 64 bits; ",
      billions(peaks.cipher), " GB/s of AES; ", billions(peaks.memory), " GB/s of memory.");
}

ReportTable PeakTable(std::vector<ProfileRow> rows) {
  ReportTable table;
  table.id = "profile-rows";
  table.title = "Operations beside the machine's peak";
  table.note =
      "The least is what the work takes at the peak that bounds it; the share of peak is least "
      "over measured, above 100 % where a peak was measured too low. Where it is missing, nothing "
      "is known that the work must take.";
  table.columns = {{"phase"},
                   {"operation"},
                   {"role"},
                   {"seconds", Format::kSeconds, Source::kMeasured, true},
                   {"least", Format::kSeconds, Source::kMeasured},
                   {"share of peak", Format::kShare, Source::kMeasured, true},
                   {"bound by"}};
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& a, const auto& b) { return a.seconds > b.seconds; });
  table.left_out =
      KeepLargest(rows, kMostTableRows, [](const ProfileRow& row) { return row.seconds; });
  for (const ProfileRow& row : rows) {
    const bool known = row.least_seconds > 0;
    table.Add({TextCell(Name(row.phase)), row.operation, TextCell(Name(row.role)), row.seconds,
               NonZero(row.least_seconds),
               known && row.seconds > 0 ? ReportCell(row.share()) : ReportCell(),
               known ? TextCell(Name(row.bound)) : ReportCell()});
  }
  return table;
}

}  // namespace

ReportSection ProfileSection(const RunToReport& run) {
  ReportSection section{"profile", "Profile", "Profile", {}};
  if (run.tables.profile.empty()) {
    section.items.emplace_back(
        "This run was not profiled. A run of lutra-sim with --profile puts what each operation "
        "took beside the least that its work takes at the machine's peaks.");
    return section;
  }
  if (run.facts.peaks.has_value()) {
    section.items.emplace_back(PeaksNote(*run.facts.peaks, run.facts.threads));
  }
  section.items.emplace_back(PeakTable(run.tables.profile));
  return section;
}

}  // namespace lutra
