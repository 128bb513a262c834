#include "mpc/builder.h"

#include <catch2/catch.hpp>

#include "mpc/protocols/local.h"
#include "mpc/protocols/lookup.h"
#include "tests/support/run_program.h"

namespace lutra {
namespace {

TEST_CASE("The first error sticks, and later calls do nothing", "[mpc][builder]") {
  const Registry registry = Registry::WithBuiltins();
  Builder builder(registry);
  const Value x = Input(builder, "x", Role::kDataOwner, Ring(4), Shape{3});
  const Value wrong = Sum(builder, x, 5);
  CHECK(!builder.ok());
  const Value more = Add(builder, wrong, Slice(builder, wrong, 0, 0, 99));
  CHECK(LookupAll(builder, {more}, {7, 8}).size() == 2);
  builder.AddTable("T", {99}, Tensor(), true);
  CHECK(builder.type(more).shape == Shape{});
  builder.Fail(InvalidArgument("later"));
  const StatusOr<BuiltProgram> built = std::move(builder).Build();
  REQUIRE(!built.ok());
  CHECK_THAT(OneLine(built.status()), Catch::Contains("node 1 (, sum): attribute axis"));
}

TEST_CASE("A composite can fail the program", "[mpc][builder]") {
  const Registry registry = Registry::WithBuiltins();
  Builder builder(registry);
  builder.Fail(absl::OkStatus());
  CHECK(builder.ok());
  builder.Fail(InvalidArgument("heads: expected a divisor of 6, found 4"));
  CHECK_THAT(OneLine(std::move(builder).Build().status()), Catch::Contains("heads: expected"));
}

TEST_CASE("Scopes name the nodes in them", "[mpc][builder]") {
  const Registry registry = Registry::WithBuiltins();
  Builder builder(registry);
  {
    Builder::Scope outer(builder, "layers.0");
    const Value x = Input(builder, "x", Role::kDataOwner, Ring(4), Shape{3});
    {
      Builder::Scope inner(builder, "attention");
      CHECK(builder.path() == "layers.0.attention");
      Scale(builder, x, {2});
    }
    Scale(builder, x, {3});
  }
  CHECK(builder.path().empty());
  const StatusOr<BuiltProgram> built = std::move(builder).Build();
  REQUIRE(built.ok());
  CHECK(built->program.nodes()[0].ToString() == "node 0 (layers.0.x, input)");
  CHECK(built->program.nodes()[1].spec.path == "layers.0.attention");
  CHECK(built->program.nodes()[2].spec.path == "layers.0");
}

TEST_CASE("Tables are checked, private ones too", "[mpc][builder]") {
  const auto error_of = [](std::vector<int32_t> bits, Tensor contents) {
    const Registry registry = Registry::WithBuiltins();
    Builder builder(registry);
    builder.AddTable("T", std::move(bits), std::move(contents), true);
    const StatusOr<BuiltProgram> built = std::move(builder).Build();
    return built.ok() ? std::string("none") : OneLine(built.status());
  };
  CHECK(error_of({2, 1}, Tensor::Zeros(Ring(3), Shape{2, 8})) == "none");
  CHECK_THAT(error_of({2}, Tensor::Zeros(Ring(3), Shape{1, 8})),
             Catch::Contains("table 0 (T): contents: expected 4 entries, found 8"));
  CHECK_THAT(error_of({3}, Tensor::Zeros(Ring(3), Shape{8})),
             Catch::Contains("table T: contents: expected shape [channels, rows], found [8]"));
  CHECK_THAT(error_of({0}, Tensor::Zeros(Ring(3), Shape{1, 1})), Catch::Contains("index_bits"));
}

TEST_CASE("Protocols are registered once, under a name", "[mpc][builder]") {
  Registry registry = Registry::WithBuiltins();
  CHECK(registry.Find("lookup") != nullptr);
  CHECK(registry.Find("Lookup") == nullptr);
  CHECK_THAT(OneLine(registry.Register(MakeLookup())),
             Catch::Contains("protocol lookup: registered already"));
  const std::vector<std::string_view> names = registry.names();
  CHECK(std::is_sorted(names.begin(), names.end()));
  CHECK(names.size() >= 18);
}

}  // namespace
}  // namespace lutra
