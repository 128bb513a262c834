#include "sim/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "core/text.h"

namespace lutra {
namespace {
constexpr int64_t kBarWidth = 30;
constexpr int64_t kLines = 10;  // at most so many plain lines
}  // namespace

Progress::Progress(Style style, std::FILE* out, int64_t total, std::string_view unit)
    : style_(style),
      out_(out),
      total_(std::max<int64_t>(total, 1)),
      unit_(unit),
      start_(std::chrono::steady_clock::now()) {}

Progress::~Progress() {
  if (style_ == Style::kBar && reported_ >= 0) std::fputs("\r\x1b[K", out_);
  std::fflush(out_);
}

Progress::Style Progress::StyleFor(std::FILE* out) {
  const char* no_color = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  const bool plain = (no_color != nullptr && *no_color != '\0') || terminal == nullptr ||
                     std::string_view(terminal) == "dumb";
  return !plain && ::isatty(::fileno(out)) != 0 ? Style::kBar : Style::kLines;
}

void Progress::Show(int64_t done, std::string_view activity) {
  if (style_ == Style::kBar) DrawBar(done, activity);
  if (style_ != Style::kLines) return;
  // A line whenever another tenth is done.
  const int64_t tenth = done * kLines / total_;
  if (done == 0 || tenth <= reported_) return;
  reported_ = tenth;
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start_;
  const std::string line = StrCat(done, " of ", total_, " ", unit_, ", ",
                                  static_cast<int64_t>(seconds.count() + 0.5), " s\n");
  std::fputs(line.c_str(), out_);
  std::fflush(out_);
}

void Progress::DrawBar(int64_t done, std::string_view activity) {
  reported_ = done;
  const int64_t filled = done * kBarWidth / total_;
  std::string line = "\r\x1b[K";
  for (int64_t i = 0; i < kBarWidth; ++i) line += i < filled ? "█" : "░";
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start_;
  line += StrCat(" ", done, "/", total_, " ", unit_, ", ", activity);
  if (done > 0 && done < total_) {
    const double left =
        elapsed.count() * static_cast<double>(total_ - done) / static_cast<double>(done);
    line += StrCat(", ", static_cast<int64_t>(left + 0.5), " s left");
  }
  std::fputs(line.c_str(), out_);
  std::fflush(out_);
}

}  // namespace lutra
