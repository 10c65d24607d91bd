// What the dispatcher does because time has passed, and which thread watches the time.
#include <algorithm>

#include "services/proxy/runtime/dispatcher.h"

namespace smartbatch::runtime {

void Dispatcher::Tick() { const Turn turn(*this); }

Time Dispatcher::NextTick() const { return wake_at_; }

void Dispatcher::Attend() {
  const MutexLock lock(mutex_);
  ++attending_;
}

void Dispatcher::Rest() {
  {
    const MutexLock lock(mutex_);
    --attending_;
    if (!TimerIsLate()) return;
  }
  timer_.notify_one();
}

Duration Dispatcher::TickIfDue() {
  const Time due = wake_at_;
  if (due == kNever) return Duration::max();
  const Duration left = due - clock_.Now();
  if (left <= Duration::zero()) Tick();
  return left;
}

void Dispatcher::RunTimer(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    {
      const MutexLock lock(mutex_);
      timer_sleeps_until_ = attending_ > 0 ? kNever : wake_at_.load();
      const Duration remaining = std::min(timer_sleeps_until_ - clock_.Now(), kLongestSleep);
      timer_.wait_for(mutex_, stop, remaining, [this]() SMARTBATCH_REQUIRES(mutex_) { return TimerIsLate(); });
      timer_sleeps_until_ = Time::min();  // awake: a thread that sets wake_at_ need not wake it
      if (attending_ > 0 || wake_at_.load() > clock_.Now()) continue;
    }
    Tick();
  }
}

bool Dispatcher::TimerIsLate() const { return attending_ == 0 && wake_at_.load() < timer_sleeps_until_; }

}  // namespace smartbatch::runtime
