// A clock that stands still until a test moves it.
#pragma once

#include <atomic>

#include "services/proxy/runtime/clock.h"

namespace smartbatch::testing {

// Thread safe.
class ManualClock final : public runtime::Clock {
 public:
  Time Now() const override { return Time(Duration(now_.load())); }
  void Advance(Duration duration) { now_ += duration.count(); }

 private:
  std::atomic<Duration::rep> now_ = std::chrono::nanoseconds(std::chrono::hours(1)).count();
};

}  // namespace smartbatch::testing
