#include <utility>

#include "analysis/cost.h"
#include "analysis/graph.h"
#include "analysis/named_program.h"
#include "analysis/picture_commands.h"
#include "analysis/picture_files.h"
#include "analysis/program_flags.h"
#include "core/command_line.h"

namespace lutra {
namespace {

CommandLine GraphCommandLine() {
  CommandLine command_line(
      "lutra-analyze graph",
      StrCat("Draws the program of a model with Graphviz: program.svg, collapsed by layer, and\n"
             "layer-N.svg, each layer in full; of consecutive layers of equal cost the first. The\n"
             "pictures are linked: a click on a layer opens it.\n\n",
             kModelsHelp));
  command_line.SetPositionals("MODEL", 1, 1);
  AddProgramFlags(command_line);
  command_line
      .AddFlag("out", "DIR",
               "where to: a new directory, a run directory, or one with such pictures only; "
               "default: the current directory")
      .AddFlag("layer", "N", "of the layers draw this one only")
      .AddSwitch("dot", "write what Graphviz was given (program.dot, layer-N.dot) as well")
      .AddExample("lutra-analyze graph bert-base --out pictures")
      .AddExample("lutra-analyze graph bert-base --out pictures --layer 3");
  return command_line;
}

// By name without its ending, in Graphviz's language.
StatusOr<DirectoryFiles> GraphsOf(const Arguments& arguments, const NamedProgram& model) {
  const ProgramCost cost(*model.program);
  if (!arguments.Has("layer")) return ProgramGraphs(model.name, cost);
  LUTRA_ASSIGN_OR_RETURN(const int64_t layer,
                         arguments.Integer("layer", 0, 0, model.shape.layers - 1));
  const std::string path = StrCat("layers.", layer);
  DirectoryFiles graphs;
  graphs["program"] = CollapsedGraph(model.name, cost);
  LUTRA_ASSIGN_OR_RETURN(graphs[StrCat("layer-", layer)],
                         DetailedGraph(StrCat(model.name, ": ", path), cost, path));
  return graphs;
}

}  // namespace

StatusOr<std::string> RunGraph(const Registry& registry, std::span<const std::string> arguments) {
  LUTRA_ASSIGN_OR_RETURN(const Arguments parsed, GraphCommandLine().Parse(arguments));
  if (!parsed.information().empty()) return parsed.information();
  LUTRA_ASSIGN_OR_RETURN(const BertProgramOptions options, ProgramOptions(parsed, 1));
  LUTRA_ASSIGN_OR_RETURN(const NamedProgram model,
                         ProgramOfModel(registry, parsed.positionals()[0], options));
  LUTRA_ASSIGN_OR_RETURN(const DirectoryFiles graphs, GraphsOf(parsed, model));
  DirectoryFiles pictures;
  for (const auto& [name, graph] : graphs) {
    LUTRA_ASSIGN_OR_RETURN(pictures[name + ".svg"], RenderSvg(graph));
    if (parsed.Has("dot")) pictures[name + ".dot"] = graph;
  }
  return WritePictures(parsed.Text("out", ""), pictures);
}

}  // namespace lutra
