// Medians and quartiles of what was measured.
#ifndef LUTRA_ANALYSIS_QUANTILE_H_
#define LUTRA_ANALYSIS_QUANTILE_H_

#include <vector>

namespace lutra {

// The q-quantile (0 to 1) of at least one value: linear between the two nearest, as R (type 7) and
// NumPy have it by default.
double Quantile(std::vector<double> values, double q);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_QUANTILE_H_
