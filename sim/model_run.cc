#include "sim/model_run.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "analysis/cost_table.h"
#include "analysis/machine.h"
#include "analysis/program_flags.h"
#include "models/integer_bert.h"
#include "models/requantize.h"
#include "models/synthetic.h"
#include "sim/simulation.h"

namespace lutra {
namespace {

BertProgramOptions WithBatch(BertProgramOptions options, int64_t batch) {
  options.batch = batch;
  return options;
}

class SimulationEngine final : public ModelEngine {
 public:
  explicit SimulationEngine(std::unique_ptr<Simulation> simulation)
      : simulation_(std::move(simulation)) {}
  StatusOr<SessionResult> ShareModel(const NamedTensors& model) override {
    return simulation_->ShareModel(model);
  }
  StatusOr<SessionResult> Run(const NamedTensors& data) override { return simulation_->Run(data); }
  Status Finish(ModelRunResult&) override { return absl::OkStatus(); }

 private:
  std::unique_ptr<Simulation> simulation_;
};

// One run of a model: the program, what plays the roles, and the results as they come.
class Run {
 public:
  Run(const ModelJob& job, const ModelRunOptions& options, const EngineMaker& make_engine)
      : job_(job),
        options_(options),
        make_engine_(make_engine),
        pool_(options.threads),
        batch_(job.plan.batch),
        program_options_(WithBatch(options.program, job.plan.batch)),
        progress_(options.progress, stdout, job.examples.count(),
                  StrCat(UnitOf(job.examples), "s")) {}

  StatusOr<ModelRunResult> Execute() {
    LUTRA_RETURN_IF_ERROR(Prepare());
    // Before the run, while its memory is not there yet.
    if (options_.profile) result_.summary.peaks = MeasurePeaks(options_.threads);
    LUTRA_RETURN_IF_ERROR(RunSessions());
    result_.trace = std::move(recorder_.trace());
    result_.trace.program = result_.built->program.digest();
    for (const Role role : kRoles) result_.trace.threads[role] = options_.threads;
    LUTRA_RETURN_IF_ERROR(engine_->Finish(result_));
    result_.unpredicted = Predict();
    engine_.reset();
    if (options_.check || !job_.examples.labels.empty()) LUTRA_RETURN_IF_ERROR(RunExactTwin());
    Summarize();
    return std::move(result_);
  }

 private:
  Status Prepare() {
    result_.registry = std::make_unique<const Registry>(Registry::WithBuiltins());
    LUTRA_ASSIGN_OR_RETURN(BuiltProgram built,
                           BuildBertProgram(*result_.registry, job_.model, program_options_));
    result_.built = std::make_unique<const BuiltProgram>(std::move(built));
    const int64_t count = job_.examples.count();
    LUTRA_ASSIGN_OR_RETURN(
        engine_, make_engine_({*result_.built, pool_, listeners_, (count + batch_ - 1) / batch_,
                               [this](int level) { ShowLevel(level); }}));
    return absl::OkStatus();
  }

  Status RunSessions() {
    const int64_t count = job_.examples.count();
    progress_.Show(0, "sharing the model");
    SessionResult shared;
    {
      const NamedTensors model = BertModelInputs(job_.model, program_options_);
      LUTRA_ASSIGN_OR_RETURN(shared, engine_->ShareModel(model));
    }
    Note(shared, "the model");
    for (begin_ = 0; begin_ < count; begin_ += batch_) {
      progress_.Show(begin_, "dealing and preparing");
      recorder_.SetSession(static_cast<int32_t>(begin_ / batch_));
      const PhaseBytes before = begin_ == 0 ? PhaseBytes{} : BytesIn(result_.ledger);
      const NamedTensors data = BertDataInputs(job_.model, program_options_,
                                               BatchOf(job_.examples.inputs, begin_, batch_));
      LUTRA_ASSIGN_OR_RETURN(SessionResult session, engine_->Run(data));
      if (begin_ == 0) {
        session.seconds[static_cast<size_t>(Phase::kModel)] =
            shared.seconds[static_cast<size_t>(Phase::kModel)];
      }
      Note(session, StrCat("session ", begin_ / batch_ + 1));
      TakeOutputs(session, std::min(batch_, count - begin_), before);
    }
    progress_.Show(count, "done");
    progress_.Clear();
    return absl::OkStatus();
  }

  void ShowLevel(int level) {
    progress_.Show(begin_, StrCat("online, level ", level + 1, " of ",
                                  result_.built->program.levels(Phase::kOnline)));
  }

  void Note(const SessionResult& session, std::string_view where) {
    if (session.agrees || !result_.disagreement.empty()) return;
    result_.disagreement = StrCat(where, ": ", session.disagreement);
  }

  // Of the examples from begin_ on; results of padding are dropped.
  void TakeOutputs(const SessionResult& session, int64_t count, const PhaseBytes& before) {
    const Tensor& logits = session.revealed.at("logits");
    const std::vector<int> predictions = Predictions(logits);
    const int64_t classes = job_.model.shape().classes();
    for (int64_t i = 0; i < count; ++i) {
      OutputSummary output;
      output.prediction = predictions[static_cast<size_t>(i)];
      for (int64_t c = 0; c < classes; ++c) {
        output.logits.push_back(logits.SignedAt(i * classes + c));
      }
      if (!job_.examples.labels.empty()) {
        output.label = job_.examples.labels[static_cast<size_t>(begin_ + i)];
      }
      result_.secure.push_back(predictions[static_cast<size_t>(i)]);
      result_.summary.outputs.push_back(std::move(output));
    }
    SessionSummary summary;
    summary.examples = count;
    summary.bytes = BytesSince(before, result_.ledger);
    summary.seconds = session.seconds;
    summary.rounds = result_.ledger.rounds(Phase::kOnline);
    result_.summary.sessions.push_back(summary);
  }

  // The plain exact twin, which shares no code with the program.
  Status RunExactTwin() {
    const IntegerBert twin(job_.model);
    const int64_t count = job_.examples.count(), classes = job_.model.shape().classes();
    const Tensor& expected = job_.examples.expected_logits;
    bool as_expected = true;
    for (int64_t begin = 0; begin < count; begin += batch_) {
      LUTRA_ASSIGN_OR_RETURN(const Tensor logits,
                             twin.Logits(BatchOf(job_.examples.inputs, begin, batch_), pool_));
      const std::vector<int> predictions = Predictions(logits);
      for (int64_t i = 0; i < std::min(batch_, count - begin); ++i) {
        result_.clear.push_back(predictions[static_cast<size_t>(i)]);
        for (int64_t c = 0; c < classes && !expected.empty(); ++c) {
          as_expected =
              as_expected && logits.At(i * classes + c) == expected.At((begin + i) * classes + c);
        }
      }
    }
    if (!as_expected && result_.disagreement.empty()) {
      result_.disagreement = "the logits that the input expects are not those of the exact twin";
    }
    return absl::OkStatus();
  }

  Status Predict() {
    LUTRA_ASSIGN_OR_RETURN(result_.summary.predicted, PredictSeconds(result_.trace));
    return absl::OkStatus();
  }

  void Summarize() {
    RunSummary& summary = result_.summary;
    summary.command = options_.command;
    summary.model = options_.model;
    summary.labels = job_.model.shape().labels;
    summary.private_tables = options_.program.private_tables;
    summary.threads = options_.threads;
    summary.seed = options_.seed;
    summary.batch = batch_;
    summary.memory = {options_.memory_limit, job_.plan.estimate, job_.plan.tape_window_bytes};
    if (summary.peaks.has_value()) {
      summary.profile = MakeProfile(result_.built->program, result_.ledger,
                                    static_cast<int64_t>(summary.sessions.size()), *summary.peaks);
    }
    if (options_.check) summary.agrees_with_ideal = result_.disagreement.empty();
    const std::vector<int>& labels = job_.examples.labels;
    if (labels.empty()) return;
    summary.accuracy = Accuracy(result_.secure, labels);
    summary.accuracy_ideal = Accuracy(result_.clear, labels);
  }

  const ModelJob& job_;
  const ModelRunOptions& options_;
  const EngineMaker& make_engine_;
  ThreadPool pool_;
  const int64_t batch_;
  const BertProgramOptions program_options_;
  Progress progress_;
  int64_t begin_ = 0;  // of the session's examples
  std::unique_ptr<ModelEngine> engine_;
  ModelRunResult result_;
  TraceRecorder recorder_;
  Listeners listeners_{&result_.ledger, &recorder_};
};

// How a job uses memory, or why this machine cannot run it.
StatusOr<MemoryPlan> PlanJob(const ModelRunOptions& options, const IntegerModelShape& shape,
                             int64_t examples) {
  const Registry registry = Registry::WithBuiltins();
  MemoryRequest request;
  request.program_of = [&](int64_t batch) {
    return BuildBertShape(registry, shape, WithBatch(options.program, batch));
  };
  request.examples = examples;
  request.batch = options.batch;
  request.limit = options.memory_limit;
  request.check = options.check;
  return PlanMemory(request);
}

bool ChangesBits(const ModelRunOptions& options) {
  return options.residual_bits.has_value() || options.extra_bits.has_value();
}

// The model of the file, in the bits that the options ask for.
StatusOr<IntegerModel> LoadModel(const ModelRunOptions& options) {
  LUTRA_ASSIGN_OR_RETURN(IntegerModel model, LoadIntegerModel(options.model));
  if (!ChangesBits(options)) return model;
  const IntegerModelShape& shape = model.shape();
  StatusOr<IntegerModel> changed =
      Requantize(model, {.residual_bits = options.residual_bits.value_or(shape.residual_bits),
                         .extra_bits = options.extra_bits.value_or(shape.extra_bits)});
  if (!changed.ok()) return Annotate(changed.status(), options.model);
  return changed;
}

StatusOr<ModelJob> LoadFileJob(const ModelRunOptions& options) {
  LUTRA_ASSIGN_OR_RETURN(IntegerModel model, LoadModel(options));
  LUTRA_ASSIGN_OR_RETURN(Examples examples,
                         LoadExamples(options.model, model.shape(), options.input));
  if (ChangesBits(options)) examples.expected_logits = Tensor();
  const StatusOr<MemoryPlan> plan = PlanJob(options, model.shape(), examples.count());
  if (!plan.ok()) return Annotate(plan.status(), options.model);
  return ModelJob{std::move(model), std::move(examples), *plan};
}

StatusOr<Examples> SyntheticExamples(const ModelRunOptions& options, const IntegerModelShape& shape,
                                     uint64_t seed) {
  if (!options.input.has_value()) return RandomExamples(shape, options.batch.value_or(1), seed);
  const TokenizerSource no_tokenizer = [&]() -> StatusOr<Tokenizer> {
    return InvalidArgument(options.input->string(), ": expected a safetensors file of cases for ",
                           options.model, ", which has no tokenizer, found text");
  };
  return ReadExamples(*options.input, shape, no_tokenizer);
}

// Where no batch of a shape fits: the longest sequence, by powers of two, with which one example
// would, as an addition to the error.
std::string ShorterSequence(ModelRunOptions options, SyntheticShape shape) {
  options.batch = 1;
  if (PlanJob(options, ModelShapeOf(shape), 1).ok()) return "";
  constexpr int64_t kShortest = 8;
  for (int64_t sequence = 512; sequence >= kShortest; sequence /= 2) {
    if (sequence >= shape.sequence) continue;
    SyntheticShape shorter = shape;
    shorter.sequence = sequence;
    if (!PlanJob(options, ModelShapeOf(shorter), 1).ok()) continue;
    return StrCat("; sequence=", sequence, " would fit");
  }
  return "";
}

StatusOr<ModelJob> MakeSyntheticJob(const ModelRunOptions& options) {
  if (ChangesBits(options)) {
    return InvalidArgument(options.model, ": residual_bits and extra_bits: expected a model file, ",
                           "found a synthetic shape, which has the keys residual and extra");
  }
  LUTRA_ASSIGN_OR_RETURN(const SyntheticShape synthetic, ParseSyntheticShape(options.model));
  const IntegerModelShape shape = ModelShapeOf(synthetic);
  LUTRA_ASSIGN_OR_RETURN(Examples examples, SyntheticExamples(options, shape, synthetic.seed));
  const StatusOr<MemoryPlan> plan = PlanJob(options, shape, examples.count());
  if (!plan.ok()) {
    return Unavailable(options.model, ": ", OneLine(plan.status()),
                       ShorterSequence(options, synthetic));
  }
  LUTRA_ASSIGN_OR_RETURN(IntegerModel model, MakeSyntheticModel(synthetic));
  return ModelJob{std::move(model), std::move(examples), *plan};
}

}  // namespace

StatusOr<ModelJob> LoadModelJob(const ModelRunOptions& options) {
  return IsSyntheticName(options.model) ? MakeSyntheticJob(options) : LoadFileJob(options);
}

StatusOr<ModelRunResult> RunModel(const ModelJob& job, const ModelRunOptions& options) {
  return RunModel(job, options, [&](EngineParts parts) -> StatusOr<std::unique_ptr<ModelEngine>> {
    SimulationOptions simulation;
    simulation.seed = options.seed;
    simulation.check = options.check;
    simulation.tape_window_bytes = job.plan.tape_window_bytes;
    simulation.listener = &parts.listener;
    simulation.on_level = std::move(parts.on_level);
    LUTRA_ASSIGN_OR_RETURN(auto made,
                           Simulation::Make(parts.built, parts.pool, std::move(simulation)));
    return std::make_unique<SimulationEngine>(std::move(made));
  });
}

StatusOr<ModelRunResult> RunModel(const ModelJob& job, const ModelRunOptions& options,
                                  const EngineMaker& make_engine) {
  return Run(job, options, make_engine).Execute();
}

}  // namespace lutra
