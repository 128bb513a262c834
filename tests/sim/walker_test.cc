// A walker against wrong inputs, tapes and messages: each gives one Status, never a crash.
#include "parties/walker.h"

#include <catch2/catch.hpp>

#include "mpc/protocols/local.h"
#include "mpc/protocols/lookup.h"
#include "mpc/protocols/product.h"
#include "mpc/protocols/reshare.h"
#include "mpc/protocols/reveal.h"
#include "tests/support/dealt.h"
#include "tests/support/run_program.h"

namespace lutra {
namespace {

// All walkers of a program, and a hand on the wire.
class Wires {
 public:
  using Tamper = std::function<void(Phase phase, int level, Role from, Role to, Bytes& message)>;

  Wires() : pool_(1) {
    Builder& b = given_.builder;
    const Value x = given_.Random("x", Role::kDataOwner, Ring(4), Shape{5}, 1);
    const Value w = given_.Random("w", Role::kModelOwner, Ring(4), Shape{5}, 2);
    const TableId table = b.AddTable("T", {4}, RandomTensor(Ring(6), Shape{1, 16}, 3), true);
    const Value z = ElementProduct(b, x, w);
    Reveal(b, "y", LookupReplicated(b, {z}, table, LookupForm::kDirect));
    StatusOr<BuiltProgram> built = std::move(given_.builder).Build();
    REQUIRE(built.ok());
    built_.emplace(*std::move(built));
    dealt_.emplace(*built_, pool_, 1);
    for (const Role role : kRoles) {
      if (role == Role::kDealer) continue;
      walkers_.push_back(std::make_unique<Walker>(built_->program, role, pool_, nullptr));
    }
  }

  Walker& of(Role role) {
    for (const auto& walker : walkers_) {
      if (walker->role() == role) return *walker;
    }
    FAIL("no such walker");
    return *walkers_[0];
  }

  Status ShareModel() {
    const LongTermKeys keys = LongTermKeysFromSeed(1);
    for (const auto& walker : walkers_) {
      LUTRA_RETURN_IF_ERROR(walker->StartModel(
          KeyRing::ForModel(keys.For(walker->role()), Identifier{}), given_.model));
    }
    LUTRA_RETURN_IF_ERROR(Round(Phase::kModel, 0, {}));
    for (const auto& walker : walkers_) walker->FinishModel();
    return absl::OkStatus();
  }

  const TapeLayout& layout() const { return dealt_->layout; }
  std::span<const std::byte> tape(Role role) {
    const bool has = role == Role::kP1 || role == Role::kP2;
    return has ? std::as_const(dealt_->tape).to(role).bytes() : std::span<const std::byte>();
  }
  KeyRing keys(Role role) {
    return KeyRing::ForTape(LongTermKeysFromSeed(1).For(role), built_->program.digest(),
                            Identifier{});
  }

  Status Run(const Tamper& tamper) {
    for (const auto& walker : walkers_) {
      LUTRA_RETURN_IF_ERROR(walker->StartSession(keys(walker->role()), given_.data));
      LUTRA_RETURN_IF_ERROR(walker->SetTape(dealt_->layout, tape(walker->role())));
    }
    LUTRA_RETURN_IF_ERROR(Round(Phase::kPrepare, 0, tamper));
    for (int level = 0; level < built_->program.levels(Phase::kOnline); ++level) {
      LUTRA_RETURN_IF_ERROR(Round(Phase::kOnline, level, tamper));
      if (level + 1 == built_->program.levels(Phase::kOnline)) {
        const WireId y = built_->program.nodes().back().outputs[0];
        revealed = of(Role::kDataOwner).value(y).parts[0].Clone();
      }
      for (const auto& walker : walkers_) walker->Release(level);
    }
    return absl::OkStatus();
  }

  Case& given() { return given_; }
  Tensor revealed;

 private:
  Status Round(Phase phase, int level, const Tamper& tamper) {
    std::map<Role, std::vector<std::pair<Role, Bytes>>> arrived;
    for (const auto& walker : walkers_) {
      for (auto& [to, message] : walker->Before(phase, level)) {
        if (tamper) tamper(phase, level, walker->role(), to, message);
        arrived[to].emplace_back(walker->role(), std::move(message));
      }
    }
    for (const auto& walker : walkers_) {
      LUTRA_RETURN_IF_ERROR(walker->After(phase, level, std::move(arrived[walker->role()])));
    }
    return absl::OkStatus();
  }

  Case given_;
  ThreadPool pool_;
  std::optional<BuiltProgram> built_;
  std::optional<Dealt> dealt_;
  std::vector<std::unique_ptr<Walker>> walkers_;
};

TEST_CASE("A message too short or too long is an error that names who sent it and when",
          "[sim][walker]") {
  Wires wires;
  REQUIRE(wires.ShareModel().ok());
  const Wires::Tamper honest = {};
  REQUIRE(wires.Run(honest).ok());
  const Tensor expected = wires.revealed.Clone();
  struct Link {
    Phase phase;
    int level;
    Role from;
    Role to;
  };
  std::vector<Link> links;
  REQUIRE(wires
              .Run([&](Phase phase, int level, Role from, Role to, Bytes&) {
                links.push_back({phase, level, from, to});
              })
              .ok());
  // Two in prepare; input, lookup (each way and to P0), reveal.
  CHECK(links.size() == 2 + 2 + 4 + 2);
  for (const Link& link : links) {
    for (const int change : {-1, 1, 2000, -1000}) {
      INFO(Name(link.phase) << " " << link.level << " " << Name(link.from) << " to "
                            << Name(link.to) << " " << change);
      const Status status =
          wires.Run([&](Phase phase, int level, Role from, Role to, Bytes& message) {
            if (phase != link.phase || level != link.level || from != link.from || to != link.to)
              return;
            const auto size = static_cast<int64_t>(message.size()) + change;
            message.resize(static_cast<size_t>(std::max<int64_t>(0, size)));
          });
      REQUIRE(!status.ok());
      CHECK_THAT(OneLine(status), Catch::StartsWith(StrCat(Name(link.to), ": ", Name(link.phase),
                                                           " level ", link.level, ": ")) &&
                                      Catch::Contains(StrCat("message from ", Name(link.from))));
    }
  }
  // Nothing of the errors is left.
  REQUIRE(wires.Run(honest).ok());
  CHECK(wires.revealed == expected);
}

TEST_CASE("A message from a role that has nothing to say is an error", "[sim][walker]") {
  Wires wires;
  REQUIRE(wires.ShareModel().ok());
  Walker& p1 = wires.of(Role::kP1);
  REQUIRE(p1.StartSession(wires.keys(Role::kP1), {}).ok());
  p1.Before(Phase::kPrepare, 0);
  std::vector<std::pair<Role, Bytes>> messages;
  messages.emplace_back(Role::kModelOwner, Bytes(3));
  const Status status = p1.After(Phase::kPrepare, 0, std::move(messages));
  CHECK_THAT(OneLine(status), Catch::Contains("p1: prepare level 0"));
  const Status none = p1.After(Phase::kPrepare, 0, {});
  CHECK_THAT(OneLine(none), Catch::Contains("message from p0: expected more bytes"));
}

TEST_CASE("A tape of another length is refused", "[sim][walker]") {
  Wires wires;
  REQUIRE(wires.ShareModel().ok());
  for (const Role role : {Role::kP1, Role::kP2}) {
    const auto tape = wires.tape(role);
    CHECK(tape.size() == 5 * 16 * 6 / 8);
    for (const size_t size : {size_t{0}, tape.size() - 1}) {
      const Status status = wires.of(role).SetTape(wires.layout(), tape.first(size));
      CHECK_THAT(OneLine(status), Catch::Contains(StrCat(Name(role), ": tape: expected 60 bytes")));
    }
  }
  CHECK(!wires.of(Role::kP0).SetTape(wires.layout(), wires.tape(Role::kP1)).ok());
}

TEST_CASE("An owner's input is checked before it is used", "[sim][walker]") {
  Wires wires;
  const KeyRing none;
  const auto start_data = [&](NamedTensors data) {
    return OneLine(wires.of(Role::kDataOwner).StartSession(KeyRing(), data));
  };
  CHECK(start_data({}) == "input x: missing");
  NamedTensors data;
  data.emplace("x", RandomTensor(Ring(5), Shape{5}, 1));
  CHECK_THAT(start_data(std::move(data)),
             Catch::Contains("input x: expected Z_2^4 [5], found Z_2^5 [5]"));
  data = NamedTensors();
  data.emplace("x", RandomTensor(Ring(4), Shape{1, 5}, 1));
  CHECK_THAT(start_data(std::move(data)), Catch::Contains("found Z_2^4 [1, 5]"));
  CHECK_THAT(OneLine(wires.of(Role::kModelOwner).StartModel(KeyRing(), {})),
             Catch::Contains("input w: missing"));
}

TEST_CASE("A model may be shared again, between sessions", "[sim][walker]") {
  Wires wires;
  REQUIRE(wires.ShareModel().ok());
  REQUIRE(wires.Run({}).ok());
  const Tensor first = wires.revealed.Clone();
  wires.given().model.insert_or_assign("w", RandomTensor(Ring(4), Shape{5}, 99));
  REQUIRE(wires.ShareModel().ok());
  REQUIRE(wires.Run({}).ok());
  CHECK(!(wires.revealed == first));
  wires.given().model.insert_or_assign("w", RandomTensor(Ring(4), Shape{5}, 2));
  REQUIRE(wires.ShareModel().ok());
  REQUIRE(wires.Run({}).ok());
  CHECK(wires.revealed == first);
}

}  // namespace
}  // namespace lutra
