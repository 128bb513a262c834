#include "core/thread_pool.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "core/clock.h"
#include "core/status.h"

namespace lutra {

struct ThreadPool::Loop {
  int64_t total;
  int64_t grain;
  const std::function<void(int64_t, int64_t)>* body;
  std::atomic<int64_t> next{0};
  int64_t workers_cpu = 0;  // nanoseconds
};

ThreadPool::ThreadPool(int threads, int niceness) {
  LUTRA_CHECK(threads >= 1);
  workers_.reserve(static_cast<size_t>(threads - 1));
  for (int i = 1; i < threads; ++i) {
    workers_.emplace_back([this, niceness] {
      if (niceness > 0) LowerPriority(niceness);
      Work();
    });
  }
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::Drain(Loop& loop) {
  for (;;) {
    const int64_t begin = loop.next.fetch_add(loop.grain, std::memory_order_relaxed);
    if (begin >= loop.total) return;
    (*loop.body)(begin, std::min(begin + loop.grain, loop.total));
  }
}

void ThreadPool::ParallelFor(int64_t total, int64_t grain,
                             const std::function<void(int64_t, int64_t)>& body) {
  if (total <= 0) return;
  LUTRA_CHECK(grain > 0);
  if (workers_.empty() || total <= grain) {
    body(0, total);
    return;
  }
  std::lock_guard turn(callers_);
  Loop loop{total, grain, &body};
  {
    std::lock_guard lock(mutex_);
    loop_ = &loop;
    ++generation_;
    busy_ = static_cast<int>(workers_.size());
  }
  wake_.notify_all();
  Drain(loop);
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return busy_ == 0; });
  loop_ = nullptr;
  clock_internal::AddWorkers(loop.workers_cpu);
}

void ThreadPool::Work() {
  uint64_t seen = 0;
  for (;;) {
    Loop* loop;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stopping_ || generation_ != seen; });
      if (stopping_) return;
      seen = generation_;
      loop = loop_;
    }
    const int64_t start = clock_internal::ThreadNanoseconds();
    Drain(*loop);
    const int64_t cpu = clock_internal::ThreadNanoseconds() - start;
    std::lock_guard lock(mutex_);
    loop->workers_cpu += cpu;
    if (--busy_ == 0) idle_.notify_one();
  }
}

// On Linux a niceness is a thread's. That the system refuses is no error: it is a wish.
void LowerPriority(int niceness) {
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), niceness);
}

}  // namespace lutra
