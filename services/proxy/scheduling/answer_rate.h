// How fast requests are being answered.
#pragma once

#include <algorithm>
#include <cstdint>

#include "common/time.h"

namespace smartbatch::scheduling {

// The time from one answered request to the next, smoothed exponentially: about the last 20 answers count. A gap counts
// as a second at most, so that a quiet hour is not taken for slowness. Zero until something has been answered. Not
// thread safe.
class AnswerRate {
 public:
  void Answered(Time now) {
    const double since_last = std::min(ToSeconds(now - last_answer_), 1.0);
    seconds_per_answer_ += kSmoothing * (since_last - seconds_per_answer_);
    last_answer_ = now;
  }
  // How long that many more answers would take.
  Duration TimeFor(std::uint64_t answers) const {
    return FromSeconds(seconds_per_answer_ * static_cast<double>(answers));
  }

 private:
  // Weight of the latest answer.
  static constexpr double kSmoothing = 0.05;

  double seconds_per_answer_ = 0;
  Time last_answer_{};
};

}  // namespace smartbatch::scheduling
