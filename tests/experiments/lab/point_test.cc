#include "experiments/lab/point.h"

#include <catch2/catch.hpp>

#include "core/file.h"
#include "models/bert_program.h"
#include "models/protocol_program.h"
#include "models/synthetic.h"
#include "tests/support/folder.h"
#include "tests/support/paths.h"

namespace lutra {
namespace {

const std::vector<std::string> kBreakdown = {"layer", "protocol", "step"};

PointSpec Spec(const Settings& settings) {
  StatusOr<PointSpec> spec = MakePointSpec(settings, "e.toml");
  INFO(OneLine(spec.status()));
  REQUIRE(spec.ok());
  return *std::move(spec);
}

Settings Tiny(const std::string& measure) {
  return {{"measure", measure},     {"model", std::string("synthetic")},
          {"hidden", int64_t{16}},  {"heads", int64_t{2}},
          {"sequence", int64_t{4}}, {"vocabulary", int64_t{9}},
          {"threads", int64_t{1}},  {"batch", int64_t{2}}};
}

PointPrice Price(const PointSpec& spec) {
  PointPricer pricer(kBreakdown, std::nullopt);
  StatusOr<PointPrice> price = pricer.Price(spec, /*fits=*/true);
  INFO(OneLine(price.status()));
  REQUIRE(price.ok());
  return *std::move(price);
}

TEST_CASE("The price of a model is its closed form, times its sessions", "[point]") {
  const StatusOr<SyntheticShape> shape =
      ParseSyntheticShape("synthetic:hidden=16,heads=2,sequence=4,vocabulary=9");
  REQUIRE(shape.ok());
  const Registry registry = Registry::WithBuiltins();
  BertProgramOptions options;
  options.batch = 2;
  const StatusOr<Program> program = BuildBertShape(registry, ModelShapeOf(*shape), options);
  REQUIRE(program.ok());
  const ProgramCost cost(*program);
  Settings settings = Tiny("simulation");
  settings["examples"] = int64_t{5};
  const PointPrice price = Price(Spec(settings));
  CHECK(price.sessions == 3);
  CHECK(price.batch == 2);
  CHECK(price.program == program->digest().Hex());
  CHECK(price.rounds == program->rounds(Phase::kOnline));
  CHECK(price.lookups == 3 * cost.lookups());
  CHECK(price.memory > 0);
  for (const PhaseCost& phase : cost.phases()) {
    const int64_t times = phase.phase == Phase::kModel ? 1 : 3;
    CHECK(price.bytes[static_cast<size_t>(phase.phase)] == times * phase.bytes);
  }
  for (const std::string& by : kBreakdown) {
    int64_t deal = 0;
    for (const BreakdownRow& row : price.breakdown) {
      if (row.by == by) deal += row.cost.bytes[static_cast<size_t>(Phase::kDeal)];
    }
    CHECK(3 * deal == price.bytes[static_cast<size_t>(Phase::kDeal)]);
  }
}

TEST_CASE("A run agrees with its twin and has the price's program", "[point]") {
  Settings settings = Tiny("simulation");
  settings["examples"] = int64_t{3};
  const PointSpec spec = Spec(settings);
  const StatusOr<PointRun> run = RunPoint(spec, 5, kBreakdown, "");
  INFO(OneLine(run.status()));
  REQUIRE(run.ok());
  CHECK(run->program == Price(spec).program);
  CHECK(run->results["agrees"] == true);
  CHECK(run->results["online_seconds"] > 0);
  CHECK(run->results["peak_memory_bytes"] > 0);
  CHECK(run->trace.sessions() == 2);
  CHECK(run->work["layer"].contains("layers.0"));
  CHECK(run->work["protocol"]["lookup"]["online"] > 0);
}

TEST_CASE("Every protocol runs and agrees", "[point]") {
  for (const std::string_view protocol : ProtocolProgramNames()) {
    Settings settings = {{"measure", std::string("simulation")},
                         {"protocol", std::string(protocol)},
                         {"threads", int64_t{1}}};
    const StatusOr<std::span<const ProtocolSize>> sizes = ProtocolSizes(protocol);
    REQUIRE(sizes.ok());
    for (const ProtocolSize& size : *sizes) {
      const bool shrinks = size.name == "elements" || size.name == "rows" || size.name == "width" ||
                           size.name == "inner" || size.name == "columns";
      if (shrinks) settings[std::string(size.name)] = int64_t{6};
    }
    const PointSpec spec = Spec(settings);
    const StatusOr<PointRun> run = RunPoint(spec, 5, {}, "");
    INFO(protocol << " " << OneLine(run.status()));
    REQUIRE(run.ok());
    CHECK(run->results["agrees"] == true);
    CHECK(run->program == Price(spec).program);
  }
}

TEST_CASE("The price of a protocol is its own, without its inputs", "[point]") {
  const Settings settings = {{"protocol", std::string("lookup")},
                             {"elements", int64_t{10}},
                             {"index_bits", int64_t{4}},
                             {"bits", int64_t{8}}};
  const PointPrice price = Price(Spec(settings));
  CHECK(price.bytes[static_cast<size_t>(Phase::kDeal)] == 10 * 16);  // 16 entries of a byte
  CHECK(price.bytes[static_cast<size_t>(Phase::kOnline)] == 2 * 5);  // 4 bits each way
  CHECK(price.rounds == 1);
  CHECK(price.lookups == 10);
}

TEST_CASE("What nothing runs costs as much as a run", "[point]") {
  Settings settings = Tiny("simulation");
  settings["examples"] = int64_t{5};
  const PointPrice run = Price(Spec(settings));
  settings["measure"] = std::string("cost");
  settings.erase("threads");
  const PointPrice cost = Price(Spec(settings));
  CHECK(cost.sessions == 3);
  CHECK(cost.bytes == run.bytes);
  CHECK(cost.program == run.program);
  CHECK(cost.memory == 0);
  CHECK(cost.seconds == 0);

  // Of a model file: all examples of its input.
  const PointPrice shipped =
      Price(Spec({{"model", SourcePath("models/pretrained/sms-spam-tiny.safetensors")},
                  {"batch", int64_t{17}}}));
  CHECK(shipped.sessions == 12);
}

TEST_CASE("A point that this machine cannot run has a price where it need not", "[point]") {
  Settings settings = Tiny("simulation");
  settings["simd"] = std::string("MMX");
  const PointSpec spec = Spec(settings);
  PointPricer pricer({}, std::nullopt);
  CHECK(pricer.Price(spec, /*fits=*/false).ok());
  CHECK(OneLine(pricer.Price(spec, /*fits=*/true).status()).starts_with("simd: expected one that"));

  settings = Tiny("simulation");
  settings["memory_limit"] = std::string("1M");
  settings["examples"] = int64_t{5};
  settings.erase("batch");
  CHECK(pricer.Price(Spec(settings), /*fits=*/false).ok());
  CHECK(OneLine(pricer.Price(Spec(settings), /*fits=*/true).status())
            .starts_with("memory_limit: memory: a session of "));
}

TEST_CASE("Forms are refused where a protocol does not have them, and taken where it does",
          "[point]") {
  const auto error_of = [](const Settings& settings) {
    PointPricer pricer({}, std::nullopt);
    return OneLine(pricer.Price(Spec(settings), true).status());
  };
  const auto protocol = [](const std::string& name, const std::string& form,
                           const std::string& value) {
    return Settings{{"protocol", name}, {form, value}};
  };
  CHECK(error_of(protocol("softmax", "lookup", "direct")).empty());
  CHECK(error_of(protocol("layer_norm", "linear", "replicated")).empty());
  CHECK(error_of(protocol("lookup", "tables", "public")).empty());
  CHECK(error_of(protocol("lookup", "sharing", "additive")).empty());
  CHECK(error_of(protocol("reveal", "sharing", "replicated")).starts_with("sharing: expected"));
  Settings direct = protocol("lookup", "lookup", "direct");
  CHECK(error_of(direct).starts_with("lookup: expected a setting that has an effect"));
  direct["sharing"] = std::string("replicated");
  CHECK(error_of(direct).empty());
}

TEST_CASE("What a point reads is told by its digest", "[point]") {
  const Folder folder;
  const std::filesystem::path shipped = SourcePath("models/pretrained");
  for (const std::string name : {"sms-spam-tiny.safetensors", "sms-spam-tiny.vocab.txt",
                                 "wordpiece.txt", "sms-spam-tiny.texts.tsv"}) {
    std::filesystem::copy(shipped / name, folder / name);
  }
  const PointSpec spec = Spec({{"model", (folder / "sms-spam-tiny.safetensors").string()}});
  std::string before = *InputsDigest(spec);
  for (const std::string name :
       {"sms-spam-tiny.vocab.txt", "wordpiece.txt", "sms-spam-tiny.texts.tsv"}) {
    REQUIRE(WriteFile(folder / name, "other").ok());
    const std::string after = *InputsDigest(spec);
    CHECK(after != before);
    before = after;
  }
  CHECK(InputsDigest(Spec(Tiny("simulation")))->empty());
}

TEST_CASE("Seconds of a protocol are its own, without its inputs", "[point]") {
  const PointSpec spec = Spec({{"measure", std::string("simulation")},
                               {"protocol", std::string("lookup")},
                               {"elements", int64_t{2000}},
                               {"threads", int64_t{1}}});
  const StatusOr<PointRun> run = RunPoint(spec, 5, {"protocol"}, "");
  INFO(OneLine(run.status()));
  REQUIRE(run.ok());
  const auto work = [&](const char* protocol, const char* phase) {
    return run->work["protocol"][protocol][phase].get<double>();
  };
  CHECK(work("input", "online") > 0);
  CHECK(run->results["online_seconds"].get<double>() == Approx(work("lookup", "online")));
  CHECK(run->results["deal_seconds"].get<double>() == Approx(work("lookup", "deal")));
}

TEST_CASE("More examples than the input has are refused", "[point]") {
  const PointSpec spec = Spec({{"measure", std::string("simulation")},
                               {"model", SourcePath("models/pretrained/sms-spam-tiny.safetensors")},
                               {"examples", int64_t{201}}});
  PointPricer pricer({}, std::nullopt);
  CHECK(OneLine(pricer.Price(spec, true).status()) ==
        "examples: expected at most the 200 that the input has, found 201");
}

}  // namespace
}  // namespace lutra
