// The dealer as a server: takes programs from model owners, deals ahead into its store, hands
// parties their parts, or deals to them while they use it. Of what is sent online it gets nothing.
// Who may ask what: cluster/wire.h.
#ifndef LUTRA_DEALER_DEALER_SERVICE_H_
#define LUTRA_DEALER_DEALER_SERVICE_H_

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "cluster/endpoint.h"
#include "cluster/process.h"
#include "cluster/wire.h"
#include "core/status.h"
#include "core/thread_pool.h"
#include "dealer/depot.h"
#include "dealer/tape_stream.h"

namespace lutra {

// Deals what the depot's options ask for, until nothing is missing or it is stopped: a tape that is
// stopped leaves nothing. How many it dealt is in `dealt`, errors or not.
Status DealAll(Depot& depot, ThreadPool& pool, Log& log, const std::function<bool()>& stopped,
               int64_t& dealt);

struct DealerServiceOptions {
  bool stream = false;          // parties may ask for streams; nothing is dealt ahead
  double connect_seconds = 10;  // for all parties to open a stream
  double silence_seconds = 30;  // for a part to move on, and for the tables of a program
};

class DealerService {
 public:
  static constexpr size_t kMostStreams = 8;

  // All of them outlive it.
  DealerService(Endpoint& endpoint, Depot& depot, ThreadPool& pool, Log& log,
                const DealerServiceOptions& options);

  // Until `stopped`. A tape that is being dealt is then given up; parts and streams that move on
  // are finished.
  void Run(const std::function<bool()>& stopped);

 private:
  void Handle(const Request& request);
  Status Answer(RequestKind kind, const Request& request);
  StatusOr<Bytes> AnswerStatus();
  StatusOr<Bytes> AnswerAddProgram(const Request& request);
  StatusOr<Bytes> AnswerKeepTape(const Request& request);
  StatusOr<Bytes> AnswerNewStream(const Request& request);
  // These send more than an answer.
  Status ServeTakeTape(const Request& request);
  Status ServeOpenStream(const Request& request);
  Status SendPart(const Request& request, TapeReader& reader);
  StatusOr<std::shared_ptr<TapeStream>> FindStream(const OpenStream& open);
  void DealAhead(const std::function<bool()>& stopped);
  void WatchStreams(bool stopping);

  Endpoint& endpoint_;
  Depot& depot_;
  ThreadPool& pool_;
  Log& log_;
  const DealerServiceOptions options_;
  const std::chrono::steady_clock::time_point started_;
  std::mutex mutex_;
  std::map<Identifier, std::shared_ptr<TapeStream>> streams_;  // that have not ended
  int64_t streams_done_ = 0;
  int64_t streams_failed_ = 0;
};

}  // namespace lutra

#endif  // LUTRA_DEALER_DEALER_SERVICE_H_
