// A short wait for company while seats are free.
#pragma once

#include <optional>

#include "common/time.h"

namespace smartbatch::scheduling {

// Holds a batch with free seats for at most a fraction of what it costs, counted from the first time it could have
// left: the added idle time of the backend is at most that fraction of its busy time. Not thread safe.
class Hold {
 public:
  explicit Hold(double fraction) : fraction_(fraction) {}

  // The time to wait for; nothing where the batch should leave now.
  std::optional<Time> Until(Time now, double cost_seconds) {
    if (fraction_ <= 0) return std::nullopt;
    if (!since_) since_ = now;
    const Time end = Later(*since_, FromSeconds(fraction_ * cost_seconds));
    if (end <= now) return std::nullopt;
    return end;
  }
  bool held() const { return since_.has_value(); }
  void Reset() { since_.reset(); }

 private:
  const double fraction_;
  std::optional<Time> since_;
};

}  // namespace smartbatch::scheduling
