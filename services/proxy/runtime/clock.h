// The one place at which the proxy reads the time.
#pragma once

#include <chrono>

#include "common/time.h"

namespace smartbatch::runtime {

// A clock that never goes backwards. Thread safety: safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time Now() const = 0;
};

// The machine's steady clock.
class SteadyClock final : public Clock {
 public:
  Time Now() const override { return Time(std::chrono::steady_clock::now().time_since_epoch()); }
};

}  // namespace smartbatch::runtime
