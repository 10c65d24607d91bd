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

StopTime::StopTime(const SignalWaiter& signals, std::chrono::nanoseconds limit)
    : signals_(signals), end_(std::chrono::steady_clock::now() + limit) {}

bool StopTime::IsOver() {
  const auto signal = signals_.WaitFor(std::chrono::milliseconds::zero());
  if (signal && *signal != SIGHUP) asked_again_ = true;
  return asked_again_ || std::chrono::steady_clock::now() >= end_;
}

}  // namespace smartbatch::program
