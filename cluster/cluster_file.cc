#include "cluster/cluster_file.h"

#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "core/toml_file.h"

namespace lutra {
namespace {

constexpr std::string_view kFormat = "lutra-cluster/1";
constexpr double kLongestSeconds = 86400;

// Reads one file, and knows which keys and endpoints are taken.
class Reader {
 public:
  StatusOr<Cluster> Read(const TomlFile& file);

 private:
  Status ReadServer(const TomlTable& root, Role role, Cluster& cluster);
  Status ReadOwner(const TomlTable& root, Role role, Cluster& cluster);
  // A public key that a node says, as a value of a table's `key`.
  StatusOr<std::string> PublicKey(const TomlTable& table, std::string_view key,
                                  const toml::node& node);

  std::map<std::string, std::string> keys_;       // public key -> where it is
  std::map<std::string, std::string> endpoints_;  // endpoint -> where it is
};

Status ReadSeconds(const TomlTable& table, std::string_view key, double& seconds) {
  const toml::node* node = table.Find(key);
  if (node == nullptr) return absl::OkStatus();
  constexpr std::string_view kExpected = "seconds above 0 and up to 86400";
  if (!node->is_number()) return table.Wrong(key, kExpected, TomlTypeName(*node));
  const std::optional<double> value = node->value<double>();
  if (!value || !(*value > 0 && *value <= kLongestSeconds)) {
    return table.Wrong(key, kExpected, StrCat(value.value_or(0)));
  }
  seconds = *value;
  return absl::OkStatus();
}

Status ReadTimeouts(const TomlTable& root, Cluster& cluster) {
  if (!root.Has("timeouts")) return absl::OkStatus();
  LUTRA_ASSIGN_OR_RETURN(const TomlTable timeouts, root.Table("timeouts"));
  LUTRA_RETURN_IF_ERROR(timeouts.CheckKeys({"connect", "silence"}));
  LUTRA_RETURN_IF_ERROR(ReadSeconds(timeouts, "connect", cluster.connect_seconds));
  return ReadSeconds(timeouts, "silence", cluster.silence_seconds);
}

StatusOr<std::string> Reader::PublicKey(const TomlTable& table, std::string_view key,
                                        const toml::node& node) {
  const std::string expected =
      StrCat("a public key of ", kCurveKeyCharacters, " characters of Z85");
  const toml::value<std::string>* value = node.as_string();
  if (value == nullptr) return table.WrongAt(node, key, expected, TomlTypeName(node));
  const std::string& text = value->get();
  if (!IsCurveKey(text)) return table.WrongAt(node, key, expected, StrCat("'", text, "'"));
  const auto [place, is_new] = keys_.emplace(text, table.Key(key));
  if (!is_new) {
    return table.WrongAt(node, key, "a public key of its own",
                         StrCat("that of ", place->second, ", '", text, "'"));
  }
  return text;
}

Status Reader::ReadServer(const TomlTable& root, Role role, Cluster& cluster) {
  LUTRA_ASSIGN_OR_RETURN(const TomlTable table, root.Table(Name(role)));
  LUTRA_RETURN_IF_ERROR(table.CheckKeys({"endpoint", "public_key"}));
  constexpr std::string_view kExpected = "tcp://HOST:PORT";
  LUTRA_ASSIGN_OR_RETURN(const std::string endpoint, table.Text("endpoint", kExpected));
  const StatusOr<Address> address = ParseAddress(endpoint);
  if (!address.ok()) return table.Wrong("endpoint", kExpected, StrCat("'", endpoint, "'"));
  const auto [place, is_new] = endpoints_.emplace(address->Endpoint(), table.Key("endpoint"));
  if (!is_new) {
    return table.Wrong("endpoint", "an endpoint of its own",
                       StrCat("that of ", place->second, ", '", endpoint, "'"));
  }
  const toml::node* key = table.Find("public_key");
  if (key == nullptr) return table.Wrong("public_key", "a public key", "nothing");
  LUTRA_ASSIGN_OR_RETURN(std::string public_key, PublicKey(table, "public_key", *key));
  cluster.server(role) = {*address, std::move(public_key)};
  return absl::OkStatus();
}

Status Reader::ReadOwner(const TomlTable& root, Role role, Cluster& cluster) {
  LUTRA_ASSIGN_OR_RETURN(const TomlTable table, root.Table(Name(role)));
  LUTRA_RETURN_IF_ERROR(table.CheckKeys({"public_keys"}));
  constexpr std::string_view kExpected = "an array of one or more public keys";
  LUTRA_ASSIGN_OR_RETURN(const toml::array* array, table.Array("public_keys", kExpected));
  if (array->empty()) return table.Wrong("public_keys", kExpected, "none");
  for (const toml::node& element : *array) {
    LUTRA_ASSIGN_OR_RETURN(std::string public_key, PublicKey(table, "public_keys", element));
    cluster.keys(role).push_back(std::move(public_key));
  }
  return absl::OkStatus();
}

// Dealer and P0 of one operator are on one machine; that much the file can show.
Status CheckHosts(const TomlTable& root, const Cluster& cluster) {
  const std::string& dealer = cluster.server(Role::kDealer).address.host;
  const std::string& p0 = cluster.server(Role::kP0).address.host;
  if (cluster.deployment != Deployment::kSharedDealer || dealer == p0) return absl::OkStatus();
  LUTRA_ASSIGN_OR_RETURN(const TomlTable table, root.Table(Name(Role::kP0)));
  return table.Wrong("endpoint",
                     StrCat("the dealer's host '", dealer, "' (deployment shared-dealer)"),
                     StrCat("'", p0, "'"));
}

StatusOr<Cluster> Reader::Read(const TomlFile& file) {
  const TomlTable root = file.root();
  Cluster cluster;
  LUTRA_RETURN_IF_ERROR(file.CheckFormat(kFormat));
  LUTRA_RETURN_IF_ERROR(root.CheckKeys({"format", "deployment", "timeouts", "dealer", "p0", "p1",
                                        "p2", "model-owner", "data-owner"}));
  LUTRA_ASSIGN_OR_RETURN(
      const std::string deployment,
      root.Choice("deployment", {Name(Deployment::kFourProcess), Name(Deployment::kSharedDealer)}));
  cluster.deployment = deployment == Name(Deployment::kSharedDealer) ? Deployment::kSharedDealer
                                                                     : Deployment::kFourProcess;
  LUTRA_RETURN_IF_ERROR(ReadTimeouts(root, cluster));
  for (const Role role : kServers) LUTRA_RETURN_IF_ERROR(ReadServer(root, role, cluster));
  for (const Role role : kOwners) LUTRA_RETURN_IF_ERROR(ReadOwner(root, role, cluster));
  LUTRA_RETURN_IF_ERROR(CheckHosts(root, cluster));
  return cluster;
}

// TOML wants a point or an exponent.
std::string FormatSeconds(double seconds) {
  std::string formatted = Shortest(seconds);
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
  LUTRA_ASSIGN_OR_RETURN(const TomlFile file, TomlFile::Read(path));
  return Reader().Read(file);
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
