#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "analysis/cost.h"
#include "analysis/graph.h"
#include "analysis/named_program.h"
#include "analysis/picture_commands.h"
#include "analysis/picture_files.h"
#include "analysis/program_flags.h"
#include "analysis/protocol_trace.h"
#include "analysis/run_directory.h"
#include "core/command_line.h"
#include "models/protocol_program.h"
#include "models/synthetic.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

std::string ProtocolsHelp() {
  std::string text = "Protocols and their sizes, with what they are by default:\n";
  for (const std::string_view name : ProtocolProgramNames()) {
    std::string sizes;
    const auto taken = ProtocolSizes(name);
    for (const ProtocolSize& size : taken.ok() ? *taken : std::span<const ProtocolSize>()) {
      sizes += StrCat(sizes.empty() ? ":" : ",", size.name, "=", size.value);
    }
    text += StrCat("  ", name, sizes, "\n");
  }
  return text;
}

CommandLine TraceCommandLine() {
  CommandLine command_line(
      "lutra-analyze trace",
      StrCat("Draws a protocol trace with Graphviz, trace-NAME.svg and .pdf: roles as columns,\n"
             "rounds as rows, messages as arrows with their sizes, offline above online. Of a\n"
             "protocol, of a part of a model, or of a run (RUN is its directory), with the time\n"
             "that each role worked in a session. Nothing runs.\n\n",
             ProtocolsHelp(), "\n", kModelsHelp));
  command_line.SetPositionals("PROTOCOL[:size=value,...]|MODEL|RUN", 1, 1);
  AddProgramFlags(command_line);
  command_line
      .AddFlag("sharing", "additive|replicated",
               "of a protocol: how the result of lookup is shared; default additive")
      .AddFlag("path", "PATH",
               "of a model or run: the part, layers.0.attention.softmax; default: all")
      .AddFlag("rounds", "A-B", "of these rounds online only")
      .AddSwitch("names", "names of operations, no formulas; default where there are many")
      .AddFlag("out", "DIR",
               "where to: a new directory, a run directory, or one with such pictures only; "
               "default: the current directory")
      .AddSwitch("dot", "write what Graphviz was given (trace-NAME.dot) as well")
      .AddExample("lutra-analyze trace lookup:index_bits=4,elements=1")
      .AddExample("lutra-analyze trace softmax:rows=1,width=8 --lookup direct --out figures")
      .AddExample("lutra-analyze trace bert-base --path layers.0.attention.softmax");
  return command_line;
}

// What is drawn.
struct Traced {
  std::string name;   // of the file
  std::string title;  // of the picture
  std::unique_ptr<const Program> program;
  std::string prefix;
  bool numbered_alone = false;                  // its rounds, from 1
  std::string note;                             // its sizes
  std::map<Ledger::Work, double> seconds = {};  // of a run
};

// The sizes of "name:size=value,...".
StatusOr<std::map<std::string, int64_t, std::less<>>> SizesOf(std::string_view text) {
  std::map<std::string, int64_t, std::less<>> sizes;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const std::string_view piece = text.substr(0, comma);
    const size_t equals = piece.find('=');
    int64_t value = 0;
    if (equals == piece.npos || !absl::SimpleAtoi(ToAbsl(piece.substr(equals + 1)), &value)) {
      return InvalidArgument("expected size=number, found '", piece, "'");
    }
    if (!sizes.emplace(piece.substr(0, equals), value).second) {
      return InvalidArgument("size '", piece.substr(0, equals), "': expected once, found twice");
    }
    text.remove_prefix(comma == text.npos ? text.size() : comma + 1);
  }
  return sizes;
}

// "rows 4, width 8", with what was not given.
std::string SizesText(const std::string& protocol, const ProtocolParameters& parameters) {
  const auto sizes = ProtocolSizes(protocol);
  std::vector<std::string> texts;
  for (const ProtocolSize& size : sizes.ok() ? *sizes : std::span<const ProtocolSize>()) {
    const auto given = parameters.sizes.find(size.name);
    const int64_t value = given == parameters.sizes.end() ? size.value : given->second;
    texts.push_back(StrCat(size.name, " ", value));
  }
  return CommaSeparated(texts);
}

StatusOr<Traced> TracedProtocol(const Registry& registry, const std::string& argument,
                                const Arguments& arguments, const BertProgramOptions& options) {
  for (const char* flag : {"path", "batch", "embedding"}) {
    if (arguments.Has(flag)) return InvalidArgument("--", flag, ": expected of a model only");
  }
  const size_t colon = argument.find(':');
  const std::string name = argument.substr(0, colon);
  ProtocolParameters parameters;
  if (colon != argument.npos) {
    auto sizes = SizesOf(std::string_view(argument).substr(colon + 1));
    if (!sizes.ok()) return Annotate(sizes.status(), name);
    parameters.sizes = *std::move(sizes);
  }
  parameters.linear = options.linear;
  parameters.lookup = options.lookup;
  parameters.deployment = options.deployment;
  parameters.private_tables = options.private_tables;
  LUTRA_ASSIGN_OR_RETURN(const std::string sharing,
                         arguments.Choice("sharing", "additive", {"additive", "replicated"}));
  if (sharing == "replicated") parameters.sharing = Sharing::kReplicated;
  LUTRA_ASSIGN_OR_RETURN(BuiltProgram built, BuildProtocolProgram(registry, name, parameters,
                                                                  /*table_contents=*/false));
  Traced traced{name,
                name,
                std::make_unique<Program>(std::move(built.program)),
                std::string(kProtocolScope),
                true,
                SizesText(name, parameters)};
  return traced;
}

// "sms-spam-tiny-layers.0" of "models/sms-spam-tiny.safetensors" and "layers.0".
std::string FileName(const std::string& model, const std::string& path) {
  std::string name = fs::path(model).filename().string();
  name = name.substr(0, name.find(':'));
  if (name.ends_with(".safetensors")) name.resize(name.size() - std::size(".safetensors") + 1);
  return path.empty() ? name : StrCat(name, "-", path);
}

StatusOr<Traced> TracedModel(const Registry& registry, const std::string& model,
                             const Arguments& arguments, const BertProgramOptions& options) {
  if (arguments.Has("sharing")) return InvalidArgument("--sharing: expected of a protocol only");
  LUTRA_ASSIGN_OR_RETURN(NamedProgram named, ProgramOfModel(registry, model, options));
  const std::string path = arguments.Text("path", "");
  Traced traced{FileName(model, path),
                path.empty() ? model : StrCat(model, ": ", path),
                std::move(named.program),
                path,
                false,
                ""};
  return traced;
}

// The flags that choose the form of a program have no meaning for one that has run.
StatusOr<Traced> TracedRun(const Registry& registry, const std::string& run,
                           const Arguments& arguments) {
  for (const char* flag :
       {"batch", "linear", "lookup", "embedding", "deployment", "tables", "sharing"}) {
    if (arguments.Has(flag))
      return InvalidArgument("--", flag, ": expected no such flag with a run");
  }
  LUTRA_ASSIGN_OR_RETURN(RunFiles files, ReadRunDirectory(registry, run));
  const std::string path = arguments.Text("path", "");
  const fs::path folder = fs::path(run).lexically_normal();
  const std::string last =
      (folder.filename().empty() ? folder.parent_path() : folder).filename().string();
  const std::string name = last.find_first_not_of('.') == last.npos ? "run" : last;
  Traced traced{path.empty() ? name : StrCat(name, "-", path),
                path.empty() ? run : StrCat(run, ": ", path),
                std::move(files.program),
                path,
                false,
                "times of one session on average",
                SecondsPerSession(files.trace)};
  return traced;
}

// A protocol, a model, a run, or an error that names the protocols.
StatusOr<Traced> TracedOf(const Registry& registry, const Arguments& arguments) {
  LUTRA_ASSIGN_OR_RETURN(const BertProgramOptions options, ProgramOptions(arguments, 1));
  const std::string& argument = arguments.positionals()[0];
  const std::string name = argument.substr(0, argument.find(':'));
  const std::vector<std::string_view> protocols = ProtocolProgramNames();
  if (std::find(protocols.begin(), protocols.end(), name) != protocols.end()) {
    return TracedProtocol(registry, argument, arguments, options);
  }
  std::error_code error;
  if (fs::is_directory(argument, error)) return TracedRun(registry, argument, arguments);
  const bool is_model = IsSyntheticName(argument) || argument.ends_with(".safetensors") ||
                        fs::exists(argument, error);
  if (is_model) return TracedModel(registry, argument, arguments, options);
  return InvalidArgument("expected a model, a run directory or one of the protocols ",
                         CommaSeparated(protocols), ", found '", name, "'",
                         DidYouMean(name, protocols));
}

// The levels of "A-B", of which one may be left out, or of "A".
StatusOr<TraceSelection> SelectionOf(const Arguments& arguments, const Traced& traced,
                                     int first_round) {
  TraceSelection selection;
  selection.prefix = traced.prefix;
  if (!arguments.Has("rounds")) return selection;
  const std::string text = arguments.Text("rounds", "");
  const size_t dash = text.find('-');
  int first = 0, last = 0;
  const std::string begin = text.substr(0, dash);
  const std::string end = dash == text.npos ? begin : text.substr(dash + 1);
  const bool is_range = absl::SimpleAtoi(begin, &first) && absl::SimpleAtoi(end, &last);
  if (!is_range || first < 1 || last < first) {
    return InvalidArgument("--rounds: expected A-B with 1 <= A <= B, found '", text, "'");
  }
  selection.first_level = first - first_round;
  selection.last_level = last - first_round;
  return selection;
}

// The first level online of what is drawn.
int FirstLevel(const Program& program, std::string_view prefix) {
  std::optional<int> first;
  for (const Node& node : program.nodes()) {
    if (node.phase != Phase::kOnline || !HasPathPrefix(node.spec.path, prefix)) continue;
    first = std::min(first.value_or(node.level), node.level);
  }
  return first.value_or(0);
}

}  // namespace

StatusOr<std::string> RunTrace(const Registry& registry, std::span<const std::string> arguments) {
  LUTRA_ASSIGN_OR_RETURN(const Arguments parsed, TraceCommandLine().Parse(arguments));
  if (!parsed.information().empty()) return parsed.information();
  LUTRA_ASSIGN_OR_RETURN(const Traced traced, TracedOf(registry, parsed));
  TracePictureOptions options;
  if (traced.numbered_alone) options.first_round = 1 - FirstLevel(*traced.program, traced.prefix);
  options.note = traced.note;
  options.seconds = traced.seconds;
  if (parsed.Has("names")) options.detail = TracePictureOptions::Detail::kNames;
  LUTRA_ASSIGN_OR_RETURN(const TraceSelection selection,
                         SelectionOf(parsed, traced, options.first_round));
  const ProgramCost cost(*traced.program);
  StatusOr<ProtocolTrace> trace = TraceOfProgram(cost, selection);
  if (!trace.ok()) return Annotate(trace.status(), traced.title);
  const std::string graph = TraceGraph(traced.title, cost, *trace, options);
  std::string name = StrCat("trace-", traced.name);
  for (char& character : name) {
    const bool is_plain = absl::ascii_isalnum(static_cast<unsigned char>(character)) ||
                          character == '.' || character == '_' || character == '-';
    if (!is_plain) character = '-';
  }
  DirectoryFiles pictures;
  LUTRA_ASSIGN_OR_RETURN(pictures[name + ".svg"], RenderSvg(graph, Layout::kFixed));
  LUTRA_ASSIGN_OR_RETURN(pictures[name + ".pdf"], RenderPdf(graph, Layout::kFixed));
  if (parsed.Has("dot")) pictures[name + ".dot"] = graph;
  return WritePictures(parsed.Text("out", ""), pictures);
}

}  // namespace lutra
