// Rounds along the program.
#include <algorithm>
#include <map>
#include <utility>

#include "analysis/cost.h"
#include "analysis/report_cells.h"
#include "analysis/report_figures.h"
#include "analysis/report_sections.h"

namespace lutra {
namespace {

using Amounts = std::map<std::string, int64_t>;

constexpr size_t kMostSeries = 6;  // protocols by name, or five of them and all others
constexpr std::string_view kOthers = "all others";

// The largest ones by falling amount; where there are too many, all others together at the end.
std::vector<std::string> SeriesOf(const Amounts& protocols) {
  std::vector<std::string> series;
  for (const auto& [name, bytes] : protocols) series.push_back(name);
  std::stable_sort(series.begin(), series.end(),
                   [&](const auto& a, const auto& b) { return protocols.at(a) > protocols.at(b); });
  if (series.size() <= kMostSeries) return series;
  series.resize(kMostSeries - 1);
  series.emplace_back(kOthers);
  return series;
}

std::string LargestOf(const Amounts& amounts) {
  return std::max_element(amounts.begin(), amounts.end(),
                          [](const auto& a, const auto& b) { return a.second < b.second; })
      ->first;
}

RoundsData DataOf(const RunToReport& run) {
  Amounts protocols;
  std::map<int, Amounts> bytes, layers, steps;
  for (const auto& [part, bits] : run.tables.bits) {
    if (part.phase != Phase::kOnline) continue;
    const NodeSpec& spec = run.program().nodes()[part.node].spec;
    const int64_t sent =
        NodeSums::BytesOf(part.phase, bits, run.sessions()) / std::max<int64_t>(1, run.sessions());
    protocols[spec.protocol] += sent;
    bytes[part.level][spec.protocol] += sent;
    layers[part.level][OrNoPath(LayerOfPath(spec.path))] += sent;
    steps[part.level][OrNoPath(StepOfPath(spec.path))] += sent;
  }
  RoundsData data;
  data.series = SeriesOf(protocols);
  for (const auto& [level, sent] : bytes) {
    RoundsData::Round round{level, LargestOf(layers[level]), LargestOf(steps[level]), {}};
    round.bytes.assign(data.series.size(), 0);
    for (const auto& [protocol, amount] : sent) {
      const auto found = std::find(data.series.begin(), data.series.end(), protocol);
      const bool named = found != data.series.end();
      round.bytes[named ? static_cast<size_t>(found - data.series.begin()) : kMostSeries - 1] +=
          amount;
    }
    data.rounds.push_back(std::move(round));
  }
  return data;
}

ReportTable RoundTable(RoundsData data) {
  ReportTable table;
  table.id = "rounds-table";
  table.title = "Round by round";
  table.columns = {{"round", Format::kCount, Source::kCounted},
                   {"layer"},
                   {"operation"},
                   {"bytes a session", Format::kBytes, Source::kCounted, true}};
  for (const std::string& series : data.series) {
    table.columns.push_back({series, Format::kBytes, Source::kCounted});
  }
  const auto sum = [](const RoundsData::Round& round) {
    int64_t bytes = 0;
    for (const int64_t one : round.bytes) bytes += one;
    return bytes;
  };
  table.left_out = KeepLargest(data.rounds, kMostTableRows, sum);
  for (const RoundsData::Round& round : data.rounds) {
    ReportCells cells = {int64_t{round.level} + 1, round.layer, round.what, sum(round)};
    for (const int64_t bytes : round.bytes) cells.push_back(NonZero(bytes));
    table.Add(std::move(cells));
  }
  return table;
}

}  // namespace

OptionalSection RoundsSection(const RunToReport& run) {
  RoundsData data = DataOf(run);
  if (data.rounds.empty()) return std::nullopt;
  ReportSection section{"rounds", "Rounds along the program", "Rounds", {}};
  section.items.emplace_back(ReportFigure{
      "rounds",
      "Bytes of one session in each round of the online phase (counted), all links together, by "
      "protocol; below, the layer that sends most of them.",
      RoundsPicture(data, kWide), RoundsPicture(data, kNarrow)});
  section.items.emplace_back(RoundTable(std::move(data)));
  return section;
}

}  // namespace lutra
