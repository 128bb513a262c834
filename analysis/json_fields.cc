#include "analysis/json_fields.h"

#include <functional>
#include <set>

#include "core/file.h"

namespace lutra {
namespace {

using Json = nlohmann::ordered_json;

// Sees what the parser would take: one key twice in an object, of which it keeps the last, and
// values nested so deep that whoever walks them needs much stack.
class Watch {
 public:
  bool operator()(int depth, Json::parse_event_t event, const Json& parsed) {
    if (depth > kDeepest) too_deep_ = true;
    if (event == Json::parse_event_t::object_start) keys_.emplace_back();
    if (event == Json::parse_event_t::object_end) keys_.pop_back();
    if (event == Json::parse_event_t::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!keys_.back().insert(key).second && duplicate_.empty()) duplicate_ = key;
    }
    return true;
  }
  const std::string& duplicate() const { return duplicate_; }
  bool too_deep() const { return too_deep_; }

 private:
  static constexpr int kDeepest = 32;
  bool too_deep_ = false;
  std::vector<std::set<std::string>> keys_;
  std::string duplicate_;
};

bool IsCount(const Json& value) {
  constexpr int64_t kMost = JsonFields::kMostCounted;
  if (value.is_number_unsigned()) return value.get<uint64_t>() <= static_cast<uint64_t>(kMost);
  return value.is_number_integer() && value.get<int64_t>() >= 0 && value.get<int64_t>() <= kMost;
}

}  // namespace

StatusOr<Json> ReadJsonObject(const std::filesystem::path& path, int64_t max_bytes,
                              std::string_view format) {
  LUTRA_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(path, max_bytes));
  const std::string where = StrCat("'", path.string(), "': ");
  Watch watch;
  Json json = Json::parse(text, std::ref(watch), /*allow_exceptions=*/false);
  if (json.is_discarded()) return InvalidArgument(where, "expected JSON");
  if (watch.too_deep()) return InvalidArgument(where, "expected fewer values within values");
  if (!watch.duplicate().empty()) {
    return InvalidArgument(where, watch.duplicate(), ": expected once, found twice");
  }
  if (!json.is_object()) {
    return InvalidArgument(where, "expected an object, found ", json.type_name());
  }
  const auto named = json.find("format");
  if (named == json.end() || !named->is_string()) {
    return InvalidArgument(where, "format: expected ", format, ", found none");
  }
  const auto& found = named->get_ref<const std::string&>();
  if (found != format) {
    return InvalidArgument(where, "format: expected ", format, ", found ", found);
  }
  return json;
}

bool JsonFields::IsNull(std::string_view name) const {
  const Json* const value = Find(name);
  return value == nullptr || value->is_null();
}

StatusOr<JsonFields> JsonFields::Object(std::string_view name) const {
  const Json* const value = Find(name);
  if (value == nullptr || !value->is_object()) return Wrong(name, "an object");
  return JsonFields(*value, StrCat(where_, name, "."));
}

StatusOr<const Json*> JsonFields::List(std::string_view name) const {
  const Json* const value = Find(name);
  if (value == nullptr || !value->is_array()) return Wrong(name, "a list");
  return value;
}

StatusOr<std::vector<JsonFields>> JsonFields::Objects(std::string_view name) const {
  LUTRA_ASSIGN_OR_RETURN(const Json* list, List(name));
  std::vector<JsonFields> objects;
  for (size_t i = 0; i < list->size(); ++i) {
    if (!(*list)[i].is_object()) return Wrong(name, "a list of objects");
    objects.emplace_back((*list)[i], StrCat(where_, name, "[", i, "]."));
  }
  return objects;
}

StatusOr<std::string> JsonFields::Text(std::string_view name) const {
  const Json* const value = Find(name);
  if (value == nullptr || !value->is_string()) return Wrong(name, "text");
  return value->get<std::string>();
}

StatusOr<std::vector<std::string>> JsonFields::Texts(std::string_view name) const {
  LUTRA_ASSIGN_OR_RETURN(const Json* list, List(name));
  std::vector<std::string> texts;
  for (const Json& text : *list) {
    if (!text.is_string()) return Wrong(name, "a list of texts");
    texts.push_back(text.get<std::string>());
  }
  return texts;
}

StatusOr<std::string> JsonFields::TextOrInteger(std::string_view name) const {
  const Json* const value = Find(name);
  if (value != nullptr && value->is_number_integer()) return value->dump();
  if (value == nullptr || !value->is_string()) return Wrong(name, "text or a whole number");
  return value->get<std::string>();
}

StatusOr<int64_t> JsonFields::Integer(std::string_view name) const {
  const Json* const value = Find(name);
  if (value == nullptr || !IsCount(*value)) return Wrong(name, "a whole number of at least 0");
  return value->get<int64_t>();
}

StatusOr<double> JsonFields::Number(std::string_view name, double most) const {
  const Json* const value = Find(name);
  if (value == nullptr || !value->is_number()) return Wrong(name, "a number");
  const double number = value->get<double>();
  if (!(number >= 0)) return Wrong(name, "a number of at least 0");
  if (!(number <= most)) return Wrong(name, "a smaller number");
  return number;
}

Status JsonFields::Wrong(std::string_view name, std::string_view expected) const {
  const Json* const value = Find(name);
  const std::string found =
      value == nullptr ? "none" : value->dump(-1, ' ', true, Json::error_handler_t::replace);
  return InvalidArgument(where_, name, ": expected ", expected, ", found ", found.substr(0, 60));
}

const Json* JsonFields::Find(std::string_view name) const {
  const auto found = object_.find(name);
  return found == object_.end() ? nullptr : &*found;
}

}  // namespace lutra
