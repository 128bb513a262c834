// How far a run has come: a bar on a terminal, plain lines elsewhere.
#ifndef LUTRA_SIM_PROGRESS_H_
#define LUTRA_SIM_PROGRESS_H_

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

namespace lutra {

class Progress {
 public:
  enum class Style { kNone, kLines, kBar };

  // `total` steps of something counted in `unit` ("messages").
  Progress(Style style, std::FILE* out, int64_t total, std::string_view unit);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // So many steps are done, and this is being done now ("online"). The seconds that are left are
  // taken from the steps so far, or from who knows better.
  void Show(int64_t done, std::string_view activity,
            std::optional<int64_t> seconds_left = std::nullopt);
  // Removes the bar.
  void Clear();

  // A bar where the stream is a terminal that can draw one, and NO_COLOR is not set.
  static Style StyleFor(std::FILE* out);

 private:
  void ShowLine(int64_t done, std::optional<int64_t> seconds_left);
  void ShowBar(int64_t done, std::string_view activity, std::optional<int64_t> seconds_left);

  Style style_;
  std::FILE* out_;
  int64_t total_;
  std::string unit_;
  int64_t reported_ = 0;  // tenths that lines told of
  bool drawn_ = false;    // whether there is a bar
  std::chrono::steady_clock::time_point start_;
};

// The bar's line for a terminal of so many columns, in which it does not wrap: the bar itself (in
// block characters or in ASCII), counts, activity, and the seconds that are left, if known (>= 0).
std::string ProgressBar(int64_t done, int64_t total, std::string_view unit,
                        std::string_view activity, int64_t seconds_left, int64_t columns,
                        bool blocks);

}  // namespace lutra

#endif  // LUTRA_SIM_PROGRESS_H_
