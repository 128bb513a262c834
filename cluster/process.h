// What the processes of real roles have in common: secrets that do not outlive their use, a log,
// signals, and a loop that answers requests.
#ifndef LUTRA_CLUSTER_PROCESS_H_
#define LUTRA_CLUSTER_PROCESS_H_

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string_view>

#include "cluster/endpoint.h"
#include "core/status.h"

namespace lutra {

// For a process that holds secrets: freed memory is wiped, and unless `allow_core_dumps`, no core
// is dumped and no other process of the user may look in.
void ProtectSecrets(bool allow_core_dumps);

// Lines on stderr: time (UTC), role, text. From any thread. Never give it secrets.
class Log {
 public:
  explicit Log(std::string_view role, bool quiet) : role_(role), quiet_(quiet) {}
  // What an operator may want to see; not with `quiet`.
  void Info(std::string_view text);
  // What went wrong.
  void Error(std::string_view text);
  void Error(std::string_view what, const Status& status);

 private:
  void Line(std::string_view text);
  std::mutex mutex_;
  std::string role_;
  bool quiet_;
};

// SIGTERM and SIGINT ask a process to end: what is in flight is finished first. One object a
// process.
class StopSignal {
 public:
  StopSignal();
  bool stopped() const;
};

// Answers requests, each in a thread of its own.
class RequestLoop {
 public:
  using Handler = std::function<void(const Request& request)>;

  // At most so many at a time; further ones wait.
  RequestLoop(Endpoint& endpoint, int most) : endpoint_(endpoint), most_(most) {}
  // Until `stopped`; then waits for the handlers. A handler that answers nothing is its business.
  void Run(const std::function<bool()>& stopped, const Handler& handler);

 private:
  void Start(Request request, const Handler& handler);

  Endpoint& endpoint_;
  const int most_;
  std::mutex mutex_;
  std::condition_variable ended_;
  int running_ = 0;
};

}  // namespace lutra

#endif  // LUTRA_CLUSTER_PROCESS_H_
