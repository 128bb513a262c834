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

RoundsData Rounds(const RunToReport& run) {
  std::map<std::string, int64_t> protocols;
  std::map<int, std::map<std::string, int64_t>> bytes, layers, steps;
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
  const auto largest = [](const std::map<std::string, int64_t>& amounts) {
    return std::max_element(amounts.begin(), amounts.end(),
                            [](const auto& a, const auto& b) { return a.second < b.second; })
        ->first;
  };
  RoundsData data;
  for (const auto& [name, sum] : protocols) data.series.push_back(name);
  std::stable_sort(data.series.begin(), data.series.end(),
                   [&](const auto& a, const auto& b) { return protocols[a] > protocols[b]; });
  for (auto& [level, sent] : bytes) {
    RoundsData::Round round{level, largest(layers[level]), largest(steps[level]), {}};
    for (const std::string& series : data.series) round.bytes.push_back(sent[series]);
    data.rounds.push_back(std::move(round));
  }
  return data;
}

ReportTable RoundTable(RoundsData data) {
  ReportTable table;
  table.id = "rounds-table";
  table.title = "Round by round";
  table.columns = {{"round", Format::kCount},
                   {"layer"},
                   {"operation"},
                   {"bytes a session", Format::kBytes, Source::kCounted, true}};
  for (const std::string& series : data.series) {
    if (table.columns.size() == 9) break;
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
    for (size_t i = 0; cells.size() < table.columns.size(); ++i) {
      cells.push_back(NonZero(round.bytes[i]));
    }
    table.Add(std::move(cells));
  }
  return table;
}

}  // namespace

OptionalSection RoundsSection(const RunToReport& run) {
  RoundsData data = Rounds(run);
  if (data.rounds.empty()) return std::nullopt;
  ReportSection section{"rounds", "Rounds along the program", "Rounds", {}};
  section.items.emplace_back(ReportFigure{
      "rounds",
      "Bytes of one session in each round of the online phase, all links together, by protocol; "
      "below, the layer that sends most of them.",
      RoundsPicture(data, kWide), RoundsPicture(data, kNarrow)});
  section.items.emplace_back(RoundTable(std::move(data)));
  return section;
}

}  // namespace lutra
