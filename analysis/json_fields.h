// JSON that comes from outside, read with its types checked. Every error names the document, the
// field, what was expected and what was found.
#ifndef LUTRA_ANALYSIS_JSON_FIELDS_H_
#define LUTRA_ANALYSIS_JSON_FIELDS_H_

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/status.h"

namespace lutra {

// An object of this format from a file of at most so many bytes. An error where it is missing,
// larger, not JSON, nested deep, has a field twice, or is of another format.
StatusOr<nlohmann::ordered_json> ReadJsonObject(const std::filesystem::path& path,
                                                int64_t max_bytes, std::string_view format);

// The fields of an object, which outlives it. `where` stands before their names: "'run.json': " or
// "'run.json': model.".
class JsonFields {
 public:
  using Json = nlohmann::ordered_json;

  static constexpr int64_t kMostCounted = int64_t{1} << 50;
  static constexpr double kMostNumber = 1e18;

  JsonFields(const Json& object, std::string where) : object_(object), where_(std::move(where)) {}

  const std::string& where() const { return where_; }
  const Json& object() const { return object_; }

  // Whether there is nothing, or null.
  bool IsNull(std::string_view name) const;
  StatusOr<JsonFields> Object(std::string_view name) const;
  StatusOr<const Json*> List(std::string_view name) const;
  StatusOr<std::vector<JsonFields>> Objects(std::string_view name) const;  // a list of them
  StatusOr<std::string> Text(std::string_view name) const;
  StatusOr<std::vector<std::string>> Texts(std::string_view name) const;
  // Whole numbers as they are written.
  StatusOr<std::string> TextOrInteger(std::string_view name) const;
  // 0 to kMostCounted.
  StatusOr<int64_t> Integer(std::string_view name) const;
  // 0 to `most`.
  StatusOr<double> Number(std::string_view name, double most = kMostNumber) const;

  // "WHERE name: expected ..., found ...".
  Status Wrong(std::string_view name, std::string_view expected) const;

 private:
  const Json* Find(std::string_view name) const;

  const Json& object_;
  std::string where_;
};

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_JSON_FIELDS_H_
