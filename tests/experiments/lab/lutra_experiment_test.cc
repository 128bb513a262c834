// The program as its users call it.
#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <thread>

#include "analysis/csv.h"
#include "core/file.h"
#include "tests/support/child.h"
#include "tests/support/folder.h"
#include "tests/support/paths.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMostBytes = int64_t{1} << 24;

const std::string kRuns = R"(
format = "lutra-experiment/1"
title = "Small runs"
model = "synthetic:hidden=16,heads=2,vocabulary=9"
measure = "simulation"
repetitions = 2
seed = 3
networks = ["lan-10g", "wan-100m"]
breakdown = ["protocol"]
[flags]
threads = 1
[[axes]]
name = "sequence"
values = [4, 8]
[[tables]]
name = "times"
title = "Times & bytes"
rows = ["sequence", "network"]
columns = ["online_bytes", "online_seconds", "predicted_online_seconds", "agrees"]
)";

// More than a test waits for.
const std::string kManyRuns = [] {
  std::string many = kRuns;
  many.replace(many.find("repetitions = 2"), 15, "repetitions = 500");
  return many;
}();

std::string Content(const fs::path& path) {
  const StatusOr<std::string> text = ReadTextFile(path, kMostBytes);
  INFO(OneLine(text.status()));
  REQUIRE(text.ok());
  return *text;
}

CsvTable Csv(const fs::path& path) {
  StatusOr<CsvTable> table = ParseCsv(Content(path), path.string());
  REQUIRE(table.ok());
  return *std::move(table);
}

size_t Lines(const std::string& text) {
  return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
}

// Whether it comes true within a minute.
bool WaitFor(const std::function<bool()>& condition) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

// An experiment and where its results go.
struct Place {
  explicit Place(const std::string& text) { Write(text); }
  void Write(const std::string& text) const { REQUIRE(WriteFile(file(), text).ok()); }
  fs::path file() const { return folder / "experiment.toml"; }
  fs::path out() const { return folder / "out"; }
  Child Start(std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"run", folder.path().string(), "--out", out().string()});
    return Child("lutra-experiment", more);
  }
  Child::Ended Run(std::vector<std::string> more = {}) const {
    return Start(std::move(more)).Wait();
  }
  // By name, when the files of the points were written.
  std::map<std::string, fs::file_time_type> Points() const {
    std::map<std::string, fs::file_time_type> points;
    for (const fs::directory_entry& entry : fs::directory_iterator(out() / "points")) {
      if (entry.path().extension() != ".json") continue;
      points[entry.path().filename().string()] = entry.last_write_time();
    }
    return points;
  }
  // Until the first run is finished.
  void WaitForPoints() const {
    std::error_code error;
    REQUIRE(WaitFor([&] { return fs::exists(out() / "points", error) && !Points().empty(); }));
  }
  Folder folder;
};

TEST_CASE("An experiment runs, resumes, and runs only what changed", "[lutra-experiment]") {
  const Place place(kRuns);
  const Child::Ended dry = place.Run({"--dry-run"});
  CHECK(dry.status == 0);
  CHECK(dry.out.find("2 points, 4 runs, each under 2 networks") != std::string::npos);
  CHECK(dry.out.find("takes       about ") != std::string::npos);
  CHECK(!fs::exists(place.out()));

  const Child::Ended first = place.Run();
  INFO(first.err);
  REQUIRE(first.status == 0);
  CHECK(first.err.empty());
  CHECK(first.out.find("4 of 4 runs") != std::string::npos);
  const auto points = place.Points();
  CHECK(points.size() == 4);
  CHECK(Csv(place.out() / "results.csv").rows.size() == 8);
  CHECK(Lines(Content(place.out() / "results.jsonl")) == 8);
  CHECK(Lines(Content(place.out() / "summary.csv")) == 5);
  const std::string table = Content(place.out() / "tables/times.md");
  CHECK(table.find("| 4 | lan-10g |") != std::string::npos);
  CHECK(table.find("| yes |") != std::string::npos);
  CHECK(Content(place.out() / "tables/times.tex").find("Times \\& bytes") != std::string::npos);
  CHECK(Content(place.out() / "experiment.toml") == kRuns);
  const std::string environment = Content(place.out() / "environment.json");
  CHECK(environment.find("\"seeds\"") != std::string::npos);
  CHECK(fs::exists(place.out() / "index.md"));

  CHECK(place.Run().status == 0);
  CHECK(place.Points() == points);  // nothing ran

  // Another network, another table: nothing runs. Another value: its runs only.
  std::string more = kRuns;
  more.replace(more.find("[4, 8]"), 6, "[4, 5]");
  more.replace(more.find("\"wan-100m\""), 10, "\"lan-1g\"");
  place.Write(more);
  CHECK(place.Run({"--quiet"}).out.empty());
  const auto after = place.Points();
  CHECK(after.size() == 6);
  for (const auto& [name, time] : points) CHECK(after.at(name) == time);
  CHECK(Csv(place.out() / "results.csv").rows.size() == 8);
}

TEST_CASE("A point's file that is not whole is told of and made again", "[lutra-experiment]") {
  const Place place(kRuns);
  REQUIRE(place.Run().status == 0);
  const auto points = place.Points();
  const auto one = points.begin()->first;
  std::string text = Content(place.out() / "points" / one);
  text.replace(text.find("\"online_seconds\": "), 18, "\"online_seconds\": 9");
  REQUIRE(WriteFile(place.out() / "points" / one, text).ok());
  const auto second = std::next(points.begin())->first;
  REQUIRE(WriteFile(place.out() / "points" / second, "{").ok());
  const Child::Ended again = place.Run();
  CHECK(again.status == 0);
  CHECK(Lines(again.err) == 2);
  CHECK(again.err.find(one + ": checksum: expected") != std::string::npos);
  CHECK(again.err.find(second + ": expected a JSON object") != std::string::npos);
  CHECK(again.out.find("2 of 2 runs") != std::string::npos);
  CHECK(place.Run().err.empty());
}

TEST_CASE("An interrupted experiment keeps what is finished", "[lutra-experiment]") {
  const Place place(kManyRuns);
  Child child = place.Start();
  place.WaitForPoints();
  child.Signal(SIGINT);
  const Child::Ended ended = child.Wait();
  CHECK(ended.status == 130);
  CHECK(ended.err.find("interrupted; what is finished is kept") != std::string::npos);
  const auto points = place.Points();
  CHECK(!points.empty());
  CHECK(points.size() < 1000);
  // The same with fewer repetitions: those that are there stay.
  place.Write(kRuns);
  CHECK(place.Run().status == 0);
  const auto after = place.Points();
  for (const auto& [name, time] : points) CHECK(after.at(name) == time);
}

TEST_CASE("A killed experiment goes on where it was", "[lutra-experiment]") {
  const Place place(kManyRuns);
  {
    Child child = place.Start();
    place.WaitForPoints();
    child.Signal(SIGKILL);
    CHECK(child.Wait().status == -1);
  }
  // What a killed process leaves behind.
  REQUIRE(WriteFile(place.out() / "points/.abc.json.1234.tmp", "half").ok());
  REQUIRE(WriteFile(place.out() / "points/run-7.log", "words").ok());
  const auto points = place.Points();
  CHECK(!points.empty());
  place.Write(kRuns);
  const Child::Ended again = place.Run();
  INFO(again.err);
  CHECK(again.status == 0);
  const auto after = place.Points();
  for (const auto& [name, time] : points) CHECK(after.at(name) == time);
  for (const fs::directory_entry& entry : fs::directory_iterator(place.out() / "points")) {
    const std::string end = entry.path().extension().string();
    CHECK((end == ".json" || end == ".trace" || entry.path().filename() == ".lock"));
  }
  CHECK(Csv(place.out() / "results.csv").rows.size() == 8);
}

TEST_CASE("A run that is killed is told of, and the others are kept", "[lutra-experiment]") {
  std::string slow = kRuns;
  slow.replace(slow.find("threads = 1"), 11, "threads = 1\nexamples = 40\nbatch = 1");
  const Place place(slow);
  Child child = place.Start();
  const std::string children = StrCat("/proc/", child.pid(), "/task/", child.pid(), "/children");
  const bool killed = WaitFor([&] {
    const StatusOr<std::string> pids = ReadTextFile(children, 4096);
    if (!pids.ok() || pids->empty()) return false;
    const int pid = std::stoi(*pids);
    const StatusOr<std::string> words = ReadTextFile(StrCat("/proc/", pid, "/cmdline"), 4096);
    const bool is_point = words.ok() && words->find("point") != std::string::npos;
    return is_point && kill(pid, SIGKILL) == 0;
  });
  REQUIRE(killed);
  const Child::Ended ended = child.Wait();
  CHECK(ended.status == 1);
  CHECK(ended.err ==
        "lutra-experiment: sequence=4, repetition 1: ended by signal 9 (Killed)\n"
        "lutra-experiment: 1 of 4 runs failed; the others are kept\n");
  CHECK(place.Points().size() == 3);
  CHECK(Csv(place.out() / "results.csv").rows.size() == 6);
  // The same command makes up for it.
  const auto points = place.Points();
  const Child::Ended again = place.Run();
  CHECK(again.status == 0);
  CHECK(again.out.find("takes       about ") != std::string::npos);
  CHECK(again.out.find(" for 1 run; ") != std::string::npos);
  const auto after = place.Points();
  CHECK(after.size() == 4);
  for (const auto& [name, time] : points) CHECK(after.at(name) == time);
}

TEST_CASE("Where every run fails the results stay as they were", "[lutra-experiment]") {
  const Place place(kRuns);
  REQUIRE(place.Run().status == 0);
  const std::string before = Content(place.out() / "results.csv");
  // Folders where the traces should go.
  std::vector<fs::path> traces;
  for (const auto& [name, time] : place.Points()) {
    fs::remove(place.out() / "points" / name);
    traces.push_back((place.out() / "points" / name).replace_extension(".trace"));
    fs::remove(traces.back());
    fs::create_directories(traces.back() / "x");
  }
  const Child::Ended ended = place.Run();
  CHECK(ended.status == 1);
  CHECK(Lines(ended.err) == 5);
  CHECK(ended.err.find("sequence=8, repetition 2: ") != std::string::npos);
  CHECK(ended.err.find("4 of 4 runs failed; the others are kept") != std::string::npos);
  CHECK(Content(place.out() / "results.csv") == before);
}

TEST_CASE("A trace that is not as it was written is told of and made again", "[lutra-experiment]") {
  const Place place(kRuns);
  REQUIRE(place.Run().status == 0);
  const auto points = place.Points();
  const auto file = [&](size_t index, std::string_view extension) {
    return (place.out() / "points" / std::next(points.begin(), static_cast<int>(index))->first)
        .replace_extension(extension);
  };
  fs::resize_file(file(0, ".trace"), 100);
  fs::copy_file(file(3, ".trace"), file(1, ".trace"), fs::copy_options::overwrite_existing);
  fs::copy_file(file(3, ".json"), file(2, ".json"), fs::copy_options::overwrite_existing);
  const Child::Ended again = place.Run();
  INFO(again.err);
  CHECK(again.status == 0);
  CHECK(Lines(again.err) == 3);
  CHECK(again.err.find(StrCat(file(0, ".trace").filename().string(),
                              ": expected the trace as it was written")) != std::string::npos);
  CHECK(again.err.find(file(1, ".trace").filename().string()) != std::string::npos);
  CHECK(again.err.find(StrCat(file(2, ".json").filename().string(), ": key: expected ")) !=
        std::string::npos);
  CHECK(again.err.find("; it runs again") != std::string::npos);
  CHECK(again.out.find("3 of 3 runs") != std::string::npos);
  CHECK(place.Run().err.empty());
}

TEST_CASE("render makes tables anew, runs nothing, and throws nothing away", "[lutra-experiment]") {
  const Place place(kRuns);
  const auto render = [&](const std::string& path) {
    return Child("lutra-experiment", {"render", path, "--out", place.out().string()}).Wait();
  };
  const Child::Ended nothing = render(place.folder.path().string());
  CHECK(nothing.status == 1);
  CHECK(nothing.err.find("expected finished runs of ") != std::string::npos);
  CHECK(!fs::exists(place.out()));

  REQUIRE(place.Run({"--jobs", "2"}).status == 0);
  const auto points = place.Points();
  const std::string environment = Content(place.out() / "environment.json");
  CHECK(environment.find("\"--jobs=2\"") != std::string::npos);

  std::string more = kRuns;
  more.replace(more.find("Times & bytes"), 13, "Bytes & times");
  more.replace(more.find("\"wan-100m\""), 10, "\"lan-1g\"");
  place.Write(more);
  // By the place of the results, too: they know their file.
  const Child::Ended rendered = Child("lutra-experiment", {"render", place.out().string()}).Wait();
  INFO(rendered.err);
  CHECK(rendered.status == 0);
  CHECK(rendered.out.find("4 runs of 4 finished") != std::string::npos);
  CHECK(place.Points() == points);
  const std::string table = Content(place.out() / "tables/times.md");
  CHECK(table.find("Bytes") != std::string::npos);
  CHECK(table.find("| 8 | lan-1g |") != std::string::npos);
  CHECK(Content(place.out() / "experiment.toml") == more);
  CHECK(Content(place.out() / "environment.json") == environment);

  // Another seed: none of the runs is of this file.
  more.replace(more.find("seed = 3"), 8, "seed = 9");
  place.Write(more);
  const std::string results = Content(place.out() / "results.csv");
  const Child::Ended other = render(place.folder.path().string());
  CHECK(other.status == 1);
  CHECK(Lines(other.err) == 1);
  CHECK(other.err.find("found only 4 runs of other settings, seeds, files or versions") !=
        std::string::npos);
  CHECK(Content(place.out() / "results.csv") == results);
  CHECK(Content(place.out() / "tables/times.md") == table);
}

TEST_CASE("Runs that were made in another way are told of", "[lutra-experiment]") {
  const Place place(kRuns);
  REQUIRE(place.Run({"--only", "sequence=4"}).status == 0);
  const auto text = [&] { return Content(place.out() / "environment.json"); };
  CHECK(text().find("\"jobs\": 1") != std::string::npos);
  CHECK(text().find("\"compiler\"") != std::string::npos);
  const Child::Ended more = place.Run({"--jobs", "2"});
  CHECK(more.status == 0);
  CHECK(more.out.find("2 runs there by another build, machine, engine or --jobs") !=
        std::string::npos);
  CHECK(text().find("\"jobs\": 1") != std::string::npos);
  CHECK(text().find("\"jobs\": 2") != std::string::npos);
  CHECK(Content(place.out() / "index.md").find("not all of one machine, build") !=
        std::string::npos);
}

TEST_CASE("A model that changes after the plan is an error", "[lutra-experiment]") {
  std::string text = kRuns;
  text.replace(text.find("synthetic:hidden=16,heads=2,vocabulary=9"), 40, "m.safetensors");
  text.replace(text.find("threads = 1"), 11, "threads = 1\nexamples = 1\nbatch = 1");
  text.replace(text.find("name = \"sequence\""), 17, "name = \"extra_bits\"");
  text.replace(text.find("[4, 8]"), 6, "[0, 1]");
  text.replace(text.find("rows = [\"sequence\""), 18, "rows = [\"extra_bits\"");
  const Place place(text);
  const fs::path shipped = SourcePath("models/pretrained");
  fs::copy(shipped / "sms-spam-tiny.safetensors", place.folder / "m.safetensors");
  fs::copy(shipped / "sms-spam-tiny.vocab.txt", place.folder / "m.vocab.txt");
  fs::copy(shipped / "wordpiece.txt", place.folder / "wordpiece.txt");
  REQUIRE(WriteFile(place.folder / "m.texts.tsv", "ham\thello\n").ok());
  REQUIRE(place.Run().status == 0);
  for (const auto& [name, time] : place.Points()) fs::remove(place.out() / "points" / name);
  const auto point = [&] {
    return Child("lutra-experiment", {"point", place.out().string(), "0"}).Wait();
  };
  REQUIRE(WriteFile(place.folder / "m.texts.tsv", "ham\tgoodbye\n").ok());
  const Child::Ended changed = point();
  CHECK(changed.status == 1);
  CHECK(changed.err.find("inputs: expected what was planned (") != std::string::npos);
  CHECK(place.Points().empty());
  REQUIRE(WriteFile(place.folder / "m.texts.tsv", "ham\thello\n").ok());
  CHECK(point().status == 0);
  CHECK(place.Points().size() == 1);
}

TEST_CASE("Processes run as a simulation does", "[lutra-experiment][slow][ci]") {
  std::string text = kRuns;
  text.replace(text.find("measure = \"simulation\""), 22, "measure = \"processes\"");
  text.replace(text.find("repetitions = 2"), 15, "repetitions = 1");
  text.replace(text.find("[4, 8]"), 6, "[4]");
  text.replace(text.find(", \"agrees\""), 10, "");
  const Place place(text);
  const Child::Ended ended = place.Run();
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  const CsvTable results = Csv(place.out() / "results.csv");
  REQUIRE(results.rows.size() == 2);
  const auto cell = [&](const std::string& column) {
    const auto found = std::find(results.head.begin(), results.head.end(), column);
    REQUIRE(found != results.head.end());
    return results.rows[0].cells[static_cast<size_t>(found - results.head.begin())];
  };
  CHECK(std::stod(cell("online_seconds")) > 0);
  CHECK(std::stod(cell("framing_bytes")) > 0);
  CHECK(std::stod(cell("predicted_online_seconds")) > 0);
  CHECK(cell("agrees") == "NA");
}

TEST_CASE("A boolean axis has booleans", "[lutra-experiment]") {
  std::string text = kRuns;
  text.replace(text.find("name = \"sequence\""), 17, "name = \"check\"");
  text.replace(text.find("[4, 8]"), 6, "[true, false]");
  text.replace(text.find("rows = [\"sequence\""), 18, "rows = [\"check\"");
  text.replace(text.find("repetitions = 2"), 15, "repetitions = 1");
  text += "only = { check = true }\n";
  const Place place(text);
  REQUIRE(place.Run({"--only", "check=true"}).status == 0);
  CHECK(Content(place.out() / "results.jsonl").find("\"check\":true") != std::string::npos);
  CHECK(Csv(place.out() / "results.csv").rows[0].cells[1] == "TRUE");
  CHECK(Content(place.out() / "tables/times.md").find("lan-10g") != std::string::npos);
  CHECK(
      Child("lutra-experiment", {"check", place.folder.path().string(), "--write"}).Wait().status ==
      0);
  CHECK(Child("lutra-experiment", {"check", place.folder.path().string()}).Wait().status == 0);
}

TEST_CASE("Some points only", "[lutra-experiment]") {
  const Place place(kRuns);
  REQUIRE(place.Run({"--only", "sequence=4"}).status == 0);
  const auto points = place.Points();
  CHECK(points.size() == 2);
  CHECK(Csv(place.out() / "results.csv").rows.size() == 4);
  const Child::Ended wrong = place.Run({"--only", "sequence=5"});
  CHECK(wrong.status == 1);
  CHECK(wrong.err == "lutra-experiment: --only: sequence: expected one of 4, 8, found '5'\n");
  CHECK(place.Run({"--only", "colour=5"}).err.find("expected AXIS=VALUE with an axis of") !=
        std::string::npos);
}

TEST_CASE("Only what is kept has to fit this machine", "[lutra-experiment]") {
  std::string text = kRuns;
  text.replace(
      text.find("name = \"sequence\"\nvalues = [4, 8]"), 33,
      "name = \"form\"\ncases = [{ name = \"a\", sequence = 4 },\n"
      "         { name = \"a,b\", sequence = 4, simd = \"MMX\" }, { name = \"b\", sequence = 8 "
      "}]");
  text.replace(text.find("rows = [\"sequence\""), 18, "rows = [\"form\"");
  const Place place(text);
  const Child::Ended all = place.Run();
  CHECK(all.status == 1);
  CHECK(all.err.find("experiment.toml:15: form=a,b: simd: expected one that this machine has") !=
        std::string::npos);
  CHECK(place.Run({"--only", "form=a,b", "--dry-run"}).status == 1);
  // A label may have commas; several values are alternatives.
  const Child::Ended some = place.Run({"--only", "form=b,form=a"});
  INFO(some.err);
  CHECK(some.status == 0);
  CHECK(place.Points().size() == 4);
}

TEST_CASE("Runs at a time give the same results", "[lutra-experiment]") {
  const Place place(kRuns);
  REQUIRE(place.Run({"--jobs", "4"}).status == 0);
  CHECK(place.Points().size() == 4);
  CHECK(place.Run({"--jobs", "0"}).err.find("--jobs: expected a whole number from 1 to 1024") !=
        std::string::npos);
}

TEST_CASE("Results that are moved are whole by themselves", "[lutra-experiment]") {
  std::string own = kRuns;
  own.replace(own.find("\"wan-100m\""), 10, "\"own.toml\"");
  const Place place(own);
  REQUIRE(
      WriteFile(place.folder / "own.toml", "format = \"lutra-network/1\"\nname = \"own\"\n").ok());
  REQUIRE(place.Run({"--only", "sequence=4"}).status == 0);
  const Folder other;
  const fs::path moved = other / "moved";
  fs::rename(place.out(), moved);
  fs::remove(place.folder / "own.toml");
  fs::remove(place.file());
  fs::remove_all(moved / "tables");
  const Child::Ended rendered = Child("lutra-experiment", {"render", moved.string()}).Wait();
  INFO(rendered.err);
  CHECK(rendered.status == 0);
  CHECK(Content(moved / "tables/times.md").find("| 4 | own |") != std::string::npos);
}

TEST_CASE("What is not an experiment's results is not touched", "[lutra-experiment]") {
  const Place place(kRuns);
  fs::create_directories(place.out());
  REQUIRE(WriteFile(place.out() / "mine.txt", "x").ok());
  const Child::Ended ended = place.Run();
  CHECK(ended.status == 1);
  CHECK(ended.err.find("exists and does not hold the results of an experiment") !=
        std::string::npos);
  CHECK(!fs::exists(place.out() / "points"));
}

TEST_CASE("check compares the closed form with what is expected", "[lutra-experiment]") {
  const Place place(kRuns);
  const auto check = [&](std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"check", place.folder.path().string()});
    return Child("lutra-experiment", more).Wait();
  };
  const fs::path expected = place.folder / "expected.csv";
  CHECK(check().status == 1);  // there is none
  CHECK(check({"--write"}).status == 0);
  const std::string right = Content(expected);
  CHECK(Lines(right) == 3);
  CHECK(check().out.find("2 points, 20 figures as expected") != std::string::npos);

  const auto error = [&](const std::string& text) {
    REQUIRE(WriteFile(expected, text).ok());
    const Child::Ended ended = check();
    CHECK(ended.status == 1);
    CHECK(Lines(ended.err) == 1);
    return ended.err;
  };
  // One figure of one row: the last of the file, its rounds.
  const std::string wrong = StrCat(right.substr(0, right.size() - 1), "1\n");
  CHECK(error(wrong).find("expected.csv:3: sequence=8: rounds: expected ") != std::string::npos);
  CHECK(error("sequence,rounds\n9,3\n")
            .find(":2: expected a point of the experiment, found "
                  "sequence=9") != std::string::npos);
  CHECK(error("sequence,colour\n8,3\n").find(":1: expected axes and figures") != std::string::npos);
  CHECK(error("rounds\n3\n").find(":1: expected a column for the axis 'sequence'") !=
        std::string::npos);
  CHECK(error("sequence,rounds\n").find("expected at least one row") != std::string::npos);
}

TEST_CASE("A point of a plan can be run by itself", "[lutra-experiment]") {
  const Place place(kRuns);
  REQUIRE(place.Run().status == 0);
  const auto point = [&](const std::string& number) {
    return Child("lutra-experiment", {"point", place.out().string(), number}).Wait();
  };
  CHECK(point("99").err.find("plan.json: expected a run below ") != std::string::npos);
  CHECK(point("x").err.find("N: expected a number of a run, found 'x'") != std::string::npos);
  // From a plan: what is gone is run again, what is there stays.
  fs::remove_all(place.out() / "points");
  const Child::Ended again = place.Run({"--only", "sequence=8"});
  REQUIRE(again.status == 0);
  const auto points = place.Points();
  fs::remove(place.out() / "points" / points.begin()->first);
  CHECK(point("0").status == 0);
  CHECK(point("1").status == 0);
  CHECK(place.Points().size() == 2);
}

TEST_CASE("Commands and their mistakes", "[lutra-experiment]") {
  const auto call = [](std::vector<std::string> arguments) {
    return Child("lutra-experiment", std::move(arguments)).Wait();
  };
  CHECK(call({"--help"}).status == 0);
  for (const std::string& command :
       std::vector<std::string>{"run", "check", "render", "list", "point"}) {
    const Child::Ended help = call({command, "--help"});
    CHECK(help.status == 0);
    CHECK(help.out.find(StrCat("lutra-experiment ", command)) != std::string::npos);
  }
  CHECK(call({"rnu"}).err.find("did you mean 'run'?") != std::string::npos);
  CHECK(call({}).status == 1);
  CHECK(call({"run", "/nowhere"}).status == 1);
  CHECK(call({"list", "/nowhere"}).status == 1);
  CHECK(call({"check", "/nowhere"}).status == 1);
  const Folder folder;
  fs::create_symlink("loop", folder / "loop");  // what cannot be looked into is no experiment
  CHECK(call({"list", folder.path().string()}).status == 0);
  CHECK(call({"check", folder.path().string()})
            .err.find("expected a folder with an experiment.toml") != std::string::npos);
  CHECK(call({"--version"}).status == 0);
}

}  // namespace
}  // namespace lutra
