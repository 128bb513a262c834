#include "experiments/lab/setting.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "analysis/program_flags.h"
#include "core/command_line.h"
#include "core/text.h"
#include "models/protocol_program.h"

namespace lutra {
namespace {

using Json = nlohmann::ordered_json;

enum class Kind { kText, kChoice, kInteger, kBoolean, kBytes, kNumber };

struct SettingRule {
  std::string_view name;
  Kind kind = Kind::kText;
  int64_t low = 0;
  int64_t high = 0;
  std::vector<std::string_view> choices = {};
};

constexpr int64_t kMostThreads = 1024;
constexpr int64_t kMostExamples = 1000000;

// What a value may be by itself. The ranges of shape keys are ParseSyntheticShape's.
std::vector<SettingRule> MakeRules() {
  std::vector<SettingRule> rules = {
      {"bandwidth_mbit", Kind::kNumber, 0, 100000000},
      {"batch", Kind::kInteger, 1, int64_t{1} << 16},
      {"check", Kind::kBoolean},
      {"deployment", Kind::kChoice, 0, 0, {"four-process", "shared-dealer"}},
      {"embedding", Kind::kChoice, 0, 0, {"secure", "client"}},
      {"examples", Kind::kInteger, 1, kMostExamples},
      {"extra", Kind::kInteger, 0, 3},
      {"extra_bits", Kind::kInteger, 0, 4},
      {"heads", Kind::kInteger, 1, 16384},
      {"hidden", Kind::kInteger, 16, 16384},
      {"input", Kind::kText},
      {"layers", Kind::kInteger, 1, 1024},
      {"linear", Kind::kChoice, 0, 0, {"masked", "replicated"}},
      {"lookup", Kind::kChoice, 0, 0, {"reshare", "direct"}},
      {"measure", Kind::kChoice, 0, 0, {"cost", "simulation", "processes"}},
      {"memory_limit", Kind::kBytes},
      {"model", Kind::kText},
      {"protocol", Kind::kText},
      {"residual", Kind::kInteger, 4, 8},
      {"residual_bits", Kind::kInteger, 2, 8},
      {"round_trip_ms", Kind::kNumber, 0, 1000000},
      {"rounding", Kind::kChoice, 0, 0, {"centred", "plain"}},
      {"sequence", Kind::kInteger, 3, 512},
      {"sharing", Kind::kChoice, 0, 0, {"additive", "replicated"}},
      {"simd", Kind::kText},
      {"tables", Kind::kChoice, 0, 0, {"private", "public"}},
      {"tapes", Kind::kChoice, 0, 0, {"stream", "store"}},
      {"threads", Kind::kInteger, 1, kMostThreads},
      {"transport", Kind::kChoice, 0, 0, {"curve", "plain"}},
      {"vocabulary", Kind::kInteger, 4, 1000000},
  };
  // Sizes of protocols, within what any of them takes.
  for (const std::string_view protocol : ProtocolProgramNames()) {
    const auto sizes = ProtocolSizes(protocol);
    LUTRA_CHECK(sizes.ok());
    for (const ProtocolSize& size : *sizes) {
      const auto same = std::find_if(rules.begin(), rules.end(), [&](const SettingRule& rule) {
        return rule.name == size.name;
      });
      if (same == rules.end()) {
        rules.push_back({size.name, Kind::kInteger, size.low, size.high});
      } else {
        same->low = std::min(same->low, size.low);
        same->high = std::max(same->high, size.high);
      }
    }
  }
  std::sort(rules.begin(), rules.end(),
            [](const SettingRule& a, const SettingRule& b) { return a.name < b.name; });
  return rules;
}

const std::vector<SettingRule>& Rules() {
  static const std::vector<SettingRule> rules = MakeRules();
  return rules;
}

const SettingRule* FindRule(std::string_view name) {
  for (const SettingRule& rule : Rules()) {
    if (rule.name == name) return &rule;
  }
  return nullptr;
}

std::string TypeName(const SettingValue& value) {
  static constexpr std::array<std::string_view, 4> kNames = {"a boolean", "an integer", "a number",
                                                             "a string"};
  return std::string(kNames[value.index()]);
}

// What was found: its type where that is wrong, else the value.
SettingProblem Unlike(std::string expected, const SettingValue& value, bool right_type) {
  return {std::move(expected), !right_type ? TypeName(value)
                               : std::holds_alternative<std::string>(value)
                                   ? StrCat("'", SettingText(value), "'")
                                   : SettingText(value)};
}

std::optional<SettingProblem> CheckChoice(const SettingRule& rule, const SettingValue& value) {
  const auto* text = std::get_if<std::string>(&value);
  if (text != nullptr &&
      std::find(rule.choices.begin(), rule.choices.end(), *text) != rule.choices.end()) {
    return std::nullopt;
  }
  std::string expected;
  for (const std::string_view choice : rule.choices) {
    expected += StrCat(expected.empty() ? "" : " or ", "'", choice, "'");
  }
  return Unlike(expected, value, text != nullptr);
}

std::optional<SettingProblem> CheckInteger(const SettingRule& rule, const SettingValue& value) {
  const auto* number = std::get_if<int64_t>(&value);
  if (number != nullptr && *number >= rule.low && *number <= rule.high) return std::nullopt;
  return Unlike(StrCat("an integer, ", rule.low, " to ", rule.high), value, number != nullptr);
}

std::optional<SettingProblem> CheckNumber(const SettingRule& rule, const SettingValue& value) {
  const auto* integer = std::get_if<int64_t>(&value);
  const auto* real = std::get_if<double>(&value);
  const double number = integer != nullptr ? static_cast<double>(*integer)
                        : real != nullptr  ? *real
                                           : std::nan("");
  // A bandwidth of 0 carries nothing.
  const bool above = rule.name == "bandwidth_mbit" ? number > 0 : number >= 0;
  if (above && number <= static_cast<double>(rule.high)) return std::nullopt;
  return Unlike(StrCat("a number, ", rule.low, " to ", rule.high), value, !std::isnan(number));
}

// As a flag has it: "4G".
std::optional<SettingProblem> CheckBytes(const SettingValue& value) {
  const std::string expected = "bytes: '4G', '800M', or an integer of at least 1";
  if (const auto* number = std::get_if<int64_t>(&value)) {
    if (*number >= 1) return std::nullopt;
    return Unlike(expected, value, true);
  }
  const auto* text = std::get_if<std::string>(&value);
  if (text == nullptr) return Unlike(expected, value, false);
  CommandLine line("", "");
  line.AddFlag("bytes", "N", "");
  const std::vector<std::string> arguments = {StrCat("--bytes=", *text)};
  const StatusOr<Arguments> parsed = line.Parse(arguments);
  if (parsed.ok() && parsed->Bytes("bytes", 0).ok()) return std::nullopt;
  return Unlike(expected, value, true);
}

}  // namespace

std::string NumberText(double value) {
  if (!std::isfinite(value)) return value > 0 ? "Inf" : value < 0 ? "-Inf" : "NaN";
  return Shortest(value);
}

std::string SettingText(const SettingValue& value) {
  if (const auto* boolean = std::get_if<bool>(&value)) return *boolean ? "true" : "false";
  if (const auto* integer = std::get_if<int64_t>(&value)) return StrCat(*integer);
  if (const auto* number = std::get_if<double>(&value)) return NumberText(*number);
  return std::get<std::string>(value);
}

Json SettingJson(const SettingValue& value) {
  return std::visit([](const auto& each) { return Json(each); }, value);
}

Json SettingsJson(const Settings& settings) {
  Json json = Json::object();
  for (const auto& [name, value] : settings) json[name] = SettingJson(value);
  return json;
}

StatusOr<SettingValue> SettingOfJson(const Json& json, std::string_view where) {
  if (json.is_boolean()) return SettingValue(json.get<bool>());
  if (json.is_number_integer()) return SettingValue(json.get<int64_t>());
  if (json.is_number_float()) return SettingValue(json.get<double>());
  if (json.is_string()) return SettingValue(json.get<std::string>());
  return InvalidArgument(where, ": expected a boolean, a number or a string, found ",
                         json.type_name());
}

std::optional<SettingProblem> CheckSetting(std::string_view name, const SettingValue& value) {
  const SettingRule* rule = FindRule(name);
  if (rule == nullptr) {
    const std::vector<std::string_view> names = SettingNames();
    return SettingProblem{StrCat("a setting: one of ", CommaSeparated(names)),
                          StrCat("'", name, "'", DidYouMean(name, names))};
  }
  switch (rule->kind) {
    case Kind::kChoice:
      return CheckChoice(*rule, value);
    case Kind::kInteger:
      return CheckInteger(*rule, value);
    case Kind::kNumber:
      return CheckNumber(*rule, value);
    case Kind::kBytes:
      return CheckBytes(value);
    case Kind::kBoolean:
      if (std::holds_alternative<bool>(value)) return std::nullopt;
      return Unlike("true or false", value, false);
    case Kind::kText:
      if (const auto* text = std::get_if<std::string>(&value)) {
        if (!text->empty()) return std::nullopt;
        return Unlike("a string that is not empty", value, true);
      }
      return Unlike("a string", value, false);
  }
  return std::nullopt;
}

bool IsSetting(std::string_view name) { return FindRule(name) != nullptr; }

bool IsReplaySetting(std::string_view name) {
  return name == "round_trip_ms" || name == "bandwidth_mbit";
}

std::vector<std::string_view> SettingNames() {
  std::vector<std::string_view> names;
  for (const SettingRule& rule : Rules()) names.push_back(rule.name);
  return names;
}

std::string TextOf(const Settings& settings, std::string_view name, std::string_view otherwise) {
  const auto found = settings.find(name);
  return found == settings.end() ? std::string(otherwise) : SettingText(found->second);
}

bool Runs(const Settings& settings) { return TextOf(settings, "measure", "cost") != "cost"; }

int64_t IntegerOf(const Settings& settings, std::string_view name, int64_t otherwise) {
  const auto found = settings.find(name);
  if (found == settings.end()) return otherwise;
  const auto* number = std::get_if<int64_t>(&found->second);
  LUTRA_CHECK(number != nullptr);
  return *number;
}

bool BooleanOf(const Settings& settings, std::string_view name, bool otherwise) {
  const auto found = settings.find(name);
  if (found == settings.end()) return otherwise;
  const auto* boolean = std::get_if<bool>(&found->second);
  LUTRA_CHECK(boolean != nullptr);
  return *boolean;
}

}  // namespace lutra
