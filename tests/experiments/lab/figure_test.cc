#include "experiments/lab/figure.h"

#include <catch2/catch.hpp>

#include "analysis/palette.h"
#include "core/file.h"
#include "experiments/lab/child_program.h"
#include "experiments/lab/table.h"
#include "tests/support/drawn.h"
#include "tests/support/folder.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

// Every style, with texts that gnuplot, LaTeX and Markdown might take for something else.
constexpr std::string_view kAll = R"(
format = "lutra-experiment/1"
title = "T"
model = "bert-tiny"
breakdown = ["step"]
[[axes]]
name = "sequence"
values = [8, 16, 32]
[[axes]]
name = "layers"
values = [1, 2]
[[axes]]
name = "form"
cases = [{ name = "it's \"50%\" $x_1$ & {more} `id`", linear = "masked" },
         { name = "a|b\\c #2", linear = "replicated" }]
[[tables]]
name = "t"
title = "100% of_it"
rows = ["form", "sequence"]
columns = ["deal_bytes", "rounds"]
only = { layers = 1 }
[[figures]]
name = "lines"
title = "it's 'quoted' @home"
x = "sequence"
y = ["deal_bytes", "online_bytes"]
series = "form"
log = "xy"
only = { layers = 1 }
[[figures]]
name = "plain-lines"
title = "x"
x = "sequence"
y = "rounds"
series = "form"
only = { layers = 1 }
[[figures]]
name = "bars"
title = "b"
style = "bars"
x = "form"
y = "online_bytes"
series = "sequence"
log = "y"
only = { layers = 1 }
[[figures]]
name = "stacked"
title = "s"
style = "stacked"
x = "step"
y = ["prepare_bytes", "online_bytes"]
only = { layers = 1, sequence = 8, form = "a|b\\c #2" }
[[figures]]
name = "heat"
title = "h"
style = "heatmap"
x = "sequence"
y = "layers"
z = "deal_bytes"
only = { form = "a|b\\c #2" }
[[figures]]
name = "winner"
title = "w"
style = "winner"
x = "sequence"
y = "layers"
z = "online_bytes"
series = "form"
)";

struct Made {
  Experiment experiment;
  Results results;
};

Made Make(std::string_view text) {
  const Folder folder;
  REQUIRE(WriteFile(folder / "e.toml", text).ok());
  StatusOr<Experiment> experiment = ReadExperiment(folder / "e.toml");
  INFO(OneLine(experiment.status()));
  REQUIRE(experiment.ok());
  const StatusOr<ExperimentPlan> plan = MakePlan(*experiment, std::nullopt, false);
  INFO(OneLine(plan.status()));
  REQUIRE(plan.ok());
  std::map<size_t, FinishedRun> finished;
  for (size_t i = 0; i < plan->runs.size(); ++i) finished[i] = FinishedRun{};
  StatusOr<Results> results = CollectResults(*experiment, *plan, finished);
  REQUIRE(results.ok());
  return {*std::move(experiment), *std::move(results)};
}

std::string Content(const fs::path& path) {
  const StatusOr<std::string> text = ReadTextFile(path, int64_t{1} << 24);
  INFO(OneLine(text.status()));
  REQUIRE(text.ok());
  return *text;
}

TEST_CASE("Every style is drawn as SVG and PDF", "[figure]") {
  const Made made = Make(kAll);
  REQUIRE(made.experiment.figures.size() == 6);
  for (const FigureSpec& figure : made.experiment.figures) {
    const std::string script = FigureScript(figure, made.results);
    CHECK(script.find("set terminal svg") != script.npos);
    CHECK(script.find("EOD") != script.npos);
  }
  const Folder folder;
  if (!Drawn(WriteFigures(made.experiment, made.results, folder.path()))) return;
  for (const FigureSpec& figure : made.experiment.figures) {
    INFO(figure.name);
    const std::string svg = Content(folder / ("figures/" + figure.name + ".svg"));
    CHECK(svg.starts_with("<?xml"));
    CHECK(svg.find("</svg>") != svg.npos);
    CHECK(Content(folder / ("figures/" + figure.name + ".pdf")).starts_with("%PDF-"));
    const StatusOr<ProgramOutput> parsed =
        RunChildProgram({"python3", "-c", "import sys, xml.dom.minidom as m; m.parse(sys.argv[1])",
                         figure.name + ".svg"},
                        folder / "figures");
    REQUIRE(parsed.ok());
    CHECK(parsed->exit_status == 0);
  }
  const std::string lines = Content(folder / "figures/lines.svg");
  CHECK(lines.find("$x_1$ &amp; {more} `id`, deal") != lines.npos);
  // A figure that is gone from the file goes.
  Experiment fewer = made.experiment;
  fewer.figures.resize(1);
  REQUIRE(WriteFigures(fewer, made.results, folder.path()).ok());
  CHECK(!fs::exists(folder / "figures/heat.svg"));
  CHECK(fs::exists(folder / "figures/lines.svg"));
}

TEST_CASE("Figures have the numbers of their results", "[figure]") {
  const Made made = Make(kAll);
  const std::string script = FigureScript(made.experiment.figures[1], made.results);
  // Rounds do not depend on the sequence: three points of each of two forms.
  const auto rounds = [&](size_t row) {
    return CellText(DataTable::At(made.results.runs.rows[row], "rounds"));
  };
  const std::string value = rounds(0);
  CHECK(script.find("8 " + value + " " + value + " " + value + "\n16 " + value) != script.npos);
  CHECK(rounds(0) != rounds(1));
}

TEST_CASE("The winner is the smallest, and says by how much", "[figure]") {
  const Made made = Make(kAll);
  const std::string script = FigureScript(made.experiment.figures[5], made.results);
  // The masked form sends less online everywhere.
  CHECK(script.find("(nowhere)'") != script.npos);
  CHECK(script.find("× \"") == script.npos);
  CHECK(script.find("×\"") != script.npos);
}

// Replicated products prepare nothing, and half of the cases did not run.
TEST_CASE("What has no value on a logarithmic axis is left out", "[figure]") {
  Made made = Make(R"(
format = "lutra-experiment/1"
title = "T"
model = "bert-tiny"
[[axes]]
name = "sequence"
values = [8, 16]
[[axes]]
name = "form"
cases = [{ name = "masked", linear = "masked" }, { name = "replicated", linear = "replicated" }]
[[figures]]
name = "lines"
title = "l"
x = "sequence"
y = ["deal_bytes", "prepare_bytes", "online_bytes"]
log = "xy"
only = { form = "replicated" }
[[figures]]
name = "bars"
title = "b"
style = "bars"
x = "sequence"
y = "prepare_bytes"
series = "form"
log = "y"
[[figures]]
name = "stacked"
title = "s"
style = "stacked"
x = "form"
y = ["online_bytes", "prepare_bytes"]
only = { sequence = 8 }
)");
  const auto script = [&](size_t figure) {
    return FigureScript(made.experiment.figures[figure], made.results);
  };
  CHECK(script(0).find("title 'prepare'") == std::string::npos);
  CHECK(script(0).find("title 'deal'") != std::string::npos);
  CHECK(script(1).find("title 'replicated'") == std::string::npos);
  CHECK(script(1).find("$bars using 2:xtic(1)") != std::string::npos);
  // A phase has its colour in every figure, and series have those of no phase.
  CHECK(script(0).find(StrCat("lc rgb '", Color(Phase::kDeal), "'")) != std::string::npos);
  CHECK(script(2).find(StrCat("using 2:xtic(1) lc rgb '", Color(Phase::kOnline), "'")) !=
        std::string::npos);
  CHECK(script(2).find(StrCat("using 3 lc rgb '", Color(Phase::kPrepare), "'")) !=
        std::string::npos);
  const Folder folder;
  if (!Drawn(WriteFigures(made.experiment, made.results, folder.path()))) return;
  CHECK(!fs::exists(folder / "figures/gnuplot.log"));
}

TEST_CASE("Without results there is no figure", "[figure]") {
  const Made made = Make(kAll);
  CHECK(FigureScript(made.experiment.figures[0], Results{}).empty());
  Experiment none = made.experiment;
  const Folder folder;
  CHECK(WriteFigures(none, Results{}, folder.path()).ok());
}

TEST_CASE("Figures for readers have three digits and a unit", "[figure]") {
  CHECK(ShortFigure("online_bytes", 1234567) == "1.23 MB");
  CHECK(ShortFigure("online_seconds", 0.01234) == "12.3 ms");
  CHECK(ShortFigure("online_seconds", 0.0000456) == "45.6 µs");
  CHECK(ShortFigure("online_seconds", 12.34) == "12.3 s");
  CHECK(ShortFigure("online_seconds", 0) == "0 s");
  CHECK(ShortFigure("accuracy", 0.9454) == "0.945");
  CHECK(ShortFigure("rounds", 1234) == "1,234");
}

TEST_CASE("Tables escape what their format takes for something else", "[table]") {
  const Made made = Make(kAll);
  const RenderedTable table = RenderTable(made.experiment.tables[0], made.results);
  CHECK(table.latex.find("it's ''50\\%'' \\$x\\_1\\$ \\& \\{more\\}") != std::string::npos);
  CHECK(table.latex.find("a\\textbar{}b\\textbackslash{}c \\#2") != std::string::npos);
  CHECK(table.latex.find("\\toprule") != std::string::npos);
  CHECK(table.markdown.find("a\\|b\\\\c \\#2") != std::string::npos);
  CHECK(std::count(table.markdown.begin(), table.markdown.end(), '\n') == 2 + 2 + 6);
}

}  // namespace
}  // namespace lutra
