#include "analysis/quantile.h"

#include <algorithm>
#include <cmath>

#include "core/status.h"

namespace lutra {

double Quantile(std::vector<double> values, double q) {
  LUTRA_CHECK(!values.empty());
  std::sort(values.begin(), values.end());
  const double position = q * static_cast<double>(values.size() - 1);
  const auto below = static_cast<size_t>(std::floor(position));
  const size_t above = std::min(below + 1, values.size() - 1);
  const double part = position - static_cast<double>(below);
  return values[below] + part * (values[above] - values[below]);
}

}  // namespace lutra
