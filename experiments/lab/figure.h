// The figures of an experiment, drawn by gnuplot as SVG and PDF.
#ifndef LUTRA_EXPERIMENTS_LAB_FIGURE_H_
#define LUTRA_EXPERIMENTS_LAB_FIGURE_H_

#include <filesystem>
#include <string>

#include "core/status.h"
#include "experiments/lab/experiment.h"
#include "experiments/lab/results.h"

namespace lutra {

// "1.23 GB", "45.6 ms", "0.945", "1,234": three digits with an SI prefix.
std::string ShortFigure(const std::string& result, double value);

// A gnuplot script with its data in it, which writes NAME.svg and NAME.pdf; empty where no run has
// any of the results yet.
std::string FigureScript(const FigureSpec& spec, const Results& results);

// OUT/figures/NAME.gp, .svg and .pdf for every figure, in place of what was there before. An error
// where gnuplot is not installed or refuses (gnuplot.h).
Status WriteFigures(const Experiment& experiment, const Results& results,
                    const std::filesystem::path& out);

}  // namespace lutra

#endif  // LUTRA_EXPERIMENTS_LAB_FIGURE_H_
