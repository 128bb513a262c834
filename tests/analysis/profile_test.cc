#include "analysis/profile.h"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "analysis/cost_table.h"
#include "models/bert_program.h"
#include "models/synthetic.h"
#include "tests/analysis/programs.h"

namespace lutra {
namespace {

// Peaks that make every kind of work take as many seconds as it has units.
constexpr Peaks kUnits = {{1, 1, 1}, 1, 1};

const Node& NodeOf(const Program& program, std::string_view protocol) {
  for (const Node& node : program.nodes()) {
    if (node.spec.protocol == protocol) return node;
  }
  throw std::runtime_error("no such node");
}

int64_t ProductsOf(const Node& node, Phase phase, Role role) {
  const LeastWork work = LeastWorkOf(node, phase, role);
  CHECK(work.products[1] + work.products[2] == 0);  // 16 bits
  return work.products[0];
}

// z = x y^T; `given` has the registry, and so outlives the program.
BuiltProgram Product(Case& given, LinearForm form, bool with_model) {
  const Ring ring(16);
  const Value x = given.Random("x", Role::kDataOwner, ring, Shape{4, 6}, 1);
  const Role owner = with_model ? Role::kModelOwner : Role::kDataOwner;
  const Value y = given.Random("y", owner, ring, Shape{5, 6}, 2);
  Reveal(given.builder, "z", MatrixProduct(given.builder, x, y, form));
  return *std::move(given.builder).Build();
}

TEST_CASE("The products of a matrix product are counted where they are done", "[analysis]") {
  constexpr int64_t kOnce = 4 * 5 * 6;
  struct Form {
    LinearForm linear;
    bool with_model;
    int64_t p0_prepare, p1_prepare, p0_online, p1_online;
  };
  for (const Form& form : std::vector<Form>{
           {LinearForm::kMasked, true, kOnce, kOnce, 0, kOnce},
           {LinearForm::kMasked, false, kOnce, 0, 0, 2 * kOnce},
           {LinearForm::kReplicated, true, 0, 0, 2 * kOnce, 2 * kOnce},
       }) {
    Case given;
    const BuiltProgram built = Product(given, form.linear, form.with_model);
    const Node& node = NodeOf(built.program, "matrix_product");
    CHECK(ProductsOf(node, Phase::kPrepare, Role::kP0) == form.p0_prepare);
    CHECK(ProductsOf(node, Phase::kPrepare, Role::kP1) == form.p1_prepare);
    CHECK(ProductsOf(node, Phase::kPrepare, Role::kP2) == form.p1_prepare);
    CHECK(ProductsOf(node, Phase::kOnline, Role::kP0) == form.p0_online);
    CHECK(ProductsOf(node, Phase::kOnline, Role::kP1) == form.p1_online);
    CHECK(ProductsOf(node, Phase::kOnline, Role::kP2) == form.p1_online);
    CHECK(ProductsOf(node, Phase::kOnline, Role::kDataOwner) == 0);
  }
}

TEST_CASE("What a lookup takes from keys, tape and memory", "[analysis]") {
  Case given;
  const TableId table = AddSquares(given.builder, "square", 4, Ring(16));
  const Value x = given.Random("x", Role::kDataOwner, Ring(4), Shape{10}, 1);
  Reveal(given.builder, "y", Lookup(given.builder, {x}, table));
  const BuiltProgram built = *std::move(given.builder).Build();
  const Node& node = NodeOf(built.program, "lookup");

  // 10 elements of 16 rows of 2 bytes; 5 of them go to each of P1 and P2.
  const LeastWork deal = LeastWorkOf(node, Phase::kDeal, Role::kDealer);
  CHECK(deal.messages == 10 * 16 * 2);
  CHECK(deal.cipher == 2 * 10 * 1 + 10 * 16 * 2);
  CHECK(deal.products[0] == 0);

  const LeastWork online = LeastWorkOf(node, Phase::kOnline, Role::kP1);
  CHECK(online.cipher == 10 * 1 + 5 * 16);               // masks; a block for each drawn row
  CHECK(online.memory >= 5 * 32 + 10 * 2);               // rows of the tape, results
  CHECK(online.memory <= 5 * 32 + 10 * 2 + 2 * 10 * 1);  // operands, at most two components
  CHECK(LeastWorkOf(node, Phase::kDeal, Role::kP1).cipher == 0);
  CHECK(LeastWorkOf(node, Phase::kOnline, Role::kDealer).cipher == 0);
}

// A run of a small program, with what its ledger counted.
class Profiled {
 public:
  explicit Profiled(int sessions) : sessions_(sessions), built_(Build(given_)) {
    ThreadPool pool(1);
    SimulationOptions options;
    options.listener = &ledger;
    const auto simulation = Simulation::Make(built_, pool, options);
    REQUIRE(simulation.ok());
    REQUIRE((*simulation)->ShareModel(given_.model).ok());
    for (int i = 0; i < sessions; ++i) REQUIRE((*simulation)->Run(given_.data).ok());
  }
  std::vector<ProfileRow> Rows() const {
    return MakeProfile(built_.program, ledger, sessions_, kUnits);
  }

  Ledger ledger;

 private:
  static BuiltProgram Build(Case& given) {
    AddLayers(given, 2, LinearForm::kMasked, LookupForm::kReshare);
    return *std::move(given.builder).Build();
  }

  int64_t sessions_;
  Case given_;
  BuiltProgram built_;
};

TEST_CASE("A profile has all seconds and bytes of a run", "[analysis]") {
  for (const int sessions : {1, 3}) {
    const Profiled run(sessions);
    const std::vector<ProfileRow> rows = run.Rows();
    double seconds = 0;
    std::array<int64_t, kPhases.size()> sent{};
    for (const ProfileRow& row : rows) {
      seconds += row.seconds;
      sent[static_cast<size_t>(row.phase)] += row.work.messages;
      // With peaks of one, the least time is the largest amount.
      const double products = static_cast<double>(row.work.products[0]);
      const double largest = std::max({products, static_cast<double>(row.work.cipher),
                                       static_cast<double>(row.work.memory),
                                       2.0 * static_cast<double>(row.work.messages)});
      CHECK(row.least_seconds == largest);
      if (row.bound == Bound::kProducts) CHECK(products == largest);
    }
    double expected = 0;
    for (const auto& [work, spent] : run.ledger.seconds()) expected += spent;
    CHECK(seconds == Approx(expected));
    for (const Phase phase : kPhases) {
      CHECK(sent[static_cast<size_t>(phase)] == run.ledger.bytes(phase));
    }
  }
}

TEST_CASE("Work grows with the sessions, but for that on the model", "[analysis]") {
  const auto one = Profiled(1).Rows(), three = Profiled(3).Rows();
  REQUIRE(one.size() == three.size());
  for (const ProfileRow& row : one) {
    const auto same = std::find_if(three.begin(), three.end(), [&](const ProfileRow& other) {
      return other.phase == row.phase && other.operation == row.operation && other.role == row.role;
    });
    REQUIRE(same != three.end());
    const int64_t times = row.phase == Phase::kModel ? 1 : 3;
    CHECK(same->work.cipher == times * row.work.cipher);
    CHECK(same->work.memory == times * row.work.memory);
    CHECK(same->work.products[0] == times * row.work.products[0]);
  }
}

// Independent of the protocols' own counts: the shapes of BERT's layers.
TEST_CASE("The products of a transformer are those of its layers", "[analysis]") {
  constexpr int64_t kHidden = 64, kHeads = 2, kSequence = 8, kLayers = 3, kForward = 256;
  const auto shape =
      ParseSyntheticShape("synthetic:hidden=64,heads=2,layers=3,sequence=8,vocabulary=9");
  REQUIRE(shape.ok());
  const Registry registry = Registry::WithBuiltins();
  const auto program = BuildBertShape(registry, ModelShapeOf(*shape), {});
  REQUIRE(program.ok());
  int64_t in_layers = 0;
  for (const Node& node : program->nodes()) {
    if (node.spec.protocol != "matrix_product" || !node.spec.path.starts_with("layers.")) continue;
    in_layers += node.protocol->Multiplications(node, Role::kP0, Phase::kPrepare);
  }
  const int64_t linear = kSequence * kHidden * (4 * kHidden + 2 * kForward);
  const int64_t attention = 2 * kHeads * kSequence * kSequence * (kHidden / kHeads);
  CHECK(in_layers == kLayers * (linear + attention));
}

TEST_CASE("A profile's table and file say what its rows say", "[analysis]") {
  const auto rows = Profiled(1).Rows();
  std::istringstream csv(ProfileCsv(rows));
  std::string line;
  REQUIRE(std::getline(csv, line));
  const auto commas = std::count(line.begin(), line.end(), ',');
  size_t lines = 0;
  for (; std::getline(csv, line); ++lines) {
    CHECK(std::count(line.begin(), line.end(), ',') == commas);
    CHECK(line.starts_with(StrCat(Name(rows[lines].phase), ",", rows[lines].operation, ",")));
  }
  CHECK(lines == rows.size());
  std::istringstream table(ProfileTable(rows, kUnits));
  while (std::getline(table, line)) CHECK(line.size() <= 90);
}

}  // namespace
}  // namespace lutra
