#include "sim/model_run.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "analysis/machine.h"
#include "models/integer_bert.h"
#include "models/synthetic.h"
#include "mpc/tape.h"
#include "sim/simulation.h"
#include "tests/models/random_model.h"
#include "tests/support/sanitized.h"
#include "tests/support/tiny_model.h"
#include "tests/support/transcript.h"

namespace lutra {
namespace {

constexpr int64_t kGibibyte = int64_t{1} << 30;

ModelRunOptions Options(const std::string& model) {
  ModelRunOptions options;
  options.model = model;
  options.seed = 5;
  return options;
}

ModelJob Load(const ModelRunOptions& options) {
  StatusOr<ModelJob> job = LoadModelJob(options);
  INFO(OneLine(job.status()));
  REQUIRE(job.ok());
  return *std::move(job);
}

ModelRunResult RunJob(const ModelJob& job, const ModelRunOptions& options) {
  StatusOr<ModelRunResult> result = RunModel(job, options);
  INFO(OneLine(result.status()));
  REQUIRE(result.ok());
  return *std::move(result);
}

std::vector<std::vector<int64_t>> LogitsOf(const ModelRunResult& result) {
  std::vector<std::vector<int64_t>> logits;
  for (const OutputSummary& output : result.summary.outputs) logits.push_back(output.logits);
  return logits;
}

// The first messages of the shipped model, in a file of their own.
std::string SomeMessages(const TemporaryFolder& folder, int64_t count) {
  std::ifstream all(PretrainedFile("sms-spam-tiny.texts.tsv"));
  std::string some, line;
  for (int64_t i = 0; i < count && std::getline(all, line); ++i) some += line + "\n";
  return folder.Write("some.tsv", some);
}

TEST_CASE("A batch that is not full is filled up, and its padding dropped", "[sim][model]") {
  const TemporaryFolder folder;
  ModelRunOptions options = Options(PretrainedFile("sms-spam-tiny.safetensors"));
  // The last session has one of three.
  const int64_t count = kSanitized ? 4 : 7;
  const auto size = static_cast<size_t>(count);
  options.input = SomeMessages(folder, count);
  options.batch = 3;
  const ModelJob job = Load(options);
  CHECK(job.plan.batch == 3);
  CHECK(job.examples.count() == count);
  CHECK(UnitOf(job.examples) == "message");
  const ModelRunResult batched = RunJob(job, options);
  CHECK(batched.disagreement == "");
  CHECK(batched.summary.agrees_with_ideal == true);
  REQUIRE(batched.summary.sessions.size() == (size + 2) / 3);
  CHECK(batched.summary.sessions[0].examples == 3);
  CHECK(batched.summary.sessions.back().examples == 1);
  CHECK(batched.summary.outputs.size() == size);
  CHECK(batched.secure.size() == size);
  CHECK(batched.summary.accuracy.has_value());

  // Every session sends the same; the first also has the model.
  const auto& sessions = batched.summary.sessions;
  const auto bytes = [&](size_t session, Phase phase) {
    return sessions[session].bytes[static_cast<size_t>(phase)];
  };
  for (const Phase phase : {Phase::kDeal, Phase::kPrepare, Phase::kOnline}) {
    CHECK(bytes(0, phase) > 0);
    CHECK(bytes(1, phase) == bytes(0, phase));
    CHECK(sessions.back().bytes[static_cast<size_t>(phase)] == bytes(0, phase));
  }
  CHECK(bytes(0, Phase::kModel) > 0);
  CHECK(bytes(1, Phase::kModel) == 0);

  // One by one: the same up to the coins, which these messages' predictions withstand.
  options.batch = 1;
  const ModelRunResult single = RunJob(Load(options), options);
  CHECK(single.summary.sessions.size() == size);
  CHECK(single.clear == batched.clear);
  int64_t same = 0;
  for (size_t i = 0; i < size; ++i) same += single.secure[i] == batched.secure[i] ? 1 : 0;
  CHECK(same >= count - 1);
  CHECK(single.summary.accuracy_ideal == batched.summary.accuracy_ideal);
}

TEST_CASE("A seed gives one run, whatever the number of threads", "[sim][model]") {
  ModelRunOptions options = Options(kTiny);
  options.batch = 5;
  const ModelJob job = Load(options);
  const ModelRunResult first = RunJob(job, options);
  CHECK(first.disagreement == "");
  for (const int threads : {1, 2, 3}) {
    options.threads = threads;
    const ModelRunResult again = RunJob(job, options);
    CHECK(LogitsOf(again) == LogitsOf(first));
    CHECK(again.ledger.bits() == first.ledger.bits());
    CHECK(again.ledger.traffic() == first.ledger.traffic());
  }
  options.seed = 6;
  CHECK_FALSE(LogitsOf(RunJob(job, options)) == LogitsOf(first));
}

// All messages of two sessions, the dealer's to the parties among them.
std::vector<Transcript::Message> MessagesOf(const ModelJob& job, std::optional<uint64_t> seed,
                                            int threads) {
  const Registry registry = Registry::WithBuiltins();
  BertProgramOptions options;
  options.batch = job.examples.count();
  const StatusOr<BuiltProgram> built = BuildBertProgram(registry, job.model, options);
  REQUIRE(built.ok());
  ThreadPool pool(threads);
  Transcript transcript;
  SimulationOptions simulation_options;
  simulation_options.seed = seed;
  simulation_options.listener = &transcript;
  auto simulation = Simulation::Make(*built, pool, std::move(simulation_options));
  REQUIRE(simulation.ok());
  REQUIRE((*simulation)->ShareModel(BertModelInputs(job.model, options)).ok());
  for (int session = 0; session < 2; ++session) {
    REQUIRE((*simulation)->Run(BertDataInputs(job.model, options, job.examples.inputs)).ok());
  }
  return std::move(transcript.messages);
}

TEST_CASE("Messages follow from the seed, and from nothing else", "[sim][model]") {
  ModelRunOptions options = Options(kTiny);
  options.batch = 2;
  const ModelJob job = Load(options);
  const auto first = MessagesOf(job, 5, 1);
  std::set<Phase> phases;
  for (const Transcript::Message& message : first) phases.insert(message.phase);
  CHECK(phases.size() == kPhases.size());
  CHECK(MessagesOf(job, 5, 2) == first);
  CHECK(MessagesOf(job, 5, 3) == first);

  // Keys of the operating system: every message is another, of the same size.
  const auto one = MessagesOf(job, std::nullopt, 2), other = MessagesOf(job, std::nullopt, 2);
  REQUIRE(one.size() == first.size());
  REQUIRE(other.size() == first.size());
  for (size_t i = 0; i < one.size(); ++i) {
    CHECK(one[i].payload.size() == first[i].payload.size());
    const bool could_be_equal = one[i].payload.size() < 16;
    CHECK((could_be_equal || one[i].payload != other[i].payload));
  }
}

TEST_CASE("Expected logits that are not the model's are a disagreement", "[sim][model]") {
  ModelRunOptions options = Options(kTiny);
  options.batch = 2;
  const ModelJob job = Load(options);
  const IntegerModelShape& shape = job.model.shape();
  ThreadPool pool(1);
  const StatusOr<Tensor> logits = IntegerBert(job.model).Logits(job.examples.inputs, pool);
  REQUIRE(logits.ok());
  std::vector<int64_t> tokens, expected, labels = {0, 1};
  for (int64_t i = 0; i < job.examples.inputs.elements(); ++i) {
    tokens.push_back(static_cast<int64_t>(job.examples.inputs.At(i)));
  }
  for (int64_t i = 0; i < logits->elements(); ++i) expected.push_back(logits->SignedAt(i));
  const TemporaryFolder folder;
  const auto run = [&](const std::vector<int64_t>& with) {
    Safetensors cases;
    cases.tensors.emplace("tokens",
                          StoredTensor::Of(ElementType::kI32, Shape{2, shape.sequence}, tokens));
    cases.tensors.emplace("labels", StoredTensor::Of(ElementType::kI32, Shape{2}, labels));
    cases.tensors.emplace("logits",
                          StoredTensor::Of(ElementType::kI32, Shape{2, shape.classes()}, with));
    options.input = folder.File("cases.safetensors");
    REQUIRE(WriteSafetensors(*options.input, cases).ok());
    return RunJob(Load(options), options);
  };
  const ModelRunResult right = run(expected);
  CHECK(right.disagreement == "");
  REQUIRE(right.summary.outputs.size() == 2);
  CHECK(right.summary.outputs[0].label == 0);
  CHECK(right.summary.outputs[1].label == 1);
  CHECK(right.summary.accuracy.has_value());
  ++expected.back();
  const ModelRunResult wrong = run(expected);
  CHECK(wrong.disagreement.find("logits") != std::string::npos);
  CHECK(wrong.summary.agrees_with_ideal == false);
}

// A simulation of which the trace loses what the dealer did.
class ForgetfulEngine final : public ModelEngine {
 public:
  explicit ForgetfulEngine(std::unique_ptr<Simulation> simulation)
      : simulation_(std::move(simulation)) {}
  StatusOr<SessionResult> ShareModel(const NamedTensors& model) override {
    return simulation_->ShareModel(model);
  }
  StatusOr<SessionResult> Run(const NamedTensors& data) override { return simulation_->Run(data); }
  Status Finish(ModelRunResult& result) override {
    result.trace.tracks.erase({0, Phase::kDeal, Role::kDealer});
    return absl::OkStatus();
  }

 private:
  std::unique_ptr<Simulation> simulation_;
};

TEST_CASE("A run whose trace cannot be replayed is a run without predictions", "[sim][model]") {
  const ModelRunOptions options = Options(kTiny);
  const ModelJob job = Load(options);
  const ModelRunResult whole = RunJob(job, options);
  CHECK(whole.unpredicted.ok());
  CHECK(!whole.summary.predicted.empty());
  const StatusOr<ModelRunResult> result =
      RunModel(job, options, [&](EngineParts parts) -> StatusOr<std::unique_ptr<ModelEngine>> {
        SimulationOptions simulation;
        simulation.seed = options.seed;
        simulation.listener = &parts.listener;
        LUTRA_ASSIGN_OR_RETURN(auto made,
                               Simulation::Make(parts.built, parts.pool, std::move(simulation)));
        return std::make_unique<ForgetfulEngine>(std::move(made));
      });
  INFO(OneLine(result.status()));
  REQUIRE(result.ok());
  CHECK(OneLine(result->unpredicted).find("deal level 0, dealer -> p1") != std::string::npos);
  CHECK(result->summary.predicted.empty());
  CHECK(LogitsOf(*result) == LogitsOf(whole));
}

TEST_CASE("What the machine cannot hold is refused from its shape alone", "[sim][model]") {
  for (const char* model :
       {"synthetic:hidden=8192,layers=50", "synthetic:hidden=16384,layers=200,sequence=512"}) {
    const int64_t before = PeakMemoryBytes();
    const StatusOr<ModelJob> job = LoadModelJob(Options(model));
    REQUIRE_FALSE(job.ok());
    const std::string message = OneLine(job.status());
    INFO(message);
    CHECK(message.starts_with(std::string(model) + ": memory: a session of 1 example takes"));
    CHECK(message.ends_with("no batch of this model fits"));
    CHECK(PeakMemoryBytes() - before < kGibibyte / 4);
  }
}

TEST_CASE("A synthetic model has no tokenizer for texts", "[sim][model]") {
  const TemporaryFolder folder;
  ModelRunOptions options = Options(kTiny);
  options.input = folder.Write("in.txt", "hello\n");
  const StatusOr<ModelJob> job = LoadModelJob(options);
  REQUIRE_FALSE(job.ok());
  const std::string message = OneLine(job.status());
  CHECK(message.find(options.input->string()) == 0);
  CHECK(message.find("no tokenizer") != std::string::npos);
}

TEST_CASE("A model file runs in other bits than it has", "[sim][model]") {
  const TemporaryFolder folder;
  ModelRunOptions options = Options(PretrainedFile("sms-spam-tiny.safetensors"));
  options.input = SomeMessages(folder, 2);
  const ModelRunResult whole = RunJob(Load(options), options);
  options.residual_bits = 5;
  options.extra_bits = 0;
  const ModelJob job = Load(options);
  CHECK(job.model.shape().residual_bits == 5);
  CHECK(job.model.shape().extra_bits == 0);
  const ModelRunResult narrow = RunJob(job, options);
  CHECK(narrow.disagreement.empty());  // every node as its twin
  const auto dealt = [](const ModelRunResult& result) {
    return result.summary.sessions[0].bytes[static_cast<size_t>(Phase::kDeal)];
  };
  CHECK(dealt(narrow) < dealt(whole));

  // Cut without an addend: other coins, and every node as its twin again.
  options.program.rounding = Rounding::kPlain;
  const ModelRunResult plain = RunJob(Load(options), options);
  CHECK(plain.disagreement.empty());
  CHECK(LogitsOf(plain) != LogitsOf(narrow));
  CHECK_FALSE(plain.built->program.digest() == narrow.built->program.digest());

  // The logits that the cases expect are the file's.
  options.input = PretrainedFile("sms-spam-tiny.cases.safetensors");
  CHECK(Load(options).examples.expected_logits.elements() == 0);
  options.residual_bits.reset();
  options.extra_bits.reset();
  CHECK(Load(options).examples.expected_logits.elements() == 400);

  ModelRunOptions shape = Options(kTiny);
  shape.extra_bits = 1;
  CHECK(OneLine(LoadModelJob(shape).status()) ==
        StrCat(kTiny,
               ": residual_bits and extra_bits: expected a model file, found a synthetic "
               "shape, which has the keys residual and extra"));
}

}  // namespace
}  // namespace lutra
