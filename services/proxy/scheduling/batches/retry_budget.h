// How much may be tried again.
#pragma once

#include <algorithm>
#include <cstdint>

namespace smartbatch::scheduling {

// Retries may be a share of what is served and no more, so that a failing backend is not answered with a storm of
// retries: a token bucket as in gRPC's retry throttling (proposal A6) and Envoy's retry budget. Each sequence that is
// served earns `share` of a retry, up to kMost, with which it also starts: so many may be tried again where everything
// fails at once. Not thread safe.
class RetryBudget {
 public:
  static constexpr double kMost = 100;

  void Earn(std::uint32_t sequences, double share) { left_ = std::min(kMost, left_ + share * sequences); }
  // One sequence is to be tried again: false where nothing is left.
  bool Spend() {
    if (left_ < 1) return false;
    left_ -= 1;
    return true;
  }

 private:
  double left_ = kMost;
};

}  // namespace smartbatch::scheduling
