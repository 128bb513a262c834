#include "experiments/lab/gnuplot.h"

#include <system_error>

#include "analysis/cost_table.h"
#include "core/file.h"
#include "experiments/lab/child_program.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

char Printable(char character) {
  const bool is_control = static_cast<unsigned char>(character) < ' ' || character == '\x7f';
  return is_control ? ' ' : character;
}

// Draws one script of a folder, whatever its user's settings are; what gnuplot said.
StatusOr<std::string> Draw(const fs::path& folder, const std::string& script) {
  const StatusOr<ProgramOutput> drawn = RunChildProgram({"gnuplot", "-d", script}, folder);
  if (drawn.status().code() == absl::StatusCode::kNotFound) {
    return Unavailable("gnuplot is not installed (Debian: gnuplot-nox), so that '", script,
                       "' is not drawn");
  }
  if (!drawn.ok()) return drawn.status();
  bool whole = drawn->exit_status == 0;
  for (const char* const extension : {".svg", ".pdf"}) {
    std::error_code error;
    const auto size = fs::file_size((folder / script).replace_extension(extension), error);
    whole = whole && !error && size > 0;
  }
  if (whole) return drawn->text;
  for (const char* const extension : {".svg", ".pdf"}) {
    std::error_code ignored;
    fs::remove((folder / script).replace_extension(extension), ignored);
  }
  return Unavailable("gnuplot ", script, ": status ", drawn->exit_status, ": ",
                     drawn->text.empty() ? "it wrote nothing" : drawn->text);
}

Status DrawAll(const fs::path& folder, const DirectoryFiles& files) {
  std::string log;
  for (const auto& [name, contents] : files) {
    if (!name.ends_with(".gp")) continue;
    LUTRA_ASSIGN_OR_RETURN(const std::string said, Draw(folder, name));
    if (!said.empty()) log += StrCat(name, ":\n", said);
  }
  return log.empty() ? absl::OkStatus() : WriteFile(folder / "gnuplot.log", log);
}

}  // namespace

std::string GnuplotText(std::string_view text) {
  std::string quoted = "'";
  for (const char character : text) {
    if (character == '\'') quoted += '\'';
    quoted += Printable(character);
  }
  return quoted + "'";
}

std::string GnuplotDataText(std::string_view text) {
  std::string quoted = "\"";
  for (const char character : text) {
    quoted += character == '"' ? '\'' : character == '\\' ? ' ' : Printable(character);
  }
  return quoted + "\"";
}

std::string FramedScript(std::string_view name, std::string_view title, int width, int height,
                         std::string_view body) {
  return StrCat("# ", GnuplotText(title), "\n# Made by lutra-experiment: gnuplot ", name, ".gp\n",
                "set encoding utf8\n", "set terminal svg size ", width, ",", height,
                " dynamic noenhanced font 'Helvetica,Arial,sans-serif,14' background '#ffffff'\n",
                "set output '", name, ".svg'\n", body, "set terminal pdfcairo noenhanced size ",
                Fixed(width / 100.0, 2), "in,", Fixed(height / 100.0, 2),
                "in font 'Helvetica,11'\n", "set output '", name, ".pdf'\nreplot\nset output\n");
}

Status WriteDrawnFolder(const fs::path& folder, const DirectoryFiles& files) {
  std::error_code error;
  if (files.empty()) {
    fs::remove_all(folder, error);
    return error ? Unavailable(folder.string(), ": ", error.message()) : absl::OkStatus();
  }
  const bool was_there = fs::exists(folder, error);
  Status drawn;
  const auto fill = [&](const fs::path& directory) -> Status {
    for (const auto& [name, contents] : files) {
      // Of the folder that was asked for, not of the temporary one.
      const Status written = WriteFile(directory / name, contents);
      if (!written.ok()) return Annotate(written, name);
    }
    drawn = DrawAll(directory, files);
    return was_there ? drawn : absl::OkStatus();
  };
  const Status placed = WriteOutputDirectory(
      folder, fill, [](const fs::path&) { return absl::OkStatus(); },
      [](const std::string&) { return true; });
  const Status& outcome = placed.ok() ? drawn : placed;
  return outcome.ok() ? outcome : Annotate(outcome, folder.string());
}

}  // namespace lutra
