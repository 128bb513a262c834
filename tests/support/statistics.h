// Chi-square tests with stated thresholds. Seeds are fixed, so a test passes always or never.
#ifndef LUTRA_TESTS_SUPPORT_STATISTICS_H_
#define LUTRA_TESTS_SUPPORT_STATISTICS_H_

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace lutra {

// How far the counts are from equal ones, in standard deviations of the chi-square distribution
// that equal probabilities give (Wilson and Hilferty's cube root).
inline double UniformDeviation(std::span<const int64_t> counts) {
  double total = 0;
  for (const int64_t count : counts) total += static_cast<double>(count);
  const double expected = total / static_cast<double>(counts.size());
  double statistic = 0;
  for (const int64_t count : counts) {
    const double difference = static_cast<double>(count) - expected;
    statistic += difference * difference / expected;
  }
  const double freedom = static_cast<double>(counts.size() - 1);
  const double spread = 2.0 / (9.0 * freedom);
  return (std::cbrt(statistic / freedom) - (1.0 - spread)) / std::sqrt(spread);
}

// One chance in ten billion for one test; a run makes some ten thousand.
inline constexpr double kLargestDeviation = 6.4;

}  // namespace lutra

#endif  // LUTRA_TESTS_SUPPORT_STATISTICS_H_
