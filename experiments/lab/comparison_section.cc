#include <algorithm>
#include <optional>
#include <set>
#include <span>

#include "core/command_line.h"
#include "experiments/lab/published.h"
#include "experiments/lab/row_keys.h"
#include "experiments/lab/sections.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

StatusOr<PublishedWork> FindPublished(const TomlTable& table, Experiment& experiment) {
  LUTRA_ASSIGN_OR_RETURN(const std::string name, table.Text("published"));
  for (const std::string& candidate : {name, StrCat("experiments/published/", name, ".toml")}) {
    const std::optional<fs::path> path = FindFile(experiment.file, candidate);
    if (!path.has_value() || !fs::is_regular_file(*path)) continue;
    experiment.files.push_back({candidate, *path});
    return ReadPublished(*path);
  }
  return table.Wrong("published", "the name of a file in experiments/published, or a file",
                     StrCat("'", name, "', which is neither"));
}

Status ReadAmounts(const TomlTable& table, ComparisonSpec& spec) {
  const std::span<const std::string_view> known = PublishedAmounts();
  const auto check = [&](std::string_view key, const toml::node& node, const std::string& name) {
    if (std::find(known.begin(), known.end(), name) != known.end()) return Status();
    return table.WrongAt(node, key, StrCat("one of ", CommaSeparated(known)),
                         StrCat("'", name, "'", DidYouMean(name, known)));
  };
  LUTRA_ASSIGN_OR_RETURN(spec.columns, table.Texts("columns"));
  if (spec.columns.empty()) return table.Wrong("columns", "at least one", "an empty array");
  const toml::array& nodes = *table.Find("columns")->as_array();
  for (size_t i = 0; i < spec.columns.size(); ++i) {
    LUTRA_RETURN_IF_ERROR(check("columns", nodes[i], spec.columns[i]));
  }
  for (const std::string_view key : {"ratio", "figure"}) {
    if (!table.Has(key)) continue;
    std::string& name = key == "ratio" ? spec.ratio : spec.figure;
    LUTRA_ASSIGN_OR_RETURN(name, table.Text(key));
    LUTRA_RETURN_IF_ERROR(check(key, *table.Find(key), name));
  }
  return absl::OkStatus();
}

Status ReadComparison(const TomlTable& table, RowKeys& keys, ComparisonSpec& spec) {
  std::string by;
  if (table.Has("rows")) LUTRA_RETURN_IF_ERROR(keys.ReadAll(table, "rows", spec.rows, by));
  LUTRA_RETURN_IF_ERROR(keys.ReadOnly(table, spec.only, by));
  if (!by.empty()) return table.Wrong("rows", "axes", StrCat("the breakdown '", by, "'"));
  LUTRA_RETURN_IF_ERROR(keys.CheckComplete(table, "rows", spec.only, spec.rows, by, {}));
  return ReadAmounts(table, spec);
}

}  // namespace

Status ReadComparisons(const TomlTable& root, Experiment& experiment) {
  if (!root.Has("comparisons")) return absl::OkStatus();
  LUTRA_ASSIGN_OR_RETURN(const std::vector<TomlTable> tables, root.Tables("comparisons"));
  RowKeys keys(experiment);
  std::set<std::string> names;
  for (const TomlTable& table : tables) {
    LUTRA_RETURN_IF_ERROR(table.CheckKeys(
        {"name", "title", "published", "rows", "only", "columns", "ratio", "figure"}));
    ComparisonSpec spec;
    LUTRA_RETURN_IF_ERROR(ReadNameAndTitle(table, names, spec.name, spec.title));
    LUTRA_ASSIGN_OR_RETURN(spec.published, FindPublished(table, experiment));
    LUTRA_RETURN_IF_ERROR(ReadComparison(table, keys, spec));
    experiment.comparisons.push_back(std::move(spec));
  }
  return absl::OkStatus();
}

}  // namespace lutra
