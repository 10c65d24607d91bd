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

// Rounds to the nearest nanosecond. A value beyond the range (about 292 years) becomes the end of the range that is
// nearer. NaN becomes the lower end, so that it is refused wherever a time below 0 is.
inline Duration FromSeconds(double seconds) {
  const double nanoseconds = std::round(seconds * 1e9);
  if (nanoseconds >= 9.2e18) return Duration::max();
  if (!(nanoseconds > -9.2e18)) return Duration::min();
  return Duration(static_cast<std::int64_t>(nanoseconds));
}

// Returns time + duration without overflow: kNever if the sum is beyond the range.
constexpr Time Later(Time time, Duration duration) {
  return duration.count() > 0 && time.time_since_epoch() > Duration::max() - duration ? kNever : time + duration;
}

}  // namespace smartbatch
