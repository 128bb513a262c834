#include "experiments/lab/point.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "analysis/machine.h"
#include "analysis/program_flags.h"
#include "core/command_line.h"
#include "core/file.h"
#include "core/matrix_product.h"
#include "core/text.h"
#include "experiments/lab/experiment.h"
#include "models/protocol_program.h"
#include "models/requantize.h"
#include "models/synthetic.h"
#include "mpc/listener.h"
#include "sim/memory_plan.h"
#include "sim/process_engine.h"
#include "sim/run_program.h"
#include "sim/simulation.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 7> kShapeKeys = {
    "hidden", "layers", "heads", "sequence", "vocabulary", "residual", "extra"};
constexpr int64_t kMostFileBytes = int64_t{1} << 40;

// How much longer than the least a run takes, roughly: the peaks are bounds from below. A guess
// that the runs correct as they finish. With the check, the twin is walked too.
constexpr double kTimesLeast = 2.5;
constexpr double kTimesChecked = 2.0;
// To start a process, make a model, read its texts.
constexpr double kStartSeconds = 0.15;
constexpr double kStartProcessesSeconds = 0.8;

int Threads(const PointSpec& spec) {
  return static_cast<int>(IntegerOf(spec.settings, "threads", ThisMachine().cores));
}

// A point that runs nothing is cut into sessions as a simulation is.
bool Checks(const PointSpec& spec) {
  return spec.measure() != "processes" && BooleanOf(spec.settings, "check", true);
}

// The settings as flags of the programs, so that these check and read them.
StatusOr<BertProgramOptions> ProgramOptionsOf(const PointSpec& spec) {
  CommandLine line("", "");
  AddProgramFlags(line);
  std::vector<std::string> arguments;
  for (const std::string_view name :
       {"batch", "linear", "lookup", "embedding", "deployment", "tables", "rounding"}) {
    if (!spec.settings.contains(name)) continue;
    arguments.push_back(StrCat("--", name, "=", TextOf(spec.settings, name, "")));
  }
  LUTRA_ASSIGN_OR_RETURN(const Arguments parsed, line.Parse(arguments));
  return ProgramOptions(parsed, /*batch=*/1);
}

std::optional<int64_t> MemoryLimit(const PointSpec& spec) {
  if (!spec.settings.contains("memory_limit")) return std::nullopt;
  CommandLine line("", "");
  line.AddFlag("limit", "BYTES", "");
  const std::vector<std::string> arguments = {
      StrCat("--limit=", TextOf(spec.settings, "memory_limit", ""))};
  const StatusOr<Arguments> parsed = line.Parse(arguments);
  LUTRA_CHECK(parsed.ok());  // checked as the file was read
  const StatusOr<int64_t> bytes = parsed->Bytes("limit", 0);
  LUTRA_CHECK(bytes.ok());
  return *bytes;
}

// Of a model file: its own bits where no others are asked for.
ModelBits BitsOf(const PointSpec& spec, const IntegerModelShape& shape) {
  return {.residual_bits =
              static_cast<int>(IntegerOf(spec.settings, "residual_bits", shape.residual_bits)),
          .extra_bits = static_cast<int>(IntegerOf(spec.settings, "extra_bits", shape.extra_bits))};
}

ProtocolParameters ParametersOf(const PointSpec& spec, std::span<const ProtocolSize> sizes) {
  ProtocolParameters parameters;
  for (const ProtocolSize& size : sizes) {
    if (!spec.settings.contains(size.name)) continue;
    parameters.sizes[std::string(size.name)] = IntegerOf(spec.settings, size.name, 0);
  }
  parameters.linear = TextOf(spec.settings, "linear", "masked") == "masked"
                          ? LinearForm::kMasked
                          : LinearForm::kReplicated;
  parameters.lookup = TextOf(spec.settings, "lookup", "reshare") == "reshare" ? LookupForm::kReshare
                                                                              : LookupForm::kDirect;
  parameters.deployment = TextOf(spec.settings, "deployment", "four-process") == "four-process"
                              ? Deployment::kFourProcess
                              : Deployment::kSharedDealer;
  parameters.private_tables = TextOf(spec.settings, "tables", "private") == "private";
  parameters.sharing = TextOf(spec.settings, "sharing", "additive") == "additive"
                           ? Sharing::kAdditive
                           : Sharing::kReplicated;
  return parameters;
}

// Settings that only some kinds of points take.
Status CheckKind(const PointSpec& spec) {
  std::vector<std::string_view> allowed = {"measure", "threads",    "simd",   "linear",
                                           "lookup",  "deployment", "tables", "check"};
  std::string kind;
  if (spec.is_protocol()) {
    const std::string protocol = TextOf(spec.settings, "protocol", "");
    LUTRA_ASSIGN_OR_RETURN(const auto sizes, ProtocolSizes(protocol));
    for (const ProtocolSize& size : sizes) allowed.push_back(size.name);
    allowed.insert(allowed.end(), {"protocol", "sharing"});
    kind = StrCat("the protocol ", protocol);
  } else {
    allowed.insert(allowed.end(), {"model", "batch", "embedding", "memory_limit", "examples",
                                   "input", "transport", "tapes", "rounding"});
    if (IsSyntheticName(spec.model)) {
      allowed.insert(allowed.end(), kShapeKeys.begin(), kShapeKeys.end());
      kind = "a synthetic shape";
    } else {
      allowed.insert(allowed.end(), {"residual_bits", "extra_bits"});
      kind = "a model file";
    }
  }
  for (const auto& [name, value] : spec.settings) {
    if (std::find(allowed.begin(), allowed.end(), name) != allowed.end()) continue;
    return InvalidArgument(name, ": expected a setting of ", kind, " (", CommaSeparated(allowed),
                           "), found one that it does not take");
  }
  return absl::OkStatus();
}

// Settings that change nothing of what is measured, and values that do not go with others.
Status CheckMeasure(const PointSpec& spec) {
  const std::string measure = spec.measure();
  if (spec.is_protocol() && measure == "processes") {
    return InvalidArgument("measure: expected 'cost' or 'simulation' of a protocol, found ",
                           "'processes'");
  }
  std::vector<std::string_view> idle = {"tapes", "transport"};
  if (measure == "processes") idle = {"simd"};
  if (measure == "cost") {
    idle.insert(idle.end(), {"memory_limit", "simd", "threads"});
  }
  for (const std::string_view name : idle) {
    if (!spec.settings.contains(name)) continue;
    return InvalidArgument(name, ": expected a setting that has an effect on measure = '", measure,
                           "', found one that has none");
  }
  if (measure != "simulation" && BooleanOf(spec.settings, "check", false)) {
    return InvalidArgument("check: expected false with measure = '", measure,
                           "', which compares nothing, found true");
  }
  if (TextOf(spec.settings, "lookup", "") == "direct" &&
      TextOf(spec.settings, "deployment", "") == "shared-dealer") {
    return InvalidArgument("lookup: expected 'reshare' with deployment = 'shared-dealer', found ",
                           "'direct'");
  }
  return absl::OkStatus();
}

Status CheckSimd(const PointSpec& spec) {
  if (!spec.runs() || !spec.settings.contains("simd")) return absl::OkStatus();
  const std::string target = TextOf(spec.settings, "simd", "");
  const std::vector<std::string_view> targets = SimdTargets();
  if (std::find(targets.begin(), targets.end(), target) != targets.end()) return absl::OkStatus();
  return Unavailable("simd: expected one that this machine has (", CommaSeparated(targets),
                     "), found '", target, "'");
}

std::string NameOfGroup(std::string_view by, const Node& node) {
  if (by == "protocol") return node.spec.protocol;
  return std::string(by == "layer" ? LayerOfPath(node.spec.path) : StepOfPath(node.spec.path));
}

bool IsMeasured(const Node& node, bool is_protocol) {
  return !is_protocol || node.spec.path.starts_with(kProtocolScope);
}

// What the batch of a run is, as lutra-sim plans it.
StatusOr<MemoryPlan> Plan(const PointSpec& spec, const IntegerModelShape& shape, int64_t examples) {
  const Registry registry = Registry::WithBuiltins();
  LUTRA_ASSIGN_OR_RETURN(const BertProgramOptions options, ProgramOptionsOf(spec));
  MemoryRequest request;
  request.program_of = [&](int64_t batch) {
    BertProgramOptions batched = options;
    batched.batch = batch;
    return BuildBertShape(registry, shape, batched);
  };
  request.examples = examples;
  if (spec.settings.contains("batch")) request.batch = options.batch;
  request.limit = MemoryLimit(spec);
  request.check = Checks(spec);
  return PlanMemory(request);
}

// As many examples as are asked for, or a batch: where no input says how many there are.
int64_t AskedExamples(const PointSpec& spec) {
  return IntegerOf(spec.settings, "examples", IntegerOf(spec.settings, "batch", 1));
}

// Of an input that may have fewer.
StatusOr<int64_t> CountOf(const PointSpec& spec, int64_t there) {
  const int64_t wanted = IntegerOf(spec.settings, "examples", there);
  if (wanted <= there) return wanted;
  return InvalidArgument("examples: expected at most the ", there, " that the input has, found ",
                         wanted);
}

StatusOr<std::string> FileDigest(const fs::path& path) {
  LUTRA_ASSIGN_OR_RETURN(const auto bytes, ReadFile(path, kMostFileBytes));
  return Sha256(bytes).Hex();
}

// A protocol's program. Private tables need no contents to be priced; public ones are part of it.
StatusOr<BuiltProgram> BuildProtocol(const Registry& registry, const PointSpec& spec) {
  const std::string protocol = TextOf(spec.settings, "protocol", "");
  LUTRA_ASSIGN_OR_RETURN(const auto sizes, ProtocolSizes(protocol));
  const ProtocolParameters parameters = ParametersOf(spec, sizes);
  return BuildProtocolProgram(registry, protocol, parameters,
                              /*table_contents=*/!parameters.private_tables);
}

// An error for a form that a protocol does not have: with another the program is the same.
Status CheckEffects(const Registry& registry, const PointSpec& spec, const Program& program) {
  static constexpr std::array<std::array<std::string_view, 3>, 4> kForms = {
      {{"linear", "masked", "replicated"},
       {"lookup", "reshare", "direct"},
       {"sharing", "additive", "replicated"},
       {"tables", "private", "public"}}};
  for (const auto& [name, one, other] : kForms) {
    if (!spec.settings.contains(name)) continue;
    PointSpec changed = spec;
    const bool is_one = TextOf(spec.settings, name, "") == one;
    changed.settings.insert_or_assign(std::string(name), std::string(is_one ? other : one));
    const StatusOr<BuiltProgram> built = BuildProtocol(registry, changed);
    if (!built.ok() || built->program.digest() != program.digest()) continue;
    return InvalidArgument(name, ": expected a setting that has an effect on the protocol ",
                           TextOf(spec.settings, "protocol", ""), " here, found one that has none");
  }
  return absl::OkStatus();
}

// The error of a shape, told by the setting that brought the key, or as the model's.
Status ShapeError(const Status& error, const std::string& shape, const Settings& settings) {
  std::string why = OneLine(error);
  const std::string_view name_ends = "': ";
  const size_t end = why.find(name_ends);
  if (end != why.npos) why.erase(0, end + name_ends.size());
  for (const std::string_view key : kShapeKeys) {
    if (settings.contains(key) && why.starts_with(StrCat(key, ": "))) return InvalidArgument(why);
  }
  return InvalidArgument("model: '", shape, "': ", why);
}

}  // namespace

StatusOr<std::string> InputsDigest(const PointSpec& spec) {
  std::vector<fs::path> files;
  const auto add_if_there = [&](const fs::path& path) {
    std::error_code error;
    if (fs::exists(path, error)) files.push_back(path);
  };
  if (!spec.is_protocol() && !IsSyntheticName(spec.model)) {
    const Companions companions = CompanionsOf(spec.model);
    files.emplace_back(spec.model);
    add_if_there(companions.vocabulary);
    add_if_there(companions.pieces);
    if (spec.input.empty()) add_if_there(companions.texts);
  }
  if (!spec.input.empty()) files.emplace_back(spec.input);
  std::string digest;
  for (const fs::path& file : files) {
    LUTRA_ASSIGN_OR_RETURN(const std::string one, FileDigest(file));
    digest += one;
  }
  return digest;
}

StatusOr<PointSpec> MakePointSpec(const Settings& settings, const fs::path& experiment) {
  PointSpec spec;
  spec.settings = settings;
  std::string shape = TextOf(settings, "model", "");
  if (IsSyntheticName(shape)) {
    for (const std::string_view key : kShapeKeys) {
      if (!settings.contains(key)) continue;
      shape +=
          StrCat(shape.find(':') == shape.npos ? ":" : ",", key, "=", TextOf(settings, key, ""));
    }
    if (const StatusOr<SyntheticShape> parsed = ParseSyntheticShape(shape); !parsed.ok()) {
      return ShapeError(parsed.status(), shape, settings);
    }
    spec.model = shape;
  } else if (!shape.empty()) {
    const std::optional<fs::path> path = FindFile(experiment, shape);
    if (!path.has_value()) return InvalidArgument("model: '", shape, "' is not there");
    spec.model = path->string();
  }
  const std::string input = TextOf(settings, "input", "");
  if (!input.empty()) {
    const std::optional<fs::path> path = FindFile(experiment, input);
    if (!path.has_value()) return InvalidArgument("input: '", input, "' is not there");
    spec.input = path->string();
  }
  LUTRA_RETURN_IF_ERROR(CheckKind(spec));
  LUTRA_RETURN_IF_ERROR(CheckMeasure(spec));
  return spec;
}

// ---------------------------------------------------------------------------------------- prices

StatusOr<PointPricer::Model> PointPricer::ModelOf(const PointSpec& spec) {
  if (IsSyntheticName(spec.model) && spec.input.empty()) {
    LUTRA_ASSIGN_OR_RETURN(const SyntheticShape shape, ParseSyntheticShape(spec.model));
    return Model{ModelShapeOf(shape), std::nullopt, ""};
  }
  const std::string key = StrCat(spec.model, "\n", spec.input, "\n", spec.runs() ? 1 : 0, "\n",
                                 TextOf(spec.settings, "residual_bits", ""), "\n",
                                 TextOf(spec.settings, "extra_bits", ""));
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto known = models_.find(key);
    if (known != models_.end()) return known->second;
  }
  Model model;
  std::optional<fs::path> input;
  if (!spec.input.empty()) input = spec.input;
  if (IsSyntheticName(spec.model)) {
    LUTRA_ASSIGN_OR_RETURN(const SyntheticShape shape, ParseSyntheticShape(spec.model));
    model.shape = ModelShapeOf(shape);
    const TokenizerSource no_tokenizer = [&]() -> StatusOr<Tokenizer> {
      return InvalidArgument(spec.input, ": expected a safetensors file of cases, found text");
    };
    LUTRA_ASSIGN_OR_RETURN(const Examples examples,
                           ReadExamples(spec.input, model.shape, no_tokenizer));
    model.examples = examples.count();
  } else {
    LUTRA_ASSIGN_OR_RETURN(const IntegerModel loaded, LoadIntegerModel(spec.model));
    LUTRA_ASSIGN_OR_RETURN(const IntegerModel changed,
                           Requantize(loaded, BitsOf(spec, loaded.shape())));
    model.shape = changed.shape();
    // The price of a model alone needs no texts.
    std::error_code error;
    if (spec.runs() || input.has_value() || fs::exists(CompanionsOf(spec.model).texts, error)) {
      LUTRA_ASSIGN_OR_RETURN(const Examples examples, LoadExamples(spec.model, model.shape, input));
      model.examples = examples.count();
    }
  }
  LUTRA_ASSIGN_OR_RETURN(model.digest, InputsDigest(spec));
  const std::lock_guard<std::mutex> lock(mutex_);
  models_.insert_or_assign(key, model);
  return model;
}

StatusOr<PointPrice> PointPricer::Price(const PointSpec& spec, bool fits) {
  if (fits) LUTRA_RETURN_IF_ERROR(CheckSimd(spec));
  return spec.is_protocol() ? PriceProtocol(spec, fits) : PriceModel(spec, fits);
}

StatusOr<PointPrice> PointPricer::PriceModel(const PointSpec& spec, bool fits) {
  LUTRA_ASSIGN_OR_RETURN(const Model model, ModelOf(spec));
  LUTRA_ASSIGN_OR_RETURN(BertProgramOptions options, ProgramOptionsOf(spec));
  PointPrice price;
  price.inputs = model.digest;
  int64_t examples = AskedExamples(spec);
  if (model.examples.has_value()) {
    LUTRA_ASSIGN_OR_RETURN(examples, CountOf(spec, *model.examples));
  }
  const bool has_to_fit = fits && spec.runs();
  price.batch = spec.settings.contains("batch") ? std::min(options.batch, examples) : 1;
  // Where a batch is given, and only the closed form is wanted, any machine will do.
  if (has_to_fit || (!spec.settings.contains("batch") && examples > 1)) {
    const StatusOr<MemoryPlan> plan = Plan(spec, model.shape, examples);
    if (plan.ok()) {
      price.batch = plan->batch;
      if (spec.runs()) price.memory = plan->estimate;
    } else if (plan.status().code() != absl::StatusCode::kUnavailable) {
      return plan.status();
    } else if (has_to_fit) {
      return Annotate(plan.status(), spec.settings.contains("memory_limit") ? "memory_limit"
                                     : spec.settings.contains("batch")      ? "batch"
                                                                            : "model");
    }
  }
  price.sessions = (examples + price.batch - 1) / price.batch;
  options.batch = price.batch;
  const Registry registry = Registry::WithBuiltins();
  LUTRA_ASSIGN_OR_RETURN(const Program program, BuildBertShape(registry, model.shape, options));
  PriceProgram(program, spec, price);
  return price;
}

StatusOr<PointPrice> PointPricer::PriceProtocol(const PointSpec& spec, bool fits) {
  const Registry registry = Registry::WithBuiltins();
  LUTRA_ASSIGN_OR_RETURN(const BuiltProgram built, BuildProtocol(registry, spec));
  LUTRA_RETURN_IF_ERROR(CheckEffects(registry, spec, built.program));
  PointPrice price;
  price.batch = 1;
  if (spec.runs()) {
    price.memory =
        EstimateMemory(built.program, SimulationOptions().tape_window_bytes, Checks(spec)).total();
    const int64_t machine = ThisMachine().memory_bytes;
    if (fits && machine > 0 && price.memory > machine) {
      return Unavailable("protocol: expected a point that takes at most the ", machine,
                         " bytes that this machine has, found ", price.memory);
    }
  }
  PriceProgram(built.program, spec, price);
  return price;
}

void PointPricer::PriceProgram(const Program& program, const PointSpec& spec,
                               PointPrice& price) const {
  const ProgramCost cost(program);
  price.program = program.digest().Hex();
  std::set<int> levels;
  for (const Node& node : program.nodes()) {
    if (!IsMeasured(node, spec.is_protocol())) continue;
    const GroupCost one = cost.OfNode(node.id);
    ++price.nodes;
    price.lookups += one.lookups * price.sessions;
    for (const Phase phase : kPhases) {
      const auto index = Index(phase);
      price.bytes[index] += one.bytes[index] * (phase == Phase::kModel ? 1 : price.sessions);
    }
    levels.insert(one.online_levels.begin(), one.online_levels.end());
  }
  price.rounds = static_cast<int>(levels.size());
  for (const std::string& by : breakdown_) {
    std::vector<GroupCost> groups = by == "protocol" ? cost.ByProtocol()
                                    : by == "layer"  ? cost.ByLayer()
                                                     : cost.ByStep();
    for (GroupCost& group : groups) price.breakdown.push_back({by, std::move(group)});
  }
  if (!spec.runs() || !peaks_.has_value()) return;
  const double threads = std::min(Threads(spec), ThisMachine().cores);
  double least = 0;
  for (const Node& node : program.nodes()) {
    for (const Phase phase : kPhases) {
      double seconds = 0;
      for (const Role role : kRoles) {
        const LeastWork work = LeastWorkOf(node, phase, role);
        double bound = static_cast<double>(work.cipher) / peaks_->cipher;
        bound =
            std::max(bound, static_cast<double>(work.memory + 2 * work.messages) / peaks_->memory);
        for (size_t lane = 0; lane < work.products.size(); ++lane) {
          bound =
              std::max(bound, static_cast<double>(work.products[lane]) / peaks_->products[lane]);
        }
        seconds += bound;
      }
      least += seconds * static_cast<double>(phase == Phase::kModel ? 1 : price.sessions);
    }
  }
  price.seconds = kTimesLeast * least / threads * (Checks(spec) ? kTimesChecked : 1) +
                  (spec.measure() == "processes" ? kStartProcessesSeconds : kStartSeconds);
}

// ------------------------------------------------------------------------------------------ runs

namespace {

double Of(const PhaseSeconds& seconds, Phase phase) { return seconds[Index(phase)]; }

void PutSeconds(const PhaseSeconds& seconds, Json& results) {
  results["model_seconds"] = Of(seconds, Phase::kModel);
  results["deal_seconds"] = Of(seconds, Phase::kDeal);
  results["prepare_seconds"] = Of(seconds, Phase::kPrepare);
  results["offline_seconds"] = Of(seconds, Phase::kDeal) + Of(seconds, Phase::kPrepare);
  results["online_seconds"] = Of(seconds, Phase::kOnline);
}

// Of a protocol alone, as its bytes: the work on its nodes, of all roles, which take turns.
PhaseSeconds ProtocolSeconds(const Program& program, const Ledger& ledger) {
  PhaseSeconds sum{};
  for (const auto& [work, seconds] : ledger.seconds()) {
    if (!IsMeasured(program.nodes()[work.node], /*is_protocol=*/true)) continue;
    sum[static_cast<size_t>(work.phase)] += seconds;
  }
  return sum;
}

Json WorkOf(const Program& program, const Ledger& ledger,
            const std::vector<std::string>& breakdown) {
  Json json = Json::object();
  for (const std::string& by : breakdown) {
    Json& groups = json[by] = Json::object();
    for (const auto& [work, seconds] : ledger.seconds()) {
      const std::string name = NameOfGroup(by, program.nodes()[work.node]);
      Json& group = groups[name];
      for (const Phase phase : kPhases) {
        const std::string key(Name(phase));
        if (!group.contains(key)) group[key] = 0.0;
      }
      Json& sum = group[std::string(Name(work.phase))];
      sum = sum.get<double>() + seconds;
    }
  }
  return json;
}

ModelRunOptions RunOptionsOf(const PointSpec& spec, std::optional<uint64_t> seed,
                             const BertProgramOptions& program) {
  ModelRunOptions options;
  options.model = spec.model;
  if (!spec.input.empty()) options.input = spec.input;
  options.seed = seed;
  if (spec.settings.contains("batch")) options.batch = program.batch;
  options.memory_limit = MemoryLimit(spec);
  options.threads = Threads(spec);
  options.check = Checks(spec);
  options.program = program;
  if (spec.settings.contains("residual_bits")) {
    options.residual_bits = static_cast<int>(IntegerOf(spec.settings, "residual_bits", 0));
  }
  if (spec.settings.contains("extra_bits")) {
    options.extra_bits = static_cast<int>(IntegerOf(spec.settings, "extra_bits", 0));
  }
  return options;
}

// The job of lutra-sim, with as many examples as the point has.
StatusOr<ModelJob> LoadJob(const PointSpec& spec, const ModelRunOptions& options) {
  LUTRA_ASSIGN_OR_RETURN(ModelJob job, LoadModelJob(options));
  if (!spec.settings.contains("examples")) return job;
  if (IsSyntheticName(spec.model) && spec.input.empty()) {
    LUTRA_ASSIGN_OR_RETURN(const SyntheticShape shape, ParseSyntheticShape(spec.model));
    job.examples = RandomExamples(job.model.shape(), AskedExamples(spec), shape.seed);
  } else {
    LUTRA_ASSIGN_OR_RETURN(const int64_t count, CountOf(spec, job.examples.count()));
    job.examples = job.examples.Slice(0, count);
  }
  LUTRA_ASSIGN_OR_RETURN(job.plan, Plan(spec, job.model.shape(), job.examples.count()));
  return job;
}

// Counted bytes are those of the closed form, or something is wrong.
Status CheckBytes(const Program& program, const Ledger& ledger, int64_t sessions) {
  const ProgramCost cost(program);
  PhaseBytes expected{};
  for (const PhaseCost& phase : cost.phases()) {
    expected[static_cast<size_t>(phase.phase)] =
        phase.bytes * (phase.phase == Phase::kModel ? 1 : sessions);
  }
  const PhaseBytes counted = BytesIn(ledger);
  for (const Phase phase : kPhases) {
    const auto index = Index(phase);
    if (counted[index] == expected[index]) continue;
    return absl::InternalError(StrCat("bytes of ", Name(phase), ": expected ", expected[index],
                                      " by the closed form, found ", counted[index], " counted"));
  }
  return absl::OkStatus();
}

void PutSummary(const ModelRunResult& result, Json& results) {
  const RunSummary& summary = result.summary;
  PhaseSeconds seconds{};
  int64_t framing = 0;
  for (const SessionSummary& session : summary.sessions) {
    for (size_t i = 0; i < kPhases.size(); ++i) seconds[i] += session.seconds[i];
    framing += session.framing_bytes;
  }
  PutSeconds(seconds, results);
  results["framing_bytes"] = framing;
  results["peak_memory_bytes"] = summary.peak_memory_bytes.value_or(PeakMemoryBytes());
  if (summary.memory.estimate.has_value()) {
    results["estimated_memory_bytes"] = *summary.memory.estimate;
  }
  if (summary.agrees_with_ideal.has_value()) results["agrees"] = *summary.agrees_with_ideal;
  if (!result.clear.empty()) {
    int64_t same = 0;
    for (size_t i = 0; i < result.secure.size(); ++i) {
      same += result.secure[i] == result.clear[i] ? 1 : 0;
    }
    results["agreement"] = static_cast<double>(same) / static_cast<double>(result.secure.size());
  }
  if (summary.accuracy.has_value()) results["accuracy"] = *summary.accuracy;
  if (summary.accuracy_ideal.has_value()) results["accuracy_ideal"] = *summary.accuracy_ideal;
}

StatusOr<PointRun> RunModelPoint(const PointSpec& spec, std::optional<uint64_t> seed,
                                 const std::vector<std::string>& breakdown,
                                 const fs::path& programs) {
  LUTRA_ASSIGN_OR_RETURN(const BertProgramOptions program, ProgramOptionsOf(spec));
  const ModelRunOptions options = RunOptionsOf(spec, seed, program);
  LUTRA_ASSIGN_OR_RETURN(const ModelJob job, LoadJob(spec, options));
  const EngineMaker launch = [&](const EngineParts& parts) {
    LocalClusterOptions cluster;
    cluster.programs = programs;
    cluster.threads = options.threads;
    cluster.stream = TextOf(spec.settings, "tapes", "stream") == "stream";
    cluster.insecure_plaintext = TextOf(spec.settings, "transport", "curve") == "plain";
    cluster.insecure_seed = seed;
    return MakeProcessEngine(parts, cluster);
  };
  LUTRA_ASSIGN_OR_RETURN(ModelRunResult result, spec.measure() == "simulation"
                                                    ? RunModel(job, options)
                                                    : RunModel(job, options, launch));
  LUTRA_RETURN_IF_ERROR(CheckBytes(result.built->program, result.ledger,
                                   static_cast<int64_t>(result.summary.sessions.size())));
  PointRun run;
  run.results = Json::object();
  PutSummary(result, run.results);
  run.work = WorkOf(result.built->program, result.ledger, breakdown);
  run.program = result.built->program.digest().Hex();
  run.trace = std::move(result.trace);
  return run;
}

StatusOr<PointRun> RunProtocolPoint(const PointSpec& spec, std::optional<uint64_t> seed,
                                    const std::vector<std::string>& breakdown) {
  const Registry registry = Registry::WithBuiltins();
  const std::string protocol = TextOf(spec.settings, "protocol", "");
  LUTRA_ASSIGN_OR_RETURN(const auto sizes, ProtocolSizes(protocol));
  LUTRA_ASSIGN_OR_RETURN(const BuiltProgram built,
                         BuildProtocolProgram(registry, protocol, ParametersOf(spec, sizes)));
  const ProgramInputs inputs = RandomProgramInputs(built.program, seed.value_or(1));
  ThreadPool pool(Threads(spec));
  Ledger ledger;
  TraceRecorder recorder;
  Listeners listeners{&ledger, &recorder};
  SimulationOptions options;
  options.seed = seed;
  options.check = Checks(spec);
  options.listener = &listeners;
  LUTRA_ASSIGN_OR_RETURN(const auto simulation, Simulation::Make(built, pool, std::move(options)));
  LUTRA_ASSIGN_OR_RETURN(const SessionResult model, simulation->ShareModel(inputs.model));
  LUTRA_ASSIGN_OR_RETURN(const SessionResult session, simulation->Run(inputs.data));
  LUTRA_RETURN_IF_ERROR(CheckBytes(built.program, ledger, 1));
  PointRun run;
  run.results = Json::object();
  PutSeconds(ProtocolSeconds(built.program, ledger), run.results);
  run.results["peak_memory_bytes"] = PeakMemoryBytes();
  run.results["estimated_memory_bytes"] =
      EstimateMemory(built.program, SimulationOptions().tape_window_bytes, Checks(spec)).total();
  if (Checks(spec)) run.results["agrees"] = model.agrees && session.agrees;
  run.work = WorkOf(built.program, ledger, breakdown);
  run.program = built.program.digest().Hex();
  run.trace = std::move(recorder.trace());
  return run;
}

}  // namespace

StatusOr<PointRun> RunPoint(const PointSpec& spec, std::optional<uint64_t> seed,
                            const std::vector<std::string>& breakdown, const fs::path& programs) {
  if (spec.settings.contains("simd")) {
    LUTRA_RETURN_IF_ERROR(CheckSimd(spec));
    LUTRA_RETURN_IF_ERROR(UseSimdTarget(TextOf(spec.settings, "simd", "")));
  }
  const auto start = std::chrono::steady_clock::now();
  StatusOr<PointRun> run = spec.is_protocol() ? RunProtocolPoint(spec, seed, breakdown)
                                              : RunModelPoint(spec, seed, breakdown, programs);
  if (!run.ok()) return run.status();
  const std::chrono::duration<double> whole = std::chrono::steady_clock::now() - start;
  run->results["whole_seconds"] = whole.count();
  return run;
}

}  // namespace lutra
