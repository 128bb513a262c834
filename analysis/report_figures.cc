#include "analysis/report_figures.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "analysis/cost_table.h"
#include "analysis/palette.h"
#include "core/text.h"

namespace lutra {
namespace {

using Anchor = Picture::Anchor;

constexpr double kSize = 12;   // of text
constexpr double kSmall = 11;  // of legends and scales
constexpr double kBar = 14;    // the height of a bar
constexpr double kBroadEnough = 500;

std::string Percent(double share) {
  const bool tiny = share > 0 && share < 0.0005;
  return tiny ? "< 0.1 %" : StrCat(Fixed(100 * share, 1), " %");
}

// What is there is seen, however little it is.
double BarWidth(double amount, double largest, double room) {
  if (amount <= 0 || largest <= 0) return 0;
  return std::max(1.5, room * std::min(1.0, amount / largest));
}

std::string_view When(Phase phase) {
  if (phase == Phase::kModel) return "once";
  return phase == Phase::kOnline ? "" : "offline";
}

// One quantity of all phases.
struct PhaseBars {
  std::string_view name;
  std::array<double, kPhases.size()> amounts;
  std::array<std::string, kPhases.size()> shown;

  double sum() const { return std::accumulate(amounts.begin(), amounts.end(), 0.0); }
  double largest() const { return *std::max_element(amounts.begin(), amounts.end()); }

  void Draw(Picture& picture, size_t phase, double x, double y, double room) const {
    const double length = BarWidth(amounts[phase], largest(), room);
    picture.Rectangle(x, y, length, kBar, Color(kPhases[phase]),
                      StrCat(Name(kPhases[phase]), ": ", shown[phase]));
    const double base = y + kBar - 3;
    picture.Text(x + length + 6, base, shown[phase], kSize);
    const double after = x + length + 14 + Picture::TextWidth(shown[phase], kSize);
    if (sum() > 0 && amounts[phase] > 0) {
      picture.Text(after, base, Percent(amounts[phase] / sum()), kSize, Anchor::kStart,
                   Ink::kMuted);
    }
  }
};

// A row of coloured squares with names; returns the height that it takes.
double DrawLegend(Picture& picture, const std::vector<StackedData::Series>& series, double width) {
  double x = 0, y = 0;
  for (const StackedData::Series& one : series) {
    const double needed = 15 + Picture::TextWidth(one.name, kSmall) + 14;
    if (x > 0 && x + needed > width) {
      x = 0;
      y += 17;
    }
    picture.Rectangle(x, y + 2 + 10 * (1 - one.height), 10, 10 * one.height, one.color);
    picture.Text(x + 15, y + 11, one.name, kSmall, Anchor::kStart, Ink::kMuted);
    x += needed;
  }
  return y + 24;
}

std::string_view SeriesColor(size_t index) {
  static constexpr std::array kColors = {kBlue, kSkyBlue, kGreen, kOrange, kVermilion, kPurple};
  return kColors[std::min(index, kColors.size() - 1)];
}

// 1, 2 or 5 times a power of ten, so that at most `most` steps cover the range.
int64_t NiceStep(int64_t range, int64_t most) {
  for (int64_t step = 1;; step *= 10) {
    for (const int64_t factor : {1, 2, 5}) {
      if (range / (step * factor) <= most) return step * factor;
    }
  }
}

// Draws the rounds; several that follow each other share a bar where there are too many.
class RoundsDrawing {
 public:
  RoundsDrawing(const RoundsData& data, double width) : data_(data), width_(width) {
    const auto rounds = static_cast<double>(data.rounds.size());
    const double plot = width_ - kLeft;
    per_bar_ = std::max<size_t>(1, static_cast<size_t>(std::ceil(3 * rounds / plot)));
    bars_ = (data.rounds.size() + per_bar_ - 1) / per_bar_;
    step_ = bars_ == 0 ? plot : std::min(28.0, plot / static_cast<double>(bars_));
    for (size_t i = 0; i < bars_; ++i) largest_ = std::max(largest_, BytesOf(i));
  }

  Picture Draw() && {
    std::vector<StackedData::Series> series;
    for (size_t i = 0; i < data_.series.size(); ++i) {
      series.push_back({data_.series[i], std::string(SeriesColor(i))});
    }
    Picture scratch(width_, 0, "");
    top_ = DrawLegend(scratch, series, width_) + 14;
    Picture picture(width_, top_ + kPlot + 44, "Bytes sent in each round of the online phase");
    DrawLegend(picture, series, width_);
    DrawScale(picture);
    for (size_t i = 0; i < bars_; ++i) DrawBar(picture, i);
    DrawLayers(picture);
    DrawNumbers(picture);
    return picture;
  }

 private:
  static constexpr double kLeft = 62;
  static constexpr double kPlot = 130;

  size_t Begin(size_t bar) const { return bar * per_bar_; }
  size_t End(size_t bar) const { return std::min(data_.rounds.size(), (bar + 1) * per_bar_); }

  std::vector<int64_t> PartsOf(size_t bar) const {
    std::vector<int64_t> parts(data_.series.size(), 0);
    for (size_t i = Begin(bar); i < End(bar); ++i) {
      for (size_t j = 0; j < parts.size(); ++j) parts[j] += data_.rounds[i].bytes[j];
    }
    return parts;
  }

  int64_t BytesOf(size_t bar) const {
    const std::vector<int64_t> parts = PartsOf(bar);
    return std::accumulate(parts.begin(), parts.end(), int64_t{0});
  }

  double X(size_t bar) const { return kLeft + step_ * static_cast<double>(bar); }

  void DrawScale(Picture& picture) const {
    for (const int part : {0, 1, 2}) {
      const double y = top_ + kPlot * (1 - part / 2.0);
      picture.Line(kLeft, y, kLeft + step_ * static_cast<double>(bars_), y);
      picture.Text(kLeft - 6, y + 4, HumanBytes(largest_ / 2 * part), kSmall, Anchor::kEnd,
                   Ink::kMuted);
    }
  }

  void DrawBar(Picture& picture, size_t bar) const {
    const std::vector<int64_t> parts = PartsOf(bar);
    const RoundsData::Round& first = data_.rounds[Begin(bar)];
    std::string rounds = StrCat("round ", first.level + 1);
    if (per_bar_ > 1) {
      rounds = StrCat("rounds ", first.level + 1, " to ", data_.rounds[End(bar) - 1].level + 1);
    }
    double y = top_ + kPlot;
    for (size_t i = 0; i < parts.size(); ++i) {
      if (parts[i] == 0) continue;
      const double height = std::max(0.5, kPlot * static_cast<double>(parts[i]) /
                                              static_cast<double>(std::max<int64_t>(1, largest_)));
      y -= height;
      const double gap = step_ > 5 ? 1 : 0.4;
      picture.Rectangle(
          X(bar), y, step_ - gap, height, SeriesColor(i),
          StrCat(rounds, ": ", data_.series[i], " ", HumanBytes(parts[i]), "; ", first.what));
    }
  }

  // Which layer sends, under the bars.
  void DrawLayers(Picture& picture) const {
    const double y = top_ + kPlot + 4;
    bool filled = false;
    for (size_t begin = 0; begin < bars_;) {
      size_t end = begin + 1;
      const std::string& layer = data_.rounds[Begin(begin)].layer;
      while (end < bars_ && data_.rounds[Begin(end)].layer == layer) ++end;
      const double width = step_ * static_cast<double>(end - begin);
      filled = !filled;
      if (filled) picture.Rectangle(X(begin), y, width, 16, Ink::kGround, layer);
      std::string name = layer;
      if (Picture::TextWidth(name, kSmall) > width - 4) name = name.substr(name.rfind('.') + 1);
      const std::string label = Picture::Fitted(name, kSmall, width - 4);
      // A cut name says little.
      if (!label.empty() && label == CleanText(name)) {
        picture.Text(X(begin) + width / 2, y + 12, label, kSmall, Anchor::kMiddle, Ink::kMuted);
      }
      begin = end;
    }
  }

  void DrawNumbers(Picture& picture) const {
    const double y = top_ + kPlot + 36;
    picture.Text(kLeft - 6, y, "round", kSmall, Anchor::kEnd, Ink::kMuted);
    const auto rounds = static_cast<int64_t>(data_.rounds.size());
    const int64_t step = NiceStep(std::max<int64_t>(rounds, 1), width_ > kBroadEnough ? 14 : 6);
    for (int64_t round = step; round <= rounds; round += step) {
      const double x =
          kLeft + step_ * (static_cast<double>(round) - 0.5) / static_cast<double>(per_bar_);
      picture.Text(x, y, StrCat(round), kSmall, Anchor::kMiddle, Ink::kMuted);
    }
  }

  const RoundsData& data_;
  double width_;
  double top_ = 0;
  double step_ = 0;
  size_t per_bar_ = 1;
  size_t bars_ = 0;
  int64_t largest_ = 0;
};

}  // namespace

Picture SplitPicture(const std::array<int64_t, kPhases.size()>& bytes,
                     const std::array<double, kPhases.size()>& seconds, double width) {
  PhaseBars sent{"bytes", {}, {}}, took{"seconds", {}, {}};
  for (size_t i = 0; i < kPhases.size(); ++i) {
    sent.amounts[i] = static_cast<double>(bytes[i]);
    sent.shown[i] = HumanBytes(bytes[i]);
    took.amounts[i] = seconds[i];
    took.shown[i] = HumanSeconds(seconds[i]);
  }
  const bool broad = width > kBroadEnough;
  const double row = broad ? 26 : 54, top = broad ? 22 : 0;
  Picture picture(width, top + row * kPhases.size(), "Bytes and seconds of each phase");
  const double first = broad ? 128 : 0, second = broad ? first + (width - first) / 2 + 6 : 0;
  if (broad) {
    picture.Text(first, 11, "bytes sent", kSmall, Anchor::kStart, Ink::kMuted);
    picture.Text(second, 11, "seconds", kSmall, Anchor::kStart, Ink::kMuted);
  }
  // The longest value and its share stand beside a full bar.
  const double beside =
      6 + Picture::TextWidth("999 GB", kSize) + 8 + Picture::TextWidth("100.0 %", kSize);
  for (size_t i = 0; i < kPhases.size(); ++i) {
    const double y = top + row * static_cast<double>(i);
    const std::string_view name = Name(kPhases[i]);
    picture.Text(0, y + kBar - 3, name, kSize, Anchor::kStart, Ink::kText, true);
    picture.Text(60, y + kBar - 3, When(kPhases[i]), kSmall, Anchor::kStart, Ink::kMuted);
    if (broad) {
      sent.Draw(picture, i, first, y, second - first - 12 - beside);
      took.Draw(picture, i, second, y, width - second - beside);
    } else {
      sent.Draw(picture, i, 0, y + 16, width - beside);
      took.Draw(picture, i, 0, y + 32, width - beside);
    }
  }
  return picture;
}

Picture RoundsPicture(const RoundsData& data, double width) {
  return RoundsDrawing(data, width).Draw();
}

Picture BarsPicture(std::string_view title, const std::vector<NamedAmount>& rows,
                    std::string_view color, double width) {
  double largest = 0, shown = 0;
  for (const NamedAmount& row : rows) {
    largest = std::max(largest, row.amount);
    shown = std::max(shown, Picture::TextWidth(row.shown, kSize));
  }
  const bool broad = width > kBroadEnough;
  const double label = broad ? 230 : 0, height = broad ? 22 : 38;
  const double room = width - label - shown - 8;
  Picture picture(width, height * static_cast<double>(rows.size()), title);
  for (size_t i = 0; i < rows.size(); ++i) {
    const double y = height * static_cast<double>(i);
    const double bar = broad ? y + 2 : y + 17;
    picture.Text(0, broad ? bar + kBar - 3 : y + 12,
                 Picture::Fitted(rows[i].name, kSize, (broad ? label : width) - 8), kSize);
    const double length = BarWidth(rows[i].amount, largest, room);
    picture.Rectangle(label, bar, length, kBar, color, StrCat(rows[i].name, ": ", rows[i].shown));
    picture.Text(label + length + 6, bar + kBar - 3, rows[i].shown, kSize, Anchor::kStart,
                 Ink::kMuted);
  }
  return picture;
}

Picture StackedPicture(std::string_view title, const StackedData& data, double width) {
  Picture scratch(width, 0, "");
  const double top = DrawLegend(scratch, data.series, width);
  const bool broad = width > kBroadEnough;
  double label = 0, shown = 0;
  for (const StackedData::Row& row : data.rows) {
    label = std::max(label, Picture::TextWidth(row.name, kSize));
    shown = std::max(shown, Picture::TextWidth(row.shown, kSize));
  }
  label = broad ? std::min(label + 12, 200.0) : 0;
  const double height = broad ? 24 : 38;
  const double room = width - label - shown - 8;
  Picture picture(width, top + height * static_cast<double>(data.rows.size()), title);
  DrawLegend(picture, data.series, width);
  for (size_t i = 0; i < data.rows.size(); ++i) {
    const StackedData::Row& row = data.rows[i];
    const double y = top + height * static_cast<double>(i);
    const double bar = broad ? y + 2 : y + 17;
    picture.Text(0, broad ? bar + kBar - 3 : y + 12,
                 Picture::Fitted(row.name, kSize, (broad ? label : width) - 8), kSize);
    const double sum = std::accumulate(row.parts.begin(), row.parts.end(), 0.0);
    double x = label;
    for (size_t j = 0; sum > 0 && j < row.parts.size(); ++j) {
      const double length = room * row.parts[j] / sum;
      if (length <= 0) continue;
      const StackedData::Series& series = data.series[j];
      picture.Rectangle(x, bar + kBar * (1 - series.height), length, kBar * series.height,
                        series.color,
                        StrCat(row.name, ": ", series.name, " ", HumanSeconds(row.parts[j]), ", ",
                               Percent(row.parts[j] / sum)));
      x += length;
    }
    picture.Text(width, bar + kBar - 3, row.shown, kSize, Anchor::kEnd);
  }
  return picture;
}

}  // namespace lutra
