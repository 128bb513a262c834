// One point of an experiment: what it costs by the closed form, and running it.
#ifndef LUTRA_EXPERIMENTS_LAB_POINT_H_
#define LUTRA_EXPERIMENTS_LAB_POINT_H_

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "analysis/cost.h"
#include "analysis/profile.h"
#include "analysis/run_directory.h"
#include "core/status.h"
#include "experiments/lab/setting.h"
#include "models/inputs.h"
#include "models/integer_model.h"
#include "mpc/trace.h"
#include "sim/model_run.h"

namespace lutra {

// What a point is, with files found.
struct PointSpec {
  Settings settings;
  std::string model;  // a path or a shape with its keys; empty for a protocol
  std::string input;  // a path, or empty

  bool is_protocol() const { return model.empty(); }
  std::string measure() const { return TextOf(settings, "measure", "cost"); }
  bool runs() const { return Runs(settings); }
};

// Finds files from the place of the experiment, and puts shape keys to their shape. An error says
// which settings do not go together; it begins with the name of one ("sequence: ").
StatusOr<PointSpec> MakePointSpec(const Settings& settings,
                                  const std::filesystem::path& experiment);

// SHA-256 of each file that a point reads: model, vocabulary, texts, input. Empty without any.
StatusOr<std::string> InputsDigest(const PointSpec& spec);

// A group of nodes of one session: a layer, a step, a protocol.
struct BreakdownRow {
  std::string by;  // "layer"
  GroupCost cost;
};

// The closed form of a point, and what it is expected to take.
struct PointPrice {
  std::string program;  // digest
  int64_t sessions = 1;
  int64_t batch = 1;
  int64_t nodes = 0;
  int64_t lookups = 0;  // of all sessions, as the bytes
  PhaseBytes bytes{};
  int rounds = 0;  // of one session, online
  std::vector<BreakdownRow> breakdown;
  int64_t memory = 0;  // bytes; 0 where nothing runs
  double seconds = 0;  // estimated; 0 where nothing runs
  std::string inputs;  // digest of the files that it depends on
};

// Prices points; remembers the models that it has read. Safe to use from several threads.
class PointPricer {
 public:
  // `breakdown`: "layer", "protocol", "step". Peaks estimate times; without them there is none.
  PointPricer(std::vector<std::string> breakdown, std::optional<Peaks> peaks)
      : breakdown_(std::move(breakdown)), peaks_(peaks) {}

  // With `fits` a point that this machine cannot hold, or whose instructions it lacks, is an error.
  // Errors begin with the name of a setting where one is the cause.
  StatusOr<PointPrice> Price(const PointSpec& spec, bool fits);

 private:
  // What is needed of a model.
  struct Model {
    IntegerModelShape shape;
    std::optional<int64_t> examples;  // of its input; none: as many as are asked for
    std::string digest;
  };
  StatusOr<Model> ModelOf(const PointSpec& spec);
  StatusOr<PointPrice> PriceModel(const PointSpec& spec, bool fits);
  StatusOr<PointPrice> PriceProtocol(const PointSpec& spec, bool fits);
  void PriceProgram(const Program& program, const PointSpec& spec, PointPrice& price) const;

  const std::vector<std::string> breakdown_;
  const std::optional<Peaks> peaks_;
  std::mutex mutex_;
  std::map<std::string, Model> models_;  // by path and input
};

// What a run told, beside what the closed form says.
struct PointRun {
  nlohmann::ordered_json results;  // by name of the column; what does not apply is left out
  // Seconds of local work, summed over roles: by breakdown, group and phase.
  nlohmann::ordered_json work;
  std::string program;  // digest
  Trace trace;
};

// Runs a point in this process: lutra-sim's or lutra-launch's job, or a protocol in the simulation.
// `programs` is the folder of lutra-dealer and lutra-party. Bytes that are not those of the closed
// form are an error; that secure and clear disagree is a result.
StatusOr<PointRun> RunPoint(const PointSpec& spec, std::optional<uint64_t> seed,
                            const std::vector<std::string>& breakdown,
                            const std::filesystem::path& programs);

}  // namespace lutra

#endif  // LUTRA_EXPERIMENTS_LAB_POINT_H_
