#include "parties/party_service.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "core/clock.h"
#include "core/version.h"
#include "parties/owners.h"

namespace lutra {
namespace {

constexpr int64_t kMostAnswer = int64_t{16} << 20;  // bytes of an answer between servers
constexpr double kDealerSeconds = 1;                // for a dealer to answer the handshake
constexpr int kWaits = 19;                          // niceness of work that is done ahead

// The long-term keys that parties have with each other, and who draws them.
struct PairKey {
  KeyName name;
  Role maker;
};
constexpr std::array kPairKeys = {
    PairKey{KeyName::kK0, Role::kP0}, PairKey{KeyName::kK1, Role::kP0},
    PairKey{KeyName::kK2, Role::kP1}, PairKey{KeyName::kData0, Role::kP0},
    PairKey{KeyName::kData1, Role::kP0}};

const NamedTensors& NothingOwned() {
  static const NamedTensors kNothing;
  return kNothing;
}

// Adds the time from its construction to a figure.
class Timer {
 public:
  explicit Timer(double& seconds) : seconds_(seconds) {}
  ~Timer() {
    seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  double& seconds_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

Status CheckAsker(const Request& request, std::initializer_list<Role> allowed) {
  if (std::find(allowed.begin(), allowed.end(), request.from.role) != allowed.end()) {
    return absl::OkStatus();
  }
  std::string names;
  for (const Role role : allowed) names += StrCat(names.empty() ? "" : " or ", Name(role));
  return absl::PermissionDeniedError(
      StrCat("expected ", names, " to ask this, found ", Name(request.from.role)));
}

template <class T>
StatusOr<Bytes> Encoded(const StatusOr<T>& answer) {
  if (!answer.ok()) return answer.status();
  return EncodeAnswer(*answer);
}

}  // namespace

// ---- set-up ----

StatusOr<std::unique_ptr<PartyService>> PartyService::Make(Endpoint& endpoint, PartyStore& store,
                                                           ThreadPool& pool, Log& log,
                                                           const PartyOptions& options) {
  auto service =
      std::unique_ptr<PartyService>(new PartyService(endpoint, store, pool, log, options));
  LUTRA_RETURN_IF_ERROR(service->MakeKeys());
  LUTRA_RETURN_IF_ERROR(service->LoadModels());
  return service;
}

PartyService::PartyService(Endpoint& endpoint, PartyStore& store, ThreadPool& pool, Log& log,
                           const PartyOptions& options)
    : endpoint_(endpoint),
      store_(store),
      pool_(pool),
      ahead_pool_(pool.threads(), kWaits),
      log_(log),
      options_(options),
      role_(store.role()),
      registry_(Registry::WithBuiltins()),
      started_(std::chrono::steady_clock::now()) {}

PartyService::~PartyService() = default;

Status PartyService::MakeKeys() {
  const LongTermKeys simulated = options_.insecure_seed.has_value()
                                     ? LongTermKeysFromSeed(*options_.insecure_seed)
                                     : LongTermKeys();
  for (const PairKey& pair : kPairKeys) {
    if (!Holds(role_, pair.name)) continue;
    const auto index = static_cast<size_t>(pair.name);
    if (options_.insecure_seed.has_value()) {
      const Status set = store_.SetKey(pair.name, *simulated.keys[index]);
      if (!set.ok()) return Annotate(set, "--insecure-seed");
    } else if (pair.maker == role_ && !store_.keys().keys[index].has_value()) {
      LUTRA_ASSIGN_OR_RETURN(const Key key, RandomKey());
      LUTRA_RETURN_IF_ERROR(store_.SetKey(pair.name, key));
    }
  }
  return absl::OkStatus();
}

Status PartyService::LoadModels() {
  LUTRA_ASSIGN_OR_RETURN(const int removed, store_.RemoveConsumedTapes());
  if (removed > 0) log_.Error(StrCat("removed ", removed, " parts of tapes consumed before"));
  for (const Identifier& id : store_.models()) {
    LUTRA_ASSIGN_OR_RETURN(const ModelRecord record, store_.LoadModel(id));
    LUTRA_RETURN_IF_ERROR(AddModel(record, nullptr));
  }
  return absl::OkStatus();
}

StatusOr<const PartyService::ServedProgram*> PartyService::Serve(const Digest& digest) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = programs_.find(digest);
    if (found != programs_.end()) return found->second.get();
  }
  StatusOr<Program> program = [&] {
    const std::lock_guard lock(store_mutex_);
    return store_.LoadProgram(registry_, digest);
  }();
  if (!program.ok()) return program.status();
  auto served = std::make_unique<const ServedProgram>(*std::move(program));
  const std::lock_guard lock(mutex_);
  return programs_.emplace(digest, std::move(served)).first->second.get();
}

// Walks the model phase on what the model owner sent.
Status PartyService::AddModel(const ModelRecord& record, Listener* listener) {
  auto model = std::make_unique<Model>();
  model->id = record.id;
  LUTRA_ASSIGN_OR_RETURN(model->served, Serve(record.program));
  const Program& program = model->served->program;
  model->walker = std::make_unique<Walker>(program, role_, pool_, listener);
  LUTRA_RETURN_IF_ERROR(
      model->walker->StartModel(KeyRing::ForModel(record.keys, record.id), NothingOwned()));
  for (int level = 0; level < program.levels(Phase::kModel); ++level) {
    model->walker->Before(Phase::kModel, level);
    std::vector<std::pair<Role, Bytes>> messages;
    for (const ModelRecord::Message& message : record.messages) {
      if (message.level != level) continue;
      if (listener != nullptr) {  // it has come long ago
        const int64_t now = MonotonicNanoseconds();
        listener->OnReceive(Phase::kModel, level, message.from, role_,
                            static_cast<int64_t>(message.payload.size()), {now, now, 0});
      }
      messages.emplace_back(message.from, message.payload);
    }
    LUTRA_RETURN_IF_ERROR(model->walker->After(Phase::kModel, level, std::move(messages)));
  }
  model->walker->FinishModel();
  model->walker = model->walker->Fork(nullptr);
  const std::lock_guard lock(mutex_);
  models_[record.id] = std::move(model);
  changed_.notify_all();
  return absl::OkStatus();
}

Status PartyService::MeetWith(Role peer) {
  Meet meet;
  {
    const std::lock_guard lock(store_mutex_);
    for (const PairKey& pair : kPairKeys) {
      if (!Holds(role_, pair.name) || !Holds(peer, pair.name)) continue;
      const StatusOr<Key> fingerprint = store_.Fingerprint(pair.name);
      if (fingerprint.ok()) meet.known.push_back({static_cast<uint32_t>(pair.name), *fingerprint});
    }
  }
  LUTRA_ASSIGN_OR_RETURN(const Bytes answer, endpoint_.Call(peer, EncodeRequest(meet), kMostAnswer,
                                                            After(options_.connect_seconds)));
  LUTRA_ASSIGN_OR_RETURN(const Met met, DecodeAnswer<Met>(answer, Name(peer)));
  const std::lock_guard lock(store_mutex_);
  for (const Met::Given& given : met.given) {
    const auto pair = std::find_if(kPairKeys.begin(), kPairKeys.end(), [&](const PairKey& each) {
      return static_cast<uint32_t>(each.name) == given.key;
    });
    if (pair == kPairKeys.end() || pair->maker != peer || !Holds(role_, pair->name)) {
      return InvalidArgument(Name(peer), ": meet: expected a key that it makes for ", Name(role_),
                             ", found number ", given.key);
    }
    LUTRA_RETURN_IF_ERROR(store_.SetKey(pair->name, given.value));
  }
  for (const PairKey& pair : kPairKeys) {
    if (pair.maker != peer || !Holds(role_, pair.name)) continue;
    if (!store_.keys().keys[static_cast<size_t>(pair.name)].has_value()) {
      return InvalidArgument(Name(peer), ": meet: expected key ", Name(pair.name), ", found none");
    }
  }
  return absl::OkStatus();
}

// ---- answering ----

void PartyService::Run(const std::function<bool()>& stopped) {
  std::vector<std::thread> ahead;
  ahead.emplace_back([this] { FetchAhead(); });
  if (role_ == Role::kP1) ahead.emplace_back([this] { PrepareAhead(); });
  RequestLoop loop(endpoint_, /*most=*/64);
  // Sessions that are open go on, and their data owners may still join; everybody else is told at
  // once.
  const auto stop = [&] {
    const bool now = stopped();
    const std::lock_guard lock(mutex_);
    if (now && !stopping_) {
      stopping_ = true;
      changed_.notify_all();
    }
    return stopping_ && running_ == 0;
  };
  loop.Run(stop, [this](const Request& request) { Answer(request); });
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;  // also where the endpoint was stopped
    changed_.notify_all();
  }
  // What is done ahead is given up.
  endpoint_.Stop(Unavailable(Name(role_), ": is stopping"));
  for (std::thread& thread : ahead) thread.join();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return preparing_ == 0; });
}

void PartyService::Answer(const Request& request) {
  const StatusOr<RequestKind> kind = KindOf(request.body);
  const Deadline deadline = After(options_.silence_seconds);
  if (kind.ok() && *kind == RequestKind::kOpen) return OnOpen(request);
  if (kind.ok() && *kind == RequestKind::kJoin) return OnJoin(request);
  StatusOr<Bytes> answer = kind.ok() ? AnswerOf(request, *kind) : kind.status();
  if (!answer.ok()) {
    const std::string_view what = kind.ok() ? Name(*kind) : "request";
    log_.Error(StrCat(what, " of ", Name(request.from.role)), answer.status());
  }
  const Status replied = endpoint_.Reply(request, std::move(answer), deadline);
  if (!replied.ok()) log_.Error(StrCat("answer to ", Name(request.from.role)), replied);
}

StatusOr<Bytes> PartyService::AnswerOf(const Request& request, RequestKind kind) {
  switch (kind) {
    case RequestKind::kStatus:
      return EncodeAnswer(StatusNow());
    case RequestKind::kShareModel:
      return OnShareModel(request);
    case RequestKind::kMeet:
      return Encoded(OnMeet(request));
    case RequestKind::kMerge:
      return Encoded(OnMerge(request));
    case RequestKind::kOffer:
      return Encoded(OnOffer(request));
    case RequestKind::kPrepare:
      return Encoded(OnPrepare(request));
    default:
      return InvalidArgument("request: ", Name(kind), ": not for ", Name(role_));
  }
}

ServerStatus PartyService::StatusNow() {
  ServerStatus status;
  status.version = Version();
  status.uptime_seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
  for (const Role peer : kRoles) {
    if (peer == role_) continue;
    const LinkTraffic traffic = endpoint_.traffic(peer);
    status.sent_bytes += traffic.sent.payload_bytes;
    status.received_bytes += traffic.received.payload_bytes;
  }
  status.framing_bytes = FramingBytes();
  std::vector<Digest> digests;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, model] : models_) {
      const auto prepared = std::count_if(
          sessions_.begin(), sessions_.end(), [&, of = model.get()](const auto& entry) {
            return entry.second->model == of && entry.second->state == Session::State::kPrepared;
          });
      status.models.push_back({id, model->served->program.digest(), prepared});
    }
    status.sessions_done = done_;
    status.sessions_failed = failed_;
    status.sessions_running = running_;
  }
  const std::lock_guard lock(store_mutex_);
  for (const Digest& digest : store_.programs()) {
    status.programs.push_back({digest, static_cast<int64_t>(store_.Tapes(digest).size())});
  }
  return status;
}

StatusOr<Bytes> PartyService::OnShareModel(const Request& request) {
  LUTRA_RETURN_IF_ERROR(CheckAsker(request, {Role::kModelOwner}));
  LUTRA_ASSIGN_OR_RETURN(const ShareModel share, DecodeRequest<ShareModel>(request.body));
  LUTRA_ASSIGN_OR_RETURN(Program program, ReadProgram(registry_, share.program, "program"));
  ModelRecord record;
  record.id = share.model;
  record.program = program.digest();
  const auto take = [&](KeyName name, const std::vector<Key>& key) -> Status {
    const size_t expected = Holds(role_, name) ? 1 : 0;
    if (key.size() != expected) {
      return InvalidArgument("key ", Name(name), ": expected ", expected, ", found ", key.size());
    }
    if (expected == 1) record.keys.keys[static_cast<size_t>(name)] = key[0];
    return absl::OkStatus();
  };
  LUTRA_RETURN_IF_ERROR(take(KeyName::kModel0, share.key0));
  LUTRA_RETURN_IF_ERROR(take(KeyName::kModel1, share.key1));
  const MessagePlan plan(program);
  for (int level = 0; level < program.levels(Phase::kModel); ++level) {
    for (const auto& [from, bytes] : plan.Due(Phase::kModel, level, role_)) {
      if (from != Role::kModelOwner) {
        return InvalidArgument(
            "program: expected messages of the model owner only when a model "
            "is shared, found one of ",
            Name(from));
      }
      LUTRA_ASSIGN_OR_RETURN(
          Bytes message,
          endpoint_.Receive(request.from, request.channel, MessageTag(Phase::kModel, level), bytes,
                            After(options_.silence_seconds)));
      if (static_cast<int64_t>(message.size()) != bytes) {
        return InvalidArgument("model level ", level, ": expected ", bytes, " bytes, found ",
                               message.size());
      }
      record.messages.push_back({level, from, std::move(message)});
    }
  }
  {
    const std::lock_guard lock(store_mutex_);
    LUTRA_RETURN_IF_ERROR(store_.AddProgram(program));
    LUTRA_RETURN_IF_ERROR(store_.AddModel(record));
  }
  SessionRecord shared;  // under the model's id: what sharing it took here
  shared.session = shared.model = record.id;
  shared.program = record.program;
  {
    Timer timer(shared.seconds[static_cast<size_t>(Phase::kModel)]);
    TraceRecorder recorder(TraceRecorder::Roles::kOne);
    Listeners listeners{&shared.ledger, &recorder};
    const Status added = AddModel(record, &listeners);
    shared.trace = std::move(recorder.trace());
    shared.trace.threads[role_] = pool_.threads();
    if (!added.ok()) {  // else no later start would get past it
      const std::lock_guard lock(store_mutex_);
      LUTRA_RETURN_IF_ERROR(store_.RemoveModel(record.id));
      return added;
    }
  }
  {
    const std::lock_guard lock(store_mutex_);
    LUTRA_RETURN_IF_ERROR(store_.AddSession(shared));
  }
  log_.Info(StrCat("model ", record.id.Hex(), " of program ", record.program.Hex()));
  return EncodeAnswer(Done());
}

StatusOr<Met> PartyService::OnMeet(const Request& request) {
  LUTRA_RETURN_IF_ERROR(CheckAsker(request, {Role::kP0, Role::kP1, Role::kP2}));
  LUTRA_ASSIGN_OR_RETURN(const Meet meet, DecodeRequest<Meet>(request.body));
  const Role peer = request.from.role;
  Met met;
  const std::lock_guard lock(store_mutex_);
  for (const PairKey& pair : kPairKeys) {
    if (!Holds(role_, pair.name) || !Holds(peer, pair.name)) continue;
    const std::optional<Key>& own = store_.keys().keys[static_cast<size_t>(pair.name)];
    if (!own.has_value()) continue;
    const auto known = std::find_if(meet.known.begin(), meet.known.end(), [&](const auto& each) {
      return each.key == static_cast<uint32_t>(pair.name);
    });
    if (known == meet.known.end()) {
      if (pair.maker == role_) met.given.push_back({static_cast<uint32_t>(pair.name), *own});
      continue;
    }
    LUTRA_ASSIGN_OR_RETURN(const Key fingerprint, store_.Fingerprint(pair.name));
    if (fingerprint == known->fingerprint) continue;
    return absl::FailedPreconditionError(
        StrCat("key ", Name(pair.name), ": ", Name(role_), " and ", Name(peer),
               " hold different ones: one of their stores is not that with which they first met"));
  }
  return met;
}

StatusOr<Done> PartyService::OnMerge(const Request& request) {
  LUTRA_RETURN_IF_ERROR(CheckAsker(request, {Role::kP1}));
  LUTRA_ASSIGN_OR_RETURN(const Merge merge, DecodeRequest<Merge>(request.body));
  const std::lock_guard lock(store_mutex_);
  LUTRA_ASSIGN_OR_RETURN(const size_t added, store_.Merge(merge.consumed));
  if (added > 0) {
    log_.Info(StrCat("learnt of ", added, " tapes that p1 has consumed"));
    LUTRA_RETURN_IF_ERROR(store_.RemoveConsumedTapes().status());
  }
  return Done();
}

StatusOr<Offered> PartyService::OnOffer(const Request& request) {
  LUTRA_RETURN_IF_ERROR(CheckAsker(request, {Role::kP1}));
  LUTRA_ASSIGN_OR_RETURN(const Offer offer, DecodeRequest<Offer>(request.body));
  LUTRA_RETURN_IF_ERROR(FindModel(offer.model, offer.program).status());
  Offered offered;
  std::set<Identifier> busy;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [tape, session] : sessions_) {
      // A session that P1 has forgotten, as after its restart, is prepared anew.
      if (session->state == Session::State::kOpened) busy.insert(tape);
    }
  }
  LUTRA_RETURN_IF_ERROR(ScanTapes(offer.program));
  const std::vector<Identifier> mine = UsableTapes(offer.program, offer.model);
  std::unique_lock lock(store_mutex_);
  const ConsumedSummary own = store_.Summary();
  offered.same_consumed = own == ConsumedSummary{offer.consumed_count, offer.consumed_hash};
  if (!offered.same_consumed) offered.consumed = store_.ConsumedSince(0);
  for (const Identifier& tape : offer.tapes) {
    const bool here = std::find(mine.begin(), mine.end(), tape) != mine.end();
    if (here && !busy.contains(tape)) offered.usable.push_back(tape);
  }
  lock.unlock();
  if (offered.usable.empty()) Lack(offer.program);
  return offered;
}

StatusOr<Done> PartyService::OnPrepare(const Request& request) {
  LUTRA_RETURN_IF_ERROR(CheckAsker(request, {Role::kP1}));
  LUTRA_ASSIGN_OR_RETURN(const Prepare prepare, DecodeRequest<Prepare>(request.body));
  LUTRA_ASSIGN_OR_RETURN(Model * model, FindModel(prepare.model, prepare.program));
  if (role_ == Role::kP2) {
    LUTRA_RETURN_IF_ERROR(MeetWith(Role::kP0));
    LUTRA_RETURN_IF_ERROR(MeetWith(Role::kP1));
  }
  LUTRA_ASSIGN_OR_RETURN(SessionPointer session, Begin(*model, prepare.tape, prepare.streamed));
  {
    const std::lock_guard lock(mutex_);
    ++preparing_;
  }
  std::thread([this, session = std::move(session), channel = prepare.channel]() mutable {
    PrepareSession(session, channel);
    // A stream closes its channel when it goes: by the endpoint, which may go once this has ended.
    session.reset();
    const std::lock_guard lock(mutex_);
    --preparing_;
    changed_.notify_all();
  }).detach();
  return Done();
}

StatusOr<PartyService::Model*> PartyService::FindModel(const Identifier& id,
                                                       const Digest& program) {
  const std::lock_guard lock(mutex_);
  const auto found = models_.find(id);
  if (found == models_.end()) {
    return absl::NotFoundError(StrCat("model: ", Name(role_), " has none of id ", id.Hex()));
  }
  LUTRA_RETURN_IF_ERROR(CheckSame("program", found->second->served->program.digest(), program));
  return found->second.get();
}

// ---- sessions ----

StatusOr<PartyService::SessionPointer> PartyService::Begin(Model& model, const Identifier& tape,
                                                           bool streamed) {
  const Program& program = model.served->program;
  auto session = std::make_shared<Session>();
  session->tape = tape;
  session->model = &model;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return Unavailable(Name(role_), ": is stopping");
    const auto found = sessions_.find(tape);
    if (found != sessions_.end() && found->second->state == Session::State::kOpened) {
      return absl::FailedPreconditionError(StrCat("tape ", tape.Hex(), ": in use"));
    }
    sessions_[tape] = session;  // prepared anew: the same bytes, as the tape stays with its model
  }
  std::unique_ptr<TapeSource> source;
  const Status bound = [&]() -> Status {
    const std::lock_guard lock(store_mutex_);
    LUTRA_RETURN_IF_ERROR(store_.Bind(tape, model.id));
    if (streamed) return absl::OkStatus();
    LUTRA_ASSIGN_OR_RETURN(TapeReader reader, store_.OpenTape(program.digest(), tape));
    source = std::make_unique<FileTape>(std::move(reader));
    return absl::OkStatus();
  }();
  Status status = bound;
  if (status.ok() && streamed) {
    session->asked = MonotonicNanoseconds();
    auto stream = StreamTape::Open(endpoint_, program.digest(), tape, options_.silence_seconds);
    status = stream.status();
    if (stream.ok()) source = *std::move(stream);
  }
  if (!status.ok()) {
    const std::lock_guard lock(mutex_);
    if (sessions_[tape] == session) sessions_.erase(tape);
    return status;
  }
  Buffer memory;
  {
    const std::lock_guard lock(mutex_);
    if (!spare_.empty()) {
      memory = std::move(spare_.back());
      spare_.pop_back();
    }
  }
  session->feed =
      std::make_unique<TapeFeed>(program, role_, std::move(source), options_.tape_memory_bytes,
                                 std::move(memory), &session->listeners);
  session->walker = model.walker->Fork(&session->listeners);
  session->walker->UsePool(ahead_pool_);
  return session;
}

void PartyService::PrepareSession(const SessionPointer& session, const Identifier& channel) {
  const Program& program = session->model->served->program;
  LowerPriority(kWaits);
  const auto prepare = [&]() -> Status {
    Timer timer(session->seconds[static_cast<size_t>(Phase::kPrepare)]);
    LongTermKeys keys;
    {
      const std::lock_guard lock(store_mutex_);
      for (size_t key = 0; key < kKeyCount; ++key) {
        const std::optional<Key>& own = store_.keys().keys[key];
        const std::optional<Key>& dealt = session->feed->header().keys.keys[key];
        if (own.has_value()) keys.keys[key].emplace(*own);
        if (dealt.has_value()) keys.keys[key].emplace(*dealt);
      }
    }
    LUTRA_RETURN_IF_ERROR(session->walker->StartSession(
        KeyRing::ForTape(keys, program.digest(), session->tape), NothingOwned()));
    LinkedWalker walk(program, session->model->served->plan, *session->walker,
                      {&endpoint_, channel, {}, options_.silence_seconds}, &session->listeners);
    return walk.Run(Phase::kPrepare);
  };
  Status status = prepare();
  if (status.ok()) {
    status = session->feed->Load();
    if (!status.ok()) {  // a damaged part, most likely: the next one may do
      const std::lock_guard lock(store_mutex_);
      aside_.insert(session->tape);
    }
  }
  if (status.ok() && session->asked.has_value() && session->feed->whole()) {
    session->offline_nanoseconds = MonotonicNanoseconds() - *session->asked;
  }
  if (!status.ok()) endpoint_.Cancel(channel, status);
  endpoint_.Close(channel);
  if (!status.ok()) {
    log_.Error(StrCat("prepare: tape ", session->tape.Hex()), status);
    End(session, status);
    return;
  }
  if (role_ == Role::kP0 && !session->model->served->plan.TakesPart(role_, Phase::kOnline)) {
    // All that P0 does is done; its record goes by the tape, as it hears of no session.
    session->id = session->tape;
    const Status recorded = Record(*session, /*framing_bytes=*/0);
    if (!recorded.ok()) log_.Error("record", recorded);
    End(session, recorded);
    return;
  }
  const std::lock_guard lock(mutex_);
  if (session->state == Session::State::kPreparing) session->state = Session::State::kPrepared;
  changed_.notify_all();
}

void PartyService::RunOnline(const SessionPointer& session, const std::optional<PeerId>& owner) {
  const Program& program = session->model->served->program;
  LinkedWalker::Links links{&endpoint_, session->id, {}, options_.silence_seconds};
  if (owner.has_value()) links.peers[Role::kDataOwner] = *owner;
  LinkedWalker walk(program, session->model->served->plan, *session->walker, links,
                    &session->listeners);
  session->walker->UsePool(pool_);
  const int64_t framing = FramingBytes();
  Status status;
  {
    Timer timer(session->seconds[static_cast<size_t>(Phase::kOnline)]);
    status = walk.Run(Phase::kOnline, [&](int level) {
      return session->feed->BeforeLevel(level, *session->walker);
    });
  }
  if (!status.ok()) endpoint_.Cancel(session->id, status);
  endpoint_.Close(session->id);
  if (status.ok()) status = Record(*session, FramingBytes() - framing);
  End(session, status);
}

Status PartyService::Record(const Session& session, int64_t framing_bytes) {
  SessionRecord record;
  record.session = session.id;
  record.model = session.model->id;
  record.tape = session.tape;
  record.program = session.model->served->program.digest();
  record.seconds = session.seconds;
  record.counters["framing_bytes"] = framing_bytes;
  if (session.offline_nanoseconds.has_value()) {
    record.counters["offline_nanoseconds"] = *session.offline_nanoseconds;
  }
  record.ledger = session.ledger;
  record.trace = session.recorder.trace();
  record.trace.threads[role_] = pool_.threads();
  const std::lock_guard lock(store_mutex_);
  return store_.AddSession(record);
}

// Forgets a session and what it held; its tape too if it was opened.
void PartyService::End(const SessionPointer& session, const Status& status) {
  bool opened = false;
  {
    const std::lock_guard lock(mutex_);
    opened = session->state == Session::State::kOpened;
    session->state = Session::State::kEnded;
    const auto found = sessions_.find(session->tape);
    if (found != sessions_.end() && found->second == session) sessions_.erase(found);
    if (opened) ++(status.ok() ? done_ : failed_);
  }
  if (opened) {
    if (status.ok()) {
      log_.Info(StrCat("session ", session->id.Hex(), ": done"));
    } else {
      log_.Error(StrCat("session ", session->id.Hex()), status);
    }
    const std::lock_guard lock(store_mutex_);
    const Digest& program = session->model->served->program.digest();
    if (store_.IsConsumed(session->tape)) (void)store_.RemoveTape(program, session->tape);
  }
  session->walker.reset();
  Buffer memory;
  if (session->feed != nullptr) memory = std::move(*session->feed).TakeMemory();
  session->feed.reset();
  const std::lock_guard lock(mutex_);
  if (spare_.size() < static_cast<size_t>(options_.prepare_ahead)) {
    spare_.push_back(std::move(memory));
  }
  changed_.notify_all();
}

int64_t PartyService::FramingBytes() const {
  int64_t bytes = 0;
  for (const Role peer : kRoles) {
    if (peer == role_) continue;
    const LinkTraffic traffic = endpoint_.traffic(peer);
    bytes += traffic.sent.framing_bytes + traffic.sent.control_bytes;
  }
  return bytes;
}

void PartyService::OnOpen(const Request& request) {
  const auto open = [&]() -> StatusOr<SessionPointer> {
    LUTRA_RETURN_IF_ERROR(CheckAsker(request, {Role::kP1}));
    LUTRA_ASSIGN_OR_RETURN(const Open wanted, DecodeRequest<Open>(request.body));
    LUTRA_RETURN_IF_ERROR(FindModel(wanted.model, wanted.program).status());
    std::unique_lock lock(mutex_);
    if (stopping_) return Unavailable(Name(role_), ": is stopping");
    const auto found = sessions_.find(wanted.tape);
    if (found == sessions_.end()) {
      return absl::NotFoundError(
          StrCat("tape ", wanted.tape.Hex(), ": not prepared at ", Name(role_)));
    }
    const SessionPointer session = found->second;
    LUTRA_RETURN_IF_ERROR(CheckSame("model", session->model->id, wanted.model));
    changed_.wait_until(lock, After(options_.silence_seconds),
                        [&] { return session->state != Session::State::kPreparing; });
    if (session->state == Session::State::kEnded) {  // P1 takes another one
      return absl::NotFoundError(
          StrCat("tape ", wanted.tape.Hex(), ": could not be prepared at ", Name(role_)));
    }
    if (session->state != Session::State::kPrepared) {
      return absl::FailedPreconditionError(
          StrCat("tape ", wanted.tape.Hex(), ": not prepared in time at ", Name(role_)));
    }
    {
      const std::lock_guard store_lock(store_mutex_);
      LUTRA_RETURN_IF_ERROR(store_.Consume(wanted.tape));
    }
    session->state = Session::State::kOpened;
    session->id = wanted.session;
    ++running_;
    changed_.notify_all();
    return session;
  };
  StatusOr<SessionPointer> session = open();
  const Deadline deadline = After(options_.silence_seconds);
  if (!session.ok()) {
    log_.Error("open", session.status());
    (void)endpoint_.Reply(request, session.status(), deadline);
    return;
  }
  const Status replied = endpoint_.Reply(request, EncodeAnswer(Done()), deadline);
  if (role_ == Role::kP0) {
    RunOnline(*session, std::nullopt);
  } else {
    // The data owner joins, or the tape is lost.
    std::unique_lock lock(mutex_);
    const bool joined = changed_.wait_until(lock, After(options_.silence_seconds), [&] {
      return (*session)->joined || (*session)->state == Session::State::kEnded;
    });
    lock.unlock();
    if (!joined) {
      End(*session, absl::DeadlineExceededError(
                        StrCat("the data owner did not join within ", options_.silence_seconds,
                               " s", replied.ok() ? "" : "; p1 could not be answered")));
    }
  }
  const std::lock_guard lock(mutex_);
  --running_;
  changed_.notify_all();
}

void PartyService::OnJoin(const Request& request) {
  const auto join = [&]() -> StatusOr<SessionPointer> {
    LUTRA_RETURN_IF_ERROR(CheckAsker(request, {Role::kDataOwner}));
    if (role_ == Role::kP0) return InvalidArgument("request: join: not for p0");
    LUTRA_ASSIGN_OR_RETURN(const Join wanted, DecodeRequest<Join>(request.body));
    LUTRA_RETURN_IF_ERROR(CheckSame("session", request.channel, wanted.session));
    LUTRA_RETURN_IF_ERROR(FindModel(wanted.model, wanted.program).status());
    return role_ == Role::kP1 ? OpenForJoin(wanted) : WaitForOpened(wanted);
  };
  const StatusOr<SessionPointer> session = join();
  const Deadline deadline = After(options_.silence_seconds);
  if (!session.ok()) {
    log_.Error("join of data-owner", session.status());
    (void)endpoint_.Reply(request, session.status(), deadline);
    return;
  }
  const Program& program = (*session)->model->served->program;
  Joined joined;
  joined.session = (*session)->id;
  joined.program = program.digest();
  joined.model = (*session)->model->id;
  joined.tape = (*session)->tape;
  {
    const KeyName name = role_ == Role::kP1 ? KeyName::kData1 : KeyName::kData0;
    const std::lock_guard lock(store_mutex_);
    joined.data =
        TapeKey(*store_.keys().keys[static_cast<size_t>(name)], program.digest(), joined.tape);
  }
  // Not Reply, which would close the channel that the session now uses.
  const Status sent =
      endpoint_.Send(request.from, request.channel, /*tag=*/0, EncodeAnswer(joined), deadline);
  Wipe(std::as_writable_bytes(std::span(joined.data.bytes)));
  if (sent.ok()) {
    RunOnline(*session, request.from);
  } else {
    End(*session, sent);
  }
  {
    const std::lock_guard lock(mutex_);
    --running_;
    changed_.notify_all();
  }
  if (role_ == Role::kP1) TellP0(**session);
}

// P0 may have had no part in the session; its part of the tape goes now. What it does not hear now
// it learns when the next tape is chosen.
void PartyService::TellP0(const Session& session) {
  if (session.model->served->plan.TakesPart(Role::kP0, Phase::kOnline)) return;
  Merge merge;
  merge.consumed = {session.tape};
  (void)endpoint_.Call(Role::kP0, EncodeRequest(merge), kMostAnswer,
                       After(options_.connect_seconds));
}

StatusOr<PartyService::SessionPointer> PartyService::TakeReady(Model& model) {
  std::unique_lock lock(mutex_);
  const auto first_prepared = [&] {
    return std::find_if(model.ready.begin(), model.ready.end(), [](const SessionPointer& session) {
      return session->state == Session::State::kPrepared;
    });
  };
  const auto is_preparing = [&] {
    return std::any_of(sessions_.begin(), sessions_.end(), [&](const auto& entry) {
      return entry.second->model == &model && entry.second->state == Session::State::kPreparing;
    });
  };
  const Deadline last = After(kMostPreparing * options_.silence_seconds);
  Deadline deadline = After(options_.silence_seconds);
  bool there = false;
  while (!there) {
    there = changed_.wait_until(lock, deadline,
                                [&] { return stopping_ || first_prepared() != model.ready.end(); });
    if (deadline >= last || !is_preparing()) break;
    deadline = std::min(last, After(options_.silence_seconds));
  }
  if (stopping_) return Unavailable(Name(role_), ": is stopping");
  if (!there) {
    return absl::DeadlineExceededError(
        StrCat("no session of model ", model.id.Hex(), " could be prepared in time",
               model.complaint.empty() ? "" : ": ", model.complaint));
  }
  const auto found = first_prepared();
  const SessionPointer session = *found;
  model.ready.erase(found);
  changed_.notify_all();  // another one can be prepared
  return session;
}

Status PartyService::OpenAt(Role peer, const Session& session) {
  const Open open{session.id, session.model->served->program.digest(), session.model->id,
                  session.tape};
  const StatusOr<Bytes> answer =
      endpoint_.Call(peer, EncodeRequest(open), kMostAnswer, After(options_.silence_seconds));
  return answer.status();
}

void PartyService::DropReady(Model& model, const Status& status) {
  std::deque<SessionPointer> ready;
  {
    const std::lock_guard lock(mutex_);
    ready.swap(model.ready);
  }
  for (const SessionPointer& session : ready) End(session, status);
}

StatusOr<PartyService::SessionPointer> PartyService::OpenForJoin(const Join& join) {
  LUTRA_ASSIGN_OR_RETURN(Model * model, FindModel(join.model, join.program));
  const Deadline deadline = After(options_.silence_seconds);
  {
    std::unique_lock lock(mutex_);
    const bool room = changed_.wait_until(
        lock, deadline, [this] { return stopping_ || running_ < options_.sessions_at_once; });
    if (stopping_) return Unavailable(Name(role_), ": is stopping");
    if (!room) return absl::DeadlineExceededError("p1 is busy with other sessions");
    if (!joined_.insert(join.session).second) {
      return absl::AlreadyExistsError(StrCat("session ", join.session.Hex(), ": joined before"));
    }
    ++running_;
  }
  const auto open = [&]() -> StatusOr<SessionPointer> {
    while (true) {
      LUTRA_ASSIGN_OR_RETURN(const SessionPointer session, TakeReady(*model));
      session->id = join.session;
      {
        const std::lock_guard lock(mutex_);
        opening_.insert(session->tape);
      }
      const Status opened = OpenAt(Role::kP2, *session);
      if (opened.ok()) {
        const std::lock_guard lock(mutex_);
        session->state = Session::State::kOpened;
      }
      Status status = opened;
      if (status.ok()) {
        const std::lock_guard lock(store_mutex_);
        status = store_.Consume(session->tape);
      }
      if (status.ok() && model->served->plan.TakesPart(Role::kP0, Phase::kOnline)) {
        status = OpenAt(Role::kP0, *session);
        // P0 was started anew: it has nothing prepared for later sessions either.
        if (absl::IsNotFound(status)) DropReady(*model, status);
      }
      {
        const std::lock_guard lock(mutex_);
        opening_.erase(session->tape);
      }
      if (status.ok()) return session;
      End(session, status);
      // P2 may have lost what it had prepared, by a restart: then the next one, or this one anew.
      if (opened.ok() || !absl::IsNotFound(opened)) return status;
      log_.Error("open at p2", opened);
    }
  };
  StatusOr<SessionPointer> session = open();
  if (!session.ok()) {
    const std::lock_guard lock(mutex_);
    --running_;
    changed_.notify_all();
  }
  return session;
}

StatusOr<PartyService::SessionPointer> PartyService::WaitForOpened(const Join& join) {
  std::unique_lock lock(mutex_);
  SessionPointer opened;
  // A bit longer than P1, which waits for room and then for a session, and can say why it did not.
  changed_.wait_until(lock, After((kMostPreparing + 1.5) * options_.silence_seconds), [&] {
    for (const auto& [tape, session] : sessions_) {
      const bool open = session->state == Session::State::kOpened && session->id == join.session;
      if (open && !session->joined) opened = session;
    }
    return stopping_ || opened != nullptr;
  });
  if (opened == nullptr) {
    if (stopping_) return Unavailable(Name(role_), ": is stopping");
    return absl::DeadlineExceededError(
        StrCat("session ", join.session.Hex(), ": p1 has not opened it"));
  }
  LUTRA_RETURN_IF_ERROR(CheckSame("model", opened->model->id, join.model));
  opened->joined = true;
  ++running_;
  changed_.notify_all();
  return opened;
}

// ---- ahead ----

bool PartyService::WaitOrStopped(double seconds) {
  std::unique_lock lock(mutex_);
  if (!stopping_) changed_.wait_for(lock, std::chrono::duration<double>(seconds));
  return stopping_;
}

void PartyService::Complain(std::string& last, std::string_view what, const Status& status) {
  const std::string text = status.ok() ? "" : StrCat(what, ": ", OneLine(status));
  {
    const std::lock_guard lock(mutex_);
    if (text == last || stopping_) return;
    last = text;
  }
  if (!text.empty()) log_.Error(text);
}

void PartyService::PrepareAhead() {
  bool busy = true;
  while (busy || !WaitOrStopped(options_.idle_seconds)) {
    busy = false;
    std::vector<Model*> behind;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      for (const auto& [id, model] : models_) {
        std::erase_if(model->ready, [](const SessionPointer& session) {
          return session->state == Session::State::kEnded;
        });
        const auto ahead = static_cast<int>(model->ready.size()) + model->preparing;
        if (ahead < options_.prepare_ahead) behind.push_back(model.get());
      }
    }
    for (Model* model : behind) {
      const StatusOr<bool> prepared = PrepareNext(*model);
      Complain(model->complaint, StrCat("preparing for model ", model->id.Hex()),
               prepared.status());
      busy = busy || (prepared.ok() && *prepared);
    }
  }
}

StatusOr<std::vector<Identifier>> PartyService::AskUsable(Role peer, const Model& model,
                                                          std::vector<Identifier> tapes) {
  Offer offer;
  offer.program = model.served->program.digest();
  offer.model = model.id;
  offer.tapes = std::move(tapes);
  {
    const std::lock_guard lock(store_mutex_);
    const ConsumedSummary summary = store_.Summary();
    offer.consumed_count = summary.count;
    offer.consumed_hash = summary.hash;
  }
  LUTRA_ASSIGN_OR_RETURN(const Bytes answer, endpoint_.Call(peer, EncodeRequest(offer), kMostAnswer,
                                                            After(options_.silence_seconds)));
  LUTRA_ASSIGN_OR_RETURN(Offered offered, DecodeAnswer<Offered>(answer, Name(peer)));
  if (offered.same_consumed) return std::move(offered.usable);
  // One of us has forgotten, or was restored from a backup: both take over what the other knows. Of
  // a tape that is being opened one of us knows first.
  Merge merge;
  {
    const std::scoped_lock lock(mutex_, store_mutex_);  // so that nothing is opened in between
    const std::set<Identifier>& opening = opening_;
    std::erase_if(offered.consumed, [&](const Identifier& tape) { return opening.contains(tape); });
    LUTRA_ASSIGN_OR_RETURN(const size_t added, store_.Merge(offered.consumed));
    if (added > 0) {
      log_.Error(StrCat("learnt of ", added, " tapes that ", Name(peer), " has consumed"));
    }
    const std::set<Identifier> theirs(offered.consumed.begin(), offered.consumed.end());
    for (const Identifier& tape : store_.ConsumedSince(0)) {
      if (!theirs.contains(tape) && !opening.contains(tape)) merge.consumed.push_back(tape);
    }
    std::erase_if(offered.usable,
                  [this](const Identifier& tape) { return store_.IsConsumed(tape); });
  }
  if (!merge.consumed.empty()) {
    LUTRA_RETURN_IF_ERROR(
        endpoint_.Call(peer, EncodeRequest(merge), kMostAnswer, After(options_.silence_seconds))
            .status());
  }
  return std::move(offered.usable);
}

// What is here is of no use: one more is fetched.
void PartyService::Lack(const Digest& program) {
  const std::lock_guard lock(mutex_);
  lacking_.insert(program);
  changed_.notify_all();
}

Status PartyService::ScanTapes(const Digest& program) {
  const std::lock_guard lock(store_mutex_);
  LUTRA_ASSIGN_OR_RETURN(const std::vector<RefusedTape> refused, store_.ScanTapes(program));
  for (const RefusedTape& part : refused) {
    if (refused_.insert(part.path).second) {
      log_.Error(StrCat("refused ", part.path.string()), part.reason);
    }
  }
  return absl::OkStatus();
}

std::vector<Identifier> PartyService::UsableTapes(const Digest& program, const Identifier& model) {
  const std::lock_guard lock(store_mutex_);
  std::vector<Identifier> tapes = store_.Candidates(program, model);
  std::erase_if(tapes, [this](const Identifier& tape) { return aside_.contains(tape); });
  return tapes;
}

StatusOr<std::optional<Identifier>> PartyService::ChooseTape(Model& model) {
  const Digest& program = model.served->program.digest();
  LUTRA_RETURN_IF_ERROR(ScanTapes(program));
  std::vector<Identifier> tapes = UsableTapes(program, model.id);
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(tapes, [this](const Identifier& tape) { return sessions_.contains(tape); });
  }
  if (tapes.empty()) return std::nullopt;
  LUTRA_ASSIGN_OR_RETURN(std::vector<Identifier> usable, AskUsable(Role::kP2, model, tapes));
  if (usable.empty()) {
    Lack(program);
    return Unavailable("p1 and p2 have no unused tape in common yet");
  }
  LUTRA_ASSIGN_OR_RETURN(usable, AskUsable(Role::kP0, model, std::move(usable)));
  if (usable.empty()) {
    Lack(program);
    return Unavailable("p0 has no unused tape in common with p1 and p2 yet");
  }
  return usable.front();
}

StatusOr<bool> PartyService::PrepareNext(Model& model) {
  const Digest& program = model.served->program.digest();
  LUTRA_RETURN_IF_ERROR(MeetWith(Role::kP0));
  Prepare prepare;
  LUTRA_ASSIGN_OR_RETURN(std::optional<Identifier> tape, ChooseTape(model));
  if (!tape.has_value()) {
    {
      const std::lock_guard lock(mutex_);
      prepare.streamed = streaming_.contains(program);
    }
    if (!prepare.streamed) {
      return Unavailable("no tape of program ", program.Hex(),
                         ": the dealer has not dealt one yet");
    }
    // A stream that a party without the model cannot take would be lost.
    LUTRA_RETURN_IF_ERROR(AskUsable(Role::kP2, model, {}).status());
    LUTRA_RETURN_IF_ERROR(AskUsable(Role::kP0, model, {}).status());
    LUTRA_ASSIGN_OR_RETURN(const Bytes answer,
                           endpoint_.Call(Role::kDealer, EncodeRequest(NewStream{program}),
                                          kMostAnswer, After(options_.silence_seconds)));
    LUTRA_ASSIGN_OR_RETURN(const TapeOffer offer, DecodeAnswer<TapeOffer>(answer, "dealer"));
    tape = offer.tape;
  }
  prepare.program = program;
  prepare.model = model.id;
  prepare.tape = *tape;
  LUTRA_ASSIGN_OR_RETURN(prepare.channel, RandomIdentifier());
  LUTRA_ASSIGN_OR_RETURN(const SessionPointer session, Begin(model, *tape, prepare.streamed));
  for (const Role peer : {Role::kP2, Role::kP0}) {
    const StatusOr<Bytes> answer =
        endpoint_.Call(peer, EncodeRequest(prepare), kMostAnswer, After(options_.silence_seconds));
    if (answer.ok()) continue;
    endpoint_.Cancel(prepare.channel, answer.status());
    endpoint_.Close(prepare.channel);
    End(session, answer.status());
    return answer.status();
  }
  {
    const std::lock_guard lock(mutex_);
    ++model.preparing;
  }
  PrepareSession(session, prepare.channel);
  const std::lock_guard lock(mutex_);
  --model.preparing;
  if (session->state != Session::State::kPrepared) return false;
  model.ready.push_back(session);
  changed_.notify_all();
  return true;
}

void PartyService::FetchAhead() {
  LowerPriority(kWaits);
  std::map<Digest, std::string> complaints;
  bool busy = true;
  while (busy || !WaitOrStopped(options_.idle_seconds)) {
    busy = false;
    std::set<Digest> wanted;
    std::set<Digest> lacking;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      for (const auto& [id, model] : models_) wanted.insert(model->served->program.digest());
      lacking.swap(lacking_);
    }
    for (const Digest& program : wanted) {
      const Status scanned = ScanTapes(program);
      if (!scanned.ok()) log_.Error("tapes", scanned);
      if (!lacking.contains(program) && FreeTapes(program) >= options_.tapes_ahead) continue;
      const StatusOr<bool> fetched = FetchOne(program);
      Complain(complaints[program], "fetching tapes", fetched.status());
      busy = busy || (fetched.ok() && *fetched);
    }
  }
}

int64_t PartyService::FreeTapes(const Digest& program) {
  const std::lock_guard lock(store_mutex_);
  const std::vector<TapeEntry> tapes = store_.Tapes(program);
  return std::count_if(tapes.begin(), tapes.end(), [this](const TapeEntry& entry) {
    return !store_.ModelOf(entry.tape).has_value() && !aside_.contains(entry.tape);
  });
}

StatusOr<bool> PartyService::FetchOne(const Digest& program) {
  // Without a dealer, which may well be so on purpose, nothing waits long.
  LUTRA_RETURN_IF_ERROR(endpoint_.Connect(Role::kDealer, After(kDealerSeconds)));
  TakeTape take;
  take.program = program;
  {
    const std::lock_guard lock(store_mutex_);
    for (const TapeEntry& entry : store_.Tapes(program)) take.have.push_back(entry.tape);
  }
  LUTRA_ASSIGN_OR_RETURN(const Identifier channel, RandomIdentifier());
  const auto fetch = [&]() -> StatusOr<std::optional<Identifier>> {
    LUTRA_RETURN_IF_ERROR(endpoint_.Ask(Role::kDealer, channel, EncodeRequest(take),
                                        After(options_.connect_seconds)));
    LUTRA_ASSIGN_OR_RETURN(const Bytes answer,
                           endpoint_.Receive({Role::kDealer}, channel, /*tag=*/0, kMostAnswer,
                                             After(options_.silence_seconds)));
    LUTRA_ASSIGN_OR_RETURN(const TapeOffer offer, DecodeAnswer<TapeOffer>(answer, "dealer"));
    {
      const std::lock_guard lock(mutex_);
      if (offer.streaming) streaming_.insert(program);
    }
    if (!offer.found) return std::nullopt;
    std::unique_ptr<PartyStore::Import> import;
    {
      const std::lock_guard lock(store_mutex_);
      // Copied here by the operator, say, and used: the dealer may forget it.
      if (store_.IsConsumed(offer.tape)) {
        endpoint_.Cancel(channel, absl::AlreadyExistsError("consumed already"));
        return offer.tape;
      }
      LUTRA_ASSIGN_OR_RETURN(import, store_.ImportTape(program));
    }
    for (int64_t record = 0; record < offer.records; ++record) {
      LUTRA_ASSIGN_OR_RETURN(
          const Bytes bytes,
          endpoint_.Receive({Role::kDealer}, channel, RecordTag(record),
                            TapeHeader::kMaxChunkBytes + int64_t{sizeof(TapeChecksum)},
                            After(options_.silence_seconds)));
      const std::lock_guard lock(store_mutex_);
      LUTRA_RETURN_IF_ERROR(import->Add(bytes));
    }
    const std::lock_guard lock(store_mutex_);
    LUTRA_RETURN_IF_ERROR(import->Finish());
    return offer.tape;
  };
  const StatusOr<std::optional<Identifier>> tape = fetch();
  if (!tape.ok()) endpoint_.Cancel(channel, tape.status());
  endpoint_.Close(channel);
  if (!tape.ok()) return tape.status();
  if (!tape->has_value()) return false;
  {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  }
  LUTRA_RETURN_IF_ERROR(endpoint_
                            .Call(Role::kDealer, EncodeRequest(KeepTape{program, **tape}),
                                  kMostAnswer, After(options_.silence_seconds))
                            .status());
  return true;
}

}  // namespace lutra
