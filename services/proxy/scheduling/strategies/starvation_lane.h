// A small reserved share of the backend for whoever has waited longest.
#pragma once

#include <algorithm>

#include "common/time.h"

namespace smartbatch::scheduling {

// The lane against starvation. Weights by age alone bound no wait: enough young weight can always outweigh one old
// request. So once the oldest request is older than T0, the lane saves a part `share` (phi) of the backend time that
// other batches take as credit. When the credit covers the cost of the oldest request, that request leaves, whatever
// its density. The credit is dropped when no request is older than T0.
//
// T0 is `after_batches` times the mean time of a batch, and at most `after`: ten seconds is a long wait if batches take
// five milliseconds, and a short one if they take a second.
//
// A batch by the lane costs what its first request costs: others may ride only if their seats cost nothing, so that the
// credit for the oldest request pays for the whole batch. A request with more sequences than a batch has seats leaves
// in several such batches, and each is paid for by itself. Let P be the cost of all requests that were pending or
// running at a request's arrival, itself included, each in batches of its own. With one slot and no hold:
//
//     latency <= after + (1 + 1/phi) P + (2 + 1/phi) c_max
//
// Proof. Once the request is older than `after`, so is the oldest, and the credit is not dropped. What leaves by the
// lane from then on was there before the request, or is the request itself: at most P in all. Let O be the time that
// other batches take. They have earned phi O, and whenever one of them is chosen the credit does not cover the oldest:
// so phi O <= P + c_max, except for the last of them. The latency is made up of that last batch, the batch that ran
// when the request turned older than `after`, P and O. Thread safety: none.
class StarvationLane {
 public:
  StarvationLane(double share, Duration after, double after_batches)
      : share_(share), after_(after), after_batches_(after_batches) {}

  // Returns true if the oldest request leaves by the lane now, given its arrival and the cost of its next batch.
  bool Opens(Time now, Time oldest_arrival, double cost_seconds) {
    if (share_ <= 0) return false;
    if (now - oldest_arrival < After()) {
      credit_seconds_ = 0;
      return false;
    }
    return credit_seconds_ >= cost_seconds;
  }
  // A batch of that cost left by the lane.
  void Spend(double cost_seconds) {
    credit_seconds_ -= cost_seconds;
    Took(cost_seconds);
  }
  // A batch of that cost overtook the oldest request.
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
