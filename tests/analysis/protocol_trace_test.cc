#include "analysis/protocol_trace.h"

#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <map>
#include <memory>
#include <regex>
#include <set>
#include <tuple>

#include "analysis/analyze.h"
#include "analysis/graph.h"
#include "analysis/typeset.h"
#include "core/file.h"
#include "core/packing.h"
#include "models/bert_program.h"
#include "models/protocol_program.h"
#include "models/synthetic.h"
#include "tests/analysis/programs.h"
#include "tests/analysis/svg.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

// A protocol by itself with what prices it.
struct Alone {
  explicit Alone(std::string_view protocol, const ProtocolParameters& parameters = {})
      : registry(Registry::WithBuiltins()) {
    auto built = BuildProtocolProgram(registry, protocol, parameters, /*table_contents=*/false);
    INFO(protocol << ": " << OneLine(built.status()));
    REQUIRE(built.ok());
    program = std::make_unique<Program>(std::move(built->program));
    cost = std::make_unique<ProgramCost>(*program);
  }

  Registry registry;
  std::unique_ptr<Program> program;
  std::unique_ptr<ProgramCost> cost;
};

ProtocolTrace TraceOf(const ProgramCost& cost, const TraceSelection& selection) {
  auto trace = TraceOfProgram(cost, selection);
  INFO(OneLine(trace.status()));
  REQUIRE(trace.ok());
  return *std::move(trace);
}

ProtocolTrace TraceOf(const ProgramCost& cost, std::string_view prefix) {
  return TraceOf(cost, TraceSelection{std::string(prefix), std::nullopt, std::nullopt});
}

std::vector<ProtocolParameters> AllForms() {
  std::vector<ProtocolParameters> forms(4);
  forms[1].linear = LinearForm::kReplicated;
  forms[2].lookup = LookupForm::kDirect;
  forms[2].sharing = Sharing::kReplicated;
  forms[3].sharing = Sharing::kReplicated;
  return forms;
}

// Phase, round from 1 (0 where there are none), sender, receiver; bits, bytes.
using Key = std::tuple<std::string, int, std::string, std::string>;
using Sizes = std::map<Key, std::pair<int64_t, int64_t>>;

// What the closed form says of the nodes under a prefix.
Sizes Expected(const ProgramCost& cost, std::string_view prefix) {
  Sizes sizes;
  for (const auto& [part, bits] : cost.bits()) {
    const Node& node = cost.program().nodes()[part.node];
    if (!HasPathPrefix(node.spec.path, prefix)) continue;
    const int round = part.phase == Phase::kOnline ? part.level + 1 : 0;
    auto& [sum, bytes] = sizes[{std::string(Name(part.phase)), round, std::string(Name(part.from)),
                                std::string(Name(part.to))}];
    sum += bits;
    bytes += BitsToBytes(bits);
  }
  return sizes;
}

// What the arrows of a picture say, each of which must be there once.
Sizes Drawn(const std::string& graph) {
  static const std::regex kTooltip(
      "tooltip=\"(model|deal|prepare|online)(, round ([0-9]+))?: ([a-z0-9-]+) to ([a-z0-9-]+), "
      "([0-9]+) bits, ([0-9]+) bytes");
  Sizes sizes;
  for (std::sregex_iterator match(graph.begin(), graph.end(), kTooltip), end; match != end;
       ++match) {
    const int round = (*match)[3].matched ? std::stoi((*match)[3]) : 0;
    const auto [entry, is_new] =
        sizes.emplace(Key{(*match)[1], round, (*match)[4], (*match)[5]},
                      std::pair(std::stoll((*match)[6]), std::stoll((*match)[7])));
    INFO((*match)[0]);
    CHECK(is_new);
  }
  return sizes;
}

size_t Count(std::string_view text, std::string_view what) {
  size_t count = 0;
  for (size_t at = text.find(what); at != text.npos; at = text.find(what, at + what.size())) {
    ++count;
  }
  return count;
}

TEST_CASE("Every message of the closed form is an arrow, once, with its size",
          "[analysis][protocol_trace]") {
  for (const std::string_view protocol : ProtocolProgramNames()) {
    for (const ProtocolParameters& form : AllForms()) {
      const Alone alone(protocol, form);
      INFO(protocol);
      const std::string graph =
          TraceGraph(protocol, *alone.cost, TraceOf(*alone.cost, kProtocolScope));
      const Sizes expected = Expected(*alone.cost, kProtocolScope);
      CHECK(Drawn(graph) == expected);
      CHECK(Count(graph, " -> ") == expected.size());
    }
  }
  for (const LinearForm linear : {LinearForm::kMasked, LinearForm::kReplicated}) {
    Case given;
    AddLayers(given, 3, linear, LookupForm::kReshare);
    const auto built = std::move(given.builder).Build();
    REQUIRE(built.ok());
    const ProgramCost cost(built->program);
    for (const char* prefix : {"", "layers.1", "layers.2.product", "result"}) {
      INFO(prefix);
      CHECK(Drawn(TraceGraph("", cost, TraceOf(cost, prefix))) == Expected(cost, prefix));
    }
  }
}

TEST_CASE("A whole model's layer is drawn with names of operations", "[analysis][protocol_trace]") {
  const Registry registry = Registry::WithBuiltins();
  const auto program = BuildBertShape(
      registry,
      ModelShapeOf(
          *ParseSyntheticShape("synthetic:hidden=16,layers=2,heads=2,sequence=5,vocabulary=11")),
      {});
  REQUIRE(program.ok());
  const ProgramCost cost(*program);
  const std::string graph = TraceGraph("layer", cost, TraceOf(cost, "layers.1"));
  CHECK(Drawn(graph) == Expected(cost, "layers.1"));
  const auto svg = RenderSvg(graph, Layout::kFixed);
  REQUIRE(svg.ok());
  CHECK(OverlapIn(TextsOf(*svg)) == "");
  CHECK(Count(graph, "attention.query") > 0);
  CHECK(Count(graph, "reshare \u00d7") > 0);
  CHECK(Count(graph, "\u03b4") == 0);
}

TEST_CASE("Figures have a message for each link of the closed form", "[analysis][protocol_trace]") {
  size_t figures = 0;
  for (const std::string_view protocol : ProtocolProgramNames()) {
    for (const ProtocolParameters& form : AllForms()) {
      for (const int64_t elements : {1, 2, 7}) {
        ProtocolParameters parameters = form;
        const auto sizes = ProtocolSizes(protocol);
        REQUIRE(sizes.ok());
        for (const ProtocolSize& size : *sizes) {
          if (size.name == "elements" || size.name == "rows") {
            parameters.sizes.emplace(size.name, elements);
          }
          if (size.name == "columns") parameters.sizes.emplace(size.name, 1);
        }
        const Alone alone(protocol, parameters);
        for (const Node& node : alone.program->nodes()) {
          const std::vector<FigureLine> figure = node.protocol->Figure(node);
          if (figure.empty()) continue;
          ++figures;
          std::multiset<std::tuple<Phase, Role, Role>> shown, sent;
          for (const FigureLine& line : figure) {
            CHECK(!line.text.empty());
            if (line.to.has_value()) shown.insert({line.phase, line.role, *line.to});
          }
          for (const LinkCost& link : node.protocol->ClosedForm(node).links) {
            sent.insert({link.phase, link.from, link.to});
          }
          INFO(node.ToString() << " of " << protocol << ", elements " << elements);
          CHECK(shown == sent);
        }
      }
    }
  }
  CHECK(figures > 100);
}

// What a role's lines say before one of them: "S1" of "S1[r] = ..", and what it was sent.
class Definitions {
 public:
  void Add(Role role, std::string_view text, bool is_message) {
    static const std::regex kDefined("([A-Za-z]+'*[0-9]?)(\\[[^\\]]*\\])? = ");
    static const std::regex kName("[A-Za-z]+'*[0-9]?");
    const std::string line(text);
    const std::regex& names = is_message ? kName : kDefined;
    for (std::sregex_iterator match(line.begin(), line.end(), names), end; match != end; ++match) {
      defined_[role].insert(is_message ? (*match)[0] : (*match)[1]);
    }
  }

  // The names of shares, masks and products in a line that the role has from nowhere.
  std::string MissingIn(Role role, const std::string& line) {
    static const std::regex kOfProtocol("\\b(S'*|Delta'*|delta'*|alpha|z)[0-9]?(?![A-Za-z])");
    std::string missing;
    for (std::sregex_iterator match(line.begin(), line.end(), kOfProtocol), end; match != end;
         ++match) {
      if (!defined_[role].contains((*match)[0])) missing += StrCat(" ", (*match)[0].str());
    }
    return missing;
  }

 private:
  std::map<Role, std::set<std::string>> defined_;
};

// Every name of the figure of a node, in the order of what happens, that nobody defined.
std::string UndefinedIn(const Node& node) {
  const std::vector<FigureLine> figure = node.protocol->Figure(node);
  Definitions definitions;
  std::string undefined;
  for (const Phase phase : kPhases) {
    for (const int step : {0, 1, 2}) {  // before messages, messages, after them
      for (const FigureLine& line : figure) {
        const int its_step = line.to.has_value() ? 1 : line.after ? 2 : 0;
        if (line.phase != phase || its_step != step) continue;
        if (!line.to.has_value()) definitions.Add(line.role, line.text, false);
        undefined += definitions.MissingIn(line.role, line.text);
        if (line.to.has_value()) definitions.Add(*line.to, line.text, true);
      }
    }
  }
  return undefined;
}

std::string TextOf(const std::vector<FigureLine>& figure) {
  std::string text;
  for (const FigureLine& line : figure) text += line.text + "\n";
  return text;
}

// The first node of a protocol by itself that is not an owner's value, nor made from one.
const Node& FirstOf(const Alone& alone) {
  for (const Node& node : alone.program->nodes()) {
    if (HasPathPrefix(node.spec.path, kProtocolScope)) return node;
  }
  FAIL("no node");
  return alone.program->nodes()[0];
}

TEST_CASE("Every name in a figure is defined before it is used", "[analysis][protocol_trace]") {
  size_t figures = 0;
  for (const std::string_view protocol : ProtocolProgramNames()) {
    for (const ProtocolParameters& form : AllForms()) {
      const Alone alone(protocol, form);
      for (const Node& node : alone.program->nodes()) {
        const bool is_given = node.spec.protocol == "top_bits" || node.spec.protocol == "reveal" ||
                              node.spec.protocol == "reshare";  // z is what comes in
        const std::vector<FigureLine> figure = node.protocol->Figure(node);
        if (figure.empty() || is_given) continue;
        ++figures;
        INFO(node.ToString() << " of " << protocol << ":\n" << TextOf(figure));
        CHECK(UndefinedIn(node) == "");
      }
    }
  }
  CHECK(figures > 50);
}

TEST_CASE("A figure has the node's operands, inputs and tables", "[analysis][protocol_trace]") {
  for (const LinearForm linear : {LinearForm::kMasked, LinearForm::kReplicated}) {
    ProtocolParameters parameters;
    parameters.linear = linear;
    const auto text = [&](std::string_view protocol) {
      const Alone alone(protocol, parameters);
      return TextOf(FirstOf(alone).protocol->Figure(FirstOf(alone)));
    };
    CHECK(text("sum_of_squares").find('y') == std::string::npos);
    CHECK(text("element_product").find("y0") != std::string::npos);
  }
  for (const int inputs : {1, 2}) {
    for (const int outputs : {1, 3}) {
      ProtocolParameters parameters;
      parameters.sizes = {{"inputs", inputs}, {"outputs", outputs}, {"index_bits", 3}};
      const Alone alone("lookup", parameters);
      const std::string text = TextOf(FirstOf(alone).protocol->Figure(FirstOf(alone)));
      INFO(text);
      CHECK((text.find("j1 - Delta'1") != std::string::npos) == (inputs == 2));
      const char* const rows = inputs == 1 ? "(r + Delta)" : "(r + Delta, s + Delta')";
      CHECK(Count(text, rows) == static_cast<size_t>(outputs));
      CHECK((text.find("S''[") != std::string::npos) == (outputs == 3));
      CHECK((text.find("y''1 = S''1[delta") != std::string::npos) == (outputs == 3));
    }
  }
}

TEST_CASE("Columns are the roles that take part", "[analysis][protocol_trace]") {
  using Roles = std::vector<Role>;
  const auto roles = [](std::string_view protocol, const ProtocolParameters& form = {}) {
    const Alone alone(protocol, form);
    return TraceOf(*alone.cost, kProtocolScope).roles;
  };
  CHECK(roles("lookup") == Roles{Role::kDealer, Role::kP1, Role::kP2});
  CHECK(roles("lookup", AllForms()[2]) == Roles{Role::kDealer, Role::kP0, Role::kP1, Role::kP2});
  CHECK(roles("top_bits") == Roles{Role::kP1, Role::kP2});
  CHECK(roles("reveal") == Roles{Role::kP1, Role::kP2, Role::kDataOwner});
  CHECK(roles("input") == Roles{Role::kP0, Role::kP1, Role::kP2, Role::kDataOwner});
  CHECK(roles("reshare") == Roles{Role::kP0, Role::kP1, Role::kP2});

  // Everybody.
  Case given;
  AddLayers(given, 1, LinearForm::kMasked, LookupForm::kReshare);
  const auto built = std::move(given.builder).Build();
  REQUIRE(built.ok());
  const ProgramCost cost(built->program);
  CHECK(TraceOf(cost, "").roles ==
        Roles{Role::kModelOwner, Role::kDealer, Role::kP0, Role::kP1, Role::kP2, Role::kDataOwner});
  const std::string svg = *RenderSvg(TraceGraph("all", cost, TraceOf(cost, "")), Layout::kFixed);
  for (const char* head : {"model owner", "dealer", "P0", "P1", "P2", "data owner"}) {
    INFO(head);
    CHECK(Count(svg, StrCat(">", head, "<")) == 3);  // above, below and within what is tall
  }
}

TEST_CASE("Offline is above online, and rounds follow each other", "[analysis][protocol_trace]") {
  const Alone alone("softmax", AllForms()[3]);
  const std::string svg = *RenderSvg(
      TraceGraph("softmax", *alone.cost, TraceOf(*alone.cost, kProtocolScope)), Layout::kFixed);
  static const std::regex kArrow(
      "xlink:title=\"(deal|prepare|online)(, round ([0-9]+))?:[^>]*>\\s*"
      "<path [^>]*d=\"M([-0-9.]+),([-0-9.]+)");
  double lowest_offline = -HUGE_VAL;
  double highest_online = HUGE_VAL;
  std::map<int, double> rounds;  // the lowest arrow
  for (std::sregex_iterator match(svg.begin(), svg.end(), kArrow), end; match != end; ++match) {
    const double y = std::stod((*match)[5]);
    if ((*match)[1] == "online") {
      const int round = std::stoi((*match)[3]);
      highest_online = std::min(highest_online, y);
      rounds[round] = std::max(rounds.emplace(round, y).first->second, y);
      for (const auto& [other, lowest] : rounds) {
        if (other < round) CHECK(lowest < y);
      }
    } else {
      lowest_offline = std::max(lowest_offline, y);
    }
  }
  CHECK(rounds.size() == 4);
  CHECK(lowest_offline > -HUGE_VAL);
  CHECK(lowest_offline < highest_online);
}

TEST_CASE("Pictures are XML in which no text lies on another", "[analysis][protocol_trace]") {
  for (const std::string_view protocol : ProtocolProgramNames()) {
    for (const ProtocolParameters& form : AllForms()) {
      const Alone alone(protocol, form);
      INFO(protocol);
      const auto svg = RenderSvg(
          TraceGraph(protocol, *alone.cost, TraceOf(*alone.cost, kProtocolScope)), Layout::kFixed);
      REQUIRE(svg.ok());
      CHECK(IsWellFormed(*svg));
      const std::vector<SvgText> texts = TextsOf(*svg);
      CHECK(texts.size() > 3);
      CHECK(OverlapIn(texts) == "");
    }
  }
  const auto pdf = RenderPdf("digraph { a [pos=\"1,2\"] }", Layout::kFixed);
  REQUIRE(pdf.ok());
  CHECK(pdf->starts_with("%PDF-"));
}

TEST_CASE("The tests of pictures see what is wrong", "[analysis][protocol_trace]") {
  CHECK(IsWellFormed("<?xml version=\"1.0\"?><a b=\"c\"><d/><!-- < --><e>f &amp; g</e></a>"));
  CHECK(!IsWellFormed(""));
  CHECK(!IsWellFormed("<a><b></a></b>"));
  CHECK(!IsWellFormed("<a>"));
  CHECK(!IsWellFormed("<a>b & c</a>"));
  CHECK(!IsWellFormed("<a b=c></a>"));
  const auto overlap = [](double x, double y) {
    return OverlapIn({{"above", 0, 0, 10, false}, {"below", x, y, 10, false}});
  };
  CHECK(overlap(0, 3) == "above, below");
  CHECK(overlap(0, 12) == "");
  CHECK(overlap(60, 0) == "");
  const auto crossed = [](double x) {
    return CrossedIn(StrCat("<g class=\"edge\"><path d=\"M", x, ",0C", x, ",5 ", x, ",9 ", x,
                            ",20\"/><text text-anchor=\"start\" x=\"0\" y=\"12\" "
                            "font-size=\"10\">beside</text></g>"));
  };
  CHECK(crossed(12) == "beside");
  CHECK(crossed(-2) == "");
}

TEST_CASE("Formulas have their letters", "[analysis][protocol_trace]") {
  const Alone alone("lookup");
  const ProtocolTrace trace = TraceOf(*alone.cost, kProtocolScope);
  CHECK(RenderSvg(TraceGraph("a\\", *alone.cost, trace), Layout::kFixed).ok());
  const std::string graph = TraceGraph("a < b", *alone.cost, trace);
  CHECK(Count(graph, "a &lt; b") == 2);  // the title, and the tooltip of the whole
  CHECK(Count(graph, "\u0394 = \u0394\u2081 + \u0394\u2082 in Z/2\u2074") == 1);
  CHECK(Count(graph, "\u03b4\u2081 = i\u2081 \u2212 \u0394\u2081") == 1);
  TracePictureOptions options;
  options.detail = TracePictureOptions::Detail::kNames;
  CHECK(Count(TraceGraph("", *alone.cost, trace, options), "\u0394") == 0);
  CHECK(Typeset("\u00f6 = \u0394\u00b2") == "\u00f6 = \u0394\u00b2");  // of a protocol of one's own
}

TEST_CASE("Rounds can be chosen", "[analysis][protocol_trace]") {
  Case given;
  AddLayers(given, 3, LinearForm::kMasked, LookupForm::kReshare);
  const auto built = std::move(given.builder).Build();
  REQUIRE(built.ok());
  const ProgramCost cost(built->program);
  TraceSelection selection;
  selection.first_level = 1;
  selection.last_level = 2;
  Sizes expected;
  for (const auto& [key, size] : Expected(cost, "")) {
    if (std::get<1>(key) == 2 || std::get<1>(key) == 3) expected[key] = size;
  }
  Sizes drawn = Drawn(TraceGraph("", cost, TraceOf(cost, selection)));
  std::erase_if(drawn, [](const auto& entry) { return std::get<1>(entry.first) == 0; });
  CHECK(drawn == expected);
  selection.first_level = 100;
  selection.last_level = 200;
  CHECK(OneLine(TraceOfProgram(cost, selection).status()).find("in these rounds") !=
        std::string::npos);
}

TEST_CASE("Traces of nothing, or of too much, are errors", "[analysis][protocol_trace]") {
  Case given;
  AddLayers(given, 40, LinearForm::kMasked, LookupForm::kReshare);
  const auto built = std::move(given.builder).Build();
  REQUIRE(built.ok());
  const ProgramCost cost(built->program);
  CHECK(OneLine(TraceOfProgram(cost, {"layer", {}, {}}).status()) ==
        "expected a path that nodes have, found 'layer'");
  CHECK(OneLine(TraceOfProgram(cost, {"", {}, {}}).status())
            .find("at most 64 rounds in one picture, found") != std::string::npos);
}

TEST_CASE("trace draws protocols, models and runs", "[analysis][analyze]") {
  std::string folder = (fs::temp_directory_path() / "lutra-trace-XXXXXX").string();
  REQUIRE(mkdtemp(folder.data()) != nullptr);
  const std::string out = (fs::path(folder) / "pictures").string();
  const auto run = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "trace");
    return Analyze(arguments);
  };
  const auto error = [&](const std::vector<std::string>& arguments) {
    const auto text = run(arguments);
    REQUIRE(!text.ok());
    return OneLine(text.status());
  };
  const std::string model = "synthetic:hidden=16,layers=2,heads=2,sequence=5,vocabulary=11";
  REQUIRE(run({"max:rows=1,width=4,bits=3", "--out", out, "--dot"}).ok());
  REQUIRE(run({model, "--path", "layers.0.attention.softmax", "--out", out}).ok());
  for (const char* name : {"trace-max.svg", "trace-max.pdf", "trace-max.dot",
                           "trace-synthetic-layers.0.attention.softmax.svg"}) {
    INFO(name);
    CHECK(fs::file_size(fs::path(out) / name) > 500);
  }
  CHECK(error({"sofmax"}).find("(did you mean 'softmax'?)") != std::string::npos);
  CHECK(error({"sofmax"}).find("reshare, reveal, softmax") != std::string::npos);
  CHECK(error({"max:colour=3"}).find("colour") != std::string::npos);
  CHECK(error({"max:rows=x"}).find("expected size=number, found 'rows=x'") != std::string::npos);
  CHECK(error({"max:rows=1,rows=2"}).find("found twice") != std::string::npos);
  CHECK(error({"max", "--path", "a"}) == "--path: expected of a model only");
  CHECK(error({model, "--sharing", "additive"}) == "--sharing: expected of a protocol only");
  CHECK(error({"max", "--linear", "replicated"}) ==
        "--linear: expected no such flag, which makes no difference to the protocol max");
  CHECK(error({"reshare", "--sharing", "replicated"}).find("--sharing: expected no such") == 0);
  CHECK(error({"lookup", "--lookup", "direct"}).find("with --sharing replicated only") !=
        std::string::npos);
  CHECK(error({"max:width=1"}).find("expected sizes with which something is done") !=
        std::string::npos);
  CHECK(error({"lookup:"}).find("expected size=number, found ''") != std::string::npos);
  CHECK(error({"softmax", "--rounds", "9"}) == "--rounds: expected 1 to 4, found 9");
  for (const char* sharing : {"additive", "replicated"}) {
    REQUIRE(run({"lookup:elements=2", "--sharing", sharing, "--out", out}).ok());
  }
  CHECK(fs::exists(fs::path(out) / "trace-lookup.svg"));
  CHECK(fs::exists(fs::path(out) / "trace-lookup-replicated.svg"));
  CHECK(error({model, "--path", "layers.9"}).find("layers.9") != std::string::npos);
  CHECK(error({"max", "--rounds", "3-1"}).find("--rounds: expected A-B") == 0);
  CHECK(error({folder}).find("run.json") != std::string::npos);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace lutra
