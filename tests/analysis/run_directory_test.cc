#include "analysis/run_directory.h"

#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <fstream>
#include <memory>

#include "analysis/cost.h"
#include "analysis/machine.h"
#include "core/file.h"
#include "core/version.h"
#include "tests/analysis/programs.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

// A folder of this test's own, gone at the end.
class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "lutra-run-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  fs::path operator/(std::string_view name) const { return path_ / name; }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::vector<std::string> Names(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

void Put(const fs::path& path, std::string_view text) {
  std::ofstream file(path);
  file << text;
  REQUIRE(file.good());
}

std::string Content(const fs::path& path) {
  const auto text = ReadTextFile(path, 1 << 20);
  REQUIRE(text.ok());
  return *text;
}

const std::vector<std::string> kRunFiles = {"ledger.csv", "levels.csv", "run.json", "run.program",
                                            "run.trace",  "trace.json", "work.csv"};

// A run of two sessions and what is to be said of it.
struct Run {
  Run() {
    AddLayers(given, 1, LinearForm::kMasked, LookupForm::kReshare);
    auto built_or = std::move(given.builder).Build();
    REQUIRE(built_or.ok());
    built = std::make_unique<BuiltProgram>(*std::move(built_or));
    ThreadPool pool(1);
    SimulationOptions options;
    options.seed = 5;
    options.listener = &listeners;
    auto simulation = Simulation::Make(*built, pool, options);
    REQUIRE(simulation.ok());
    for (int i = 0; i < 2; ++i) {
      const PhaseBytes before = BytesIn(ledger);
      recorder.SetSession(i);
      if (i == 0) REQUIRE((*simulation)->ShareModel(given.model).ok());
      const auto result = (*simulation)->Run(given.data);
      REQUIRE(result.ok());
      SessionSummary& session = summary.sessions.emplace_back();
      session.examples = 3;
      session.bytes = BytesSince(before, ledger);
      session.seconds = {0.25, 0.5, 0.125, i + 1.5};
      session.rounds = built->program.rounds(Phase::kOnline);
    }
    recorder.trace().program = built->program.digest();
    summary.command = {"lutra-sim", "model\xff", "--seed=5"};
    summary.model = "model";
    summary.labels = {"ham", "spam"};
    summary.threads = 2;
    summary.seed = ~uint64_t{0};
    summary.batch = 3;
    summary.outputs = {{1, {-3, 4}, 1}, {0, {5, -6}, std::nullopt}};
    summary.agrees_with_ideal = true;
    summary.accuracy = 0.5;
  }

  Status Write(const fs::path& path) const {
    return WriteRunDirectory(path, {summary, built->program, ledger, recorder.trace()});
  }

  Case given;  // its registry outlives the program
  std::unique_ptr<BuiltProgram> built;
  Ledger ledger;
  TraceRecorder recorder;
  Listeners listeners{&ledger, &recorder};
  RunSummary summary;
};

TEST_CASE("run.json says all that it is defined to say", "[analysis][run_directory]") {
  const Run run;
  const Folder folder;
  REQUIRE(run.Write(folder / "run").ok());
  CHECK(Names(folder / "run") == kRunFiles);
  const auto json = ReadRunJson(folder / "run");
  INFO(OneLine(json.status()));
  REQUIRE(json.ok());
  const auto& read = *json;
  CHECK(read.begin().key() == "format");
  CHECK(read["format"] == "lutra-run/1");
  CHECK(read["version"] == Version());
  CHECK(read["command"][0] == "lutra-sim");
  CHECK(read["command"][1] == "model\xef\xbf\xbd");
  CHECK(read["program"]["digest"] == run.built->program.digest().Hex());
  CHECK(read["program"]["nodes"] == run.built->program.nodes().size());
  CHECK(read["program"]["levels"] == run.built->program.levels(Phase::kOnline));
  CHECK(read["model"]["name"] == "model");
  CHECK(read["model"]["labels"][1] == "spam");
  CHECK(read["model"]["bytes"] == run.ledger.bytes(Phase::kModel));
  CHECK(read["plan"] == "table");
  CHECK(read["tables"] == "private");
  CHECK(read["deployment"] == "four-process");
  CHECK(read["machine"]["cores"] >= 1);
  CHECK(read["machine"]["memory_bytes"] > 1 << 20);
  CHECK(!read["simd"].get<std::string>().empty());
  CHECK(read["threads"] == 2);
  CHECK(read["seed"] == ~uint64_t{0});
  CHECK(read["batch"] == 3);
  CHECK(read["peak_memory_bytes"] > 1 << 20);
  CHECK(read["outputs"].size() == 2);
  CHECK(read["outputs"][0]["prediction"] == 1);
  CHECK(read["outputs"][0]["logits"] == std::vector<int>{-3, 4});
  CHECK(read["outputs"][0]["label"] == 1);
  CHECK(read["outputs"][1]["label"].is_null());
  CHECK(read["agrees_with_ideal"] == true);
  CHECK(read["accuracy"] == 0.5);
  CHECK(read["accuracy_ideal"].is_null());
}

TEST_CASE("Sessions and links of run.json are what was counted", "[analysis][run_directory]") {
  Run run;
  run.summary.seed.reset();
  const auto json = RunJson(run.summary, run.built->program, run.ledger);
  CHECK(json["seed"] == "operating-system");
  const ProgramCost cost(run.built->program);
  const auto phases = cost.phases();
  REQUIRE(json["sessions"].size() == 2);
  for (int i = 0; i < 2; ++i) {
    const auto& session = json["sessions"][static_cast<size_t>(i)];
    CHECK(session["examples"] == 3);
    CHECK(session["model"]["bytes"] == (i == 0 ? phases[0].bytes : 0));
    CHECK(session["offline"]["dealer"]["bytes"] == phases[1].bytes);
    CHECK(session["offline"]["dealer"]["seconds"] == 0.5);
    CHECK(session["offline"]["prepare"]["bytes"] == phases[2].bytes);
    CHECK(session["offline"]["prepare"]["seconds"] == 0.125);
    CHECK(session["online"]["bytes"] == phases[3].bytes);
    CHECK(session["online"]["rounds"] == phases[3].rounds);
    CHECK(session["online"]["seconds"] == i + 1.5);
    CHECK(session["online"]["framing_bytes"] == 0);
  }
  int64_t linked = 0, counted = 0;
  for (const auto& link : json["links"]) linked += link["bytes"].get<int64_t>();
  for (const auto& [link, traffic] : run.ledger.traffic()) counted += traffic.bytes;
  CHECK(linked == counted);
  CHECK(json["links"][0].contains("messages"));
}

TEST_CASE("The tables have a row for everything counted", "[analysis][run_directory]") {
  const Run run;
  const auto lines = [](const std::string& text) {
    return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
  };
  const std::string ledger = LedgerCsv(run.built->program, run.ledger);
  CHECK(
      ledger.starts_with("node,path,protocol,level,phase,from,to,bits\n"
                         "0,"));
  CHECK(lines(ledger) == run.ledger.bits().size() + 1);
  // Two sessions of 15 elements through a table of 8 rows, half to each party.
  CHECK(ledger.find("layers.0.activation,lookup,1,online,p1,p2,90\n") != std::string::npos);
  CHECK(ledger.find("layers.0.activation,lookup,0,deal,dealer,p2,2048\n") != std::string::npos);
  const std::string levels = LevelsCsv(run.ledger);
  CHECK(levels.starts_with("phase,level,from,to,bytes,messages\nmodel,0,model-owner,p1,50,1\n"));
  CHECK(levels.find("online,1,p1,p2,12,2\n") != std::string::npos);
  CHECK(lines(levels) == run.ledger.traffic().size() + 1);
  const std::string work = WorkCsv(run.ledger);
  CHECK(work.starts_with("node,phase,role,seconds\n"));
  CHECK(lines(work) == run.ledger.seconds().size() + 1);
}

TEST_CASE("A run replaces a run and nothing else", "[analysis][run_directory]") {
  Run run;
  const Folder folder;
  const fs::path out = folder / "new" / "run";
  CHECK(CheckRunDirectory(out).ok());
  CHECK(!fs::exists(folder / "new"));
  REQUIRE(run.Write(out).ok());
  Put(out / "notes.txt", "mine");
  Put(out / "report.html", "stale");
  run.summary.threads = 7;
  CHECK(CheckRunDirectory(out).ok());
  REQUIRE(run.Write(folder / "new/run/").ok());
  CHECK((*ReadRunJson(out))["threads"] == 7);
  CHECK(Names(folder / "new") == std::vector<std::string>{"run"});
  auto expected = kRunFiles;
  expected.insert(expected.begin() + 2, "notes.txt");
  CHECK(Names(out) == expected);
  CHECK(Content(out / "notes.txt") == "mine");

  fs::create_directory_symlink(out, folder / "link");
  run.summary.threads = 8;
  REQUIRE(run.Write(folder / "link").ok());
  CHECK(fs::is_symlink(folder / "link"));
  CHECK((*ReadRunJson(out))["threads"] == 8);
}

TEST_CASE("What is not a run directory is not touched", "[analysis][run_directory]") {
  const Run run;
  const Folder folder;
  fs::create_directory(folder / "empty");
  fs::create_directory(folder / "other");
  Put(folder / "other" / "thesis.tex", "years");
  Put(folder / "file", "text");
  for (const char* run_json :
       {"", "[]", "{}", "{\"format\": 1}", "{\"format\": \"lutra-run/2\"}",
        "{\"format\": \"lutra-run/1\", \"format\": \"lutra-run/1\"}", "nul"}) {
    INFO(run_json);
    Put(folder / "other" / "run.json", run_json);
    for (const Status& status :
         {CheckRunDirectory(folder / "other"), run.Write(folder / "other")}) {
      CHECK(OneLine(status).find("exists and is not a run directory: '") != std::string::npos);
      CHECK(OneLine(status).find("run.json") != std::string::npos);
    }
    CHECK(Content(folder / "other" / "run.json") == run_json);
  }
  for (const char* name : {"empty", "file", "file/below"}) {
    INFO(name);
    CHECK(!CheckRunDirectory(folder / name).ok());
    CHECK(!run.Write(folder / name).ok());
  }
  CHECK(!CheckRunDirectory("/").ok());
  CHECK(Names(folder / "empty").empty());
  CHECK(Content(folder / "file") == "text");
  CHECK(Names(folder / "other") == std::vector<std::string>{"run.json", "thesis.tex"});
  CHECK(Names(folder.path()) == std::vector<std::string>{"empty", "file", "other"});
}

TEST_CASE("A run that cannot be written leaves what was there", "[analysis][run_directory]") {
  Run run;
  const Folder folder;
  REQUIRE(run.Write(folder / "run").ok());
  run.summary.outputs.resize(5000);
  rlimit before;
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  rlimit small = before;
  small.rlim_cur = 20000;
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
  const Status replaced = run.Write(folder / "run");
  const Status fresh = run.Write(folder / "a/b/c");
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK(OneLine(replaced).find("run': run.json: ") != std::string::npos);
  CHECK(OneLine(replaced).find("File too large") != std::string::npos);
  CHECK(OneLine(fresh).find("File too large") != std::string::npos);
  CHECK(Names(folder.path()) == std::vector<std::string>{"run"});
  CHECK((*ReadRunJson(folder / "run"))["outputs"].size() == 2);
}

TEST_CASE("A read-only or full disk is an error before the run", "[analysis][run_directory]") {
  Run run;
  run.summary.outputs.resize(5000);
  const Folder folder;
  if (mount("none", folder.path().c_str(), "tmpfs", 0, "size=16k") != 0) return;  // not permitted
  CHECK(OneLine(run.Write(folder / "run")).find("No space left") != std::string::npos);
  CHECK(Names(folder.path()).empty());
  CHECK(mount("none", folder.path().c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, "size=16k") == 0);
  CHECK(OneLine(CheckRunDirectory(folder / "run")).find("Read-only") != std::string::npos);
  CHECK(umount(folder.path().c_str()) == 0);
}

TEST_CASE("run.json is read within bounds", "[analysis][run_directory]") {
  const Folder folder;
  CHECK(absl::IsNotFound(ReadRunJson(folder.path()).status()));
  std::string deep = "{\"format\": \"lutra-run/1\", \"x\": ";
  deep += std::string(100000, '[') + std::string(100000, ']') + "}";
  Put(folder / "run.json", deep);
  CHECK(OneLine(ReadRunJson(folder.path()).status()).find("fewer values within") !=
        std::string::npos);
  Put(folder / "run.json", "{\"format\": \"lutra-run/1\", \"x\": {\"y\": 1, \"y\": 2}}");
  CHECK(OneLine(ReadRunJson(folder.path()).status()).find("y: expected once") != std::string::npos);
  Put(folder / "run.json", "{\"format\": \"lutra-run/1\", \"x\": [{\"y\": 1}, {\"y\": 2}]}");
  CHECK(ReadRunJson(folder.path()).ok());
}

TEST_CASE("The machine is known", "[analysis][machine]") {
  CHECK(ThisMachine().cores >= 1);
  CHECK(!ThisMachine().processor.empty());
  const int64_t before = PeakMemoryBytes();
  CHECK(before > 1 << 20);
  const std::vector<char> large(static_cast<size_t>(before) + (64 << 20), 'x');
  CHECK(PeakMemoryBytes() > before);
  CHECK(std::count(large.begin(), large.end(), 'x') > before);
}

TEST_CASE("A run directory is read back as it was written", "[analysis][run_directory]") {
  const Run run;
  const Folder folder;
  REQUIRE(run.Write(folder / "run").ok());
  const StatusOr<RunFiles> files = ReadRunDirectory(run.given.registry, folder / "run");
  INFO(OneLine(files.status()));
  REQUIRE(files.ok());
  CHECK(files->run["batch"] == 3);
  CHECK(files->program->digest() == run.built->program.digest());
  CHECK(files->trace.tracks == run.recorder.trace().tracks);
}

TEST_CASE("A run directory with a file missing, spoiled or of another run says which",
          "[analysis][run_directory]") {
  const Run run;
  const Folder folder;
  const fs::path path = folder / "run";
  REQUIRE(run.Write(path).ok());
  const auto error = [&] { return OneLine(ReadRunDirectory(run.given.registry, path).status()); };
  using Catch::Matchers::Contains;
  const std::string program = Content(path / "run.program");
  const std::string trace = Content(path / "run.trace");
  fs::remove(path / "run.trace");
  CHECK_THAT(error(), Contains("run.trace"));
  Put(path / "run.trace", trace.substr(0, trace.size() - 1));
  CHECK_THAT(error(), Contains("run.trace") && Contains("checksum"));
  Put(path / "run.trace", "LUTRATRC\x02");
  CHECK_THAT(error(), Contains("run.trace") && Contains("magic"));
  std::string other_version = trace;
  other_version[8] = 9;
  Put(path / "run.trace", other_version);
  CHECK_THAT(error(), Contains("version: expected 1, found 9"));
  Put(path / "run.trace", trace);
  Put(path / "run.program", program.substr(1));
  CHECK_THAT(error(), Contains("run.program"));
  Case other;
  Reveal(other.builder, "y", other.Random("x", Role::kDataOwner, Ring(3), Shape{2}, 1));
  StatusOr<BuiltProgram> built = std::move(other.builder).Build();
  REQUIRE(built.ok());
  REQUIRE(WriteFile(path / "run.program", WriteProgram(built->program)).ok());
  CHECK_THAT(error(), Contains("run.program") && Contains("digest: expected"));
  Put(path / "run.program", program);
  // A run.json that names none, in every way.
  auto json = *ReadRunJson(path);
  using Json = nlohmann::ordered_json;
  for (const Json& named : {Json(), Json::array(), Json::object(), Json("digest"), Json(7),
                            Json::parse(R"({"digest": ["deep", {"er": null}]})")}) {
    INFO(named.dump());
    json["program"] = named;
    Put(path / "run.json", json.dump());
    CHECK_THAT(error(), Contains("run.program") && Contains("digest: expected") &&
                            Contains("as run.json says, found"));
  }
  json.erase("program");
  Put(path / "run.json", json.dump());
  CHECK_THAT(error(), Contains("digest: expected null as run.json says, found"));
  REQUIRE(run.Write(path).ok());
  Trace foreign = run.recorder.trace();
  foreign.program = built->program.digest();
  REQUIRE(WriteFile(path / "run.trace", TraceFile(foreign)).ok());
  CHECK_THAT(error(), Contains("run.trace") && Contains("program: expected"));
  foreign = run.recorder.trace();
  foreign.tracks.begin()->second.front().node = 1'000'000;
  foreign.tracks.begin()->second.front().kind = TraceEvent::Kind::kWork;
  REQUIRE(WriteFile(path / "run.trace", TraceFile(foreign)).ok());
  CHECK_THAT(error(), Contains("node: expected fewer than"));
  Put(path / "run.trace", trace);
  CHECK(ReadRunDirectory(run.given.registry, path).ok());
}

}  // namespace
}  // namespace lutra
