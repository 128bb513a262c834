#include "experiments/lab/row_keys.h"

#include <algorithm>

#include "analysis/result_column.h"
#include "core/command_line.h"

namespace lutra {
namespace {

bool Contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::string CanonicalName(std::string_view key) {
  std::string name(key);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

Status CheckPlainName(const TomlTable& table, std::string_view field, std::string_view name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  };
  if (!name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), plain) &&
      !(name[0] >= '0' && name[0] <= '9') && name[0] != '-') {
    return absl::OkStatus();
  }
  return table.Wrong(field, "a name of letters, digits, '_' and '-', a letter first",
                     StrCat("'", name, "'"));
}

StatusOr<std::string> TextOnOneLine(const TomlTable& table, std::string_view field) {
  LUTRA_ASSIGN_OR_RETURN(std::string text, table.Text(field));
  if (IsOneLine(text)) return text;
  return table.Wrong(field, "a text on one line", "control characters");
}

Status ReadNameAndTitle(const TomlTable& table, std::set<std::string>& names, std::string& name,
                        std::string& title) {
  LUTRA_ASSIGN_OR_RETURN(name, table.Text("name"));
  LUTRA_RETURN_IF_ERROR(CheckPlainName(table, "name", name));
  if (!names.insert(name).second) {
    return table.Wrong("name", "different names", StrCat("'", name, "' again"));
  }
  LUTRA_ASSIGN_OR_RETURN(title, TextOnOneLine(table, "title"));
  return absl::OkStatus();
}

const Axis* RowKeys::AxisOf(std::string_view name) const {
  for (const Axis& axis : experiment_.axes) {
    if (axis.name == name) return &axis;
  }
  return nullptr;
}

bool RowKeys::IsBreakdown(std::string_view name) const {
  return Contains(experiment_.breakdown, name) && AxisOf(name) == nullptr;
}

bool RowKeys::IsOfNetworks(std::string_view name) const {
  const Axis* axis = AxisOf(name);
  return axis != nullptr ? axis->is_replay : name == "network";
}

// What rows of the results differ by.
std::vector<std::string> RowKeys::Names() const {
  std::vector<std::string> names;
  for (const Axis& axis : experiment_.axes) names.push_back(axis.name);
  if (!experiment_.network_names.empty()) names.emplace_back("network");
  names.insert(names.end(), experiment_.breakdown.begin(), experiment_.breakdown.end());
  return names;
}

// Of an axis or of the networks; of a breakdown they are not known yet.
std::vector<std::string> RowKeys::LabelsOf(std::string_view name) const {
  std::vector<std::string> labels;
  if (const Axis* axis = AxisOf(name)) {
    for (const Axis::Step& step : axis->steps) labels.push_back(step.label);
  } else if (name == "network") {
    for (const ReplayCase& replay : experiment_.replays) {
      if (!Contains(labels, replay.network)) labels.push_back(replay.network);
    }
  }
  return labels;
}

Status RowKeys::Check(const TomlTable& table, std::string_view field, const toml::node& node,
                      const std::string& name, std::string& by) const {
  const std::vector<std::string> names = Names();
  if (!Contains(names, name)) {
    return table.WrongAt(node, field,
                         names.empty() ? "an axis, of which there are none"
                                       : StrCat("one of ", CommaSeparated(names)),
                         StrCat("'", name, "'"));
  }
  if (!IsBreakdown(name)) return absl::OkStatus();
  if (!by.empty() && by != name) {
    return table.WrongAt(node, field, StrCat("one breakdown, '", by, "'"),
                         StrCat("'", name, "' too"));
  }
  by = name;
  return absl::OkStatus();
}

Status RowKeys::Read(const TomlTable& table, std::string_view field, std::string& name,
                     std::string& by) const {
  LUTRA_ASSIGN_OR_RETURN(const std::string text, table.Text(field));
  name = CanonicalName(text);
  return Check(table, field, *table.Find(field), name, by);
}

Status RowKeys::ReadAll(const TomlTable& table, std::string_view field,
                        std::vector<std::string>& names, std::string& by) const {
  LUTRA_ASSIGN_OR_RETURN(names, table.Texts(field));
  const toml::array& nodes = *table.Find(field)->as_array();
  for (size_t i = 0; i < names.size(); ++i) {
    names[i] = CanonicalName(names[i]);
    LUTRA_RETURN_IF_ERROR(Check(table, field, nodes[i], names[i], by));
  }
  return absl::OkStatus();
}

Status RowKeys::ReadOnly(const TomlTable& table, RowFilter& only, std::string& by) {
  if (!table.Has("only")) return absl::OkStatus();
  LUTRA_ASSIGN_OR_RETURN(const TomlTable filter, table.Table("only"));
  for (const std::string& key : filter.Keys()) {
    const toml::node& node = *filter.Find(key);
    const std::string name = CanonicalName(key);
    LUTRA_RETURN_IF_ERROR(Check(filter, key, node, name, by));
    if (const toml::array* array = node.as_array()) {
      for (const toml::node& each : *array) {
        LUTRA_RETURN_IF_ERROR(AddLabel(filter, key, name, each, only));
      }
    } else {
      LUTRA_RETURN_IF_ERROR(AddLabel(filter, key, name, node, only));
    }
    if (only[name].empty()) return filter.Wrong(key, "at least one value", "an empty array");
  }
  return absl::OkStatus();
}

Status RowKeys::AddLabel(const TomlTable& filter, const std::string& key, const std::string& name,
                         const toml::node& node, RowFilter& only) {
  std::string label;
  if (const auto* text = node.as_string()) {
    label = text->get();
  } else if (const auto* integer = node.as_integer()) {
    label = SettingText(SettingValue(integer->get()));
  } else if (const auto* number = node.as_floating_point()) {
    label = SettingText(SettingValue(number->get()));
  } else if (const auto* boolean = node.as_boolean()) {
    label = SettingText(SettingValue(boolean->get()));
  } else {
    return filter.WrongAt(node, key, "a value or an array of values", TomlTypeName(node));
  }
  if (IsBreakdown(name)) {
    experiment_.group_labels.push_back(
        {name, label, filter.Key(key), static_cast<int>(node.source().begin.line)});
  } else if (const std::vector<std::string> labels = LabelsOf(name); !Contains(labels, label)) {
    return filter.WrongAt(node, key, StrCat("one of ", CommaSeparated(labels)),
                          StrCat("'", label, "'"));
  }
  if (Contains(only[name], label)) {
    return filter.WrongAt(node, key, "each value once", StrCat("'", label, "' again"));
  }
  only[name].push_back(std::move(label));
  return absl::OkStatus();
}

Status RowKeys::CheckResult(const TomlTable& table, std::string_view field, const toml::node& node,
                            const std::string& name, const std::string& by) const {
  std::vector<std::string_view> names;
  for (const ResultColumn& column : ResultColumns()) {
    const bool there =
        column.source == ResultColumn::Source::kClosedForm ||
        (column.source == ResultColumn::Source::kRun && experiment_.runs()) ||
        (column.source == ResultColumn::Source::kReplay && !experiment_.replays.empty());
    if (there && (by.empty() || column.in_breakdown)) names.push_back(column.name);
  }
  if (std::find(names.begin(), names.end(), name) != names.end()) return absl::OkStatus();
  return table.WrongAt(node, field, StrCat("a result: one of ", CommaSeparated(names)),
                       StrCat("'", name, "'", DidYouMean(name, names)));
}

bool RowKeys::NeedNetworks(const std::vector<std::string>& results) {
  return std::any_of(results.begin(), results.end(), [](const std::string& name) {
    const ResultColumn* column = FindResultColumn(name);
    return column != nullptr && column->source == ResultColumn::Source::kReplay;
  });
}

Status RowKeys::CheckComplete(const TomlTable& table, std::string_view field, const RowFilter& only,
                              const std::vector<std::string>& used, const std::string& by,
                              const std::vector<std::string>& results) const {
  for (const std::string& name : Names()) {
    const bool filtered = only.contains(name);
    const bool of_networks = IsOfNetworks(name);
    if (!by.empty() && of_networks) {
      if (!filtered && !Contains(used, name)) continue;
      return table.Wrong(filtered ? "only" : field, "keys of runs: a breakdown has no networks",
                         StrCat("'", name, "' beside '", by, "'"));
    }
    if (IsBreakdown(name) && name != by) continue;
    if (of_networks && !NeedNetworks(results) && !Contains(used, "network")) continue;
    // Of a breakdown, as many as there may be.
    const size_t values = IsBreakdown(name) ? 2 : LabelsOf(name).size();
    const size_t left = filtered ? only.at(name).size() : values;
    if (left > 1 && !Contains(used, name)) {
      return table.Wrong(field, StrCat("'", name, "' here, or one value of it in only"),
                         "several values of it");
    }
  }
  return absl::OkStatus();
}

}  // namespace lutra
