// Scripts for gnuplot, and folders of results in which it draws.
#ifndef LUTRA_EXPERIMENTS_LAB_GNUPLOT_H_
#define LUTRA_EXPERIMENTS_LAB_GNUPLOT_H_

#include <filesystem>
#include <string>
#include <string_view>

#include "core/output_directory.h"
#include "core/status.h"

namespace lutra {

// A text in a command: in single quotes, between which gnuplot neither runs, expands nor escapes
// anything, on one line. Texts come from files of others; none goes into a script in another way.
std::string GnuplotText(std::string_view text);
// A text in a data block, which knows no quote within quotes: '"' becomes "'", '\' a space.
std::string GnuplotDataText(std::string_view text);

// A script that draws `body` (data, settings and a plot) as NAME.svg and NAME.pdf. `name` is a
// plain name.
std::string FramedScript(std::string_view name, std::string_view title, int width, int height,
                         std::string_view body);

// Makes a folder anew: these files, and NAME.svg and NAME.pdf of every NAME.gp among them. What
// gnuplot said though it drew is in gnuplot.log. Without files there is no folder. Where gnuplot is
// not installed or fails, an error says so, and a folder that was there stays as it was; where
// there was none, the files are there without pictures.
Status WriteDrawnFolder(const std::filesystem::path& folder, const DirectoryFiles& files);

}  // namespace lutra

#endif  // LUTRA_EXPERIMENTS_LAB_GNUPLOT_H_
