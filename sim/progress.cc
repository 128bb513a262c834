#include "sim/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "core/text.h"

namespace lutra {
namespace {

constexpr int64_t kBarWidth = 30;
constexpr int64_t kUsualColumns = 80;
constexpr int64_t kLines = 10;  // at most so many plain lines
constexpr std::string_view kClearLine = "\r\x1b[K";

std::string_view Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Whether the environment says that text is UTF-8.
bool SpeaksUtf8() {
  std::string_view locale;
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    if (locale.empty()) locale = Environment(name);
  }
  for (const char* name : {"UTF-8", "utf-8", "UTF8", "utf8"}) {
    if (locale.find(name) != locale.npos) return true;
  }
  return false;
}

int64_t ColumnsOf(std::FILE* out) {
  struct winsize size = {};
  const bool known = ::ioctl(::fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : kUsualColumns;
}

}  // namespace

std::string ProgressBar(int64_t done, int64_t total, std::string_view unit,
                        std::string_view activity, int64_t seconds_left, int64_t columns,
                        bool blocks) {
  std::string text = StrCat(done, "/", total, " ", unit, ", ", activity);
  if (seconds_left >= 0) text += StrCat(", ", seconds_left, " s left");
  // The last column stays free: some terminals wrap once it is taken.
  const auto room = static_cast<size_t>(std::max<int64_t>(columns - 1, 0));
  size_t end = std::min(text.size(), room);
  while (end > 0 && end < text.size() && ContinuesCharacter(text[end])) --end;
  text.resize(end);
  const int64_t width =
      std::min(kBarWidth, static_cast<int64_t>(room) - static_cast<int64_t>(text.size()) - 1);
  if (width < 1) return text;
  const int64_t filled = done * width / total;
  std::string bar;
  for (int64_t i = 0; i < width; ++i) {
    bar += blocks ? (i < filled ? "█" : "░") : (i < filled ? "#" : ".");
  }
  return StrCat(bar, " ", text);
}

Progress::Progress(Style style, std::FILE* out, int64_t total, std::string_view unit)
    : style_(style),
      out_(out),
      total_(std::max<int64_t>(total, 1)),
      unit_(unit),
      start_(std::chrono::steady_clock::now()) {}

Progress::~Progress() { Clear(); }

void Progress::Clear() {
  if (drawn_) std::fputs(std::string(kClearLine).c_str(), out_);
  drawn_ = false;
  std::fflush(out_);
}

Progress::Style Progress::StyleFor(std::FILE* out) {
  const std::string_view terminal = Environment("TERM");
  const bool plain = !Environment("NO_COLOR").empty() || terminal.empty() || terminal == "dumb";
  return !plain && ::isatty(::fileno(out)) != 0 ? Style::kBar : Style::kLines;
}

void Progress::Show(int64_t done, std::string_view activity, std::optional<int64_t> seconds_left) {
  if (style_ == Style::kBar) ShowBar(done, activity, seconds_left);
  if (style_ == Style::kLines) ShowLine(done, seconds_left);
}

// A line whenever another tenth is done.
void Progress::ShowLine(int64_t done, std::optional<int64_t> seconds_left) {
  const int64_t tenth = done * kLines / total_;
  if (tenth <= reported_) return;
  reported_ = tenth;
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start_;
  std::string line = StrCat(done, " of ", total_, " ", unit_, ", ",
                            static_cast<int64_t>(seconds.count() + 0.5), " s");
  if (seconds_left.has_value() && done < total_) line += StrCat(", ", *seconds_left, " s left");
  line += "\n";
  std::fputs(line.c_str(), out_);
  std::fflush(out_);
}

void Progress::ShowBar(int64_t done, std::string_view activity,
                       std::optional<int64_t> seconds_left) {
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start_;
  int64_t left = seconds_left.value_or(-1);
  if (!seconds_left.has_value() && done > 0 && done < total_) {
    const double steps = static_cast<double>(total_ - done) / static_cast<double>(done);
    left = static_cast<int64_t>(elapsed.count() * steps + 0.5);
  }
  const std::string line =
      ProgressBar(done, total_, unit_, activity, left, ColumnsOf(out_), SpeaksUtf8());
  std::fputs(StrCat(kClearLine, line).c_str(), out_);
  std::fflush(out_);
  drawn_ = true;
}

}  // namespace lutra
