#include "parties/owners.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <mutex>
#include <span>
#include <thread>
#include <utility>

#include "cluster/tensor_file.h"
#include "mpc/protocols/reveal.h"
#include "parties/walker.h"

namespace lutra {
namespace {

constexpr int64_t kMostAnswer = int64_t{64} << 10;
constexpr int64_t kMostStatus = int64_t{16} << 20;
constexpr double kSlowestBytesPerSecond = 1e6;
// Beyond the endpoint's own limit, which knows better why a server did not answer.
constexpr double kConnectGrace = 0.5;

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Calls body(0), .., body(count - 1), each in a thread of its own.
void Together(size_t count, const std::function<void(size_t)>& body) {
  std::vector<std::thread> threads;
  for (size_t i = 1; i < count; ++i) threads.emplace_back(body, i);
  if (count > 0) body(0);
  for (std::thread& thread : threads) thread.join();
}

// The errors of all servers that do not answer the handshake.
Status ConnectAll(Endpoint& endpoint, std::span<const Role> roles, double seconds) {
  std::vector<Status> connected(roles.size());
  Together(roles.size(), [&](size_t i) {
    connected[i] = endpoint.Connect(roles[i], After(seconds + kConnectGrace));
  });
  Status first;
  std::string text;
  for (const Status& status : connected) {
    if (status.ok()) continue;
    if (first.ok()) first = status;
    text += StrCat(text.empty() ? "" : "; ", OneLine(status));
  }
  return first.ok() ? first : Status(first.code(), ToAbsl(text));
}

// A server that was asked something on a channel.
struct Asked {
  Role role;
  Identifier channel;
  StatusOr<Bytes> answer = absl::UnknownError("not answered");
};

void CancelAll(Endpoint& endpoint, std::span<const Asked> asked, const Status& status) {
  for (const Asked& one : asked) endpoint.Cancel(one.channel, status);
}

// Waits for the answers of all. The first error (which is returned) cancels the channels of those
// that have not answered by then.
Status AwaitAll(Endpoint& endpoint, std::span<Asked> asked, Deadline deadline) {
  std::mutex mutex;
  Status first;
  Together(asked.size(), [&](size_t i) {
    StatusOr<Bytes> answer =
        endpoint.Receive({asked[i].role, 0}, asked[i].channel, 0, kMostAnswer, deadline);
    const std::lock_guard lock(mutex);
    asked[i].answer = std::move(answer);
    if (asked[i].answer.ok() || !first.ok()) return;
    first = asked[i].answer.status();
    for (const Asked& other : asked) {
      if (!other.answer.ok()) endpoint.Cancel(other.channel, first);
    }
  });
  return first;
}

// Keys of an owner, wiped when they are not needed any more; never copied.
class WipedKeys {
 public:
  WipedKeys() = default;
  ~WipedKeys() { Wipe(std::as_writable_bytes(std::span(keys_.keys))); }
  WipedKeys(const WipedKeys&) = delete;
  WipedKeys& operator=(const WipedKeys&) = delete;
  const LongTermKeys& all() const { return keys_; }
  std::optional<Key>& operator[](KeyName name) { return keys_.keys[static_cast<size_t>(name)]; }

 private:
  LongTermKeys keys_;
};

// ---- model owner ----

class ModelSender {
 public:
  ModelSender(Endpoint& endpoint, const Program& program, const OwnerPatience& patience)
      : endpoint_(endpoint), patience_(patience), program_file_(WriteProgram(program)) {}

  Status ToDealer(Bytes tables) {
    LUTRA_ASSIGN_OR_RETURN(const Identifier channel, RandomIdentifier());
    const Deadline deadline = Limit(static_cast<int64_t>(tables.size()));
    std::vector<Asked> asked = {{Role::kDealer, channel}};
    Status status =
        endpoint_.Ask(Role::kDealer, channel, EncodeRequest(AddProgram{program_file_}), deadline);
    if (status.ok()) {
      status = endpoint_.Send({Role::kDealer, 0}, channel, kBulkTag, std::move(tables), deadline);
    }
    if (status.ok()) status = AwaitAll(endpoint_, asked, deadline);
    if (!status.ok()) endpoint_.Cancel(channel, status);
    endpoint_.Close(channel);
    return Annotate(status, "adding the program at the dealer");
  }

  // `walker` has been given its keys and the weights.
  Status ToParties(const Program& program, const Identifier& model, WipedKeys& keys, Walker& walker,
                   Listener& listener) {
    for (const Role party : kParties) {
      LUTRA_ASSIGN_OR_RETURN(const Identifier channel, RandomIdentifier());
      parties_.push_back({party, channel});
    }
    Status status = AskParties(model, keys);
    if (status.ok()) status = SendShares(program, walker, listener);
    if (!status.ok()) {
      CancelAll(endpoint_, parties_, status);
    } else {
      status = AwaitAll(endpoint_, parties_, Limit(sent_));
    }
    for (const Asked& party : parties_) endpoint_.Close(party.channel);
    if (status.ok()) return status;
    return Annotate(Status(status.code(), ToAbsl(StrCat(OneLine(status), OthersHave()))),
                    StrCat("sharing model ", model.Hex()));
  }

 private:
  // For what a server must have taken, kept and confirmed.
  Deadline Limit(int64_t bytes) const {
    const double whole = static_cast<double>(bytes) + static_cast<double>(program_file_.size());
    return After(patience_.silence + whole / kSlowestBytesPerSecond);
  }

  Status AskParties(const Identifier& model, WipedKeys& keys) {
    for (const Asked& party : parties_) {
      ShareModel request{model, program_file_, {}, {}};
      if (Holds(party.role, KeyName::kModel0)) request.key0.push_back(*keys[KeyName::kModel0]);
      if (Holds(party.role, KeyName::kModel1)) request.key1.push_back(*keys[KeyName::kModel1]);
      const Status status =
          endpoint_.Ask(party.role, party.channel, EncodeRequest(request), Limit(0));
      Wipe(std::as_writable_bytes(std::span(request.key0)));
      Wipe(std::as_writable_bytes(std::span(request.key1)));
      LUTRA_RETURN_IF_ERROR(status);
    }
    return absl::OkStatus();
  }

  Status SendShares(const Program& program, Walker& walker, Listener& listener) {
    for (int level = 0; level < program.levels(Phase::kModel); ++level) {
      for (auto& [to, message] : walker.Before(Phase::kModel, level)) {
        listener.OnMessage(Phase::kModel, level, walker.role(), to, message, /*continues=*/false);
        const auto party = std::find_if(parties_.begin(), parties_.end(),
                                        [to = to](const Asked& one) { return one.role == to; });
        LUTRA_CHECK(party != parties_.end());
        sent_ += static_cast<int64_t>(message.size());
        LUTRA_RETURN_IF_ERROR(endpoint_.Send({to, 0}, party->channel,
                                             MessageTag(Phase::kModel, level), std::move(message),
                                             Limit(sent_)));
      }
      LUTRA_RETURN_IF_ERROR(walker.After(Phase::kModel, level, {}));
    }
    return absl::OkStatus();
  }

  // What an operator wants to know when only some parties have the model.
  std::string OthersHave() const {
    std::string text;
    for (const Asked& party : parties_) {
      if (party.answer.ok()) text += StrCat(text.empty() ? "" : ", ", Name(party.role));
    }
    if (text.empty()) return "; no party has confirmed the model";
    return StrCat("; confirmed by ", text, ", which keeps a share that nobody can use");
  }

  Endpoint& endpoint_;
  const OwnerPatience& patience_;
  const std::vector<std::byte> program_file_;
  std::vector<Asked> parties_;
  int64_t sent_ = 0;
};

// Whether the parties are among the receivers. An error where only some of them are.
StatusOr<bool> ToParties(std::span<const Role> to) {
  std::string found;
  size_t parties = 0;
  for (const Role role : to) {
    if (!IsServer(role) || std::count(to.begin(), to.end(), role) != 1) {
      return InvalidArgument("expected servers, each once, found ", Name(role));
    }
    if (!IsParty(role)) continue;
    ++parties;
    found += StrCat(found.empty() ? "" : ", ", Name(role));
  }
  if (to.empty()) return InvalidArgument("expected servers to send to, found none");
  if (parties == 0 || parties == kParties.size()) return parties > 0;
  return InvalidArgument("expected all of p0, p1, p2 or none, found ", found,
                         ": their shares belong together");
}

Status DrawModelKeys(const std::optional<uint64_t>& insecure_seed, WipedKeys& keys) {
  for (const KeyName name : {KeyName::kModel0, KeyName::kModel1}) {
    if (insecure_seed.has_value()) {
      keys[name] = LongTermKeysFromSeed(*insecure_seed).keys[static_cast<size_t>(name)];
      continue;
    }
    StatusOr<Key> drawn = RandomKey();
    LUTRA_RETURN_IF_ERROR(drawn.status());
    keys[name] = *drawn;
    Wipe(std::as_writable_bytes(std::span(drawn->bytes)));
  }
  return absl::OkStatus();
}

StatusOr<Identifier> ModelIdentifier(const SendModelOptions& options) {
  if (options.model.has_value()) return *options.model;
  if (!options.insecure_seed.has_value()) return RandomIdentifier();
  return IdentifierFromSeed(*options.insecure_seed, "model id", 0);
}

// ---- data owner ----

Status CheckAnswer(const Joined& answer, const Join& asked) {
  LUTRA_RETURN_IF_ERROR(CheckSame("session", asked.session, answer.session));
  LUTRA_RETURN_IF_ERROR(CheckSame("program", asked.program, answer.program));
  return CheckSame("model", asked.model, answer.model);
}

class Session {
 public:
  Session(Endpoint& endpoint, const Program& program, const OwnerPatience& patience, Join join)
      : endpoint_(endpoint), program_(program), patience_(patience), join_(std::move(join)) {}

  // Waits until both parties have opened the session; the data keys of its tape.
  Status Open(Identifier& tape, WipedKeys& keys) {
    std::vector<Asked> asked = {{Role::kP1, join_.session}, {Role::kP2, join_.session}};
    for (const Asked& party : asked) {
      LUTRA_RETURN_IF_ERROR(
          endpoint_.Ask(party.role, party.channel, EncodeRequest(join_), After(patience_.silence)));
    }
    LUTRA_RETURN_IF_ERROR(AwaitAll(endpoint_, asked, After(patience_.silence * patience_.hops)));
    std::vector<Identifier> tapes;
    for (Asked& party : asked) {
      StatusOr<Joined> joined = DecodeAnswer<Joined>(*party.answer, Name(party.role));
      Wipe(*party.answer);
      LUTRA_RETURN_IF_ERROR(joined.status());
      keys[party.role == Role::kP1 ? KeyName::kData1 : KeyName::kData0] = joined->data;
      Wipe(std::as_writable_bytes(std::span(joined->data.bytes)));
      LUTRA_RETURN_IF_ERROR(Annotate(CheckAnswer(*joined, join_), Name(party.role)));
      tapes.push_back(joined->tape);
    }
    if (tapes[0] != tapes[1]) {
      return InvalidArgument("tape: p1 says ", tapes[0].Hex(), ", p2 says ", tapes[1].Hex());
    }
    tape = tapes[0];
    return absl::OkStatus();
  }

  Status Run(const MessagePlan& plan, Walker& walker, Listener& listener, InferResult& result) {
    LinkedWalker linked(program_, plan, walker, {&endpoint_, join_.session, {}, patience_.silence},
                        &listener);
    return linked.Run(Phase::kOnline, nullptr, [&](int level) {
      for (const Node& node : program_.nodes()) {
        if (node.phase != Phase::kOnline || node.level != level || !IsReveal(node)) continue;
        result.revealed.insert_or_assign(node.spec.attributes.text("name"),
                                         walker.value(node.outputs[0]).parts[0].Clone());
      }
    });
  }

 private:
  Endpoint& endpoint_;
  const Program& program_;
  const OwnerPatience& patience_;
  const Join join_;
};

void AddSince(Traffic& sum, const Traffic& before, const Traffic& now) {
  sum.messages += now.messages - before.messages;
  sum.payload_bytes += now.payload_bytes - before.payload_bytes;
  sum.control_bytes += now.control_bytes - before.control_bytes;
  sum.framing_bytes += now.framing_bytes - before.framing_bytes;
}

}  // namespace

StatusOr<SharedModel> SendModel(Endpoint& endpoint, const Program& program,
                                const TableContents& tables, const NamedTensors& weights,
                                ThreadPool& pool, const SendModelOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  LUTRA_ASSIGN_OR_RETURN(const bool to_parties, ToParties(options.to));
  const bool to_dealer = options.to.size() > (to_parties ? kParties.size() : 0);
  SharedModel shared;
  TraceRecorder recorder(TraceRecorder::Roles::kOne);
  Listeners listeners{&shared.ledger, &recorder};
  Walker walker(program, Role::kModelOwner, pool, &listeners);
  WipedKeys keys;
  LUTRA_RETURN_IF_ERROR(DrawModelKeys(options.insecure_seed, keys));
  if (to_parties) {
    LUTRA_ASSIGN_OR_RETURN(shared.model, ModelIdentifier(options));
    // Checks the weights, before anybody is asked anything.
    LUTRA_RETURN_IF_ERROR(walker.StartModel(KeyRing::ForModel(keys.all(), *shared.model), weights));
  }
  LUTRA_RETURN_IF_ERROR(ConnectAll(endpoint, options.to, options.patience.connect));
  ModelSender sender(endpoint, program, options.patience);
  if (to_dealer) LUTRA_RETURN_IF_ERROR(sender.ToDealer(PackTables(program, tables)));
  if (to_parties) {
    LUTRA_RETURN_IF_ERROR(sender.ToParties(program, *shared.model, keys, walker, listeners));
  }
  shared.seconds = SecondsSince(start);
  shared.trace = std::move(recorder.trace());
  shared.trace.threads[Role::kModelOwner] = pool.threads();
  return shared;
}

StatusOr<InferResult> Infer(Endpoint& endpoint, const Program& program, const MessagePlan& plan,
                            const Identifier& model, const NamedTensors& data, ThreadPool& pool,
                            const OwnerPatience& patience) {
  constexpr std::array kOnline = {Role::kP1, Role::kP2};
  InferResult result;
  TraceRecorder recorder(TraceRecorder::Roles::kOne);
  Listeners listeners{&result.ledger, &recorder};
  Walker walker(program, Role::kDataOwner, pool, &listeners);
  // Checks the inputs, before a tape is spent on them.
  LUTRA_RETURN_IF_ERROR(walker.StartSession({}, data));
  LUTRA_RETURN_IF_ERROR(ConnectAll(endpoint, kOnline, patience.connect));
  LUTRA_ASSIGN_OR_RETURN(result.session, RandomIdentifier());
  std::array<LinkTraffic, kOnline.size()> before;
  for (size_t i = 0; i < kOnline.size(); ++i) before[i] = endpoint.traffic(kOnline[i]);

  Session session(endpoint, program, patience, {result.session, program.digest(), model});
  auto start = std::chrono::steady_clock::now();
  WipedKeys keys;
  Status status = session.Open(result.tape, keys);
  result.wait_seconds = SecondsSince(start);
  start = std::chrono::steady_clock::now();
  if (status.ok()) status = walker.StartSession(KeyRing::OfTapeKeys(keys.all()), data);
  if (status.ok()) status = session.Run(plan, walker, listeners, result);
  result.seconds = SecondsSince(start);
  result.trace = std::move(recorder.trace());
  result.trace.threads[Role::kDataOwner] = pool.threads();
  walker.EndSession();
  if (!status.ok()) endpoint.Cancel(result.session, status);
  endpoint.Close(result.session);
  LUTRA_RETURN_IF_ERROR(Annotate(status, StrCat("session ", result.session.Hex().substr(0, 8))));
  for (size_t i = 0; i < kOnline.size(); ++i) {
    const LinkTraffic now = endpoint.traffic(kOnline[i]);
    AddSince(result.traffic.sent, before[i].sent, now.sent);
    AddSince(result.traffic.received, before[i].received, now.received);
  }
  return result;
}

std::vector<ServerReport> StatusOfServers(Endpoint& endpoint, double seconds) {
  std::vector<ServerReport> reports(kServers.size());
  const Deadline deadline = After(seconds);
  Together(reports.size(), [&](size_t i) {
    reports[i].role = kServers[i];
    reports[i].status = [&]() -> StatusOr<ServerStatus> {
      LUTRA_RETURN_IF_ERROR(endpoint.Connect(kServers[i], deadline));
      LUTRA_ASSIGN_OR_RETURN(
          const Bytes answer,
          endpoint.Call(kServers[i], EncodeRequest(StatusRequest{}), kMostStatus, deadline));
      return DecodeAnswer<ServerStatus>(answer, Name(kServers[i]));
    }();
  });
  return reports;
}

}  // namespace lutra
