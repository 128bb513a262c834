#include "tests/parties/fake_servers.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <utility>

#include "core/version.h"
#include "dealer/generator.h"

namespace lutra {
namespace {

constexpr double kSeconds = 10;
constexpr int64_t kMost = int64_t{1} << 26;

Key TapeKeyOf(const LongTermKeys& keys, KeyName name, const Digest& program,
              const Identifier& tape) {
  return TapeKey(*keys.keys[static_cast<size_t>(name)], program, tape);
}

}  // namespace

FakeServers::FakeServers(const BuiltProgram& built, uint64_t seed, bool curve,
                         std::vector<Role> absent)
    : built_(built),
      seed_(seed),
      secrets_(LongTermKeysFromSeed(seed)),
      plan_(built.program),
      layout_(built.program),
      curve_(curve) {
  for (const Role role : kRoles) {
    StatusOr<CurveKeyPair> pair = CurveKeyPair::Generate();
    REQUIRE(pair.ok());
    keys_.emplace(role, *std::move(pair));
    const std::string& key = keys_.at(role).public_key();
    if (IsServer(role)) {
      cluster_.server(role) = {Address{"127.0.0.1", 0}, key};
    } else {
      cluster_.keys(role).push_back(key);
    }
  }
  cluster_.connect_seconds = kSeconds;
  cluster_.silence_seconds = kSeconds;
  for (const Role role : kServers) {
    EndpointOptions options = EndpointOptions::ForRole(
        cluster_, role, curve_ ? std::optional(keys_.at(role).Clone()) : std::nullopt);
    auto endpoint = Endpoint::Make(std::move(options));
    INFO(OneLine(endpoint.status()));
    REQUIRE(endpoint.ok());
    cluster_.server(role).address = (*endpoint)->address();
    server(role).pool = std::make_unique<ThreadPool>(1);
    const bool here = std::find(absent.begin(), absent.end(), role) == absent.end();
    if (here) server(role).endpoint = *std::move(endpoint);
  }
  for (const Role role : kServers) {
    if (server(role).endpoint == nullptr) continue;
    for (const Role other : kServers) {
      if (other == role) continue;
      REQUIRE(server(role).endpoint->SetServer(other, cluster_.server(other)).ok());
    }
    server(role).thread = std::thread([this, role] {
      RequestLoop(*server(role).endpoint, 16)
          .Run([this] { return stopping_.load(); },
               [this, role](const Request& request) { Serve(role, request); });
    });
  }
}

FakeServers::~FakeServers() {
  stopping_ = true;
  for (Server& one : servers_) {
    if (one.endpoint != nullptr) one.endpoint->Stop(absl::CancelledError("the test ends"));
  }
  for (Server& one : servers_) {
    if (one.thread.joinable()) one.thread.join();
  }
  for (std::thread& thread : threads_) thread.join();
}

std::unique_ptr<Endpoint> FakeServers::Owner(Role owner) const {
  auto endpoint = Endpoint::Make(EndpointOptions::ForRole(
      cluster_, owner, curve_ ? std::optional(keys_.at(owner).Clone()) : std::nullopt));
  INFO(OneLine(endpoint.status()));
  REQUIRE(endpoint.ok());
  return *std::move(endpoint);
}

std::optional<Identifier> FakeServers::model_of(Role party) const {
  const std::lock_guard lock(mutex_);
  return servers_[Index(party)].model;
}

Bytes FakeServers::tables() const {
  const std::lock_guard lock(mutex_);
  return tables_;
}

Ledger FakeServers::LedgerAfter(int sessions) {
  std::unique_lock lock(mutex_);
  const auto parties = static_cast<int>(kParties.size());
  ended_.wait_until(lock, After(kSeconds), [&] { return ended_sessions_ >= sessions * parties; });
  return ledger_;
}

std::vector<Status> FakeServers::session_errors() {
  const std::lock_guard lock(mutex_);
  return errors_;
}

void FakeServers::SetBehaviour(Role role, Behaviour behaviour) {
  const std::lock_guard lock(mutex_);
  server(role).behaviour = std::move(behaviour);
}

void FakeServers::Serve(Role role, const Request& request) {
  Endpoint& endpoint = *server(role).endpoint;
  Behaviour behaviour;
  {
    const std::lock_guard lock(mutex_);
    behaviour = server(role).behaviour;
  }
  if (behaviour && behaviour(endpoint, request)) return;
  const StatusOr<RequestKind> kind = KindOf(request.body);
  if (kind.ok() && *kind == RequestKind::kJoin) {
    const StatusOr<Join> join = DecodeRequest<Join>(request.body);
    if (!join.ok() || join->model != model_of(role)) {
      const Status status = InvalidArgument("no such model here");
      static_cast<void>(endpoint.Reply(request, status, After(kSeconds)));
      return;
    }
    if (role == Role::kP1) {
      const std::lock_guard lock(mutex_);
      threads_.emplace_back([this, join = *join] { RunSession(Role::kP0, join, std::nullopt); });
    }
    RunSession(role, *join, request.from);
    return;
  }
  static_cast<void>(endpoint.Reply(request, Answer(role, request), After(kSeconds)));
}

StatusOr<Bytes> FakeServers::Answer(Role role, const Request& request) {
  LUTRA_ASSIGN_OR_RETURN(const RequestKind kind, KindOf(request.body));
  switch (kind) {
    case RequestKind::kStatus: {
      ServerStatus status;
      status.version = Version();
      if (const auto model = model_of(role)) status.models.push_back({*model, {}, 7});
      return EncodeAnswer(status);
    }
    case RequestKind::kShareModel:
      return TakeModel(role, request);
    case RequestKind::kAddProgram:
      LUTRA_RETURN_IF_ERROR(TakeTables(request));
      return EncodeAnswer(Done{});
    default:
      return InvalidArgument("not asked in these tests: ", Name(kind));
  }
}

Status FakeServers::TakeTables(const Request& request) {
  LUTRA_ASSIGN_OR_RETURN(const AddProgram added, DecodeRequest<AddProgram>(request.body));
  if (added.program != WriteProgram(built_.program)) return InvalidArgument("another program");
  LUTRA_ASSIGN_OR_RETURN(Bytes tables, server(Role::kDealer)
                                           .endpoint->Receive(request.from, request.channel,
                                                              kBulkTag, kMost, After(kSeconds)));
  const std::lock_guard lock(mutex_);
  tables_ = std::move(tables);
  return absl::OkStatus();
}

StatusOr<Bytes> FakeServers::TakeModel(Role role, const Request& request) {
  LUTRA_ASSIGN_OR_RETURN(const ShareModel share, DecodeRequest<ShareModel>(request.body));
  if (share.program != WriteProgram(built_.program)) return InvalidArgument("another program");
  LongTermKeys keys;
  if (!share.key0.empty()) keys.keys[static_cast<size_t>(KeyName::kModel0)] = share.key0[0];
  if (!share.key1.empty()) keys.keys[static_cast<size_t>(KeyName::kModel1)] = share.key1[0];
  Server& own = server(role);
  Ledger ledger;
  auto walker = std::make_unique<Walker>(built_.program, role, *own.pool, &ledger);
  LUTRA_RETURN_IF_ERROR(walker->StartModel(KeyRing::ForModel(keys, share.model), own.nothing));
  LinkedWalker linked(
      built_.program, plan_, *walker,
      {own.endpoint.get(), request.channel, {{Role::kModelOwner, request.from}}, kSeconds},
      &ledger);
  LUTRA_RETURN_IF_ERROR(linked.Run(Phase::kModel));
  walker->FinishModel();
  const std::lock_guard lock(mutex_);
  // Its ledger goes; the walkers of the sessions have their own.
  own.walker = walker->Fork(nullptr);
  own.model = share.model;
  ledger_.Add(ledger);
  return EncodeAnswer(Done{});
}

FakeServers::Planned& FakeServers::PlanOf(const Identifier& session) {
  const std::lock_guard lock(mutex_);
  const auto found = planned_.find(session);
  if (found != planned_.end()) return found->second;
  // As the simulation numbers them: the model is 0.
  const uint64_t number = planned_.size() + 1;
  Planned& planned = planned_[session];
  planned.tape = IdentifierFromSeed(seed_, "tape id", number);
  planned.channel = IdentifierFromSeed(seed_, "preparing", number);
  ThreadPool pool(1);
  Deal(built_.program, layout_, built_.tables,
       KeyRing::ForTape(secrets_.For(Role::kDealer), built_.program.digest(), planned.tape),
       planned.words, pool, &ledger_);
  return planned;
}

Joined FakeServers::AnswerTo(Role party, const Join& join) {
  const Identifier tape = PlanOf(join.session).tape;
  const KeyName name = party == Role::kP1 ? KeyName::kData1 : KeyName::kData0;
  return {join.session, join.program, join.model, tape,
          TapeKeyOf(secrets_.For(party), name, join.program, tape)};
}

void FakeServers::RunSession(Role role, const Join& join, std::optional<PeerId> owner) {
  Ledger ledger;
  const Status status = TryRunSession(role, join, owner, ledger);
  if (!status.ok()) server(role).endpoint->Cancel(join.session, status);
  server(role).endpoint->Close(join.session);
  const std::lock_guard lock(mutex_);
  ledger_.Add(ledger);
  ++ended_sessions_;
  if (!status.ok()) errors_.push_back(status);
  ended_.notify_all();
}

Status FakeServers::TryRunSession(Role role, const Join& join, std::optional<PeerId> owner,
                                  Ledger& ledger) {
  Server& own = server(role);
  const Program& program = built_.program;
  const Planned& planned = PlanOf(join.session);
  std::unique_ptr<Walker> walker;
  {
    const std::lock_guard lock(mutex_);
    walker = own.walker->Fork(&ledger);
  }
  LUTRA_RETURN_IF_ERROR(walker->StartSession(
      KeyRing::ForTape(secrets_.For(role), program.digest(), planned.tape), own.nothing));
  LinkedWalker prepare(program, plan_, *walker, {own.endpoint.get(), planned.channel, {}, kSeconds},
                       &ledger);
  LUTRA_RETURN_IF_ERROR(prepare.Run(Phase::kPrepare));
  if (role != Role::kP0) {
    LUTRA_RETURN_IF_ERROR(walker->SetTape(layout_, planned.words.to(role).bytes()));
  }
  LinkedWalker::Links links{own.endpoint.get(), join.session, {}, kSeconds};
  if (owner.has_value()) {
    LUTRA_RETURN_IF_ERROR(own.endpoint->Send(*owner, join.session, 0,
                                             EncodeAnswer(AnswerTo(role, join)), After(kSeconds)));
    links.peers.emplace(Role::kDataOwner, *owner);
  }
  LinkedWalker online(program, plan_, *walker, links, &ledger);
  return online.Run(Phase::kOnline);
}

}  // namespace lutra
