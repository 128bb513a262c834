// A fixed set of threads for loops over ranges.
#ifndef LUTRA_CORE_THREAD_POOL_H_
#define LUTRA_CORE_THREAD_POOL_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace lutra {

class ThreadPool {
 public:
  // threads >= 1 run a loop: the caller and threads - 1 more, of this niceness (0 to 19).
  explicit ThreadPool(int threads, int niceness = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls body(begin, end) on disjoint ranges that cover [0, total), each a multiple of `grain`
  // long but for the last, from several threads at once; returns when all are done. How the ranges
  // fall depends on timing, so a body's result must not. Calls from several threads take turns; a
  // body must not call ParallelFor.
  void ParallelFor(int64_t total, int64_t grain,
                   const std::function<void(int64_t begin, int64_t end)>& body);

 private:
  struct Loop;
  void Work();
  static void Drain(Loop& loop);

  std::mutex callers_;  // one loop at a time
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable idle_;
  Loop* loop_ = nullptr;
  uint64_t generation_ = 0;
  int busy_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> workers_;
};

// The calling thread gives way to others from now on, the more the nicer (0 to 19).
void LowerPriority(int niceness);

}  // namespace lutra

#endif  // LUTRA_CORE_THREAD_POOL_H_
