// P0, P1 or P2 as a server: takes its shares of models, fetches its parts of tapes, prepares
// sessions ahead, and runs them with the other parties and the data owner.
//
// P1 leads. It asks P2 and P0 which tapes they could use for a model, has all three bind one to the
// model and prepare it, and when a data owner joins, opens a session on the first one prepared.
// Every party marks the tape as consumed on its disk before it answers (P1: before it answers the
// data owner), so before the first byte of the online phase leaves.
#ifndef LUTRA_PARTIES_PARTY_SERVICE_H_
#define LUTRA_PARTIES_PARTY_SERVICE_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cluster/endpoint.h"
#include "cluster/party_store.h"
#include "cluster/process.h"
#include "cluster/wire.h"
#include "core/status.h"
#include "core/thread_pool.h"
#include "mpc/program.h"
#include "mpc/protocol.h"
#include "parties/linked_walker.h"
#include "parties/tape_feed.h"
#include "parties/walker.h"

namespace lutra {

struct PartyOptions {
  int prepare_ahead = 1;  // sessions of each model that are prepared before anybody asks
  int tapes_ahead = 2;    // parts of each program that are fetched ahead
  int sessions_at_once = 1;
  int64_t tape_memory_bytes = int64_t{6} << 30;  // longer tapes are read window by window
  std::optional<uint64_t> insecure_seed;         // keys as a simulation with this seed has them
  double idle_seconds = 1;                       // between looks at what is to be done ahead
  double connect_seconds = 10;
  double silence_seconds = 30;
};

class PartyService {
 public:
  // Loads what the store has. All outlive the service.
  static StatusOr<std::unique_ptr<PartyService>> Make(Endpoint& endpoint, PartyStore& store,
                                                      ThreadPool& pool, Log& log,
                                                      const PartyOptions& options);
  ~PartyService();

  // Serves until `stopped`; then finishes what is in flight.
  void Run(const std::function<bool()>& stopped);

 private:
  struct ServedProgram {
    explicit ServedProgram(Program made) : program(std::move(made)), plan(program) {}
    const Program program;
    const MessagePlan plan;
  };
  struct Model;

  // One tape on its way from being chosen to being used up.
  struct Session {
    enum class State { kPreparing, kPrepared, kOpened, kEnded };
    Identifier tape;
    Model* model = nullptr;
    State state = State::kPreparing;
    Identifier id;  // once opened
    bool joined = false;
    Ledger ledger;
    TraceRecorder recorder{TraceRecorder::Roles::kOne};
    Listeners listeners{&ledger, &recorder};
    std::array<double, kPhases.size()> seconds{};
    // Of a tape that is streamed: when its part was asked for, and how long from then on until it
    // was there and prepared. None where a part of it is read online.
    std::optional<int64_t> asked;  // nanoseconds of the monotonic clock
    std::optional<int64_t> offline_nanoseconds;
    std::unique_ptr<Walker> walker;
    std::unique_ptr<TapeFeed> feed;
  };
  using SessionPointer = std::shared_ptr<Session>;

  struct Model {
    Identifier id;
    const ServedProgram* served = nullptr;
    std::unique_ptr<Walker> walker;    // whose forks run the sessions
    std::deque<SessionPointer> ready;  // P1: prepared, in the order of preparation
    int preparing = 0;                 // P1
    std::string complaint;             // what preparing last failed with, to be logged once
  };

  PartyService(Endpoint& endpoint, PartyStore& store, ThreadPool& pool, Log& log,
               const PartyOptions& options);

  // ---- set-up ----
  Status MakeKeys();
  Status LoadModels();
  StatusOr<const ServedProgram*> Serve(const Digest& digest);
  // The listener, which may be null, is told of what came and of the work.
  Status AddModel(const ModelRecord& record, Listener* listener);
  // Compares keys with another party, and gets those that it makes.
  Status MeetWith(Role peer);

  // ---- answering ----
  void Answer(const Request& request);
  StatusOr<Bytes> AnswerOf(const Request& request, RequestKind kind);
  ServerStatus StatusNow();
  StatusOr<Bytes> OnShareModel(const Request& request);
  StatusOr<Met> OnMeet(const Request& request);
  StatusOr<Done> OnMerge(const Request& request);
  StatusOr<Offered> OnOffer(const Request& request);
  StatusOr<Done> OnPrepare(const Request& request);
  void OnOpen(const Request& request);
  void OnJoin(const Request& request);
  StatusOr<SessionPointer> OpenForJoin(const Join& join);    // P1
  StatusOr<SessionPointer> WaitForOpened(const Join& join);  // P2
  StatusOr<SessionPointer> TakeReady(Model& model);
  Status OpenAt(Role peer, const Session& session);
  void TellP0(const Session& session);
  void DropReady(Model& model, const Status& status);
  StatusOr<Model*> FindModel(const Identifier& id, const Digest& program);

  // ---- sessions ----
  // Binds the tape to the model and makes the session; it counts as being prepared.
  StatusOr<SessionPointer> Begin(Model& model, const Identifier& tape, bool streamed);
  void PrepareSession(const SessionPointer& session, const Identifier& channel);
  // The online phase; the data owner is at `owner`, where there is one to this role.
  void RunOnline(const SessionPointer& session, const std::optional<PeerId>& owner);
  void End(const SessionPointer& session, const Status& status);
  // Writes what this role has to say of a session to the store.
  Status Record(const Session& session, int64_t framing_bytes);
  int64_t FramingBytes() const;

  // ---- ahead ----
  void PrepareAhead();  // P1
  // Whether a session could be prepared now.
  StatusOr<bool> PrepareNext(Model& model);
  StatusOr<std::optional<Identifier>> ChooseTape(Model& model);
  void Lack(const Digest& program);
  // Looks at the folder of tapes again, and logs what may not be used.
  Status ScanTapes(const Digest& program);
  // Usable ones that are not damaged here.
  std::vector<Identifier> UsableTapes(const Digest& program, const Identifier& model);
  StatusOr<std::vector<Identifier>> AskUsable(Role peer, const Model& model,
                                              std::vector<Identifier> tapes);
  void FetchAhead();
  // Usable tapes that are not bound to a model yet.
  int64_t FreeTapes(const Digest& program);
  StatusOr<bool> FetchOne(const Digest& program);
  void Complain(std::string& last, std::string_view what, const Status& status);
  bool WaitOrStopped(double seconds);

  Endpoint& endpoint_;
  PartyStore& store_;
  ThreadPool& pool_;
  ThreadPool ahead_pool_;  // for what can wait
  Log& log_;
  const PartyOptions options_;
  const Role role_;
  const Registry registry_;
  const std::chrono::steady_clock::time_point started_;

  std::mutex store_mutex_;  // store_; taken after mutex_ where both are
  std::mutex mutex_;        // what follows
  std::condition_variable changed_;
  bool stopping_ = false;
  std::map<Digest, std::unique_ptr<const ServedProgram>> programs_;
  std::map<Identifier, std::unique_ptr<Model>> models_;
  std::map<Identifier, SessionPointer> sessions_;  // by tape, until they have ended
  std::vector<Buffer> spare_;                      // of sessions that have ended
  std::set<Identifier> opening_;                   // P1: consumed by some, not yet by all
  std::set<Identifier> joined_;                    // P1: sessions that were ever asked for
  std::set<Identifier> aside_;                     // tapes whose part is damaged here
  std::set<std::filesystem::path> refused_;        // parts that the log has been told of
  std::set<Digest> streaming_;                     // of these the dealer keeps no stock
  std::set<Digest> lacking_;                       // of these no tape is common to all
  int running_ = 0;                                // sessions that are open, or being opened
  int preparing_ = 0;                              // P0, P2: threads
  int64_t done_ = 0;
  int64_t failed_ = 0;
};

}  // namespace lutra

#endif  // LUTRA_PARTIES_PARTY_SERVICE_H_
