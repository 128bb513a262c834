#include "analysis/analyze.h"

#include <utility>

#include "analysis/calibrate_command.h"
#include "analysis/cost.h"
#include "analysis/cost_report.h"
#include "analysis/cost_table.h"
#include "analysis/named_program.h"
#include "analysis/picture_commands.h"
#include "analysis/program_flags.h"
#include "analysis/replay_command.h"
#include "analysis/report_command.h"
#include "core/command_line.h"
#include "models/bert_program.h"
#include "models/synthetic.h"

namespace lutra {
namespace {

CommandLine Overview() {
  CommandLine command_line(
      "lutra-analyze",
      "Analyses programs and runs.\n\nCommands:\n"
      "  cost MODEL[,MODEL...]     what a model costs, without running it\n"
      "  graph MODEL|RUN           pictures of its program\n"
      "  trace PROTOCOL|MODEL|RUN  who sends what to whom: a protocol's figure\n"
      "  compare RUN RUN...        run directories side by side\n"
      "  report RUN                a run as a page, text, LaTeX, figures\n"
      "  replay RUN                how long a run would take on other networks\n"
      "  calibrate RUN...          what a machine takes for messages by itself\n"
      "\n"
      "lutra-analyze COMMAND --help says more.");
  command_line.SetPositionals("COMMAND", 1, 1)
      .AddExample("lutra-analyze cost bert-base,bert-large:sequence=512")
      .AddExample("lutra-analyze graph models/pretrained/sms-spam-tiny.safetensors");
  return command_line;
}

CommandLine CostCommandLine() {
  CommandLine command_line(
      "lutra-analyze cost",
      StrCat("Prints what models cost, from the closed forms of their programs: totals, then by\n"
             "phase, link, layer, step and protocol. Nothing runs, and no weights are needed.\n\n",
             kModelsHelp));
  command_line.SetPositionals("MODEL[,MODEL...]", 1, CommandLine::kAnyNumber);
  AddProgramFlags(command_line);
  command_line.AddSwitch("json", "one JSON document, with all bits and bytes in full")
      .AddExample("lutra-analyze cost bert-base --lookup direct")
      .AddExample("lutra-analyze cost bert-tiny,bert-tiny:sequence=512,heads=4 --json");
  return command_line;
}

// ------------------------------------------------------------------------------------------- cost

std::string Comparison(const std::vector<NamedProgram>& models) {
  TextTable table({"MODEL", "nodes", "lookups", "model", "deal", "prepare", "online", "rounds"});
  for (const NamedProgram& model : models) {
    const ProgramCost cost(*model.program);
    std::vector<std::string> row = {model.name, StrCat(model.program->nodes().size()),
                                    Grouped(cost.lookups())};
    for (const PhaseCost& phase : cost.phases()) row.push_back(HumanBytes(phase.bytes));
    row.push_back(StrCat(model.program->rounds(Phase::kOnline)));
    table.AddRow(std::move(row));
  }
  return table.ToString() + "\n";
}

std::string Report(const std::vector<NamedProgram>& models) {
  std::string text = models.size() > 1 ? Comparison(models) : "";
  for (size_t i = 0; i < models.size(); ++i) {
    if (i > 0) text += "\n";
    text += CostReport(models[i].name, ProgramCost(*models[i].program));
  }
  return text;
}

std::string ReportJson(const std::vector<NamedProgram>& models, const BertProgramOptions& options) {
  using Json = nlohmann::ordered_json;
  Json json;
  json["format"] = "lutra-cost/1";
  json["batch"] = options.batch;
  json["linear"] = options.linear == LinearForm::kMasked ? "masked" : "replicated";
  json["lookup"] = options.lookup == LookupForm::kReshare ? "reshare" : "direct";
  json["embedding"] = options.embedding == EmbeddingForm::kSecure ? "secure" : "client";
  json["deployment"] = Name(options.deployment);
  json["models"] = Json::array();
  for (const NamedProgram& model : models) {
    json["models"].push_back(CostJson(model.name, ProgramCost(*model.program)));
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

StatusOr<std::string> RunCost(const Registry& registry, std::span<const std::string> arguments) {
  LUTRA_ASSIGN_OR_RETURN(const Arguments parsed, CostCommandLine().Parse(arguments));
  if (!parsed.information().empty()) return parsed.information();
  LUTRA_ASSIGN_OR_RETURN(const BertProgramOptions options, ProgramOptions(parsed, 1));
  std::vector<NamedProgram> models;
  for (const std::string& list : parsed.positionals()) {
    for (const std::string& name : SplitModels(list)) {
      LUTRA_ASSIGN_OR_RETURN(NamedProgram model, ProgramOfModel(registry, name, options));
      models.push_back(std::move(model));
    }
  }
  return parsed.Has("json") ? ReportJson(models, options) : Report(models);
}

// --------------------------------------------------------------------------------------- commands

struct Command {
  std::string_view name;
  StatusOr<std::string> (*run)(const Registry& registry, std::span<const std::string> arguments);
};
constexpr Command kCommands[] = {
    {"cost", RunCost},
    {"graph", RunGraph},
    {"trace", RunTrace},
    {"compare", RunCompare},
    {"replay", RunReplayCommand},
    {"report", RunReportCommand},
    {"calibrate", RunCalibrateCommand},
};

}  // namespace

std::vector<std::string> SplitModels(std::string_view text) {
  std::vector<std::string> models;
  bool in_shape = false;
  while (true) {
    const size_t comma = text.find(',');
    const std::string_view piece = text.substr(0, comma);
    const bool is_setting = piece.find('=') != piece.npos && piece.find(':') == piece.npos;
    if (in_shape && is_setting) {
      models.back() += StrCat(",", piece);
    } else {
      models.emplace_back(piece);
      in_shape = IsSyntheticName(piece) && piece.find(':') != piece.npos;
    }
    if (comma == text.npos) return models;
    text.remove_prefix(comma + 1);
  }
}

StatusOr<std::string> Analyze(const Registry& registry, std::span<const std::string> arguments) {
  if (arguments.empty() || (arguments[0].starts_with('-') && arguments[0] != "-")) {
    LUTRA_ASSIGN_OR_RETURN(const Arguments parsed, Overview().Parse(arguments));
    if (!parsed.information().empty()) return parsed.information();
    arguments = arguments.subspan(1);  // "--", the only thing before a command
  }
  const std::string& name = arguments[0];
  std::vector<std::string_view> names;
  for (const Command& command : kCommands) {
    if (command.name == name) return command.run(registry, arguments.subspan(1));
    names.push_back(command.name);
  }
  return InvalidArgument("expected one of the commands ", CommaSeparated(names), ", found '",
                         name.substr(0, 60), "'", DidYouMean(name, names));
}

StatusOr<std::string> Analyze(std::span<const std::string> arguments) {
  return Analyze(Registry::WithBuiltins(), arguments);
}

}  // namespace lutra
