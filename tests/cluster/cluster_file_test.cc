// The cluster file: what is read, and every way in which it can be wrong.
#include "cluster/cluster_file.h"

#include <catch2/catch.hpp>
#include <string>

#include "tests/models/random_model.h"

namespace lutra {
namespace {

Cluster Example() {
  Cluster cluster;
  uint16_t port = 7100;
  const auto key = [] {
    const StatusOr<CurveKeyPair> pair = CurveKeyPair::Generate();
    REQUIRE(pair.ok());
    return pair->public_key();
  };
  for (const Role role : kServers) cluster.server(role) = {{"127.0.0.1", port++}, key()};
  cluster.keys(Role::kModelOwner) = {key()};
  cluster.keys(Role::kDataOwner) = {key(), key()};
  cluster.connect_seconds = 2.5;
  cluster.silence_seconds = 60;
  return cluster;
}

std::string Replaced(std::string text, const std::string& what, const std::string& by) {
  const size_t at = text.find(what);
  REQUIRE(at != text.npos);
  return text.replace(at, what.size(), by);
}

TEST_CASE("A cluster file reads back as it was written", "[cluster][cluster-file]") {
  const TemporaryFolder folder;
  Cluster cluster = Example();
  cluster.deployment = GENERATE(Deployment::kFourProcess, Deployment::kSharedDealer);
  cluster.server(Role::kP2).address.host = GENERATE("::1", "p2.example.org");
  const std::string text = FormatCluster(cluster);
  const StatusOr<Cluster> read = ReadCluster(folder.Write("cluster.toml", text));
  INFO(OneLine(read.status()));
  REQUIRE(read.ok());
  CHECK(FormatCluster(*read) == text);
  CHECK(read->deployment == cluster.deployment);
  CHECK(read->connect_seconds == 2.5);
  CHECK(read->silence_seconds == 60);
  CHECK(read->server(Role::kP2).address == cluster.server(Role::kP2).address);
  CHECK(read->keys(Role::kDataOwner) == cluster.keys(Role::kDataOwner));

  const std::string bare = Replaced(text, "[timeouts]\nconnect = 2.5\nsilence = 60.0\n", "");
  const StatusOr<Cluster> defaults = ReadCluster(folder.Write("bare.toml", bare));
  REQUIRE(defaults.ok());
  CHECK(defaults->connect_seconds == 10);
  CHECK(defaults->silence_seconds == 30);
}

TEST_CASE("Errors of a cluster file name line, key, expected and found",
          "[cluster][cluster-file]") {
  const TemporaryFolder folder;
  const Cluster cluster = Example();
  const std::string text = FormatCluster(cluster);
  const std::string p1 = "\"" + cluster.server(Role::kP1).public_key + "\"";
  const std::string p0_endpoint = "endpoint = \"tcp://127.0.0.1:7101\"";
  struct Wrong {
    std::string what;
    std::string by;
    std::string error;
  };
  const std::vector<Wrong> cases = {
      {"lutra-cluster/1", "lutra-cluster/2",
       ":1: format: expected 'lutra-cluster/1', found 'lutra-cluster/2'"},
      {"format = \"lutra-cluster/1\"\n", "",
       ":1: format: expected 'lutra-cluster/1', found nothing"},
      {"\"four-process\"", "\"three\"",
       ":2: deployment: expected 'four-process' or 'shared-dealer', found 'three'"},
      {"\"four-process\"", "4",
       ":2: deployment: expected 'four-process' or 'shared-dealer', found an integer"},
      {"connect = 2.5", "connect = -1",
       ":5: timeouts.connect: expected seconds above 0 and up to 86400, found -1"},
      {"connect = 2.5", "connect = \"2\"",
       ":5: timeouts.connect: expected seconds above 0 and up to 86400, found a string"},
      {"connect = 2.5", "connect = nan",
       ":5: timeouts.connect: expected seconds above 0 and up to 86400, found nan"},
      {"connect = 2.5", "conect = 2.5",
       ":5: timeouts.conect: expected one of connect, silence, found an unknown key"},
      {"[p0]", "[p3]",
       ":12: p3: expected one of format, deployment, timeouts, dealer, p0, p1, p2, model-owner, "
       "data-owner, found an unknown key"},
      {p0_endpoint, "endpoint = \"127.0.0.1:7101\"",
       ":13: p0.endpoint: expected tcp://HOST:PORT, found '127.0.0.1:7101'"},
      {p0_endpoint, "endpoint = \"tcp://127.0.0.1:70000\"",
       ":13: p0.endpoint: expected tcp://HOST:PORT, found 'tcp://127.0.0.1:70000'"},
      {p0_endpoint, "endpoint = \"tcp://*:7101\"",
       ":13: p0.endpoint: expected tcp://HOST:PORT, found 'tcp://*:7101'"},
      {p0_endpoint, "endpoint = \"tcp://127.0.0.1:0\"",
       ":13: p0.endpoint: expected tcp://HOST:PORT, found 'tcp://127.0.0.1:0'"},
      {p0_endpoint, "", ":12: p0.endpoint: expected tcp://HOST:PORT, found nothing"},
      {p0_endpoint, "endpoint = \"tcp://127.0.0.1:7100\"",
       ":13: p0.endpoint: expected an endpoint of its own, found that of dealer.endpoint, "
       "'tcp://127.0.0.1:7100'"},
      {"public_key = " + p1, "", ":16: p1.public_key: expected a public key, found nothing"},
      {"public_key = " + p1, "public_key = \"abc\"",
       ":18: p1.public_key: expected a public key of 40 characters of Z85, found 'abc'"},
      {"public_key = " + p1, "public_key = 5",
       ":18: p1.public_key: expected a public key of 40 characters of Z85, found an integer"},
      {"public_key = " + p1, "public_key = \"" + cluster.server(Role::kP0).public_key + "\"",
       ":18: p1.public_key: expected a public key of its own, found that of p0.public_key, '" +
           cluster.server(Role::kP0).public_key + "'"},
      {cluster.keys(Role::kDataOwner)[1], cluster.keys(Role::kModelOwner)[0],
       ":32: data-owner.public_keys: expected a public key of its own, found that of "
       "model-owner.public_keys, '" +
           cluster.keys(Role::kModelOwner)[0] + "'"},
      {"[model-owner]\npublic_keys = [\n  \"" + cluster.keys(Role::kModelOwner)[0] + "\",\n]\n",
       "[model-owner]\npublic_keys = []\n",
       ":25: model-owner.public_keys: expected an array of one or more public keys, found none"},
      {"[data-owner]", "[p0]", ": expected TOML: "},
      {"[timeouts]", "[timeouts", ":4: expected TOML: "},
  };
  for (const Wrong& wrong : cases) {
    const std::string path = folder.Write("cluster.toml", Replaced(text, wrong.what, wrong.by));
    const std::string error = OneLine(ReadCluster(path).status());
    INFO(wrong.by);
    INFO(error);
    CHECK(error.starts_with(path + ":"));
    CHECK(error.find(wrong.error) != error.npos);
  }
  Cluster apart = cluster;
  apart.deployment = Deployment::kSharedDealer;
  apart.server(Role::kP0).address.host = "192.0.2.1";
  const std::string path = folder.Write("cluster.toml", FormatCluster(apart));
  CHECK(OneLine(ReadCluster(path).status()) ==
        path +
            ":13: p0.endpoint: expected the dealer's host '127.0.0.1' (deployment "
            "shared-dealer), found '192.0.2.1'");
  CHECK(OneLine(ReadCluster(folder.File("missing")).status()).find("cannot open") !=
        std::string::npos);
  // Whatever is cut off: an error or a whole file, no crash.
  for (size_t size = 0; size + 2 < text.size(); size += 7) {
    CHECK_FALSE(ReadCluster(folder.Write("cut.toml", text.substr(0, size))).ok());
  }
}

TEST_CASE("Addresses", "[cluster][cluster-file]") {
  const auto loopback = [](std::string_view text) {
    const StatusOr<Address> address = ParseAddress(text);
    REQUIRE(address.ok());
    CHECK(address->Endpoint() == text);
    return address->IsLoopback();
  };
  CHECK(loopback("tcp://127.0.0.1:1"));
  CHECK(loopback("tcp://127.255.3.4:65535"));
  CHECK(loopback("tcp://[::1]:7100"));
  CHECK(loopback("tcp://localhost:7100"));
  CHECK_FALSE(loopback("tcp://128.0.0.1:7100"));
  CHECK_FALSE(loopback("tcp://0.0.0.0:7100"));
  CHECK_FALSE(loopback("tcp://[2001:db8::1]:7100"));
  CHECK_FALSE(loopback("tcp://127.0.0.1.example.org:7100"));
  for (const std::string_view wrong :
       {"", "tcp://", "tcp://:1", "tcp://a", "tcp://a:", "tcp://a:x", "tcp://a:1x", "tcp://a:-1",
        "tcp://a:0", "tcp://::1:5", "tcp://[::1:5", "tcp://[a]:5", "tcp://a b:5", "ipc://a:5",
        "tcp://a:65536"}) {
    INFO(wrong);
    CHECK_FALSE(ParseAddress(wrong).ok());
  }
  CHECK(ParseAddress("tcp://127.0.0.1:0", true).ok());
}

}  // namespace
}  // namespace lutra
