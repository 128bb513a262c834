// TOML files: what is read, and that every error says file, line, key, expected and found.
#include "core/toml_file.h"

#include <catch2/catch.hpp>
#include <limits>
#include <string>
#include <vector>

#include "tests/support/folder.h"

namespace lutra {
namespace {

constexpr std::string_view kText = R"(format = "lutra-example/1"
name = "a"
count = 7
share = 0.5
switch = true
list = ["x", "y"]
mixed = ["x", 2]
day = 2024-01-02

[table]
inner = 3

[[parts]]
size = 1
[[parts]]
size = 2
)";

TomlFile Parsed(std::string_view text) {
  StatusOr<TomlFile> file = TomlFile::Parse(text, "file.toml");
  INFO(OneLine(file.status()));
  REQUIRE(file.ok());
  return *std::move(file);
}

template <typename T>
std::string Error(const StatusOr<T>& value) {
  REQUIRE_FALSE(value.ok());
  return OneLine(value.status());
}

TEST_CASE("What a TOML file has is read", "[core][toml]") {
  const TomlFile file = Parsed(kText);
  const TomlTable root = file.root();
  CHECK(file.CheckFormat("lutra-example/1").ok());
  CHECK(root.Keys() == std::vector<std::string>{"format", "name", "count", "share", "switch",
                                                "list", "mixed", "day", "table", "parts"});
  CHECK(root.Has("name"));
  CHECK_FALSE(root.Has("nam"));
  CHECK(root.Find("nam") == nullptr);
  CHECK(*root.Text("name") == "a");
  CHECK(*root.Choice("name", {"b", "a"}) == "a");
  CHECK(*root.Integer("count", 7, 7) == 7);
  CHECK(*root.Number("count", 0, 10) == 7);  // an integer is a number
  CHECK(*root.Number("share", 0.5, 0.5) == 0.5);
  CHECK(*root.Boolean("switch"));
  CHECK(*root.Texts("list") == std::vector<std::string>{"x", "y"});
  CHECK((*root.Array("mixed", "an array"))->size() == 2);

  const StatusOr<TomlTable> table = root.Table("table");
  REQUIRE(table.ok());
  CHECK(*table->Integer("inner", 0, 10) == 3);
  CHECK(table->Key("inner") == "table.inner");
  CHECK(root.Key("inner") == "inner");
  CHECK(table->CheckKeys({"inner", "other"}).ok());

  const StatusOr<std::vector<TomlTable>> parts = root.Tables("parts");
  REQUIRE(parts.ok());
  REQUIRE(parts->size() == 2);
  CHECK(*(*parts)[1].Integer("size", 0, 10) == 2);
}

TEST_CASE("Errors of a TOML file name line, key, expected and found", "[core][toml]") {
  const TomlFile file = Parsed(kText);
  const TomlTable root = file.root();
  CHECK(OneLine(file.CheckFormat("lutra-example/2")) ==
        "file.toml:1: format: expected 'lutra-example/2', found 'lutra-example/1'");
  CHECK(OneLine(Parsed("a = 1").CheckFormat("lutra-example/1")) ==
        "file.toml:1: format: expected 'lutra-example/1', found nothing");
  CHECK(OneLine(Parsed("\nformat = 1").CheckFormat("x")) ==
        "file.toml:2: format: expected 'x', found an integer");

  // What is missing: where its table begins.
  CHECK(Error(root.Text("nam")) == "file.toml:1: nam: expected a string, found nothing");
  CHECK(Error(root.Text("nam", "a name")) == "file.toml:1: nam: expected a name, found nothing");
  const TomlTable table = *root.Table("table");
  CHECK(Error(table.Boolean("x")) ==
        "file.toml:10: table.x: expected true or false, found nothing");
  CHECK(Error(table.Number("x", 0, 1)) ==
        "file.toml:10: table.x: expected a number, 0 to 1, found nothing");
  CHECK(Error(table.Integer("x", 0, 1)) ==
        "file.toml:10: table.x: expected an integer, 0 to 1, found nothing");
  CHECK(Error(table.Choice("x", {"a", "b"})) ==
        "file.toml:10: table.x: expected 'a' or 'b', found nothing");
  CHECK(Error(table.Table("x")) == "file.toml:10: table.x: expected a table, found nothing");
  CHECK(Error(table.Tables("x")) ==
        "file.toml:10: table.x: expected an array of tables, found nothing");
  CHECK(Error(table.Texts("x")) ==
        "file.toml:10: table.x: expected an array of strings, found nothing");

  // What is of another type.
  CHECK(Error(root.Text("count")) == "file.toml:3: count: expected a string, found an integer");
  CHECK(Error(root.Text("share")) == "file.toml:4: share: expected a string, found a number");
  CHECK(Error(root.Text("list")) == "file.toml:6: list: expected a string, found an array");
  CHECK(Error(root.Text("day")) == "file.toml:8: day: expected a string, found a date or time");
  CHECK(Error(root.Number("switch", 0, 1)) ==
        "file.toml:5: switch: expected a number, 0 to 1, found a boolean");
  CHECK(Error(root.Integer("share", 0, 1)) ==
        "file.toml:4: share: expected an integer, 0 to 1, found a number");
  CHECK(Error(root.Boolean("name")) == "file.toml:2: name: expected true or false, found a string");
  CHECK(Error(root.Table("name")) == "file.toml:2: name: expected a table, found a string");
  CHECK(Error(root.Tables("table")) ==
        "file.toml:10: table: expected an array of tables, found a table");
  CHECK(Error(root.Tables("list")) ==
        "file.toml:6: list: expected an array of tables, found a string");
  CHECK(Error(root.Texts("mixed")) ==
        "file.toml:7: mixed: expected an array of strings, found an integer");

  // What is out of bounds.
  CHECK(Error(root.Integer("count", 0, 6)) ==
        "file.toml:3: count: expected an integer, 0 to 6, found 7");
  CHECK(Error(root.Integer("count", 8, 9)) ==
        "file.toml:3: count: expected an integer, 8 to 9, found 7");
  CHECK(Error(root.Number("share", 0.75, 1)) ==
        "file.toml:4: share: expected a number, 0.75 to 1, found 0.5");
  CHECK(Error(root.Choice("name", {"b", "c"})) ==
        "file.toml:2: name: expected 'b' or 'c', found 'a'");
  // As it stands there, whatever a double makes of it.
  const TomlFile large = Parsed("a = 9007199254740993\nb = 1000001.5\nc = inf\nd = -inf");
  CHECK(Error(large.root().Number("a", 0, 1e6)) ==
        "file.toml:1: a: expected a number, 0 to 1e+06, found 9007199254740993");
  CHECK(Error(large.root().Number("b", 0, 1000001)) ==
        "file.toml:2: b: expected a number, 0 to 1000001, found 1000001.5");
  CHECK(*large.root().Number("a", 0, 1e16) == 9007199254740992.0);
  CHECK(*large.root().Number("c", 0, 1, /*may_be_infinite=*/true) ==
        std::numeric_limits<double>::infinity());
  CHECK(*large.root().Number("b", 0, 2e6, /*may_be_infinite=*/true) == 1000001.5);
  CHECK(Error(large.root().Number("d", 0, 1, /*may_be_infinite=*/true)) ==
        "file.toml:4: d: expected a number, 0 to 1, or inf, found -inf");
  for (const std::string_view number : {"nan", "inf", "-inf"}) {
    INFO(number);
    const TomlFile other = Parsed("x = " + std::string(number));
    CHECK(Error(other.root().Number("x", 0, 1))
              .starts_with("file.toml:1: x: expected a number, 0 to 1, found "));
  }
  CHECK(OneLine(table.CheckKeys({"a", "b"})) ==
        "file.toml:11: table.inner: expected one of a, b, found an unknown key");
  CHECK(OneLine((*root.Tables("parts"))[1].Wrong("size", "1", "2")) ==
        "file.toml:16: parts.size: expected 1, found 2");
}

TEST_CASE("A long text is not quoted in full", "[core][toml]") {
  const TomlFile file = Parsed("x = \"" + std::string(100000, 'y') + "\"");
  const std::string error = Error(file.root().Choice("x", {"a"}));
  CHECK(error.size() < 400);
  CHECK(error.ends_with("yyy...'"));
}

TEST_CASE("What is no TOML, and what cannot be read, is an error that names the file",
          "[core][toml]") {
  for (const auto& [text, line] : std::vector<std::pair<std::string, int>>{
           {"a = 1\nb = \n", 2}, {"a = 1\na = 2\n", 2}, {"[t\n", 1}, {"a = \"\xff\"\n", 1}}) {
    INFO(text);
    CHECK(Error(TomlFile::Parse(text, "file.toml"))
              .starts_with("file.toml:" + std::to_string(line) + ": expected TOML: "));
  }
  const Folder folder;
  const std::string path = (folder / "x.toml").string();
  CHECK(Error(TomlFile::Read(path)).find(path) != std::string::npos);
  REQUIRE(WriteFile(path, std::string_view("a = 1\n")).ok());
  const StatusOr<TomlFile> file = TomlFile::Read(path);
  REQUIRE(file.ok());
  CHECK(Error(file->root().Text("a")) == path + ":1: a: expected a string, found an integer");
  CHECK(Error(TomlFile::Read(path, 3)).find(path) != std::string::npos);
}

}  // namespace
}  // namespace lutra
