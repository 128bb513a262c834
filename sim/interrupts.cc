#include "sim/interrupts.h"

#include <pthread.h>
#include <unistd.h>

#include "core/status.h"

namespace lutra {

Interrupts::Interrupts(std::string_view program) : message_(StrCat(program, ": interrupted\n")) {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGINT);
  sigaddset(&signals_, SIGTERM);
  LUTRA_CHECK(pthread_sigmask(SIG_BLOCK, &signals_, &mask_before_) == 0);
  waiter_ = std::thread([this] { Wait(); });
}

Interrupts::~Interrupts() {
  stopping_ = true;
  pthread_kill(waiter_.native_handle(), SIGTERM);
  waiter_.join();
  pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
}

void Interrupts::Wait() {
  int signal = 0;
  while (sigwait(&signals_, &signal) != 0) continue;
  if (stopping_) return;
  const std::lock_guard<std::mutex> lock(writing_);
  // After "^C" or a progress bar.
  std::string text = ::isatty(STDERR_FILENO) != 0 ? "\n" : "";
  text += message_;
  if (::write(STDERR_FILENO, text.data(), text.size()) < 0) ::_exit(kExitStatus);
  ::_exit(kExitStatus);
}

}  // namespace lutra
