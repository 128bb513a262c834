#include "tests/parties/real_servers.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <utility>

namespace lutra {

namespace fs = std::filesystem;

bool Eventually(const std::function<bool()>& condition) {
  const Deadline deadline = After(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

void CopyStore(const fs::path& from, const fs::path& to) {
  fs::remove_all(to);
  fs::create_directory(to);
  fs::permissions(to, fs::perms::owner_all);
  for (const fs::directory_entry& entry : fs::directory_iterator(from)) {
    const fs::path copy = to / entry.path().filename();
    std::error_code gone;  // while it is used, files come and go
    if (entry.is_directory(gone)) {
      CopyStore(entry.path(), copy);
    } else {
      fs::copy_file(entry.path(), copy, gone);
    }
  }
}

RealServers::RealServers(Deployment deployment, const Options& options) : options_(options) {
  cluster_.deployment = deployment;
  cluster_.silence_seconds = options.silence;
  cluster_.connect_seconds = std::min(options.silence, 10.0);
  for (const Role role : kRoles) {
    StatusOr<CurveKeyPair> pair = CurveKeyPair::Generate();
    REQUIRE(pair.ok());
    keys_.emplace(role, *std::move(pair));
    logs_.emplace(role, std::make_unique<Log>(Name(role), /*quiet=*/true));
  }
  for (const Role role : kServers) {
    cluster_.server(role).address = Address{"127.0.0.1", 0};
    cluster_.server(role).public_key = keys_.at(role).public_key();
  }
  for (const Role role : kOwners) cluster_.keys(role) = {keys_.at(role).public_key()};
  // Their ports, which are theirs from now on.
  std::vector<std::unique_ptr<Endpoint>> bound;
  for (const Role role : kServers) {
    StatusOr<std::unique_ptr<Endpoint>> endpoint = Endpoint::Make(OptionsFor(role));
    INFO(OneLine(endpoint.status()));
    REQUIRE(endpoint.ok());
    bound.push_back(*std::move(endpoint));
    cluster_.server(role).address = bound.back()->address();
  }
}

RealServers::~RealServers() {
  for (auto& [role, server] : running_) server->stop = true;
  while (!running_.empty()) Stop(running_.begin()->first);
}

EndpointOptions RealServers::OptionsFor(Role role) const {
  EndpointOptions options = EndpointOptions::ForRole(
      cluster_, role, options_.curve ? std::optional(keys_.at(role).Clone()) : std::nullopt);
  options.request_bytes = int64_t{64} << 20;
  options.linger_seconds = 0.2;
  return options;
}

std::unique_ptr<Endpoint> RealServers::Owner(Role owner) const {
  StatusOr<std::unique_ptr<Endpoint>> endpoint = Endpoint::Make(OptionsFor(owner));
  INFO(OneLine(endpoint.status()));
  REQUIRE(endpoint.ok());
  return *std::move(endpoint);
}

OwnerPatience RealServers::patience() const { return OwnerPatience(cluster_); }

fs::path RealServers::Store(Role role) const { return folder_ / Name(role); }

std::unique_ptr<PartyStore> RealServers::OpenStore(Role role) const {
  REQUIRE(!running(role));
  StatusOr<std::unique_ptr<PartyStore>> store = PartyStore::Open(Store(role), role);
  INFO(OneLine(store.status()));
  REQUIRE(store.ok());
  return *std::move(store);
}

std::optional<fs::path> RealServers::Part(Role role, const Digest& program,
                                          const Identifier& tape) const {
  const StatusOr<fs::path> path = FindPart(Store(role) / "tapes" / program.Hex(), tape);
  return path.ok() ? std::optional(*path) : std::nullopt;
}

void RealServers::StartAll() {
  for (const Role role : kServers) Start(role);
}

void RealServers::Start(Role role) {
  REQUIRE(!running(role));
  auto server = std::make_unique<Server>();
  // Somebody else on this machine may have the port for a moment.
  StatusOr<std::unique_ptr<Endpoint>> endpoint = Endpoint::Make(OptionsFor(role));
  Eventually([&] {
    if (!endpoint.ok()) endpoint = Endpoint::Make(OptionsFor(role));
    return endpoint.ok();
  });
  INFO(OneLine(endpoint.status()));
  REQUIRE(endpoint.ok());
  server->endpoint = *std::move(endpoint);
  role == Role::kDealer ? StartDealer(*server) : StartParty(role, *server);
  running_[role] = std::move(server);
}

void RealServers::StartDealer(Server& server) {
  StatusOr<std::unique_ptr<DealerStore>> store = DealerStore::Open(Store(Role::kDealer));
  INFO(OneLine(store.status()));
  REQUIRE(store.ok());
  DepotOptions options;
  options.count = options_.tapes;
  options.simulation_seed = options_.seed;
  options.window_bytes = 1000;
  StatusOr<std::unique_ptr<Depot>> depot = Depot::Make(registry_, *std::move(store), options);
  INFO(OneLine(depot.status()));
  REQUIRE(depot.ok());
  server.depot = *std::move(depot);
  server.dealer = std::make_unique<DealerService>(
      *server.endpoint, *server.depot, pool_, *logs_.at(Role::kDealer),
      DealerServiceOptions{options_.stream, cluster_.connect_seconds, options_.silence});
  server.thread =
      std::thread([each = &server] { each->dealer->Run([each] { return each->stop.load(); }); });
}

void RealServers::StartParty(Role role, Server& server) {
  server.store = OpenStore(role);
  PartyOptions options = options_.party;
  options.insecure_seed = options_.seed;
  options.idle_seconds = 0.02;
  options.connect_seconds = cluster_.connect_seconds;
  options.silence_seconds = options_.silence;
  auto party = PartyService::Make(*server.endpoint, *server.store, pool_, *logs_.at(role), options);
  INFO(OneLine(party.status()));
  REQUIRE(party.ok());
  server.party = *std::move(party);
  server.thread =
      std::thread([each = &server] { each->party->Run([each] { return each->stop.load(); }); });
}

void RealServers::Stop(Role role) {
  const auto found = running_.find(role);
  if (found == running_.end()) return;
  found->second->stop = true;
  found->second->thread.join();
  running_.erase(found);
}

void RealServers::Kill(Role role) {
  Server& server = *running_.at(role);
  const fs::path left = folder_ / "left";
  CopyStore(Store(role), left);
  server.stop = true;
  server.endpoint->Stop(Unavailable("killed"));
  server.thread.join();
  running_.erase(role);
  CopyStore(left, Store(role));
}

ServerStatus RealServers::StatusOf(Role role) const {
  const auto owner = Owner(Role::kDataOwner);
  const StatusOr<Bytes> answer =
      owner->Call(role, EncodeRequest(StatusRequest()), int64_t{1} << 20, After(10));
  INFO(Name(role) << ": " << OneLine(answer.status()));
  REQUIRE(answer.ok());
  return *DecodeAnswer<ServerStatus>(*answer, "status");
}

bool RealServers::Prepared(Role role, int64_t sessions) const {
  return Eventually([&] {
    const ServerStatus status = StatusOf(role);
    int64_t prepared = 0;
    for (const ServerStatus::Model& model : status.models) prepared += model.prepared;
    return prepared >= sessions;
  });
}

Ledger RealServers::RecordedLedger(const Identifier& model, const Identifier& session,
                                   const Identifier& tape) const {
  Ledger ledger;
  for (const Role party : kParties) {
    const auto store = OpenStore(party);
    const StatusOr<SessionRecord> shared = store->LoadSession(model);
    INFO(OneLine(shared.status()));
    REQUIRE(shared.ok());
    ledger.Add(shared->ledger);
    StatusOr<SessionRecord> record = store->LoadSession(session);
    if (!record.ok() && party == Role::kP0) record = store->LoadSession(tape);
    INFO(OneLine(record.status()));
    REQUIRE(record.ok());
    ledger.Add(record->ledger);
  }
  REQUIRE(!running(Role::kDealer));
  const auto store = DealerStore::Open(Store(Role::kDealer));
  REQUIRE(store.ok());
  const StatusOr<DealRecord> dealt = (*store)->LoadLedger(tape);
  INFO(OneLine(dealt.status()));
  REQUIRE(dealt.ok());
  ledger.Add(dealt->ledger);
  return ledger;
}

}  // namespace lutra
