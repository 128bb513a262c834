#include "analysis/compare.h"
#include "analysis/picture_commands.h"
#include "core/command_line.h"

namespace lutra {
namespace {

CommandLine CompareCommandLine() {
  CommandLine command_line(
      "lutra-analyze compare",
      "Compares run directories, side by side and in ratios to the first: what changed most, what\n"
      "is set otherwise, then bytes, rounds, seconds, memory and accuracy, by phase, link, layer\n"
      "and protocol. Runs of different programs are said to be so.");
  command_line.SetPositionals("RUN RUN...", 2, CommandLine::kAnyNumber)
      .AddSwitch("json", "one JSON document, with all figures in full")
      .AddExample("lutra-analyze compare runs/masked runs/replicated");
  return command_line;
}

}  // namespace

StatusOr<std::string> RunCompare(const Registry& registry, std::span<const std::string> arguments) {
  LUTRA_ASSIGN_OR_RETURN(const Arguments parsed, CompareCommandLine().Parse(arguments));
  if (!parsed.information().empty()) return parsed.information();
  LUTRA_ASSIGN_OR_RETURN(const RunComparison comparison,
                         CompareRuns(registry, parsed.positionals()));
  if (!parsed.Has("json")) return ComparisonText(comparison);
  using Json = nlohmann::ordered_json;
  return ComparisonJson(comparison).dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace lutra
