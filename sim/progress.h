// How far a run has come: a bar on a terminal, plain lines elsewhere.
#ifndef LUTRA_SIM_PROGRESS_H_
#define LUTRA_SIM_PROGRESS_H_

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace lutra {

class Progress {
 public:
  enum class Style { kNone, kLines, kBar };

  // `total` steps of something counted in `unit` ("messages").
  Progress(Style style, std::FILE* out, int64_t total, std::string_view unit);
  // Removes the bar.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // So many steps are done, and this is being done now ("online").
  void Show(int64_t done, std::string_view activity);

  // A bar where the stream is a terminal that can draw one, and NO_COLOR is not set.
  static Style StyleFor(std::FILE* out);

 private:
  void DrawBar(int64_t done, std::string_view activity);

  Style style_;
  std::FILE* out_;
  int64_t total_;
  std::string unit_;
  int64_t reported_ = -1;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace lutra

#endif  // LUTRA_SIM_PROGRESS_H_
