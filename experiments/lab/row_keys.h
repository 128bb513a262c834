// What the rows of an experiment's results differ by, and the checks of what tables, figures and
// comparisons ask of them. Errors name file, line, key, expected and found.
#ifndef LUTRA_EXPERIMENTS_LAB_ROW_KEYS_H_
#define LUTRA_EXPERIMENTS_LAB_ROW_KEYS_H_

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"
#include "core/toml_file.h"
#include "experiments/lab/experiment.h"

namespace lutra {

// A setting or axis by its name in the results: '_' for '-'.
std::string CanonicalName(std::string_view key);
// A name that is a column of a data frame and a name of a file as it stands.
Status CheckPlainName(const TomlTable& table, std::string_view field, std::string_view name);
// A text that is shown.
StatusOr<std::string> TextOnOneLine(const TomlTable& table, std::string_view field);
// The name (plain, and not in `names`, which it joins) and title of a table, figure or comparison.
Status ReadNameAndTitle(const TomlTable& table, std::set<std::string>& names, std::string& name,
                        std::string& title);

// Of an experiment whose axes, networks and breakdowns are known.
class RowKeys {
 public:
  explicit RowKeys(Experiment& experiment) : experiment_(experiment) {}

  // Null where there is none.
  const Axis* AxisOf(std::string_view name) const;

  // A key: an axis, "network", or a breakdown, which `by` then names. A table has one breakdown at
  // most.
  Status Read(const TomlTable& table, std::string_view field, std::string& name,
              std::string& by) const;
  // Several in an array.
  Status ReadAll(const TomlTable& table, std::string_view field, std::vector<std::string>& names,
                 std::string& by) const;
  // only = { form = "masked", sequence = [8, 32] }; none where there is no such key.
  Status ReadOnly(const TomlTable& table, RowFilter& only, std::string& by);

  // A column that the rows have, or those of a breakdown if `by` is not empty.
  Status CheckResult(const TomlTable& table, std::string_view field, const toml::node& node,
                     const std::string& name, const std::string& by) const;
  // Whether any of the results depends on the network.
  static bool NeedNetworks(const std::vector<std::string>& results);

  // Every key of which more than one value is left must be told apart, by one of `used`. Of a
  // breakdown there are no networks to tell apart.
  Status CheckComplete(const TomlTable& table, std::string_view field, const RowFilter& only,
                       const std::vector<std::string>& used, const std::string& by,
                       const std::vector<std::string>& results) const;

 private:
  bool IsBreakdown(std::string_view name) const;
  bool IsOfNetworks(std::string_view name) const;
  std::vector<std::string> Names() const;
  std::vector<std::string> LabelsOf(std::string_view name) const;
  Status Check(const TomlTable& table, std::string_view field, const toml::node& node,
               const std::string& name, std::string& by) const;
  Status AddLabel(const TomlTable& filter, const std::string& key, const std::string& name,
                  const toml::node& node, RowFilter& only);

  Experiment& experiment_;
};

}  // namespace lutra

#endif  // LUTRA_EXPERIMENTS_LAB_ROW_KEYS_H_
