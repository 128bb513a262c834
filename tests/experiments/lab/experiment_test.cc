#include "experiments/lab/experiment.h"

#include <catch2/catch.hpp>

#include "core/file.h"
#include "experiments/lab/plan.h"
#include "tests/support/folder.h"

namespace lutra {
namespace {

// The error of reading and pricing a file; empty if there is none. The file is "e.toml" in it.
std::string ErrorOf(const std::string& text) {
  const Folder folder;
  const std::filesystem::path file = folder / "e.toml";
  REQUIRE(WriteFile(file, text).ok());
  const StatusOr<Experiment> experiment = ReadExperiment(file);
  Status status = experiment.status();
  if (status.ok()) status = MakePlan(*experiment, std::nullopt, /*fits=*/true).status();
  if (status.ok()) return "";
  std::string message = OneLine(status);
  const size_t at = message.find(file.string());
  if (at != message.npos) message.replace(at, file.string().size(), "e.toml");
  return message;
}

Experiment Read(const std::string& text) {
  const Folder folder;
  REQUIRE(WriteFile(folder / "e.toml", text).ok());
  StatusOr<Experiment> experiment = ReadExperiment(folder / "e.toml");
  INFO(OneLine(experiment.status()));
  REQUIRE(experiment.ok());
  return *std::move(experiment);
}

const std::string kHead = "format = \"lutra-experiment/1\"\ntitle = \"T\"\n";
const std::string kTiny = kHead + "model = \"bert-tiny\"\n";  // three lines

// An axis with the values 1, 2, ..., count.
std::string Values(std::string_view name, int count) {
  std::string values;
  for (int i = 1; i <= count; ++i) values += StrCat(i == 1 ? "" : ", ", i);
  return StrCat("[[axes]]\nname = \"", name, "\"\nvalues = [", values, "]\n");
}

TEST_CASE("An experiment is the product of its axes and cases", "[experiment]") {
  const Experiment experiment = Read(kTiny + R"(
seed = 7
repetitions = 2
measure = "simulation"
networks = ["lan-10g", "wan-100m"]
[flags]
batch = 2
[[axes]]
name = "sequence"
values = [8, 16, 32]
[[axes]]
name = "form"
cases = [{ name = "a", linear = "masked" }, { name = "b", linear = "replicated", batch = 3 }]
[[axes]]
name = "round_trip_ms"
values = [1, 20.5]
)");
  REQUIRE(experiment.points.size() == 6);
  CHECK(experiment.Label(experiment.points[0]) == "sequence=8, form=a");
  CHECK(experiment.Label(experiment.points[1]) == "sequence=8, form=b");
  CHECK(experiment.Label(experiment.points[5]) == "sequence=32, form=b");
  const Settings& last = experiment.points[5].settings;
  CHECK(IntegerOf(last, "sequence", 0) == 32);
  CHECK(TextOf(last, "linear", "") == "replicated");
  CHECK(IntegerOf(last, "batch", 0) == 3);
  CHECK(IntegerOf(experiment.points[4].settings, "batch", 0) == 2);
  REQUIRE(experiment.replays.size() == 4);
  CHECK(experiment.replays[3].network == "wan-100m");
  CHECK(experiment.replays[3].shape.link(Role::kP1, Role::kP2).latency_seconds == 0.01025);
  const StatusOr<ExperimentPlan> plan = MakePlan(experiment, std::nullopt, false);
  REQUIRE(plan.ok());
  REQUIRE(plan->runs.size() == 12);
  CHECK(plan->runs[0].seed == 7u);
  CHECK(plan->runs[6].point == 0);  // repetitions take turns
  CHECK(plan->runs[6].seed == 8u);
  std::set<std::string> keys;
  for (const PlannedRun& run : plan->runs) keys.insert(run.key);
  CHECK(keys.size() == 12);
}

TEST_CASE("A closed form runs once, whatever the repetitions", "[experiment]") {
  const Experiment experiment = Read(kTiny + "repetitions = 5\n");
  CHECK(!experiment.runs());
  const StatusOr<ExperimentPlan> plan = MakePlan(experiment, std::nullopt, false);
  REQUIRE(plan.ok());
  CHECK(plan->runs.size() == 1);
}

TEST_CASE("Bad files are refused with line, key, expected and found", "[experiment]") {
  const std::string axis = "[[axes]]\nname = \"sequence\"\nvalues = [8, 32]\n";
  const std::string table = "[[tables]]\nname = \"t\"\ntitle = \"T\"\n";
  const std::string layers = kTiny + "breakdown = [\"layer\"]\n" + axis;  // seven lines
  struct Bad {
    std::string text;
    std::string error;  // how it begins
  };
  const std::vector<Bad> all = {
      {"", "e.toml:1: format: expected"},
      {"format = \"lutra-experiment/2\"\n", "e.toml:1: format: expected 'lutra-experiment/1'"},
      {"format = \"lutra-experiment/1\n", "e.toml:"},
      {"format = \"lutra-experiment/1\"\n", "e.toml:1: title: expected a string, found nothing"},
      {kHead, "e.toml:1: the only point: expected a model or a protocol, found neither"},
      {kTiny + "protocol = \"lookup\"\n",
       "e.toml:4: the only point: expected a model or a protocol, found both"},
      {kTiny + "colour = 1\n", "e.toml:4: colour: expected one of format, "},
      {"format = \"lutra-experiment/1\"\ntitle = \"a\\nb\"\n",
       "e.toml:2: title: expected a text on one line, found control characters"},
      {kTiny + "[[axes]]\nname = \"f\"\ncases = [{ name = \"a\\u001b[2Jb\" }]\n",
       "e.toml:6: axes.cases: expected a text on one line, found control characters"},
      {kTiny + axis + "[[figures]]\nname = \"f\"\ntitle = \"T\\u009b\"\n",
       "e.toml:9: figures.title: expected a text on one line, found control characters"},
      {kTiny + axis +
           "[[figures]]\nname = \"f\"\ntitle = \"T\"\nx = \"sequence\"\ny = \"rounds\"\n"
           "y_label = \"a\\tb\"\n",
       "e.toml:12: figures.y_label: expected a text on one line, found control characters"},
      {kTiny + "measure = \"guess\"\n", "e.toml:4: measure: expected 'cost' or 'simulation' or "},
      {kTiny + "measure = 3\n", "e.toml:4: measure: expected 'cost'"},
      {kTiny + "repetitions = 0\n",
       "e.toml:4: repetitions: expected an integer, 1 to 1000, found 0"},
      {kTiny + "repetitions = \"3\"\n", "e.toml:4: repetitions: expected an integer"},
      {kTiny + "seed = -1\n", "e.toml:4: seed: expected an integer"},
      {kHead + "model = \"nowhere.safetensors\"\n",
       "e.toml:3: model: expected a model file or a synthetic shape, found 'nowhere.safetensors'"},
      {kTiny + "input = \"nowhere.tsv\"\n", "e.toml:4: input: expected a file, found"},
      {kTiny + "measure = \"simulation\"\nnetworks = [\"lan-10g\", \"moon\"]\n",
       "e.toml:5: networks: expected a shipped network (lan-10g, "},
      {kTiny + "measure = \"simulation\"\nnetworks = [\"lan-10g\", \"lan-10g\"]\n",
       "e.toml:5: networks: expected each network once, found 'lan-10g' again"},
      {kTiny + "networks = [\"lan-10g\"]\n", "e.toml:4: networks: expected runs to replay"},
      {kTiny + "breakdown = [\"tensor\"]\n",
       "e.toml:4: breakdown: expected 'layer', 'protocol' or 'step', each once, found 'tensor'"},
      {kTiny + "[flags]\ntreads = 2\n", "e.toml:5: flags.treads: expected a setting: one of "},
      {kTiny + "[flags]\nthreads = 0\n",
       "e.toml:5: flags.threads: expected an integer, 1 to 1024, found 0"},
      {kTiny + "[flags]\nthreads = [2]\n",
       "e.toml:5: flags.threads: expected a value, found an array"},
      {kTiny + "[flags]\nlinear = \"maskd\"\n",
       "e.toml:5: flags.linear: expected 'masked' or 'replicated', found 'maskd'"},
      {kTiny + "[flags]\ncheck = 1\n",
       "e.toml:5: flags.check: expected true or false, found an integer"},
      {kTiny + "[flags]\nmemory-limit = \"4X\"\n", "e.toml:5: flags.memory-limit: expected bytes"},
      {kTiny + "[flags]\nround_trip_ms = 1\n",
       "e.toml:5: flags.round_trip_ms: expected an axis of that name, or a network file"},
      {kTiny + "[[axes]]\nname = \"sequence\"\n",
       "e.toml:4: axes.values: expected either values or cases, found neither"},
      {kTiny + "[[axes]]\nname = \"sequence\"\nvalues = []\n",
       "e.toml:6: axes.values: expected at least one value, found an empty array"},
      {kTiny + "[[axes]]\nname = \"sequence\"\nvalues = [8, 8]\n",
       "e.toml:6: axes.values: expected each value once, found '8' again"},
      {kTiny + "[[axes]]\nname = \"sequence\"\nvalues = [8, 1000]\n",
       "e.toml:6: axes.values: expected an integer, 3 to 512, found 1000"},
      {kTiny + "[[axes]]\nname = \"sequance\"\nvalues = [8]\n",
       "e.toml:5: axes.name: expected a setting ("},
      {kTiny + "[[axes]]\nname = \"my form\"\ncases = [{ name = \"a\" }]\n",
       "e.toml:5: axes.name: expected a name of letters"},
      {kTiny + "[[axes]]\nname = \"rounds\"\ncases = [{ name = \"a\" }]\n",
       "e.toml:5: axes.name: expected a name that no column of the results has"},
      {kTiny + "[[axes]]\nname = \"form\"\ncases = []\n",
       "e.toml:6: axes.cases: expected at least one case"},
      {kTiny + "[[axes]]\nname = \"form\"\ncases = [{ linear = \"masked\" }]\n",
       "e.toml:6: axes.cases.name: expected a string, found nothing"},
      {kTiny + axis + axis, "e.toml:8: axes.name: expected axes of different names"},
      {kTiny + axis + "[[axes]]\nname = \"f\"\ncases = [{ name = \"a\", sequence = 8 }]\n",
       "e.toml:8: axes.name: expected each setting in one axis, found 'sequence'"},
      {kTiny + "[flags]\nsequence = 8\n" + axis,
       "e.toml:7: axes.name: expected a setting that is not fixed elsewhere"},
      {kTiny + axis + "[[tables]]\nname = \"t\"\ntitle = \"T\"\nrows = [\"layer\"]\n",
       "e.toml:10: tables.rows: expected one of sequence, found 'layer'"},
      {kTiny + axis +
           "[[tables]]\nname = \"t\"\ntitle = \"T\"\nrows = [\"sequence\"]\n"
           "columns = [\"online_byte\"]\n",
       "e.toml:11: tables.columns: expected a result: one of "},
      {kTiny + axis +
           "[[tables]]\nname = \"t\"\ntitle = \"T\"\nrows = [\"sequence\"]\n"
           "columns = [\"online_seconds\"]\n",
       "e.toml:11: tables.columns: expected a result: one of "},  // nothing runs
      {kTiny + axis + "[[tables]]\nname = \"t\"\ntitle = \"T\"\ncolumns = [\"rounds\"]\n",
       "e.toml:7: tables.rows: expected 'sequence' here, or one value of it in only"},
      {kTiny + axis + "[[figures]]\nname = \"f\"\ntitle = \"T\"\nx = \"form\"\ny = \"rounds\"\n",
       "e.toml:10: figures.x: expected one of sequence, found 'form'"},
      {kTiny + axis +
           "[[figures]]\nname = \"f\"\ntitle = \"T\"\nx = \"sequence\"\n"
           "y = [\"rounds\", \"deal_bytes\"]\n",
       "e.toml:11: figures.y: expected results of one unit, as rounds, found 'deal_bytes'"},
      {kTiny + axis +
           "[[figures]]\nname = \"f\"\ntitle = \"T\"\nx = \"sequence\"\ny = \"rounds\"\n"
           "style = \"pie\"\n",
       "e.toml:12: figures.style: expected 'lines' or "},
      {kTiny + axis +
           "[[figures]]\nname = \"f\"\ntitle = \"T\"\nx = \"sequence\"\ny = \"rounds\"\n"
           "only = { sequence = 9 }\n",
       "e.toml:12: figures.only.sequence: expected one of 8, 32, found '9'"},
      {kTiny + "[[axes]]\nname = \"f\"\ncases = [{ name = \"a\" }]\n"
               "[[figures]]\nname = \"f\"\ntitle = \"T\"\nx = \"f\"\ny = \"rounds\"\n",
       "e.toml:10: figures.x: expected an axis of numbers"},
      // What the settings make together.
      {kHead + "protocol = \"lockup\"\n", "e.toml:3: protocol: expected one of element_product, "},
      {kHead + "protocol = \"lookup\"\n[flags]\nsequence = 8\n",
       "e.toml:5: the only point: sequence: expected a setting of the protocol lookup ("},
      {kHead + "protocol = \"lookup\"\nmeasure = \"processes\"\n",
       "e.toml:4: the only point: measure: expected 'cost' or 'simulation' of a protocol"},
      {kHead + "protocol = \"lookup\"\n[flags]\nindex_bits = 8\n[[axes]]\nname = \"inputs\"\n"
               "values = [1, 4]\n",
       "e.toml:8: inputs=4: lookup: "},
      {kHead + "model = \"bert-tiny:sequance=8\"\n",
       "e.toml:3: the only point: model: 'bert-tiny:sequance=8': expected one of the keys "},
      {kTiny + "[flags]\ndeployment = \"shared-dealer\"\nlookup = \"direct\"\n",
       "e.toml:6: the only point: lookup: expected 'reshare' with deployment = "},
      {kTiny + "measure = \"simulation\"\n[flags]\nsimd = \"MMX\"\n",
       "e.toml:6: the only point: simd: expected one that this machine has ("},
      {kTiny + "measure = \"simulation\"\n[flags]\nmemory-limit = \"1M\"\n",
       "e.toml:6: the only point: memory_limit: memory: a session of 1 example takes about "},
      {kTiny + "[flags]\nhidden = 100\n",
       "e.toml:5: the only point: hidden: expected a divisor of 256 or a multiple of 64"},
      // At the line of the value that is wrong, not of the axis.
      {kTiny +
           "[[axes]]\nname = \"form\"\ncases = [\n  { name = \"a\" },\n"
           "  { name = \"b\", residual_bits = 5 },\n]\n" +
           axis,
       "e.toml:8: form=b, sequence=8: residual_bits: expected a setting of a synthetic shape ("},
      {kTiny + "[[axes]]\nname = \"hidden\"\nvalues = [\n  128,\n  100,\n]\n",
       "e.toml:8: hidden=100: hidden: expected a divisor of 256"},
      // Settings without an effect.
      {kTiny + "[flags]\nthreads = 2\n",
       "e.toml:5: the only point: threads: expected a setting that has an effect on measure = "
       "'cost'"},
      {kTiny + "[flags]\ncheck = true\n",
       "e.toml:5: the only point: check: expected false with measure = 'cost'"},
      {kTiny + "measure = \"simulation\"\n[flags]\ntransport = \"plain\"\n",
       "e.toml:6: the only point: transport: expected a setting that has an effect on measure = "
       "'simulation'"},
      {kTiny + "measure = \"processes\"\n[flags]\nsimd = \"AVX2\"\n",
       "e.toml:6: the only point: simd: expected a setting that has an effect on measure = "
       "'processes'"},
      {kTiny + "measure = \"processes\"\n[flags]\ncheck = true\n",
       "e.toml:6: the only point: check: expected false with measure = 'processes'"},
      {kHead + "protocol = \"matrix_product\"\n[flags]\nlookup = \"direct\"\n",
       "e.toml:5: the only point: lookup: expected a setting that has an effect on the protocol "
       "matrix_product"},
      {kHead + "protocol = \"matrix_product\"\n[flags]\ntables = \"public\"\n",
       "e.toml:5: the only point: tables: expected a setting that has an effect"},
      {kHead + "protocol = \"lookup\"\n[flags]\nlinear = \"replicated\"\n",
       "e.toml:5: the only point: linear: expected a setting that has an effect"},
      {kHead + "protocol = \"lookup\"\n[flags]\nlookup = \"direct\"\n",  // of an additive result
       "e.toml:5: the only point: lookup: expected a setting that has an effect"},
      // Breakdowns.
      {layers + table +
           "rows = [\"sequence\"]\ncolumns = [\"rounds\"]\n"
           "only = { layer = [\"layers.0\", \"layers.1\"] }\n",
       "e.toml:11: tables.rows: expected 'layer' here, or one value of it in only"},
      {layers + table +
           "rows = [\"sequence\", \"layer\"]\ncolumns = [\"rounds\"]\n"
           "only = { layer = [\"layers.0\", \"layer.1\"] }\n",
       "e.toml:13: tables.only.layer: expected one of "},
      {kTiny + "measure = \"simulation\"\nnetworks = [\"lan-10g\"]\nbreakdown = [\"layer\"]\n" +
           table + "rows = [\"layer\", \"network\"]\ncolumns = [\"rounds\"]\n",
       "e.toml:10: tables.rows: expected keys of runs: a breakdown has no networks, found "
       "'network' beside 'layer'"},
      // Names of columns.
      {kTiny + "[[axes]]\nname = \"group\"\ncases = [{ name = \"a\" }]\n",
       "e.toml:5: axes.name: expected a name that no column of the results has, found 'group'"},
      {kTiny + "[[axes]]\nname = \"runs\"\ncases = [{ name = \"a\" }]\n",
       "e.toml:5: axes.name: expected a name that no column of the results has, found 'runs'"},
      {kTiny + "[[axes]]\nname = \"online_seconds_q1\"\ncases = [{ name = \"a\" }]\n",
       "e.toml:5: axes.name: expected a name that no column of the results has"},
      // Bounds.
      {kTiny + "measure = \"simulation\"\nrepetitions = 1000\n" + Values("layers", 11) +
           Values("heads", 10),
       "e.toml:5: repetitions: expected at most 100000 runs (points that run, by repetitions), "
       "found "
       "110000"},
      {kTiny + "measure = \"simulation\"\nrepetitions = 1000\nnetworks = [\"lan-10g\"]\n" +
           Values("layers", 50) + Values("round_trip_ms", 30),
       "e.toml:6: networks: expected at most 1000000 rows of results (runs by networks), found "
       "1500000"},
      {kTiny + axis +
           "[[figures]]\nname = \"f\"\ntitle = \"T\"\nx = \"sequence\"\ny = \"rounds\"\n"
           "only = { sequence = [8, 8] }\n",
       "e.toml:12: figures.only.sequence: expected each value once, found '8' again"},
  };
  for (const Bad& bad : all) {
    const std::string error = ErrorOf(bad.text);
    INFO(bad.text << "\n" << error);
    CHECK(error.starts_with(bad.error));
    CHECK(error.find('\n') == error.npos);
  }
  CHECK(ErrorOf(kTiny + axis) == "");
}

TEST_CASE("A missing experiment is an error that names it", "[experiment]") {
  const Folder folder;
  const Status status = ReadExperiment(folder / "nothing").status();
  CHECK(OneLine(status).find("nothing") != std::string::npos);
}

TEST_CASE("Files are looked for from the experiment upwards", "[experiment]") {
  const Folder folder;
  std::filesystem::create_directories(folder / "a/b");
  REQUIRE(WriteFile(folder / "here.txt", "x").ok());
  CHECK(FindFile(folder / "a/b/e.toml", "here.txt") == folder / "here.txt");
  CHECK(FindFile(folder / "a/b/e.toml", "not-here.txt") == std::nullopt);
}

TEST_CASE("What an experiment names is copied, and read from the copy where it is gone",
          "[experiment]") {
  const Folder folder, moved;
  std::filesystem::create_directories(folder / "e");
  const std::string network = "format = \"lutra-network/1\"\nname = \"";
  REQUIRE(WriteFile(folder / "e/own.toml", network + "own\"\n").ok());
  REQUIRE(WriteFile(folder / "up.toml", network + "above\"\n").ok());
  REQUIRE(WriteFile(folder / "away.toml", network + "away\"\n").ok());
  REQUIRE(WriteFile(folder / "e/work.toml",
                    "format = \"lutra-published/1\"\ntitle = \"w\"\n[[figures]]\nsystem = \"A\"\n"
                    "detail = \"d\"\nkind = \"printed\"\nsource = \"s\"\nconditions = \"c\"\n"
                    "online_bytes = 1\n")
              .ok());
  const std::string text =
      StrCat(kTiny, "measure = \"simulation\"\nnetworks = [\"own.toml\", \"../up.toml\", \"",
             (folder / "away.toml").string(), "\"]\n[[comparisons]]\nname = \"c\"\ntitle = \"C\"\n",
             "published = \"work.toml\"\ncolumns = [\"online_bytes\"]\n");
  REQUIRE(WriteFile(folder / "e/e.toml", text).ok());
  const StatusOr<Experiment> experiment = ReadExperiment(folder / "e/e.toml");
  INFO(OneLine(experiment.status()));
  REQUIRE(experiment.ok());
  REQUIRE(WriteFile(moved / "e.toml", text).ok());
  REQUIRE(CopyNamedFiles(*experiment, moved.path()).ok());
  std::filesystem::remove_all(folder.path());
  const StatusOr<Experiment> again = ReadExperiment(moved / "e.toml");
  INFO(OneLine(again.status()));
  REQUIRE(again.ok());
  REQUIRE(again->replays.size() == 3);
  CHECK(again->replays[1].network == "above");
  CHECK(again->comparisons[0].published.systems[0].system == "A");
  // Copying from the copies changes nothing.
  CHECK(CopyNamedFiles(*again, moved.path()).ok());
  CHECK(ReadExperiment(moved / "e.toml").ok());
}

}  // namespace
}  // namespace lutra
