#include "analysis/graph.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <memory>
#include <regex>
#include <set>

#include "analysis/analyze.h"
#include "core/file.h"
#include "models/bert_program.h"
#include "models/synthetic.h"
#include "tests/analysis/programs.h"
#include "tests/analysis/svg.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

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
  CHECK(Count(graph, "label=\"data owner\"") == 2);
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
  CHECK(Count(*graph, "<B>deal 240 B</B>") == 1);
  CHECK(Count(*graph, "<B>online 12 B</B>") == 1);
  CHECK(Count(*graph, "<BR/>round 4") == 1);

  const auto all = DetailedGraph("all", *drawn.cost, "");
  REQUIRE(all.ok());
  CHECK(Count(*all, "    node") == drawn.built->program.nodes().size());
  CHECK(Count(*all, "outside") == 0);
  CHECK(!DetailedGraph("none", *drawn.cost, "layers.3").ok());
  CHECK(!DetailedGraph("none", *drawn.cost, "layer").ok());
}

TEST_CASE("Every layer's picture is linked, and every link leads to one", "[analysis][graph]") {
  Case given;
  AddLayers(given, 3, LinearForm::kMasked, LookupForm::kReshare);
  {
    Builder::Scope scope(given.builder, "pooler/..");
    Reveal(given.builder, "z", given.Random("v", Role::kDataOwner, Ring(4), Shape{2}, 1));
  }
  Reveal(given.builder, "w", given.Random("u", Role::kDataOwner, Ring(4), Shape{2}, 1));
  const auto built = std::move(given.builder).Build();
  REQUIRE(built.ok());
  const ProgramCost cost(built->program);
  const DirectoryFiles graphs = ProgramGraphs("all", cost, LayerPicturesOf(cost));
  // Layers 0 to 2 are alike; "x", "u" and "w" are layers by name.
  REQUIRE(graphs.contains("program"));
  CHECK(graphs.contains("layer-0"));
  CHECK(!graphs.contains("layer-1"));
  CHECK(graphs.contains("layer-result"));
  CHECK(graphs.contains("layer-pooler-"));
  static const std::regex kLink("(?:URL|HREF)=\"([^\"]*)\"");
  std::set<std::string> reached;
  for (const auto& [name, graph] : graphs) {
    INFO(name);
    std::set<std::string> links;
    for (std::sregex_iterator link(graph.begin(), graph.end(), kLink), end; link != end; ++link) {
      const std::string target = (*link)[1];
      REQUIRE(target.ends_with(".svg"));
      links.insert(target.substr(0, target.size() - 4));
    }
    for (const std::string& link : links) CHECK(graphs.contains(link));
    if (name == "program") reached = links;
    if (name != "program") CHECK(links.contains("program"));
    const auto svg = RenderSvg(graph);
    REQUIRE(svg.ok());
    CHECK(IsWellFormed(*svg));
    for (const std::string& link : links) {
      CHECK(svg->find(StrCat("xlink:href=\"", link, ".svg\"")) != std::string::npos);
    }
  }
  CHECK(reached.size() + 1 == graphs.size());
  CHECK(graphs.at("layer-0").find("and alike to layers.2 (3 in all)") != std::string::npos);
}

TEST_CASE("A deep layer is drawn in columns, with every value on both sides", "[analysis][graph]") {
  Case given;
  Value x = given.Random("x", Role::kDataOwner, Ring(16), Shape{2}, 1);
  for (int step = 0; step < 10; ++step) {
    Builder::Scope scope(given.builder, StrCat("deep.0.step", step));
    for (int i = 0; i < 8; ++i) x = AddConstants(given.builder, x, {i});
  }
  const auto built = std::move(given.builder).Build();
  REQUIRE(built.ok());
  const ProgramCost cost(built->program);
  const auto graph = DetailedGraph("deep", cost, "deep.0");
  REQUIRE(graph.ok());
  const size_t columns = Count(*graph, "subgraph cluster_column");
  CHECK(columns == 3);
  CHECK(Count(*graph, "    node") == 80);
  CHECK(Count(*graph, "label=<to step") == columns - 1);
  CHECK(Count(*graph, "label=<from step") == columns - 1);
  CHECK(RenderSvg(*graph).ok());
}

TEST_CASE("In pictures of a model no text lies on another, nor a label on its edge",
          "[analysis][graph]") {
  const Registry registry = Registry::WithBuiltins();
  for (const LinearForm linear : {LinearForm::kMasked, LinearForm::kReplicated}) {
    BertProgramOptions options;
    options.linear = linear;
    const auto shape =
        ParseSyntheticShape("synthetic:hidden=16,layers=2,heads=2,sequence=5,vocabulary=11");
    REQUIRE(shape.ok());
    const auto program = BuildBertShape(registry, ModelShapeOf(*shape), options);
    REQUIRE(program.ok());
    const ProgramCost cost(*program);
    const DirectoryFiles graphs = ProgramGraphs("a model", cost, LayerPicturesOf(cost));
    REQUIRE(graphs.contains("layer-0"));
    for (const auto& [name, graph] : graphs) {
      INFO(name);
      const auto svg = RenderSvg(graph);
      REQUIRE(svg.ok());
      CHECK(IsWellFormed(*svg));
      const std::vector<SvgText> texts = TextsOf(*svg);
      CHECK(texts.size() > 10);
      CHECK(OverlapIn(texts) == "");
      CHECK(CrossedIn(*svg) == "");
      const bool is_same = *RenderSvg(graph) == *svg;
      CHECK(is_same);
    }
  }
}

TEST_CASE("A layer drawn by itself is linked to what is there", "[analysis][graph]") {
  std::string folder = (fs::temp_directory_path() / "lutra-graph-XXXXXX").string();
  REQUIRE(mkdtemp(folder.data()) != nullptr);
  const std::string out = (fs::path(folder) / "pictures").string();
  const std::string model = "synthetic:hidden=16,layers=3,heads=2,sequence=5,vocabulary=11";
  const auto draw = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"graph", model, "--out", out};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto written = Analyze(arguments);
    INFO(OneLine(written.status()));
    REQUIRE(written.ok());
  };
  const auto links = [&](const char* file) {
    const auto svg = ReadTextFile(fs::path(out) / file, 1 << 20);
    REQUIRE(svg.ok());
    std::set<std::string> found;
    static const std::regex kLink("xlink:href=\"([^\"]*)\"");
    for (std::sregex_iterator link(svg->begin(), svg->end(), kLink), end; link != end; ++link) {
      found.insert((*link)[1]);
    }
    return found;
  };
  draw({});
  const std::set<std::string> all = links("program.svg");
  CHECK(all.contains("layer-0.svg"));
  draw({"--layer", "1"});
  std::set<std::string> with_one = all;
  with_one.insert("layer-1.svg");
  CHECK((links("program.svg") == all || links("program.svg") == with_one));
  CHECK(links("layer-1.svg").contains("program.svg"));
  for (const std::string& link : links("program.svg")) CHECK(fs::exists(fs::path(out) / link));
  const auto error = Analyze(std::vector<std::string>{"graph", model, "--layer", "3"});
  REQUIRE(!error.ok());
  CHECK(OneLine(error.status()).find("--layer") != std::string::npos);
  fs::remove_all(folder);
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
  CHECK(RenderSvg(CollapsedGraph("a\\", cost)).ok());
  CHECK(RenderSvg(*DetailedGraph("", cost, "")).ok());
}

}  // namespace
}  // namespace lutra
