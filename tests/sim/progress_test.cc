#include "sim/progress.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <string>

#include "analysis/excerpt.h"

namespace lutra {
namespace {

// What a progress with these steps prints to a file.
template <class Steps>
std::string Printed(Progress::Style style, int64_t total, const Steps& steps) {
  char* text = nullptr;
  size_t size = 0;
  std::FILE* out = open_memstream(&text, &size);
  REQUIRE(out != nullptr);
  {
    Progress progress(style, out, total, "messages");
    steps(progress);
  }
  std::fclose(out);
  std::string printed(text, size);
  std::free(text);
  return printed;
}

TEST_CASE("Plain progress is a line for every tenth", "[sim][progress]") {
  const auto count = [](Progress& progress) {
    for (int64_t done = 0; done <= 200; ++done) {
      progress.Show(done, "online");
      progress.Show(done, "dealing");
    }
  };
  const std::string lines = Printed(Progress::Style::kLines, 200, count);
  CHECK(std::count(lines.begin(), lines.end(), '\n') == 10);
  CHECK(lines.starts_with("20 of 200 messages, 0 s\n"));
  CHECK(lines.ends_with("200 of 200 messages, 0 s\n"));
  CHECK(lines.find_first_of("\r\x1b") == std::string::npos);
  CHECK(Printed(Progress::Style::kNone, 200, count).empty());
  // Nothing to do is done at once, and divides by nothing.
  CHECK(Printed(Progress::Style::kLines, 0, [](Progress& p) { p.Show(0, "x"); }).empty());
}

TEST_CASE("A bar is drawn over itself and removed", "[sim][progress]") {
  const std::string bar = Printed(Progress::Style::kBar, 4, [](Progress& progress) {
    progress.Show(0, "dealing");
    progress.Show(2, "online");
  });
  CHECK(bar.find("0/4 messages, dealing") != std::string::npos);
  CHECK(bar.find("2/4 messages, online, 0 s left") != std::string::npos);
  CHECK(bar.find('\n') == std::string::npos);
  CHECK(bar.ends_with("\r\x1b[K"));
  // A bar that was never drawn leaves nothing to remove.
  CHECK(Printed(Progress::Style::kBar, 4, [](Progress&) {}).empty());
}

TEST_CASE("A bar fits the terminal", "[sim][progress]") {
  const auto bar = [](int64_t columns) {
    return ProgressBar(50, 100, "messages", "online", 7, columns, /*blocks=*/false);
  };
  CHECK(bar(80) == "###############............... 50/100 messages, online, 7 s left");
  CHECK(bar(45) == "#####..... 50/100 messages, online, 7 s left");
  for (int64_t columns = 1; columns < 90; ++columns) {
    CHECK(static_cast<int64_t>(bar(columns).size()) < std::max<int64_t>(columns, 1));
  }
  CHECK(ProgressBar(1, 2, "m", "a", -1, 80, /*blocks=*/true) ==
        "███████████████░░░░░░░░░░░░░░░ 1/2 m, a");
  // A character is not cut.
  CHECK(ProgressBar(1, 2, "m", "größe", -1, 11, /*blocks=*/false) == "1/2 m, gr");
  CHECK(ProgressBar(1, 2, "m", "größe", -1, 12, /*blocks=*/false) == "1/2 m, grö");
}

TEST_CASE("An excerpt is one line of at most so many columns", "[sim][excerpt]") {
  CHECK(Excerpt("short", 5) == "short");
  CHECK(Excerpt("longer", 5) == "lo...");
  CHECK(Excerpt("", 5).empty());
  CHECK(Excerpt("a\tb\nc\rd\x7f", 20) == "a b c d ");
  CHECK(Excerpt("\x1b[31mred", 20) == " [31mred");
  CHECK(Excerpt("\u009bred", 20) == " red");
  CHECK(Excerpt("a\u202eb", 20) == "ab");
  // A wide character takes two columns, a combining mark none.
  CHECK(Excerpt("漢字漢字", 8) == "漢字漢字");
  CHECK(Excerpt("漢字漢字", 7) == "漢字...");
  CHECK(Excerpt("漢字漢字", 6) == "漢...");
  CHECK(Excerpt("e\u0301e\u0301e\u0301", 3) == "e\u0301e\u0301e\u0301");
  // Whatever the bytes are.
  CHECK(Excerpt("a\xff\xfe", 20).starts_with("a"));
}

}  // namespace
}  // namespace lutra
