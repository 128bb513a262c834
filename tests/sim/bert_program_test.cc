#include "models/bert_program.h"

#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "analysis/cost.h"
#include "models/inputs.h"
#include "models/integer_bert.h"
#include "models/synthetic.h"
#include "mpc/protocols/lookup.h"
#include "mpc/tape.h"
#include "tests/models/random_model.h"
#include "tests/support/run_program.h"
#include "tests/support/sanitized.h"

namespace lutra {
namespace {

constexpr std::string_view kPretrained = "sms-spam-tiny.safetensors";

IntegerModel Pretrained() {
  StatusOr<IntegerModel> model = LoadIntegerModel(PretrainedFile(std::string(kPretrained)));
  REQUIRE(model.ok());
  return *std::move(model);
}

Examples PretrainedExamples(const IntegerModel& model) {
  StatusOr<Examples> examples =
      LoadExamples(PretrainedFile(std::string(kPretrained)), model.shape(), std::nullopt);
  REQUIRE(examples.ok());
  return *std::move(examples);
}

IntegerModel RandomModel(const IntegerModelShape& shape, std::mt19937_64& generator) {
  StatusOr<IntegerModel> model = MakeIntegerModel(RandomContent(shape, generator));
  INFO(OneLine(model.status()));
  REQUIRE(model.ok());
  return *std::move(model);
}

// Outlives the programs.
const Registry& Builtins() {
  static const Registry registry = Registry::WithBuiltins();
  return registry;
}

BuiltProgram BuildProgram(const IntegerModel& model, const BertProgramOptions& options) {
  StatusOr<BuiltProgram> built = BuildBertProgram(Builtins(), model, options);
  INFO(OneLine(built.status()));
  REQUIRE(built.ok());
  return *std::move(built);
}

NamedTensors AllInputs(const IntegerModel& model, const BertProgramOptions& options,
                       const Tensor& examples) {
  NamedTensors all = BertModelInputs(model, options);
  all.merge(BertDataInputs(model, options, examples));
  return all;
}

// ---- exactness ----

// Where a value of the plain twin's trace is in the program: an output of the last node of a path,
// of those of one protocol if one is named.
struct Place {
  std::string path;
  std::string protocol;
  size_t skip = 0;  // so many of them from the end
  size_t output = 0;
};

// "attention.score" of "layers.0.attention.score", "norm.mean" of "layers.0.ffn.norm.mean".
std::map<std::string, Place> Places() {
  return {
      {"norm.mean", {"mean", ""}},
      {"norm.centred", {"variance", "reshare", 1}},
      {"norm.variance", {"variance", "sum"}},
      {"norm.inverse", {"variance", "reshare"}},
      {"norm.normalized", {"normalized", ""}},
      {"norm.narrow", {"output", "reshare"}},
      {"attention.key", {"key", "reshare"}},
      {"attention.score", {"softmax", "lookup", 2, 1}},
      {"attention.exp", {"softmax", "lookup", 2, 0}},
      {"attention.sum", {"softmax", "sum"}},
      {"attention.sum_code", {"softmax", "lookup", 1}},
      {"attention.probability", {"softmax", "reshare"}},
      {"attention.context", {"context", ""}},
      {"attention.residual", {"output", "top_bits"}},
      {"ffn.hidden", {"in", "reshare"}},
      {"ffn.residual", {"out", "top_bits"}},
  };
}

std::optional<Place> PlaceOf(const std::string& name) {
  if (name == "embedding.residual") return Place{"embedding", ""};
  if (name == "pooler.output") return Place{"pooler", "reshare"};
  for (const auto& [suffix, place] : Places()) {
    if (!name.ends_with("." + suffix)) continue;
    Place found = place;
    found.path = name.substr(0, name.rfind('.') + 1) + place.path;
    return found;
  }
  return std::nullopt;
}

const Node* Find(const Program& program, const Place& place) {
  size_t skip = place.skip;
  for (size_t i = program.nodes().size(); i-- > 0;) {
    const Node& node = program.nodes()[i];
    const bool fits = place.protocol.empty() || node.spec.protocol == place.protocol;
    if (node.spec.path == place.path && fits && skip-- == 0) return &node;
  }
  return nullptr;
}

// Runs both exact twins on the examples; they must have the same logits, and the same values
// wherever both have one. The number of values compared.
int CheckExact(const IntegerModel& model, const Tensor& examples,
               EmbeddingForm embedding = EmbeddingForm::kSecure) {
  ThreadPool pool(2);
  BertProgramOptions options;
  options.batch = examples.shape().size(0);
  options.embedding = embedding;
  const BuiltProgram built = BuildProgram(model, options);
  Twin twin(built.program, built.tables, pool);
  const NamedTensors revealed = twin.RunExact(AllInputs(model, options, examples));

  int compared = 0;
  const auto compare = [&](std::string_view name, const Shape& shape,
                           std::span<const int64_t> values) {
    const std::optional<Place> place = PlaceOf(std::string(name));
    if (!place.has_value()) return;
    INFO(name);
    const Node* node = Find(built.program, *place);
    REQUIRE(node != nullptr);
    const Tensor& found = twin.value(node->outputs.at(place->output));
    REQUIRE(found.elements() == shape.elements());
    int64_t wrong = 0;
    for (int64_t i = 0; i < found.elements(); ++i) {
      const auto expected = static_cast<uint64_t>(values[static_cast<size_t>(i)]);
      wrong += found.At(i) == found.ring().Reduce(expected) ? 0 : 1;
    }
    CHECK(wrong == 0);
    ++compared;
  };
  const StatusOr<Tensor> logits = IntegerBert(model).Logits(examples, pool, compare);
  REQUIRE(logits.ok());
  CHECK(revealed.at("logits") == *logits);
  return compared;
}

// Of a model of so many layers: embedding and pooler, the norms, the rest of the layers.
int ComparedValues(int64_t layers) {
  return static_cast<int>(2 + 6 * (2 * layers + 1) + 10 * layers);
}

TEST_CASE("The exact twin of the shipped model's program has the plain twin's values",
          "[sim][bert]") {
  const IntegerModel model = Pretrained();
  const Tensor inputs = PretrainedExamples(model).Slice(20, 26).inputs;
  CHECK(CheckExact(model, inputs) == ComparedValues(2));
  CHECK(CheckExact(model, inputs, EmbeddingForm::kClient) == ComparedValues(2));
}

TEST_CASE("The exact twin of the program of any model has the plain twin's values", "[sim][bert]") {
  std::mt19937_64 generator(2026);
  for (int i = 0; i < (kSanitized ? 15 : 40); ++i) {
    const IntegerModelShape shape = RandomShape(generator, /*max_sequence=*/24,
                                                /*budget=*/int64_t{1} << 21);
    INFO("model " << i << ": hidden " << shape.hidden << ", heads " << shape.heads << ", layers "
                  << shape.layers << ", sequence " << shape.sequence << ", R "
                  << shape.residual_bits << ", X " << shape.extra_bits << ", sh " << shape.sum_shift
                  << (shape.vocabulary > 0 ? ", tokens" : ", patches"));
    const IntegerModel model = RandomModel(shape, generator);
    const Examples examples = RandomExamples(shape, 1 + i % 3, generator());
    const EmbeddingForm embedding = i % 4 == 0 ? EmbeddingForm::kClient : EmbeddingForm::kSecure;
    CHECK(CheckExact(model, examples.inputs, embedding) == ComparedValues(shape.layers));
  }
}

TEST_CASE("The exact twins agree at the sizes of real models", "[sim][bert]") {
  std::mt19937_64 generator(7);
  IntegerModelShape shape;
  shape.task = "random";
  shape.layers = 1;
  shape.labels = {"a", "b", "c"};
  shape.vocabulary = 9;
  struct Sizes {
    int64_t hidden, heads, sequence;
    int sum_shift, residual_bits, extra_bits;
  };
  for (const Sizes& sizes : std::vector<Sizes>{{16, 1, 512, 9, 8, 1},
                                               {64, 2, 257, 8, 5, 2},
                                               {768, 12, 3, 2, 8, 1},
                                               {1024, 16, 2, 1, 6, 3},
                                               {192, 3, 6, 3, 4, 0}}) {
    if (kSanitized && sizes.hidden > 64) continue;
    shape.hidden = sizes.hidden;
    shape.heads = sizes.heads;
    shape.sequence = sizes.sequence;
    shape.sum_shift = sizes.sum_shift;
    shape.residual_bits = sizes.residual_bits;
    shape.extra_bits = sizes.extra_bits;
    INFO("hidden " << shape.hidden << ", sequence " << shape.sequence);
    const IntegerModel model = RandomModel(shape, generator);
    CheckExact(model, RandomExamples(shape, 1, generator()).inputs);
  }
}

// ---- secure runs ----

// A secure run of a batch; must agree with the replayed twin at every node, and be counted as the
// closed form says.
Tensor CheckSecure(const IntegerModel& model, const BertProgramOptions& options,
                   const Tensor& examples, int threads, uint64_t seed) {
  const BuiltProgram built = BuildProgram(model, options);
  ThreadPool pool(threads);
  Ledger ledger;
  SimulationOptions simulation_options;
  simulation_options.seed = seed;
  simulation_options.listener = &ledger;
  auto simulation = Simulation::Make(built, pool, std::move(simulation_options));
  REQUIRE(simulation.ok());
  const StatusOr<SessionResult> shared = (*simulation)->ShareModel(BertModelInputs(model, options));
  REQUIRE(shared.ok());
  CHECK(shared->disagreement == "");
  StatusOr<SessionResult> session = (*simulation)->Run(BertDataInputs(model, options, examples));
  INFO(OneLine(session.status()));
  REQUIRE(session.ok());
  CHECK(session->disagreement == "");
  CHECK(session->agrees);
  const ProgramCost cost(built.program);
  CHECK(cost.bits() == ledger.bits());
  CHECK(cost.traffic() == ledger.traffic());
  CHECK(ledger.rounds(Phase::kOnline) == built.program.rounds(Phase::kOnline));
  if (options.deployment == Deployment::kSharedDealer) {
    for (const auto& [link, traffic] : ledger.traffic()) {
      const bool to_offline_role = link.to == Role::kP0 || link.to == Role::kDealer;
      CHECK_FALSE((link.phase == Phase::kOnline && to_offline_role));
    }
  }
  return session->revealed.at("logits").Clone();
}

std::vector<BertProgramOptions> AllForms() {
  std::vector<BertProgramOptions> forms;
  for (int bits = 0; bits < 32; ++bits) {
    BertProgramOptions options;
    if ((bits & 1) != 0) options.linear = LinearForm::kReplicated;
    if ((bits & 2) != 0) options.lookup = LookupForm::kDirect;
    if ((bits & 4) != 0) options.embedding = EmbeddingForm::kClient;
    if ((bits & 8) != 0) options.private_tables = false;
    if ((bits & 16) != 0) options.deployment = Deployment::kSharedDealer;
    forms.push_back(options);
  }
  return forms;
}

// "direct" sends to P0, which is refused by the name of the first node that does.
void CheckRefused(const IntegerModel& model, const BertProgramOptions& options) {
  const StatusOr<BuiltProgram> built = BuildBertProgram(Builtins(), model, options);
  REQUIRE_FALSE(built.ok());
  const std::string message = OneLine(built.status());
  INFO(message);
  CHECK(message.find("embedding.norm.variance") != std::string::npos);
  CHECK(message.find("lookup") != std::string::npos);
  CHECK(message.find("sends to P0 online") != std::string::npos);
}

void CheckAllForms(const IntegerModelShape& shape, uint64_t seed) {
  std::mt19937_64 generator(seed);
  const IntegerModel model = RandomModel(shape, generator);
  for (BertProgramOptions options : AllForms()) {
    INFO("linear " << static_cast<int>(options.linear) << ", lookup "
                   << static_cast<int>(options.lookup) << ", embedding "
                   << static_cast<int>(options.embedding) << ", private tables "
                   << options.private_tables << ", deployment "
                   << static_cast<int>(options.deployment));
    const bool refused =
        options.lookup == LookupForm::kDirect && options.deployment == Deployment::kSharedDealer;
    if (refused) {
      CheckRefused(model, options);
      continue;
    }
    // All batches and numbers of threads with every form, or one of each.
    const int64_t only = 1 + static_cast<int64_t>(generator() % 3);
    for (int64_t batch = 1; batch <= 3; ++batch) {
      if (kSanitized && batch != only) continue;
      options.batch = batch;
      const Tensor examples = RandomExamples(shape, batch, generator()).inputs;
      const Tensor logits = CheckSecure(model, options, examples, /*threads=*/1, seed);
      for (int threads = kSanitized ? 3 : 2; threads <= 3; ++threads) {
        CHECK(CheckSecure(model, options, examples, threads, seed) == logits);
      }
    }
  }
}

TEST_CASE("Secure runs of token models agree in every combination of forms", "[sim][bert]") {
  IntegerModelShape shape;
  shape.hidden = 16;
  shape.layers = 1;
  shape.heads = 2;
  shape.sequence = 3;
  shape.sum_shift = 2;
  shape.vocabulary = 5;
  shape.labels = {"a", "b", "c"};
  CheckAllForms(shape, 1);
}

TEST_CASE("Secure runs of patch models agree in every combination of forms", "[sim][bert]") {
  IntegerModelShape shape;
  shape.embedding = Embedding::kPatch;
  shape.hidden = 16;
  shape.layers = 1;
  shape.heads = 1;
  shape.sequence = 4;
  shape.residual_bits = 5;
  shape.extra_bits = 0;
  shape.sum_shift = 2;
  shape.patch_size = 3;
  shape.labels = {"a", "b"};
  CheckAllForms(shape, 2);
}

TEST_CASE("Secure runs of random models agree", "[sim][bert]") {
  std::mt19937_64 generator(99);
  const std::vector<BertProgramOptions> forms = AllForms();
  for (size_t i = 0; i < (kSanitized ? 6 : 12); ++i) {
    const IntegerModelShape shape =
        RandomShape(generator, /*max_sequence=*/8, /*budget=*/int64_t{1} << 18);
    INFO("model " << i << ": hidden " << shape.hidden << ", layers " << shape.layers);
    BertProgramOptions options = forms[i % 16];
    options.batch = 1 + static_cast<int64_t>(i % 2);
    const IntegerModel model = RandomModel(shape, generator);
    CheckSecure(model, options, RandomExamples(shape, options.batch, generator()).inputs,
                /*threads=*/2, /*seed=*/i);
  }
}

// ---- accuracy ----

double AccuracyOf(const std::vector<int>& predictions, const std::vector<int>& labels) {
  REQUIRE(predictions.size() == labels.size());
  int64_t right = 0;
  for (size_t i = 0; i < labels.size(); ++i) right += predictions[i] == labels[i] ? 1 : 0;
  return static_cast<double>(right) / static_cast<double>(labels.size());
}

// Of secure runs, in sessions of `batch` examples, which divides their number.
double SecureAccuracy(const IntegerModel& model, const Examples& examples, int64_t batch,
                      uint64_t seed) {
  BertProgramOptions options;
  options.batch = batch;
  const BuiltProgram built = BuildProgram(model, options);
  ThreadPool pool(2);
  SimulationOptions simulation_options;
  simulation_options.seed = seed;
  simulation_options.check = false;
  auto simulation = Simulation::Make(built, pool, std::move(simulation_options));
  REQUIRE(simulation.ok());
  REQUIRE((*simulation)->ShareModel(BertModelInputs(model, options)).ok());
  std::vector<int> predictions;
  for (int64_t begin = 0; begin < examples.count(); begin += batch) {
    const Tensor inputs = examples.Slice(begin, begin + batch).inputs;
    const StatusOr<SessionResult> session =
        (*simulation)->Run(BertDataInputs(model, options, inputs));
    REQUIRE(session.ok());
    for (const int prediction : Predictions(session->revealed.at("logits"))) {
      predictions.push_back(prediction);
    }
  }
  return AccuracyOf(predictions, examples.labels);
}

double ExactAccuracy(const IntegerModel& model, const Examples& examples) {
  ThreadPool pool(2);
  const StatusOr<Tensor> logits = IntegerBert(model).Logits(examples.inputs, pool);
  REQUIRE(logits.ok());
  return AccuracyOf(Predictions(*logits), examples.labels);
}

TEST_CASE("Secure inference of some messages is nearly as accurate as in the clear",
          "[sim][bert]") {
  const IntegerModel model = Pretrained();
  const Examples examples = PretrainedExamples(model).Slice(0, kSanitized ? 2 : 24);
  // Two messages of 24 may come out differently.
  CHECK(SecureAccuracy(model, examples, examples.count() / 2, 3) ==
        Approx(ExactAccuracy(model, examples)).margin(0.09));
}

TEST_CASE("Secure inference of the 200 messages is as accurate as in the clear",
          "[sim][bert][slow][ci]") {
  const IntegerModel model = Pretrained();
  const Examples examples = PretrainedExamples(model);
  REQUIRE(examples.count() == 200);
  double mean = 0;
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    mean += SecureAccuracy(model, examples, 10, seed) / 5;
  }
  CHECK(mean == Approx(ExactAccuracy(model, examples)).margin(0.02));
}

// ---- costs of whole models ----

Program ShapeProgram(const IntegerModelShape& shape, const BertProgramOptions& options) {
  StatusOr<Program> program = BuildBertShape(Builtins(), shape, options);
  INFO(OneLine(program.status()));
  REQUIRE(program.ok());
  return *std::move(program);
}

GroupCost CostOfPath(const Program& program, const std::string& path) {
  for (const GroupCost& group : ProgramCost(program).ByPath()) {
    if (group.name == path) return group;
  }
  FAIL("no node at " << path);
  return {};
}

int64_t BitsOf(const GroupCost& group, Phase phase) {
  return group.bits[static_cast<size_t>(phase)];
}

TEST_CASE("A fully connected step within a model costs what the protocols' table says",
          "[sim][bert][cost]") {
  IntegerModelShape shape;
  shape.hidden = 32;
  shape.layers = 1;
  shape.heads = 2;
  shape.sequence = 5;
  shape.extra_bits = 0;  // the activation is 4 bits wide
  shape.sum_shift = 3;
  shape.vocabulary = 7;
  shape.labels = {"a", "b"};
  struct Row {
    LinearForm linear;
    LookupForm lookup;
    int64_t dealer, p0, online;  // bits per output element
    size_t rounds;
  };
  for (const Row& row : std::vector<Row>{
           {LinearForm::kReplicated, LookupForm::kReshare, 256, 0, 16 + 8 + 32, 3},
           {LinearForm::kReplicated, LookupForm::kDirect, 512, 0, 16 + 16, 2},
           {LinearForm::kMasked, LookupForm::kReshare, 256, 16, 8 + 32, 2},
           // What a direct lookup yields has no masks known offline: the replicated form is taken.
           {LinearForm::kMasked, LookupForm::kDirect, 512, 0, 16 + 16, 2}}) {
    BertProgramOptions options;
    options.batch = 2;
    options.linear = row.linear;
    options.lookup = row.lookup;
    const Program program = ShapeProgram(shape, options);
    for (const char* step : {"query", "key", "value"}) {
      const GroupCost cost = CostOfPath(program, StrCat("layers.0.attention.", step));
      const int64_t elements = options.batch * shape.sequence * shape.hidden;
      INFO(step);
      CHECK(cost.lookups == elements);
      CHECK(BitsOf(cost, Phase::kDeal) == row.dealer * elements);
      CHECK(BitsOf(cost, Phase::kPrepare) == row.p0 * elements);
      CHECK(BitsOf(cost, Phase::kOnline) == row.online * elements);
      CHECK(cost.online_levels.size() == row.rounds);
    }
  }
}

TEST_CASE("A model takes the rounds of its steps", "[sim][bert][cost]") {
  // Input and reveal 1 each; a LayerNorm 6, or 7 where the mean goes through a table; attention 8
  // (projections 2, exponentials 1, sums 1, probabilities 2, context 2); feed forward and pooler 2.
  const auto rounds = [](int64_t layers, int64_t norm) {
    return 1 + norm + layers * (8 + norm + 2 + norm) + 2 + 1;
  };
  for (const char* name : {"bert-tiny", "bert-base", "bert-large"}) {
    const StatusOr<SyntheticShape> synthetic = ParseSyntheticShape(name);
    REQUIRE(synthetic.ok());
    const IntegerModelShape shape = ModelShapeOf(*synthetic);
    const Program program = ShapeProgram(shape, {});
    INFO(name);
    CHECK(program.rounds(Phase::kOnline) == rounds(shape.layers, shape.hidden <= 256 ? 6 : 7));
  }
}

TEST_CASE("BERT-base takes the lookups and the tape of the budget", "[sim][bert][cost]") {
  const StatusOr<SyntheticShape> synthetic = ParseSyntheticShape("bert-base:sequence=128");
  REQUIRE(synthetic.ok());
  const Program program = ShapeProgram(ModelShapeOf(*synthetic), {});
  const ProgramCost cost(program);

  // H = 768, A = 12, n = 128, F = 3072. Bytes of a lookup: 2^k rows of all its results' bits.
  constexpr int64_t kRows = 128, kHidden = kRows * 768, kScores = 12 * kRows * kRows;
  constexpr int64_t kNorms = 2;
  struct Step {
    int64_t lookups, index_bits, result_bits;
  };
  const std::vector<Step> steps = {
      {3 * kHidden, 5, 16},            // query, key, value
      {kScores, 5, 4 + 15},            // score and exp, which lives in Z_2^(8+7)
      {kScores, 8, 16},                // probability
      {kHidden, 5, 16},                // context
      {kNorms * kHidden, 8, 16},       // extend r
      {kNorms * kHidden, 8, 16 + 16},  // e to square and extended e
      {kNorms * kHidden, 8, 16 + 16},  // m to narrow and residual
      {4 * kHidden, 6, 16},            // relu
      {12 * kRows, 8, 4},              // sum code
      {kNorms * kRows, 8, 16},         // rsqrt
      {kNorms * kRows, 8, 8},          // mean
  };
  int64_t lookups = 0, bits = 0;
  for (const Step& step : steps) {
    lookups += step.lookups;
    bits += step.lookups * (int64_t{1} << step.index_bits) * step.result_bits;
  }
  CHECK(lookups == 1771520);
  CHECK(bits / 8 == 694812672);
  const auto layers = cost.ByLayer();
  int64_t seen = 0;
  for (const GroupCost& layer : layers) {
    if (!layer.name.starts_with("layers.")) continue;
    ++seen;
    CHECK(layer.lookups == lookups);
    // No attention follows the last layer, and no residual enters it.
    const int64_t spared = layer.name == "layers.11" ? kHidden * 256 * 16 : 0;
    CHECK(BitsOf(layer, Phase::kDeal) == bits - spared);
  }
  CHECK(seen == 12);
  CHECK(cost.lookups() == 21554176);
  const int64_t norm_bytes = kHidden * 256 * (2 + 4 + 4) + kRows * 256 * (2 + 1);
  const int64_t pooler_bytes = 768 * 32 * 2;
  CHECK(cost.tape_bytes() ==
        int64_t{12} * 694812672 - kHidden * 256 * 2 + norm_bytes + pooler_bytes);
  // P0's products: an accumulator of 16 bits each, but for the embedding's of 8.
  const int64_t accumulators =
      12 * (4 * kHidden + kScores + kHidden + 5 * kHidden + 2 * kHidden) + kHidden + 768 + 2;
  CHECK(cost.phases()[static_cast<size_t>(Phase::kPrepare)].bytes == 2 * accumulators + kHidden);
}

}  // namespace
}  // namespace lutra
