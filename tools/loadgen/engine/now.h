// The one place where the load generator reads the time it measures with.
#pragma once

#include <chrono>

#include "common/time.h"

namespace smartbatch::loadgen {

// Now, on the steady clock: never set back, so that differences are durations. Thread safe.
inline Time Now() {
  return Time(std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

// A moment as gRPC's deadlines want it, counted from now.
inline std::chrono::system_clock::time_point WallClockAfter(Duration duration) {
  return std::chrono::system_clock::now() + std::chrono::duration_cast<std::chrono::system_clock::duration>(duration);
}

// The same moment for what waits on the steady clock.
inline std::chrono::steady_clock::time_point ToSteadyClock(Time moment) {
  return std::chrono::steady_clock::time_point(
      std::chrono::duration_cast<std::chrono::steady_clock::duration>(moment.time_since_epoch()));
}

}  // namespace smartbatch::loadgen
