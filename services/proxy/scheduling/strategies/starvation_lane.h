// A small reserved share of the backend for whoever has waited longest.
#pragma once

#include <algorithm>

#include "common/time.h"

namespace smartbatch::scheduling {

// Weights by age alone bound no wait: enough young weight can always outdo one old request. So once the oldest request
// is older than T0, a part `share` (phi) of the backend time that others take is saved as credit, and when the credit
// covers its cost the oldest goes, whatever its density. The credit is dropped when nobody is that old.
//
// T0 is `after_batches` times the mean time of a batch, and `after` at most: ten seconds is a long wait for batches of
// five milliseconds, and none for batches of a second.
//
// What goes by the lane is a batch of its own cost: others may ride only if their seats cost nothing, so that the
// credit which was enough for the oldest pays for the whole batch. With P the cost of all that was pending or running
// at a request's arrival, itself included, each request in a batch of its own, one slot and no hold:
//
//     latency <= after + (1 + 1/phi) P + (2 + 1/phi) c_max
//
// Proof. Once the request is older than `after`, so is the oldest, and the credit is not dropped. What goes by the lane
// from then on was there before it, or is the request itself: at most P in all. Let O be the time that other batches
// take. They have earned phi O, and whenever one of them is chosen the credit does not cover the oldest: so phi O <= P
// + c_max, but for the last of them. That one, the batch that ran then, P and O are all the time there is. Not thread
// safe.
class StarvationLane {
 public:
  StarvationLane(double share, Duration after, double after_batches)
      : share_(share), after_(after), after_batches_(after_batches) {}

  // Whether the oldest request, with this arrival and cost, goes now by the lane.
  bool Opens(Time now, Time oldest_arrival, double cost_seconds) {
    if (share_ <= 0) return false;
    if (now - oldest_arrival < After()) {
      credit_seconds_ = 0;
      return false;
    }
    return credit_seconds_ >= cost_seconds;
  }
  // A batch of that cost went by the lane.
  void Spend(double cost_seconds) {
    credit_seconds_ -= cost_seconds;
    Took(cost_seconds);
  }
  // A batch of that cost went past the oldest request.
  void Save(Time now, Time oldest_arrival, double cost_seconds) {
    const double beyond = ToSeconds(now - oldest_arrival - After()) + cost_seconds;
    credit_seconds_ += share_ * std::min(cost_seconds, std::max(0.0, beyond));
    Took(cost_seconds);
  }

 private:
  Duration After() const {
    return batches_ > 0 ? std::min(after_, FromSeconds(after_batches_ * seconds_ / batches_)) : after_;
  }
  // Moving sums over about a hundred batches.
  void Took(double cost_seconds) {
    constexpr double kKept = 0.99;
    seconds_ = kKept * seconds_ + cost_seconds;
    batches_ = kKept * batches_ + 1;
  }

  const double share_;
  const Duration after_;
  const double after_batches_;
  double credit_seconds_ = 0;
  double seconds_ = 0;
  double batches_ = 0;
};

}  // namespace smartbatch::scheduling
