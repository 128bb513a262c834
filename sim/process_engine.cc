#include "sim/process_engine.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "analysis/cost.h"
#include "cluster/dealer_store.h"
#include "cluster/party_store.h"
#include "parties/gather.h"
#include "parties/linked_walker.h"
#include "parties/owners.h"

namespace lutra {
namespace {

double& Of(PhaseSeconds& seconds, Phase phase) { return seconds[Index(phase)]; }

class ProcessEngine final : public ModelEngine {
 public:
  ProcessEngine(const EngineParts& parts, std::unique_ptr<LocalCluster> cluster,
                std::unique_ptr<Endpoint> model_owner, std::unique_ptr<Endpoint> data_owner,
                const LocalClusterOptions& options)
      : built_(parts.built),
        pool_(parts.pool),
        plan_(parts.built.program),
        cluster_(std::move(cluster)),
        model_owner_(std::move(model_owner)),
        data_owner_(std::move(data_owner)),
        options_(options) {}

  StatusOr<SessionResult> ShareModel(const NamedTensors& model) override {
    SendModelOptions options;
    options.insecure_seed = options_.insecure_seed;
    options.patience = OwnerPatience(cluster_->cluster());
    StatusOr<SharedModel> shared =
        SendModel(*model_owner_, built_.program, built_.tables, model, pool_, options);
    LUTRA_RETURN_IF_ERROR(Checked(shared.status()));
    model_ = *shared->model;
    model_ledger_ = std::move(shared->ledger);
    model_trace_ = std::move(shared->trace);
    SessionResult result;
    Of(result.seconds, Phase::kModel) = shared->seconds;
    return result;
  }

  StatusOr<SessionResult> Run(const NamedTensors& data) override {
    StatusOr<InferResult> inferred = Infer(*data_owner_, built_.program, plan_, model_, data, pool_,
                                           OwnerPatience(cluster_->cluster()));
    LUTRA_RETURN_IF_ERROR(Checked(inferred.status()));
    SessionResult result;
    result.revealed = std::move(inferred->revealed);
    Of(result.seconds, Phase::kOnline) = inferred->seconds;
    inferred->revealed.clear();
    sessions_.push_back(*std::move(inferred));
    return result;
  }

  Status Finish(ModelRunResult& result) override {
    model_owner_.reset();
    data_owner_.reset();
    LUTRA_RETURN_IF_ERROR(cluster_->Stop());
    LUTRA_ASSIGN_OR_RETURN(const std::unique_ptr<DealerStore> dealer,
                           DealerStore::Open(cluster_->Store(Role::kDealer)));
    std::vector<std::unique_ptr<PartyStore>> parties;
    for (const Role party : kParties) {
      LUTRA_ASSIGN_OR_RETURN(parties.emplace_back(),
                             PartyStore::Open(cluster_->Store(party), party));
    }
    LUTRA_RETURN_IF_ERROR(AddModel(parties, result));
    for (size_t i = 0; i < sessions_.size(); ++i) {
      LUTRA_RETURN_IF_ERROR(AddSession(*dealer, parties, static_cast<int32_t>(i), result));
    }
    result.summary.peak_memory_bytes = cluster_->peak_memory_bytes();
    if (options_.network) {
      result.summary.shaped = ShapedLinks{*options_.network, options_.shape_dealer};
    }
    return absl::OkStatus();
  }

 private:
  // Where a process has ended, that is what went wrong.
  Status Checked(const Status& status) {
    if (status.ok()) return status;
    const Status alive = cluster_->CheckAlive();
    return alive.ok() ? status : alive;
  }

  Status AddModel(const std::vector<std::unique_ptr<PartyStore>>& parties,
                  ModelRunResult& result) const {
    result.ledger.Add(model_ledger_);
    result.trace.threads.clear();  // each role brings its own
    result.trace.Add(model_trace_);
    for (const auto& party : parties) {
      LUTRA_ASSIGN_OR_RETURN(const SessionRecord shared, party->LoadSession(model_));
      result.ledger.Add(shared.ledger);
      result.trace.Add(shared.trace);
    }
    if (!result.summary.sessions.empty()) {
      result.summary.sessions[0].bytes = BytesIn(result.ledger);
    }
    return absl::OkStatus();
  }

  // Of all roles together, what one session came to.
  Status AddSession(const DealerStore& dealer,
                    const std::vector<std::unique_ptr<PartyStore>>& parties, int32_t number,
                    ModelRunResult& result) const {
    const InferResult& session = sessions_[static_cast<size_t>(number)];
    SessionSummary& summary = result.summary.sessions[static_cast<size_t>(number)];
    SessionRecords records;
    records.owner = RecordOf(session, built_.program, model_, summary.examples);
    LUTRA_ASSIGN_OR_RETURN(records.dealt, dealer.LoadLedger(session.tape));
    for (const auto& party : parties) {
      // P0 goes by the tape where it takes no part online.
      StatusOr<SessionRecord> record = party->LoadSession(session.session);
      if (!record.ok() && party->role() == Role::kP0) record = party->LoadSession(session.tape);
      LUTRA_RETURN_IF_ERROR(record.status());
      records.parties.push_back(*std::move(record));
    }
    AddRecords(records, number, summary, result.ledger, result.trace);
    return absl::OkStatus();
  }

  const BuiltProgram& built_;
  ThreadPool& pool_;
  const MessagePlan plan_;
  std::unique_ptr<LocalCluster> cluster_;
  std::unique_ptr<Endpoint> model_owner_;
  std::unique_ptr<Endpoint> data_owner_;
  const LocalClusterOptions options_;
  Identifier model_;
  Ledger model_ledger_;
  Trace model_trace_;
  std::vector<InferResult> sessions_;
};

// How much longer than without shaping somebody may wait on these links: for all that goes over
// the slowest in a session, requests and handshakes included, behind as much of the sessions that
// are prepared ahead, and two round trips.
double SecondsOfSlowestLink(const Program& program, const Network& network, bool with_dealer) {
  constexpr double kMost = 80000;    // a cluster file's time-outs are a day at most
  constexpr int64_t kRequests = 16;  // of a link and session, about
  std::map<std::pair<Role, Role>, Ledger::Traffic> sent;
  const ProgramCost cost(program);
  for (const auto& [link, traffic] : cost.traffic()) {
    sent[{link.from, link.to}].bytes += traffic.bytes;
    sent[{link.from, link.to}].messages += traffic.messages;
  }
  double slowest = 0;
  for (const Role from : kRoles) {
    for (const Role to : kRoles) {
      if (from == to || (!with_dealer && (from == Role::kDealer || to == Role::kDealer))) continue;
      const Network::Link& link = network.link(from, to);
      const double round_trip = link.latency_seconds + network.link(to, from).latency_seconds;
      const Ledger::Traffic& traffic = sent[{from, to}];
      const double headers = static_cast<double>(network.header_bytes) *
                             static_cast<double>(traffic.messages + kRequests);
      const double whole = (static_cast<double>(traffic.bytes) + headers) / link.bytes_per_second;
      slowest = std::max(slowest, 2 * (whole + round_trip));
    }
  }
  return std::min(slowest, kMost);
}

}  // namespace

StatusOr<std::unique_ptr<ModelEngine>> MakeProcessEngine(const EngineParts& parts,
                                                         LocalClusterOptions options) {
  if (options.network) {
    options.patience_seconds =
        SecondsOfSlowestLink(parts.built.program, *options.network, options.shape_dealer);
  }
  options.tapes = parts.sessions;
  options.deployment = parts.built.program.deployment();
  LUTRA_ASSIGN_OR_RETURN(auto cluster, LocalCluster::Start(options));
  LUTRA_ASSIGN_OR_RETURN(auto model_owner, cluster->OwnerEndpoint(Role::kModelOwner));
  LUTRA_ASSIGN_OR_RETURN(auto data_owner, cluster->OwnerEndpoint(Role::kDataOwner));
  return std::make_unique<ProcessEngine>(parts, std::move(cluster), std::move(model_owner),
                                         std::move(data_owner), options);
}

}  // namespace lutra
