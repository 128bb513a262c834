#include <algorithm>
#include <filesystem>
#include <memory>
#include <utility>

#include "analysis/cost.h"
#include "analysis/graph.h"
#include "analysis/named_program.h"
#include "analysis/picture_commands.h"
#include "analysis/picture_files.h"
#include "analysis/program_flags.h"
#include "analysis/run_directory.h"
#include "core/command_line.h"
#include "models/synthetic.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

CommandLine GraphCommandLine() {
  CommandLine command_line(
      "lutra-analyze graph",
      StrCat(
          "Draws the program of a model, or of a run (RUN is its directory), with Graphviz:\n"
          "program.svg, collapsed by layer, and layer-N.svg, each layer in full; of consecutive\n"
          "layers of equal cost the first. The pictures are linked: a click on a layer opens it.\n"
          "\n",
          kModelsHelp));
  command_line.SetPositionals("MODEL|RUN", 1, 1);
  AddProgramFlags(command_line);
  command_line
      .AddFlag("out", "DIR",
               "where to: a new directory, a run directory, or one with such pictures only; "
               "default: the current directory")
      .AddFlag("layer", "N",
               "of the layers draw this one only, linked to those that are there already")
      .AddSwitch("dot", "write what Graphviz was given (program.dot, layer-N.dot) as well")
      .AddExample("lutra-analyze graph bert-base --out pictures")
      .AddExample("lutra-analyze graph bert-base --out pictures --layer 3");
  return command_line;
}

// What is drawn.
struct Drawn {
  std::string name;
  std::unique_ptr<const Program> program;
};

StatusOr<Drawn> DrawnOf(const Registry& registry, const Arguments& arguments) {
  LUTRA_ASSIGN_OR_RETURN(const BertProgramOptions options, ProgramOptions(arguments, 1));
  const std::string& argument = arguments.positionals()[0];
  std::error_code error;
  if (!IsSyntheticName(argument) && fs::is_directory(argument, error)) {
    LUTRA_RETURN_IF_ERROR(RefuseProgramFlags(arguments, {}, "of a model only, which has not run"));
    LUTRA_ASSIGN_OR_RETURN(RunFiles files, ReadRunDirectory(registry, argument));
    return Drawn{argument, std::move(files.program)};
  }
  LUTRA_ASSIGN_OR_RETURN(NamedProgram model, ProgramOfModel(registry, argument, options));
  return Drawn{std::move(model.name), std::move(model.program)};
}

// Layers with a number: "layers.0", "layers.1", ...
int64_t NumberedLayers(const std::vector<LayerPicture>& pictures) {
  int64_t count = 0;
  for (const LayerPicture& picture : pictures) {
    count += std::count_if(picture.layers.begin(), picture.layers.end(),
                           [](const std::string& layer) { return layer.starts_with("layers."); });
  }
  return count;
}

// By name without its ending, in Graphviz's language.
StatusOr<DirectoryFiles> GraphsOf(const Arguments& arguments, const Drawn& drawn) {
  const ProgramCost cost(*drawn.program);
  std::vector<LayerPicture> pictures = LayerPicturesOf(cost);
  if (!arguments.Has("layer")) return ProgramGraphs(drawn.name, cost, pictures);
  const int64_t layers = NumberedLayers(pictures);
  if (layers == 0) return InvalidArgument("--layer: expected of a program with numbered layers");
  LUTRA_ASSIGN_OR_RETURN(const int64_t layer, arguments.Integer("layer", 0, 0, layers - 1));
  const std::string path = StrCat("layers.", layer), name = StrCat("layer-", layer);
  const fs::path directory = arguments.Text("out", "");
  std::erase_if(pictures, [&](const LayerPicture& picture) {
    std::error_code error;
    return !fs::exists(directory / (picture.name + ".svg"), error);
  });
  LayerLinks links = LinksTo(pictures);
  links[path] = name + ".svg";
  DirectoryFiles graphs;
  graphs["program"] = CollapsedGraph(drawn.name, cost, links);
  LUTRA_ASSIGN_OR_RETURN(graphs[name],
                         DetailedGraph(StrCat(drawn.name, ": ", path), cost, path, links));
  return graphs;
}

}  // namespace

StatusOr<std::string> RunGraph(const Registry& registry, std::span<const std::string> arguments) {
  LUTRA_ASSIGN_OR_RETURN(const Arguments parsed, GraphCommandLine().Parse(arguments));
  if (!parsed.information().empty()) return parsed.information();
  LUTRA_ASSIGN_OR_RETURN(const Drawn drawn, DrawnOf(registry, parsed));
  LUTRA_ASSIGN_OR_RETURN(const DirectoryFiles graphs, GraphsOf(parsed, drawn));
  DirectoryFiles pictures;
  for (const auto& [name, graph] : graphs) {
    LUTRA_ASSIGN_OR_RETURN(pictures[name + ".svg"], RenderSvg(graph));
    if (parsed.Has("dot")) pictures[name + ".dot"] = graph;
  }
  return WritePictures(parsed.Text("out", ""), pictures);
}

}  // namespace lutra
