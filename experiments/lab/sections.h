// The sections of an experiment file, each read by a function of its own, in this order: what
// tables, figures and comparisons name is checked against what is run. Errors name file, line, key,
// expected and found.
#ifndef LUTRA_EXPERIMENTS_LAB_SECTIONS_H_
#define LUTRA_EXPERIMENTS_LAB_SECTIONS_H_

#include "core/status.h"
#include "core/toml_file.h"
#include "experiments/lab/experiment.h"

namespace lutra {

// The head, [flags] and [[axes]]: the points, and the networks under which they are replayed.
Status ReadRuns(const TomlTable& root, Experiment& experiment);
Status ReadTables(const TomlTable& root, Experiment& experiment);
Status ReadFigures(const TomlTable& root, Experiment& experiment);
Status ReadComparisons(const TomlTable& root, Experiment& experiment);

}  // namespace lutra

#endif  // LUTRA_EXPERIMENTS_LAB_SECTIONS_H_
