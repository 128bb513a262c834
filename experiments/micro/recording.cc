// What it costs that a run is traced: sessions in the simulation on one thread, in turn with nobody
// who listens and with a trace recorder. Time is CPU time of a traced session, clocks of its spans
// included.

#include <memory>

#include "core/clock.h"
#include "experiments/micro/rate.h"
#include "models/bert_program.h"
#include "models/synthetic.h"
#include "mpc/listener.h"
#include "mpc/protocols/input.h"
#include "mpc/protocols/local.h"
#include "mpc/protocols/lookup.h"
#include "mpc/trace.h"
#include "sim/simulation.h"

namespace lutra::micro {
namespace {

std::unique_ptr<Simulation> Start(const BuiltProgram& built, const NamedTensors& model,
                                  ThreadPool& pool, Listener* listener) {
  SimulationOptions options;
  options.seed = 1;
  options.check = false;
  options.listener = listener;
  std::unique_ptr<Simulation> simulation = Must(Simulation::Make(built, pool, std::move(options)));
  Must(simulation->ShareModel(model));
  return simulation;
}

double SessionSeconds(Simulation& simulation, const NamedTensors& data) {
  const int64_t begin = CpuNanoseconds();
  Must(simulation.Run(data));
  return 1e-9 * static_cast<double>(CpuNanoseconds() - begin);
}

size_t Events(const Trace& trace) {
  size_t events = 0;
  for (const auto& [id, track] : trace.tracks) events += track.size();
  return events;
}

void RunSessions(benchmark::State& state, const BuiltProgram& built, const NamedTensors& model,
                 const NamedTensors& data) {
  ThreadPool pool(1);
  TraceRecorder recorder;
  const std::unique_ptr<Simulation> alone = Start(built, model, pool, nullptr);
  const std::unique_ptr<Simulation> traced = Start(built, model, pool, &recorder);
  SessionSeconds(*alone, data);  // which touches their memory for the first time
  SessionSeconds(*traced, data);
  double alone_seconds = 0;
  double traced_seconds = 0;
  double events = 0;
  for (auto _ : state) {
    alone_seconds += SessionSeconds(*alone, data);
    recorder.trace() = Trace();
    const double seconds = SessionSeconds(*traced, data);
    state.SetIterationTime(seconds);
    traced_seconds += seconds;
    events += static_cast<double>(Events(recorder.trace()));
  }
  const double cost = traced_seconds - alone_seconds;
  state.counters["events"] = benchmark::Counter(events, benchmark::Counter::kAvgIterations);
  state.counters["ns/event"] = 1e9 * cost / events;
  state.counters["of_run"] = cost / traced_seconds;
}

// Lookups of one element each: the most events for the least work.
void RunLookups(benchmark::State& state) {
  constexpr int kNodes = 1000;
  const Registry registry = Registry::WithBuiltins();
  Builder builder(registry);
  const Ring ring(4);
  const Value x = ToAdditive(builder, Input(builder, "x", Role::kDataOwner, ring, Shape{1}));
  const TableId table = builder.AddTable("T", {4}, UniformTensor(ring, Shape{1, 16}, 2),
                                         /*is_private=*/true);
  for (int node = 0; node < kNodes; ++node) Lookup(builder, {x}, table);
  const BuiltProgram built = Must(std::move(builder).Build());
  NamedTensors data;
  data.insert_or_assign("x", UniformTensor(ring, Shape{1}, 1));
  RunSessions(state, built, {}, data);
}

void RunModel(benchmark::State& state) {
  const IntegerModel model = Must(MakeSyntheticModel(Must(ParseSyntheticShape("bert-tiny"))));
  const Registry registry = Registry::WithBuiltins();
  BertProgramOptions options;
  options.embedding = EmbeddingForm::kClient;
  const BuiltProgram built = Must(BuildBertProgram(registry, model, options));
  const Tensor tokens = Tensor::Zeros(Ring(32), Shape{1, model.shape().sequence});
  RunSessions(state, built, BertModelInputs(model, options),
              BertDataInputs(model, options, tokens));
}

void Register(const char* name, void (*run)(benchmark::State&)) {
  benchmark::RegisterBenchmark(name, run)->UseManualTime()->Unit(benchmark::kMillisecond);
}

}  // namespace

void RegisterRecording() {
  Register("recording/lookups", RunLookups);
  Register("recording/bert_tiny", RunModel);
}

}  // namespace lutra::micro
