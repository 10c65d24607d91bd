// A small reserved share of the backend for whoever has waited longest.
#pragma once

#include <algorithm>

#include "common/time.h"

namespace smartbatch::scheduling {

// Weights by age alone bound no wait: enough young weight can always outdo one old request. So once the oldest request
// is older than `after` (T0), a part `share` (phi) of the backend time that others take is saved as credit, and when
// the credit covers its cost the oldest goes, whatever its density. The credit is dropped when nobody is that old.
//
// With P the cost of all that was pending or running at a request's arrival, itself included, and no hold:
//     latency <= T0 + (1 + 1/phi) P + (2 + 1/phi) c_max
// since after T0 each second of others' service pays phi seconds of the queue ahead of it.
// Not thread safe.
class StarvationLane {
 public:
  StarvationLane(double share, Duration after) : share_(share), after_(after) {}

  // Whether the oldest request, with this arrival and cost, goes now by the lane.
  bool Opens(Time now, Time oldest_arrival, double cost_seconds) {
    if (share_ <= 0) return false;
    if (now - oldest_arrival < after_) {
      credit_seconds_ = 0;
      return false;
    }
    return credit_seconds_ >= cost_seconds;
  }
  void Spend(double cost_seconds) { credit_seconds_ -= cost_seconds; }

  // A batch of that cost went past the oldest request.
  void Save(Time now, Time oldest_arrival, double cost_seconds) {
    const double beyond = ToSeconds(now - oldest_arrival - after_) + cost_seconds;
    credit_seconds_ += share_ * std::min(cost_seconds, std::max(0.0, beyond));
  }

 private:
  const double share_;
  const Duration after_;
  double credit_seconds_ = 0;
};

}  // namespace smartbatch::scheduling
