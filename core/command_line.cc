#include "core/command_line.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <utility>

#include "core/version.h"

namespace lutra {
namespace {

constexpr size_t kWidth = 100;

// Foreign text in an error.
std::string Quote(std::string_view text) {
  constexpr size_t kLongest = 60;
  if (text.size() <= kLongest) return StrCat("'", text, "'");
  return StrCat("'", text.substr(0, kLongest), "...'");
}

template <class Number>
bool ParseNumber(std::string_view text, Number& number) {
  const char* const end = text.data() + text.size();
  const std::from_chars_result result = std::from_chars(text.data(), end, number);
  return result.ec == std::errc() && result.ptr == end;
}

// Insertions, deletions, replacements and swaps of neighbours that turn one word into the other.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> distance(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) {
    for (size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        distance[i][j] = i + j;
        continue;
      }
      const size_t replaced = distance[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      distance[i][j] = std::min({replaced, distance[i - 1][j] + 1, distance[i][j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        distance[i][j] = std::min(distance[i][j], distance[i - 2][j - 2] + 1);
      }
    }
  }
  return distance[a.size()][b.size()];
}

// Appends words, in lines of at most kWidth that begin at column `indent`; the text is at that
// column already.
void AppendWrapped(std::string& out, std::string_view text, size_t indent) {
  size_t column = indent;
  while (!text.empty()) {
    const size_t space = text.find(' ');
    const std::string_view word = text.substr(0, space);
    if (column > indent && column + 1 + word.size() > kWidth) {
      out += '\n';
      out.append(indent, ' ');
      column = indent;
    } else if (column > indent) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
    text.remove_prefix(space == text.npos ? text.size() : space + 1);
  }
  out += '\n';
}

}  // namespace

std::string DidYouMean(std::string_view word, std::span<const std::string_view> choices) {
  constexpr size_t kLongestWord = 64;
  if (word.size() > kLongestWord) return "";
  std::string_view nearest;
  size_t least = std::max<size_t>(2, word.size() / 3) + 1;
  for (const std::string_view choice : choices) {
    const size_t distance = EditDistance(word, choice);
    if (distance < least && distance < choice.size()) {
      least = distance;
      nearest = choice;
    }
  }
  return nearest.empty() ? "" : StrCat(" (did you mean '", nearest, "'?)");
}

const std::string& Arguments::value(std::string_view flag) const {
  const auto found = values_.find(flag);
  LUTRA_CHECK(found != values_.end());
  return found->second;
}

std::string Arguments::Text(std::string_view flag, std::string_view otherwise) const {
  return Has(flag) ? value(flag) : std::string(otherwise);
}

StatusOr<int64_t> Arguments::Integer(std::string_view flag, int64_t otherwise, int64_t low,
                                     int64_t high) const {
  if (!Has(flag)) return otherwise;
  int64_t number = 0;
  if (ParseNumber(value(flag), number) && number >= low && number <= high) return number;
  return InvalidArgument("--", flag, ": expected a whole number from ", low, " to ", high,
                         ", found ", Quote(value(flag)));
}

StatusOr<uint64_t> Arguments::Unsigned(std::string_view flag, uint64_t otherwise) const {
  if (!Has(flag)) return otherwise;
  uint64_t number = 0;
  if (ParseNumber(value(flag), number)) return number;
  return InvalidArgument("--", flag, ": expected a whole number from 0 to ",
                         std::numeric_limits<uint64_t>::max(), ", found ", Quote(value(flag)));
}

StatusOr<int64_t> Arguments::Bytes(std::string_view flag, int64_t otherwise) const {
  if (!Has(flag)) return otherwise;
  constexpr std::string_view kUnits = "KMGT";
  constexpr uint64_t kMost = uint64_t{1} << 62;
  std::string_view digits = value(flag);
  int shift = 0;
  if (const size_t unit = kUnits.find(digits.back()); unit != kUnits.npos) {
    shift = 10 * (static_cast<int>(unit) + 1);
    digits.remove_suffix(1);
  }
  uint64_t number = 0;
  if (ParseNumber(digits, number) && number >= 1 && number <= kMost >> shift) {
    return static_cast<int64_t>(number << shift);
  }
  return InvalidArgument("--", flag, ": expected a number of bytes such as 4G, 800M or 1000000, ",
                         "found ", Quote(value(flag)));
}

StatusOr<std::string> Arguments::Choice(std::string_view flag, std::string_view otherwise,
                                        std::span<const std::string_view> choices) const {
  if (!Has(flag)) return std::string(otherwise);
  const std::string& found = value(flag);
  if (std::find(choices.begin(), choices.end(), found) != choices.end()) return found;
  std::string expected;
  for (size_t i = 0; i < choices.size(); ++i) {
    expected += i == 0 ? "" : i + 1 == choices.size() ? " or " : ", ";
    expected += choices[i];
  }
  return InvalidArgument("--", flag, ": expected ", expected, ", found ", Quote(found));
}

CommandLine::CommandLine(std::string_view name, std::string_view description)
    : name_(name), description_(description) {}

CommandLine& CommandLine::AddFlag(std::string_view name, std::string_view placeholder,
                                  std::string_view help) {
  LUTRA_CHECK(Find(name) == nullptr && name != "help" && name != "version");
  flags_.push_back({std::string(name), std::string(placeholder), std::string(help)});
  return *this;
}

CommandLine& CommandLine::AddSwitch(std::string_view name, std::string_view help) {
  return AddFlag(name, "", help);
}

CommandLine& CommandLine::SetPositionals(std::string_view usage, size_t least, size_t most) {
  positionals_usage_ = usage;
  least_positionals_ = least;
  most_positionals_ = most;
  return *this;
}

CommandLine& CommandLine::AddExample(std::string_view line) {
  examples_.emplace_back(line);
  return *this;
}

const CommandLine::Flag* CommandLine::Find(std::string_view name) const {
  const auto found = std::find_if(flags_.begin(), flags_.end(),
                                  [&](const Flag& flag) { return flag.name == name; });
  return found == flags_.end() ? nullptr : &*found;
}

StatusOr<Arguments> CommandLine::Parse(std::span<const std::string> arguments) const {
  Arguments parsed;
  const auto flags_end = std::find(arguments.begin(), arguments.end(), "--");
  // Wherever they stand: whoever asks for help wants no complaint.
  for (auto argument = arguments.begin(); argument != flags_end; ++argument) {
    if (*argument == "--help" || *argument == "-h") parsed.information_ = Help();
    if (*argument == "--version") {
      parsed.information_ =
          StrCat(std::string_view(name_).substr(0, name_.find(' ')), " ", Version(), "\n");
    }
    if (!parsed.information_.empty()) return parsed;
  }
  bool flags_may_follow = true;
  for (size_t i = 0; i < arguments.size();) {
    const std::string& argument = arguments[i];
    if (!flags_may_follow || argument.size() < 2 || argument[0] != '-') {
      parsed.positionals_.push_back(argument);
      ++i;
    } else if (argument == "--") {
      flags_may_follow = false;
      ++i;
    } else {
      LUTRA_ASSIGN_OR_RETURN(i, ParseFlag(arguments, i, parsed));
    }
  }
  LUTRA_RETURN_IF_ERROR(CheckPositionals(parsed));
  return parsed;
}

StatusOr<size_t> CommandLine::ParseFlag(std::span<const std::string> arguments, size_t position,
                                        Arguments& parsed) const {
  const std::string_view argument = arguments[position];
  const size_t equals = argument.find('=');
  const std::string_view name =
      argument.substr(0, 2) == "--" ? argument.substr(0, equals).substr(2) : "";
  const Flag* const flag = Find(name);
  if (flag == nullptr) return UnknownFlag(argument.substr(0, equals));
  std::string value;
  if (flag->placeholder.empty()) {
    if (equals != argument.npos) {
      return InvalidArgument("--", name, ": expected no value, found ",
                             Quote(argument.substr(equals + 1)));
    }
  } else if (equals != argument.npos) {
    value = argument.substr(equals + 1);
  } else if (++position < arguments.size() && !arguments[position].starts_with("--")) {
    value = arguments[position];
  }
  if (value.empty() && !flag->placeholder.empty()) {
    return InvalidArgument("--", name, ": expected a value (", flag->placeholder, "), found none");
  }
  if (!parsed.values_.emplace(name, std::move(value)).second) {
    return InvalidArgument("--", name, ": expected once, found twice");
  }
  return position + 1;
}

Status CommandLine::UnknownFlag(std::string_view argument) const {
  std::vector<std::string> flags = {"--help", "--version"};
  for (const Flag& flag : flags_) flags.push_back(StrCat("--", flag.name));
  const std::vector<std::string_view> choices(flags.begin(), flags.end());
  return InvalidArgument("unknown flag ", Quote(argument), DidYouMean(argument, choices), "; ",
                         name_, " --help lists the flags");
}

Status CommandLine::CheckPositionals(const Arguments& parsed) const {
  const size_t found = parsed.positionals_.size();
  if (found < least_positionals_) {
    return InvalidArgument("expected ", positionals_usage_, ", found ",
                           found == 0 ? "nothing" : "too few arguments", "; ", name_,
                           " --help says more");
  }
  if (found > most_positionals_) {
    return InvalidArgument("unexpected argument ", Quote(parsed.positionals_[most_positionals_]),
                           "; ", name_, " --help says more");
  }
  return absl::OkStatus();
}

std::string CommandLine::Help() const {
  std::vector<std::pair<std::string, std::string>> rows;
  for (const Flag& flag : flags_) {
    const std::string_view gap = flag.placeholder.empty() ? "" : " ";
    rows.emplace_back(StrCat("--", flag.name, gap, flag.placeholder), flag.help);
  }
  rows.emplace_back("--help", "print this and exit");
  rows.emplace_back("--version", "print the version and exit");

  size_t width = 0;
  for (const auto& [flag, help] : rows) width = std::max(width, flag.size());
  const std::string_view gap = positionals_usage_.empty() ? "" : " ";
  std::string text = StrCat("Usage: ", name_, gap, positionals_usage_, " [FLAG]...\n\n",
                            description_, "\n\nFlags:\n");
  for (const auto& [flag, help] : rows) {
    text += StrCat("  ", flag, std::string(width - flag.size() + 2, ' '));
    AppendWrapped(text, help, width + 4);
  }
  if (!examples_.empty()) text += "\nExamples:\n";
  for (const std::string& example : examples_) text += StrCat("  ", example, "\n");
  return text;
}

std::vector<std::string> ArgumentsOfMain(int count, const char* const* arguments) {
  return count > 1 ? std::vector<std::string>(arguments + 1, arguments + count)
                   : std::vector<std::string>();
}

int ReportError(std::string_view program, const Status& status) {
  const std::string line = StrCat(program, ": ", OneLine(status), "\n");
  std::fwrite(line.data(), 1, line.size(), stderr);
  return 1;
}

}  // namespace lutra
