#include "analysis/report.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "analysis/cost_table.h"
#include "analysis/palette.h"
#include "analysis/picture.h"
#include "analysis/report_figures.h"
#include "analysis/run_facts.h"
#include "mpc/protocol.h"
#include "tests/analysis/programs.h"
#include "tests/support/text.h"

namespace lutra {
namespace {

using Json = nlohmann::ordered_json;

// A report with one table of every format, and text that is not harmless.
Report Example() {
  Report report;
  report.title = "<b>a & b</b>";
  report.lead = "one \"lead\"";
  report.facts = {{"model", "x_y#1"}};
  report.results = {{"Agreement", "no", "they disagree", Source::kRecorded, true}};
  ReportTable table;
  table.id = "all";
  table.title = "A_table";
  table.columns = {{"name"},
                   {"count", Format::kCount, Source::kCounted},
                   {"bytes", Format::kBytes, Source::kCounted, true},
                   {"seconds", Format::kSeconds, Source::kMeasured},
                   {"share", Format::kShare, Source::kReplayed}};
  table.Add({std::string("p|q"), int64_t{1234567}, int64_t{1234567}, 0.00456123, 0.5});
  table.Add({std::string("é \x01 \xff"), ReportCell(), int64_t{0}, 12.0, 0.0001});
  table.left_out = 3;
  report.sections.push_back({"first", "First", "1st", {std::string("text"), table}});
  report.sections.push_back({"second", "Second", "2nd", {ReportIcicle{}}});
  report.data["icicle"]["names"] = {"</script><script>alert(1)</script>"};
  return report;
}

TEST_CASE("Numbers as reports show them", "[report]") {
  CHECK(Shown(int64_t{1234567}, Format::kBytes) == "1.23 MB");
  CHECK(InFull(int64_t{1234567}, Format::kBytes) == "1,234,567 bytes");
  CHECK(InFull(int64_t{999}, Format::kBytes).empty());
  CHECK(Shown(int64_t{1234567}, Format::kBits) == "1.23 Mbit");
  CHECK(Shown(int64_t{1234567}, Format::kCount) == "1,234,567");
  CHECK(Shown(0.00456123, Format::kSeconds) == "4.56 ms");
  CHECK(InFull(0.00456123, Format::kSeconds) == "0.004561230 s");
  CHECK(Shown(0.123, Format::kShare) == "12.3 %");
  CHECK(Shown(0.0001, Format::kShare) == "< 0.1 %");
  CHECK(Shown(0.0, Format::kShare) == "0.0 %");
  CHECK(Shown(0.0001, Format::kNumber) == "0.000100");
  CHECK(InFull(0.0001234567, Format::kNumber) == "0.0001234567");
  CHECK(Shown(1.23456, Format::kNumber) == "1.235");
  CHECK(Shown(-0.0456, Format::kNumber) == "-0.0456");
  CHECK(Shown(0.0, Format::kNumber) == "0.000");
  CHECK(Shown(1e-12, Format::kNumber) == "1e-12");
  CHECK(Shown(ReportCell(), Format::kBytes) == "–");
  CHECK(HumanSeconds(0) == "0 s");
  CHECK(HumanSeconds(0.9996e-6) == "1.00 µs");
  CHECK(HumanSeconds(12.345) == "12.3 s");
  CHECK(HumanSeconds(5e-9) == "5.00 ns");
}

TEST_CASE("A page keeps foreign text as text", "[report]") {
  const std::string page = ReportHtml(Example());
  CHECK(Has(page, "<h1>&lt;b&gt;a &amp; b&lt;/b&gt;</h1>"));
  CHECK(!Has(page, "alert(1)</script>"));
  CHECK(Has(page, "\\u003c/script>"));
  CHECK(!Has(page, "\x01"));
  CHECK(!Has(page, "\xff"));
  CHECK(Has(page, "data-v=\"1234567\" title=\"1,234,567 bytes, counted\""));
  CHECK(Has(page, "3 rows are left out."));
  CHECK(Has(page, "class=\"alarm\""));
  // Nothing from anywhere else.
  CHECK(!Has(page, "src="));
  CHECK(!Has(page, "http://"));
  CHECK(!Has(page, "https://"));
  CHECK(Has(page, "default-src 'none'"));
}

TEST_CASE("The same tables as Markdown and for LaTeX", "[report]") {
  const std::string markdown = ReportMarkdown(Example());
  CHECK(Has(markdown, "| p\\|q | 1,234,567 | 1.23 MB | 4.56 ms | 50.0 % |"));
  CHECK(Has(markdown, "# \\<b\\>a \\& b"));
  CHECK(Has(markdown,
            "3 rows are left out. counted: count, bytes; measured: seconds; "
            "replayed: share."));
  CHECK(Has(markdown, "| Agreement | no | they disagree |"));
  const std::string latex = ReportLatex(Example());
  CHECK(Has(latex, "\\caption{A\\_table}"));
  CHECK(Has(latex,
            "3 rows are left out. counted: count, bytes; measured: seconds; replayed: share."));
  CHECK(Has(latex, "p\\textbar{}q & 1,234,567 & 1.23 MB & 4.56 ms & 50.0 \\% \\\\"));
  CHECK(Has(latex, "\\textless{} 0.1 \\%"));
  CHECK(std::all_of(latex.begin(), latex.end(), [](char c) { return c > 0; }));
}

TEST_CASE("Pictures are drawn as SVG and PDF, the same each time", "[report]") {
  Picture picture(200, 40, "a <title>");
  picture.Rectangle(1.5, 2, 100.25, 10, kOrange, "a & b");
  picture.Line(0, 20, 200, 20);
  picture.Text(100, 30, "right", 12, Picture::Anchor::kEnd, Ink::kMuted, true);
  const std::string svg = picture.Svg();
  CHECK(Has(svg, "<title>a &lt;title&gt;</title>"));
  CHECK(Has(svg,
            "<rect x=\"1.5\" y=\"2\" width=\"100.25\" height=\"10\" fill=\"#E69F00\">"
            "<title>a &amp; b</title></rect>"));
  CHECK(Has(svg, "text-anchor=\"end\""));
  const auto pdf = picture.Pdf();
  REQUIRE(pdf.ok());
  CHECK(pdf->starts_with("%PDF-"));
  CHECK(*picture.Pdf() == *pdf);
  CHECK(Picture::TextWidth("wide", 12) > Picture::TextWidth("il", 12));
  CHECK(Picture::Fitted("short", 12, 100) == "short");
  const std::string cut = Picture::Fitted("äöü äöü äöü", 12, 60);
  CHECK(cut.ends_with("…"));
  CHECK(Picture::TextWidth(cut, 12) <= 60);
}

TEST_CASE("Figures take nothing, and much", "[report]") {
  for (const double width : {kWide, kNarrow}) {
    CHECK(Has(SplitPicture({}, {}, width).Svg(), "online"));
    CHECK(Has(BarsPicture("none", {}, kBlue, width).Svg(), "<svg"));
    CHECK(Has(StackedPicture("none", {}, width).Svg(), "<svg"));
    CHECK(Has(RoundsPicture({}, width).Svg(), "<svg"));
    const StackedData half{{{"half", "#808080", 0.5}}, {{"row", "1 s", {1}}}};
    CHECK(Has(StackedPicture("one", half, width).Svg(), "height=\"7\" fill=\"#808080\""));
    RoundsData data;
    data.series = {"lookup", "reshare"};
    for (int i = 0; i < 5000; ++i) data.rounds.push_back({i, "layer", "step", {i, 1}});
    const std::string many = RoundsPicture(data, width).Svg();
    CHECK(Has(many, "rounds 1 to "));
    CHECK(many.size() < (size_t{1} << 18));
  }
}

TEST_CASE("Colours of phases and roles are apart", "[report]") {
  std::set<std::string_view> roles, phases;
  for (const Role role : kRoles) roles.insert(Color(role));
  for (const Phase phase : kPhases) phases.insert(Color(phase));
  CHECK(roles.size() == kRoles.size());
  CHECK(phases.size() == kPhases.size());
  CHECK(Color(Phase::kDeal) == Color(Role::kDealer));
}

TEST_CASE("run.json is read with its types", "[report]") {
  Json run = Json::parse(R"({
    "format": "lutra-run/1", "version": "1", "command": ["a"], "program": {"digest": "00"},
    "model": {"name": "m", "labels": ["x", "y"]}, "plan": "table", "tables": "private",
    "deployment": "four-process", "machine": {"processor": "p", "cores": 2, "memory_bytes": 3},
    "simd": "AVX2", "threads": 2, "seed": 18446744073709551615, "batch": 4,
    "sessions": [{"examples": 4, "model": {"bytes": 1, "seconds": 0.5},
      "offline": {"dealer": {"bytes": 2, "seconds": 1}, "prepare": {"bytes": 3, "seconds": 0}},
      "online": {"bytes": 4, "rounds": 5, "seconds": 2, "framing_bytes": 0}}],
    "peaks": null, "peak_memory_bytes": null, "outputs": [{"prediction": 1, "logits": [-1, 2],
    "label": null}], "agrees_with_ideal": true, "accuracy": null, "accuracy_ideal": 0.5})");
  const auto facts = RunFactsOf(run, "run.json");
  REQUIRE(facts.ok());
  CHECK(facts->seed == "18446744073709551615");
  CHECK(facts->bytes(Phase::kPrepare) == 3);
  CHECK(facts->seconds(Phase::kOnline) == 2);
  CHECK(facts->examples() == 4);
  CHECK(facts->agrees_with_ideal == true);
  CHECK(facts->accuracy_ideal == 0.5);
  CHECK(!facts->accuracy.has_value());
  CHECK(!facts->shaped_to.has_value());
  CHECK(!facts->offline_seconds().has_value());

  Json shaped = run;
  shaped["shaped"] = {{"network", "lan-1g"}, {"links", "parties"}};
  shaped["sessions"][0]["offline"]["seconds"] = 1.5;
  const auto of_processes = RunFactsOf(shaped, "run.json");
  REQUIRE(of_processes.ok());
  CHECK(of_processes->shaped_to == "lan-1g");
  CHECK(of_processes->shaped_links == "parties");
  CHECK(of_processes->offline_seconds() == 1.5);

  const auto message = [&](const char* pointer, Json value) {
    Json wrong = run;
    wrong[Json::json_pointer(pointer)] = std::move(value);
    return OneLine(RunFactsOf(wrong, "run.json").status());
  };
  CHECK(message("/sessions/0/online/bytes", -4) ==
        "run.json: sessions[0].online.bytes: expected a whole number of at least 0, found -4");
  CHECK(message("/shaped", "lan-1g") == "run.json: shaped: expected an object, found \"lan-1g\"");
  CHECK(message("/sessions/0/offline/seconds", -1).find("sessions[0].offline.seconds: expected") !=
        std::string::npos);
  CHECK(message("/model", 3) == "run.json: model: expected an object, found 3");
  CHECK(message("/seed", 1.5) == "run.json: seed: expected text or a whole number, found 1.5");
  CHECK(message("/outputs/0", "x") ==
        "run.json: outputs: expected a list of objects, found "
        "[\"x\"]");
  CHECK(message("/sessions/0/online/bytes", int64_t{1} << 55).find("expected a whole number") !=
        std::string::npos);
  Json none = run;
  none.erase("threads");
  CHECK(OneLine(RunFactsOf(none, "run.json").status()) ==
        "run.json: threads: expected a whole number of at least 0, found none");
}

// How many parts of messages have an argument; every one must.
int64_t Arguments(LinearForm linear, LookupForm lookup) {
  Case given;
  AddLayers(given, 2, linear, lookup);
  const auto built = std::move(given.builder).Build();
  REQUIRE(built.ok());
  int64_t arguments = 0;
  for (const Node& node : built->program.nodes()) {
    for (const LinkCost& link : node.protocol->ClosedForm(node).links) {
      if (link.phase == Phase::kDeal) continue;
      INFO(node.ToString());
      const std::string_view argument = node.protocol->Privacy(node, link.phase, link.to);
      CHECK(!argument.empty());
      CHECK(!argument.ends_with("."));
      ++arguments;
    }
  }
  return arguments;
}

TEST_CASE("Every protocol that sends says why that is private", "[report]") {
  CHECK(Arguments(LinearForm::kMasked, LookupForm::kReshare) > 10);
  CHECK(Arguments(LinearForm::kReplicated, LookupForm::kDirect) > 10);
}

}  // namespace
}  // namespace lutra
