#include "analysis/prediction_table.h"

#include <algorithm>
#include <utility>

#include "analysis/cost_table.h"
#include "analysis/excerpt.h"
#include "core/text.h"

namespace lutra {
namespace {

constexpr size_t kShownExamples = 8;
constexpr size_t kPreferred = 2;  // of those that come out differently
constexpr int64_t kColumns = 80;
constexpr int64_t kLabelColumns = 12;

bool Differ(std::span<const PredictionColumn> columns, size_t example) {
  return std::any_of(columns.begin(), columns.end(), [&](const PredictionColumn& column) {
    return column.predictions[example] != columns[0].predictions[example];
  });
}

std::vector<size_t> ShownExamples(std::span<const PredictionColumn> columns) {
  const size_t count = columns[0].predictions.size();
  std::vector<size_t> shown;
  for (size_t i = 0; i < count && shown.size() < kPreferred; ++i) {
    if (Differ(columns, i)) shown.push_back(i);
  }
  for (size_t i = 0; i < count && shown.size() < kShownExamples; ++i) {
    if (std::find(shown.begin(), shown.end(), i) == shown.end()) shown.push_back(i);
  }
  std::sort(shown.begin(), shown.end());
  return shown;
}

}  // namespace

std::string PredictionTable(const Examples& examples, std::span<const std::string> labels,
                            std::span<const PredictionColumn> columns) {
  std::vector<std::string> names;
  size_t widest = 0;
  for (const std::string& label : labels) {
    names.push_back(Excerpt(label, kLabelColumns));
    widest = std::max(widest, names.back().size());
  }
  std::vector<std::string> head;
  for (const PredictionColumn& column : columns) {
    head.push_back(column.name);
    widest = std::max(widest, column.name.size());
  }
  if (!examples.labels.empty()) head.emplace_back("label");
  const int64_t room = kColumns - static_cast<int64_t>(head.size() * (widest + 2));
  head.emplace_back(UnitOf(examples));
  TextTable table(head, {head.size() - 2, head.size() - 1, 1});
  const auto name = [&](int label) { return names[static_cast<size_t>(label)]; };
  for (const size_t i : ShownExamples(columns)) {
    std::vector<std::string> row;
    for (const PredictionColumn& column : columns) row.push_back(name(column.predictions[i]));
    if (!examples.labels.empty()) row.push_back(name(examples.labels[i]));
    row.push_back(examples.texts.empty() ? StrCat(i + 1) : Excerpt(examples.texts[i], room));
    table.AddRow(std::move(row));
  }
  std::string text = table.ToString();
  if (examples.count() > static_cast<int64_t>(kShownExamples)) {
    text += StrCat("(", kShownExamples, " of ", Grouped(examples.count()), ")\n");
  }
  return text;
}

}  // namespace lutra
