// How a program ends when it is interrupted: at once, but never while something is being written.
#ifndef LUTRA_SIM_INTERRUPTS_H_
#define LUTRA_SIM_INTERRUPTS_H_

#include <atomic>
#include <csignal>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace lutra {

// While it lives, SIGINT and SIGTERM are taken by a thread of its own, which says "interrupted" on
// stderr and ends the process with status 130.
class Interrupts {
 public:
  static constexpr int kExitStatus = 130;

  // `program` is the name in the message. To be made before any other thread is, so that all of
  // them leave these signals to this one.
  explicit Interrupts(std::string_view program);
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  // As long as the lock is held, an interrupt waits.
  [[nodiscard]] std::unique_lock<std::mutex> Hold() { return std::unique_lock(writing_); }

 private:
  void Wait();

  const std::string message_;
  sigset_t signals_;
  sigset_t mask_before_;
  std::mutex writing_;
  std::atomic<bool> stopping_ = false;
  std::thread waiter_;
};

}  // namespace lutra

#endif  // LUTRA_SIM_INTERRUPTS_H_
