// The figures of reports, drawn for a width in pixels: kWide or kNarrow of analysis/report.h.
#ifndef LUTRA_ANALYSIS_REPORT_FIGURES_H_
#define LUTRA_ANALYSIS_REPORT_FIGURES_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/picture.h"
#include "mpc/role.h"

namespace lutra {

// What each phase sent and how long it took: a row for each phase, bars of bytes and of seconds.
Picture SplitPicture(const std::array<int64_t, kPhases.size()>& bytes,
                     const std::array<double, kPhases.size()>& seconds, double width);

// What is sent in each round of the online phase, one after the other.
struct RoundsData {
  struct Round {
    int level = 0;
    std::string layer;           // that sends most of it
    std::string what;            // the step that does
    std::vector<int64_t> bytes;  // by series
  };
  std::vector<std::string> series;  // protocols
  std::vector<Round> rounds;
};
Picture RoundsPicture(const RoundsData& data, double width);

// Names with amounts, as bars, in the order given.
struct NamedAmount {
  std::string name;
  double amount = 0;
  std::string shown;  // beside the bar
};
Picture BarsPicture(std::string_view title, const std::vector<NamedAmount>& rows,
                    std::string_view color, double width);

// Parts of a whole for each row, as a bar of full length.
struct StackedData {
  struct Series {
    std::string name;
    std::string color;
    double height = 1;  // of the bar's
  };
  struct Row {
    std::string name;
    std::string shown;
    std::vector<double> parts;  // by series; not negative
  };
  std::vector<Series> series;
  std::vector<Row> rows;
};
Picture StackedPicture(std::string_view title, const StackedData& data, double width);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_REPORT_FIGURES_H_
