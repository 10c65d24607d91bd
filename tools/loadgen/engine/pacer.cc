#include "tools/loadgen/engine/pacer.h"

#include <sys/prctl.h>

#include <algorithm>

#include "tools/loadgen/engine/now.h"

namespace smartbatch::loadgen {

void Pacer::At(Time moment, std::uint32_t customer) {
  const MutexLock lock(mutex_);
  const bool is_first = appointments_.empty() || moment < appointments_.top().moment;
  appointments_.push({moment, customer});
  if (is_first) changed_.notify_one();
}

void Pacer::RunUntil(Time end, const std::stop_token& stop) {
  // By default the kernel may wake a sleeping thread 50 microseconds late, to save power.
  prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
  const std::stop_callback wake(stop, [this] {
    const MutexLock lock(mutex_);
    stopped_ = true;
    changed_.notify_one();
  });
  for (std::optional<Appointment> due = NextDue(end); due; due = NextDue(end)) due_(due->customer, due->moment);
}

std::optional<Pacer::Appointment> Pacer::NextDue(Time end) {
  const MutexLock lock(mutex_);
  while (!stopped_) {
    const Time next = appointments_.empty() ? end : std::min(appointments_.top().moment, end);
    if (next > Now()) {
      changed_.wait_until(mutex_, ToSteadyClock(next));
      continue;
    }
    if (next == end) return std::nullopt;
    const Appointment due = appointments_.top();
    appointments_.pop();
    return due;
  }
  return std::nullopt;
}

}  // namespace smartbatch::loadgen
