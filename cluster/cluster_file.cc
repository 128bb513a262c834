#include "cluster/cluster_file.h"

#include <toml++/toml.h>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "core/file.h"

namespace lutra {
namespace {

constexpr std::string_view kFormat = "lutra-cluster/1";
constexpr int64_t kLargestFile = int64_t{1} << 20;
constexpr double kLongestSeconds = 86400;

std::string_view TypeName(const toml::node& node) {
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

// Reads one file; every error names it, a line and a key.
class Reader {
 public:
  explicit Reader(std::string file) : file_(std::move(file)) {}

  StatusOr<Cluster> Read(const toml::table& root);

 private:
  // A table with the name that its keys are told by.
  struct Section {
    const toml::table& table;
    std::string name;  // "" for the root

    std::string Key(std::string_view key) const {
      return name.empty() ? std::string(key) : StrCat(name, ".", key);
    }
  };

  Status Wrong(const toml::source_region& where, std::string_view key, std::string_view expected,
               std::string_view found) const {
    return InvalidArgument(file_, ":", where.begin.line == 0 ? 1 : where.begin.line, ": ", key,
                           ": expected ", expected, ", found ", found);
  }
  Status WrongType(const toml::node& node, std::string_view key, std::string_view expected) const {
    return Wrong(node.source(), key, expected, TypeName(node));
  }

  Status CheckKeys(const Section& section, std::initializer_list<std::string_view> known) const;
  StatusOr<const toml::node*> Need(const Section& section, std::string_view key,
                                   std::string_view expected) const;
  StatusOr<Section> NeedTable(const Section& root, std::string_view key) const;
  StatusOr<std::string> Text(const toml::node& node, std::string_view key,
                             std::string_view expected) const;
  StatusOr<std::string> NeedText(const Section& section, std::string_view key,
                                 std::string_view expected) const;
  Status ReadHead(const Section& root, Cluster& cluster) const;
  Status ReadSeconds(const Section& section, std::string_view key, double& seconds) const;
  Status ReadTimeouts(const Section& root, Cluster& cluster) const;
  Status ReadServer(const Section& root, Role role, Cluster& cluster);
  Status ReadOwner(const Section& root, Role role, Cluster& cluster);
  StatusOr<std::string> PublicKey(const toml::node& node, const std::string& key);
  Status CheckHosts(const Section& root, const Cluster& cluster) const;

  const std::string file_;
  std::map<std::string, std::string> keys_;       // public key -> where it is
  std::map<std::string, std::string> endpoints_;  // endpoint -> where it is
};

Status Reader::CheckKeys(const Section& section,
                         std::initializer_list<std::string_view> known) const {
  for (const auto& [key, node] : section.table) {
    bool found = false;
    std::string choices;
    for (const std::string_view name : known) {
      found |= key.str() == name;
      choices += StrCat(choices.empty() ? "" : ", ", name);
    }
    if (!found) {
      return Wrong(key.source(), section.Key(key.str()), StrCat("one of ", choices),
                   "an unknown key");
    }
  }
  return absl::OkStatus();
}

StatusOr<const toml::node*> Reader::Need(const Section& section, std::string_view key,
                                         std::string_view expected) const {
  const toml::node* node = section.table.get(key);
  if (node == nullptr) {
    return Wrong(section.table.source(), section.Key(key), expected, "nothing");
  }
  return node;
}

StatusOr<Reader::Section> Reader::NeedTable(const Section& root, std::string_view key) const {
  LUTRA_ASSIGN_OR_RETURN(const toml::node* node, Need(root, key, "a table"));
  const toml::table* table = node->as_table();
  if (table == nullptr) return WrongType(*node, root.Key(key), "a table");
  return Section{*table, root.Key(key)};
}

StatusOr<std::string> Reader::Text(const toml::node& node, std::string_view key,
                                   std::string_view expected) const {
  const toml::value<std::string>* text = node.as_string();
  if (text == nullptr) return WrongType(node, key, expected);
  return text->get();
}

StatusOr<std::string> Reader::NeedText(const Section& section, std::string_view key,
                                       std::string_view expected) const {
  LUTRA_ASSIGN_OR_RETURN(const toml::node* node, Need(section, key, expected));
  return Text(*node, section.Key(key), expected);
}

Status Reader::ReadHead(const Section& root, Cluster& cluster) const {
  const std::string expected = StrCat("'", kFormat, "'");
  LUTRA_ASSIGN_OR_RETURN(const std::string format, NeedText(root, "format", expected));
  if (format != kFormat) {
    return Wrong(root.table.get("format")->source(), "format", expected, StrCat("'", format, "'"));
  }
  LUTRA_RETURN_IF_ERROR(CheckKeys(root, {"format", "deployment", "timeouts", "dealer", "p0", "p1",
                                         "p2", "model-owner", "data-owner"}));
  constexpr std::string_view kChoices = "'four-process' or 'shared-dealer'";
  LUTRA_ASSIGN_OR_RETURN(const std::string deployment, NeedText(root, "deployment", kChoices));
  for (const Deployment choice : {Deployment::kFourProcess, Deployment::kSharedDealer}) {
    if (deployment == Name(choice)) {
      cluster.deployment = choice;
      return absl::OkStatus();
    }
  }
  return Wrong(root.table.get("deployment")->source(), "deployment", kChoices,
               StrCat("'", deployment, "'"));
}

Status Reader::ReadSeconds(const Section& section, std::string_view key, double& seconds) const {
  const toml::node* node = section.table.get(key);
  if (node == nullptr) return absl::OkStatus();
  constexpr std::string_view kExpected = "seconds above 0 and up to 86400";
  if (!node->is_number()) return WrongType(*node, section.Key(key), kExpected);
  const std::optional<double> value = node->value<double>();
  if (!value || !(*value > 0 && *value <= kLongestSeconds)) {
    return Wrong(node->source(), section.Key(key), kExpected, StrCat(value.value_or(0)));
  }
  seconds = *value;
  return absl::OkStatus();
}

Status Reader::ReadTimeouts(const Section& root, Cluster& cluster) const {
  if (root.table.get("timeouts") == nullptr) return absl::OkStatus();
  LUTRA_ASSIGN_OR_RETURN(const Section section, NeedTable(root, "timeouts"));
  LUTRA_RETURN_IF_ERROR(CheckKeys(section, {"connect", "silence"}));
  LUTRA_RETURN_IF_ERROR(ReadSeconds(section, "connect", cluster.connect_seconds));
  return ReadSeconds(section, "silence", cluster.silence_seconds);
}

StatusOr<std::string> Reader::PublicKey(const toml::node& node, const std::string& key) {
  const std::string expected =
      StrCat("a public key of ", kCurveKeyCharacters, " characters of Z85");
  LUTRA_ASSIGN_OR_RETURN(std::string text, Text(node, key, expected));
  if (!IsCurveKey(text)) return Wrong(node.source(), key, expected, StrCat("'", text, "'"));
  const auto [place, is_new] = keys_.emplace(text, key);
  if (!is_new) {
    return Wrong(node.source(), key, "a public key of its own",
                 StrCat("that of ", place->second, ", '", text, "'"));
  }
  return text;
}

Status Reader::ReadServer(const Section& root, Role role, Cluster& cluster) {
  LUTRA_ASSIGN_OR_RETURN(const Section section, NeedTable(root, Name(role)));
  LUTRA_RETURN_IF_ERROR(CheckKeys(section, {"endpoint", "public_key"}));
  constexpr std::string_view kExpected = "tcp://HOST:PORT";
  LUTRA_ASSIGN_OR_RETURN(const std::string endpoint, NeedText(section, "endpoint", kExpected));
  const toml::source_region& where = section.table.get("endpoint")->source();
  const std::string key = section.Key("endpoint");
  const StatusOr<Address> address = ParseAddress(endpoint);
  if (!address.ok()) return Wrong(where, key, kExpected, StrCat("'", endpoint, "'"));
  const auto [place, is_new] = endpoints_.emplace(address->Endpoint(), key);
  if (!is_new) {
    return Wrong(where, key, "an endpoint of its own",
                 StrCat("that of ", place->second, ", '", endpoint, "'"));
  }
  LUTRA_ASSIGN_OR_RETURN(const toml::node* node, Need(section, "public_key", "a public key"));
  LUTRA_ASSIGN_OR_RETURN(std::string public_key, PublicKey(*node, section.Key("public_key")));
  cluster.server(role) = {*address, std::move(public_key)};
  return absl::OkStatus();
}

Status Reader::ReadOwner(const Section& root, Role role, Cluster& cluster) {
  LUTRA_ASSIGN_OR_RETURN(const Section section, NeedTable(root, Name(role)));
  LUTRA_RETURN_IF_ERROR(CheckKeys(section, {"public_keys"}));
  constexpr std::string_view kExpected = "an array of one or more public keys";
  LUTRA_ASSIGN_OR_RETURN(const toml::node* node, Need(section, "public_keys", kExpected));
  const std::string key = section.Key("public_keys");
  const toml::array* array = node->as_array();
  if (array == nullptr) return WrongType(*node, key, kExpected);
  if (array->empty()) return Wrong(node->source(), key, kExpected, "none");
  for (const toml::node& element : *array) {
    LUTRA_ASSIGN_OR_RETURN(std::string public_key, PublicKey(element, key));
    cluster.keys(role).push_back(std::move(public_key));
  }
  return absl::OkStatus();
}

// Dealer and P0 of one operator are on one machine; that much the file can show.
Status Reader::CheckHosts(const Section& root, const Cluster& cluster) const {
  const std::string& dealer = cluster.server(Role::kDealer).address.host;
  const std::string& p0 = cluster.server(Role::kP0).address.host;
  if (cluster.deployment != Deployment::kSharedDealer || dealer == p0) return absl::OkStatus();
  return Wrong(root.table.get("p0")->as_table()->get("endpoint")->source(), "p0.endpoint",
               StrCat("the dealer's host '", dealer, "' (deployment shared-dealer)"),
               StrCat("'", p0, "'"));
}

StatusOr<Cluster> Reader::Read(const toml::table& table) {
  const Section root{table, ""};
  Cluster cluster;
  LUTRA_RETURN_IF_ERROR(ReadHead(root, cluster));
  LUTRA_RETURN_IF_ERROR(ReadTimeouts(root, cluster));
  for (const Role role : kServers) LUTRA_RETURN_IF_ERROR(ReadServer(root, role, cluster));
  for (const Role role : kOwners) LUTRA_RETURN_IF_ERROR(ReadOwner(root, role, cluster));
  LUTRA_RETURN_IF_ERROR(CheckHosts(root, cluster));
  return cluster;
}

// The shortest decimal that reads back as the same number; TOML wants a point or an exponent.
std::string FormatSeconds(double seconds) {
  char text[64];
  const auto [end, error] = std::to_chars(std::begin(text), std::end(text), seconds);
  LUTRA_CHECK(error == std::errc());
  std::string formatted(text, end);
  if (formatted.find_first_of(".e") == formatted.npos) formatted += ".0";
  return formatted;
}

}  // namespace

std::vector<std::string>& Cluster::keys(Role owner) {
  LUTRA_CHECK(!IsServer(owner));
  return owner_keys[Index(owner) - kServers.size()];
}

const std::vector<std::string>& Cluster::keys(Role owner) const {
  LUTRA_CHECK(!IsServer(owner));
  return owner_keys[Index(owner) - kServers.size()];
}

StatusOr<Cluster> ReadCluster(const std::filesystem::path& path) {
  LUTRA_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(path, kLargestFile));
  try {
    return Reader(path.string()).Read(toml::parse(text));
  } catch (const toml::parse_error& error) {
    return InvalidArgument(path.string(), ":", error.source().begin.line,
                           ": expected TOML: ", error.description());
  }
}

std::string FormatCluster(const Cluster& cluster) {
  // Nothing that is quoted here (names, endpoints, Z85) has quotes or backslashes in it.
  std::string text = StrCat("format = \"", kFormat, "\"\ndeployment = \"", Name(cluster.deployment),
                            "\"\n\n[timeouts]\nconnect = ", FormatSeconds(cluster.connect_seconds),
                            "\nsilence = ", FormatSeconds(cluster.silence_seconds), "\n");
  for (const Role role : kServers) {
    const Cluster::Server& server = cluster.server(role);
    text += StrCat("\n[", Name(role), "]\nendpoint = \"", server.address.Endpoint(),
                   "\"\npublic_key = \"", server.public_key, "\"\n");
  }
  for (const Role role : kOwners) {
    text += StrCat("\n[", Name(role), "]\npublic_keys = [\n");
    for (const std::string& key : cluster.keys(role)) text += StrCat("  \"", key, "\",\n");
    text += "]\n";
  }
  return text;
}

}  // namespace lutra
