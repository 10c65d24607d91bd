// Measures how fast work is done while there is more than enough of it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "common/time.h"

namespace smartbatch::scheduling {

// The time that passes for each nanosecond of queued cost (QueueUse::cost_ns) that is answered: while enough waits to
// keep the backends busy, which gives the backends' pace, and at any time, which gives the callers'. Smoothed
// exponentially: about the last twenty moments at which something was answered count. Not thread safe.
class AnswerRate {
 public:
  // A request of this cost was answered, `took` after its batch was sent. `busy`: enough waits that the time until the
  // next answer counts. Times must not go backwards.
  void Answered(std::uint64_t cost_ns, Duration took, bool busy, Time now) {
    // Answers of the same moment belong together.
    if (now != latest_ || !any_) {
      counts_ = any_ && busy_;
      if (counts_) while_busy_.Begin(ToSeconds(now - latest_));
      if (any_) at_any_time_.Begin(ToSeconds(now - latest_));
      if (counts_) ++moments_;
      latest_ = now;
      any_ = true;
    }
    if (counts_) while_busy_.Add(cost_ns);
    at_any_time_.Add(cost_ns);
    ++answers_;
    const double weight = std::max(kSmoothing, 1 / static_cast<double>(answers_));
    took_seconds_ += weight * (ToSeconds(took) - took_seconds_);
    predicted_seconds_ += weight * (static_cast<double>(cost_ns) * 1e-9 - predicted_seconds_);
    busy_ = busy;
  }
  // Returns true if anything has ever been answered.
  bool any() const { return any_; }
  // The backends' pace: seconds for each nanosecond of cost; nothing until a few moments have counted.
  std::optional<double> SecondsPerCost() const {
    if (moments_ < kFewest || while_busy_.cost_ns <= 0) return std::nullopt;
    return while_busy_.seconds / while_busy_.cost_ns;
  }
  // The least time of a batch with these predicted seconds, as far as the latest answers show: longer than predicted by
  // the same factor as they were, but no longer than they took. Requires: any() is true.
  double TakesAtLeast(double predicted_seconds) const {
    if (predicted_seconds_ <= 0) return took_seconds_;
    return std::min(took_seconds_, predicted_seconds * took_seconds_ / predicted_seconds_);
  }
  // The callers' pace: nanoseconds of cost a second; 0 until it is known.
  double CostPerSecond() const { return at_any_time_.seconds > 0 ? at_any_time_.cost_ns / at_any_time_.seconds : 0; }

 private:
  // Weight of the latest moment.
  static constexpr double kSmoothing = 0.05;
  static constexpr int kFewest = 20;

  struct Pace {
    void Begin(double seconds_since_last) {
      seconds += kSmoothing * (seconds_since_last - seconds);
      cost_ns *= 1 - kSmoothing;
    }
    void Add(std::uint64_t cost) { cost_ns += kSmoothing * static_cast<double>(cost); }

    double seconds = 0;
    double cost_ns = 0;
  };

  Pace while_busy_;
  Pace at_any_time_;
  // Means over the latest answers.
  double took_seconds_ = 0;
  double predicted_seconds_ = 0;
  std::uint64_t answers_ = 0;
  std::uint64_t moments_ = 0;
  Time latest_{};
  bool any_ = false;
  bool busy_ = false;
  // True if the latest moment ended a time that counts.
  bool counts_ = false;
};

}  // namespace smartbatch::scheduling
