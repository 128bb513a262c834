#include "core/command_line.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "core/version.h"

namespace lutra {
namespace {

CommandLine Example() {
  return CommandLine("lutra-example run", "Runs an example.\nIn two lines.")
      .AddFlag("out", "DIR", "where the results go")
      .AddFlag("seed", "N", "of all randomness")
      .AddFlag("tables", "private|public", "who knows the tables")
      .AddSwitch("quiet", "say nothing")
      .SetPositionals("MODEL [TEXT]", 1, 2)
      .AddExample("lutra-example run model --seed 1");
}

StatusOr<Arguments> Parse(const std::vector<std::string>& arguments) {
  return Example().Parse(arguments);
}

std::string ErrorOf(const std::vector<std::string>& arguments) {
  const StatusOr<Arguments> parsed = Parse(arguments);
  REQUIRE(!parsed.ok());
  const std::string line = OneLine(parsed.status());
  CHECK(line.find('\n') == std::string::npos);
  return line;
}

template <class T>
std::string ErrorOf(const StatusOr<T>& value) {
  REQUIRE(!value.ok());
  return OneLine(value.status());
}

TEST_CASE("Flags and positional arguments in any order", "[core][command_line]") {
  const auto parsed =
      Parse({"--seed=7", "model", "--out", "a folder", "--quiet", "text", "--tables=private"});
  REQUIRE(parsed.ok());
  CHECK(parsed->information() == "");
  CHECK(parsed->positionals() == std::vector<std::string>{"model", "text"});
  CHECK(*parsed->Unsigned("seed", 0) == 7);
  CHECK(parsed->Text("out", "") == "a folder");
  CHECK(parsed->Has("quiet"));
  CHECK(*parsed->Choice("tables", "public", {"private", "public"}) == "private");
}

TEST_CASE("Flags that were not given have the value they would have", "[core][command_line]") {
  const auto parsed = Parse({"model"});
  REQUIRE(parsed.ok());
  CHECK(!parsed->Has("quiet"));
  CHECK(!parsed->Has("seed"));
  CHECK(*parsed->Integer("seed", 5, 1, 3) == 5);
  CHECK(*parsed->Unsigned("seed", 6) == 6);
  CHECK(parsed->Text("out", "here") == "here");
  CHECK(*parsed->Choice("tables", "none", {"private", "public"}) == "none");
}

TEST_CASE("Values may look like anything; -- ends the flags", "[core][command_line]") {
  CHECK(Parse({"model", "--out=--quiet=1"})->Text("out", "") == "--quiet=1");
  CHECK(*Parse({"model", "--seed", "-3"})->Integer("seed", 0, -5, 5) == -3);
  CHECK(Parse({"-", "--quiet"})->positionals() == std::vector<std::string>{"-"});
  const auto parsed = Parse({"--quiet", "--", "--out", "--help"});
  REQUIRE(parsed.ok());
  CHECK(parsed->information() == "");
  CHECK(parsed->positionals() == std::vector<std::string>{"--out", "--help"});
}

TEST_CASE("What is wrong with a command line is said in one line", "[core][command_line]") {
  CHECK(ErrorOf({"model", "--sed", "3"}) ==
        "unknown flag '--sed' (did you mean '--seed'?); lutra-example run --help lists the flags");
  CHECK(ErrorOf({"model", "--uot=3"}).find("'--uot' (did you mean '--out'?)") != std::string::npos);
  CHECK(ErrorOf({"model", "--something-else"}).find("did you mean") == std::string::npos);
  CHECK(ErrorOf({"model", "-q"}).find("unknown flag '-q'") == 0);
  CHECK(ErrorOf({"model", "--=3"}).find("unknown flag '--'") == 0);
  CHECK(ErrorOf({"model", "--seed=1", "--seed", "1"}) == "--seed: expected once, found twice");
  CHECK(ErrorOf({"model", "--quiet", "--quiet"}) == "--quiet: expected once, found twice");
  CHECK(ErrorOf({"model", "--quiet=no"}) == "--quiet: expected no value, found 'no'");
  CHECK(ErrorOf({"model", "--out"}) == "--out: expected a value (DIR), found none");
  CHECK(ErrorOf({"model", "--out="}) == "--out: expected a value (DIR), found none");
  CHECK(ErrorOf({"model", "--out", "--quiet"}) == "--out: expected a value (DIR), found none");
  CHECK(ErrorOf(std::vector<std::string>{}) ==
        "expected MODEL [TEXT], found nothing; lutra-example run --help says more");
  CHECK(ErrorOf({"a", "b", "c\n"}).find("unexpected argument 'c\\x0a'") == 0);
  CHECK(ErrorOf({"model", "--" + std::string(100000, 'x')}).size() < 200);
}

TEST_CASE("Numbers and choices name what was expected and found", "[core][command_line]") {
  const auto with_seed = [](const std::string& value) { return *Parse({"m", "--seed=" + value}); };
  CHECK(ErrorOf(with_seed("0").Integer("seed", 1, 1, 64)) ==
        "--seed: expected a whole number from 1 to 64, found '0'");
  for (const std::string text :
       {"65", "x", "1x", " 1", "1 ", "1.0", "1e3", "0x1", "+1", "--1", "99999999999999999999"}) {
    INFO(text);
    CHECK(!with_seed(text).Integer("seed", 1, 1, 64).ok());
  }
  CHECK(*with_seed("64").Integer("seed", 1, 1, 64) == 64);
  CHECK(*with_seed("18446744073709551615").Unsigned("seed", 0) == ~uint64_t{0});
  CHECK(ErrorOf(with_seed("18446744073709551616").Unsigned("seed", 0)) ==
        "--seed: expected a whole number from 0 to 18446744073709551615, "
        "found '18446744073709551616'");
  CHECK(!with_seed("-1").Unsigned("seed", 0).ok());
  CHECK(*with_seed("1").Bytes("seed", 5) == 1);
  CHECK(*with_seed("3K").Bytes("seed", 5) == 3072);
  CHECK(*with_seed("4G").Bytes("seed", 5) == int64_t{4} << 30);
  CHECK(*with_seed("4194304T").Bytes("seed", 5) == int64_t{1} << 62);
  CHECK(*Parse({"m"})->Bytes("seed", 5) == 5);
  for (const std::string text : {"0", "0G", "-1", "4g", "4GB", "G", "1.5G", "4194305T", "4 G"}) {
    INFO(text);
    CHECK(!with_seed(text).Bytes("seed", 5).ok());
  }
  CHECK(ErrorOf(with_seed("4X").Bytes("seed", 5)) ==
        "--seed: expected a number of bytes such as 4G, 800M or 1000000, found '4X'");
  CHECK(ErrorOf(Parse({"m", "--tables=x"})->Choice("tables", "", {"private", "public", "none"})) ==
        "--tables: expected private, public or none, found 'x'");
}

TEST_CASE("Help and version come before everything else", "[core][command_line]") {
  for (const char* flag : {"--help", "-h"}) {
    const auto parsed = Parse({"--unknown", flag});
    REQUIRE(parsed.ok());
    CHECK(parsed->information() == Example().Help());
  }
  CHECK(Parse({"--version"})->information() == StrCat("lutra-example ", Version(), "\n"));
  CHECK(!Version().empty());

  const std::string help = Example().Help();
  CHECK(help.find("Usage: lutra-example run MODEL [TEXT] [FLAG]...\n") == 0);
  for (const char* text :
       {"Runs an example.\nIn two lines.\n", "  --out DIR  ", "where the results go\n",
        "  --tables private|public  who knows", "  --quiet  ", "say nothing\n", "  --help  ",
        "  --version  ", "\nExamples:\n  lutra-example run model --seed 1\n"}) {
    INFO(text);
    CHECK(help.find(text) != std::string::npos);
  }
}

TEST_CASE("Long explanations are wrapped under their beginning", "[core][command_line]") {
  std::string words;
  for (int i = 0; i < 60; ++i) words += i == 0 ? "word" : " word";
  const std::string help = CommandLine("p", "d").AddFlag("flag", "N", words).Help();
  size_t start = 0, lines = 0;
  for (size_t end; (end = help.find('\n', start)) != std::string::npos; start = end + 1) {
    CHECK(end - start <= 100);
    if (help.compare(start, 13, "             ") == 0 && help[start + 13] == 'w') ++lines;
  }
  CHECK(lines >= 2);
}

}  // namespace
}  // namespace lutra
