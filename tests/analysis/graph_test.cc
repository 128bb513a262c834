#include "analysis/graph.h"

#include <catch2/catch.hpp>
#include <memory>

#include "tests/analysis/programs.h"

namespace lutra {
namespace {

struct Drawn {
  explicit Drawn(int layers) {
    AddLayers(given, layers, LinearForm::kMasked, LookupForm::kReshare);
    auto built_or = std::move(given.builder).Build();
    REQUIRE(built_or.ok());
    built = std::make_unique<BuiltProgram>(*std::move(built_or));
    cost = std::make_unique<ProgramCost>(built->program);
  }

  Case given;  // its registry outlives the program
  std::unique_ptr<BuiltProgram> built;
  std::unique_ptr<ProgramCost> cost;
};

size_t Count(std::string_view text, std::string_view what) {
  size_t count = 0;
  for (size_t at = text.find(what); at != text.npos; at = text.find(what, at + what.size())) {
    ++count;
  }
  return count;
}

TEST_CASE("Layers of equal cost share a box", "[analysis][graph]") {
  const Drawn drawn(4);
  const std::string graph = CollapsedGraph("four <layers>", *drawn.cost);
  CHECK(Count(graph, "layers.0 to layers.3: 4 alike, each") == 1);
  CHECK(graph.find("four &lt;layers&gt;") != std::string::npos);
  // The masked product sends 15 elements of 16 bits; the table's 8 rows cost 15 * 8 * 16 bits.
  // Each twice: of the step and of all.
  CHECK(Count(graph, ">30 B<") == 2);
  CHECK(Count(graph, ">240 B<") == 2);
  CHECK(Count(graph, "label=\"data-owner\"") == 2);
  CHECK(Count(graph, "replicated Z_2^16 [3, 5]") >= 2);
}

TEST_CASE("One layer in full has its nodes, their edges and what is around it",
          "[analysis][graph]") {
  const Drawn drawn(3);
  const auto graph = DetailedGraph("layer", *drawn.cost, "layers.1");
  REQUIRE(graph.ok());
  size_t nodes = 0, edges = 0;
  for (const Node& node : drawn.built->program.nodes()) {
    if (LayerOfPath(node.spec.path) != "layers.1") continue;
    ++nodes;
    edges += node.spec.inputs.size();
    CHECK(Count(*graph, StrCat("    node", node.id, " [")) == 1);
  }
  CHECK(nodes == 5);
  CHECK(Count(*graph, "    node") == nodes);
  CHECK(Count(*graph, " -> ") == edges + 1);
  CHECK(Count(*graph, "label=<from layers.0>") == 1);
  CHECK(Count(*graph, "label=<to layers.2>") == 1);
  CHECK(Count(*graph, "subgraph cluster") == 2);
  CHECK(Count(*graph, "square: 3 to 16 bits") == 1);
  CHECK(Count(*graph, "additive Z_2^3 [3, 5]") == 1);
  CHECK(Count(*graph, "<BR/>deal 240 B<BR/>online 12 B, round 4") == 1);

  const auto all = DetailedGraph("all", *drawn.cost, "");
  REQUIRE(all.ok());
  CHECK(Count(*all, "    node") == drawn.built->program.nodes().size());
  CHECK(Count(*all, "outside") == 0);
  CHECK(!DetailedGraph("none", *drawn.cost, "layers.3").ok());
  CHECK(!DetailedGraph("none", *drawn.cost, "layer").ok());
}

TEST_CASE("Graphs become pictures, again and again", "[analysis][graph]") {
  const Drawn drawn(2);
  const std::string graph = CollapsedGraph("two & more", *drawn.cost);
  const auto svg = RenderSvg(graph);
  REQUIRE(svg.ok());
  CHECK(svg->find("<svg") != std::string::npos);
  CHECK(svg->find("layers.0 to layers.1: 2 alike, each") != std::string::npos);
  CHECK(svg->find("two &amp; more") != std::string::npos);
  CHECK(*RenderSvg(graph) == *svg);
  CHECK(!RenderSvg("digraph {").ok());
  const auto detailed = DetailedGraph("layer", *drawn.cost, "layers.0");
  REQUIRE(detailed.ok());
  const auto picture = RenderSvg(*detailed);
  REQUIRE(picture.ok());
  CHECK(picture->find(">matrix_product<") != std::string::npos);
}

TEST_CASE("A program without paths can be drawn", "[analysis][graph]") {
  Case given;
  Reveal(given.builder, "y", given.Random("x", Role::kDataOwner, Ring(4), Shape{2}, 1));
  const auto built = std::move(given.builder).Build();
  REQUIRE(built.ok());
  const ProgramCost cost(built->program);
  CHECK(RenderSvg(CollapsedGraph("", cost)).ok());
  CHECK(RenderSvg(*DetailedGraph("", cost, "")).ok());
}

}  // namespace
}  // namespace lutra
