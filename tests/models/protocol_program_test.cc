#include "models/protocol_program.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>

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
  CHECK(error("lookup", parameters) ==
        "lookup: expected one of the sizes elements, index_bits, bits, inputs, outputs, "
        "found 'width'");
  parameters.sizes = {{"bits", 65}};
  CHECK(error("lookup", parameters) == "lookup: bits: expected 1 to 64, found 65");
  parameters.sizes = {{"index_bits", 11}, {"inputs", 2}};
  CHECK(error("lookup", parameters).starts_with("lookup: "));
  parameters.sizes = {{"bits", 4}, {"keep", 4}};
  CHECK(error("top_bits", parameters) == "top_bits: keep: expected 1 to 3, found 4");
  parameters.sizes = {{"elemens", 4}};
  CHECK(error("lookup", parameters).ends_with("found 'elemens' (did you mean 'elements'?)"));
}

TEST_CASE("Sizes at the ends of their ranges are programs or errors", "[protocol_program]") {
  const Registry registry = Registry::WithBuiltins();
  for (const std::string_view protocol : ProtocolProgramNames()) {
    const StatusOr<std::span<const ProtocolSize>> sizes = ProtocolSizes(protocol);
    REQUIRE(sizes.ok());
    ProtocolParameters low, high;
    for (const ProtocolSize& size : *sizes) {
      low.sizes[std::string(size.name)] = size.low;
      high.sizes[std::string(size.name)] = size.high;
    }
    for (const ProtocolParameters& parameters : {low, high}) {
      const auto built =
          BuildProtocolProgram(registry, protocol, parameters, /*table_contents=*/false);
      INFO(protocol << ": " << OneLine(built.status()));
      if (!built.ok()) CHECK(OneLine(built.status()).starts_with(StrCat(protocol, ": ")));
      if (protocol == "matrix_product" && parameters.sizes == high.sizes) CHECK(!built.ok());
    }
  }
}

TEST_CASE("Every protocol says which forms make a difference to it", "[protocol_program]") {
  const Registry registry = Registry::WithBuiltins();
  const auto digest = [&](std::string_view protocol, const ProtocolParameters& parameters) {
    const auto built = BuildProtocolProgram(registry, protocol, parameters, false);
    REQUIRE(built.ok());
    return built->program.digest();
  };
  for (const std::string_view protocol : ProtocolProgramNames()) {
    std::map<std::string_view, ProtocolParameters> forms;
    for (const Sharing sharing : {Sharing::kAdditive, Sharing::kReplicated}) {
      ProtocolParameters before = Small(protocol);
      before.sharing = sharing;
      forms["linear"] = forms["lookup"] = forms["rounding"] = before;
      forms["linear"].linear = LinearForm::kReplicated;
      forms["lookup"].lookup = LookupForm::kDirect;
      forms["rounding"].rounding = Rounding::kPlain;
      const auto taken = ProtocolForms(protocol);
      REQUIRE(taken.ok());
      for (const auto& [form, parameters] : forms) {
        INFO(protocol << " " << form);
        const bool is_taken = std::find(taken->begin(), taken->end(), form) != taken->end();
        const bool differs = digest(protocol, parameters) != digest(protocol, before);
        const bool only_replicated = form == "lookup" && protocol == "lookup";
        const bool expected = is_taken && !(only_replicated && sharing == Sharing::kAdditive);
        CHECK(differs == expected);
      }
    }
  }
}

}  // namespace
}  // namespace lutra
