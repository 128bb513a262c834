#include <set>

#include "experiments/lab/row_keys.h"
#include "experiments/lab/sections.h"

namespace lutra {
namespace {

Status ReadTable(const TomlTable& table, RowKeys& keys, TableSpec& spec) {
  if (table.Has("rows")) {
    LUTRA_RETURN_IF_ERROR(keys.ReadAll(table, "rows", spec.rows, spec.by));
  }
  LUTRA_RETURN_IF_ERROR(keys.ReadOnly(table, spec.only, spec.by));
  LUTRA_ASSIGN_OR_RETURN(spec.columns, table.Texts("columns"));
  if (spec.columns.empty()) return table.Wrong("columns", "at least one", "an empty array");
  const toml::array& nodes = *table.Find("columns")->as_array();
  for (size_t i = 0; i < spec.columns.size(); ++i) {
    LUTRA_RETURN_IF_ERROR(keys.CheckResult(table, "columns", nodes[i], spec.columns[i], spec.by));
  }
  return keys.CheckComplete(table, "rows", spec.only, spec.rows, spec.by, spec.columns);
}

}  // namespace

Status ReadTables(const TomlTable& root, Experiment& experiment) {
  if (!root.Has("tables")) return absl::OkStatus();
  LUTRA_ASSIGN_OR_RETURN(const std::vector<TomlTable> tables, root.Tables("tables"));
  RowKeys keys(experiment);
  std::set<std::string> names;
  for (const TomlTable& table : tables) {
    LUTRA_RETURN_IF_ERROR(table.CheckKeys({"name", "title", "rows", "columns", "only"}));
    TableSpec spec;
    LUTRA_RETURN_IF_ERROR(ReadNameAndTitle(table, names, spec.name, spec.title));
    LUTRA_RETURN_IF_ERROR(ReadTable(table, keys, spec));
    experiment.tables.push_back(std::move(spec));
  }
  return absl::OkStatus();
}

}  // namespace lutra
