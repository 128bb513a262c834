#include "cluster/process.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "core/memory.h"

namespace lutra {
namespace {

// What a handler may write to and any thread may read.
std::atomic<bool> stop_requested = false;
static_assert(std::atomic<bool>::is_always_lock_free);

void RequestStop(int) { stop_requested = true; }

// "2026-11-24T22:41:43.123Z".
std::string Now() {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  std::array<char, 64> text;
  const size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  const std::string fraction = StrCat(1000 + milliseconds).substr(1);
  return StrCat(std::string_view(text.data(), size), ".", fraction, "Z");
}

}  // namespace

void ProtectSecrets(bool allow_core_dumps) {
  WipeFreedMemory();
  if (allow_core_dumps) return;
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::prctl(PR_SET_DUMPABLE, 0);
}

void Log::Info(std::string_view text) {
  if (!quiet_) Line(text);
}

void Log::Error(std::string_view text) { Line(text); }

void Log::Error(std::string_view what, const Status& status) {
  Line(StrCat(what, ": ", OneLine(status)));
}

void Log::Line(std::string_view text) {
  const std::string line = StrCat(Now(), " ", role_, ": ", text, "\n");
  const std::lock_guard lock(mutex_);
  std::fwrite(line.data(), 1, line.size(), stderr);
}

StopSignal::StopSignal() {
  struct sigaction action {};
  action.sa_handler = RequestStop;
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGINT, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a full disk is an error of the write
}

bool StopSignal::stopped() const { return stop_requested; }

void RequestLoop::Run(const std::function<bool()>& stopped, const Handler& handler) {
  constexpr double kPoll = 0.1;  // seconds between looks at `stopped`
  while (!stopped()) {
    {
      std::unique_lock lock(mutex_);
      const bool room = ended_.wait_for(lock, std::chrono::duration<double>(kPoll),
                                        [this] { return running_ < most_; });
      if (!room) continue;
    }
    StatusOr<Request> request = endpoint_.NextRequest(lutra::After(kPoll));
    if (request.ok()) {
      Start(*std::move(request), handler);
    } else if (!absl::IsDeadlineExceeded(request.status())) {
      break;  // the endpoint was stopped
    }
  }
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [this] { return running_ == 0; });
}

void RequestLoop::Start(Request request, const Handler& handler) {
  {
    const std::lock_guard lock(mutex_);
    ++running_;
  }
  std::thread([this, &handler, owned = std::make_shared<Request>(std::move(request))] {
    handler(*owned);
    Wipe(owned->body);
    const std::lock_guard lock(mutex_);
    --running_;
    ended_.notify_all();
  }).detach();
}

}  // namespace lutra
