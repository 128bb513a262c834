#include "analysis/analyze.h"

#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include "analysis/cost.h"
#include "analysis/cost_report.h"
#include "analysis/cost_table.h"
#include "analysis/graph.h"
#include "analysis/program_flags.h"
#include "analysis/replay_command.h"
#include "analysis/run_directory.h"
#include "core/command_line.h"
#include "core/file.h"
#include "core/output_directory.h"
#include "models/bert_program.h"
#include "models/synthetic.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kModels =
    "A model is a .safetensors file, or a synthetic shape: bert-tiny, bert-base, bert-large or\n"
    "synthetic, with :key=value,... for hidden, layers, heads, sequence, vocabulary, residual,\n"
    "extra, seed.";

CommandLine Overview() {
  CommandLine command_line("lutra-analyze",
                           "Analyses programs and runs.\n\nCommands:\n"
                           "  cost MODEL[,MODEL...]  what a model costs, without running it\n"
                           "  graph MODEL            pictures of its program\n"
                           "  replay RUN             how long a run would take on other networks\n"
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
             kModels));
  command_line.SetPositionals("MODEL[,MODEL...]", 1, CommandLine::kAnyNumber);
  AddProgramFlags(command_line);
  command_line.AddSwitch("json", "one JSON document, with all bits and bytes in full")
      .AddExample("lutra-analyze cost bert-base --lookup direct")
      .AddExample("lutra-analyze cost bert-tiny,bert-tiny:sequence=512,heads=4 --json");
  return command_line;
}

CommandLine GraphCommandLine() {
  CommandLine command_line(
      "lutra-analyze graph",
      StrCat("Draws the program of a model with Graphviz: program.svg, collapsed by layer, and\n"
             "layer-N.svg, one layer in full.\n\n",
             kModels));
  command_line.SetPositionals("MODEL", 1, 1);
  AddProgramFlags(command_line);
  command_line
      .AddFlag("out", "DIR",
               "where to: a new directory, a run directory, or one with such pictures only; "
               "default: the current directory")
      .AddFlag("layer", "N", "the layer that is drawn in full; default 0")
      .AddSwitch("dot", "write program.dot and layer-N.dot, what Graphviz was given, as well")
      .AddExample("lutra-analyze graph bert-base --out pictures --layer 3");
  return command_line;
}

// A program with what it needs, named by the user.
struct NamedProgram {
  std::string name;
  IntegerModelShape shape;
  std::unique_ptr<Program> program;
};

StatusOr<IntegerModelShape> ShapeOfModel(const std::string& name) {
  if (IsSyntheticName(name)) {
    LUTRA_ASSIGN_OR_RETURN(const SyntheticShape shape, ParseSyntheticShape(name));
    return ModelShapeOf(shape);
  }
  LUTRA_ASSIGN_OR_RETURN(const IntegerModel model, LoadIntegerModel(name));
  return model.shape();
}

StatusOr<NamedProgram> ProgramOfModel(const Registry& registry, const std::string& name,
                                      const BertProgramOptions& options) {
  NamedProgram named;
  named.name = name;
  LUTRA_ASSIGN_OR_RETURN(named.shape, ShapeOfModel(name));
  StatusOr<Program> program = BuildBertShape(registry, named.shape, options);
  if (!program.ok()) return Annotate(program.status(), name);
  named.program = std::make_unique<Program>(*std::move(program));
  return named;
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

StatusOr<std::string> RunCost(std::span<const std::string> arguments) {
  LUTRA_ASSIGN_OR_RETURN(const Arguments parsed, CostCommandLine().Parse(arguments));
  if (!parsed.information().empty()) return parsed.information();
  LUTRA_ASSIGN_OR_RETURN(const BertProgramOptions options, ProgramOptions(parsed, 1));
  const Registry registry = Registry::WithBuiltins();
  std::vector<NamedProgram> models;
  for (const std::string& list : parsed.positionals()) {
    for (const std::string& name : SplitModels(list)) {
      LUTRA_ASSIGN_OR_RETURN(NamedProgram model, ProgramOfModel(registry, name, options));
      models.push_back(std::move(model));
    }
  }
  return parsed.Has("json") ? ReportJson(models, options) : Report(models);
}

// ------------------------------------------------------------------------------------------ graph

// Whether a name is that of a picture that this command writes.
bool IsPicture(const std::string& name) {
  const bool is_ours = name.starts_with("program.") || name.starts_with("layer-");
  return is_ours && (name.ends_with(".svg") || name.ends_with(".dot"));
}

// Makes the directory if it is new; else it must be a run's, or hold pictures only.
Status PrepareDirectory(const fs::path& directory) {
  std::error_code error;
  if (fs::create_directories(directory, error)) return absl::OkStatus();
  if (!error && fs::is_directory(directory, error)) {
    if (ReadRunJson(directory).ok()) return absl::OkStatus();
    bool only_pictures = true;
    for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
         entry.increment(error)) {
      only_pictures = only_pictures && IsPicture(entry->path().filename().string());
    }
    if (!error && only_pictures) return absl::OkStatus();
    if (!error) {
      return InvalidArgument("--out: '", directory.string(),
                             "' exists and is neither a run directory nor one of pictures only");
    }
  }
  return InvalidArgument("--out: cannot create '", directory.string(),
                         "': ", error ? error.message() : "it is not a directory");
}

StatusOr<std::string> RunGraph(std::span<const std::string> arguments) {
  LUTRA_ASSIGN_OR_RETURN(const Arguments parsed, GraphCommandLine().Parse(arguments));
  if (!parsed.information().empty()) return parsed.information();
  LUTRA_ASSIGN_OR_RETURN(const BertProgramOptions options, ProgramOptions(parsed, 1));
  const Registry registry = Registry::WithBuiltins();
  LUTRA_ASSIGN_OR_RETURN(const NamedProgram model,
                         ProgramOfModel(registry, parsed.positionals()[0], options));
  LUTRA_ASSIGN_OR_RETURN(const int64_t layer,
                         parsed.Integer("layer", 0, 0, model.shape.layers - 1));
  const ProgramCost cost(*model.program);
  const std::string path = StrCat("layers.", layer);
  DirectoryFiles files;
  files["program.dot"] = CollapsedGraph(model.name, cost);
  LUTRA_ASSIGN_OR_RETURN(files[StrCat("layer-", layer, ".dot")],
                         DetailedGraph(StrCat(model.name, ": ", path), cost, path));
  DirectoryFiles pictures;
  for (const auto& [name, graph] : files) {
    LUTRA_ASSIGN_OR_RETURN(pictures[fs::path(name).replace_extension(".svg").string()],
                           RenderSvg(graph));
  }
  if (parsed.Has("dot")) pictures.merge(files);

  const fs::path directory = parsed.Text("out", ".");
  if (parsed.Has("out")) LUTRA_RETURN_IF_ERROR(PrepareDirectory(directory));
  std::string written;
  for (const auto& [name, content] : pictures) {
    const fs::path file = parsed.Has("out") ? directory / name : fs::path(name);
    LUTRA_RETURN_IF_ERROR(WriteFile(file, content));
    written += StrCat(file.string(), "\n");
  }
  return written;
}

// --------------------------------------------------------------------------------------- commands

struct Command {
  std::string_view name;
  StatusOr<std::string> (*run)(std::span<const std::string> arguments);
};
constexpr Command kCommands[] = {
    {"cost", RunCost},
    {"graph", RunGraph},
    {"replay", RunReplayCommand},
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

StatusOr<std::string> Analyze(std::span<const std::string> arguments) {
  if (arguments.empty() || (arguments[0].starts_with('-') && arguments[0] != "-")) {
    LUTRA_ASSIGN_OR_RETURN(const Arguments parsed, Overview().Parse(arguments));
    if (!parsed.information().empty()) return parsed.information();
    arguments = arguments.subspan(1);  // "--", the only thing before a command
  }
  const std::string& name = arguments[0];
  std::vector<std::string_view> names;
  for (const Command& command : kCommands) {
    if (command.name == name) return command.run(arguments.subspan(1));
    names.push_back(command.name);
  }
  return InvalidArgument("expected one of the commands ", CommaSeparated(names), ", found '",
                         name.substr(0, 60), "'", DidYouMean(name, names));
}

}  // namespace lutra
