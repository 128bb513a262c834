// Whole composites and one encoder layer of BERT-base at sequence 128, online: all parties in one
// process, as the simulation runs them. Time is that of the nodes' local work at all roles,
// messages packed and unpacked, with 1 or 2 threads; inputs and what comes before are not in it.

#include <map>

#include "experiments/micro/rate.h"
#include "models/bert_program.h"
#include "models/synthetic.h"
#include "mpc/listener.h"
#include "mpc/protocols/input.h"
#include "mpc/protocols/layer_norm.h"
#include "mpc/protocols/local.h"
#include "mpc/protocols/softmax.h"
#include "sim/simulation.h"

namespace lutra::micro {
namespace {

constexpr int64_t kSequence = 128;
constexpr int64_t kHidden = 768;
constexpr int64_t kHeads = 12;
constexpr std::string_view kScope = "layers.0";

// Adds up the work on the nodes whose path begins with kScope.
class WorkInScope final : public Listener {
 public:
  void OnPart(const Node&, Phase, int, Role, Role, int64_t) override {}
  void OnMessage(Phase, int, Role, Role, std::span<const std::byte>, bool) override {}
  void OnReceive(Phase, int, Role, Role, int64_t, const Span&) override {}
  void OnWork(const Node& node, Phase phase, Role, const Span& span) override {
    if (node.spec.path.starts_with(kScope)) seconds_[phase] += span.seconds();
  }
  // Since the last call.
  double Take(Phase phase) { return std::exchange(seconds_[phase], 0); }

 private:
  std::map<Phase, double> seconds_;
};

// Sessions of a program; `items` are what the rate counts.
void RunSessions(benchmark::State& state, const BuiltProgram& built, const NamedTensors& model,
                 const NamedTensors& data, double items) {
  ThreadPool pool(static_cast<int>(state.range(0)));
  WorkInScope work;
  SimulationOptions options;
  options.seed = 1;
  options.check = false;
  options.listener = &work;
  const auto simulation = Must(Simulation::Make(built, pool, std::move(options)));
  Must(simulation->ShareModel(model));
  double deal = 0;
  double prepare = 0;
  for (auto _ : state) {
    Must(simulation->Run(data));
    state.SetIterationTime(work.Take(Phase::kOnline));
    deal += work.Take(Phase::kDeal);
    prepare += work.Take(Phase::kPrepare);
  }
  state.counters["items/s"] = Rate(items);
  state.counters["deal_s"] = benchmark::Counter(deal, benchmark::Counter::kAvgIterations);
  state.counters["prepare_s"] = benchmark::Counter(prepare, benchmark::Counter::kAvgIterations);
}

// A program of one composite on an additive input.
template <class Add>
void RunComposite(benchmark::State& state, Ring ring, const Shape& shape, const Add& add) {
  const Registry registry = Registry::WithBuiltins();
  Builder builder(registry);
  const Value input = ToAdditive(builder, Input(builder, "x", Role::kDataOwner, ring, shape));
  {
    const Builder::Scope scope(builder, kScope);
    add(builder, input);
  }
  const BuiltProgram built = Must(std::move(builder).Build());
  NamedTensors data;
  data.insert_or_assign("x", UniformTensor(ring, shape, 1));
  RunSessions(state, built, {}, data, static_cast<double>(shape.elements()));
}

TableId UniformTable(Builder& builder, std::vector<int32_t> index_bits, Ring ring) {
  int width = 0;
  for (const int32_t bits : index_bits) width += bits;
  return builder.AddTable("T", std::move(index_bits),
                          UniformTensor(ring, Shape{1, int64_t{1} << width}, 2),
                          /*is_private=*/true);
}

IntegerModelShape BertShape() { return ModelShapeOf(Must(ParseSyntheticShape("bert-base"))); }

// Of the scores of all heads.
void RunSoftmax(benchmark::State& state) {
  const IntegerModelShape bert = BertShape();
  const int code = bert.saturated_bits();
  RunComposite(state, Ring(code), Shape{1, kHeads, kSequence, kSequence},
               [&](Builder& builder, Value codes) {
                 SoftmaxTables tables;
                 tables.exp = UniformTable(builder, {code}, Ring(bert.sum_bits()));
                 tables.score = UniformTable(builder, {code}, Ring(4));
                 tables.sum_code = UniformTable(builder, {8}, Ring(4));
                 tables.probability = UniformTable(builder, {4, 4}, Ring(16));
                 Softmax(builder, codes, tables);
               });
}

void RunLayerNorm(benchmark::State& state) {
  const IntegerModelShape bert = BertShape();
  RunComposite(state, Ring(bert.residual_bits), Shape{1, kSequence, kHidden},
               [&](Builder& builder, Value residual) {
                 LayerNormTables tables;
                 tables.extend = UniformTable(builder, {bert.residual_bits}, Ring(16));
                 tables.mean = UniformTable(builder, {8}, Ring(8));
                 tables.square = UniformTable(builder, {8}, Ring(16));
                 tables.centred = UniformTable(builder, {8}, Ring(16));
                 tables.rsqrt = UniformTable(builder, {8}, Ring(16));
                 LayerNorm(builder, residual, bert.mean_multiplier(), tables);
               });
}

// Items are tokens.
void RunEncoderLayer(benchmark::State& state) {
  const IntegerModel model = Must(MakeSyntheticModel(
      Must(ParseSyntheticShape("synthetic:hidden=768,heads=12,layers=1,sequence=128"))));
  const Registry registry = Registry::WithBuiltins();
  BertProgramOptions options;
  options.embedding = EmbeddingForm::kClient;
  const BuiltProgram built = Must(BuildBertProgram(registry, model, options));
  const Tensor tokens = Tensor::Zeros(Ring(32), Shape{1, kSequence});
  RunSessions(state, built, BertModelInputs(model, options), BertDataInputs(model, options, tokens),
              kSequence);
}

void Register(const char* name, void (*run)(benchmark::State&)) {
  benchmark::RegisterBenchmark(name, run)
      ->ArgName("threads")
      ->Arg(1)
      ->Arg(2)
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond);
}

}  // namespace

void RegisterComposites() {
  Register("softmax/all_parties", RunSoftmax);
  Register("layer_norm/all_parties", RunLayerNorm);
  Register("encoder_layer/all_parties", RunEncoderLayer);
}

}  // namespace lutra::micro
