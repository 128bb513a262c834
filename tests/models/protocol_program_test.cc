#include "models/protocol_program.h"

#include <catch2/catch.hpp>

#include "sim/run_program.h"

namespace lutra {
namespace {

// Small sizes for all protocols: those that a protocol does not take are left out.
ProtocolParameters Small(std::string_view protocol) {
  ProtocolParameters parameters;
  const std::map<std::string, int64_t, std::less<>> small = {
      {"elements", 9}, {"rows", 3}, {"width", 5}, {"inner", 7}, {"columns", 4}};
  const StatusOr<std::span<const ProtocolSize>> sizes = ProtocolSizes(protocol);
  REQUIRE(sizes.ok());
  for (const ProtocolSize& size : *sizes) {
    const auto found = small.find(size.name);
    if (found != small.end()) parameters.sizes[std::string(size.name)] = found->second;
  }
  return parameters;
}

ProgramRun Run(std::string_view protocol, const ProtocolParameters& parameters) {
  const Registry registry = Registry::WithBuiltins();
  const StatusOr<BuiltProgram> built = BuildProtocolProgram(registry, protocol, parameters);
  INFO(protocol << " " << OneLine(built.status()));
  REQUIRE(built.ok());
  const ProgramInputs inputs = RandomProgramInputs(built->program, 5);
  RunProgramOptions options;
  options.seed = 3;
  StatusOr<ProgramRun> run = RunProgram(*built, inputs.model, inputs.data, options);
  INFO(OneLine(run.status()));
  REQUIRE(run.ok());
  return *std::move(run);
}

TEST_CASE("Every protocol agrees with its twin and its closed form", "[protocol_program]") {
  REQUIRE(ProtocolProgramNames().size() == 12);
  for (const std::string_view protocol : ProtocolProgramNames()) {
    for (const LinearForm linear : {LinearForm::kMasked, LinearForm::kReplicated}) {
      for (const LookupForm lookup : {LookupForm::kReshare, LookupForm::kDirect}) {
        ProtocolParameters parameters = Small(protocol);
        parameters.linear = linear;
        parameters.lookup = lookup;
        parameters.sharing = Sharing::kReplicated;
        const ProgramRun run = Run(protocol, parameters);
        CHECK(run.disagreement == "");
        CHECK(run.miscount == "");
      }
    }
  }
}

TEST_CASE("A lookup's tape and opening are what the paper says", "[protocol_program]") {
  const Registry registry = Registry::WithBuiltins();
  ProtocolParameters parameters;
  parameters.sizes = {
      {"elements", 8}, {"index_bits", 3}, {"bits", 5}, {"inputs", 2}, {"outputs", 3}};
  const StatusOr<BuiltProgram> built =
      BuildProtocolProgram(registry, "lookup", parameters, /*table_contents=*/false);
  REQUIRE(built.ok());
  int64_t deal = 0, online = 0;
  for (const Node& node : built->program.nodes()) {
    if (!node.spec.path.starts_with(kProtocolScope)) continue;
    for (const LinkCost& link : node.protocol->ClosedForm(node).links) {
      (link.phase == Phase::kDeal ? deal : online) += link.bits;
    }
  }
  CHECK(deal == 8 * 3 * 5 * 64);     // elements, tables, bits, rows
  CHECK(online == 2 * 8 * (3 + 3));  // each way, both indices
}

TEST_CASE("What a protocol does not take is refused", "[protocol_program]") {
  const Registry registry = Registry::WithBuiltins();
  const auto error = [&](std::string_view protocol, const ProtocolParameters& parameters) {
    return OneLine(BuildProtocolProgram(registry, protocol, parameters).status());
  };
  CHECK(error("lockup", {}).starts_with("protocol: expected one of element_product, "));
  ProtocolParameters parameters;
  parameters.sizes = {{"width", 3}};
  CHECK(error("lookup", parameters) == "lookup: expected one of the sizes elements, index_bits, bits, inputs, outputs, found 'width'");
  parameters.sizes = {{"bits", 65}};
  CHECK(error("lookup", parameters) == "lookup: bits: expected 1 to 64, found 65");
  parameters.sizes = {{"index_bits", 11}, {"inputs", 2}};
  CHECK(error("lookup", parameters).starts_with("lookup: "));
  parameters.sizes = {{"bits", 4}, {"keep", 4}};
  CHECK(error("top_bits", parameters).starts_with("top_bits: "));
}

}  // namespace
}  // namespace lutra
