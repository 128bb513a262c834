// Settings: what an experiment fixes or sweeps. They are named as the programs' flags and shape
// keys, with '_' for '-'.
#ifndef LUTRA_EXPERIMENTS_LAB_SETTING_H_
#define LUTRA_EXPERIMENTS_LAB_SETTING_H_

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/status.h"

namespace lutra {

using SettingValue = std::variant<bool, int64_t, double, std::string>;
using Settings = std::map<std::string, SettingValue, std::less<>>;

// "true", "128", "0.2", "masked": the same in every locale.
std::string SettingText(const SettingValue& value);
nlohmann::ordered_json SettingJson(const SettingValue& value);
// An object of all, by name.
nlohmann::ordered_json SettingsJson(const Settings& settings);
// An error names the field of `where` that is not a setting's value.
StatusOr<SettingValue> SettingOfJson(const nlohmann::ordered_json& json, std::string_view where);

// How a number is written wherever one can read it back: shortest, the same in every locale.
std::string NumberText(double value);

// What does not fit a setting.
struct SettingProblem {
  std::string expected;
  std::string found;
};
// Whether there is such a setting, and whether the value is one that it takes by itself; what
// settings make together is seen when the program is built.
std::optional<SettingProblem> CheckSetting(std::string_view name, const SettingValue& value);
bool IsSetting(std::string_view name);
// Whether it changes the network that a trace is replayed under, and nothing that runs.
bool IsReplaySetting(std::string_view name);
// All names, sorted.
std::vector<std::string_view> SettingNames();

// The settings of one point, with their defaults.
std::string TextOf(const Settings& settings, std::string_view name, std::string_view otherwise);
int64_t IntegerOf(const Settings& settings, std::string_view name, int64_t otherwise);
bool BooleanOf(const Settings& settings, std::string_view name, bool otherwise);
// Whether the point runs, or the closed form says all.
bool Runs(const Settings& settings);

}  // namespace lutra

#endif  // LUTRA_EXPERIMENTS_LAB_SETTING_H_
