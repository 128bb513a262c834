// What a model said of some examples, as a table for a terminal.
#ifndef LUTRA_ANALYSIS_PREDICTION_TABLE_H_
#define LUTRA_ANALYSIS_PREDICTION_TABLE_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/inputs.h"

namespace lutra {

// One way of predicting all examples; classes by their numbers.
struct PredictionColumn {
  std::string name;
  std::span<const int> predictions;
};

// At most 8 examples from the front, those preferred of which the columns differ, with the right
// label where the examples have it, and the examples themselves in what is left of 80 columns;
// below it, how many more there are. At least one column.
std::string PredictionTable(const Examples& examples, std::span<const std::string> labels,
                            std::span<const PredictionColumn> columns);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_PREDICTION_TABLE_H_
