#include "sim/memory_plan.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "models/bert_program.h"
#include "models/synthetic.h"
#include "mpc/tape.h"
#include "sim/model_run.h"

namespace lutra {
namespace {

constexpr int64_t kMebibyte = int64_t{1} << 20;
constexpr int64_t kGibibyte = int64_t{1} << 30;

// A request for a synthetic shape.
class Request {
 public:
  explicit Request(const std::string& model, int64_t examples = 1)
      : shape_(ModelShapeOf(*ParseSyntheticShape(model))) {
    request.examples = examples;
    request.program_of = [this](int64_t batch) { return ProgramOf(batch); };
  }
  StatusOr<Program> ProgramOf(int64_t batch) const {
    BertProgramOptions options;
    options.batch = batch;
    return BuildBertShape(registry_, shape_, options);
  }
  MemoryPlan Plan() const {
    const StatusOr<MemoryPlan> plan = PlanMemory(request);
    INFO(OneLine(plan.status()));
    REQUIRE(plan.ok());
    return *plan;
  }

  MemoryRequest request;

 private:
  Registry registry_ = Registry::WithBuiltins();
  IntegerModelShape shape_;
};

TEST_CASE("The default batch keeps a session within its bounds", "[sim][memory]") {
  struct Case {
    const char* model;
    int64_t examples;
  };
  for (const Case& one : std::vector<Case>{{"bert-tiny", 1},
                                           {"bert-tiny", 1000},
                                           {"bert-tiny:sequence=32", 200},
                                           {"synthetic:hidden=16,sequence=3", 100000},
                                           {"bert-tiny:hidden=256,sequence=512,layers=4", 7}}) {
    INFO(one.model << ", " << one.examples << " examples");
    const Request request(one.model, one.examples);
    const MemoryPlan plan = request.Plan();
    CHECK(plan.batch >= 1);
    CHECK(plan.batch <= one.examples);
    const StatusOr<Program> program = request.ProgramOf(plan.batch);
    REQUIRE(program.ok());
    CHECK(plan.estimate ==
          EstimateMemory(*program, plan.tape_window_bytes, /*check=*/true).total());
    if (plan.batch > 1) {
      CHECK(TapeLayout(*program).bytes() <= kGibibyte);
      CHECK(plan.estimate <= 4 * kGibibyte);
    }
    // Spread evenly: no fewer sessions with one example less in each.
    const int64_t sessions = (one.examples + plan.batch - 1) / plan.batch;
    CHECK((plan.batch == 1 || (one.examples + plan.batch - 2) / (plan.batch - 1) > sessions));
  }
}

TEST_CASE("A batch that is asked for is taken, as far as there are examples", "[sim][memory]") {
  Request request("bert-tiny:sequence=8", 200);
  request.request.batch = 50;
  CHECK(request.Plan().batch == 50);
  request.request.examples = 20;
  CHECK(request.Plan().batch == 20);
}

TEST_CASE("A limit makes the tape's window smaller, down to one level, and then refuses",
          "[sim][memory]") {
  Request request("bert-base:sequence=64");
  const StatusOr<Program> program = request.ProgramOf(1);
  REQUIRE(program.ok());
  const MemoryPlan usual = request.Plan();
  const int64_t least = EstimateMemory(*program, 0, /*check=*/true).total();
  REQUIRE(least < usual.estimate - 100 * kMebibyte);
  for (const int64_t limit :
       {usual.estimate, usual.estimate - 1, (usual.estimate + least) / 2, least + 1, least}) {
    request.request.limit = limit;
    const MemoryPlan plan = request.Plan();
    INFO("limit " << limit << ", estimate " << plan.estimate);
    CHECK(plan.estimate <= limit);
    CHECK((plan.estimate == usual.estimate) == (limit == usual.estimate));
    for (const TapeLayout::Window& window : TapeLayout::Windows(*program, plan.tape_window_bytes)) {
      CHECK(window.bytes <= limit);
    }
  }
  request.request.limit = least - 1;
  const StatusOr<MemoryPlan> refused = PlanMemory(request.request);
  REQUIRE_FALSE(refused.ok());
  const std::string message = OneLine(refused.status());
  INFO(message);
  CHECK(message.starts_with("memory: a session of 1 example takes about "));
  CHECK(message.find("--memory-limit allows ") != std::string::npos);
  CHECK(message.ends_with("no batch of this model fits"));
}

TEST_CASE("A limit beyond the machine's memory allows no more than that", "[sim][memory]") {
  Request request("bert-base", 2048);
  request.request.batch = 2048;
  request.request.limit = int64_t{1} << 60;
  const StatusOr<MemoryPlan> refused = PlanMemory(request.request);
  REQUIRE_FALSE(refused.ok());
  CHECK(OneLine(refused.status()).find("this machine has") != std::string::npos);
}

TEST_CASE("A batch too many names one that fits", "[sim][memory]") {
  Request request("bert-base", 2048);
  request.request.batch = 2048;
  request.request.limit = 6 * kGibibyte;
  const StatusOr<MemoryPlan> refused = PlanMemory(request.request);
  REQUIRE_FALSE(refused.ok());
  const std::string message = OneLine(refused.status());
  INFO(message);
  const size_t hint = message.find("--batch ");
  REQUIRE(hint != std::string::npos);
  request.request.batch = std::stoll(message.substr(hint + 8));
  CHECK(PlanMemory(request.request).ok());
  ++*request.request.batch;
  CHECK_FALSE(PlanMemory(request.request).ok());
}

TEST_CASE("A shape that does not fit is told the sequence that would", "[sim][memory]") {
  ModelRunOptions options;
  options.model = "bert-base:sequence=512";
  options.memory_limit = 3 * kGibibyte;
  const StatusOr<ModelJob> refused = LoadModelJob(options);
  REQUIRE_FALSE(refused.ok());
  const std::string message = OneLine(refused.status());
  INFO(message);
  CHECK(message.starts_with("bert-base:sequence=512: memory: a session of 1 example takes"));
  const size_t hint = message.find("; sequence=");
  REQUIRE(hint != std::string::npos);
  const int64_t fits = std::stoll(message.substr(hint + 11));
  const auto plan = [&](int64_t sequence) {
    Request request("bert-base:sequence=" + std::to_string(sequence));
    request.request.limit = options.memory_limit;
    return PlanMemory(request.request).ok();
  };
  CHECK(plan(fits));
  CHECK_FALSE(plan(2 * fits));
}

}  // namespace
}  // namespace lutra
