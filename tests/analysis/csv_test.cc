#include "analysis/csv.h"

#include <array>
#include <catch2/catch.hpp>

#include "tests/support/folder.h"

namespace lutra {
namespace {

CsvTable Parsed(std::string_view text) {
  StatusOr<CsvTable> table = ParseCsv(text, "a.csv");
  REQUIRE(table.ok());
  return *std::move(table);
}

TEST_CASE("Cells may be quoted, with commas, quotes and lines in them", "[csv]") {
  const CsvTable table = Parsed("a,b\r\n1,\"x, \"\"y\"\"\nz\"\n,\n");
  CHECK(table.head == std::vector<std::string>{"a", "b"});
  REQUIRE(table.rows.size() == 2);
  CHECK(table.rows[0].cells == std::vector<std::string>{"1", "x, \"y\"\nz"});
  CHECK(table.rows[0].line == 2);
  CHECK(table.rows[1].cells == std::vector<std::string>{"", ""});
  CHECK(table.rows[1].line == 4);
  CHECK(Parsed("a,b\n1,2").rows.size() == 1);
  CHECK(Parsed("a\n").rows.empty());
}

TEST_CASE("What is no table is an error that names the line", "[csv]") {
  const auto message = [](std::string_view text) {
    return OneLine(ParseCsv(text, "a.csv").status());
  };
  CHECK(message("") == "a.csv: expected a head of columns, found none");
  CHECK(message("a,b\n1,2\n3\n") == "a.csv:3: expected 2 cells, found 1");
  CHECK(message("a\n\"x\n") == "a.csv:2: expected the end of a cell in quotes");
  CHECK(message("a\n\"x\"y\n") == "a.csv:2: expected the end of a cell in quotes");
}

TEST_CASE("Cells as numbers", "[csv]") {
  const CsvTable table = Parsed("n\n12\n-1\n1.5\n1e400\nnan\n12 \n99999999999999999999\n");
  const auto integer = [&](size_t row) { return CsvInteger(table, table.rows[row], 0); };
  const auto number = [&](size_t row) { return CsvNumber(table, table.rows[row], 0); };
  CHECK(integer(0).value() == 12);
  CHECK(number(2).value() == 1.5);
  for (const size_t row : {1U, 2U, 3U, 4U, 5U, 6U}) CHECK(!integer(row).ok());
  for (const size_t row : {1U, 3U, 4U, 5U}) CHECK(!number(row).ok());
  CHECK(OneLine(integer(1).status()) ==
        "a.csv:3: n: expected a whole number of at least 0, found '-1'");
}

TEST_CASE("A file has the columns that are expected", "[csv]") {
  const Folder folder;
  REQUIRE(WriteFile(folder / "t.csv", "a,b\n1,2\n").ok());
  CHECK(ReadCsv(folder / "t.csv", std::array<std::string_view, 2>{"a", "b"}).ok());
  CHECK(Mentions(ReadCsv(folder / "t.csv", std::array<std::string_view, 2>{"a", "c"}).status(),
                 "t.csv':1: expected the columns a, c, found a, b"));
  CHECK(!ReadCsv(folder / "absent.csv", std::array<std::string_view, 1>{"a"}).ok());
}

}  // namespace
}  // namespace lutra
