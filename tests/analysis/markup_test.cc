#include "analysis/markup.h"

#include <algorithm>
#include <catch2/catch.hpp>

namespace lutra {
namespace {

TEST_CASE("Text in Markdown marks nothing", "[markup]") {
  CHECK(InMarkdown("a|b *c* _d_ <e> [f](g) `h` $i$ #~&\\") ==
        "a\\|b \\*c\\* \\_d\\_ \\<e\\> \\[f\\](g) \\`h\\` \\$i\\$ \\#\\~\\&\\\\");
  CHECK(InMarkdown("one\ntwo\x01\xff") == "one two \xef\xbf\xbd");
  CHECK(InMarkdown("Ärger → 1") == "Ärger → 1");
}

TEST_CASE("Text in LaTeX is text", "[markup]") {
  CHECK(InLatex("k<8 | \"x\" > y") == "k\\textless{}8 \\textbar{} ''x'' \\textgreater{} y");
  CHECK(InLatex("a_b 5% $x$ #1 ~^{}&\\") ==
        "a\\_b 5\\% \\$x\\$ \\#1 \\textasciitilde{}\\textasciicircum{}\\{\\}\\&\\textbackslash{}");
  // No argument of the "\\" before it.
  CHECK(InLatex("[spam]") == "{[}spam{]}");
  CHECK(InLatex("*") == "{*}");
  // No ligature.
  CHECK(InLatex("--x") == "-{}-x");
  CHECK(InLatex("?`") == "?{`}");
  // A carriage return would end a comment.
  CHECK(InLatex("a\r\nb") == "a  b");
}

TEST_CASE("Letters with marks are set by commands, others are question marks", "[markup]") {
  CHECK(InLatex("Ärger à Łódź, Dvořák, ß") ==
        "\\\"{A}rger \\`{a} \\L{}\\'{o}d\\'{z}, Dvo\\v{r}\\'{a}k, \\ss{}");
  CHECK(InLatex("ŷ ž ş İ") == "\\^{y} \\v{z} \\c{s} \\.{I}");
  CHECK(InLatex("1.2 µs – 3 → 4 …") == "1.2 $\\mu$s -- 3 $\\to$ 4 \\dots{}");
  CHECK(InLatex("漢 €") == "? ?");
  const std::string all = InLatex("ÀÈÌÒÙÁÉÍÓÚÝÂÊÎÔÛÃÑÕÄËÏÖÜŸÅŮÇŞŢČĎĚŇŘŠŤŽĂĞĀĒĪŌŪŐŰĊĖĠŻ");
  CHECK(all.find('?') == all.npos);
  CHECK(std::all_of(all.begin(), all.end(), [](char c) { return c > 0; }));
}

}  // namespace
}  // namespace lutra
