#include "common/program/signals.h"

#include <cerrno>
#include <ctime>

namespace smartbatch::program {

SignalWaiter::SignalWaiter(std::initializer_list<int> signals) {
  sigemptyset(&signals_);
  for (const int signal : signals) sigaddset(&signals_, signal);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
}

int SignalWaiter::Wait() const {
  int signal = 0;
  while (sigwait(&signals_, &signal) != 0) {
  }
  return signal;
}

std::optional<int> SignalWaiter::WaitFor(std::chrono::milliseconds timeout) const {
  timespec remaining{};
  remaining.tv_sec = timeout.count() / 1000;
  remaining.tv_nsec = (timeout.count() % 1000) * 1'000'000;
  const int signal = sigtimedwait(&signals_, nullptr, &remaining);
  if (signal < 0) return std::nullopt;
  return signal;
}

}  // namespace smartbatch::program
