// Time as the scheduling core, the simulator and the statistics see it: a point on a line, handed in
// by whoever calls. Nothing here can read a clock.
#pragma once

#include <chrono>
#include <cmath>
#include <cstdint>

namespace smartbatch {

using Duration = std::chrono::nanoseconds;

// A clock without now(): it exists to give Time a type of its own.
struct Timeline {
  using duration = Duration;
  using rep = Duration::rep;
  using period = Duration::period;
  using time_point = std::chrono::time_point<Timeline, Duration>;
  static constexpr bool is_steady = true;
};

// A moment, in nanoseconds since an origin that only the caller knows.
using Time = Timeline::time_point;

inline constexpr Time kNever = Time::max();

constexpr double ToSeconds(Duration duration) { return static_cast<double>(duration.count()) * 1e-9; }
constexpr double ToMilliseconds(Duration duration) { return static_cast<double>(duration.count()) / 1e6; }

// Rounds to the nearest nanosecond; what is beyond the range (about 292 years) becomes its end, and what is no number
// the lower one, so that it is as wrong as a time below 0.
inline Duration FromSeconds(double seconds) {
  const double nanoseconds = std::round(seconds * 1e9);
  if (nanoseconds >= 9.2e18) return Duration::max();
  if (!(nanoseconds > -9.2e18)) return Duration::min();
  return Duration(static_cast<std::int64_t>(nanoseconds));
}

// time + duration without overflow: what lies beyond the range is kNever.
constexpr Time Later(Time time, Duration duration) {
  return duration.count() > 0 && time.time_since_epoch() > Duration::max() - duration ? kNever : time + duration;
}

}  // namespace smartbatch
