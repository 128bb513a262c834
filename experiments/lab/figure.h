// The figures of an experiment, drawn by gnuplot as SVG and PDF.
#ifndef LUTRA_EXPERIMENTS_LAB_FIGURE_H_
#define LUTRA_EXPERIMENTS_LAB_FIGURE_H_

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"
#include "experiments/lab/experiment.h"
#include "experiments/lab/results.h"

namespace lutra {

// "1.23 GB", "45.6 ms", "0.945", "1,234": three digits with an SI prefix.
std::string ShortFigure(const std::string& result, double value);

// A gnuplot script that draws `body` (data, settings and a plot) as NAME.svg and NAME.pdf.
std::string FramedScript(const std::string& name, std::string title, int width, int height,
                         std::string_view body);
// Runs the scripts of a folder.
Status DrawScripts(const std::filesystem::path& folder, const std::vector<std::string>& names);

// A gnuplot script with its data in it, which writes NAME.svg and NAME.pdf; empty where no run has
// any of the results yet.
std::string FigureScript(const FigureSpec& spec, const Results& results);

// OUT/figures/NAME.gp, .svg and .pdf for every figure; files there that no figure has any more go.
// An error where gnuplot is not installed (the scripts are written all the same) or refuses.
Status WriteFigures(const Experiment& experiment, const Results& results,
                    const std::filesystem::path& out);

}  // namespace lutra

#endif  // LUTRA_EXPERIMENTS_LAB_FIGURE_H_
