// A sleep that a stop token can end.
#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>

#include "common/time.h"

namespace smartbatch {

// Blocks for `duration`, or until a stop is requested if that comes first. Thread safe.
inline void SleepFor(Duration duration, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never_notified;
  std::unique_lock lock(mutex);
  never_notified.wait_for(lock, stop, duration, [] { return false; });
}

}  // namespace smartbatch
