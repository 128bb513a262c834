// index.md: what a results directory holds, with tables and pictures in it.
#ifndef LUTRA_EXPERIMENTS_LAB_INDEX_PAGE_H_
#define LUTRA_EXPERIMENTS_LAB_INDEX_PAGE_H_

#include <string>

#include "experiments/lab/experiment.h"
#include "experiments/lab/results.h"

namespace lutra {

struct RunCounts {
  size_t finished = 0;
  size_t planned = 0;
  size_t origins = 0;  // machines and ways in which they were made (environment.h)
};
// In Markdown.
std::string IndexPage(const Experiment& experiment, const Results& results,
                      const RunCounts& counts);

}  // namespace lutra

#endif  // LUTRA_EXPERIMENTS_LAB_INDEX_PAGE_H_
