#include <algorithm>
#include <array>
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
#include "analysis/typeset.h"
#include "core/command_line.h"
#include "models/protocol_program.h"
#include "models/synthetic.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

// "elements=1024 (1-67108864)".
std::string SizeHelp(const ProtocolSize& size) {
  return StrCat(size.name, "=", size.value, " (", size.low, "-", size.high, ")");
}

std::string ProtocolsHelp() {
  std::string text = "Protocols, their sizes (as they are by default, least and most) and forms:\n";
  for (const std::string_view name : ProtocolProgramNames()) {
    const auto meaning = ProtocolProgramMeaning(name);
    const auto sizes = ProtocolSizes(name);
    const auto forms = ProtocolForms(name);
    if (!meaning.ok() || !sizes.ok() || !forms.ok()) continue;
    text += StrCat("  ", name, ": ", *meaning, "\n");
    std::vector<std::string> taken;
    for (const ProtocolSize& size : *sizes) taken.push_back(SizeHelp(size));
    for (const std::string_view form : *forms) taken.push_back(StrCat("--", form));
    for (const std::string& line : Wrap(taken, 90, taken.size())) {
      text += StrCat("      ", line, "\n");
    }
  }
  return text;
}

CommandLine TraceCommandLine() {
  CommandLine command_line(
      "lutra-analyze trace",
      StrCat(
          "Draws a protocol trace with Graphviz, trace-NAME.svg and .pdf (NAME says the form too\n"
          "where it is not the default): roles as columns,\n"
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
      .AddFlag("rounds", "A-B", "of these rounds online only; A alone is that one")
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
  for (bool is_last = false; !is_last;) {
    const size_t comma = text.find(',');
    const std::string_view piece = text.substr(0, comma);
    const size_t equals = piece.find('=');
    int64_t value = 0;
    const bool has_name = equals != piece.npos && equals > 0;
    if (!has_name || !absl::SimpleAtoi(ToAbsl(piece.substr(equals + 1)), &value)) {
      return InvalidArgument("expected size=number, found '", piece, "'");
    }
    if (!sizes.emplace(piece.substr(0, equals), value).second) {
      return InvalidArgument("size '", piece.substr(0, equals), "': expected once, found twice");
    }
    is_last = comma == text.npos;
    if (!is_last) text.remove_prefix(comma + 1);
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

// The flags that choose the form of a program, with what was said of each; "" by default.
std::vector<std::string> GivenForms(const Arguments& arguments) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kDefaults = {
      {{"linear", "masked"},
       {"lookup", "reshare"},
       {"embedding", "secure"},
       {"deployment", "four-process"},
       {"tables", "private"},
       {"rounding", "centred"},
       {"sharing", "additive"}}};
  std::vector<std::string> forms;
  if (arguments.Has("batch")) forms.push_back(StrCat("batch ", arguments.Text("batch", "")));
  for (const auto& [flag, otherwise] : kDefaults) {
    const std::string value = arguments.Text(flag, otherwise);
    if (value != otherwise) forms.push_back(StrCat(flag, " ", value));
  }
  return forms;
}

// "lookup-direct-replicated": a name with its forms, so that no form's picture takes another's
// place.
std::string NameWith(std::string name, const std::vector<std::string>& forms) {
  for (const std::string& form : forms) {
    const size_t space = form.find(' ');
    name += StrCat("-", form.starts_with("batch ") ? "batch-" : "", form.substr(space + 1));
  }
  return name;
}

// What a protocol has no use for is refused: the picture would be of another form than was asked
// for.
Status CheckForms(const std::string& protocol, const Arguments& arguments) {
  for (const char* flag : {"path", "batch", "embedding"}) {
    if (arguments.Has(flag)) return InvalidArgument("--", flag, ": expected of a model only");
  }
  LUTRA_ASSIGN_OR_RETURN(const auto forms, ProtocolForms(protocol));
  std::vector<std::string_view> taken(forms.begin(), forms.end());
  taken.push_back("deployment");
  const std::string why =
      StrCat("no such flag, which makes no difference to the protocol ", protocol);
  LUTRA_RETURN_IF_ERROR(RefuseProgramFlags(arguments, taken, why));
  const bool has_sharing = std::find(forms.begin(), forms.end(), "sharing") != forms.end();
  if (!has_sharing && arguments.Has("sharing")) {
    return InvalidArgument("--sharing: expected ", why);
  }
  if (has_sharing && arguments.Has("lookup") && arguments.Text("sharing", "") != "replicated") {
    return InvalidArgument(
        "--lookup: expected with --sharing replicated only: it says how such a result is made");
  }
  return absl::OkStatus();
}

StatusOr<Traced> TracedProtocol(const Registry& registry, const std::string& argument,
                                const Arguments& arguments, const BertProgramOptions& options) {
  const size_t colon = argument.find(':');
  const std::string name = argument.substr(0, colon);
  LUTRA_RETURN_IF_ERROR(CheckForms(name, arguments));
  ProtocolParameters parameters;
  if (colon != argument.npos) {
    auto sizes = SizesOf(std::string_view(argument).substr(colon + 1));
    if (!sizes.ok()) return Annotate(sizes.status(), name);
    parameters.sizes = *std::move(sizes);
  }
  parameters.linear = options.linear;
  parameters.lookup = options.lookup;
  parameters.rounding = options.rounding;
  parameters.deployment = options.deployment;
  LUTRA_ASSIGN_OR_RETURN(const std::string sharing,
                         arguments.Choice("sharing", "additive", {"additive", "replicated"}));
  if (sharing == "replicated") parameters.sharing = Sharing::kReplicated;
  LUTRA_ASSIGN_OR_RETURN(BuiltProgram built, BuildProtocolProgram(registry, name, parameters,
                                                                  /*table_contents=*/false));
  const std::string sizes = SizesText(name, parameters);
  const std::vector<Node>& nodes = built.program.nodes();
  const bool is_empty = std::none_of(nodes.begin(), nodes.end(), [](const Node& node) {
    return HasPathPrefix(node.spec.path, kProtocolScope);
  });
  if (is_empty) {
    return InvalidArgument(name, ": expected sizes with which something is done, found ", sizes);
  }
  const std::vector<std::string> forms = GivenForms(arguments);
  const std::string note = forms.empty() ? sizes : StrCat(CommaSeparated(forms), ", ", sizes);
  Traced traced{
      NameWith(name, forms),       name, std::make_unique<Program>(std::move(built.program)),
      std::string(kProtocolScope), true, note};
  return traced;
}

// "sms-spam-tiny-direct-layers.0" of "models/sms-spam-tiny.safetensors", "layers.0" and a form.
std::string FileName(const std::string& model, const std::string& path,
                     const std::vector<std::string>& forms) {
  std::string name = fs::path(model).filename().string();
  name = name.substr(0, name.find(':'));
  if (name.ends_with(".safetensors")) name.resize(name.size() - std::size(".safetensors") + 1);
  name = NameWith(std::move(name), forms);
  return path.empty() ? name : StrCat(name, "-", path);
}

StatusOr<Traced> TracedModel(const Registry& registry, const std::string& model,
                             const Arguments& arguments, const BertProgramOptions& options) {
  if (arguments.Has("sharing")) return InvalidArgument("--sharing: expected of a protocol only");
  LUTRA_ASSIGN_OR_RETURN(NamedProgram named, ProgramOfModel(registry, model, options));
  const std::string path = arguments.Text("path", "");
  const std::vector<std::string> forms = GivenForms(arguments);
  Traced traced{FileName(model, path, forms),
                path.empty() ? model : StrCat(model, ": ", path),
                std::move(named.program),
                path,
                false,
                CommaSeparated(forms)};
  return traced;
}

// The flags that choose the form of a program have no meaning for one that has run.
StatusOr<Traced> TracedRun(const Registry& registry, const std::string& run,
                           const Arguments& arguments) {
  const std::string_view why = "no such flag with a run";
  LUTRA_RETURN_IF_ERROR(RefuseProgramFlags(arguments, {}, why));
  if (arguments.Has("sharing")) return InvalidArgument("--sharing: expected ", why);
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
  if (!IsSyntheticName(argument) && fs::is_directory(argument, error)) {
    return TracedRun(registry, argument, arguments);
  }
  const bool is_model = IsSyntheticName(argument) || argument.ends_with(".safetensors") ||
                        fs::exists(argument, error);
  if (is_model) return TracedModel(registry, argument, arguments, options);
  return InvalidArgument("expected a model, a run directory or one of the protocols ",
                         CommaSeparated(protocols), ", found '", name, "'",
                         DidYouMean(name, protocols));
}

// The first and last level online of what is drawn; none where it has no work online.
std::optional<std::pair<int, int>> LevelsOf(const Program& program, std::string_view prefix) {
  std::optional<std::pair<int, int>> levels;
  for (const Node& node : program.nodes()) {
    if (node.phase != Phase::kOnline || !HasPathPrefix(node.spec.path, prefix)) continue;
    if (!levels.has_value()) levels.emplace(node.level, node.level);
    levels->first = std::min(levels->first, node.level);
    levels->second = std::max(levels->second, node.level);
  }
  return levels;
}

// The levels of "A-B", or of "A", counted as the picture counts rounds.
StatusOr<TraceSelection> SelectionOf(const Arguments& arguments, const Traced& traced,
                                     std::pair<int, int> levels, int first_round) {
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
  const int least = levels.first + first_round, most = levels.second + first_round;
  if (first < least || last > most) {
    return InvalidArgument("--rounds: expected ", least, " to ", most, ", found ", text);
  }
  selection.first_level = first - first_round;
  selection.last_level = last - first_round;
  return selection;
}

// How to draw a part of what is too much for one picture.
std::string Advice(const ProgramCost& cost) {
  const std::vector<GroupCost> layers = cost.ByLayer();
  const auto largest =
      std::max_element(layers.begin(), layers.end(),
                       [](const GroupCost& a, const GroupCost& b) { return a.nodes < b.nodes; });
  return StrCat(": take a part, with --path (",
                largest == layers.end() ? "" : std::string_view(largest->name), ") or --rounds (1-",
                kMostTraceRounds, ")");
}

}  // namespace

StatusOr<std::string> RunTrace(const Registry& registry, std::span<const std::string> arguments) {
  LUTRA_ASSIGN_OR_RETURN(const Arguments parsed, TraceCommandLine().Parse(arguments));
  if (!parsed.information().empty()) return parsed.information();
  LUTRA_ASSIGN_OR_RETURN(const Traced traced, TracedOf(registry, parsed));
  TracePictureOptions options;
  const auto levels = LevelsOf(*traced.program, traced.prefix).value_or(std::pair(0, 0));
  if (traced.numbered_alone) options.first_round = 1 - levels.first;
  options.note = traced.note;
  options.seconds = traced.seconds;
  if (parsed.Has("names")) options.detail = TracePictureOptions::Detail::kNames;
  LUTRA_ASSIGN_OR_RETURN(const TraceSelection selection,
                         SelectionOf(parsed, traced, levels, options.first_round));
  const ProgramCost cost(*traced.program);
  StatusOr<ProtocolTrace> trace = TraceOfProgram(cost, selection);
  if (!trace.ok()) {
    const bool is_too_much = absl::IsOutOfRange(trace.status());
    return Annotate(
        is_too_much ? InvalidArgument(OneLine(trace.status()), Advice(cost)) : trace.status(),
        traced.title);
  }
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
