#include "analysis/compare.h"

#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "analysis/analyze.h"
#include "analysis/run_directory.h"
#include "tests/analysis/analyzed.h"
#include "tests/analysis/programs.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

// Run directories of small programs that really ran.
class Runs {
 public:
  Runs() {
    std::string name = (fs::temp_directory_path() / "lutra-compare-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    folder_ = name;
  }
  ~Runs() { fs::remove_all(folder_); }
  Runs(const Runs&) = delete;
  Runs& operator=(const Runs&) = delete;

  std::string Add(const std::string& name, LinearForm linear, double online_seconds,
                  const std::vector<std::string>& more_flags = {}) {
    Case given;
    AddLayers(given, 2, linear, LookupForm::kReshare);
    Outcome outcome = RunCase(given);
    outcome.trace.program = outcome.program().digest();
    RunSummary summary;
    summary.command = {"lutra-sim", "model", "--linear",
                       linear == LinearForm::kMasked ? "masked" : "replicated"};
    summary.command.insert(summary.command.end(), more_flags.begin(), more_flags.end());
    summary.model = "model";
    summary.accuracy = 0.75;
    summary.peak_memory_bytes = 1 << 20;
    SessionSummary& session = summary.sessions.emplace_back();
    session.examples = 1;
    session.bytes = BytesIn(outcome.ledger);
    session.seconds = {0.25, 0.5, 0.125, online_seconds};
    session.rounds = outcome.rounds;
    const std::string path = (folder_ / name).string();
    const Status status =
        WriteRunDirectory(path, {summary, outcome.program(), outcome.ledger, outcome.trace});
    INFO(OneLine(status));
    REQUIRE(status.ok());
    return path;
  }

  fs::path folder() const { return folder_; }

 private:
  fs::path folder_;
};

const CompareRow& RowOf(const RunComparison& comparison, std::string_view group,
                        std::string_view name) {
  const auto row = std::find_if(
      comparison.rows.begin(), comparison.rows.end(),
      [&](const CompareRow& each) { return each.group == group && each.name == name; });
  INFO(group << ": " << name);
  REQUIRE(row != comparison.rows.end());
  return *row;
}

TEST_CASE("Equal runs are said to be equal", "[analysis][compare]") {
  Runs runs;
  const std::string a = runs.Add("a", LinearForm::kMasked, 1.5);
  const Registry registry = Registry::WithBuiltins();
  const auto comparison = CompareRuns(registry, std::vector{a, a});
  REQUIRE(comparison.ok());
  CHECK(comparison->same_program());
  CHECK(comparison->Changes().empty());
  const std::string text = ComparisonText(*comparison);
  CHECK(text.find("The same program: ") != std::string::npos);
  CHECK(text.find("Nothing changed.") != std::string::npos);
  CHECK(text.find("No setting differs.") != std::string::npos);
}

TEST_CASE("What changed most comes first, and other programs are said to be others",
          "[analysis][compare]") {
  Runs runs;
  const std::string a = runs.Add("a", LinearForm::kMasked, 1.5);
  const std::string slow = runs.Add("slow", LinearForm::kMasked, 150);
  const std::string b = runs.Add("b", LinearForm::kReplicated, 1.5);
  const Registry registry = Registry::WithBuiltins();

  const auto slower = CompareRuns(registry, std::vector{a, slow});
  REQUIRE(slower.ok());
  CHECK(slower->same_program());
  REQUIRE(slower->Changes().size() == 1);
  CHECK(slower->Changes()[0].row->name == "online seconds");
  CHECK(*slower->Changes()[0].row->ratio(1) == Approx(100));

  const auto comparison = CompareRuns(registry, std::vector{a, slow, b});
  REQUIRE(comparison.ok());
  CHECK(!comparison->same_program());
  // P0's terms move online: 2 layers, 15 elements of 16 bits in each, in halves.
  const CompareRow& prepare = RowOf(*comparison, "total", "prepare bytes");
  CHECK(prepare.values == std::vector<std::optional<double>>{60, 60, 0});
  const CompareRow& online = RowOf(*comparison, "total", "online bytes");
  CHECK(*online.values[2] - *online.values[0] == 60);
  CHECK(RowOf(*comparison, "link", "online p0 -> p1").values ==
        std::vector<std::optional<double>>{0, 0, 28});
  CHECK(RowOf(*comparison, "layer", "layers.1 prepare").values ==
        std::vector<std::optional<double>>{30, 30, 0});
  CHECK(RowOf(*comparison, "protocol", "matrix_product online").values ==
        std::vector<std::optional<double>>{0, 0, 60});
  // From something to nothing is the largest change there is.
  const std::vector<CompareChange> changes = comparison->Changes();
  REQUIRE(changes.size() > 2);
  CHECK(changes[0].row->name == "prepare bytes");
  CHECK(changes[0].run == 2);
  CHECK(changes[1].row->name == "online seconds");

  const std::string text = Output({"compare", a, slow, b});
  CHECK(text.find("DIFFERENT PROGRAMS") != std::string::npos);
  CHECK(text.find("What changed, the largest first:\n  C  prepare bytes: 60 B -> 0 B") !=
        std::string::npos);
  CHECK(text.find("\nlinear   masked  masked  replicated\n") != std::string::npos);
  CHECK(text.find("threads") == std::string::npos);

  const auto json = nlohmann::json::parse(Output({"compare", a, b, "--json"}));
  CHECK(json["format"] == "lutra-comparison/1");
  CHECK(json["same_program"] == false);
  CHECK(json["runs"].size() == 2);
  CHECK(json["changes"][0]["name"] == "prepare bytes");
  CHECK(json["changes"][0]["from"] == 60);
  CHECK(json["changes"][0]["ratio"] == 0);
  CHECK(json["rows"][3]["name"] == "online bytes");
  CHECK(json["rows"][3]["ratios"][0] == 1.0);
}

TEST_CASE("Every setting that differs is told, from run.json and from the command",
          "[analysis][compare]") {
  Runs runs;
  const Registry registry = Registry::WithBuiltins();
  const std::string a = runs.Add("a", LinearForm::kMasked, 1.5);
  const auto differing = [&](const std::vector<std::string>& flags) {
    const std::string b = runs.Add("b", LinearForm::kMasked, 1.5, flags);
    const auto comparison = CompareRuns(registry, std::vector{a, b});
    REQUIRE(comparison.ok());
    std::string text;
    for (const CompareSetting& setting : comparison->settings) {
      if (!setting.differs()) continue;
      text += StrCat(setting.name, ": ", setting.values[0], " / ", setting.values[1], "; ");
    }
    return text;
  };
  CHECK(differing({"--network", "wan-100m", "--shape=all"}) ==
        "network: as the machine is / wan-100m; shape: parties / all; ");
  CHECK(differing({"--rounding", "plain", "--no-check", "--profile", "--input", "x.txt"}) ==
        "input: not given / x.txt; no-check: not given / given; profile: not given / given; "
        "rounding: centred / plain; ");
  CHECK(differing({"--residual-bits=6", "--insecure-plaintext"}) ==
        "insecure-plaintext: not given / given; residual-bits: of the model / 6; ");
  // A default that is said, where it was written to, and a flag that this version does not know.
  CHECK(differing({"--tapes", "stream", "--lookup=reshare", "--out", "elsewhere", "--quiet"})
            .empty());
  CHECK(differing({"--warp", "9"}) == "warp: not given / 9; ");
}

TEST_CASE("Text of a run cannot steer a terminal", "[analysis][compare]") {
  Runs runs;
  const std::string a = runs.Add("a", LinearForm::kMasked, 1.5);
  const std::string b =
      runs.Add("b", LinearForm::kMasked, 1.5, {"--input", "x\x1b[2J\ny\xe2\x80\xae.txt"});
  const std::string text = Output({"compare", a, b});
  CHECK(text.find("x [2J y.txt") != std::string::npos);
  CHECK(text.find('\x1b') == std::string::npos);
}

TEST_CASE("What is not a whole run directory is an error that names it", "[analysis][compare]") {
  Runs runs;
  const std::string a = runs.Add("a", LinearForm::kMasked, 1.5);
  const Registry registry = Registry::WithBuiltins();
  const auto error = [&](const std::vector<std::string>& paths) {
    const auto comparison = CompareRuns(registry, paths);
    REQUIRE(!comparison.ok());
    return OneLine(comparison.status());
  };
  CHECK(error({a}).find("at least 2") != std::string::npos);
  CHECK(error({a, "nowhere"}).find("nowhere/run.json") != std::string::npos);

  const std::string old = runs.Add("old", LinearForm::kMasked, 1.5);
  fs::remove(fs::path(old) / "run.program");
  CHECK(error({a, old}).find("old': expected run.program beside run.json, found none") !=
        std::string::npos);

  const std::string damaged = runs.Add("damaged", LinearForm::kMasked, 1.5);
  const auto json = ReadRunJson(damaged);
  REQUIRE(json.ok());
  const auto put = [&](const nlohmann::ordered_json& changed) {
    std::ofstream(fs::path(damaged) / "run.json") << changed.dump();
  };
  auto changed = *json;
  changed["sessions"] = "two";
  put(changed);
  CHECK(error({a, damaged}).find("run.json': sessions: expected a list, found \"two\"") !=
        std::string::npos);
  const auto found = [&](const char* pointer, const nlohmann::ordered_json& value) {
    changed = *json;
    changed[nlohmann::ordered_json::json_pointer(pointer)] = value;
    put(changed);
    return error({a, damaged});
  };
  CHECK(found("/links", 7).find("links: expected a list, found 7") != std::string::npos);
  CHECK(found("/predicted/here", 7).find("predicted.here: expected an object") !=
        std::string::npos);
  CHECK(found("/sessions/0/online", "fast").find("sessions[0].online: expected an object") !=
        std::string::npos);
  CHECK(found("/sessions/0/online/bytes", 1e300).find("bytes: expected a whole number") !=
        std::string::npos);
  CHECK(found("/model/name", 1.5).find("model.name: expected text, found 1.5") !=
        std::string::npos);
  // What a run need not have.
  changed = *json;
  changed.erase("links");
  changed["predicted"] = nullptr;
  changed["accuracy"] = nullptr;
  put(changed);
  const auto comparison = CompareRuns(registry, std::vector{a, damaged});
  REQUIRE(comparison.ok());
  CHECK(!RowOf(*comparison, "total", "accuracy").values[1].has_value());
  CHECK(!ComparisonText(*comparison).empty());
  CHECK(!ComparisonJson(*comparison).dump().empty());
}

}  // namespace
}  // namespace lutra
