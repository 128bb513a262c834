// Command lines of the programs: flags that are declared once and then parsed, checked and
// explained by --help. Numbers are read the same in every locale.
#ifndef LUTRA_CORE_COMMAND_LINE_H_
#define LUTRA_CORE_COMMAND_LINE_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"

namespace lutra {

// What a command line said. Getters take flags that were declared; their errors name the flag, what
// was expected and what was found.
class Arguments {
 public:
  // What --help or --version asked for, with its line end; empty if neither was given. A program
  // prints it to stdout and ends with status 0; nothing else has been read or checked then.
  const std::string& information() const { return information_; }

  // In the order in which they were given.
  const std::vector<std::string>& positionals() const { return positionals_; }
  // Whether a flag or switch was given.
  bool Has(std::string_view flag) const { return values_.contains(flag); }

  // The value of a flag, or `otherwise` where it was not given.
  std::string Text(std::string_view flag, std::string_view otherwise) const;
  StatusOr<int64_t> Integer(std::string_view flag, int64_t otherwise, int64_t low,
                            int64_t high) const;
  StatusOr<uint64_t> Unsigned(std::string_view flag, uint64_t otherwise) const;
  // A number of bytes: digits, and K, M, G or T for powers of 1024; at least 1, at most 2^62.
  StatusOr<int64_t> Bytes(std::string_view flag, int64_t otherwise) const;
  // One of the choices; `otherwise` need not be.
  StatusOr<std::string> Choice(std::string_view flag, std::string_view otherwise,
                               std::span<const std::string_view> choices) const;
  StatusOr<std::string> Choice(std::string_view flag, std::string_view otherwise,
                               std::initializer_list<std::string_view> choices) const {
    return Choice(flag, otherwise, std::span(choices.begin(), choices.size()));
  }

 private:
  friend class CommandLine;
  const std::string& value(std::string_view flag) const;

  std::string information_;
  std::map<std::string, std::string, std::less<>> values_;  // without the dashes; "" for switches
  std::vector<std::string> positionals_;
};

// What a program, or one command of it, understands. --help (-h) and --version need no declaration.
class CommandLine {
 public:
  static constexpr size_t kAnyNumber = std::numeric_limits<size_t>::max();

  // `name` as the user types it, "lutra-analyze cost"; `description` a few lines.
  CommandLine(std::string_view name, std::string_view description);

  // --name VALUE or --name=VALUE, at most once; an empty value is an error.
  CommandLine& AddFlag(std::string_view name, std::string_view placeholder, std::string_view help);
  // --name, at most once.
  CommandLine& AddSwitch(std::string_view name, std::string_view help);
  // How many arguments beside flags there may be, and how the usage line writes them: "MODEL...".
  CommandLine& SetPositionals(std::string_view usage, size_t least, size_t most);
  // A line of the examples.
  CommandLine& AddExample(std::string_view line);

  // The arguments after the program's name (and its command's). "--" ends the flags. An error is
  // one line: an unknown flag with the one that is probably meant, a flag given twice, a value that
  // is missing or too much, too few or too many positional arguments.
  StatusOr<Arguments> Parse(std::span<const std::string> arguments) const;

  // What --help prints: usage, description, every flag, examples.
  std::string Help() const;

 private:
  struct Flag {
    std::string name;
    std::string placeholder;  // empty for a switch
    std::string help;
  };
  const Flag* Find(std::string_view name) const;
  StatusOr<size_t> ParseFlag(std::span<const std::string> arguments, size_t position,
                             Arguments& parsed) const;
  Status UnknownFlag(std::string_view argument) const;
  Status CheckPositionals(const Arguments& parsed) const;

  std::string name_;
  std::string description_;
  std::vector<Flag> flags_;
  std::string positionals_usage_;
  size_t least_positionals_ = 0;
  size_t most_positionals_ = 0;
  std::vector<std::string> examples_;
};

// " (did you mean 'word'?)" with the choice that differs from the word by a slip or two; empty if
// there is none.
std::string DidYouMean(std::string_view word, std::span<const std::string_view> choices);

// The arguments of main, without the program's name.
std::vector<std::string> ArgumentsOfMain(int count, const char* const* arguments);

// Prints "program: message" to stderr, on one line; returns 1, the exit status.
int ReportError(std::string_view program, const Status& status);

}  // namespace lutra

#endif  // LUTRA_CORE_COMMAND_LINE_H_
