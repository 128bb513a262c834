// The main job: secure inference of a model on examples, session by session, with everything that a
// run directory tells about it.
#ifndef LUTRA_SIM_MODEL_RUN_H_
#define LUTRA_SIM_MODEL_RUN_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "analysis/run_directory.h"
#include "core/status.h"
#include "models/bert_program.h"
#include "models/inputs.h"
#include "models/integer_model.h"
#include "mpc/builder.h"
#include "mpc/ledger.h"
#include "mpc/protocol.h"
#include "mpc/trace.h"
#include "sim/memory_plan.h"
#include "sim/progress.h"
#include "sim/simulation.h"

namespace lutra {

struct ModelRunOptions {
  std::string model;  // a model file, or the name of a synthetic shape
  std::optional<std::filesystem::path> input;
  // Of a model file: other bits than it has, by requantization (models/requantize.h). Logits that
  // the input expects are those of the file, and are then not compared.
  std::optional<int> residual_bits;
  std::optional<int> extra_bits;
  std::optional<uint64_t> seed;
  std::optional<int64_t> batch;         // examples of one session
  std::optional<int64_t> memory_limit;  // in bytes
  int threads = 1;
  bool check = true;
  bool profile = false;        // measure the machine's peaks, and compare
  BertProgramOptions program;  // its batch is set by the run
  Progress::Style progress = Progress::Style::kNone;
  std::vector<std::string> command;  // argv, for the run directory
};

// A model with the examples that it is to be run on, and how memory is to be used.
struct ModelJob {
  IntegerModel model;
  Examples examples;
  MemoryPlan plan;
};

// Without an input: the texts beside the model file, or random examples for a synthetic shape. What
// this machine cannot hold is refused (see PlanMemory) before a synthetic model is made.
StatusOr<ModelJob> LoadModelJob(const ModelRunOptions& options);

struct ModelRunResult {
  RunSummary summary;
  std::vector<int> secure;                    // predictions
  std::vector<int> clear;                     // of the exact twin; empty if it was not run
  std::string disagreement;                   // the first node that disagrees, or what else does
  Status unpredicted;                         // why the replay of the trace failed, if it did
  std::unique_ptr<const Registry> registry;   // of the program
  std::unique_ptr<const BuiltProgram> built;  // what was run
  Ledger ledger;
  Trace trace;
};

// What plays the roles: a simulation, or processes.
class ModelEngine {
 public:
  virtual ~ModelEngine() = default;
  virtual StatusOr<SessionResult> ShareModel(const NamedTensors& model) = 0;
  virtual StatusOr<SessionResult> Run(const NamedTensors& data) = 0;
  // After the last session: completes ledger, trace and summary where they are known only then.
  virtual Status Finish(ModelRunResult& result) = 0;
};
struct EngineParts {
  const BuiltProgram& built;
  ThreadPool& pool;
  Listener& listener;
  int64_t sessions;
  std::function<void(int level)> on_level;  // to be called in every online level
};
using EngineMaker = std::function<StatusOr<std::unique_ptr<ModelEngine>>(EngineParts parts)>;

// Runs all examples, in a simulation or by another engine. A disagreement is a result, not an
// error.
StatusOr<ModelRunResult> RunModel(const ModelJob& job, const ModelRunOptions& options);
StatusOr<ModelRunResult> RunModel(const ModelJob& job, const ModelRunOptions& options,
                                  const EngineMaker& make_engine);

}  // namespace lutra

#endif  // LUTRA_SIM_MODEL_RUN_H_
