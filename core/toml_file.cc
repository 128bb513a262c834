#include "core/toml_file.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/file.h"

namespace lutra {
namespace {

std::string Quoted(std::string_view text) {
  constexpr size_t kMost = 200;
  return StrCat("'", text.substr(0, kMost), text.size() > kMost ? "..." : "", "'");
}

}  // namespace

std::string_view TomlTypeName(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a number";
    case toml::node_type::boolean:
      return "a boolean";
    default:
      return "a date or time";
  }
}

std::string TomlTable::Key(std::string_view key) const {
  return name_.empty() ? std::string(key) : StrCat(name_, ".", key);
}

std::vector<std::string> TomlTable::Keys() const {
  std::vector<std::pair<toml::source_position, std::string>> keys;
  for (const auto& [key, node] : *table_) keys.emplace_back(key.source().begin, key.str());
  std::stable_sort(keys.begin(), keys.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> names;
  for (auto& [position, name] : keys) names.push_back(std::move(name));
  return names;
}

Status TomlTable::WrongAt(const toml::node& node, std::string_view key, std::string_view expected,
                          std::string_view found) const {
  const auto line = node.source().begin.line;
  return InvalidArgument(file_, ":", line == 0 ? 1 : line, ": ", Key(key), ": expected ", expected,
                         ", found ", found);
}

Status TomlTable::Wrong(std::string_view key, std::string_view expected,
                        std::string_view found) const {
  const toml::node* node = Find(key);
  return WrongAt(node == nullptr ? *table_ : *node, key, expected, found);
}

Status TomlTable::CheckKeys(std::initializer_list<std::string_view> known) const {
  for (const auto& [key, node] : *table_) {
    if (std::find(known.begin(), known.end(), key.str()) != known.end()) continue;
    const auto line = key.source().begin.line;
    return InvalidArgument(file_, ":", line == 0 ? 1 : line, ": ", Key(key.str()),
                           ": expected one of ", CommaSeparated(known), ", found an unknown key");
  }
  return absl::OkStatus();
}

StatusOr<TomlTable> TomlTable::Table(std::string_view key) const {
  const toml::node* node = Find(key);
  if (node == nullptr) return Wrong(key, "a table", "nothing");
  const toml::table* table = node->as_table();
  if (table == nullptr) return Wrong(key, "a table", TomlTypeName(*node));
  return TomlTable(*table, file_, Key(key));
}

StatusOr<std::vector<TomlTable>> TomlTable::Tables(std::string_view key) const {
  LUTRA_ASSIGN_OR_RETURN(const toml::array* array, Array(key, "an array of tables"));
  std::vector<TomlTable> tables;
  for (const toml::node& node : *array) {
    const toml::table* table = node.as_table();
    if (table == nullptr) return WrongAt(node, key, "an array of tables", TomlTypeName(node));
    tables.emplace_back(*table, file_, Key(key));
  }
  return tables;
}

StatusOr<std::string> TomlTable::Text(std::string_view key, std::string_view expected) const {
  const toml::node* node = Find(key);
  if (node == nullptr) return Wrong(key, expected, "nothing");
  const toml::value<std::string>* text = node->as_string();
  if (text == nullptr) return Wrong(key, expected, TomlTypeName(*node));
  return text->get();
}

StatusOr<std::string> TomlTable::Choice(std::string_view key,
                                        std::initializer_list<std::string_view> choices) const {
  std::string expected;
  for (const std::string_view choice : choices) {
    expected += StrCat(expected.empty() ? "" : " or ", Quoted(choice));
  }
  LUTRA_ASSIGN_OR_RETURN(std::string text, Text(key, expected));
  if (std::find(choices.begin(), choices.end(), text) != choices.end()) return text;
  return Wrong(key, expected, Quoted(text));
}

StatusOr<double> TomlTable::Number(std::string_view key, double low, double high,
                                   bool may_be_infinite) const {
  const std::string expected = StrCat("a number, ", Shortest(low), " to ", Shortest(high),
                                      may_be_infinite ? ", or inf" : "");
  const toml::node* node = Find(key);
  if (node == nullptr) return Wrong(key, expected, "nothing");
  if (const toml::value<int64_t>* integer = node->as_integer(); integer != nullptr) {
    const auto value = static_cast<double>(integer->get());
    if (value >= low && value <= high) return value;
    return Wrong(key, expected, StrCat(integer->get()));
  }
  const toml::value<double>* number = node->as_floating_point();
  if (number == nullptr) return Wrong(key, expected, TomlTypeName(*node));
  const double value = number->get();
  if (value >= low && value <= high) return value;
  if (may_be_infinite && std::isinf(value) && value > 0) return value;
  return Wrong(key, expected, Shortest(value));
}

StatusOr<int64_t> TomlTable::Integer(std::string_view key, int64_t low, int64_t high) const {
  const std::string expected = StrCat("an integer, ", low, " to ", high);
  const toml::node* node = Find(key);
  if (node == nullptr) return Wrong(key, expected, "nothing");
  const toml::value<int64_t>* value = node->as_integer();
  if (value == nullptr) return Wrong(key, expected, TomlTypeName(*node));
  if (value->get() < low || value->get() > high) return Wrong(key, expected, StrCat(value->get()));
  return value->get();
}

StatusOr<bool> TomlTable::Boolean(std::string_view key) const {
  const toml::node* node = Find(key);
  if (node == nullptr) return Wrong(key, "true or false", "nothing");
  const toml::value<bool>* value = node->as_boolean();
  if (value == nullptr) return Wrong(key, "true or false", TomlTypeName(*node));
  return value->get();
}

StatusOr<const toml::array*> TomlTable::Array(std::string_view key,
                                              std::string_view expected) const {
  const toml::node* node = Find(key);
  if (node == nullptr) return Wrong(key, expected, "nothing");
  const toml::array* array = node->as_array();
  if (array == nullptr) return Wrong(key, expected, TomlTypeName(*node));
  return array;
}

StatusOr<std::vector<std::string>> TomlTable::Texts(std::string_view key) const {
  constexpr std::string_view kExpected = "an array of strings";
  LUTRA_ASSIGN_OR_RETURN(const toml::array* array, Array(key, kExpected));
  std::vector<std::string> texts;
  for (const toml::node& node : *array) {
    const toml::value<std::string>* text = node.as_string();
    if (text == nullptr) return WrongAt(node, key, kExpected, TomlTypeName(node));
    texts.push_back(text->get());
  }
  return texts;
}

StatusOr<TomlFile> TomlFile::Parse(std::string_view text, std::string_view where) {
  TomlFile file;
  file.file_ = std::make_unique<const std::string>(where);
  try {
    file.table_ = std::make_unique<const toml::table>(toml::parse(text));
  } catch (const toml::parse_error& error) {
    return InvalidArgument(where, ":", error.source().begin.line,
                           ": expected TOML: ", error.description());
  }
  return file;
}

StatusOr<TomlFile> TomlFile::Read(const std::filesystem::path& path, int64_t max_bytes) {
  LUTRA_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(path, max_bytes));
  return Parse(text, path.string());
}

Status TomlFile::CheckFormat(std::string_view format) const {
  const std::string expected = Quoted(format);
  LUTRA_ASSIGN_OR_RETURN(const std::string found, root().Text("format", expected));
  if (found == format) return absl::OkStatus();
  return root().Wrong("format", expected, Quoted(found));
}

}  // namespace lutra
