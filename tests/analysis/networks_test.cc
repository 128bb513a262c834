#include "analysis/networks.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <set>
#include <string>

#include "core/file.h"
#include "tests/support/folder.h"
#include "tests/support/paths.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> NamesOf(const std::vector<Network>& networks) {
  std::vector<std::string> names;
  for (const Network& network : networks) names.push_back(network.name);
  return names;
}

std::vector<std::string> NamesOf(std::string_view list) {
  const auto networks = NamedNetworks(list);
  INFO(OneLine(networks.status()));
  REQUIRE(networks.ok());
  return NamesOf(*networks);
}

std::string ErrorOf(std::string_view list) {
  const auto networks = NamedNetworks(list);
  REQUIRE(!networks.ok());
  return OneLine(networks.status());
}

TEST_CASE("Every shipped file can be read and has its network's name", "[analysis][networks]") {
  for (const ShippedNetworkFile& file : ShippedNetworkFiles()) {
    const auto network = ParseNetwork(file.toml, file.name);
    INFO(OneLine(network.status()));
    REQUIRE(network.ok());
    CHECK(network->name == file.name);
    CHECK(!network->description.empty());
  }
  CHECK(NamesOf(ShippedNetworks()) == std::vector<std::string>{"lan-10g", "lan-1g", "wan-400m",
                                                               "wan-100m", "owners-at-home",
                                                               "far-dealer"});
}

TEST_CASE("Every file of the folder is shipped", "[analysis][networks]") {
  std::set<std::string> files, shipped;
  for (const auto& entry :
       std::filesystem::directory_iterator(SourcePath("experiments/networks"))) {
    files.insert(entry.path().stem().string());
  }
  for (const ShippedNetworkFile& file : ShippedNetworkFiles()) {
    shipped.insert(std::string(file.name));
  }
  CHECK(files == shipped);
  CHECK(files.size() >= 6);
}

TEST_CASE("The shipped networks are what their names say", "[analysis][networks]") {
  const auto networks = NamedNetworks("wan-400m,owners-at-home");
  REQUIRE(networks.ok());
  const Network& wan = (*networks)[0];
  CHECK(wan.link(Role::kP1, Role::kP2).latency_seconds == Approx(0.010));
  CHECK(wan.link(Role::kDealer, Role::kP1).bytes_per_second == Approx(50e6));
  const Network& home = (*networks)[1];
  CHECK(home.link(Role::kDataOwner, Role::kP1).bytes_per_second == Approx(5e6));
  CHECK(home.link(Role::kP1, Role::kDataOwner).bytes_per_second == Approx(31.25e6));
  CHECK(home.link(Role::kP1, Role::kP2).bytes_per_second == Approx(1.25e9));
}

TEST_CASE("Networks are named or files, in the order of the list", "[analysis][networks]") {
  CHECK(NamesOf("wan-100m") == std::vector<std::string>{"wan-100m"});
  CHECK(NamesOf("wan-100m,lan-1g") == std::vector<std::string>{"wan-100m", "lan-1g"});
  const Folder folder;
  const fs::path file = folder / "mine.toml";
  REQUIRE(WriteFile(file, "format = \"lutra-network/1\"\nname = \"moon\"\n").ok());
  CHECK(NamesOf(StrCat("lan-1g,", file.string())) == std::vector<std::string>{"lan-1g", "moon"});
  REQUIRE(WriteFile(folder / "lan", "format = \"lutra-network/1\"\nname = \"lan-1g\"\n").ok());
  CHECK(ErrorOf(StrCat("lan-1g,", (folder / "lan").string())) ==
        "network: expected each once, found 'lan-1g' twice");
}

TEST_CASE("A network that is not there is told with those that are", "[analysis][networks]") {
  CHECK(ErrorOf("wan-40m") ==
        "network: expected one of lan-10g, lan-1g, wan-400m, wan-100m, owners-at-home, far-dealer, "
        "or a file that ends in .toml, found 'wan-40m' (did you mean 'wan-400m'?)");
  CHECK(ErrorOf("").find("found ''") != std::string::npos);
  CHECK(ErrorOf("lan-1g,").find("found ''") != std::string::npos);
  CHECK(ErrorOf("lan-1g,,wan-400m").find("found ''") != std::string::npos);
  CHECK(ErrorOf("lan-1g,lan-1g") == "network: expected each once, found 'lan-1g' twice");
  CHECK(ErrorOf("absent/here.toml").find("absent/here.toml") != std::string::npos);
  const Folder folder;
  const fs::path file = folder / "wrong.toml";
  REQUIRE(WriteFile(file, "format = \"lutra-network/1\"\nname = \"x\"\nlatency = 1\n").ok());
  CHECK(ErrorOf(file.string()).find("wrong.toml:3: latency") != std::string::npos);
}

}  // namespace
}  // namespace lutra
