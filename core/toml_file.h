// TOML files (https://toml.io, by toml++), read with checks. Every error names the file, the line,
// the key, what was expected and what was found: "net.toml:7: links.latency_ms: expected ...".
#ifndef LUTRA_CORE_TOML_FILE_H_
#define LUTRA_CORE_TOML_FILE_H_

#include <toml++/toml.h>

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"

namespace lutra {

// A table of a file, under the dotted name by which its keys are told. Cheap to copy; the file
// outlives it.
class TomlTable {
 public:
  TomlTable(const toml::table& table, std::string_view file, std::string name)
      : table_(&table), file_(file), name_(std::move(name)) {}

  const toml::table& table() const { return *table_; }
  // "links.latency_ms" of "latency_ms".
  std::string Key(std::string_view key) const;
  bool Has(std::string_view key) const { return table_->get(key) != nullptr; }
  const toml::node* Find(std::string_view key) const { return table_->get(key); }
  // Its keys in the order in which they stand in the file.
  std::vector<std::string> Keys() const;

  // An error at a key, or where the table begins if the key is not there.
  Status Wrong(std::string_view key, std::string_view expected, std::string_view found) const;
  // An error at an element of the file, told as a key of this table.
  Status WrongAt(const toml::node& node, std::string_view key, std::string_view expected,
                 std::string_view found) const;
  // An error for each key that is not one of these.
  Status CheckKeys(std::initializer_list<std::string_view> known) const;

  // What is missing, of another type, or outside the bounds is an error; `expected` says in words
  // what should be there.
  StatusOr<TomlTable> Table(std::string_view key) const;
  StatusOr<std::vector<TomlTable>> Tables(std::string_view key) const;  // [[key]]
  StatusOr<std::string> Text(std::string_view key, std::string_view expected = "a string") const;
  StatusOr<std::string> Choice(std::string_view key,
                               std::initializer_list<std::string_view> choices) const;
  // An integer is a number. Where it may be infinite, `inf` is taken, too.
  StatusOr<double> Number(std::string_view key, double low, double high,
                          bool may_be_infinite = false) const;
  StatusOr<int64_t> Integer(std::string_view key, int64_t low, int64_t high) const;
  StatusOr<bool> Boolean(std::string_view key) const;
  StatusOr<const toml::array*> Array(std::string_view key, std::string_view expected) const;
  StatusOr<std::vector<std::string>> Texts(std::string_view key) const;

 private:
  const toml::table* table_;
  std::string_view file_;
  std::string name_;
};

// "a string", "a table": what was found.
std::string_view TomlTypeName(const toml::node& node);

class TomlFile {
 public:
  static StatusOr<TomlFile> Read(const std::filesystem::path& path,
                                 int64_t max_bytes = int64_t{1} << 20);
  // `where` stands for the file in errors.
  static StatusOr<TomlFile> Parse(std::string_view text, std::string_view where);

  TomlTable root() const { return TomlTable(*table_, *file_, ""); }
  // An error unless the key `format` has this value.
  Status CheckFormat(std::string_view format) const;

 private:
  TomlFile() = default;
  std::unique_ptr<const toml::table> table_;
  std::unique_ptr<const std::string> file_;
};

}  // namespace lutra

#endif  // LUTRA_CORE_TOML_FILE_H_
